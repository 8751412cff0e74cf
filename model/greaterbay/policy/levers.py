"""Named values: what levers modify and agents read.

Every quarter the values start from the region tables and parameters; each active lever changes its named value for its
targets by ``value(t) = neutral + strength(t) * execution(city) * (value - neutral)``, where execution is one for barriers and the
level of coordination, which are rules between governments; then agents act. Agent code never
asks which policy is on. A lever at its neutral value leaves every bit as it was.
"""

from __future__ import annotations

import numpy as np

from greaterbay.policy import catalogue
from greaterbay.policy.coordination import execution, role_gains
from greaterbay.region.barriers import pair_barriers

ACTOR_KINDS = ("startup", "small", "leader", "institute")


class Values:
    """Named values of one quarter. C cities, F fields, K kinds of actor (three of firms, institutes), P places.

    travel_minutes (P, P), barrier_technology / barrier_talent / barrier_finance (P, P), unrecognised (P, P) share of
    titles that do not count, recognition_added (P, P), facility_open (C,), alliance_sharing (C,), platform_reach,
    proof_coverage, joint_fund_share, credit_data (C, F, K), guidance_share (C,), park_quality (C,), first_use_cover
    (C, F) and first_use_cover_firm (C, F, K), visibility, coordination, role_gain (C, 4); joint_fund_chance (C, F, K)
    is what applicants saw granted last quarter.
    """

    def __init__(self, bay):
        self._bay = bay
        region = bay.region
        self.cities, self.fields, self.places = len(region.city_ids), len(region.field_ids), len(region.place_ids)
        self.joint_fund_chance = np.zeros((self.cities, self.fields, len(ACTOR_KINDS)))
        self.travel_start = place_minutes(region)
        self.travel_now = self.travel_start.copy()
        self.settings = list(bay.scenario.levers.values())
        self.refresh()

    def _base(self) -> None:
        p = self._bay.parameters
        cells = (self.cities, self.fields, len(ACTOR_KINDS))
        self.travel_minutes = self.travel_now
        self.recognition_added = np.zeros((self.places, self.places))
        self.facility_open = np.full(self.cities, p.conversion.facility_open)
        self.alliance_sharing = np.full(self.cities, p.partnering.alliance_base)
        self.platform_reach, self.proof_coverage, self.joint_fund_share = np.zeros(cells), np.zeros(cells), np.zeros(cells)
        self.credit_data = np.full(cells, p.finance.credit_data)
        self.guidance_share = np.zeros(self.cities)
        self.park_upgrade = np.zeros(self.cities)
        self.coordination = self.coordination_wanted = 0
        self.first_use_cover_firm = np.full(cells, p.conversion.cover)

    def refresh(self) -> None:
        """Set all values for the bay's present quarter."""
        bay, region, p = self._bay, self._bay.region, self._bay.parameters
        self._base()
        quarter = bay.quarter
        active = [] if bay.warming else [(setting, setting.strength(quarter)) for setting in self.settings]
        levers = catalogue.levers()
        for setting, strength in active:
            if setting.id == "coordination_level":
                # budgets bind: no level that its cost, a share of the science budget, does not fit into the room
                self.coordination_wanted, cost = int(round(strength * setting.value)), p.coordination.cost_per_level
                within = int(p.economy.policy_room / 4.0 / cost) if cost > 0.0 else self.coordination_wanted
                self.coordination = min(self.coordination_wanted, within)
        relief = min(1.0, p.coordination.policy_relief * self.coordination)
        barriers = bay.base_barriers if relief == 0.0 else pair_barriers(region, p, relief)
        self.barrier_technology = barriers.technology.copy()
        self.barrier_talent, self.barrier_finance = barriers.talent.copy(), barriers.finance.copy()
        self.visibility = p.coordination.visibility if self.coordination >= 1 else 0.0
        done = execution(bay, self.coordination)
        self.lever_value = np.array([lever.neutral for lever in levers.values()])
        order = list(levers)
        for setting, strength in active:
            lever = levers[setting.id]
            self.lever_value[order.index(setting.id)] = lever.neutral + strength * (setting.value - lever.neutral)
            change = strength * (setting.value - lever.neutral)
            if change == 0.0 or lever.named_value == "coordination":
                continue
            mask = self._cities(setting.cities)
            if lever.operation == "multiply":
                matrix = getattr(self, lever.named_value)
                pairs = np.zeros((self.places, self.places), bool)
                whole = np.ones(self.places, bool)
                if setting.cities is not None:
                    whole[:] = False
                    whole[: self.cities] = mask
                pairs |= whole[:, None] | whole[None, :]
                pairs[self.cities:, :] = pairs[:, self.cities:] = False  # borders of the bay's own jurisdictions only
                matrix[pairs] *= lever.neutral + change
            elif lever.named_value == "recognition":
                added = np.zeros(self.places)
                added[: self.cities] = change * done * mask
                # a title counts where the city of destination recognises it; the bay's three jurisdictions only
                self.recognition_added[: self.cities, : self.cities] = added[None, : self.cities]
            else:
                value = getattr(self, lever.named_value)
                by_city = change * done * mask
                if value.ndim == 1:
                    value += by_city
                else:
                    value += by_city[:, None, None] * self._within(setting.fields, region.field_ids)[None, :, None] * self._within(
                        setting.kinds, ACTOR_KINDS)[None, None, :]
        for name in ("facility_open", "alliance_sharing", "platform_reach", "proof_coverage", "park_upgrade", "credit_data",
                     "first_use_cover_firm"):
            np.clip(getattr(self, name), 0.0, 1.0, out=getattr(self, name))
        gap = recognition_gap(region)
        self.unrecognised = np.maximum(0.0, gap - self.recognition_added)
        base = region.park_quality_city
        self.park_quality = base + self.park_upgrade * np.maximum(0.0, base.max() - base)
        self.first_use_cover = self.first_use_cover_firm[:, :, :3].mean(axis=2)
        self.role_gain = role_gains(bay, self)

    def _cities(self, names) -> np.ndarray:
        return self._within(names, self._bay.region.city_ids)

    @staticmethod
    def _within(names, ids) -> np.ndarray:
        return np.ones(len(ids)) if names is None else np.array([float(i in names) for i in ids])


