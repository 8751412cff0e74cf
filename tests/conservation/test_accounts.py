"""Accounts read from the record: what came in, what went out and what is there must agree, city by city.

These tests see only what a reader of a result sees; sums of single-precision numbers agree to about 1e-5.
"""

from __future__ import annotations

import numpy as np
import pytest

from greaterbay import Bay, outputs
from greaterbay.exchange import transfer
from small_bay import lever, small_scenario, untouched

CITIES = 11
CLOSE = {"rtol": 2e-5, "atol": 0.5}


@pytest.fixture(scope="module")
def arrays(small_run):
    return {name: array.astype(float) for name, array in small_run.record.arrays().items()}


@pytest.fixture(scope="module")
def busy(busy_bay):
    return {name: array.astype(float) for name, array in busy_bay.record.arrays().items()}


def change(stock: np.ndarray) -> np.ndarray:
    """Change of a stock from the second quarter on, in the eleven cities."""
    return np.diff(stock[:, :CITIES], axis=0)


def flow(array: np.ndarray) -> np.ndarray:
    """A flow from the second quarter on, in the eleven cities."""
    return array[1:, :CITIES]


def talent_moves(arrays) -> np.ndarray:
    """People who move between places, whatever they did before and do now (quarter, from, to)."""
    return sum(array for name, array in arrays.items() if name.startswith("flow_talent_"))


@pytest.mark.parametrize("run", ["arrays", "busy"])
def test_people_by_city(request, run):
    """Talent = before + moved in - moved out + graduates - retired, in every city and quarter."""
    a = request.getfixturevalue(run)
    moves = talent_moves(a)
    come, gone = moves.sum(axis=1), moves.sum(axis=2)
    booked = flow(come) - flow(gone) + flow(a["graduates"]) - flow(a["retired"])
    np.testing.assert_allclose(change(a["talent"]), booked, **CLOSE)
    assert flow(come).sum() > 0 and flow(a["graduates"]).sum() > 0


def test_nobody_moves_to_where_he_is(arrays):
    """A move inside a city is no flow, and nobody goes from outside to outside."""
    moves = talent_moves(arrays)
    assert moves[:, CITIES:, CITIES:].sum() == 0
    assert all(moves[:, c, c].sum() == 0 for c in range(CITIES))


def test_people_are_at_work_or_out_of_work(arrays):
    np.testing.assert_allclose(arrays["talent"], arrays["employed"] + arrays["talent_idle"], **CLOSE)
    np.testing.assert_allclose(arrays["wage_sum"], arrays["wage"] * arrays["employed"], rtol=2e-5)


@pytest.mark.parametrize("run", ["arrays", "busy"])
def test_firms_by_city(request, run):
    """Firms = before + entries - exits + moved in - moved out."""
    a = request.getfixturevalue(run)
    booked = (flow(a["firm_entries"]) - flow(a["firm_exits"]) + flow(a["firm_relocations_in"])
              - flow(a["firm_relocations_out"]))
    np.testing.assert_allclose(change(a["firms"]), booked, **CLOSE)


def test_firms_by_kind_add_up(arrays):
    by_kind = arrays["firms_kind"].sum(axis=2)
    np.testing.assert_allclose(by_kind[:, :CITIES], arrays["firms"][:, :CITIES], rtol=2e-5)


@pytest.mark.parametrize("run", ["arrays", "busy"])
def test_inventions_by_city(request, run):
    """Inventions in force = before + new - lapsed."""
    a = request.getfixturevalue(run)
    booked = flow(a["inventions"]) - flow(a["lapsed"])
    np.testing.assert_allclose(change(a["inventions_in_force"]), booked, **CLOSE)


def test_inventions_by_stage(arrays):
    """What is on its way and in the market is part of what is in force; the market is the last stage.

    The way to the market grows by new results at most, and the market by conversions at most; both lose some.
    """
    a = arrays
    stages = a["pipeline"][:, :CITIES].sum(axis=1)
    market = stages[:, 4]
    np.testing.assert_allclose(market, a["inventions_in_market"][:, :CITIES].sum(axis=1), rtol=2e-5)
    assert (stages.sum(axis=1) <= a["inventions_in_force"][:, :CITIES].sum(axis=1) * (1 + 1e-6)).all()
    on_the_way = stages[:, :4].sum(axis=1)
    new, converted = flow(a["inventions"]).sum(axis=1), flow(a["conversions"]).sum(axis=1)
    abandoned, lapsed = flow(a["abandoned"]).sum(axis=1), flow(a["lapsed"]).sum(axis=1)
    left = new - converted - abandoned - np.diff(on_the_way)  # lapsed before they reached the market
    assert (left >= -1.0).all() and (left <= lapsed + 1.0).all()
    lapsed_in_market = converted - np.diff(market)
    assert (lapsed_in_market >= -1.0).all() and (lapsed_in_market + left <= lapsed + 1.0).all()


