"""Phase 7: grants, joint fund, venture, guidance, exits, credit."""

from __future__ import annotations

import numpy as np
import pytest
from trial_bay import among_cities, change, city, crossing, play

from greaterbay.actors.firm import LEADER, STARTUP
from greaterbay.actors.fund import BANK, GUIDANCE, VENTURE
from greaterbay.actors.invention import FIRM_INSTITUTE
from greaterbay.exchange import credit, grants, productivity, venture
from greaterbay.exchange.credit import credit_limit
from greaterbay.exchange.venture import guidance_effect, posterior_mean
from greaterbay.parameters import Parameters
from greaterbay.region.barriers import Barriers

P = Parameters().finance


def kept(table, *columns):
    """Copies of columns."""
    return {name: table.arrays[name].copy() for name in columns}


# ---------------------------------------------------------------- screening


def test_posterior_mean_shrinks_the_signal_by_its_noise():
    assert posterior_mean(1.7, 0.0, 2.5) == 1.7
    assert posterior_mean(1.7, 1.0, 0.5) == pytest.approx(1.1)
    assert abs(posterior_mean(1.7, 1e6, 2.5)) < 1e-5
    noise, rng = 0.8, np.random.default_rng(2)
    value, shock = rng.normal(size=20_000), rng.normal(size=20_000)
    seen = np.array([posterior_mean(v, noise, s) for v, s in zip(value, shock, strict=True)])
    # the best guess: the value itself regressed on it has slope one
    assert np.polyfit(seen, value, 1)[0] == pytest.approx(1.0, abs=0.03)


def test_guidance_effect_has_an_interior_best_share():
    grid = np.linspace(0.0, 1.0, 1001)
    effect = np.array([guidance_effect(g, P) for g in grid])
    best = grid[effect.argmax()]
    assert 0 < best < 1 and best == pytest.approx(P.guidance_relief / (2 * P.guidance_distaste), abs=1e-3)
    assert effect[0] == 0.0 and effect[-1] < 0.0


def seekers(bay):
    """Start-ups that may still ask for a round."""
    rows = bay.firms.alive_rows()
    return rows[(bay.firms.kind[rows] == STARTUP) & (bay.firms.rounds[rows] < 3)]


def rich_funds(bay):
    bay.funds.budget[:] = 1e12
    bay.funds.budget[bay.funds.kind == GUIDANCE] = 0.0


def test_without_noise_the_fund_selects_exactly_by_value(bay):
    change(bay, {"finance.venture_rate": 1, "finance.venture_noise": 0, "finance.border_weight": 0})
    rich_funds(bay)
    rows = seekers(bay)
    value = venture.start_up_value(bay, rows)
    change(bay, {"finance.venture_hurdle": float(np.median(value))})
    before = bay.firms.rounds[rows].copy()
    venture.invest_venture(bay)
    chosen = bay.firms.rounds[rows] > before
    assert chosen.sum() > 50 and (chosen == (value > bay.parameters.finance.venture_hurdle)).all()


def test_noise_picks_worse_firms(make_bay):
    picked = []
    for noise in (0.0, 3.0):
        bay = change(
            make_bay(),
            {"finance.venture_rate": 1, "finance.venture_noise": noise, "finance.border_weight": 0},
        )
        rich_funds(bay)
        rows = seekers(bay)
        value, before = venture.start_up_value(bay, rows), bay.firms.rounds[rows].copy()
        change(bay, {"finance.venture_hurdle": float(np.quantile(value, 0.7)) / (1.0 + noise**2)})
        venture.invest_venture(bay)
        chosen = bay.firms.rounds[rows] > before
        assert chosen.sum() > 20
        picked.append(value[chosen].mean())
    assert picked[1] < picked[0]


def test_an_infinite_hurdle_or_no_seekers_no_rounds(make_bay):
    for changes in ({"finance.venture_hurdle": 1e9}, {"finance.venture_rate": 0}):
        bay = change(make_bay(), changes)
        venture.renew_funds(bay)
        venture.invest_venture(bay)
        assert bay.ledger.flow("venture").sum() == 0 and not bay.tally.arrays["flow_capital_venture"].any()


