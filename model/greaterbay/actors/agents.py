"""Mesa agents: cities, institutes, funds and governments are registered; firms and people are views on request.

Properties read and write the row of the columns; there is no second copy of any number.
"""

from __future__ import annotations

import mesa

from greaterbay.actors.firm import KINDS
from greaterbay.actors.fund import FUND_KINDS, VENTURE


def read_column(bay, table, row: int, name: str):
    """Value of a column in a row; cities and fields as ids."""
    column = table.arrays.get(name)
    if column is None:
        raise AttributeError(f"no column {name!r}; columns: {', '.join(table.arrays)}")
    ids = _ids(bay, name)
    value = column[row]
    return value if ids is None else ids[value] if value >= 0 else None


def write_column(bay, table, row: int, name: str, value) -> None:
    """Write a column in a row; cities and fields are given by id, an unknown one is refused."""
    if name not in table.arrays:
        raise AttributeError(f"no column {name!r}; columns: {', '.join(table.arrays)}")
    ids = _ids(bay, name)
    if ids is not None and isinstance(value, str):
        if value not in ids:
            raise ValueError(f"{name} = {value!r}; allowed: {', '.join(ids)}")
        value = ids.index(value)
    table.arrays[name][row] = value


def _ids(bay, name: str):
    if name in ("city", "production_city", "second_city"):
        return bay.region.city_ids
    return bay.region.field_ids if name in ("field", "main_field") else None


class Row:
    """View on one row of a table: ``view.cash`` reads, ``view.cash = 1.0`` writes the column."""

    def __init__(self, bay, table, row: int):
        object.__setattr__(self, "_bay", bay)
        object.__setattr__(self, "_table", table)
        object.__setattr__(self, "row", int(row))
        if not table.alive[row]:
            raise KeyError(f"row {row} is not in use")

    def __getattr__(self, name: str):
        return read_column(self._bay, self._table, self.row, name)

    def __setattr__(self, name: str, value) -> None:
        write_column(self._bay, self._table, self.row, name, value)

    def __repr__(self) -> str:
        return f"<{type(self._table).__name__} row {self.row}>"


def _element(group: str, name: str, doc: str):
    """Property that reads and writes this agent's element of an array in a group of state."""

    def read(self) -> float:
        return float(getattr(getattr(self.model, group), name)[self.row])

    def write(self, value: float) -> None:
        getattr(getattr(self.model, group), name)[self.row] = value

    return property(read, write, doc=doc)


def _column(table_name: str, name: str, doc: str):
    """Property that reads and writes this agent's row of a column."""

    def read(self):
        return read_column(self.model, getattr(self.model, table_name), self.row, name)

    def write(self, value) -> None:
        write_column(self.model, getattr(self.model, table_name), self.row, name, value)

    return property(read, write, doc=doc)


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

    talent = _element("labour", "talent_city", "Skilled people (weighted), counted at the end of the quarter.")
    wage = _element("prices", "wage_city", "Yearly wage of a skilled person, million CNY.")
    rent = _element("prices", "rent_city", "Rent index.")


class InstituteAgent(mesa.Agent):
    """A university, laboratory or new-type institute."""

    city = _column("institutes", "city", "City id.")
    main_field = _column("institutes", "main_field", "Field with the largest weight.")
    budget = _column("institutes", "budget", "Core funding at 2020 size, million CNY a quarter.")
    cash = _column("institutes", "cash", "Money, million CNY.")
    staff = _column("institutes", "staff", "Weighted employees.")
    facility = _column("institutes", "facility", "Shared-facility places.")
    graduates = _column("institutes", "graduates", "Graduates a year.")
    degree = _column("institutes", "degree", "Collaboration ties, weighted.")

    def __init__(self, bay, row: int):
        super().__init__(bay)
        self.row = row
        self.name = bay.region.institute_id[row]


class GovernmentAgent(mesa.Agent):
    """The government of a city: it sets the science budget by the revenue rule."""

    def __init__(self, bay, row: int):
        super().__init__(bay)
        self.row = row
        self.name = bay.region.city_ids[row]

    cash = _element("public_money", "government_cash", "Money, million CNY.")
    science_budget = _element("public_money", "science_budget_now", "Science budget, million CNY a year.")

    def set_budget(self) -> None:
        """B(t) = B(2020) * Y(t) / Y(2020)."""
        self.science_budget = self.model.region.science_budget_city[self.row] * self.model.economy.output_ratio[self.row]


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

    city = _column("funds", "city", "Seat.")
    cash = _column("funds", "cash", "Money free to invest or lend, million CNY.")
    budget = _column("funds", "budget", "Money set aside for rounds and not yet called, million CNY.")
    committed = _column("funds", "committed", "Money invested or lent and not yet returned, million CNY.")

    def plan_quarter(self) -> None:
        """A venture fund sets aside its pace of free money, a guidance fund half; what is not called is kept for later.

        Keeping it makes the flow independent of the scale: a simulated round is as large as all the real ones it stands for.
        """
        bay, funds, row = self.model, self.model.funds, self.row
        cash = funds.cash[row]
        free = cash if cash > 0.0 else 0.0
        share = bay.parameters.finance.venture_pace if funds.kind[row] == VENTURE else 0.5
        funds.budget[row] = min(free, funds.budget[row] + free * share)
