"""Phase 7. Money flows.

*Grants.* A city spends ``grant_share`` of its science budget on grants of usual size to firms drawn by keyed rank; the
joint fund pays firm-institute ties that begin. A share ``diversion`` does not reach research. A first grant to a
mainland start-up cuts its own research by ``crowding_out`` per CNY in the award year; firms with the high-tech status
and repeat recipients do not react (Boeing 2016); elsewhere a grant adds ``additionality_elsewhere``.

*Venture.* A start-up that seeks a round goes to one of a few funds it can see (home bias in travel time, finance
barrier, preferred field and round). The fund sees value + noise and invests when the posterior mean

    m = signal / (1 + noise**2) + guidance_relief * g - guidance_distaste * g**2  >  hurdle

where g is the share of a guidance fund that would co-invest. Stakes are sold by a hazard at a value that follows the
firm's sales; funds end after their life and are raised anew.

*Credit.* Of firms short of money the desk of their city hears ``credit_rate`` a quarter; of those that a lever lets it appraise
without collateral (data, stakes, patents, guarantees, insurance) ``credit_access``. The limit is ``credit_limit`` times yearly
sales (collateral) plus what these support; interest and repayment each quarter; losses at exit, of which the government
bears the guaranteed part and insurers the insured part.

*Instruments.* Subsidies and awards by terms (``policy/instruments.py``) are decided and paid after the joint fund.
"""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np

from greaterbay.actors.firm import LEADER, STARTUP
from greaterbay.actors.fund import BANK, GUIDANCE, VENTURE
from greaterbay.actors.invention import FIRM_INSTITUTE, FIRST_USE, PILOT
from greaterbay.exchange.market import mean_by_field
from greaterbay.kernels import lean
from greaterbay.policy import instruments
from greaterbay.streams import combine, gumbel, normal, uniform

SEEN_FUNDS = 5
Keys = namedtuple("Keys", ["pick", "signal"])
StartUps = namedtuple("StartUps", ["id", "city", "field", "weight", "rounds", "fund"])
Recipients = namedtuple("Recipients", ["cash", "grant_cash", "grant_response", "grants_before"])
Investors = namedtuple("Investors", ["id", "city", "field", "early", "budget"])


@lean
def posterior_mean(value, noise, shock):
    """Screening: the fund sees value + noise * shock; prior variance one, so the posterior mean shrinks the signal."""
    return (value + noise * shock) / (1.0 + noise * noise)


@lean
def guidance_effect(share, p):
    """Effect of a government share on the private hurdle: relief less a distaste that grows with the square."""
    return p.guidance_relief * share - p.guidance_distaste * share * share


@lean
def venture_rounds(order, firms, value, noise, funds, venture_rows, guidance_of_city, city_cum, travel_log, barrier, size, keys, p,
                   lead, private, public):
    """Sequential rounds in the order of a keyed rank; fills lead fund (or -1) and money per real firm from each side."""
    fields_bonus = p.field_bonus
    for n in range(order.shape[0]):
        r = order[n]
        lead[n] = firms.fund[r]  # a fund that holds a stake decides on the next round
        private[n] = public[n] = 0.0
        best = -1e300
        for k in range(SEEN_FUNDS if lead[n] < 0 else 0):
            at = min(np.searchsorted(city_cum, uniform(keys.pick, firms.id[r], k) * city_cum[-1], side="right"), venture_rows.shape[0] - 1)
            v = venture_rows[at]
            u = (-p.home_bias * travel_log[firms.city[r], funds.city[v]] - p.border_weight * barrier[funds.city[v], firms.city[r]]
                 + (fields_bonus if funds.field[v] == firms.field[r] else 0.0)
                 - abs(funds.early[v] - (1.0 if firms.rounds[r] == 0 else 0.3)) + gumbel(keys.pick, combine(firms.id[r], funds.id[v]), 9))
            if u > best:
                best = u
                lead[n] = v
        v = lead[n]
        need = size * firms.weight[r]
        guide = guidance_of_city[firms.city[r]]
        share = 0.0
        if guide >= 0 and funds.budget[guide] >= p.guidance_part * need:
            share = p.guidance_part
        # a border also keeps money out after a choice: the fund's chance to be allowed to invest
        allowed = uniform(keys.signal, combine(firms.id[r], funds.id[v]), 3) < math.exp(
            -p.border_weight * barrier[funds.city[v], firms.city[r]])
        mean = posterior_mean(value[n], noise[n], normal(keys.signal, combine(firms.id[r], funds.id[v]), 1))
        mean += guidance_effect(share, p)
        if not allowed or mean <= p.venture_hurdle or funds.budget[v] < (1.0 - share) * need:
            lead[n] = -1
            continue
        private[n] = (1.0 - share) * size
        public[n] = share * size
        funds.budget[v] -= private[n] * firms.weight[r]
        if share > 0.0:
            funds.budget[guide] -= public[n] * firms.weight[r]


