"""Phase 8. Markets decide.

*Demand.* The bay's sales in a field follow the field's growth, which fades to the economy's by 2035, the bay's
productivity relative to the moving frontier (``demand_elasticity``), and overseas links in reach:

    M_f(t) = M_f(0) G_f(t) (Q_f / frontier_f)**demand_elasticity (1 + overseas * export_f * (hub / hub_2020 - 1))

*Shares.* Log sales move by selection * (fitness - mean) plus a growth shock and are scaled so that shares sum to one.
Fitness is effective productivity (limited by staff skill) less costs (wages and rents where the firm produces). A
firm's yearly variance is exponential, its quarterly shocks Gaussian, so growth is Laplace, with the spread
growth_sd * (1 + S / size_reference)**-growth_size (Fu et al. 2005).

*Accounts* of a real firm: sales - costs - research - ties - interest - tax, then owners are paid from money above the
buffer. Unpaid bills become arrears to suppliers. Next quarter's research is the wanted intensity, less when money
is short.

*Entry* follows incubator places and sales per firm over the cost of entry, which a business environment lowers, by five
channels with traits of their own (``exchange/entry.py``), and starts with founders' money. Places in parks, recognition
across borders and production sites: ``exchange/location.py``. *Exit* is a hazard: any firm, more when small, more with
unpaid bills. *Relocation* of research stays inside a jurisdiction, production may cross borders.
"""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np

from greaterbay.actors.firm import LEADER, SMALL, STARTUP
from greaterbay.actors.network import end_ties, see_ties
from greaterbay.exchange import location
from greaterbay.exchange.demography import move_firms, remove_firms
from greaterbay.exchange.entry import enter_market
from greaterbay.exchange.mobility import count_staff
from greaterbay.exchange.productivity import Weighed, effective_productivity, mean_by_field, productivity_by_city, relative_cost
from greaterbay.kernels import kernel
from greaterbay.measures import city_sales
from greaterbay.policy.coordination import barrier_to_role
from greaterbay.streams import gumbel, normal, uniform

Sellers = namedtuple("Sellers", ["alive", "id", "field", "sales"])
Accounts = namedtuple("Accounts", ["city", "production_city", "field", "weight", "sales", "skill", "rd_paid", "rd_granted", "rd_intensity",
                                   "cash", "arrears"])
Booked = namedtuple("Booked", ["sales", "costs", "wages", "research", "ties", "tax_city", "tax_rest", "short", "back", "dividend",
                               "tax", "own_research", "wanted"])
Leavers = namedtuple("Leavers", ["alive", "id", "kind", "incubated", "sales", "arrears"])
Movers = namedtuple("Movers", ["id", "city", "field"])


@kernel
def growth_spread(sales, p):
    """Yearly standard deviation of log growth at yearly sales (million CNY)."""
    return p.growth_sd * (1.0 + sales / p.size_reference) ** (-p.growth_size)


@kernel
def grow(firms, fitness, mean_fitness, year_key, shock_key, p):
    """Move sales by selection and a Laplace growth shock (variance by firm and year, Gaussian by quarter)."""
    for r in range(firms.alive.shape[0]):
        if firms.alive[r] == 0:
            continue
        spread = growth_spread(4.0 * firms.sales[r], p)
        variance = spread * spread * -math.log(uniform(year_key, firms.id[r], 0))
        shock = math.sqrt(variance / 4.0) * normal(shock_key, firms.id[r], 0) - variance / 8.0
        firms.sales[r] *= math.exp(min(1.0, max(-1.0, p.selection * (fitness[r] - mean_fitness[firms.field[r]]) + shock)))


def overseas_reach(bay, barrier: np.ndarray) -> float:
    """Overseas links in reach of the bay's sales: links of each city, through the technology barrier to it."""
    cities, sales = len(bay.region.city_ids), city_sales(bay)
    open_share = np.clip(1.0 - barrier[:cities, :cities], 0.0, 1.0)
    links = (open_share * bay.region.overseas_links_city[None, :]).max(axis=1)
    return float(np.average(links, weights=np.maximum(sales, 1e-12)))


def market_sizes(bay) -> np.ndarray:
    """Sales of the bay's firms by field this quarter (F,), million CNY."""
    p, region = bay.parameters.market, bay.region
    relative = mean_by_field(bay, np.exp(bay.economy.effective)) / bay.reference.productivity_reference / bay.economy.frontier_field
    cities = len(region.city_ids)
    now = overseas_reach(bay, barrier_to_role(bay, bay.values.open_technology[:cities, :cities], "overseas"))
    then = overseas_reach(bay, bay.world.base_barriers.technology)
    gain = 1.0 + p.overseas * region.export_share_field * (now / max(then, 1e-12) - 1.0)
    return bay.reference.market_start * bay.economy.market_growth * np.maximum(relative, 0.2) ** p.demand_elasticity * gain


