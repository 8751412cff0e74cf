"""Phase 10. The books close: people, money, inventions and ties are counted; what does not balance stops the run.

Every check here is a named invariant (``INVARIANTS``); the tests run the same functions.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from greaterbay import outputs
from greaterbay.actors.fund import BANK
from greaterbay.actors.invention import FIRM_FIRM, INSTITUTE_INSTITUTE, TIE_TYPES
from greaterbay.actors.network import alive_node, node_city, own_levels
from greaterbay.clock import QUARTERS_PER_YEAR
from greaterbay.counts import count_inventions, count_people, repeats, stocks_by_city
from greaterbay.kernels import inlined, kernel
from greaterbay.measures import capability_distance, city_skills, transitivity, value_added


class BooksError(RuntimeError):
    """An invariant does not hold; the message names it, the quarter and the amounts."""


PUBLIC_COST = ("lever", "joint_grant", "team_grant", "commitment", "award", "guarantee", "budget_path")  # instruments that pay for levers
Counted = namedtuple("Counted", ["people", "inventions", "firms"])
FirmsRead = namedtuple("FirmsRead", ["alive", "city", "field", "weight", "staff", "cash", "loan", "arrears", "invested", "sales",
                                     "productivity"])
FirmCount = namedtuple("FirmCount", [
    "firms", "cash", "debt", "sold", "cells", "staff", "invested", "least_cash", "least_loan", "least_arrears", "placeless",
    "endless_arrears", "without_sales", "without_productivity",
])
TiesRead = namedtuple("TiesRead", ["a", "b", "type", "weight"])
INVARIANTS: dict[str, object] = {}


def invariant(function):
    """Register a check: it returns (gap, tolerance); a larger gap stops the run."""
    INVARIANTS[function.__name__] = function
    return function


def _people(bay):
    """Count of people: made once for all checks of a quarter, anew when a single check is asked."""
    return bay.stocks.counted.people if bay.stocks.counted else count_people(bay)


def _inventions(bay):
    """Count of inventions, as ``_people``."""
    return bay.stocks.counted.inventions if bay.stocks.counted else count_inventions(bay)


@inlined
def _least(a, b):
    """The smaller of two numbers; not a number when one of them is none."""
    return b if b < a or b != b else a


@kernel
def _count_firms(firms, by_city, sold, cells):
    """Fill ``by_city`` (3, C): firms, cash, debt; sales by field (F,); rows by cell; return sums, least accounts, faults found."""
    staff = invested = least_cash = least_loan = least_arrears = 0.0
    placeless = endless_arrears = without_sales = without_productivity = 0
    for r in range(firms.alive.shape[0]):
        if firms.alive[r] == 0:
            continue
        c, f, weight = firms.city[r], firms.field[r], firms.weight[r]
        staff += firms.staff[r]
        invested += firms.invested[r] * weight
        least_cash = _least(least_cash, firms.cash[r])
        least_loan = _least(least_loan, firms.loan[r])
        least_arrears = _least(least_arrears, firms.arrears[r])
        if np.isinf(firms.arrears[r]):
            endless_arrears += 1
        if not firms.sales[r] > 0.0:
            without_sales += 1
        if not np.isfinite(firms.productivity[r]):
            without_productivity += 1
        if c < 0 or c >= by_city.shape[1] or f < 0 or f >= sold.shape[0]:
            placeless += 1
            continue
        by_city[0, c] += weight
        by_city[1, c] += firms.cash[r] * weight
        by_city[2, c] += firms.loan[r] * weight
        sold[f] += firms.sales[r] * weight
        cells[c * sold.shape[0] + f] += 1
    return (staff, invested, least_cash, least_loan, least_arrears, placeless, endless_arrears, without_sales, without_productivity)


def count_firms(bay) -> FirmCount:
    """Firms, their money and debt by city (C,), sales by field (F,), rows by cell, and in all what the checks of firms ask."""
    by_city, sold = np.zeros((3, len(bay.region.city_ids))), np.zeros(len(bay.region.field_ids))
    cells = np.zeros(bay.places.cells, np.int64)
    found = _count_firms(bay.firms.part(FirmsRead), by_city, sold, cells)
    return FirmCount(*by_city, sold, cells, *found)


def _firms(bay):
    """Count of firms, as ``_people``."""
    return bay.stocks.counted.firms if bay.stocks.counted else count_firms(bay)


@invariant
def people_balance(bay):
    """People now = before + in - out (graduates and newcomers in, retired and leavers out)."""
    now = _people(bay).total
    return abs(now - (bay.stocks.people_before + bay.stocks.people_in - bay.stocks.people_out)), 1e-6 * max(now, 1.0)


def _balance(now, before, booked):
    """Largest gap of a stock by city to what it was and what was booked since."""
    return float(np.abs(now - (before + booked)).max()), 1e-6 * max(1.0, float(now.max()))


@invariant
def people_balance_by_city(bay):
    """People of a city = before + arrivals - departures + graduates - retired."""
    t, cities = bay.tally.arrays, len(bay.region.city_ids)
    moves = sum(t[name] for name in outputs.talent_flows())
    booked = moves.sum(axis=0) - moves.sum(axis=1) + t["graduates"] - t["retired"]
    return _balance(_people(bay).talent, bay.stocks.by_city_before.people, booked[:cities])


@invariant
def people_have_places(bay):
    """Every person lives in one of the cities."""
    return float(_people(bay).placeless), 0.0


@invariant
def people_weights_positive(bay):
    """Nobody stands for no one."""
    return float(_people(bay).weightless), 0.0


@invariant
def employers_exist(bay):
    """Who works, works for a living employer."""
    return float(_people(bay).without_employer), 0.0


@invariant
def employees_live_at_work(bay):
    """Employees live in the city of their employer."""
    return float(_people(bay).elsewhere), 0.0


@invariant
def staff_is_people(bay):
    """Staff of all employers = people at work."""
    at_work = _people(bay).at_work
    staff = _firms(bay).staff + float(bay.institutes.staff.sum())
    return abs(at_work - staff), 1e-6 * max(at_work, 1.0)


@invariant
def identities_differ(bay):
    """No two firms share an identity."""
    return float(repeats(bay.firms.id, bay.firms.alive)), 0.0


@invariant
def person_identities_differ(bay):
    """No two people share an identity (looked at in the last quarter of a year: no other check takes as long)."""
    if bay.quarter % QUARTERS_PER_YEAR != QUARTERS_PER_YEAR - 1:
        return 0.0, 0.0
    return float(repeats(bay.people.id, bay.people.alive)), 0.0


@invariant
def firm_money(bay):
    """Firms' money equals the books."""
    bay.ledger.compare("firm", _firms(bay).cash, bay.label)
    return 0.0, 0.0


