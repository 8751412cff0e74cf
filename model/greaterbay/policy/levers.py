"""Named values: what levers modify and agents read.

Every quarter the values start from the region tables and parameters; each active lever changes its named value for its
targets by

    value(t) = base + strength(t) * execution(city) * (value - neutral)             (operation "add")
    value(t) = base * (neutral + strength(t) * (value - neutral))                   (operation "multiply", borders)

where execution is one for rules between governments (``policy/named_values.csv``); then agents act. Agent code never
asks which policy is on. A lever at its neutral value leaves every bit as it was.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from greaterbay.policy import catalogue, named_values
from greaterbay.policy.coordination import execution, role_gains
from greaterbay.region.barriers import pair_barriers

ACTOR_KINDS = ("startup", "small", "leader", "institute")
Contribution = namedtuple("Contribution", ["lever", "weight", "payers"])  # position, (C,) size of the change, (C, Q) parts of the cost


class Values:
    """Named values of one quarter. C cities, F fields, K kinds of actor (three of firms, institutes), P places.

    Every row of ``policy/named_values.csv`` is an attribute in its shape. Formed from them: ``travel_minutes`` (P, P),
    ``recognition_added`` and ``unrecognised`` (P, P) share of titles that do not count, ``park_quality`` (C,),
    ``first_use_cover`` (C, F), ``visibility``, ``role_gain`` (C, 4). ``joint_fund_chance`` (C, F, K) is what applicants
    saw granted last quarter. ``behind`` lists for each named value which levers changed it, where, and who pays.
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

    def _base(self, policy_relief: float) -> None:
        """All named values but the level of coordination as they are without levers."""
        bay = self._bay
        shapes = {"city": (self.cities,), "cell": (self.cities, self.fields, len(ACTOR_KINDS))}
        barriers = bay.base_barriers if policy_relief == 0.0 else pair_barriers(bay.region, bay.parameters, policy_relief)
        for value in named_values.table().values():
            if value.over == "pair":
                setattr(self, value.id, getattr(barriers, value.id.removeprefix("barrier_")).copy())
            elif value.id != "coordination":
                setattr(self, value.id, np.full(shapes[value.over], value.at_rest(bay.parameters)))
        self.travel_minutes = self.travel_now
        self.behind: dict[str, list[Contribution]] = {}

    def refresh(self) -> None:
        """Set all values for the bay's present quarter."""
        bay, p = self._bay, self._bay.parameters
        levers, quarter = catalogue.levers(), bay.quarter
        active = [] if bay.warming else [(setting, setting.strength(quarter)) for setting in self.settings]
        self._coordinate([(setting, strength) for setting, strength in active if levers[setting.id].named_value == "coordination"])
        self._base(min(1.0, p.coordination.policy_relief * self.coordination))
        self.visibility = p.coordination.visibility if self.coordination >= 1 else 0.0
        done = execution(bay, self.coordination)
        self.lever_value = np.array([lever.neutral for lever in levers.values()])
        order = {name: i for i, name in enumerate(levers)}
        for setting, strength in active:
            lever = levers[setting.id]
            change = strength * (setting.value - lever.neutral)
            self.lever_value[order[setting.id]] = lever.neutral + change
            if change == 0.0:
                continue
            mask = self._cities(setting)
            if lever.named_value == "coordination":
                weight = mask
            elif lever.operation == "multiply":
                self._change_borders(lever, lever.neutral + change, mask, setting.cities is None and setting.payer is None)
                weight = mask
            else:
                weight = self._add(lever, setting, change, done, mask)
            self.behind.setdefault(lever.named_value, []).append(Contribution(order[setting.id], weight, self._payers(lever, setting)))
        for value in named_values.table().values():
            if value.over in ("city", "cell"):
                np.clip(getattr(self, value.id), value.low, value.high, out=getattr(self, value.id))
        self._form()

    def _coordinate(self, active) -> None:
        """Level of coordination: budgets bind, so no level that its cost, a share of the science budget, does not fit into the room."""
        p = self._bay.parameters
        self.coordination = self.coordination_wanted = 0
        for setting, strength in active:
            self.coordination_wanted, cost = int(round(strength * setting.value)), p.coordination.cost_per_level
            within = int(p.economy.policy_room / 4.0 / cost) if cost > 0.0 else self.coordination_wanted
            self.coordination = min(self.coordination_wanted, within)

    def _change_borders(self, lever, factor: float, mask: np.ndarray, everywhere: bool) -> None:
        """Multiply the borders of the bay's own jurisdictions that touch a targeted city."""
        matrix = getattr(self, lever.named_value)
        touched = np.ones(self.places, bool)
        if not everywhere:
            touched[:] = False
            touched[: self.cities] = mask
        pairs = touched[:, None] | touched[None, :]
        pairs[self.cities:, :] = pairs[:, self.cities:] = False
        matrix[pairs] *= factor

    def _add(self, lever, setting, change: float, done: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Add to a value by city or cell for the targets; returns the change by city (C,)."""
        region, declared = self._bay.region, named_values.table()[lever.named_value]
        value = getattr(self, lever.named_value)
        by_city = change * (done if declared.executed else 1.0) * mask
        if declared.over == "city":
            value += by_city
            return np.abs(by_city)
        added = by_city[:, None, None] * self._within(setting.fields, region.field_ids)[None, :, None] * self._within(
            setting.kinds, ACTOR_KINDS)[None, None, :]
        value += added
        return np.abs(added).sum(axis=(1, 2))

    def _form(self) -> None:
        """Values that are formed from the named ones."""
        region = self._bay.region
        # a title counts where the city of destination recognises it; the bay's three jurisdictions only
        self.recognition_added = np.zeros((self.places, self.places))
        self.recognition_added[: self.cities, : self.cities] = self.recognition[None, :]
        self.unrecognised = np.maximum(0.0, recognition_gap(region) - self.recognition_added)
        base = region.park_quality_city
        self.park_quality = base + self.park_upgrade * np.maximum(0.0, base.max() - base)
        self.first_use_cover = self.first_use_cover_firm[:, :, :3].mean(axis=2)
        self.role_gain = role_gains(self._bay, self)

    def _cities(self, setting) -> np.ndarray:
        """One for each city that a setting reaches (C,): the targets, inside the payer's jurisdiction where it names one."""
        region = self._bay.region
        mask = self._within(setting.cities, region.city_ids)
        if setting.payer in region.jurisdiction_ids:
            mask = mask * (region.jurisdiction_city == region.jurisdiction_ids.index(setting.payer))
        return mask

    def _payers(self, lever, setting) -> np.ndarray:
        """Part of each city's cost that each payer bears (C, Q)."""
        budgets = self._bay.budgets
        parts = lever.payer
        if setting.payer is not None and parts:
            parts = {setting.payer if setting.payer in catalogue.PAYERS else "jurisdiction": 1.0}
        found = np.zeros((self.cities, budgets.payers))
        for level, share in parts.items():
            found[np.arange(self.cities), budgets.payer_of_city[level]] += share
        return found

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
    """Public cost of values that cost money all the time: platform, alliances, parks, coordination.

    A city for which the whole is not paid gets the paid share of the service (budgets bind).
    """
    values, p, firms, institutes, region = bay.values, bay.parameters, bay.firms, bay.institutes, bay.region
    cities, fields = len(region.city_ids), len(region.field_ids)
    rows = firms.alive_rows()
    if values.platform_reach.any():
        actors = np.zeros((cities, fields, len(ACTOR_KINDS)))
        np.add.at(actors, (firms.city[rows], firms.field[rows], firms.kind[rows]), firms.weight[rows])
        np.add.at(actors, (institutes.city, institutes.main_field, np.full(institutes.capacity, 3)), 1.0)
        cost = (actors * values.platform_reach).sum(axis=(1, 2)) * p.partnering.platform_cost
        values.platform_reach *= bay.budgets.pay_by_city("platform_reach", cost)[:, None, None]
    added = values.alliance_sharing - p.partnering.alliance_base
    if (added > 0).any():
        member = firms.alliances[rows] > 0
        number = np.bincount(firms.city[rows][member], weights=firms.weight[rows][member], minlength=cities)
        share = bay.budgets.pay_by_city("alliance_sharing", number * np.maximum(added, 0.0) * p.partnering.alliance_cost)
        values.alliance_sharing = p.partnering.alliance_base + added * share
    if values.park_upgrade.any():
        inside = firms.in_park[rows] == 1
        number = np.bincount(firms.city[rows][inside], weights=firms.weight[rows][inside], minlength=cities)
        share = bay.budgets.pay_by_city("park_upgrade", number * values.park_upgrade * p.market.park_cost)
        base = region.park_quality_city
        values.park_quality = base + values.park_upgrade * share * np.maximum(0.0, base.max() - base)
    if values.coordination_wanted > 0:
        cost = p.coordination.cost_per_level * bay.science_budget_now
        bay.budgets.pay_by_city("coordination", cost * values.coordination, wanted=cost * values.coordination_wanted)
