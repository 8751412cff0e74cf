"""Mesa agents: cities, institutes, funds and governments are registered; firms and people are views on request.

Properties read and write the row of the columns; there is no second copy of any number.
"""

from __future__ import annotations

import mesa

from greaterbay.actors.firm import KINDS
from greaterbay.actors.fund import FUND_KINDS, VENTURE


class Row:
    """View on one row of a table: ``view.cash`` reads, ``view.cash = 1.0`` writes the column."""

    def __init__(self, bay, table, row: int):
        object.__setattr__(self, "_bay", bay)
        object.__setattr__(self, "_table", table)
        object.__setattr__(self, "row", int(row))
        if not table.alive[row]:
            raise KeyError(f"row {row} is not in use")

    def __getattr__(self, name: str):
        value = self._table.arrays.get(name)
        if value is None:
            raise AttributeError(f"no column {name!r}; columns: {', '.join(self._table.arrays)}")
        return _named(self._bay, name, value[self.row])

    def __setattr__(self, name: str, value) -> None:
        if name not in self._table.arrays:
            raise AttributeError(f"no column {name!r}; columns: {', '.join(self._table.arrays)}")
        self._table.arrays[name][self.row] = value

    def __repr__(self) -> str:
        return f"<{type(self._table).__name__} row {self.row}>"


def _named(bay, name: str, value):
    """Ids instead of numbers for cities, fields and kinds of firm."""
    if name in ("city", "production_city", "second_city"):
        return bay.region.place_ids[value] if value >= 0 else None
    if name in ("field", "main_field"):
        return bay.region.field_ids[value] if value >= 0 else None
    return value


class FirmView(Row):
    """One simulated firm."""

    @property
    def kind_name(self) -> str:
        """startup, small or leader."""
        return KINDS[self._table.kind[self.row]]


class PersonRow(Row):
    """One simulated person."""


class CityAgent(mesa.Agent):
    """A city; its numbers are rows of the city arrays."""

    def __init__(self, bay, row: int):
        super().__init__(bay)
        self.row = row
        self.name = bay.region.city_ids[row]

    @property
    def jurisdiction(self) -> str:
        """Jurisdiction id."""
        return self.model.region.jurisdiction_ids[self.model.region.jurisdiction_city[self.row]]

    @property
    def talent(self) -> float:
        """Skilled people (weighted)."""
        return float(self.model.talent_city[self.row])

    @property
    def wage(self) -> float:
        """Yearly wage of a skilled person, million CNY."""
        return float(self.model.wage_city[self.row])

    @property
    def rent(self) -> float:
        """Rent index."""
        return float(self.model.rent_city[self.row])


class InstituteAgent(mesa.Agent):
    """A university, laboratory or new-type institute."""

    def __init__(self, bay, row: int):
        super().__init__(bay)
        self.row = row
        self.name = bay.region.institute_id[row]

    def __getattr__(self, name: str):
        institutes = self.__dict__["model"].institutes if "model" in self.__dict__ else None
        if institutes is not None and name in institutes.arrays:
            return _named(self.model, name, institutes.arrays[name][self.row])
        raise AttributeError(name)


class GovernmentAgent(mesa.Agent):
    """The government of a city: it sets the science budget by the revenue rule."""

    def __init__(self, bay, row: int):
        super().__init__(bay)
        self.row = row
        self.name = bay.region.city_ids[row]

    @property
    def cash(self) -> float:
        """Money, million CNY."""
        return float(self.model.government_cash[self.row])

    @property
    def science_budget(self) -> float:
        """Science budget, million CNY a year."""
        return float(self.model.science_budget_now[self.row])

    def set_budget(self) -> None:
        """B(t) = B(2020) * Y(t) / Y(2020)."""
        bay = self.model
        bay.science_budget_now[self.row] = bay.region.science_budget_city[self.row] * bay.output_ratio[self.row]


class JurisdictionGovernmentAgent(mesa.Agent):
    """The government of a jurisdiction, seated in its seat city; it agrees on the level of coordination."""

    def __init__(self, bay, row: int):
        super().__init__(bay)
        self.row = row
        self.name = bay.region.jurisdiction_ids[row]

    @property
    def coordination(self) -> int:
        """Level of coordination in force (0 alone to 3 one programme)."""
        return int(self.model.values.coordination)


class FundAgent(mesa.Agent):
    """A venture fund, guidance fund or bank desk: it plans what it will invest this quarter."""

    def __init__(self, bay, row: int):
        super().__init__(bay)
        self.row = row
        table = bay.funds
        self.kind = FUND_KINDS[table.kind[row]]
        self.name = f"{self.kind}_{bay.region.city_ids[table.city[row]]}_{row}"

    @property
    def cash(self) -> float:
        """Money free to invest or lend, million CNY."""
        return float(self.model.funds.cash[self.row])

    def plan_quarter(self) -> None:
        """A venture fund sets aside its pace of free money, a guidance fund half; what is not called is kept for later.

        Keeping it makes the flow independent of the scale: a simulated round is as large as all the real ones it stands for.
        """
        bay, funds, row = self.model, self.model.funds, self.row
        free = max(0.0, float(funds.cash[row]))
        share = bay.parameters.finance.venture_pace if funds.kind[row] == VENTURE else 0.5
        funds.budget[row] = min(free, float(funds.budget[row]) + free * share)
