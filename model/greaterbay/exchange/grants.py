"""Phase 7, public money for research: core funding of institutes, grants to firms, the joint fund, donations.

*Grants.* A city spends ``grant_share`` of its science budget on grants of usual size to firms drawn by keyed rank; the
joint fund pays firm-institute ties that begin. A share ``diversion`` does not reach research. A first grant to a
mainland start-up cuts its own research by ``crowding_out`` per CNY in the award year; firms with the high-tech status
and repeat recipients do not react (Boeing 2016); elsewhere a grant adds ``additionality_elsewhere``.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from greaterbay.actors.firm import LEADER, STARTUP
from greaterbay.actors.invention import FIRM_INSTITUTE, FIRST_USE, PILOT
from greaterbay.kernels import kernel

Recipients = namedtuple("Recipients", ["cash", "grant_cash", "grant_response", "grants_before"])
def fund_institutes(bay) -> None:
    """Core funding of institutes from city governments (what is left of the science budget) and from outside.

    Money that levers took from these programmes (``financing = "reallocated"``) is missing in proportion.
    """
    institutes, ledger, region, f = bay.institutes, bay.ledger, bay.region, bay.parameters.finance
    cities = len(region.city_ids)
    budget = institutes.budget * bay.economy.growth_level
    need = np.bincount(institutes.city, weights=budget, minlength=cities)
    if bay.public_money.cut_city.any() or bay.public_money.cut_above.any():
        local = np.minimum(need, bay.public_money.science_budget_now / 4.0 * (1.0 - f.grant_share))
        money = bay.public_money
        missing = np.minimum(local, money.cut_city * (1.0 - f.grant_share)) + np.minimum(need - local, money.cut_above)
        budget = budget * (1.0 - missing / np.maximum(need, 1e-300))[institutes.city]
        need = need - missing
    local = np.minimum(need, np.maximum(0.0, bay.public_money.science_budget_now / 4.0 - bay.public_money.cut_city) * (1.0 - f.grant_share))
    local = np.minimum(local, np.maximum(bay.public_money.government_cash, 0.0))
    everywhere = np.arange(cities)
    ledger.pay("core_funding", "government", everywhere, "institute", everywhere, local)
    ledger.pay("core_funding", "outside", everywhere, "institute", everywhere, need - local)
    bay.public_money.government_cash -= local
    # research and wages of the quarter: core funding, grants for use now, a quarter of what is left of earlier income
    extra = np.minimum(institutes.cash, institutes.grant_cash + 0.25 * np.maximum(institutes.cash - institutes.grant_cash, 0.0))
    spent = budget + extra
    institutes.cash -= extra
    total = np.bincount(institutes.city, weights=spent, minlength=cities)
    wage_bill = np.bincount(institutes.city, weights=institutes.skill * bay.prices.wage_city[institutes.city] / 4.0, minlength=cities)
    wages = np.minimum(total, wage_bill)
    ledger.pay("wages", "institute", everywhere, "person", everywhere, wages)
    ledger.pay("consumption", "person", everywhere, "outside", everywhere, wages)
    ledger.pay("research", "institute", everywhere, "outside", everywhere, total - wages)
    institutes.rd_paid[:] = spent
    institutes.grant_cash[:] = 0.0
    bay.tally.add("rd_institutes", institutes.city, spent)
    bay.tally.add("rd_public", everywhere, need)


def book_grants(bay, instrument: str, rows: np.ndarray, per_firm: np.ndarray, payer: np.ndarray) -> None:
    """Grants to firms (million CNY per real firm): the diverted part leaves, the rest waits for research; reactions."""
    weight, city = bay.firms.weight[rows], bay.firms.city[rows]
    bay.ledger.pay(instrument, "government", payer, "firm", city, per_firm * weight)
    bay.tally.flow("flow_capital_grant_firm", payer, city, per_firm * weight)
    take_grant(bay, rows, per_firm)


def take_grant(bay, rows: np.ndarray, per_firm: np.ndarray) -> np.ndarray:
    """What recipients do with money for research that they were given; returns what did not reach research (n,).

    Where grants are audited firms divert less, and what is found of the rest goes back to the government.
    """
    f, firms, ledger = bay.parameters.finance, bay.firms, bay.ledger
    weight, city = firms.weight[rows], firms.city[rows]
    diverted = per_firm * f.diversion
    if bay.values.grant_audit.any():
        audit = bay.values.grant_audit[city]
        diverted = diverted * (1.0 - audit)
        back = diverted * audit
        ledger.pay("clawback", "firm", city, "government", city, back * weight)
        ledger.pay("general_budget", "government", city, "outside", city, back * weight)
        bay.tally.add("awards_returned", city, back * weight)
        ledger.pay("diverted", "firm", city, "outside", city, (diverted - back) * weight)
    else:
        ledger.pay("diverted", "firm", city, "outside", city, diverted * weight)
    mainland = bay.world.mainland_city[city]
    first = (firms.grants_before[rows] == 0) & (firms.kind[rows] == STARTUP)
    reaction = np.where(mainland, np.where(first, -f.crowding_out, 0.0), f.additionality_elsewhere) * per_firm
    _use_grants(rows, per_firm - diverted, reaction, firms.part(Recipients))
    return diverted


@kernel
def _use_grants(rows, used, reaction, firms):
    for k in range(rows.shape[0]):
        r = rows[k]
        firms.grant_cash[r] += used[k]
        firms.cash[r] += used[k]
        firms.grant_response[r] += reaction[k]
        firms.grants_before[r] += 1


@kernel
def _draw_grants(city, cost, money, called, chosen):
    """In order, while the ``cost`` that is ``called`` (C,) stays within the ``money`` (C,) of the city.

    The last recipient is paid whole or not at all, what is left waits for the next quarter.
    """
    for k in range(city.shape[0]):
        called[city[k]] += cost[k]
        chosen[k] = called[city[k]] <= money[city[k]]


def give_grants(bay) -> None:
    """Each city spends its grant money on firms in the order of a keyed rank."""
    f, firms, region, quarter = bay.parameters.finance, bay.firms, bay.region, bay.quarter
    cities = len(region.city_ids)
    free = np.maximum(0.0, bay.public_money.science_budget_now / 4.0 - bay.public_money.cut_city) + bay.public_money.extra_budget
    money = np.minimum(free * f.grant_share, np.maximum(bay.public_money.government_cash, 0.0))
    rows = firms.alive_rows()
    if bay.values.staged_support.any():
        spent, helped = support_by_stage(bay, bay.values.staged_support * money)
        money = money - spent
        rows = rows[~np.isin(rows, helped)]
    rows = rows[np.argsort(bay.streams.uniforms("grant", quarter, firms.id[rows]))]
    cost = f.grant_size * bay.economy.growth_level * firms.weight[rows]
    chosen = np.zeros(rows.size, bool)
    _draw_grants(firms.city[rows], cost, money + bay.public_money.grant_left, np.zeros(cities), chosen)
    paid = np.bincount(firms.city[rows[chosen]], weights=cost[chosen], minlength=cities)
    bay.public_money.grant_left = np.maximum(0.0, money + bay.public_money.grant_left - paid)
    bay.public_money.grant_left = np.minimum(bay.public_money.grant_left, np.maximum(0.0, bay.public_money.government_cash - paid))
    bay.public_money.government_cash -= paid
    picked = rows[chosen]
    book_grants(bay, "grant", picked, np.full(picked.size, f.grant_size * bay.economy.growth_level), firms.city[picked].astype(np.int64))


def support_by_stage(bay, money: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Grant money (C,) for small firms and start-ups with a pilot that waits or a first use under way, in keyed order.

    It pays for industrialisation, not for research. Returns what was spent by city and the firms that were helped.
    """
    firms, inventions, count, cities = bay.firms, bay.inventions, bay.institutes.capacity, len(bay.region.city_ids)
    late = ((inventions.alive == 1) & (inventions.developer >= count)
            & ((inventions.stage == FIRST_USE) | ((inventions.stage == PILOT) & (inventions.funded == 0))))
    rows = np.unique(inventions.developer[late] - count)
    rows = rows[(firms.alive[rows] == 1) & (firms.kind[rows] != LEADER)]
    rows = rows[np.argsort(bay.streams.uniforms("grant", bay.quarter, firms.id[rows], 1), kind="stable")]
    size = bay.parameters.finance.grant_size * bay.economy.growth_level
    chosen = np.zeros(rows.size, bool)
    _draw_grants(firms.city[rows], size * firms.weight[rows], money, np.zeros(cities), chosen)
    rows = rows[chosen]
    weight, city = firms.weight[rows], firms.city[rows].astype(np.int64)
    bay.ledger.pay("grant", "government", city, "firm", city, size * weight)
    bay.tally.flow("flow_capital_grant_firm", city, city, size * weight)
    firms.cash[rows] += size
    spent = np.bincount(city, weights=size * weight, minlength=cities)
    bay.public_money.government_cash -= spent
    return spent, rows


