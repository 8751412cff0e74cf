"""Firm demography (phase 8): entrants take a row and a place, firms that leave are taken apart, research moves to another city.

Each of these touches many tables at once, so that nothing is left behind: money and debts, staff, ties and memories, results,
places in the search tables.
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.alliance import list_members
from greaterbay.actors.fund import BANK, GUIDANCE, row_of_fund
from greaterbay.actors.network import end_ties
from greaterbay.actors.person import dismiss
from greaterbay.exchange.credit import cover_losses
from greaterbay.kernels import kernel


def free_firm_rows(bay, count: int) -> np.ndarray:
    """Rows for entrants; the table grows when it is full (nodes keep their numbers)."""
    firms, economy = bay.firms, bay.economy
    before = firms.capacity
    rows = firms.free_rows(count)
    if firms.capacity != before:
        economy.effective = np.concatenate((economy.effective, np.zeros(firms.capacity - before)))
    firms.clear(rows)
    return rows


def seat_firms(bay, rows: np.ndarray) -> None:
    """Entrants take their place in the search tables."""
    firms = bay.firms
    bay.places.insert_all(firms.city[rows].astype(np.int64) * len(bay.region.field_ids) + firms.field[rows], rows, firms.id[rows])


def remove_firms(bay, rows: np.ndarray) -> None:
    """Exit: money to owners, loans and stakes written off, people out of work, ties and memories end."""
    if rows.size == 0:
        return
    firms, people, inventions, funds = bay.firms, bay.people, bay.inventions, bay.funds
    count, fields = bay.institutes.capacity, len(bay.region.field_ids)
    city, weight = firms.city[rows].astype(np.int64), firms.weight[rows]
    bay.ledger.pay("liquidation", "firm", city, "outside", city, firms.cash[rows] * weight)
    cover_losses(bay, rows)
    desk = row_of_fund(bay, BANK)
    np.add.at(funds.committed, desk[city], -firms.loan[rows] * weight)
    bay.tally.add("credit_losses", city, firms.loan[rows] * weight)
    backed = rows[firms.invested[rows] > 0]
    private = (firms.invested[backed] - firms.invested_public[backed]) * firms.weight[backed]
    np.add.at(funds.committed, firms.fund[backed].astype(np.int64), -private)
    guidance = row_of_fund(bay, GUIDANCE)
    np.add.at(funds.committed, guidance[firms.city[backed]], -firms.invested_public[backed] * firms.weight[backed])
    dead = np.zeros(count + firms.capacity + 1, bool)  # the last for nobody, who is -1
    dead[rows + count] = True
    dismiss(people, dead)
    end_ties(bay, dead)
    for column in (inventions.owner, inventions.partner, inventions.developer, people.former, bay.institutes.past, firms.past):
        _forget(column.reshape(-1), dead)
    bay.places.remove_all(city * fields + firms.field[rows], rows)
    firms.clear(rows)
    list_members(bay)


def move_firms(bay, rows: np.ndarray, city: np.ndarray) -> None:
    """Research moves to another city: money, place and staff move along; the move is booked as people's moves too."""
    firms, people, funds, fields = bay.firms, bay.people, bay.funds, len(bay.region.field_ids)
    desk, guide = row_of_fund(bay, BANK), row_of_fund(bay, GUIDANCE)
    for row, to in zip(rows, city, strict=True):
        here = int(firms.city[row])
        cell = int(firms.field[row])
        weight = float(firms.weight[row])
        bay.places.remove(here * fields + cell, int(row))
        bay.places.insert(int(to) * fields + cell, int(row), firms.id[row])
        bay.ledger.pay("relocation", "firm", here, "firm", int(to), firms.cash[row] * weight)
        debt = firms.loan[row] * weight
        funds.committed[desk[here]] -= debt
        funds.committed[desk[to]] += debt
        funds.committed[guide[here]] -= firms.invested_public[row] * weight
        funds.committed[guide[to]] += firms.invested_public[row] * weight
        firms.city[row] = to
        staff = np.flatnonzero(people.employer == row + bay.institutes.capacity)
        staff = staff[people.alive[staff] == 1]
        people.city[staff] = to
        bay.tally.add("firm_relocations_out", here, weight)
        bay.tally.add("firm_relocations_in", int(to), weight)
        bay.tally.flow("flow_talent_firm_firm", here, int(to), people.weight[staff].sum())
        if bay.region.jurisdiction_city[here] != bay.region.jurisdiction_city[to]:
            bay.tally.add("talent_border", int(to), people.weight[staff].sum())


@kernel
def _forget(column, dead):
    """Nodes that are gone become -1; ``dead`` (N + 1,)."""
    for i in range(column.shape[0]):
        if dead[column[i]]:  # -1 is the last place, which is not marked
            column[i] = -1