def move_money(bay) -> None:
    """Phase 7 in order: government budgets, grants, joint fund, venture, exits, credit."""
    fund_institutes(bay)
    give_grants(bay)
    pay_joint_fund(bay)
    instruments.run(bay)
    donate(bay)
    renew_funds(bay)
    invest_venture(bay)
    list_directly(bay)
    sell_stakes(bay)
    lend(bay)


def fund_institutes(bay) -> None:
    """Core funding of institutes from city governments (what is left of the science budget) and from outside.

    Money that levers took from these programmes (``financing = "reallocated"``) is missing in proportion.
    """
    institutes, ledger, region, f = bay.institutes, bay.ledger, bay.region, bay.parameters.finance
    cities = len(region.city_ids)
    budget = institutes.budget * bay.growth_level
    need = np.bincount(institutes.city, weights=budget, minlength=cities)
    if bay.cut_city.any() or bay.cut_above.any():
        local = np.minimum(need, bay.science_budget_now / 4.0 * (1.0 - f.grant_share))
        missing = np.minimum(local, bay.cut_city * (1.0 - f.grant_share)) + np.minimum(need - local, bay.cut_above)
        budget = budget * (1.0 - missing / np.maximum(need, 1e-300))[institutes.city]
        need = need - missing
    local = np.minimum(need, np.maximum(0.0, bay.science_budget_now / 4.0 - bay.cut_city) * (1.0 - f.grant_share))
    local = np.minimum(local, np.maximum(bay.government_cash, 0.0))
    everywhere = np.arange(cities)
    ledger.pay("core_funding", "government", everywhere, "institute", everywhere, local)
    ledger.pay("core_funding", "outside", everywhere, "institute", everywhere, need - local)
    bay.government_cash -= local
    # research and wages of the quarter: core funding, grants for use now, a quarter of what is left of earlier income
    extra = np.minimum(institutes.cash, institutes.grant_cash + 0.25 * np.maximum(institutes.cash - institutes.grant_cash, 0.0))
    spent = budget + extra
    institutes.cash -= extra
    total = np.bincount(institutes.city, weights=spent, minlength=cities)
    wage_bill = np.bincount(institutes.city, weights=institutes.skill * bay.wage_city[institutes.city] / 4.0, minlength=cities)
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
    mainland = bay.mainland_city[city]
    first = (firms.grants_before[rows] == 0) & (firms.kind[rows] == STARTUP)
    reaction = np.where(mainland, np.where(first, -f.crowding_out, 0.0), f.additionality_elsewhere) * per_firm
    _use_grants(rows, per_firm - diverted, reaction, firms.part(Recipients))
    return diverted


@lean
def _use_grants(rows, used, reaction, firms):
    for k in range(rows.shape[0]):
        r = rows[k]
        firms.grant_cash[r] += used[k]
        firms.cash[r] += used[k]
        firms.grant_response[r] += reaction[k]
        firms.grants_before[r] += 1