def place_minutes(region) -> np.ndarray:
    """Travel minutes between all places (P, P); between the two outside places the larger of both ways."""
    cities, places = len(region.city_ids), len(region.place_ids)
    minutes = np.zeros((places, places))
    minutes[:cities, :cities] = region.travel_minutes
    outside = region.travel_minutes_outside
    minutes[:cities, cities:] = outside
    minutes[cities:, :cities] = outside.T
    minutes[cities:, cities:] = outside.max()
    return minutes


def recognition_gap(region) -> np.ndarray:
    """Share of titles of one place that do not count in another (P, P)."""
    from greaterbay.region.barriers import place_jurisdiction

    at = place_jurisdiction(region)
    return region.recognition_pair[np.ix_(at, at)].astype(float)


def charge_running_costs(bay) -> None:
    """Public cost of levers that run all the time: platform, alliances, parks, coordination.

    A city that cannot pay the whole gets the paid share of the service (budgets bind).
    """
    values, p, firms, institutes, region = bay.values, bay.parameters, bay.firms, bay.institutes, bay.region
    cities, fields = len(region.city_ids), len(region.field_ids)
    rows = firms.alive_rows()
    if values.platform_reach.any():
        actors = np.zeros((cities, fields, len(ACTOR_KINDS)))
        np.add.at(actors, (firms.city[rows], firms.field[rows], firms.kind[rows]), firms.weight[rows])
        np.add.at(actors, (institutes.city, institutes.main_field, np.full(institutes.capacity, 3)), 1.0)
        cost = (actors * values.platform_reach).sum(axis=(1, 2)) * p.partnering.platform_cost
        values.platform_reach *= bay.budgets.pay_by_city("information_platform", cost)[:, None, None]
    added = values.alliance_sharing - p.partnering.alliance_base
    if (added > 0).any():
        member = firms.alliances[rows] > 0
        number = np.bincount(firms.city[rows][member], weights=firms.weight[rows][member], minlength=cities)
        share = bay.budgets.pay_by_city("alliance_sharing", number * np.maximum(added, 0.0) * p.partnering.alliance_cost)
        values.alliance_sharing = p.partnering.alliance_base + added * share
    if values.park_upgrade.any():
        inside = firms.in_park[rows] == 1
        number = np.bincount(firms.city[rows][inside], weights=firms.weight[rows][inside], minlength=cities)
        share = bay.budgets.pay_by_city("park_upgrading", number * values.park_upgrade * p.market.park_cost)
        base = region.park_quality_city
        values.park_quality = base + values.park_upgrade * share * np.maximum(0.0, base.max() - base)
    if values.coordination_wanted > 0:
        cost = p.coordination.cost_per_level * bay.science_budget_now
        bay.budgets.pay_by_city("coordination_level", cost * values.coordination, wanted=cost * values.coordination_wanted)
