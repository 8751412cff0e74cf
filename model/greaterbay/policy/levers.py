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
from dataclasses import replace

import numpy as np

from greaterbay.policy import catalogue, named_values
from greaterbay.policy.coordination import execution, role_cities
from greaterbay.policy.local_services import charge_local_services
from greaterbay.policy.reach import charge_reach
from greaterbay.policy.schedules import split_payers
from greaterbay.region.barriers import KINDS, deepen_zones, pair_barriers
from greaterbay.region.cuts import CLOSED

ACTOR_KINDS = ("startup", "small", "leader", "institute")
Contribution = namedtuple("Contribution", ["lever", "weight", "payers"])  # position, (C,) size of the change, (C, Q) parts of the cost


class Values:
    """Named values of one quarter. C cities, F fields, K kinds of actor (three of firms, institutes), P places.

    Every row of ``policy/named_values.csv`` is an attribute in its shape. Formed from them: ``travel_minutes`` (P, P),
    ``open_technology`` (P, P) the technology barrier as it is without cutting the run apart,
    ``recognition_added`` and ``unrecognised`` (P, P) share of titles that do not count, ``park_quality`` (C,),
    ``first_use_cover`` (C, F), ``visibility``. ``joint_fund_chance`` (C, F, K) is what applicants
    saw granted last quarter. ``behind`` lists for each named value which levers changed it, where, and who pays.
    """

    def __init__(self, bay):
        self._bay = bay
        region = bay.region
        self.cities, self.fields, self.places = len(region.city_ids), len(region.field_ids), len(region.place_ids)
        self.joint_fund_chance = np.zeros((self.cities, self.fields, len(ACTOR_KINDS)))
        self.travel_start = place_minutes(region)
        self.travel_now = self.travel_start.copy()
        self.settings = [with_sunset(setting, bay.start) for setting in bay.scenario.levers.values()]
        self.terms = np.zeros((len(catalogue.presets()), self.cities, self.fields, len(ACTOR_KINDS)))
        self._order = {name: i for i, name in enumerate(catalogue.levers())}
        self._neutral = np.array([lever.neutral for lever in catalogue.levers().values()])
        self._gap = recognition_gap(region)
        self._lay_out()
        self.refresh()

    def _lay_out(self) -> None:
        """Values by city and by cell lie one after the other, and so do their bounds."""
        shapes = {"city": (self.cities,), "cell": (self.cities, self.fields, len(ACTOR_KINDS))}
        self._laid = [value for value in named_values.table().values() if value.over in shapes and not value.id.startswith("terms_")]
        self._sizes = sizes = [int(np.prod(shapes[value.over])) for value in self._laid]
        self._low, self._high = (np.repeat([getattr(value, end) for value in self._laid], sizes) for end in ("low", "high"))
        ends = np.cumsum(sizes)
        self._where = [
            (value.id, slice(end - size, end), shapes[value.over]) for value, size, end in zip(self._laid, sizes, ends, strict=True)
        ]

    def __getstate__(self) -> dict:
        views = {name for name, part, _ in self._where if np.shares_memory(getattr(self, name), self._all)}
        kept = {name: value for name, value in self.__dict__.items() if name not in (*views, *self._preset_values())}
        return kept | {"_views": views}

    def __setstate__(self, state: dict) -> None:
        views = state.pop("_views")
        self.__dict__.update(state)
        self._name_parts(views)

    @staticmethod
    def _preset_values() -> list[str]:
        return [preset.named_value for preset in catalogue.presets()]

    def _name_parts(self, names) -> None:
        """Values that are parts of the long arrays, by their names."""
        for name, part, shape in self._where:
            if name in names:
                setattr(self, name, self._all[part].reshape(shape))
        for k, name in enumerate(self._preset_values()):
            setattr(self, name, self.terms[k])

    def _base(self, policy_relief: float) -> None:
        """All named values but the level of coordination as they are without levers."""
        bay = self._bay
        barriers = bay.world.base_barriers if policy_relief == 0.0 else pair_barriers(bay.region, bay.parameters, policy_relief)
        for kind in KINDS:
            setattr(self, f"barrier_{kind}", getattr(barriers, kind).copy())
        self._all = np.repeat([value.at_rest(bay.parameters) for value in self._laid], self._sizes)
        self._name_parts({name for name, _, _ in self._where})
        self.terms[:] = 0.0
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
        self.lever_value, order = self._neutral.copy(), self._order
        for setting, strength in active:
            lever = levers[setting.id]
            change = strength * (setting.value - lever.neutral)
            self.lever_value[order[setting.id]] = lever.neutral + change
            if change == 0.0:
                continue
            mask = self._cities(setting, lever)
            if lever.named_value == "coordination":
                weight = mask
            elif lever.operation == "multiply":
                self._change_borders(lever, lever.neutral + change, mask, setting.cities is None and setting.payer is None)
                weight = mask
            else:
                weight = self._add(lever, setting, change, done, mask)
            self.behind.setdefault(lever.named_value, []).append(Contribution(order[setting.id], weight, self.payers_of(lever, setting)))
            if lever.named_value == "coordination" and self.coordination >= 3:
                # one programme: the role cities take the whole of their roles, and the programme bears the cost
                roles = role_cities(bay.region)
                np.maximum(self.division, roles, out=self.division)
                self.behind.setdefault("division", []).append(Contribution(order[setting.id], roles, self.payers_of(lever, setting)))
        np.clip(self._all, self._low, self._high, out=self._all)
        np.clip(self.terms, 0.0, catalogue.PRESET["high"], out=self.terms)
        self._barriers = {kind: getattr(self, f"barrier_{kind}") for kind in KINDS}  # before the zones are deepened
        self._cover = self.first_use_cover_firm  # before a subsidy of premiums
        # once a quarter and not in _form, which is called again when services are paid in part
        self.open_technology = self.barrier_technology  # what product demand meets: no run is cut off from its markets
        if bay.world.cut_pairs is not None and not bay.warming:
            self._close(bay.world.cut_pairs)
        self._form()

    def _close(self, pairs: np.ndarray) -> None:
        """Nothing passes between cities that the scenario cuts apart, whatever levers say."""
        self.open_technology = self.barrier_technology.copy()
        for matrix in (self.barrier_technology, self.barrier_talent, self.barrier_finance):
            matrix[: self.cities, : self.cities][pairs] = CLOSED

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
        fields, kinds = setting.fields or lever.fields or None, setting.kinds or lever.kinds or None
        added = by_city[:, None, None] * self._within(fields, region.field_ids)[None, :, None] * self._within(
            kinds, ACTOR_KINDS)[None, None, :]
        value += added
        return np.abs(added).sum(axis=(1, 2))

    def _form(self) -> None:
        """Values that are formed from the named ones."""
        region, p = self._bay.region, self._bay.parameters
        for kind, matrix in self._barriers.items():
            deepened = deepen_zones(region, matrix, self.zone_depth, p.coordination.zone_share) if self.zone_depth.any() else matrix
            setattr(self, f"barrier_{kind}", deepened)
        self.travel_minutes = self.travel_now
        if self.node_quality.any():
            cut = p.market.node_cut * np.where(region.core_city, 0.0, self.node_quality)
            self.travel_minutes = self.travel_now.copy()
            self.travel_minutes[: self.cities, : self.cities] *= 1.0 - np.maximum(cut[:, None], cut[None, :])
        # a title counts where the city of destination recognises it; the bay's three jurisdictions only
        self.recognition_added = np.zeros((self.places, self.places))
        self.recognition_added[: self.cities, : self.cities] = self.recognition[None, :]
        self.unrecognised = np.maximum(0.0, self._gap - self.recognition_added)
        base = region.park_quality_city
        self.park_quality = base + self.park_upgrade * np.maximum(0.0, base.max() - base)
        if self.premium_subsidy.any():  # cheaper insurance is bought by more
            response = self._bay.parameters.conversion.cover_response
            self.first_use_cover_firm = np.minimum(1.0, self._cover + response * self.premium_subsidy)
        self.first_use_cover = self.first_use_cover_firm[:, :, :3].mean(axis=2)

    def scale(self, shares: dict[str, np.ndarray]) -> None:
        """Scale named values to the share by city (C,) that was paid, and form again what is formed from them."""
        for name, share in shares.items():
            value = getattr(self, name)
            setattr(self, name, value * share.reshape((-1,) + (1,) * (value.ndim - 1)))
        if shares:
            self._form()

    def _cities(self, setting, lever) -> np.ndarray:
        """One for each city that a setting reaches (C,): the targets, inside the payer's jurisdiction where it names one."""
        region = self._bay.region
        mask = self._within(setting.cities, region.city_ids)
        if setting.cities is None and lever.cities == "mainland":
            mask = mask * self._bay.world.mainland_city
        if setting.payer in region.jurisdiction_ids:
            mask = mask * (region.jurisdiction_city == region.jurisdiction_ids.index(setting.payer))
        return mask

    def payers_of(self, lever, setting) -> np.ndarray:
        """Part of each city's cost that each payer bears (C, Q); terms may split it differently in core and other cities."""
        budgets = self._bay.budgets
        local = {key: value for key, value in (*lever.terms.items(), *setting.terms) if key.startswith("local_share")}
        if setting.payer is None and local:
            above = budgets.payer_of_city["jurisdiction"]
            core = self._bay.region.core_city
            return np.array([split_payers(local["local_share"] if core[c] else local["local_share_periphery"], c, above[c], budgets.payers)
                             for c in range(self.cities)])
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