@lean
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
    free = np.maximum(0.0, bay.science_budget_now / 4.0 - bay.cut_city) + bay.extra_budget
    money = np.minimum(free * f.grant_share, np.maximum(bay.government_cash, 0.0))
    rows = firms.alive_rows()
    if bay.values.staged_support.any():
        spent, helped = support_by_stage(bay, bay.values.staged_support * money)
        money = money - spent
        rows = rows[~np.isin(rows, helped)]
    rows = rows[np.argsort(bay.streams.uniforms("grant", quarter, firms.id[rows]))]
    cost = f.grant_size * bay.growth_level * firms.weight[rows]
    chosen = np.zeros(rows.size, bool)
    _draw_grants(firms.city[rows], cost, money + bay.grant_left, np.zeros(cities), chosen)
    paid = np.bincount(firms.city[rows[chosen]], weights=cost[chosen], minlength=cities)
    bay.grant_left = np.maximum(0.0, money + bay.grant_left - paid)
    bay.grant_left = np.minimum(bay.grant_left, np.maximum(0.0, bay.government_cash - paid))
    bay.government_cash -= paid
    picked = rows[chosen]
    book_grants(bay, "grant", picked, np.full(picked.size, f.grant_size * bay.growth_level), firms.city[picked].astype(np.int64))


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
    size = bay.parameters.finance.grant_size * bay.growth_level
    chosen = np.zeros(rows.size, bool)
    _draw_grants(firms.city[rows], size * firms.weight[rows], money, np.zeros(cities), chosen)
    rows = rows[chosen]
    weight, city = firms.weight[rows], firms.city[rows].astype(np.int64)
    bay.ledger.pay("grant", "government", city, "firm", city, size * weight)
    bay.tally.flow("flow_capital_grant_firm", city, city, size * weight)
    firms.cash[rows] += size
    spent = np.bincount(city, weights=size * weight, minlength=cities)
    bay.government_cash -= spent
    return spent, rows


