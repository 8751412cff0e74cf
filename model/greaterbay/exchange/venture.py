"""Phase 7, venture capital: funds are raised anew, start-ups seek rounds, stakes are sold.

A start-up that seeks a round goes to one of a few funds it can see (home bias in travel time, finance
barrier, preferred field and round). The fund sees value + noise and invests when the posterior mean

    m = signal / (1 + noise**2) + guidance_relief * g - guidance_distaste * g**2  >  hurdle

where g is the share of a guidance fund that would co-invest. Stakes are sold by a hazard at a value that follows the
firm's sales; funds end after their life and are raised anew.
"""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np

from greaterbay.actors.firm import LEADER, STARTUP
from greaterbay.actors.fund import GUIDANCE, VENTURE
from greaterbay.exchange.productivity import mean_by_field
from greaterbay.kernels import kernel
from greaterbay.policy import instruments
from greaterbay.streams import combine, gumbel, normal, uniform

SEEN_FUNDS = 5
Keys = namedtuple("Keys", ["pick", "signal"])
StartUps = namedtuple("StartUps", ["id", "city", "field", "weight", "rounds", "fund"])
Investors = namedtuple("Investors", ["id", "city", "field", "early", "budget"])
@kernel
def posterior_mean(value, noise, shock):
    """Screening: the fund sees value + noise * shock; prior variance one, so the posterior mean shrinks the signal."""
    return (value + noise * shock) / (1.0 + noise * noise)


@kernel
def guidance_effect(share, p):
    """Effect of a government share on the private hurdle: relief less a distaste that grows with the square."""
    return p.guidance_relief * share - p.guidance_distaste * share * share


@kernel
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


def renew_funds(bay) -> None:
    """Budgets of the quarter; funds at the end of their life pay out and are raised anew; guidance money is committed."""
    f, funds, ledger, quarter = bay.parameters.finance, bay.funds, bay.ledger, bay.quarter
    guidance = np.flatnonzero(funds.kind == GUIDANCE)
    share = bay.values.guidance_share
    if share.max() > 0.0:
        wanted = share * bay.public_money.science_budget_now / 4.0
        paid, payers = bay.budgets.transfer("guidance_share", wanted)
        city = funds.city[guidance]
        for place, part in payers:
            ledger.pay("commitment", "government", place[city], "fund", city, (paid * part)[city])
        funds.cash[guidance] += paid[city]
    funds.cash[guidance] += instruments.commit_funds(bay)[funds.city[guidance]]
    ending = np.flatnonzero((funds.kind == VENTURE) & (funds.ends <= quarter))
    if ending.size:
        city = funds.city[ending]
        target = funds.capital[ending] * bay.economy.growth_level
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
                   np.log1p(minutes / 30.0), bay.values.barrier_finance[:cities, :cities],
                   f.venture_size * bay.economy.growth_level, keys, f, lead, private, public)
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
    weight, city, size = firms.weight[rows], firms.city[rows].astype(np.int64), f.direct_size * bay.economy.growth_level
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
    relative = 4.0 * firms.sales[sold] / (bay.parameters.market.entry_size * bay.economy.growth_level)
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


def no_rounds(bay) -> None:
    """Off: no start-up gets a round; stakes held are sold as before."""
