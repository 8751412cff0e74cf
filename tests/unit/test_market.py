"""Phase 8: shares, growth, accounts, entry, exit, relocation."""

from __future__ import annotations

import numpy as np
import pytest
from trial_bay import among_cities, change, play

from greaterbay.actors import population
from greaterbay.actors.firm import LEADER, SMALL, STARTUP, Firms
from greaterbay.actors.population import interleave, pareto_bins, shares_to_counts, thinned
from greaterbay.exchange import market, productivity
from greaterbay.exchange.demography import remove_firms
from greaterbay.exchange.market import growth_spread
from greaterbay.parameters import Parameters
from greaterbay.streams import Streams, identity_of

P = Parameters().market
NO_TURNOVER = {"market.entry_rate": 0, "market.exit_base": 0, "market.exit_small": 0, "market.exit_cash": 0}


def shares(bay):
    """Share of every firm in its field's market."""
    firms = bay.firms
    sales = firms.sales * firms.weight * (firms.alive == 1)
    total = np.bincount(np.maximum(firms.field, 0), weights=sales, minlength=12)
    return sales / total[np.maximum(firms.field, 0)]


# ---------------------------------------------------------------- growth


def test_spread_of_growth_falls_with_size_with_the_declared_exponent():
    sizes = np.array([0.0, 40.0, 4e4, 4e6, 4e8])
    spread = np.array([growth_spread(s, P) for s in sizes])
    assert spread[0] == P.growth_sd
    assert spread[1] == pytest.approx(P.growth_sd * 2.0**-P.growth_size)
    assert np.log(spread[4] / spread[3]) / np.log(sizes[4] / sizes[3]) == pytest.approx(
        -P.growth_size, rel=1e-4
    )
    assert growth_spread(40.0, P._replace(growth_sd=0.0)) == 0.0