@kernel
def _scale(firms, sizes, total):
    for r in range(firms.alive.shape[0]):
        if firms.alive[r]:
            total[firms.field[r]] += firms.sales[r] * firms.weight[r]
    for r in range(firms.alive.shape[0]):
        f = firms.field[r]
        if firms.alive[r] and total[f] > 0.0:
            firms.sales[r] *= sizes[f] / max(total[f], 1e-12)


def scale_to_market(bay, sizes: np.ndarray) -> None:
    """Scale sales so that the firms of a field share its market (shares sum to one)."""
    _scale(bay.firms.part(Weighed), sizes, np.zeros(sizes.size))


def decide_markets(bay) -> None:
    """Phase 8 in order: demand, shares, accounts, entry, exit, relocation."""
    firms, mechanisms = bay.firms, bay.mechanisms
    bay.economy.effective = effective_productivity(bay)
    if not bay.warming:
        cost = relative_cost(bay)
        rows = firms.alive_rows()
        fitness = bay.economy.effective.copy()
        fitness[rows] -= bay.parameters.finance.margin_cost / bay.parameters.finance.margin_productivity * cost[firms.production_city[rows]]
        mean = mean_by_field(bay, fitness)
        sizes = bay.economy.market_now = market_sizes(bay)
        mechanisms.growth(bay, fitness, mean)
        scale_to_market(bay, sizes)
        mechanisms.imitation(bay)
        bay.economy.productivity_city = productivity_by_city(bay)
    mechanisms.value_of_results(bay)
    keep_accounts(bay)
    if not bay.warming:
        leave_market(bay)
        enter_market(bay)
        mechanisms.relocation(bay)
        grow_up(bay)
        scale_to_market(bay, sizes)
        see_ties(bay)
    else:
        renew_start_ups(bay)
    count_staff(bay)