def with_sunset(setting, run_start: int):
    """The setting with its end at the sunset of its preset's ``duration``, where it would last longer."""
    terms = catalogue.levers()[setting.id].terms | dict(setting.terms)
    if not terms.get("duration"):
        return setting
    sunset = (run_start if setting.start is None else setting.start) + int(terms["duration"]) - 1
    return setting if setting.end is not None and setting.end <= sunset else replace(setting, end=sunset)


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
    """Public cost of values that cost money all the time: actors reached (``reach``), alliances, parks, coordination.

    A city for which the whole is not paid gets the paid share of the service (budgets bind).
    """
    values, p, firms, region = bay.values, bay.parameters, bay.firms, bay.region
    cities = len(region.city_ids)
    rows = firms.alive_rows()
    charge_reach(bay)
    added = values.alliance_sharing - p.partnering.alliance_base
    if (added > 0).any():
        member = firms.alliances[rows] > 0
        number = np.bincount(firms.city[rows][member], weights=firms.weight[rows][member], minlength=cities)
        share = bay.budgets.pay_by_city("alliance_sharing", number * np.maximum(added, 0.0) * p.partnering.alliance_cost)
        values.alliance_sharing = p.partnering.alliance_base + added * share
    if values.park_upgrade.any():
        inside = firms.in_park[rows] == 1
        number = np.bincount(firms.city[rows][inside], weights=firms.weight[rows][inside], minlength=cities)
        values.scale({"park_upgrade": bay.budgets.pay_by_city("park_upgrade", number * values.park_upgrade * p.market.park_cost)})
    if values.grant_audit.any():
        cost = values.grant_audit * p.finance.audit_cost * p.finance.grant_share * bay.public_money.science_budget_now / 4.0
        values.grant_audit = values.grant_audit * bay.budgets.pay_by_city("grant_audit", cost)
    if values.coordination_wanted > 0:
        cost = p.coordination.cost_per_level * bay.public_money.science_budget_now
        bay.budgets.pay_by_city("coordination", cost * values.coordination, wanted=cost * values.coordination_wanted)
    charge_local_services(bay)