def test_value_is_measured_against_the_field_of_today(bay):
    """A start-up is no better because its whole field has become more productive."""
    rows = seekers(bay)
    before = venture.start_up_value(bay, rows)
    bay.firms.productivity[bay.firms.alive == 1] += 1.0
    play_fields(bay)
    assert venture.start_up_value(bay, rows) == pytest.approx(before)


def play_fields(bay):
    """Whatever is measured by field is measured anew (phase 8 of a quarter)."""
    bay.economy.effective = productivity.effective_productivity(bay)


def test_rounds_have_their_size_and_the_money_arrives(bay):
    change(bay, {"finance.venture_rate": 1, "finance.outside_investors": 0})
    rich_funds(bay)
    bay.funds.cash[bay.funds.kind == VENTURE] = 1e9
    before = kept(bay.firms, "cash", "rounds", "invested")
    cash = bay.funds.cash.copy()
    venture.invest_venture(bay)
    got = np.flatnonzero(bay.firms.rounds[: before["rounds"].size] > before["rounds"])
    size = bay.parameters.finance.venture_size * bay.economy.growth_level
    assert got.size > 20
    assert (bay.firms.cash - before["cash"])[got] == pytest.approx(size)
    assert (bay.firms.invested - before["invested"])[got] == pytest.approx(size)
    total = (size * bay.firms.weight[got]).sum()
    assert (cash - bay.funds.cash).sum() == pytest.approx(total)
    assert bay.ledger.flow("venture").sum() == pytest.approx(total)
    assert bay.tally.arrays["flow_capital_venture"].sum() == pytest.approx(total)


def test_a_fund_never_invests_more_than_it_set_aside(bay):
    change(bay, {"finance.venture_rate": 1, "finance.venture_hurdle": -5, "finance.border_weight": 0})
    venture.renew_funds(bay)
    budget = bay.funds.budget.copy()
    cash = bay.funds.cash.copy()
    venture.invest_venture(bay)
    spent = cash - bay.funds.cash
    assert spent.sum() > 0 and (spent <= budget + 1e-6).all() and (bay.funds.budget >= -1e-6).all()


# ---------------------------------------------------------------- no funds, no flow


def test_no_funds_no_venture_flow(make_bay):
    bay = make_bay(parameters={"finance.venture_capital": 0})
    play(bay, 3)
    record = bay.record.arrays()
    for name in ("flow_capital_venture", "flow_capital_guidance"):
        assert not record[name].any()
    assert not record["capital_border"][:3, :11].any() and not record["venture_exits"][:3, :11].any()
    assert record["flow_capital_credit"].any()


def test_no_bank_capital_no_credit(make_bay):
    bay = make_bay(parameters={"finance.bank_capital": 0})
    bay.firms.cash[:] = 0.0
    change(bay, {"finance.credit_rate": 1})
    credit.lend(bay)
    assert bay.ledger.flow("credit").sum() == 0


def test_infinite_border_no_venture_crosses(make_bay):
    free, closed = make_bay(), make_bay()
    change(closed, {"finance.border_weight": 1e9})
    # patient capital for pilots meets the barrier itself
    closed.world.base_barriers = Barriers(*(matrix * 1e9 for matrix in closed.world.base_barriers))
    for bay in (free, closed):
        bay.capital.patient_left[crossing(bay)] = 0.0  # money that was set aside across the border before it closed
        change(bay, {"finance.venture_rate": 0.5})
        play(bay, 3)
    cross = crossing(free)
    assert among_cities(free, "flow_capital_venture")[cross].sum() > 0
    assert among_cities(closed, "flow_capital_venture")[cross].sum() == 0
    assert among_cities(closed, "flow_capital_venture")[~cross].sum() > 0
    assert closed.record.arrays()["capital_border"][:3, :11].sum() == 0


