"""Phase 7, bank credit: interest and repayment, new loans, and who bears the loss of a firm that leaves.

Of firms short of money the desk of their city hears ``credit_rate`` a quarter; of those that a lever lets it appraise
without collateral (data, stakes, patents, guarantees, insurance) ``credit_access``. The limit is ``credit_limit`` times yearly
sales (collateral) plus what these support; interest and repayment each quarter; losses at exit, of which the government
bears the guaranteed part and insurers the insured part.
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.firm import LEADER, STARTUP
from greaterbay.actors.fund import BANK, row_of_fund
from greaterbay.actors.invention import FIRM_INSTITUTE


def credit_limit(sales_year: np.ndarray, data_share: np.ndarray, data_quarters: np.ndarray, p) -> np.ndarray:
    """Limit on collateral, plus what three years of operating data support where data-based credit is allowed."""
    return sales_year * p.credit_limit * (1.0 + data_share * np.minimum(1.0, data_quarters / 12.0))


def open_credit(bay, rows: np.ndarray, limit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What levers let banks accept: limits (n,), million CNY per real firm, and firms they can appraise beside those of 2020 (n,) in 0..1.

    A record of operating data (share of three years), a fund's stake (``linkage`` per CNY), patents (``pledge_value`` each), a
    public guarantee for start-ups (``startup_loan``), work with an institute (``school_loan``), an insurer that bears a share c
    (1 / (1 - c) as much). A firm that several of them cover is turned away unseen only where all fail: 1 - product of (1 - share).
    """
    f, firms, values, count = bay.parameters.finance, bay.firms, bay.values, bay.institutes.capacity
    cell = firms.city[rows], firms.field[rows], firms.kind[rows]
    unseen = np.ones(rows.size)

    def accept(service: str, share, amount) -> None:
        """Those a service covers are seen, and their limit grows."""
        nonlocal limit
        value = getattr(values, service)[cell]
        unseen[:] *= 1.0 - value * share
        limit = limit + value * share * amount

    added = values.credit_data[cell] - f.credit_data
    if added.any():
        unseen *= 1.0 - np.clip(added, 0.0, 1.0) * np.minimum(1.0, firms.data_quarters[rows] / 12.0)
    if values.loan_linkage.any():
        accept("loan_linkage", firms.invested[rows] > 0.0, f.linkage * firms.invested[rows])
    if values.patent_pledge.any():
        inventions, owned = bay.inventions, np.zeros(firms.capacity)
        held = np.flatnonzero((inventions.alive == 1) & (inventions.owner >= count))
        np.add.at(owned, inventions.owner[held] - count, inventions.weight[held])
        accept("patent_pledge", owned[rows] > 0.0, f.pledge_value * bay.economy.growth_level * owned[rows] / firms.weight[rows])
    if values.startup_guarantee.any():
        accept("startup_guarantee", firms.kind[rows] == STARTUP, f.startup_loan * bay.economy.growth_level)
    if values.school_credit.any():
        ties, works = bay.ties, np.zeros(firms.capacity, bool)
        works[ties.b[(ties.alive == 1) & (ties.type == FIRM_INSTITUTE)] - count] = True
        accept("school_credit", works[rows], f.school_loan * bay.economy.growth_level)
    if values.credit_insured.any():
        accept("credit_insured", 1.0, 0.0)
        limit = limit / (1.0 - values.credit_insured[cell])
    return limit, 1.0 - unseen


def insure_loans(bay) -> None:
    """Debtors whose loans are insured pay premiums: insured part * expected loss * (1 + load)."""
    if not bay.values.credit_insured.any():
        return
    f, firms = bay.parameters.finance, bay.firms
    rows = np.flatnonzero((firms.alive == 1) & (firms.loan > 0.0))
    weight, city = firms.weight[rows], firms.city[rows].astype(np.int64)
    insured = bay.values.credit_insured[city, firms.field[rows], firms.kind[rows]] * firms.loan[rows]
    premium = np.minimum(insured * f.loan_loss * (1.0 + bay.parameters.conversion.premium_load), np.maximum(firms.cash[rows], 0.0))
    bay.ledger.pay("premium", "firm", city, "insurer", city, premium * weight)
    firms.cash[rows] -= premium