@invariant
def institute_money(bay):
    """Institutes' money equals the books."""
    held = np.bincount(bay.institutes.city, weights=bay.institutes.cash, minlength=len(bay.region.city_ids))
    bay.ledger.compare("institute", held, bay.label)
    return 0.0, 0.0


@invariant
def fund_money(bay):
    """Venture and guidance funds' money equals the books."""
    funds = bay.funds
    these = funds.kind != BANK
    held = np.bincount(funds.city[these], weights=funds.cash[these], minlength=len(bay.region.city_ids))
    bay.ledger.compare("fund", held, bay.label)
    return 0.0, 0.0


@invariant
def bank_money(bay):
    """Bank desks' money equals the books."""
    funds = bay.funds
    these = funds.kind == BANK
    held = np.bincount(funds.city[these], weights=funds.cash[these], minlength=len(bay.region.city_ids))
    bay.ledger.compare("bank", held, bay.label)
    return 0.0, 0.0


@invariant
def government_money(bay):
    """Governments' money equals the books."""
    bay.ledger.compare("government", bay.public_money.government_cash, bay.label)
    return 0.0, 0.0


@invariant
def insurers_can_pay(bay):
    """Insurers' accounts are not negative."""
    return float(np.maximum(0.0, -bay.ledger.account("insurer").min())), 1e-6