def test_border_weight_alone_stops_rounds_across_the_border(bay):
    change(bay, {"finance.border_weight": 1e9, "finance.venture_rate": 1, "finance.venture_hurdle": -5})
    venture.renew_funds(bay)
    bay.firms.fund[:] = -1
    bay.firms.invested[:] = bay.firms.invested_public[:] = 0.0
    venture.invest_venture(bay)
    flow = bay.tally.arrays["flow_capital_venture"][:11, :11]
    assert flow[crossing(bay)].sum() == 0 and flow.sum() > 0


# ---------------------------------------------------------------- guidance


def test_no_guidance_no_public_rounds(bay):
    play(bay, 3)
    assert not bay.record.arrays()["flow_capital_guidance"].any()


def test_a_guidance_fund_co_invests_its_part_at_home(make_bay):
    bay = make_bay({"guidance_fund": {"value": 1.0, "cities": ["shenzhen", "guangzhou"]}})
    change(bay, {"finance.venture_rate": 1, "finance.border_weight": 0, "economy.policy_room": 5})
    play(bay, 4)
    record = bay.record.arrays()
    public = among_cities(bay, "flow_capital_guidance")
    both = [city(bay, "shenzhen"), city(bay, "guangzhou")]
    assert (public == np.diag(np.diag(public))).all() and public[both, both].min() > 0
    others = np.delete(np.arange(11), both)
    assert not public[others].any()
    backed = (bay.firms.alive == 1) & (bay.firms.invested_public > 0)
    share = bay.firms.invested_public[backed] / bay.firms.invested[backed]
    part = bay.parameters.finance.guidance_part
    assert backed.sum() > 3 and (share <= part + 1e-9).all() and share.max() == pytest.approx(part)
    assert record["public_cost_lever"][:4].sum() == pytest.approx(bay_commitments(record), rel=1e-5)


def bay_commitments(record):
    return float(record["public_cost"][:4].sum())


def test_a_too_large_public_share_drives_private_money_out(make_bay):
    private = {}
    for part in (0.2, 1.0):
        bay = change(
            make_bay(),
            {
                "finance.venture_rate": 1,
                "finance.venture_noise": 0,
                "finance.guidance_part": part,
                "finance.border_weight": 0,
            },
        )
        bay.funds.budget[:] = 1e12
        venture.invest_venture(bay)
        private[part] = (bay.firms.rounds > 0).sum()
    assert guidance_effect(0.2, P) > 0 > guidance_effect(1.0, P)
    assert private[0.2] > private[1.0]


# ---------------------------------------------------------------- exits


def test_stakes_are_sold_by_the_hazard(make_bay):
    none, all_ = (
        change(make_bay(), {"finance.exit_hazard": 0}),
        change(make_bay(), {"finance.exit_hazard": 1}),
    )
    held = (none.firms.invested * none.firms.weight)[none.firms.alive == 1].sum()
    for bay in (none, all_):
        venture.sell_stakes(bay)
    assert held > 0
    assert none.ledger.flow("exit").sum() == 0
    assert not all_.firms.invested.any() and all_.ledger.flow("exit").sum() > 0
    invested = all_.funds.committed[all_.funds.kind != BANK]
    assert np.abs(invested).max() < 1e-6 * held


# ---------------------------------------------------------------- grants


def granted(make_bay, **changes):
    bay = change(make_bay(), {f"finance.{k}": v for k, v in changes.items()})
    bay.firms.grant_response[:] = bay.firms.grant_cash[:] = 0.0
    bay.firms.grants_before[::2] = 0
    before = kept(bay.firms, "grants_before", "cash")
    bay.public_money.government_cash[:] = 1e6
    grants.give_grants(bay)
    rows = np.flatnonzero(bay.firms.grants_before > before["grants_before"])
    return bay, rows, before


