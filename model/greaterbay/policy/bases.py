"""What an instrument pays for: spending of firms in the quarter, or events (``terms.SPENDING``, ``terms.EVENTS``)."""

from __future__ import annotations

import numpy as np

from greaterbay.actors.invention import FIRST_USE, MARKET
from greaterbay.actors.network import node_city
from greaterbay.policy.schedules import share_out

NOTES = ("pilot", "adoption", "premium", "profit_tax", "taxed_research")  # what phases note for the engine, per real firm


def measure(bay, basis: str, rows: np.ndarray, t) -> np.ndarray:
    """Spending of the quarter or number of events per real firm (n,)."""
    state, f, firms = bay.instruments, bay.parameters.finance, bay.firms
    if basis == "research":
        return firms.rd_paid[rows]
    if basis == "investment":
        return f.investment_share * firms.sales[rows]
    if basis == "training":
        return f.training_share * firms.skill[rows] / firms.weight[rows] * bay.prices.wage_city[firms.city[rows]] / 4.0
    if basis == "deduction":  # the tax on research that counts more than once, at most the tax that was paid
        relief = state.spent("taxed_research", rows) * bay.world.profit_tax_city[firms.city[rows]]
        return np.minimum(relief, state.spent("profit_tax", rows) / t.rate)
    if basis in NOTES:
        return state.spent(basis, rows)
    if basis == "vat":
        return f.vat_share * new_product_sales(bay, 4 * max(t.years, 1))[rows]
    found = np.zeros(firms.capacity)
    if basis in ("growth", "size", "arrival"):  # the thresholds say who qualifies
        return np.ones(rows.size)
    if basis == "top":
        return top_firms(bay, rows, t.top_number)
    if basis in ("market_entry", "demonstration"):
        inventions, count = bay.inventions, bay.institutes.capacity
        stage = MARKET if basis == "market_entry" else FIRST_USE
        new = np.flatnonzero((inventions.alive == 1) & (inventions.stage == stage) & (inventions.entered == bay.quarter)
                             & (inventions.developer >= count))
        np.add.at(found, inventions.developer[new] - count, inventions.weight[new])
        return found[rows] / firms.weight[rows]
    ties, count, outer = bay.ties, bay.institutes.capacity, ~bay.region.core_city
    new = np.flatnonzero((ties.alive == 1) & (ties.start == bay.quarter))
    city = node_city(bay).astype(np.int64)
    for one, other in ((ties.a[new], ties.b[new]), (ties.b[new], ties.a[new])):
        counts = (one >= count) & (city[one] != city[other])
        if basis == "periphery_tie":
            counts &= outer[city[other]]
        np.add.at(found, one[counts] - count, ties.weight[new][counts])
    return found[rows] / firms.weight[rows]


def new_product_sales(bay, quarters: int) -> np.ndarray:
    """Sales of a quarter from breakthroughs that reached the market within some quarters, per real firm (rows,)."""
    inventions, firms, count, p = bay.inventions, bay.firms, bay.institutes.capacity, bay.parameters
    new = np.flatnonzero((inventions.alive == 1) & (inventions.stage == MARKET) & (bay.quarter - inventions.entered < quarters)
                         & (inventions.developer >= count) & (inventions.quality >= p.finance.breakthrough))
    sales = np.zeros(firms.capacity)
    np.add.at(sales, inventions.developer[new] - count, inventions.weight[new] * p.market.product_size / 4.0)
    return np.minimum(sales / np.maximum(firms.weight, 1e-300), firms.sales)


def top_firms(bay, rows: np.ndarray, number: int) -> np.ndarray:
    """Part of each row's real firms that is among the largest ``number`` of its field (n,)."""
    firms, found = bay.firms, np.zeros(rows.size)
    for f in np.unique(firms.field[rows]):
        mine = np.flatnonzero(firms.field[rows] == f)
        found[mine] = share_out(firms.weight[rows[mine]], np.argsort(-firms.sales[rows[mine]], kind="stable"), float(number))
    return found