@invariant
def people_spend_wages(bay):
    """Wages are spent: people's accounts are empty at the end of a quarter."""
    return float(np.abs(bay.ledger.account("person")).max()), 1e-6 * max(1.0, float(bay.ledger.flow("wages").sum()))


@invariant
def money_is_conserved(bay):
    """All accounts with the outside add up to nothing."""
    return float(abs(bay.ledger.balance.sum())), 1e-9 * max(1.0, float(np.abs(bay.ledger.balance).sum()))


@invariant
def only_outside_owes(bay):
    """No account but the outside is negative."""
    return float(np.maximum(0.0, -bay.ledger.balance[:-1].min())), 1e-6 * max(1.0, float(np.abs(bay.ledger.balance).max()))


@invariant
def firms_do_not_owe_cash(bay):
    """A firm's money is not negative (arrears and loans are accounts of their own)."""
    return -_firms(bay).least_cash, 1e-6


@invariant
def funds_do_not_owe_cash(bay):
    """A fund's money is not negative."""
    return float(np.maximum(0.0, -bay.funds.cash.min(initial=0.0))), 1e-6


@invariant
def commitments_not_negative(bay):
    """Money committed by funds is not negative."""
    return float(np.maximum(0.0, -bay.funds.committed.min(initial=0.0))), 1e-3 * max(1.0, float(bay.funds.committed.max(initial=0.0)))


@invariant
def loans_are_committed(bay):
    """Loans of firms = money that bank desks have lent."""
    owed = float(_firms(bay).debt.sum())
    lent = float(bay.funds.committed[bay.funds.kind == BANK].sum())
    return abs(owed - lent), 1e-6 * max(1.0, owed)


@invariant
def stakes_are_committed(bay):
    """Money invested in firms = money that venture and guidance funds have committed."""
    held = _firms(bay).invested
    given = float(bay.funds.committed[bay.funds.kind != BANK].sum())
    return abs(held - given), 1e-6 * max(1.0, held)


@invariant
def loans_not_negative(bay):
    """No negative loans."""
    return -_firms(bay).least_loan, 1e-9


@invariant
def arrears_not_negative(bay):
    """No negative arrears."""
    counted = _firms(bay)
    return counted.endless_arrears - counted.least_arrears, 1e-9


@invariant
def public_cost_is_payments(bay):
    """Public cost of levers = payments that governments made for them."""
    cost = float(bay.budgets.used.sum())
    flows = sum(bay.ledger.flow(name).sum() for name in PUBLIC_COST)
    return abs(cost - float(flows)), 1e-6 * max(1.0, cost)


@invariant
def awards_are_accounted_for(bay):
    """Every yuan awarded goes to research, is kept, or is diverted."""
    t = bay.tally.arrays
    paid = float(bay.ledger.flow("award").sum())
    used = float(sum(t[name].sum() for name in ("awards_research", "awards_kept", "awards_diverted")))
    return abs(paid - used) + abs(paid - float(t["awards"].sum())), 1e-6 * max(1.0, paid)


@invariant
def returned_awards_are_paid_back(bay):
    """What is taken back from recipients arrives at governments."""
    paid = float(bay.ledger.flow("clawback").sum())
    return abs(paid - float(bay.tally.arrays["awards_returned"].sum())), 1e-6 * max(1.0, paid)


@invariant
def awards_within_caps(bay):
    """Nobody gets more than the caps of an instrument, per real firm, nor returns more than it got."""
    worst, state = 0.0, bay.instruments
    for j, one in enumerate(state.all):
        most = 2.0  # the largest share of the terms that can be in force
        for cap, book in ((one.terms.cap_year, "got_year"), (one.terms.cap_total, "got_total")):
            if np.isfinite(cap):
                worst = max(worst, float(state.memory[book][j].max(initial=0.0)) - most * cap)
        worst = max(worst, float((state.memory["held"][j] - state.memory["got_total"][j]).max(initial=0.0)))
    return worst, 1e-6


@invariant
def promises_are_not_negative(bay):
    """What is promised to recipients and not yet paid is not negative."""
    return float(max([0.0, *(-one.owed.min(initial=0.0) for one in bay.instruments.all)])), 1e-9