def test_grants_keep_to_the_budget_and_are_paid_whole(make_bay):
    bay, rows, _ = granted(make_bay)
    size = bay.parameters.finance.grant_size * bay.economy.growth_level
    paid = bay.ledger.flow("grant").sum(axis=1)[:11]
    money = bay.public_money.science_budget_now / 4.0 * bay.parameters.finance.grant_share
    assert rows.size > 30 and (paid <= money + make_bay().public_money.grant_left + 1e-6).all()
    by_city = np.bincount(bay.firms.city[rows], weights=size * bay.firms.weight[rows], minlength=11)
    assert paid == pytest.approx(by_city)
    assert bay.public_money.grant_left.min() >= 0


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_exactly_the_diverted_share_does_not_reach_research(make_bay, share):
    bay, rows, before = granted(make_bay, diversion=share)
    grant, lost = bay.ledger.flow("grant").sum(), bay.ledger.flow("diverted").sum()
    assert grant > 0 and lost == pytest.approx(share * grant, abs=1e-9)
    size = bay.parameters.finance.grant_size * bay.economy.growth_level
    assert bay.firms.grant_cash[rows] == pytest.approx((1.0 - share) * size)
    assert (bay.firms.cash - before["cash"])[rows] == pytest.approx((1.0 - share) * size)


def test_grants_crowd_out_first_time_mainland_start_ups_alone(make_bay):
    bay, rows, before = granted(make_bay)
    p, firms = bay.parameters.finance, bay.firms
    size = p.grant_size * bay.economy.growth_level
    mainland = np.isin(
        firms.city[rows],
        [c for c, name in enumerate(bay.region.city_ids) if name not in ("hong_kong", "macao")],
    )
    first = (before["grants_before"][rows] == 0) & (firms.kind[rows] == STARTUP)
    expected = np.where(mainland, np.where(first, -p.crowding_out, 0.0), p.additionality_elsewhere) * size
    assert (mainland & first).any() and (mainland & ~first).any() and (~mainland).any()
    assert firms.grant_response[rows] == pytest.approx(expected)
    others = np.setdiff1d(np.arange(firms.capacity), rows)
    assert not firms.grant_response[others].any()


def test_crowding_out_lasts_for_the_award_alone(make_bay):
    from greaterbay.exchange import market

    paid = []
    for crowding in (0.0, 0.5):
        bay, rows, before = granted(make_bay, crowding_out=crowding)
        rows = rows[
            (before["grants_before"][rows] == 0)
            & (bay.firms.kind[rows] == STARTUP)
            & (bay.firms.city[rows] < 9)
        ]
        bay.economy.effective = productivity.effective_productivity(bay)
        quarters = []
        for _ in range(2):
            market.keep_accounts(bay)
            quarters.append(bay.firms.rd_paid[rows].copy())
        paid.append(quarters)
        assert not bay.firms.grant_response.any()
    size = bay.parameters.finance.grant_size * bay.economy.growth_level
    fall = paid[0][0] - paid[1][0]
    assert rows.size > 5 and (fall <= 0.5 * size + 1e-9).all() and fall.max() == pytest.approx(0.5 * size)
    assert np.abs(paid[0][1] - paid[1][1]).max() < 0.3 * size  # only what the money saved allows for


def test_grant_share_zero_no_grants(make_bay):
    bay = change(make_bay(), {"finance.grant_share": 0})
    bay.public_money.grant_left[:] = 0.0
    grants.give_grants(bay)
    assert bay.ledger.flow("grant").sum() == 0


# ---------------------------------------------------------------- joint fund


def joint(make_bay, level, quarters=3, **more):
    levers = {"joint_collaboration_fund": {"value": 0.5, **more}, "coordination_level": level}
    bay = change(make_bay(levers), {"economy.policy_room": 5})
    for _ in range(quarters):
        bay.step()
    return bay


def test_without_the_fund_no_project_is_sponsored(bay):
    play(bay, 2)
    assert not bay.record.arrays()["flow_capital_grant_institute"].any()
    assert bay.ledger.flow("joint_grant").sum() == 0