def grown(n=20_000, sales=10.0, quarters=4, **changes):
    """Yearly log growth of many firms of one size, by the kernel alone."""
    p = P._replace(**{k: float(v) for k, v in changes.items()})
    firms = Firms(n, 48)
    firms.alive[:], firms.field[:] = 1, 0
    firms.id[:] = np.array([identity_of("test", k) for k in range(n)], np.uint64)
    streams, steps = Streams(1), []
    for quarter in range(8080, 8080 + quarters):
        firms.sales[:] = sales / 4.0
        market.grow(
            firms.part(market.Sellers),
            np.zeros(n),
            np.zeros(1),
            streams.key("growth_variance", quarter // 4),
            streams.key("growth_shock", quarter),
            p,
        )
        steps.append(np.log(firms.sales / (sales / 4.0)))
    return np.array(steps)


def test_yearly_growth_is_laplace():
    steps = grown()
    year = steps.sum(axis=0)
    sd = growth_spread(10.0, P)
    assert year.std() == pytest.approx(sd, rel=0.03)
    centred = (year - year.mean()) / year.std()
    assert 4.5 < (centred**4).mean() < 7.0  # 3 for a normal, 6 for a Laplace distribution
    # quartiles of a Laplace distribution lie at ln 2 scales
    assert np.quantile(year, 0.75) - np.quantile(year, 0.25) == pytest.approx(
        2 * np.log(2) * sd / np.sqrt(2), rel=0.06
    )
    assert np.exp(year).mean() == pytest.approx(1.0, abs=0.01)


def test_variance_is_drawn_for_the_year_and_the_firm():
    steps = grown(n=4000)
    size = np.abs(steps - steps.mean(axis=1, keepdims=True))
    assert (
        np.corrcoef(size[0], size[3])[0, 1] > 0.15
    )  # a wild quarter is followed by wild ones in the same year
    next_year = grown(n=4000, quarters=8)
    assert abs(np.corrcoef(np.abs(next_year[0]), np.abs(next_year[4]))[0, 1]) < 0.06


def test_without_growth_shocks_and_selection_shares_stand_still(bay):
    change(bay, {"market.growth_sd": 0, "market.selection": 0, **NO_TURNOVER})
    before = shares(bay)
    play(bay, 3)
    assert shares(bay) == pytest.approx(before, rel=1e-12)


def test_selection_moves_shares_to_the_more_productive(bay):
    change(bay, {"market.growth_sd": 0, "market.selection": 0.2, "finance.margin_cost": 0, **NO_TURNOVER})
    before = shares(bay)
    play(bay, 1)
    rows = bay.firms.alive_rows()
    growth = np.log(shares(bay)[rows] / before[rows])
    for f in range(12):
        mine = bay.firms.field[rows] == f
        assert np.corrcoef(growth[mine], bay.economy.effective[rows][mine])[0, 1] > 0.95


def test_firms_share_their_fields_market(bay):
    for _ in range(3):
        bay.step()
        firms = bay.firms
        rows = firms.alive_rows()
        total = np.bincount(firms.field[rows], weights=firms.sales[rows] * firms.weight[rows], minlength=12)
        assert total == pytest.approx(bay.economy.market_now, rel=1e-9)


def test_without_elasticities_a_market_follows_its_growth(bay):
    change(bay, {"market.demand_elasticity": 0, "market.overseas": 0})
    start = bay.reference.market_start.copy()
    play(bay, 3)
    assert bay.economy.market_now == pytest.approx(start * bay.economy.market_growth) and bay.economy.market_growth.max() > 1.0


def test_more_productive_fields_sell_more_by_the_elasticity(make_bay):
    size = []
    for more in (0.0, 0.1):
        bay = change(make_bay(), {"market.demand_elasticity": 0.5, "market.overseas": 0})
        bay.economy.effective = bay.economy.effective + more
        size.append(market.market_sizes(bay))
    assert size[1] / size[0] == pytest.approx(np.exp(0.05))


def test_overseas_demand_needs_an_open_border(make_bay):
    size = {}
    for barrier in (0.0, 1.0, 3.0):
        bay = make_bay({"technology_barrier": barrier})
        bay.values.refresh()
        size[barrier] = market.market_sizes(bay)
    exports = bay.region.export_share_field
    assert (size[0.0] > size[1.0])[exports > 0].all() and (size[3.0] <= size[1.0]).all()
    assert (size[0.0] == size[1.0])[exports == 0].all()


def test_scarce_skill_limits_productivity_and_plenty_does_not_raise_it(bay):
    firms = bay.firms
    rows = firms.alive_rows()[:3]
    firms.staff[rows], firms.skill[rows] = 10.0, np.array([5.0, 10.0, 40.0])
    effective = productivity.effective_productivity(bay)[rows] - firms.productivity[rows]
    assert effective == pytest.approx([P.skill_limit * np.log(0.5), 0.0, 0.0])
    change(bay, {"market.skill_limit": 0})
    assert (productivity.effective_productivity(bay) == firms.productivity).all()


def test_catch_up_closes_gaps_to_the_fields_mean(make_bay):
    spread = {}
    for speed in (0.0, 0.2):
        bay = change(
            make_bay(),
            {
                "market.catch_up": speed,
                "market.innovation_gain": 0,
                "transfer.need": 0,
                "diffusion.gain": 0,
                "diffusion.outside": 0,
                "diffusion.imitation": 0,
                "diffusion.city_imitation": 0,
                "diffusion.chain_imitation": 0,
                "market.growth_sd": 0,
                "market.selection": 0,
                **NO_TURNOVER,
            },
        )
        rows = bay.firms.alive_rows()
        before = bay.firms.productivity[rows].std()
        play(bay, 1)
        spread[speed] = bay.firms.productivity[rows].std() / before
    assert spread[0.0] == pytest.approx(1.0, abs=1e-9) and spread[0.2] == pytest.approx(0.8, abs=0.03)


# ---------------------------------------------------------------- entry and exit


def test_rates_zero_the_same_firms(bay):
    change(bay, NO_TURNOVER)
    rows = bay.firms.alive_rows()
    ids, weight = bay.firms.id[rows].copy(), bay.firms.weight[rows].copy()
    play(bay, 4)
    assert (bay.firms.alive_rows() == rows).all()
    assert (bay.firms.id[rows] == ids).all() and (bay.firms.weight[rows] == weight).all()
    record = bay.record.arrays()
    assert not record["firm_entries"][:4, :11].any() and not record["firm_exits"][:4, :11].any()


def test_no_entry_alone_no_exit_alone(make_bay):
    entry = play(change(make_bay(), {k: v for k, v in NO_TURNOVER.items() if "exit" in k}), 2).record.arrays()
    exits = play(change(make_bay(), {"market.entry_rate": 0}), 2).record.arrays()
    assert entry["firm_entries"][:2, :11].sum() > 0 == entry["firm_exits"][:2, :11].sum()
    assert exits["firm_exits"][:2, :11].sum() > 0 == exits["firm_entries"][:2, :11].sum()


def test_small_poor_and_lonely_firms_leave_first(bay):
    change(bay, {"market.exit_base": 0, "market.exit_small": 0, "market.exit_cash": 1})
    firms = bay.firms
    rows = firms.alive_rows()
    firms.arrears[rows] = 0.0
    poor = rows[firms.kind[rows] != LEADER][::10]
    firms.arrears[poor] = 1.0
    market.leave_market(bay)
    assert not firms.alive[poor].any() and firms.alive[np.setdiff1d(rows, poor)].all()


def test_a_dead_firm_leaves_nothing_behind(bay):
    firms, people, ties, count = bay.firms, bay.people, bay.ties, bay.institutes.capacity
    rows = firms.alive_rows()[::7]
    nodes = rows + count
    remove_firms(bay, rows)
    assert not firms.alive[rows].any() and not firms.cash[rows].any() and not firms.loan[rows].any()
    assert not np.isin(people.employer[people.alive == 1], nodes).any()
    assert not (np.isin(ties.a, nodes) | np.isin(ties.b, nodes))[ties.alive == 1].any()
    for column in ("owner", "partner", "developer"):
        assert not np.isin(bay.inventions.arrays[column][bay.inventions.alive == 1], nodes).any()


def test_entrants_are_young_small_and_founded(bay):
    change(bay, {k: v for k, v in NO_TURNOVER.items() if "exit" in k})
    old = set(bay.firms.id[bay.firms.alive == 1].tolist())
    quarter = bay.quarter
    market.decide_markets(bay)
    firms = bay.firms
    new = np.array([r for r in firms.alive_rows() if int(firms.id[r]) not in old])
    assert new.size > 10
    assert np.isin(firms.kind[new], (STARTUP, SMALL)).all() and (firms.birth[new] == quarter).all()
    young = firms.kind[new] == STARTUP
    assert young.mean() > 0.6
    assert (firms.sales[new] * 4.0 < np.where(young, 2.0, 2.0 * P.outside_size) * P.entry_size).all()
    assert np.abs(firms.chain[new] - bay.region.chain_position_field[firms.field[new]]).max() <= 0.25 + 1e-6
    assert firms.capability[new].min() >= 0 and firms.capability[new].max() <= 1
    assert bay.ledger.flow("founders").sum() == pytest.approx((firms.cash[new] * firms.weight[new]).sum())
    assert bay.tally.arrays["firm_entries"].sum() == pytest.approx(firms.weight[new].sum())


def test_entrants_identities_do_not_depend_on_who_else_lives(make_bay):
    ids = []
    for gone in (0, 5):
        bay = change(
            make_bay(), {k: v for k, v in NO_TURNOVER.items() if "exit" in k} | {"market.entry_sales": 0}
        )
        old = set(bay.firms.id[bay.firms.alive == 1].tolist())
        if gone:
            poorest = bay.firms.alive_rows()[np.argsort(bay.firms.sales[bay.firms.alive_rows()])[:gone]]
            remove_firms(bay, poorest)
        market.enter_market(bay)
        ids.append(set(bay.firms.id[bay.firms.alive == 1].tolist()) - old)
    assert len(ids[0]) > 10 and len(ids[0] ^ ids[1]) <= 5


def test_entry_follows_sales_per_firm_parks_and_incubators(make_bay):
    entries = {}
    for name, factor in (("base", 1.0), ("rich", 3.0)):
        bay = change(make_bay(), {"market.entry_rate": 0.2})
        bay.firms.sales *= factor
        market.enter_market(bay)
        entries[name] = bay.tally.arrays["firm_entries"][:11].sum()
    assert entries["rich"] / entries["base"] == pytest.approx(3.0**P.entry_sales, rel=0.05)
    assert np.average(bay.world.incubation, weights=bay.region.firms_city) == pytest.approx(1.0)


def test_start_ups_grow_up_at_their_age_and_not_before(bay):
    """The warm-up holds firms at the table: nobody is older at release than at the start."""
    firms, years = bay.firms, P.startup_years
    rows = firms.alive_rows()
    start_up = firms.kind[rows] == STARTUP
    age = (bay.quarter - firms.birth[rows]) / 4.0
    assert (age[start_up] < years).all() and (age[~start_up] >= years).all()
    number = firms.weight[rows][start_up].sum()
    wanted = ((bay.region.firms_city - bay.region.leaders_city) * bay.region.startup_share_city).sum()
    assert number == pytest.approx(wanted, rel=0.01)
    play(bay, 1)
    young = firms.alive_rows()
    kept = firms.weight[young][firms.kind[young] == STARTUP].sum()
    assert kept > 0.8 * number
    old = (firms.kind[young] == STARTUP) & (bay.quarter - 1 - firms.birth[young] >= 4 * years)
    assert not old.any()


# ---------------------------------------------------------------- relocation


def test_no_relocation_at_rate_zero(bay):
    change(bay, {"market.relocate": 0, **NO_TURNOVER})
    city, production = bay.firms.city.copy(), bay.firms.production_city.copy()
    play(bay, 3)
    assert (bay.firms.city == city).all() and (bay.firms.production_city == production).all()
    assert not bay.record.arrays()["firm_relocations_in"][:3, :11].any()


def test_research_moves_inside_a_jurisdiction_production_anywhere(bay):
    change(bay, {"market.relocate": 0.3, "market.relocate_bonus": 0, **NO_TURNOVER})
    before, at = bay.firms.city.copy(), bay.region.jurisdiction_city
    rows = bay.firms.alive_rows()
    market.relocate(bay)
    moved = rows[bay.firms.city[rows] != before[rows]]
    assert moved.size > 20 and (at[bay.firms.city[moved]] == at[before[moved]]).all()
    assert (bay.firms.kind[moved] != LEADER).all()
    apart = at[bay.firms.production_city[rows]] != at[bay.firms.city[rows]]
    assert apart.any()
    people = bay.people
    staff = (people.alive == 1) & (people.employer >= bay.institutes.capacity)
    assert (people.city[staff] == bay.firms.city[people.employer[staff] - bay.institutes.capacity]).all()


def test_infinite_border_keeps_production_at_home(bay):
    change(bay, {"market.relocate": 0.3, "market.relocate_bonus": 0, **NO_TURNOVER})
    bay.values.barrier_technology *= 1e9
    market.relocate(bay)
    rows, at = bay.firms.alive_rows(), bay.region.jurisdiction_city
    assert (at[bay.firms.production_city[rows]] == at[bay.firms.city[rows]]).all()


def test_upgraded_parks_attract(make_bay):
    target = "zhaoqing"
    arrived = {}
    for value in (0.0, 1.0):
        bay = change(
            make_bay({"park_upgrading": {"value": value, "cities": [target]}}),
            {
                "market.relocate": 0.3,
                "market.relocate_bonus": 0,
                "economy.policy_room": 5,
                "market.park_weight": 5,
            },
        )
        bay.values.refresh()
        market.relocate(bay)
        arrived[value] = bay.tally.arrays["firm_relocations_in"][bay.region.city_ids.index(target)]
    assert arrived[1.0] > arrived[0.0]


# ---------------------------------------------------------------- accounts


def accounts(bay, changes=None):
    change(bay, changes or {})
    bay.economy.effective = productivity.effective_productivity(bay)
    before = {name: bay.firms.arrays[name].copy() for name in ("cash", "arrears", "rd_paid", "rd_granted")}
    market.keep_accounts(bay)
    return before


def booked(bay, *names):
    return sum(bay.ledger.flow(name).sum() for name in names)


def test_cash_is_income_less_payments(bay):
    before = accounts(bay)
    firms = bay.firms
    rows = firms.alive_rows()
    change_of_cash = ((firms.cash - before["cash"]) * firms.weight)[rows].sum()
    net = booked(bay, "sales", "trade_credit") - booked(
        bay, "costs", "wages", "research", "tie", "tax", "trade_repayment", "dividend"
    )
    assert change_of_cash == pytest.approx(net, rel=1e-9)
    assert firms.cash[rows].min() >= 0


def test_bills_that_cannot_be_paid_become_arrears(bay):
    rows = bay.firms.alive_rows()
    bay.firms.cash[rows] = 0.0
    bay.firms.arrears[rows] = 0.0
    bay.firms.rd_paid[rows] = 1e7
    accounts(bay)
    assert (bay.firms.arrears[rows] > 0).all() and not bay.firms.cash[rows].any()
    owed = (bay.firms.arrears * bay.firms.weight)[rows].sum()
    assert booked(bay, "trade_credit") == pytest.approx(owed)


def test_owners_are_paid_from_money_above_the_buffer_only(make_bay):
    none = make_bay()
    accounts(none, {"finance.payout": 0})
    assert booked(none, "dividend") == 0
    poor = make_bay()
    accounts(poor, {"finance.buffer": 1e6})
    assert booked(poor, "dividend") == 0
    rich = make_bay()
    rich.firms.cash[rich.firms.alive == 1] = 1e3
    accounts(rich)
    assert booked(rich, "dividend") > 0


def test_research_falls_when_money_is_short(make_bay):
    rich, poor, deaf = make_bay(), make_bay(), make_bay()
    for bay in (rich, poor, deaf):
        bay.firms.grant_response[:] = 0.0
    rich.firms.cash[rich.firms.alive == 1] = 1e5
    for bay in (poor, deaf):
        bay.firms.cash[:] = 0.0
    accounts(rich), accounts(poor), accounts(deaf, {"finance.rd_response": 0})
    rows = rich.firms.alive_rows()
    wanted = (rich.firms.rd_intensity * rich.firms.sales)[rows]
    assert rich.firms.rd_paid[rows] == pytest.approx(wanted)
    assert deaf.firms.rd_paid[rows] == pytest.approx(wanted)
    assert (poor.firms.rd_paid[rows] <= wanted * (1.0 + 1e-12)).all() and poor.firms.rd_paid[
        rows
    ].sum() < 0.9 * wanted.sum()


def test_conversions_raise_their_developers_productivity(bay):
    t, count = bay.inventions, bay.institutes.capacity
    rows = np.flatnonzero((t.alive == 1) & (t.developer >= count))[:50]
    bay.technologies.arrivals = rows
    before = bay.firms.productivity.copy()
    market.apply_conversions(bay)
    gain = bay.firms.productivity - before
    developers = np.unique(t.developer[rows] - count)
    assert (gain[developers] > 0).all() and not np.delete(gain, developers).any()
    best = P.innovation_gain * np.log1p(t.quality[rows].max()) * np.bincount(t.developer[rows] - count).max()
    assert gain.max() <= best


# ---------------------------------------------------------------- the starting population


def test_pareto_bins_are_means_of_equal_bins():
    for tail in (1.1, 1.5, 2.0):
        bins = pareto_bins(50, 0.0, 0.95, 15.0, tail)
        u = (np.arange(200_000) + 0.5) / 200_000 * 0.95
        sample = 15.0 * (1.0 - u) ** (-1.0 / tail)
        assert bins == pytest.approx(sample.reshape(50, -1).mean(axis=1), rel=1e-3)
        assert (np.diff(bins) > 0).all() and bins[0] > 15.0


def test_pareto_bins_do_not_depend_on_their_number():
    assert pareto_bins(10, 0.1, 0.9, 5.0, 1.1).mean() == pytest.approx(
        pareto_bins(1000, 0.1, 0.9, 5.0, 1.1).mean()
    )


def test_a_tail_of_one_is_a_tail_like_its_neighbours():
    """Zipf's law is inside the declared bounds of market.size_tail."""
    middle = pareto_bins(20, 0.0, 0.95, 15.0, 1.0)
    assert (middle > pareto_bins(20, 0.0, 0.95, 15.0, 1.001)).all() and (
        middle < pareto_bins(20, 0.0, 0.95, 15.0, 0.999)
    ).all()


def test_thinning_keeps_a_minimum_and_never_invents():
    assert thinned(50_000, 0.05, 30) == 2500
    assert thinned(200, 0.05, 30) == 30
    assert thinned(12, 0.05, 30) == 12
    assert thinned(50_000, 1.0, 30) == 50_000


def test_shares_become_counts_that_add_up():
    assert shares_to_counts(np.array([0.5, 0.3, 0.2]), 10).tolist() == [5, 3, 2]
    assert shares_to_counts(np.array([1.0, 1.0, 1.0]), 10).sum() == 10
    labels = interleave(np.array([4, 2, 0]))
    assert np.bincount(labels).tolist() == [4, 2] and labels[:3].tolist() == [0, 1, 0]


def test_fields_sell_their_part_of_the_table_at_any_scale(bay):
    """Sales of a kind by field are the field's part of the firms, city totals stay, and no firm is moved far."""
    firms, region = population.make_firms(bay), bay.region
    for kind in (STARTUP, SMALL):
        rows = np.flatnonzero((firms.alive == 1) & (firms.kind == kind))
        value = firms.sales[rows] * firms.weight[rows]
        by_city = np.bincount(firms.city[rows], weights=value, minlength=11)
        by_field = np.bincount(firms.field[rows], weights=value, minlength=12)
        assert by_field == pytest.approx(by_city @ region.field_mix_city, rel=1e-3)
        factor = population.field_factors(
            region, firms.city[rows].astype(int), firms.field[rows].astype(int), firms.kind[rows], firms.weight[rows], firms.sales[rows]
        )
        assert factor == pytest.approx(np.ones(rows.size), abs=5e-3)


def test_kinds_are_numbered_as_the_outputs_say(bay):
    assert (STARTUP, SMALL, LEADER) == (0, 1, 2) and bay.coords()["kind"] == ["startup", "small", "leader"]


def test_relocations_are_among_cities(bay):
    change(bay, {"market.relocate": 0.1})
    play(bay, 1)
    moved = bay.record.arrays()
    assert moved["firm_relocations_in"][0, :11].sum() == pytest.approx(
        moved["firm_relocations_out"][0, :11].sum()
    )
    assert among_cities(bay, "flow_talent_firm_firm", 0).sum() > 0


def test_incubators_shelter_start_ups_from_the_hazard_of_being_small(make_bay):
    left = {}
    for shelter in (0.0, 1.0):
        bay = change(
            make_bay(),
            {
                "market.shelter": shelter,
                "market.exit_base": 0,
                "market.exit_cash": 0,
                "market.exit_small": 0.2,
            },
        )
        firms = bay.firms
        rows = firms.alive_rows()
        inside = rows[(firms.incubated[rows] == 1) & (firms.kind[rows] == STARTUP)]
        market.leave_market(bay)
        left[shelter] = (firms.alive[inside] == 1).mean()
    assert left[0.0] == 1.0 > left[1.0]