@invariant
def budgets_bind(bay):
    """No city spends more on levers than its room."""
    return float(np.maximum(0.0, -bay.budgets.room.min(initial=0.0))), 1e-6


@invariant
def shares_sum_to_one(bay):
    """Firms' sales in a field add up to the field's market."""
    total = _firms(bay).sold
    filled = total > 0
    gap = np.abs(total[filled] / bay.economy.market_now[filled] - 1.0)
    return float(gap.max(initial=0.0)), 1e-9


@invariant
def sales_positive(bay):
    """Every firm sells something."""
    return float(_firms(bay).without_sales), 0.0


@invariant
def firm_balance(bay):
    """Firms now = before + entries - exits (weighted)."""
    now = float(_firms(bay).firms.sum())
    tally = bay.tally.arrays
    gap = now - (bay.stocks.firms_before + tally["firm_entries"].sum() - tally["firm_exits"].sum())
    return abs(float(gap)), 1e-6 * now


@invariant
def firm_balance_by_city(bay):
    """Firms of a city = before + entries - exits + moved in - moved out."""
    t, cities = bay.tally.arrays, len(bay.region.city_ids)
    booked = t["firm_entries"] - t["firm_exits"] + t["firm_relocations_in"] - t["firm_relocations_out"]
    return _balance(_firms(bay).firms, bay.stocks.by_city_before.firms, booked[:cities])


@invariant
def relocations_balance(bay):
    """Who leaves a city arrives in another."""
    tally = bay.tally.arrays
    return abs(float(tally["firm_relocations_in"].sum() - tally["firm_relocations_out"].sum())), 1e-6


@invariant
def firms_have_places(bay):
    """Every firm sits at a place of its city and field."""
    counted = _firms(bay)
    return float(np.abs(counted.cells - bay.places.used).max() + counted.placeless), 0.0


@invariant
def levels_between_zero_and_one(bay):
    """Capability levels lie in [0, 1]."""
    worst = 0.0
    # an empty row holds zeros, so the whole column can be read as it lies
    for levels in (bay.firms.capability, bay.institutes.capability):
        worst = float(np.maximum.reduce([worst, -levels.min(initial=0.0), levels.max(initial=0.0) - 1.0]))
    return worst, 0.0


@invariant
def inventions_balance(bay):
    """Inventions in force = before + new - lapsed (weighted)."""
    now = _inventions(bay).total
    tally = bay.tally.arrays
    return abs(now - (bay.stocks.inventions_before + float(tally["inventions"].sum() - tally["lapsed"].sum()))), 1e-6 * max(1.0, now)


@invariant
def inventions_balance_by_city(bay):
    """Inventions in force of a city = before + new - lapsed."""
    t, cities = bay.tally.arrays, len(bay.region.city_ids)
    return _balance(_inventions(bay).in_force, bay.stocks.by_city_before.inventions, (t["inventions"] - t["lapsed"])[:cities])


@invariant
def stages_add_up(bay):
    """Results on their way and in the market are part of the inventions in force of their city."""
    counted = _inventions(bay)
    over = counted.pipeline.sum(axis=1) - counted.in_force
    return float(np.maximum(0.0, over.max())), 1e-6 * max(1.0, float(counted.in_force.max()))


@invariant
def stages_are_declared(bay):
    """Stages lie between laboratory and given up."""
    return float(_inventions(bay).stageless), 0.0


@invariant
def market_balance(bay):
    """Inventions in the market = before + conversions - lapsed in the market (checked by growth not above conversions)."""
    now = _inventions(bay).total_market
    growth = now - bay.stocks.in_market_before
    return float(np.maximum(0.0, growth - bay.tally.arrays["conversions"].sum())), 1e-6 * max(1.0, now)


@invariant
def developers_exist(bay):
    """Who develops a result is a living firm."""
    return float(_inventions(bay).without_developer), 0.0


@invariant
def owners_exist(bay):
    """Who owns a result is alive."""
    return float(_inventions(bay).without_owner), 0.0