@pytest.mark.parametrize("level", [0, 2])
def test_the_joint_fund_pays_new_firm_institute_ties_half_to_each_side(make_bay, level, monkeypatch):
    paid, book_grants = [], grants.book_grants

    def listening(bay, instrument, rows, per_firm, payer):
        if instrument == "joint_grant":
            ties = bay.ties
            new = (ties.alive == 1) & (ties.start == bay.quarter) & (ties.type == FIRM_INSTITUTE)
            assert np.isin(rows, ties.b[new] - bay.institutes.capacity).all() and bay.quarter >= bay.start
            got = per_firm > 0
            # at most half of a project's cost for the firm's side
            project = 4.0 * bay.parameters.finance.grant_size * bay.economy.growth_level
            whole = project * ties.weight[new].max()
            assert (per_firm[got] * bay.firms.weight[rows[got]] <= 0.5 * whole + 1e-9).all()
            paid.append(rows[got].size)
        return book_grants(bay, instrument, rows, per_firm, payer)

    monkeypatch.setattr(grants, "book_grants", listening)
    bay = joint(make_bay, level)
    assert sum(paid) > 20
    record = bay.record.arrays()
    firm = record["flow_capital_grant_firm"][:3].sum() - ordinary_grants(make_bay)
    institute = record["flow_capital_grant_institute"][:3].sum()
    assert institute > 0 and firm == pytest.approx(institute, rel=0.02)


def ordinary_grants(make_bay):
    return play(make_bay(), 3).record.arrays()["flow_capital_grant_firm"][:3].sum()


def test_only_co_finance_pays_across_the_border(make_bay):
    for level in (0, 2):
        bay = joint(make_bay, level)
        flow = among_cities(bay, "flow_capital_grant_institute")
        to_firms = among_cities(bay, "flow_capital_grant_firm")
        cross = crossing(bay)
        # alone a city pays its own firms; with co-finance the partner's city pays its side too
        assert flow.sum() > 0
        assert (to_firms[cross].sum() > 0) == (level == 2)


def test_the_joint_fund_keeps_to_its_share_of_the_budget(make_bay):
    bay = joint(make_bay, 0, quarters=4, cities=["shenzhen"])
    record = bay.record.arrays()
    at = bay.coords()["lever"].index("joint_collaboration_fund")
    spent = record["public_cost_lever"][:4, :11, at].sum(axis=0)
    here = city(bay, "shenzhen")
    share = bay.values.joint_fund_share[here].max()
    assert 0 < spent[here] <= share * bay.public_money.science_budget_now[here] * 1.001
    assert not np.delete(spent, here).any()
    short = record["lever_short"][:4, at]
    assert (short >= 0).all() and (short <= 1).all()


def test_the_share_that_a_co_financed_fund_lacks_is_a_share(make_bay):
    bay = joint(make_bay, 2, quarters=4)
    short = bay.record.arrays()["lever_short"][:4]
    assert short.min() >= -1e-6 and short.max() <= 1


def test_co_finance_wants_what_both_sides_would_pay(make_bay):
    """Money used for a project can never exceed the money that was wanted for it."""
    bay = change(
        make_bay({"joint_collaboration_fund": 0.5, "coordination_level": 2}),
        {"economy.policy_room": 5, "finance.grant_size": 0.01},
    )
    for _ in range(3):
        bay.step()
        assert (bay.budgets.used <= bay.budgets.wanted + 1e-6).all()


# ---------------------------------------------------------------- credit


def test_credit_limit_is_collateral_plus_operating_data():
    sales, quarters = np.array([100.0, 100.0, 100.0]), np.array([0, 6, 400])
    none = credit_limit(sales, np.zeros(3), quarters, P)
    assert none == pytest.approx(100.0 * P.credit_limit)
    assert credit_limit(sales, np.full(3, 0.4), quarters, P) == pytest.approx(none * [1.0, 1.2, 1.4])


def test_credit_never_goes_beyond_the_limit_nor_the_desks_money(bay):
    change(bay, {"finance.credit_rate": 1, "finance.buffer": 50})
    firms, funds = bay.firms, bay.funds
    before = kept(firms, "loan", "cash")
    desk = funds.kind == BANK
    credit.lend(bay)
    rows = np.flatnonzero((firms.alive == 1) & (firms.loan > before["loan"]))
    data = bay.values.credit_data[firms.city[rows], firms.field[rows], firms.kind[rows]]
    limit = credit_limit(4.0 * firms.sales[rows], data, firms.data_quarters[rows], bay.parameters.finance)
    assert rows.size > 100 and (firms.loan[rows] <= limit * (1.0 + 1e-12)).all()
    assert (firms.kind[rows] != LEADER).all() and (firms.arrears[rows] <= 0).all()
    assert (funds.cash[desk] >= -1e-6).all()
    lent = ((firms.loan - before["loan"]) * firms.weight)[rows].sum()
    assert bay.ledger.flow("credit").sum() >= lent - 1e-6