@pytest.mark.parametrize("name", ["inventions", "conversions"])
def test_fields_add_up(arrays, name):
    by_field = arrays[f"{name}_field"].sum(axis=2)
    np.testing.assert_allclose(by_field[:, :CITIES], arrays[name][:, :CITIES], **CLOSE)


@pytest.mark.parametrize("name", ["ties_firm_firm", "ties_institute_institute", "expected_ties"])
def test_tie_matrices_are_symmetric(arrays, name):
    matrix = arrays[name]
    np.testing.assert_allclose(matrix, matrix.transpose(0, 2, 1), rtol=1e-6, atol=1e-6)
    assert matrix.sum() > 0


def test_ties_lie_inside_between_or_across(arrays):
    """Ties of a city, by where the partner sits, add up to the matrices (half a tie for each end)."""
    a = arrays
    mixed = a["ties_firm_institute"]
    same = (a["ties_firm_firm"] + a["ties_institute_institute"]).sum(axis=2)
    by_city = same + 0.5 * (mixed.sum(axis=1) + mixed.sum(axis=2))
    parts = a["ties_inside"] + a["ties_jurisdiction"] + a["ties_border"]
    np.testing.assert_allclose(parts[:, :CITIES], by_city[:, :CITIES], **CLOSE)


def test_public_cost_is_the_sum_over_levers(busy):
    cost = busy["public_cost_lever"].sum(axis=2)[:, :CITIES]  # every city of this run pays for itself
    np.testing.assert_allclose(busy["public_cost"][:, :CITIES], cost, rtol=2e-5)
    assert busy["public_cost_lever"].sum() == pytest.approx(float(cost.sum()), rel=1e-5)
    assert (cost[1:].sum(axis=1) > 0).all()


def test_public_cost_is_what_governments_paid(busy_bay):
    """Lever by lever: services, grants of the joint fund and guidance money leave the governments."""
    from greaterbay.policy import catalogue

    used = dict(zip(catalogue.levers(), busy_bay.budgets.used.sum(axis=0), strict=True))
    ledger = busy_bay.ledger
    assert used["joint_collaboration_fund"] == pytest.approx(ledger.flow("joint_grant").sum())
    assert used["joint_collaboration_fund"] > 0 and used["guidance_fund"] > 0
    assert used["hz_rd_subsidy"] == pytest.approx(ledger.flow("award").sum()) and used["hz_rd_subsidy"] > 0
    services = sum(used[name] for name in used if name not in ("joint_collaboration_fund", "guidance_fund", "hz_rd_subsidy"))
    assert services == pytest.approx(ledger.flow("lever").sum())


def test_nothing_is_spent_on_levers_in_the_baseline(arrays):
    assert arrays["public_cost"].sum() == 0 and arrays["public_cost_lever"].sum() == 0
    assert arrays["lever_short"].sum() == 0


def test_no_city_spends_beyond_its_room(busy_bay, busy):
    """At most ``policy_room`` times the science budget, which follows output from the start."""
    room = busy_bay.parameters.economy.policy_room * busy_bay.region.science_budget_city / 4.0
    ratio = busy["output"][:, :CITIES] / (busy_bay.region.output_city / 4.0)
    spent = busy["public_cost"][1:, :CITIES]
    assert (spent <= room * ratio[:-1] * (1 + 1e-5)).all()


def test_a_lever_that_needs_more_than_the_room_runs_short():
    """What a city wants beyond its room is not paid, and the unpaid share of the whole is recorded."""
    bay = Bay(scenario=small_scenario("run.end=2024-03-31", *lever("guidance_fund", 1.0, "2024-01-01")))
    bay.run_to_end()
    a = bay.record.arrays()
    at = bay.coords()["lever"].index("guidance_fund")
    room = bay.parameters.economy.policy_room * bay.region.science_budget_city / 4.0
    wanted = bay.budgets.wanted[:CITIES, at]
    assert (wanted > room).any() and (wanted <= bay.region.science_budget_city / 4.0).all()
    np.testing.assert_allclose(a["public_cost"][0, :CITIES], np.minimum(wanted, room), rtol=1e-5)
    unpaid = 1 - np.minimum(wanted, room).sum() / wanted.sum()
    assert a["lever_short"][0, at] == pytest.approx(unpaid, rel=1e-5)