@invariant
def partners_exist(bay):
    """Both ends of a tie are alive."""
    ties, rows = bay.ties, bay.ties.alive_rows()
    alive = alive_node(bay)
    return float((alive[ties.a[rows]] == 0).sum() + (alive[ties.b[rows]] == 0).sum()), 0.0


@invariant
def pairs_tie_once(bay):
    """A pair has at most one tie, and nobody is tied to itself."""
    ties, rows = bay.ties, bay.ties.alive_rows()
    a, b = ties.a[rows], ties.b[rows]
    return float(repeats(a * 4_000_000 + b) + (a == b).sum()), 0.0


@invariant
def tie_matrices_symmetric(bay):
    """Ties between firms and between institutes are recorded symmetrically."""
    t = bay.tally.arrays
    return float(max(np.abs(t[n] - t[n].T).max() for n in ("ties_firm_firm", "ties_institute_institute"))), 1e-6


@invariant
def ties_add_up(bay):
    """Ties inside cities, jurisdictions and across borders add up to all ties."""
    t = bay.tally.arrays
    parts = sum(t[n].sum() for n in ("ties_inside", "ties_jurisdiction", "ties_border"))
    whole = sum(t[n].sum() for n in ("ties_firm_firm", "ties_firm_institute", "ties_institute_institute"))
    return abs(float(parts - whole)), 1e-6 * max(1.0, float(whole))


@invariant
def adoption_within_bounds(bay):
    """No more users than possible users."""
    t = bay.tally.arrays
    return float(np.maximum(0.0, (t["adopters_technology"] - t["potential_technology"]).max())), 1e-6


@invariant
def conversions_by_field_add_up(bay):
    """Conversions by field add up to conversions."""
    t = bay.tally.arrays
    return abs(float(t["conversions"].sum() - t["conversions_field"].sum())), 1e-6 * max(1.0, float(t["conversions"].sum()))


@invariant
def inventions_by_field_add_up(bay):
    """Inventions by field add up to inventions."""
    t = bay.tally.arrays
    return abs(float(t["inventions"].sum() - t["inventions_field"].sum())), 1e-6 * max(1.0, float(t["inventions"].sum()))


def _received_across(bay, names):
    """What every place receives from the bay's cities of another jurisdiction, by the flow matrices (P,)."""
    at = bay.region.jurisdiction_city
    total = sum(bay.tally.arrays[name] for name in names)[: at.size, : at.size]
    found = np.zeros(bay.tally.sizes["city"])
    found[: at.size] = (total * (at[:, None] != at[None, :])).sum(axis=0)
    return found


def _border_gap(bay, name, flows):
    received = _received_across(bay, flows)
    return float(np.abs(received - bay.tally.arrays[name]).max()), 1e-6 * max(1.0, float(received.max()))


@invariant
def licences_balance(bay):
    """Licences, sales and joint uses that leave one jurisdiction arrive in another."""
    return _border_gap(bay, "technology_border", [f"flow_technology_{channel}_{kind}" for channel in ("licence", "sale", "joint")
                                                  for kind in ("firm", "institute")])


@invariant
def licences_are_paid(bay):
    """What users pay for licences reaches owners: payments need a transfer, and imports need their payment."""
    t, ledger = bay.tally.arrays, bay.ledger
    priced = sum(t[f"flow_technology_{channel}_{kind}"].sum() for channel in ("licence", "sale") for kind in ("firm", "institute"))
    paid = float(ledger.flow("licence").sum())
    gap = abs(float(ledger.flow("import").sum() - t["imports_cost"].sum()))
    highest = 4.0 * bay.parameters.transfer.price * float(priced)  # no price is above four times that of quality one
    return gap + max(0.0, paid - highest), 1e-6 * max(1.0, paid)


@invariant
def border_talent_adds_up(bay):
    """People recorded as arriving across a border are those of the flow matrices."""
    return _border_gap(bay, "talent_border", outputs.talent_flows())


@invariant
def border_capital_adds_up(bay):
    """Venture and guidance capital recorded as arriving across a border is that of the flow matrices."""
    return _border_gap(bay, "capital_border", ("flow_capital_venture", "flow_capital_guidance"))