def donate(bay) -> None:
    """Donors pay institutes for work with firms where the channel is open: ``donation`` a year for a tie."""
    open_share = bay.values.school_credit
    if not open_share.any():
        return
    ties, firms, institutes, count = bay.ties, bay.firms, bay.institutes, bay.institutes.capacity
    joint = np.flatnonzero((ties.alive == 1) & (ties.type == FIRM_INSTITUTE))
    institute, firm = ties.a[joint], ties.b[joint] - count
    amount = (bay.parameters.finance.donation * bay.economy.growth_level * ties.weight[joint]
              * open_share[firms.city[firm], firms.field[firm], firms.kind[firm]])
    bay.ledger.pay("donation", "outside", firms.city[firm], "institute", institutes.city[institute], amount)
    np.add.at(institutes.cash, institute, amount)
    np.add.at(institutes.grant_cash, institute, amount)


def pay_joint_fund(bay) -> None:
    """The joint fund pays firm-institute ties that began this quarter, until its money is called.

    A project costs ``grant_size`` times four; acting alone a city pays only half of a project across a border (its own
    side), with co-finance both sides pay. Half goes to the firm, half to the institute.
    """
    share = bay.values.joint_fund_share
    if share.max() <= 0.0:
        bay.values.joint_fund_chance[:] = 0.0
        bay.public_money.joint_left[:] = 0.0
        return
    ties, firms, institutes, region, quarter = bay.ties, bay.firms, bay.institutes, bay.region, bay.quarter
    cities, count = len(region.city_ids), bay.institutes.capacity
    new = np.flatnonzero((ties.alive == 1) & (ties.type == FIRM_INSTITUTE) & (ties.start == quarter))
    new = new[np.argsort(bay.streams.uniforms("joint_fund", quarter, ties.id[new]), kind="stable")]
    institute, firm = ties.a[new], ties.b[new] - count
    firm_city, institute_city = firms.city[firm].astype(np.int64), institutes.city[institute].astype(np.int64)
    rate = share[firm_city, firms.field[firm], firms.kind[firm]]
    eligible = rate > 0.0
    project = 4.0 * bay.parameters.finance.grant_size * bay.economy.growth_level * ties.weight[new]
    crossing = region.jurisdiction_city[firm_city] != region.jurisdiction_city[institute_city]
    both = bay.values.coordination >= 2
    quarterly = share.max(axis=(1, 2)) * bay.public_money.science_budget_now / 4.0
    left = bay.budgets.affordable("joint_fund_share", bay.public_money.joint_left + quarterly).sum(axis=1)
    side_firm = np.where(crossing, 0.5, 1.0) * project
    side_institute = np.where(crossing & both, 0.5, 0.0) * project
    paid_firm, paid_institute = np.zeros(new.size), np.zeros(new.size)
    for n in np.flatnonzero(eligible):
        a, b = firm_city[n], institute_city[n]
        if left[a] >= side_firm[n] and left[b] >= side_institute[n]:
            left[a] -= side_firm[n]
            left[b] -= side_institute[n]
            paid_firm[n], paid_institute[n] = side_firm[n], side_institute[n]
    bay.public_money.joint_left = np.minimum(left, 8.0 * quarterly)  # what is not called is kept for two years at most
    done = (paid_firm + paid_institute) > 0.0
    spent = (np.bincount(firm_city, weights=paid_firm, minlength=cities)
             + np.bincount(institute_city, weights=paid_institute, minlength=cities))
    wanted = np.bincount(firm_city, weights=eligible * side_firm, minlength=cities) + np.bincount(
        institute_city, weights=eligible * side_institute, minlength=cities)
    payers = bay.budgets.spend("joint_fund_share", spent, np.maximum(wanted, spent))
    demand = np.bincount(firm_city, weights=np.where(eligible, project, 0.0), minlength=cities)
    granted = np.bincount(firm_city, weights=np.where(done, paid_firm + paid_institute, 0.0), minlength=cities)
    chance = np.where(demand > 0.0, granted / np.maximum(demand, 1e-12), 1.0)
    bay.values.joint_fund_chance[:] = (share > 0.0) * chance[:, None, None]
    rows, per_firm = firm[done], 0.5 * (paid_firm + paid_institute)[done] / firms.weight[firm[done]]
    from_firm_side = 0.5 * paid_firm[done] / firms.weight[rows]
    for side, amount in ((firm_city[done], from_firm_side), (institute_city[done], per_firm - from_firm_side)):
        for place, part in payers:
            if (amount * part[side] > 0.0).any():
                book_grants(bay, "joint_grant", rows, amount * part[side], place[side])
    for side, amount in ((firm_city[done], 0.5 * paid_firm[done]), (institute_city[done], 0.5 * paid_institute[done])):
        for place, part in payers:
            bay.ledger.pay("joint_grant", "government", place[side], "institute", institute_city[done], amount * part[side])
            bay.tally.flow("flow_capital_grant_institute", place[side], institute_city[done], amount * part[side])
        np.add.at(institutes.cash, institute[done], amount)
        np.add.at(institutes.grant_cash, institute[done], amount)


def no_grants(bay) -> None:
    """Off: cities give no grants of their own to firms; the money returns to the general budget."""