def grow_by_fitness(bay, fitness: np.ndarray, mean: np.ndarray) -> None:
    """Sales of the quarter by selection and Laplace shocks; ``fitness`` (rows,) and its mean by field (F,)."""
    grow(bay.firms.part(Sellers), fitness, mean, bay.streams.key("growth_variance", bay.quarter // 4),
         bay.streams.key("growth_shock", bay.quarter), bay.parameters.market)


def no_growth(bay, fitness: np.ndarray, mean: np.ndarray) -> None:
    """Off: firms keep their shares of the market."""


def imitate(bay) -> None:
    """Imitation inside a field: leads and lags in log productivity shrink by ``catch_up`` a quarter."""
    firms = bay.firms
    rows = firms.alive_rows()
    gap = firms.productivity[rows] - mean_by_field(bay, firms.productivity)[firms.field[rows]]
    firms.productivity[rows] -= bay.parameters.market.catch_up * gap


def no_imitation(bay) -> None:
    """Off: leads and lags last."""


def no_value(bay) -> None:
    """Off: a result in the market is worth nothing to its developer."""


def apply_conversions(bay) -> None:
    """A conversion raises the developer's log productivity by innovation_gain * ln(1 + quality) * share of its sales renewed."""
    p, inventions, firms, count = bay.parameters.market, bay.inventions, bay.firms, bay.institutes.capacity
    rows = bay.technologies.arrivals
    developer = inventions.developer[rows] - count
    valid = developer >= 0
    rows, developer = rows[valid], developer[valid]
    # an invention renews product_size of the firm's yearly sales, at most all of them
    per_firm = inventions.weight[rows] / np.maximum(firms.weight[developer], 1e-12)
    renewed = np.minimum(1.0, per_firm * p.product_size / np.maximum(4.0 * firms.sales[developer], 1e-9))
    gain = p.innovation_gain * np.log1p(inventions.quality[rows]) * renewed
    np.add.at(firms.productivity, developer, gain)


@kernel
def _account(rows, firms, effective, mean, cost, wage, ties, tax_rate, f, booked):
    """The accounts of one real firm after the other (``rows``); what is booked is that of all firms of a row."""
    for i in range(rows.shape[0]):
        r = rows[i]
        c, sales, weight, granted = firms.city[r], firms.sales[r], firms.weight[r], firms.rd_granted[r]
        relative = effective[r] - mean[firms.field[r]]
        margin = f.profit_margin + f.margin_productivity * relative - f.margin_cost * cost[firms.production_city[r]]
        margin = min(0.5, max(-0.1, margin))
        costs = sales * (1.0 - margin)
        wages = firms.skill[r] / weight * wage[c] / 4.0  # paid by efficiency units
        research = max(firms.rd_paid[r] + granted, wages)
        tax = max(sales * margin - research - ties[i], 0.0) * tax_rate[i]
        cash = firms.cash[r] + sales - costs - research - ties[i] - tax
        # arrears: suppliers wait; they are paid first when there is money
        short = max(0.0, -cash)
        cash += short
        firms.arrears[r] += short
        back = 0.0 if short > 0.0 else min(max(cash, 0.0), firms.arrears[r])
        cash -= back
        firms.arrears[r] -= back
        wanted = firms.rd_intensity[r] * sales
        dividend = max(0.0, cash - f.buffer * wanted) * f.payout
        firms.cash[r] = cash - dividend
        booked.sales[i], booked.costs[i], booked.wages[i] = sales * weight, costs * weight, wages * weight
        booked.research[i], booked.ties[i] = (research - wages) * weight, ties[i] * weight
        to_city = tax * f.tax
        booked.tax_city[i], booked.tax_rest[i] = to_city * weight, (tax - to_city) * weight
        booked.short[i], booked.back[i], booked.dividend[i] = short * weight, back * weight, dividend * weight
        booked.tax[i], booked.own_research[i], booked.wanted[i] = tax, max(research - granted, 0.0), wanted


def keep_accounts(bay) -> None:
    """Sales, costs, research, ties, interest, tax, owners, arrears; then next quarter's research money."""
    f, firms, ledger = bay.parameters.finance, bay.firms, bay.ledger
    rows = firms.alive_rows()
    city, production, weight = firms.city[rows].astype(np.int64), firms.production_city[rows].astype(np.int64), firms.weight[rows]
    booked = Booked(*np.empty((len(Booked._fields), rows.size)))
    ties = firms.degree[rows] * bay.parameters.partnering.tie_cost
    effective = bay.economy.effective
    _account(rows, firms.part(Accounts), effective, mean_by_field(bay, effective), relative_cost(bay), bay.prices.wage_city, ties,
             location.tax_rate(bay, rows), f, booked)
    bay.instruments.note("profit_tax", rows, booked.tax)
    bay.instruments.note("taxed_research", rows, booked.own_research)
    ledger.pay("sales", "outside", city, "firm", city, booked.sales)
    ledger.pay("costs", "firm", city, "outside", production, booked.costs)
    ledger.pay("wages", "firm", city, "person", city, booked.wages)
    ledger.pay("consumption", "person", city, "outside", city, booked.wages)
    ledger.pay("research", "firm", city, "outside", city, booked.research)
    ledger.pay("tie", "firm", city, "outside", city, booked.ties)
    ledger.pay("tax", "firm", city, "government", city, booked.tax_city)
    ledger.pay("tax", "firm", city, "outside", city, booked.tax_rest)
    bay.public_money.government_cash += np.bincount(city, weights=booked.tax_city, minlength=bay.public_money.government_cash.size)
    ledger.pay("trade_credit", "outside", city, "firm", city, booked.short)
    ledger.pay("trade_repayment", "firm", city, "outside", city, booked.back)
    ledger.pay("dividend", "firm", city, "outside", city, booked.dividend)
    firms.data_quarters[rows] += 1
    bay.tally.add("rd_private", city, booked.own_research * weight)
    bay.tally.add("rd_public", city, firms.rd_granted[rows] * weight)
    bay.tally.add("sales", city, booked.sales)
    bay.tally.add("productivity_weight", city, np.exp(bay.economy.effective[rows]) * firms.sales[rows] * weight)
    # research of the next quarter: less when money is below the buffer
    firms.rd_granted[rows] = firms.grant_cash[rows]
    firms.grant_cash[rows] = 0.0
    ratio = np.clip(firms.cash[rows] / np.maximum(f.buffer * booked.wanted, 1e-9), 0.02, 1.0)
    firms.rd_paid[rows] = np.maximum(0.0, booked.wanted * ratio**f.rd_response + firms.grant_response[rows])
    firms.grant_response[rows] = 0.0


@kernel
def _leaves(firms, key, p, leaves):
    """Which firms exit: those whose keyed draw is below their hazard."""
    for r in range(firms.alive.shape[0]):
        if firms.alive[r] == 0:
            continue
        sheltered = firms.incubated[r] == 1 and firms.kind[r] == STARTUP
        small = p.exit_small / (1.0 + 4.0 * firms.sales[r] / p.exit_size) * (p.shelter if sheltered else 1.0)
        hazard = p.exit_base + small + p.exit_cash * (1.0 if firms.arrears[r] > 0.0 else 0.0)
        if firms.kind[r] == LEADER:
            hazard = p.exit_base * 0.25
        leaves[r] = uniform(key, firms.id[r], 0) < hazard


def leaving(bay) -> np.ndarray:
    """Firms that exit this quarter (rows,) bool, by hazard: any firm, more when small, more with unpaid bills."""
    leaves = np.zeros(bay.firms.capacity, bool)
    _leaves(bay.firms.part(Leavers), bay.streams.key("exit", bay.quarter), bay.parameters.market, leaves)
    return leaves


def nobody_leaves(bay) -> np.ndarray:
    """Off: no firm exits."""
    return np.zeros(bay.firms.capacity, bool)


def leave_market(bay) -> None:
    """Exit by hazard; what a firm leaves behind is booked, its people look for posts, its results may lapse."""
    firms = bay.firms
    gone = np.flatnonzero(bay.mechanisms.exit(bay))
    bay.tally.add("firm_exits", firms.city[gone], firms.weight[gone])
    remove_firms(bay, gone)


@kernel
def choose_city(rows, firms, at, value, travel_log, barrier, allowed, bonus, key, chosen):
    """City with the highest utility for each considering firm: value (C, F), travel from the present city, barrier; allowed (n, C)."""
    for i in range(rows.shape[0]):
        r = rows[i]
        here = at[r]
        best = -1e300
        for c in range(value.shape[0]):
            if not allowed[i, c]:
                continue
            u = value[c, firms.field[r]] - 0.5 * travel_log[here, c] - barrier[here, c] + gumbel(key, firms.id[r], c)
            if c == here:
                u += bonus
            if u > best:
                best = u
                chosen[i] = c


def relocate(bay) -> None:
    """A few firms consider another city for research (where they may) or production (anywhere in the bay); some are shown places."""
    p, firms, region, quarter, values = bay.parameters.market, bay.firms, bay.region, bay.quarter, bay.values
    cities = len(region.city_ids)
    rows = firms.alive_rows()
    rows = rows[firms.kind[rows] != LEADER]
    draw = bay.streams.uniforms("relocate", quarter, firms.id[rows])
    value = location.location_value(bay)
    travel_log = np.log1p(bay.values.travel_minutes[:cities, :cities] / 30.0)
    barrier = bay.values.barrier_technology[:cities, :cities]
    key = bay.streams.key("relocate_city", quarter)
    research = rows[draw < p.relocate]
    chosen = np.empty(research.size, np.int64)
    choose_city(research, firms.part(Movers), firms.city, value, travel_log, barrier, location.may_enter(bay, research),
                p.relocate_bonus, key, chosen)
    production = rows[(draw >= p.relocate) & (draw < 2 * p.relocate)]
    anywhere = np.empty(production.size, np.int64)
    choose_city(production, firms.part(Movers), firms.production_city, value, travel_log, barrier, np.ones((production.size, cities), bool),
                p.relocate_bonus, key, anywhere)
    move_production(bay, production, anywhere)
    movers = research[chosen != firms.city[research]]
    move_firms(bay, movers, chosen[chosen != firms.city[research]])
    if values.park_special.any() or values.chain_parks.any():
        move_firms(bay, *location.answer_parks(bay, value))
    if values.site_support.any():
        move_production(bay, *location.answer_sites(bay, value))


def nobody_moves(bay) -> None:
    """Off: research and production stay where they are."""


def move_production(bay, rows: np.ndarray, city: np.ndarray) -> None:
    """Production of firms is in these cities from now on."""
    firms = bay.firms
    moved = firms.production_city[rows] != city
    bay.tally.add("production_moves_in", city[moved], firms.weight[rows[moved]])
    firms.production_city[rows] = city


def renew_start_ups(bay) -> None:
    """Warm-up: a start-up that would grow up is replaced by a new one of the same size, without ties or partners.

    Without this the start-ups of 2020 would carry the ties of ten years.
    """
    firms, count = bay.firms, bay.institutes.capacity
    rows = firms.alive_rows()
    old = rows[(firms.kind[rows] == STARTUP) & (bay.quarter - firms.birth[rows] >= 4 * bay.parameters.market.startup_years)]
    ended = np.zeros(count + firms.capacity, bool)
    ended[old + count] = True
    end_ties(bay, ended)
    firms.past[old] = -1
    firms.birth[old] = bay.quarter
    firms.grants_before[old] = 0
    fresh = old[firms.invested[old] == 0.0]
    firms.rounds[fresh] = 0
    see_ties(bay)


def grow_up(bay) -> None:
    """A start-up becomes a small firm with age."""
    firms = bay.firms
    rows = firms.alive_rows()
    old = rows[(firms.kind[rows] == STARTUP) & (bay.quarter - firms.birth[rows] >= 4 * bay.parameters.market.startup_years)]
    firms.kind[old] = SMALL
    firms.rd_intensity[old] /= bay.parameters.market.startup_research