def cover_losses(bay, rows: np.ndarray) -> None:
    """Loans of firms that leave: the government pays its guaranteed part, insurers the insured part of the rest, to the bank."""
    guarantee, insured = bay.values.startup_guarantee, bay.values.credit_insured
    rows = rows[bay.firms.loan[rows] > 0.0]
    if rows.size == 0 or not (guarantee.any() or insured.any()):
        return
    firms, ledger, cities = bay.firms, bay.ledger, len(bay.region.city_ids)
    city, loss = firms.city[rows].astype(np.int64), firms.loan[rows] * firms.weight[rows]
    cell = firms.city[rows], firms.field[rows], firms.kind[rows]
    everywhere, returned = np.arange(cities), np.zeros(cities)
    public = guarantee[cell] * (firms.kind[rows] == STARTUP) * loss
    if public.any():
        paid, payers = bay.budgets.transfer("startup_guarantee", np.bincount(city, weights=public, minlength=cities))
        for place, part in payers:
            ledger.pay("guarantee", "government", place, "bank", everywhere, paid * part)
        returned += paid
    due = np.bincount(city, weights=insured[cell] * (loss - public), minlength=cities)
    ledger.pay("reinsurance", "outside", everywhere, "insurer", everywhere, np.maximum(0.0, due - ledger.account("insurer")[:cities]))
    ledger.pay("compensation", "insurer", everywhere, "bank", everywhere, due)
    desk = row_of_fund(bay, BANK)
    np.add.at(bay.funds.cash, desk, returned + due)


def serve_debt(bay) -> None:
    """Interest and repayment of the quarter, as far as there is money."""
    f, firms, funds, ledger = bay.parameters.finance, bay.firms, bay.funds, bay.ledger
    debtors = np.flatnonzero((firms.alive == 1) & (firms.loan > 0.0))
    if debtors.size == 0:
        return
    desk = row_of_fund(bay, BANK)
    weight, city = firms.weight[debtors], firms.city[debtors].astype(np.int64)
    interest = np.minimum(firms.loan[debtors] * f.interest, np.maximum(firms.cash[debtors], 0.0))
    back = np.minimum(firms.loan[debtors] * f.repayment, np.maximum(firms.cash[debtors] - interest, 0.0))
    ledger.pay("interest", "firm", city, "bank", city, interest * weight)
    ledger.pay("repayment", "firm", city, "bank", city, back * weight)
    firms.cash[debtors] -= interest + back
    firms.loan[debtors] -= back
    np.add.at(funds.cash, desk[city], (interest + back) * weight)
    np.add.at(funds.committed, desk[city], -back * weight)


def lend(bay) -> None:
    """New credit for firms short of money."""
    f, firms, funds, ledger, region, quarter = bay.parameters.finance, bay.firms, bay.funds, bay.ledger, bay.region, bay.quarter
    cities, desk = len(region.city_ids), row_of_fund(bay, BANK)
    rows = firms.alive_rows()
    rows = rows[firms.kind[rows] != LEADER]
    need = np.maximum(0.0, f.buffer * firms.rd_paid[rows] - firms.cash[rows])
    rows, need = rows[need > 0.0], need[need > 0.0]
    asks = firms.weight[rows]
    bay.tally.add("loan_needs", firms.city[rows], asks)
    bay.tally.add("loan_needs_small", firms.city[rows], asks * (need < f.small_need))
    data = bay.values.credit_data[firms.city[rows], firms.field[rows], firms.kind[rows]]
    limit, seen = open_credit(bay, rows, credit_limit(4.0 * firms.sales[rows], data, firms.data_quarters[rows], f))
    chance = f.credit_rate + np.maximum(0.0, f.credit_access - f.credit_rate) * seen
    asking = bay.streams.uniforms("credit", quarter, firms.id[rows]) < chance
    rows, need, limit = rows[asking], need[asking], limit[asking]
    amount = np.minimum(need, np.maximum(0.0, limit - firms.loan[rows])) * (firms.arrears[rows] <= 0.0)
    weight, city = firms.weight[rows], firms.city[rows].astype(np.int64)
    wanted = np.bincount(city, weights=amount * weight, minlength=cities)
    free = np.zeros(cities)
    free[funds.city[funds.kind == BANK]] = np.maximum(0.0, funds.cash[funds.kind == BANK])
    share = np.minimum(1.0, free / np.maximum(wanted, 1e-12))
    amount = amount * share[city]
    ledger.pay("credit", "bank", city, "firm", city, amount * weight)
    bay.tally.flow("flow_capital_credit", city, city, amount * weight)
    firms.cash[rows] += amount
    firms.loan[rows] += amount
    np.add.at(funds.cash, desk[city], -amount * weight)
    np.add.at(funds.committed, desk[city], amount * weight)


def no_credit(bay) -> None:
    """Off: banks lend nothing new; loans are served and repaid."""