@invariant
def wages_and_rents_positive(bay):
    """Wages and rents are positive and finite."""
    both = np.concatenate((bay.prices.wage_city, bay.prices.rent_city))
    return float((~np.isfinite(both) | (both <= 0)).sum()), 0.0


@invariant
def productivity_finite(bay):
    """Productivity is finite."""
    return float(_firms(bay).without_productivity), 0.0


@invariant
def barriers_not_negative(bay):
    """Barriers are not negative and vanish inside a jurisdiction."""
    v, where = bay.values, bay.region.jurisdiction_city
    same = where[:, None] == where[None, :]
    worst = 0.0
    for matrix in (v.barrier_technology, v.barrier_talent, v.barrier_finance):
        inside = matrix[: where.size, : where.size]
        worst = float(np.maximum.reduce([worst, -matrix.min(), np.abs(inside[same]).max()]))
    return worst, 0.0


@invariant
def cuts_hold(bay):
    """Nothing passes between cities that the run cuts apart: no tie, person, licence or capital in any flow matrix."""
    if bay.world.cut_pairs is None:
        return 0.0, 0.0
    cities = bay.world.cut_pairs.shape[0]
    crossing = [np.abs(bay.tally.arrays[o.id][:cities, :cities][bay.world.cut_pairs]).sum() for o in outputs.flows()]
    return float(sum(crossing)), 0.0


@invariant
def learning_from_core_within_learning(bay):
    """Learning traced to the core is part of all learning."""
    t = bay.tally.arrays
    return float(np.maximum(0.0, (t["learning_from_core"] - t["learning"]).max())), 1e-6 * max(1.0, float(t["learning"].max()))


def check(bay) -> None:
    """Run every invariant; the first that does not hold stops the run."""
    for name, function in INVARIANTS.items():
        gap, tolerance = function(bay)
        if not gap <= tolerance < np.inf:  # also catches not-a-number and infinity
            raise BooksError(f"{bay.label}: {name} does not hold: gap {gap:g}, allowed {tolerance:g} ({function.__doc__})")


def close_quarter(bay) -> None:
    """Stocks of the quarter, checks, record."""
    bay.stocks.counted = Counted(count_people(bay), count_inventions(bay), count_firms(bay))
    measure(bay)
    bay.budgets.close_quarter()
    check(bay)
    bay.stocks.people_total, bay.stocks.inventions_total = bay.stocks.counted.people.total, bay.stocks.counted.inventions.total
    bay.stocks.in_market_total = bay.stocks.counted.inventions.total_market
    bay.stocks.by_city = stocks_by_city(bay, bay.stocks.counted.people, bay.stocks.counted.inventions)
    bay.stocks.counted = None
    if not bay.warming:
        bay.record.keep(bay.tally)


def measure(bay) -> None:
    """Stocks, indices and network measures at the end of the quarter."""
    region, firms, tally = bay.region, bay.firms, bay.tally
    people, inventions, counted = _people(bay), _inventions(bay), _firms(bay)
    cities = len(region.city_ids)
    rows = firms.alive_rows()
    city, weight = firms.city[rows], firms.weight[rows]
    number = np.maximum(counted.firms, 1e-12)

    def by_city(values):
        return np.bincount(city, weights=values, minlength=cities)

    tally.set("firms", counted.firms)
    tally.add("firms_kind", (city, firms.kind[rows]), weight)
    tally.set("talent", people.talent)
    tally.set("talent_idle", people.idle)
    tally.set("employed", people.employed)
    tally.set("skill_sum", city_skills(bay))
    split = firms.production_city[rows] != city
    tally.set("firms_split", by_city(weight * split))
    tally.set("wage_sum", people.employed * bay.prices.wage_city)
    tally.set("rent", bay.prices.rent_city)
    tally.set("population", region.population_city)
    simulated, rest = value_added(bay)
    tally.set("output_simulated", simulated)
    tally.set("output", simulated + rest)
    begun = bay.reference.output_start
    bay.economy.output_ratio = (simulated + rest) / begun if begun is not None else np.ones(cities)
    mean = by_city(weight * firms.productivity[rows]) / number
    sd = np.sqrt(np.maximum(0.0, by_city(weight * (firms.productivity[rows] - mean[city]) ** 2) / number))
    tally.set("productivity_sd", sd)
    tally.set("capability", by_city(weight * own_levels(firms, rows)) / number)
    tally.set("pipeline", inventions.pipeline)
    tally.set("inventions_in_force", inventions.in_force)
    tally.set("inventions_in_market", inventions.in_market)
    tally.set("firm_cash", counted.cash)
    tally.set("firm_debt", counted.debt)
    tally.set("lever_value", bay.values.lever_value)
    tally.set("agents_firms", np.bincount(city, minlength=cities))
    tally.set("agents_people", people.heads)
    measure_ties(bay)
    measure_region(bay, rows, simulated + rest)