def donate(bay) -> None:
    """Donors pay institutes for work with firms where the channel is open: ``donation`` a year for a tie."""
    open_share = bay.values.school_credit
    if not open_share.any():
        return
    ties, firms, institutes, count = bay.ties, bay.firms, bay.institutes, bay.institutes.capacity
    joint = np.flatnonzero((ties.alive == 1) & (ties.type == FIRM_INSTITUTE))
    institute, firm = ties.a[joint], ties.b[joint] - count
    amount = (bay.parameters.finance.donation * bay.growth_level * ties.weight[joint]
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
        bay.joint_left[:] = 0.0
        return
    ties, firms, institutes, region, quarter = bay.ties, bay.firms, bay.institutes, bay.region, bay.quarter
    cities, count = len(region.city_ids), bay.institutes.capacity
    new = np.flatnonzero((ties.alive == 1) & (ties.type == FIRM_INSTITUTE) & (ties.start == quarter))
    new = new[np.argsort(bay.streams.uniforms("joint_fund", quarter, ties.id[new]), kind="stable")]
    institute, firm = ties.a[new], ties.b[new] - count
    firm_city, institute_city = firms.city[firm].astype(np.int64), institutes.city[institute].astype(np.int64)
    rate = share[firm_city, firms.field[firm], firms.kind[firm]]
    eligible = rate > 0.0
    project = 4.0 * bay.parameters.finance.grant_size * bay.growth_level * ties.weight[new]
    crossing = region.jurisdiction_city[firm_city] != region.jurisdiction_city[institute_city]
    both = bay.values.coordination >= 2
    quarterly = share.max(axis=(1, 2)) * bay.science_budget_now / 4.0
    left = bay.budgets.affordable("joint_fund_share", bay.joint_left + quarterly).sum(axis=1)
    side_firm = np.where(crossing, 0.5, 1.0) * project
    side_institute = np.where(crossing & both, 0.5, 0.0) * project
    paid_firm, paid_institute = np.zeros(new.size), np.zeros(new.size)
    for n in np.flatnonzero(eligible):
        a, b = firm_city[n], institute_city[n]
        if left[a] >= side_firm[n] and left[b] >= side_institute[n]:
            left[a] -= side_firm[n]
            left[b] -= side_institute[n]
            paid_firm[n], paid_institute[n] = side_firm[n], side_institute[n]
    bay.joint_left = np.minimum(left, 8.0 * quarterly)  # what is not called is kept for two years at most
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


def renew_funds(bay) -> None:
    """Budgets of the quarter; funds at the end of their life pay out and are raised anew; guidance money is committed."""
    f, funds, ledger, quarter = bay.parameters.finance, bay.funds, bay.ledger, bay.quarter
    guidance = np.flatnonzero(funds.kind == GUIDANCE)
    share = bay.values.guidance_share
    if share.max() > 0.0:
        wanted = share * bay.science_budget_now / 4.0
        paid, payers = bay.budgets.transfer("guidance_share", wanted)
        city = funds.city[guidance]
        for place, part in payers:
            ledger.pay("commitment", "government", place[city], "fund", city, (paid * part)[city])
        funds.cash[guidance] += paid[city]
    funds.cash[guidance] += instruments.commit_funds(bay)[funds.city[guidance]]
    ending = np.flatnonzero((funds.kind == VENTURE) & (funds.ends <= quarter))
    if ending.size:
        city = funds.city[ending]
        target = funds.capital[ending] * bay.growth_level
        surplus = np.maximum(0.0, funds.cash[ending] - target)
        gap = np.maximum(0.0, target - funds.cash[ending])
        ledger.pay("fund_close", "fund", city, "outside", city, surplus)
        ledger.pay("fund_raising", "outside", city, "fund", city, gap)
        funds.cash[ending] += gap - surplus
        funds.ends[ending] += 4 * np.rint(f.fund_life + f.patience_life * bay.values.fund_patience[city]).astype(np.int64)
    bay.fund_agents.do("plan_quarter")


def invest_venture(bay) -> None:
    """Venture rounds of the quarter."""
    f, firms, funds, region, quarter = bay.parameters.finance, bay.firms, bay.funds, bay.region, bay.quarter
    cities = len(region.city_ids)
    rows = firms.alive_rows()
    rows = rows[(firms.kind[rows] == STARTUP) & (firms.rounds[rows] < 3)]
    rows = rows[bay.streams.uniforms("venture_pick", quarter, firms.id[rows]) < f.venture_rate]
    venture = np.flatnonzero((funds.kind == VENTURE) & (funds.capital > 0.0))
    if rows.size == 0 or venture.size == 0:
        return
    rows = rows[np.argsort(bay.streams.uniforms("venture_pick", quarter, firms.id[rows], 1), kind="stable")]
    guidance = np.full(cities, -1, np.int64)
    guidance[funds.city[funds.kind == GUIDANCE]] = np.flatnonzero(funds.kind == GUIDANCE)
    value = start_up_value(bay, rows)
    minutes = bay.values.travel_minutes[:cities, :cities]
    keys = Keys(*(bay.streams.key(name, quarter) for name in ("venture_pick", "venture_signal")))
    lead, private, public = np.empty(rows.size, np.int64), np.zeros(rows.size), np.zeros(rows.size)
    noise = screening_noise(bay, rows)
    venture_rounds(rows, firms.part(StartUps), value, noise, funds.part(Investors), venture, guidance, np.cumsum(funds.capital[venture]),
                   np.log1p(minutes / 30.0), bay.values.barrier_finance[:cities, :cities], f.venture_size * bay.growth_level, keys, f,
                   lead, private, public)
    done = lead >= 0
    rows, lead, private, public = rows[done], lead[done], private[done], public[done]
    weight, city = firms.weight[rows], firms.city[rows].astype(np.int64)
    origin = funds.city[lead].astype(np.int64)
    np.add.at(funds.cash, lead, -private * weight)
    np.add.at(funds.committed, lead, private * weight)
    guide = guidance[city]
    np.add.at(funds.cash, guide, -public * weight)
    np.add.at(funds.committed, guide, public * weight)
    book_investment(bay, "venture", rows, private, origin)
    book_investment(bay, "guidance", rows, public, city)
    join_from_outside(bay, rows, private)
    firms.fund[rows] = lead
    fresh = firms.rounds[rows] == 0
    firms.invested_quarter[rows[fresh]] = quarter
    firms.rounds[rows] += 1


def screening_noise(bay, rows: np.ndarray) -> np.ndarray:
    """Noise of screening for each start-up (n,); a first round with a public appraisal of the results is seen more clearly."""
    f, firms, service = bay.parameters.finance, bay.firms, bay.values.valuation_service
    noise = np.full(rows.size, f.venture_noise)
    if service.any():
        wanted = ((firms.rounds[rows] == 0) & (bay.streams.uniforms("direct", bay.quarter, firms.id[rows], 1)
                                               < service[firms.city[rows], firms.field[rows], firms.kind[rows]]))
        asked = rows[wanted]
        paid = bay.budgets.pay_for_service("valuation_service", firms.city[asked].astype(np.int64), f.valuation_cost * firms.weight[asked],
                                           firms.id[asked])
        noise[np.flatnonzero(wanted)[paid]] *= 1.0 - f.valuation_gain
    return noise


def list_directly(bay) -> None:
    """Equity and bonds without a lead fund, where the entry threshold is lowered: savers see what a fund would see.

    A firm that is no leader tries with the chance ``venture_rate`` times the share of firms let in, and gets ``direct_size``
    from savers in its city when the posterior mean passes the hurdle.
    """
    access = bay.values.direct_access
    if not access.any():
        return
    f, firms, quarter = bay.parameters.finance, bay.firms, bay.quarter
    rows = firms.alive_rows()
    rows = rows[firms.kind[rows] != LEADER]
    share = access[firms.city[rows], firms.field[rows], firms.kind[rows]]
    rows = rows[bay.streams.uniforms("direct", quarter, firms.id[rows]) < f.venture_rate * share]
    shock = bay.streams.normals("direct", quarter, firms.id[rows], 2)
    rows = rows[(start_up_value(bay, rows) + f.venture_noise * shock) / (1.0 + f.venture_noise**2) > f.venture_hurdle]
    weight, city, size = firms.weight[rows], firms.city[rows].astype(np.int64), f.direct_size * bay.growth_level
    bay.ledger.pay("direct", "outside", city, "firm", city, size * weight)
    bay.tally.flow("flow_capital_direct", city, city, size * weight)
    firms.cash[rows] += size


def join_from_outside(bay, rows: np.ndarray, private: np.ndarray) -> None:
    """Outside investors join a round that a fund of the bay leads, as far as the finance barrier lets them.

    Part of each outside place: outside_investors * private / 2 * (1 - barrier), million CNY per real firm.
    """
    firms, cities = bay.firms, len(bay.region.city_ids)
    weight, city = firms.weight[rows], firms.city[rows].astype(np.int64)
    for place in (cities, cities + 1):
        through = np.clip(1.0 - bay.values.barrier_finance[place, city], 0.0, 1.0)
        part = 0.5 * bay.parameters.finance.outside_investors * private * through
        bay.ledger.pay("venture", "outside", np.full(rows.size, place), "firm", city, part * weight)
        bay.tally.flow("flow_capital_venture", np.full(rows.size, place), city, part * weight)
        firms.cash[rows] += part


def start_up_value(bay, rows: np.ndarray) -> np.ndarray:
    """True value of a start-up in standard deviations: productivity and capability relative to the field, and grants."""
    firms = bay.firms
    lead = firms.productivity[rows] - mean_by_field(bay, firms.productivity)[firms.field[rows]]
    return 3.0 * lead + np.log(np.maximum(firms.access[rows], 0.05) / 0.4) + 0.3 * np.minimum(3, firms.grants_before[rows]) + 0.6


def book_investment(bay, instrument: str, rows: np.ndarray, per_firm: np.ndarray, origin: np.ndarray) -> None:
    """Money from funds to firms, with flows."""
    firms, region = bay.firms, bay.region
    weight, city = firms.weight[rows], firms.city[rows].astype(np.int64)
    bay.ledger.pay(instrument, "fund", origin, "firm", city, per_firm * weight)
    bay.tally.flow(f"flow_capital_{instrument}", origin, city, per_firm * weight)
    cross = region.jurisdiction_city[origin] != region.jurisdiction_city[city]
    bay.tally.add("capital_border", city[cross], (per_firm * weight)[cross])
    firms.cash[rows] += per_firm
    firms.invested[rows] += per_firm
    if instrument == "guidance":
        firms.invested_public[rows] += per_firm


def sell_stakes(bay) -> None:
    """Stakes are sold to owners outside: money invested, grown with the firm and the years, returns to the funds."""
    f, firms, funds, quarter = bay.parameters.finance, bay.firms, bay.funds, bay.quarter
    rows = np.flatnonzero((firms.alive == 1) & (firms.invested > 0.0) & (firms.fund >= 0))
    if rows.size == 0:
        return
    sold = rows[bay.streams.uniforms("exit_fund", quarter, firms.id[rows]) < f.exit_hazard]
    years = (quarter - firms.invested_quarter[sold]) / 4.0
    relative = 4.0 * firms.sales[sold] / (bay.parameters.market.entry_size * bay.growth_level)
    growth = np.exp(4.0 * f.fund_return * years) * np.clip(relative, 0.2, 10.0) ** 0.5
    weight, city = firms.weight[sold], firms.city[sold].astype(np.int64)
    private = (firms.invested[sold] - firms.invested_public[sold])
    public = firms.invested_public[sold]
    lead = firms.fund[sold].astype(np.int64)
    guidance = np.full(len(bay.region.city_ids), -1, np.int64)
    guidance[funds.city[funds.kind == GUIDANCE]] = np.flatnonzero(funds.kind == GUIDANCE)
    for amount, cost, fund in ((private * growth, private, lead), (public * growth, public, guidance[city])):
        bay.ledger.pay("exit", "outside", city, "fund", funds.city[fund], amount * weight)
        np.add.at(funds.cash, fund, amount * weight)
        np.add.at(funds.committed, fund, -cost * weight)
        bay.tally.add("venture_exits", city, amount * weight)
    firms.invested[sold] = firms.invested_public[sold] = 0.0
    firms.fund[sold] = -1


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
        accept("patent_pledge", owned[rows] > 0.0, f.pledge_value * bay.growth_level * owned[rows] / firms.weight[rows])
    if values.startup_guarantee.any():
        accept("startup_guarantee", firms.kind[rows] == STARTUP, f.startup_loan * bay.growth_level)
    if values.school_credit.any():
        ties, works = bay.ties, np.zeros(firms.capacity, bool)
        works[ties.b[(ties.alive == 1) & (ties.type == FIRM_INSTITUTE)] - count] = True
        accept("school_credit", works[rows], f.school_loan * bay.growth_level)
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
    desk = bay.row_of_fund(BANK)
    np.add.at(bay.funds.cash, desk, returned + due)


def lend(bay) -> None:
    """Interest and repayment, then new credit for firms short of money."""
    f, firms, funds, ledger, region, quarter = bay.parameters.finance, bay.firms, bay.funds, bay.ledger, bay.region, bay.quarter
    cities = len(region.city_ids)
    desk = np.full(cities, -1, np.int64)
    desk[funds.city[funds.kind == BANK]] = np.flatnonzero(funds.kind == BANK)
    debtors = np.flatnonzero((firms.alive == 1) & (firms.loan > 0.0))
    if debtors.size:
        weight, city = firms.weight[debtors], firms.city[debtors].astype(np.int64)
        interest = np.minimum(firms.loan[debtors] * f.interest, np.maximum(firms.cash[debtors], 0.0))
        back = np.minimum(firms.loan[debtors] * f.repayment, np.maximum(firms.cash[debtors] - interest, 0.0))
        ledger.pay("interest", "firm", city, "bank", city, interest * weight)
        ledger.pay("repayment", "firm", city, "bank", city, back * weight)
        firms.cash[debtors] -= interest + back
        firms.loan[debtors] -= back
        np.add.at(funds.cash, desk[city], (interest + back) * weight)
        np.add.at(funds.committed, desk[city], -back * weight)
    insure_loans(bay)
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