def test_market_shares_sum_to_one(small_run):
    """Sales of the firms of a field over the field's market."""
    firms = small_run.firms
    rows = firms.alive_rows()
    share = firms.sales[rows] * firms.weight[rows] / small_run.economy.market_now[firms.field[rows]]
    total = np.bincount(firms.field[rows], weights=share, minlength=12)
    np.testing.assert_allclose(total, 1.0, rtol=1e-12)
    assert share.min() > 0 and share.max() < 1


@pytest.mark.parametrize(("output", "instruments"), [
    ("flow_capital_credit", ("credit",)),
    ("flow_capital_venture", ("venture", "patient")),
    ("flow_capital_guidance", ("guidance",)),
    ("flow_capital_grant_firm", ("grant", "joint_grant", "award")),
])
def test_recorded_money_is_in_the_books(busy_bay, output, instruments):
    """Flow matrices of money are the ledger's payments to firms, place by place."""
    booked = sum(busy_bay.ledger.flow(name) for name in instruments)
    recorded = busy_bay.tally.arrays[output].copy()
    if output == "flow_capital_grant_firm":
        recorded += busy_bay.tally.arrays["flow_capital_grant_institute"]
    np.testing.assert_allclose(recorded, booked, rtol=1e-9, atol=1e-9)


def test_recorded_stocks_of_money_are_the_accounts(busy_bay, busy):
    account = busy_bay.ledger.account("firm")[:CITIES]
    np.testing.assert_allclose(busy["firm_cash"][3, :CITIES], account, rtol=2e-5)
    desks = busy_bay.funds.kind == 2
    lent = np.bincount(busy_bay.funds.city[desks], weights=busy_bay.funds.committed[desks], minlength=CITIES)
    np.testing.assert_allclose(busy["firm_debt"][3, :CITIES], lent, rtol=2e-5, atol=1e-3)


def test_what_users_pay_for_technology_owners_receive(small_run, monkeypatch):
    """The phase of transfers alone: money moves from users' columns to owners', imports leave the bay."""
    chosen, take = [], transfer._take
    monkeypatch.setattr(transfer, "_take", lambda *given: (take(*given), chosen.append(given[-1])))
    names = [f"flow_technology_{channel}_{owner}" for channel in ("licence", "sale", "joint")
             for owner in ("firm", "institute")]
    with untouched(small_run) as bay:
        bay.ledger.open_quarter()
        firms, weight = bay.firms, bay.firms.weight.copy()
        firms_before, institutes_before = (firms.cash * weight).sum(), bay.institutes.cash.sum()
        taken_before = sum(bay.tally.arrays[name].sum() for name in names)
        transfer.transfer_technology(bay)
        paid, imported = bay.ledger.flow("licence").sum(), bay.ledger.flow("import").sum()
        to_institutes = bay.institutes.cash.sum() - institutes_before
        left = (firms.cash * weight).sum() - firms_before
        assert left == pytest.approx(-to_institutes - imported, rel=1e-6)
        assert 0 <= to_institutes <= paid and paid > 0 and imported > 0
        users = np.flatnonzero(chosen[0] >= 0)
        taken = sum(bay.tally.arrays[name].sum() for name in names) - taken_before
    # a user takes one invention and stands for several firms
    assert users.size > 0 and taken == pytest.approx(weight[users].sum()) and taken > users.size


@pytest.mark.parametrize("name", [output.id for output in outputs.table().values() if output.is_ratio])
def test_ratios_are_formed_from_their_parts(arrays, name):
    output = outputs.get(name)
    top, bottom = arrays[output.numerator], arrays[output.denominator]
    ratio = arrays[output.id]
    filled = (bottom > 0) & np.isfinite(ratio)
    np.testing.assert_allclose(ratio[filled], top[filled] / bottom[filled], rtol=1e-5)
    assert np.isnan(ratio[bottom <= 0]).all() and filled.any()