@kernel
def _place_ties(rows, ties, city_node, jurisdiction, firm_firm, firm_institute, institute_institute, inside, near, border):
    """Half a tie from each side: first all from the first partner, then all from the second."""
    for turn in range(2):
        for t in rows:
            a, b, weight = city_node[ties.a[t]], city_node[ties.b[t]], ties.weight[t]
            if turn == 1:
                a, b = b, a
            if ties.type[t] == FIRM_FIRM:
                firm_firm[a, b] += 0.5 * weight
            elif ties.type[t] == INSTITUTE_INSTITUTE:
                institute_institute[a, b] += 0.5 * weight
            elif turn == 1:  # the institute comes first in a pair
                firm_institute[a, b] += weight
            if a == b:
                inside[a] += 0.5 * weight
            elif jurisdiction[a] == jurisdiction[b]:
                near[a] += 0.5 * weight
            else:
                border[a] += 0.5 * weight


def measure_ties(bay) -> None:
    """Tie matrices (half a tie in each direction) and where ties lie."""
    ties, region, tally = bay.ties, bay.region, bay.tally
    where = (tally.matrix(f"ties_{name}") for name in ("inside", "jurisdiction", "border"))
    kinds = (tally.matrix(f"ties_{name}") for name in TIE_TYPES)
    _place_ties(ties.alive_rows(), ties.part(TiesRead), node_city(bay), region.jurisdiction_city, *kinds, *where)


def measure_region(bay, rows: np.ndarray, output: np.ndarray) -> None:
    """Region-wide indices."""
    firms, tally, region, t = bay.firms, bay.tally, bay.region, bay.tally.arrays
    weight = firms.weight[rows]
    tally.set("mean_degree", float((firms.degree[rows] * weight).sum() / weight.sum()))
    ties = t["ties_inside"].sum() + t["ties_jurisdiction"].sum() + t["ties_border"].sum()
    tally.set("border_tie_share", float(t["ties_border"].sum() / ties) if ties else 0.0)
    tally.set("transitivity", transitivity(bay))
    tally.set("capability_distance", capability_distance(bay, rows))
    sales = firms.sales[rows]
    tally.set("size_tail", hill(sales, weight, 0.05))
    per_head = output / region.population_city
    share = region.population_city / region.population_city.sum()
    mean = float((per_head * share).sum())
    tally.set("inequality", float((share * per_head / mean * np.log(per_head / mean)).sum()))
    outer = ~region.core_city
    learning = t["learning"][: outer.size][outer].sum()
    tally.set("core_to_periphery", float(t["learning_from_core"][: outer.size][outer].sum() / learning) if learning > 0 else 0.0)


def hill(sizes: np.ndarray, weights: np.ndarray, top: float) -> float:
    """Weighted Hill estimate of the tail index over the largest ``top`` share of real firms."""
    order = np.argsort(-sizes, kind="stable")
    size, weight = sizes[order], weights[order]
    cumulative = np.cumsum(weight)
    k = int(np.searchsorted(cumulative, top * cumulative[-1])) + 1
    if k >= size.size or size[k] <= 0:
        return 0.0
    spread = float((weight[:k] * np.log(size[:k] / size[k])).sum() / weight[:k].sum())
    return 1.0 / spread if spread > 0 else 0.0