def test_who_has_money_enough_does_not_borrow(bay):
    change(bay, {"finance.credit_rate": 1})
    bay.firms.cash[bay.firms.alive == 1] = 1e6
    credit.lend(bay)
    assert bay.ledger.flow("credit").sum() == 0


def test_nobody_asks_nobody_borrows(bay):
    change(bay, {"finance.credit_rate": 0, "finance.buffer": 50})
    credit.lend(bay)
    assert bay.ledger.flow("credit").sum() == 0


def test_desks_lend_what_they_have_in_equal_parts(bay):
    change(bay, {"finance.credit_rate": 1, "finance.buffer": 50})
    bay.firms.loan[:] = 0.0
    bay.funds.cash[bay.funds.kind == BANK] = 1.0
    credit.lend(bay)
    assert bay.ledger.flow("credit").sum(axis=1)[:11] == pytest.approx(1.0)


def test_interest_and_repayment_are_shares_of_the_loan(bay):
    firms, p = bay.firms, bay.parameters.finance
    change(bay, {"finance.credit_rate": 0})
    rows = firms.alive_rows()[:50]
    firms.loan[:] = 0.0
    firms.loan[rows], firms.cash[rows] = 10.0, 100.0
    credit.serve_debt(bay)
    assert firms.loan[rows] == pytest.approx(10.0 * (1.0 - p.repayment))
    assert firms.cash[rows] == pytest.approx(100.0 - 10.0 * (p.repayment + p.interest))
    assert p.interest == pytest.approx(0.045 / 4)


# ---------------------------------------------------------------- institutes


def test_institutes_spend_core_funding_and_grants(bay):
    institutes = bay.institutes
    institutes.cash[:] = institutes.grant_cash[:] = 0.0
    institutes.cash[:5] = institutes.grant_cash[:5] = 3.0
    grants.fund_institutes(bay)
    extra = np.zeros(institutes.capacity)
    extra[:5] = 3.0
    assert institutes.rd_paid == pytest.approx(institutes.budget * bay.economy.growth_level + extra)
    assert not institutes.cash.any() and not institutes.grant_cash.any()
    spent = sum(bay.ledger.flow(name).sum() for name in ("wages", "research"))
    assert spent == pytest.approx(institutes.rd_paid.sum())


# ---------------------------------------------------------------- investors from outside


def joined(bay):
    """Money of outside investors in the quarter's rounds."""
    return bay.ledger.flow("venture")[11:].sum()


def test_outside_investors_join_rounds_as_far_as_the_border_lets_them(make_bay):
    bay = change(make_bay(), {"finance.venture_rate": 1, "finance.border_weight": 0})
    rich_funds(bay)
    venture.invest_venture(bay)
    flow = bay.tally.arrays["flow_capital_venture"]
    led, through = flow[:11, :11].sum(axis=0), np.clip(1.0 - bay.values.barrier_finance[11:, :11], 0.0, 1.0)
    assert flow[11:, :11] == pytest.approx(0.5 * bay.parameters.finance.outside_investors * led * through)
    assert joined(bay) == pytest.approx(flow[11:].sum()) and joined(bay) > 0


def test_without_outside_investors_or_an_open_border_nobody_joins(make_bay):
    none, closed = make_bay(), make_bay()
    change(none, {"finance.outside_investors": 0})
    closed.values.barrier_finance[11:] = closed.values.barrier_finance[:, 11:] = 1e9
    for bay in (none, closed):
        change(bay, {"finance.venture_rate": 1})
        rich_funds(bay)
        venture.invest_venture(bay)
        assert joined(bay) == 0 and bay.ledger.flow("venture").sum() > 0
