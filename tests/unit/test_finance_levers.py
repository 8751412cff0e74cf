"""Levers of finance and of public money: what they change, for whom, and who pays."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from trial_bay import change, city, play

from greaterbay.actors.firm import LEADER, STARTUP
from greaterbay.actors.fund import BANK, GUIDANCE, VENTURE, row_of_fund
from greaterbay.actors.invention import FIRM_INSTITUTE
from greaterbay.exchange import credit, grants, pilots, venture
from greaterbay.policy import catalogue
from small_bay import untouched

LEVERS = list(catalogue.levers())
CREDIT = {"data_credit": "credit_data", "invest_loan_linkage": "loan_linkage", "startup_credit": "startup_guarantee",
          "patent_pledge": "patent_pledge", "insured_credit": "credit_insured", "school_firm_credit": "school_credit"}


def cost(bay, name, quarters):
    return bay.record.arrays()["public_cost_lever"][:quarters, :, LEVERS.index(name)].astype(float)


def firms_of(bay, name):
    """Firms that a credit lever covers."""
    firms, count = bay.firms, bay.institutes.capacity
    rows = firms.alive_rows()
    found = np.zeros(firms.capacity)
    if name == "data_credit":
        found[rows] = np.minimum(1.0, firms.data_quarters[rows] / 12.0)
    elif name == "invest_loan_linkage":
        found[rows] = firms.invested[rows] > 0
    elif name == "startup_credit":
        found[rows] = firms.kind[rows] == STARTUP
    elif name == "patent_pledge":
        owners = bay.inventions.owner[bay.inventions.alive == 1]
        found[owners[owners >= count] - count] = 1.0
    elif name == "insured_credit":
        found[rows] = 1.0
    else:
        ties = bay.ties
        found[ties.b[(ties.alive == 1) & (ties.type == FIRM_INSTITUTE)] - count] = 1.0
    return found[rows]


@pytest.mark.parametrize("name", CREDIT)
def test_a_credit_lever_opens_banks_to_the_firms_it_covers_in_its_cities_only(make_bay, name):
    bay = play(make_bay({name: {"value": 0.5, "cities": ["shenzhen"]}}), 2)
    firms = bay.firms
    rows, base = firms.alive_rows(), np.full(firms.alive_rows().size, 10.0)
    value = getattr(bay.values, CREDIT[name])[firms.city[rows], firms.field[rows], firms.kind[rows]]
    value = value - (bay.parameters.finance.credit_data if name == "data_credit" else 0.0)
    limit, seen = credit.open_credit(bay, rows, base)
    here, covered = firms.city[rows] == city(bay, "shenzhen"), firms_of(bay, name)
    assert seen == pytest.approx(np.where(here, value * covered, 0.0), abs=1e-12)
    assert seen[here].max() > 0 and (limit >= base).all() and (limit[~here | (covered == 0)] == 10.0).all()
    if name != "data_credit":  # there the limit on collateral itself grows
        assert (limit[here & (covered > 0)] > 10.0).all()


def test_without_levers_limits_and_the_chance_are_those_of_2020(bay):
    play(bay, 1)
    rows = bay.firms.alive_rows()
    limit, seen = credit.open_credit(bay, rows, np.ones(rows.size))
    assert (limit == 1.0).all() and not seen.any()


def test_two_ways_to_a_bank_leave_unseen_who_fails_in_both(make_bay):
    bay = play(make_bay({"startup_credit": 0.5, "insured_credit": 0.4}), 1)
    firms = bay.firms
    rows = firms.alive_rows()
    rows = rows[firms.kind[rows] == STARTUP]
    cell = firms.city[rows], firms.field[rows], firms.kind[rows]
    _, seen = credit.open_credit(bay, rows, np.ones(rows.size))
    assert seen == pytest.approx(1.0 - (1.0 - bay.values.startup_guarantee[cell]) * (1.0 - bay.values.credit_insured[cell]))


def test_the_government_pays_its_part_of_lost_loans_of_start_ups(make_bay):
    bay = play(make_bay({"startup_credit": {"value": 1.0, "cities": ["shenzhen"]}, "coordination_level": 3}), 1)
    firms, here = bay.firms, city(bay, "shenzhen")
    young = np.flatnonzero((firms.alive == 1) & (firms.kind == STARTUP) & (firms.city == here))[:2]
    other = np.flatnonzero((firms.alive == 1) & (firms.kind == LEADER - 1) & (firms.city == here))[:1]
    rows = np.concatenate((young, other))
    firms.loan[:] = 0.0
    firms.loan[rows] = [2.0, 1.0, 5.0]
    desk = row_of_fund(bay, BANK)[here]
    before, paid = bay.funds.cash[desk], bay.ledger.flow("guarantee").sum()
    credit.cover_losses(bay, rows)
    share = bay.values.startup_guarantee[here, firms.field[young], STARTUP]
    due = (share * firms.loan[young] * firms.weight[young]).sum()
    assert due > 0 and bay.funds.cash[desk] - before == pytest.approx(due)
    assert bay.ledger.flow("guarantee").sum() - paid == pytest.approx(due)
    assert bay.budgets.used[here, LEVERS.index("startup_credit")] == pytest.approx(due + cost(bay, "startup_credit", 1)[0, here])


def test_insurers_pay_the_insured_part_and_debtors_the_premium(make_bay):
    bay = play(make_bay({"insured_credit": 0.4}), 1)
    firms, f = bay.firms, bay.parameters.finance
    row = firms.alive_rows()[:1]
    firms.loan[:], firms.cash[row] = 0.0, 10.0
    firms.loan[row] = 3.0
    cell = firms.city[row], firms.field[row], firms.kind[row]
    insured = bay.values.credit_insured[cell] * 3.0
    credit.insure_loans(bay)
    assert 10.0 - firms.cash[row] == pytest.approx(insured * f.loan_loss * (1 + bay.parameters.conversion.premium_load))
    desk = row_of_fund(bay, BANK)[firms.city[row]]
    before = bay.funds.cash[desk].copy()
    credit.cover_losses(bay, row)
    assert bay.funds.cash[desk] - before == pytest.approx(insured * firms.weight[row])
    assert (bay.ledger.account("insurer") >= -1e-9).all()


def test_losses_without_levers_stay_with_the_bank(bay):
    play(bay, 1)
    before = bay.funds.cash.copy()
    rows = np.flatnonzero((bay.firms.alive == 1) & (bay.firms.loan > 0))
    credit.cover_losses(bay, rows)
    assert rows.size and (bay.funds.cash == before).all()


def test_needs_for_credit_are_counted_and_most_are_small(bay):
    play(bay, 8)
    record = bay.record.arrays()
    needs, small = record["loan_needs"][:8, :11].sum(), record["loan_needs_small"][:8, :11].sum()
    assert 0.4 < small / needs < 0.95
    assert (record["loan_needs_small"][:8, :11] <= record["loan_needs"][:8, :11]).all()


def test_direct_finance_reaches_small_firms_of_its_cities(make_bay):
    bay = play(make_bay({"direct_finance": {"value": 0.6, "cities": ["foshan"]}}), 6)
    flow = bay.record.arrays()["flow_capital_direct"][:6].sum(axis=0)
    here = city(bay, "foshan")
    assert flow[here, here] > 0 and flow.sum() == flow[here, here]
    assert not play(make_bay(), 2).record.arrays()["flow_capital_direct"].any()


def test_an_appraisal_takes_noise_out_of_first_rounds_and_the_city_pays(make_bay):
    bay = play(make_bay({"early_stage_discovery": {"value": 1.0, "cities": ["shenzhen"]}}), 1)
    firms, f = bay.firms, bay.parameters.finance
    rows = np.flatnonzero((firms.alive == 1) & (firms.kind == STARTUP))
    paid = bay.budgets.used[:, LEVERS.index("early_stage_discovery")].copy()
    noise = venture.screening_noise(bay, rows)
    served = noise < f.venture_noise
    here = city(bay, "shenzhen")
    assert served.any() and (firms.city[rows[served]] == here).all() and (firms.rounds[rows[served]] == 0).all()
    assert noise[served] == pytest.approx(f.venture_noise * (1 - f.valuation_gain)) and (noise[~served] == f.venture_noise).all()
    added = bay.budgets.used[:, LEVERS.index("early_stage_discovery")] - paid
    assert added[here] == pytest.approx(f.valuation_cost * firms.weight[rows[served]].sum()) and added.sum() == added[here]


def test_long_term_funds_offer_more_to_pilots_and_live_longer(make_bay):
    bay, plain = play(make_bay({"patient_capital": 0.8}), 1), play(make_bay(), 1)
    for one in (bay, plain):
        one.funds.cash[:] = 100.0
    v, f = bay.values.fund_patience, bay.parameters.finance
    more, less = pilots.patient_capital(bay).sum(axis=1), pilots.patient_capital(plain).sum(axis=1)
    assert more == pytest.approx(less * (1 + f.patience_gain * v), rel=1e-6)
    for one, years in ((bay, f.fund_life + f.patience_life * v), (plain, np.full(11, f.fund_life))):
        row = np.flatnonzero((one.funds.kind == VENTURE) & (one.funds.city == city(one, "shenzhen")))[0]
        one.funds.ends[row] = one.quarter
        venture.renew_funds(one)
        assert one.funds.ends[row] - one.quarter == 4 * round(years[city(one, "shenzhen")])


def test_support_by_stage_reaches_firms_with_late_projects(make_bay):
    bay = play(make_bay({"differentiated_support": 0.6}), 1)
    inventions, count = bay.inventions, bay.institutes.capacity
    with untouched(bay) as known:
        money = np.full(11, 50.0)
        spent, rows = grants.support_by_stage(known, money)
        assert (spent <= money).all() and spent.sum() > 0 and (known.firms.kind[rows] != LEADER).all()
        late = inventions.developer[(inventions.alive == 1) & (inventions.stage >= 2) & (inventions.stage <= 3)] - count
        assert np.isin(rows, late).all() and rows.size == np.unique(rows).size
    # the money of the city is the same, only who gets it differs
    plain, staged = play(make_bay(), 2).record.arrays(), play(bay, 1).record.arrays()
    paid = [record["flow_capital_grant_firm"][1].sum() for record in (plain, staged)]
    assert paid[1] == pytest.approx(paid[0], rel=0.02)


def test_audits_find_diverted_grants_and_deter(make_bay):
    bay = play(make_bay({"grant_audit": {"value": 0.5, "cities": ["shenzhen"]}}), 1)
    here, f = city(bay, "shenzhen"), bay.parameters.finance
    audit = bay.values.grant_audit
    assert audit[here] > 0 and np.delete(audit, here).sum() == 0
    rows = bay.firms.alive_rows()[:50]
    with untouched(bay) as known:
        diverted = grants.take_grant(known, rows, np.ones(50))
        assert diverted == pytest.approx(f.diversion * (1 - audit[bay.firms.city[rows]]))
    returned, given = bay.record.arrays()["awards_returned"][0, :11], bay.ledger.flow("grant")[:, :11].sum(axis=0)[:11]
    assert returned[here] == pytest.approx(given[here] * f.diversion * (1 - audit[here]) * audit[here], rel=1e-5)
    assert returned.sum() == pytest.approx(returned[here])
    paid = cost(bay, "grant_audit", 1)[0]
    assert paid[here] == pytest.approx(audit[here] * f.audit_cost * f.grant_share * bay.public_money.science_budget_now[here] / 4, rel=1e-5)


def test_the_path_of_public_money_grows_and_ends(make_bay):
    bay = make_bay({"public_money_growth": {"value": 0.1, "cities": ["shenzhen"], "end": date(2020, 12, 31)}})
    here, shares = city(bay, "shenzhen"), []
    for _ in range(5):
        play(bay, 1)
        shares.append(bay.public_money.extra_budget[here] / (bay.public_money.science_budget_now[here] / 4))
    assert shares == pytest.approx([0.025, 1.025**2 - 1, 1.025**3 - 1, 1.025**4 - 1, 0.0])
    paid = cost(bay, "public_money_growth", 5)
    assert (paid[:4, here] > 0).all() and paid.sum() == pytest.approx(paid[:4, here].sum())
    assert np.delete(bay.public_money.extra_budget, here).sum() == 0


def test_donors_pay_institutes_that_work_with_firms(make_bay):
    bay = play(make_bay({"school_firm_credit": {"value": 0.5, "cities": ["guangzhou"]}}), 1)
    ties, firms, count = bay.ties, bay.firms, bay.institutes.capacity
    joint = np.flatnonzero((ties.alive == 1) & (ties.type == FIRM_INSTITUTE))
    firm = ties.b[joint] - count
    here = firms.city[firm] == city(bay, "guangzhou")
    before = bay.institutes.cash.copy()
    grants.donate(bay)
    got = bay.institutes.cash - before
    value = bay.values.school_credit[city(bay, "guangzhou"), 0, 0]
    due = value * bay.parameters.finance.donation * bay.economy.growth_level * ties.weight[joint[here]].sum()
    assert got.sum() == pytest.approx(due) and got.sum() > 0
    assert set(np.flatnonzero(got)) == set(ties.a[joint[here]])


def test_the_best_share_of_a_guidance_fund_lies_inside(make_bay):
    """Private money in rounds: some public share draws more than none, a high one drives it out."""
    private, public = [], []
    for part in (0.0, 0.15, 0.8):
        bay = change(make_bay({"guidance_fund": 0.3}), {"finance.guidance_part": part})
        record = play(bay, 12).record.arrays()
        private.append(record["flow_capital_venture"][:12].sum())
        public.append(record["flow_capital_guidance"][:12].sum())
    assert private[1] > private[0] and private[1] > private[2]
    assert public[0] == 0 and private[1] / public[1] > 0.85 / 0.15 * 0.95  # leverage of about the private share
    assert (bay.funds.cash[bay.funds.kind == GUIDANCE] >= 0).all()
