"""Phase 5: stages, services, facilities, money for pilots."""

from __future__ import annotations

import math

import numpy as np
import pytest
from trial_bay import change, city, crossing, play

from greaterbay.actors.invention import ABANDONED, FIRST_USE, LABORATORY, MARKET, PILOT, PROOF
from greaterbay.exchange import conversion, developers, insurance, pilots
from greaterbay.exchange.conversion import reach_of, stage_success
from greaterbay.region.barriers import Barriers

OTHER_GAINS = ("skill_gain", "trial_gain", "lead_gain", "cover_gain")


def logit(p):
    return math.log(p / (1.0 - p))


def stages(bay):
    """Stage of every invention in force by identity."""
    rows = np.flatnonzero(bay.inventions.alive)
    return dict(zip(bay.inventions.id[rows].tolist(), bay.inventions.stage[rows].tolist(), strict=True))


# ---------------------------------------------------------------- odds of a stage


@pytest.mark.parametrize("base", [0.05, 0.5, 0.9])
def test_success_is_the_base_without_gains_and_shifts_on_the_logit_scale(base):
    assert stage_success(base, 0.0) == pytest.approx(base, abs=1e-12)
    for gain in (-2.0, -0.3, 0.7, 3.0):
        assert logit(stage_success(base, gain)) == pytest.approx(logit(base) + gain)


def test_under_the_borders_of_2020_the_borders_give_no_gain(bay):
    change(bay, {"conversion.lead_gain": 0, "conversion.cover_gain": 0})
    assert (conversion.stage_gains(bay) == 0.0).all()


def test_each_barrier_reaches_the_stages_it_should(make_bay):
    base = conversion.stage_gains(make_bay())
    gain = {}
    for name in ("technology", "talent", "finance"):
        bay = make_bay({f"{name}_barrier": 0.0})
        bay.values.refresh()
        gain[name] = conversion.stage_gains(bay) - base
    cross = crossing(bay).any(axis=1)
    # recognised trials: first use alone; scarce skills: every stage; patient capital is no matter of odds
    assert (gain["technology"][:, :, FIRST_USE][cross] > 0).all() and (
        gain["technology"][:, :, :FIRST_USE] == 0
    ).all()
    assert (gain["talent"][cross] > 0).all()
    assert (gain["finance"] == 0).all()


def test_lead_users_and_cover_raise_first_use_only(make_bay):
    bay, plain = make_bay(), make_bay()
    change(plain, {"conversion.lead_gain": 0, "conversion.cover_gain": 0})
    change(bay, {"conversion.cover_gain": 0})
    gain = conversion.stage_gains(bay) - conversion.stage_gains(plain)
    assert (gain[:, :, :FIRST_USE] == 0).all()
    users = conversion.lead_users(bay)[:, bay.region.lead_field]
    near = np.exp(-bay.values.travel_minutes[:11, :11] / bay.parameters.conversion.reach_travel) @ users
    for f in range(12):
        order = np.argsort(near[:, f])
        assert (np.diff(gain[order, f, FIRST_USE]) >= -1e-12).all()
    change(plain, {"conversion.cover_gain": 0.8})
    bay.values.first_use_cover[:] = plain.values.first_use_cover[:] = 0.0
    plain.values.first_use_cover[2, 3] = 0.5
    more = conversion.stage_gains(
        change(plain, {"conversion.lead_gain": bay.parameters.conversion.lead_gain})
    )
    more = more - conversion.stage_gains(bay)
    assert more[2, 3, FIRST_USE] == pytest.approx(0.4)
    more[2, 3, FIRST_USE] = 0.0
    assert (more == 0).all()


def test_reach_is_the_share_that_a_barrier_lets_through():
    stock, minutes = np.array([10.0, 30.0]), np.zeros((2, 2))
    barrier = np.array([[0.0, 0.5], [0.5, 0.0]])
    assert reach_of(stock, minutes, barrier, 60.0) == pytest.approx([25.0 / 40.0, 35.0 / 40.0])
    assert reach_of(stock, minutes, barrier * 0.0, 60.0) == pytest.approx([1.0, 1.0])
    assert reach_of(stock, minutes, barrier * 1e9, 60.0) == pytest.approx([0.25, 0.75])
    # a far stock counts less, and so does the border in front of it
    far = reach_of(stock, np.array([[0.0, 120.0], [120.0, 0.0]]), barrier, 60.0)
    assert (far > reach_of(stock, minutes, barrier, 60.0)).all()


# ---------------------------------------------------------------- work on the stages


def test_total_success_without_gains_is_the_field_table(bay):
    """Four stages with the fourth root each: the product is the table's total times success_spread."""
    p = change(
        bay,
        {f"conversion.{name}": 0 for name in (*OTHER_GAINS, "capability_gain", "proof_gain")}
        | {
            "invention.lapse": 0,
            "conversion.facility_open": 0,
            "conversion.pilot_cost": 0,
            "conversion.institute_developer": 0,
        },
    ).parameters.conversion
    bay.values.refresh()
    table = bay.inventions
    ended = passed = expected = 0
    for _ in range(8):
        before = table.stage.copy()
        working = (table.alive == 1) & (before < MARKET)
        conversion.convert(bay)
        done = working & (table.stage != before)
        total = np.clip(bay.region.conversion_field * p.success_spread, 0.01, 0.9)[table.field[done]]
        ended += done.sum()
        passed += (table.stage[done] != ABANDONED).sum()
        expected += (total**0.25).sum()
        bay.quarter += 1
    sd = math.sqrt(expected * (1.0 - expected / ended))
    assert ended > 2000 and abs(passed - expected) < 3.5 * sd


def test_a_stage_takes_its_quarters_and_a_facility_place_speeds_it_up(make_bay):
    shut, open_ = make_bay(), make_bay()
    change(shut, {"conversion.facility_open": 0})
    change(open_, {"conversion.facility_open": 1})
    for bay in (shut, open_):
        bay.values.refresh()
    table = shut.inventions
    start = table.progress.copy()
    rows = np.flatnonzero((table.alive == 1) & (table.stage < PILOT) & (table.developer >= 0))
    before = table.stage[rows].copy()
    for bay in (shut, open_):
        conversion.convert(bay)
    rows = rows[
        (shut.inventions.stage[rows] == before)
        & (open_.inventions.stage[rows] == before)
        & (shut.inventions.alive[rows] == 1)
        & (open_.inventions.alive[rows] == 1)
    ]
    quarters = np.maximum(1.0, shut.region.duration_years_field)[table.field[rows]]
    step = (shut.inventions.progress[rows] - start[rows]) * quarters
    assert rows.size > 500 and 0.5 - 1e-4 <= step.min() and step.max() <= 1.5 + 1e-4
    faster = (open_.inventions.progress[rows] - start[rows]) * quarters / step
    place = open_.inventions.facility[rows] == 1
    speed = shut.parameters.conversion.facility_speed
    assert place.any() and faster[place] == pytest.approx(1.0 / (1.0 - speed), rel=2e-3)
    assert faster[~place] == pytest.approx(1.0, rel=2e-3)


def test_facilities_closed_nobody_is_served(bay):
    change(bay, {"conversion.facility_open": 0})
    play(bay, 2)
    assert not bay.inventions.facility.any() and not bay.record.arrays()["facility_projects"][:2, :11].any()


def test_facilities_serve_no_more_than_their_places(bay):
    conversion.convert(bay)
    served = bay.tally.arrays["facility_projects"].sum()
    places = bay.institutes.facility.sum() * bay.parameters.conversion.facility_open
    assert 0 < served <= 1.15 * places  # who has a place is drawn: places are kept in the mean


def test_a_facility_behind_an_infinite_border_serves_nobody_there(bay):
    bay.institutes.facility[bay.region.jurisdiction_city[bay.institutes.city] != 0] = 0.0
    bay.world.base_barriers = Barriers(*(matrix * 1e9 for matrix in bay.world.base_barriers))
    bay.values.refresh()
    conversion.convert(bay)
    served = bay.inventions.facility == 1
    assert served.any() and (bay.region.jurisdiction_city[bay.inventions.city[served]] == 0).all()


# ---------------------------------------------------------------- services


def test_no_proof_coverage_nobody_is_served(bay):
    play(bay, 3)
    rows = bay.inventions.birth >= bay.start
    assert rows.sum() > 100 and not bay.inventions.served[rows].any()


def test_coverage_serves_its_share_of_new_results_and_cities_pay_for_each(make_bay):
    bay = make_bay({"proof_of_concept": {"value": 0.6, "cities": ["shenzhen"]}})
    change(bay, {"economy.policy_room": 5})
    play(bay, 4)
    table, here = bay.inventions, city(bay, "shenzhen")
    new = (table.alive == 1) & (table.birth >= bay.start)
    share = table.served[new & (table.city == here)].mean()
    coverage = bay.values.proof_coverage[here].max()
    assert 0.2 < coverage <= 0.6 and share == pytest.approx(coverage, abs=0.12)
    assert not table.served[new & (table.city != here)].any()
    cost = bay.record.arrays()["public_cost_lever"][:4].sum(axis=0)
    assert cost[here].sum() > 0 and not np.delete(cost, here, axis=0).any()


def test_a_served_result_never_does_worse(make_bay):
    plain, served = make_bay(), make_bay()
    table = served.inventions
    table.served[(table.alive == 1) & (table.stage <= PROOF)] = 1
    start = stages(plain)
    for bay in (plain, served):
        conversion.convert(bay)
    one, two = stages(plain), stages(served)
    moved = [i for i in one if i in two and start[i] <= PROOF and one[i] != start[i]]
    better = [i for i in moved if one[i] == ABANDONED and two[i] != ABANDONED]
    worse = [i for i in moved if one[i] != ABANDONED and two[i] == ABANDONED]
    assert len(better) > 5 and not worse
    later = [i for i in one if i in two and start[i] > PROOF]
    assert all(one[i] == two[i] for i in later)


# ---------------------------------------------------------------- pilots wait for money


def waiting_pilots(bay):
    t = bay.inventions
    return np.flatnonzero(
        (t.alive == 1) & (t.stage == PILOT) & (t.funded == 0) & (t.developer >= bay.institutes.capacity)
    )


def make_pilots(bay):
    """Every laboratory result of a firm now stands before its pilot."""
    t = bay.inventions
    rows = np.flatnonzero((t.alive == 1) & (t.stage == LABORATORY) & (t.developer >= bay.institutes.capacity))
    t.stage[rows], t.funded[rows], t.progress[rows] = PILOT, 0, 0.0
    return rows


def test_a_pilot_without_money_waits(bay):
    rows = make_pilots(bay)
    bay.firms.cash[:] = 0.0
    bay.funds.cash[:] = bay.funds.budget[:] = 0.0
    bay.capital.patient_left[:] = 0.0
    conversion.convert(bay)
    assert rows.size > 100 and not bay.inventions.funded[rows].any()
    assert (bay.inventions.stage[rows] == PILOT).all() and not bay.inventions.progress[rows].any()
    assert bay.tally.arrays["pilots_waiting"].sum() >= bay.inventions.weight[rows].sum() - 1e-6
    assert bay.ledger.flow("pilot").sum() == 0 and bay.ledger.flow("patient").sum() == 0


def test_pilots_of_rich_firms_do_not_wait_and_are_paid_in_full(bay):
    rows = make_pilots(bay)
    bay.firms.cash[bay.firms.alive == 1] = 1e6
    before = bay.firms.cash.copy()
    pilots.fund_pilots(bay)
    assert (bay.inventions.funded[rows] == 1).all() and waiting_pilots(bay).size == 0
    paid = ((before - bay.firms.cash) * bay.firms.weight)[bay.firms.alive == 1].sum()
    assert paid == pytest.approx(bay.ledger.flow("pilot").sum())
    assert paid >= bay.parameters.conversion.pilot_cost * bay.inventions.weight[rows].sum() - 1e-6
    assert bay.ledger.flow("patient").sum() == 0


def test_patient_capital_pays_where_firms_cannot(bay):
    rows = make_pilots(bay)
    bay.firms.cash[:] = 0.0
    bay.capital.patient_left[:] = 0.0
    change(bay, {"conversion.patient_share": 0.5})
    pilots.fund_pilots(bay)
    paid = bay.ledger.flow("patient").sum()
    assert bay.inventions.funded[rows].any() and paid > 0
    assert paid == pytest.approx(bay.ledger.flow("pilot").sum())


def test_no_patient_share_no_patient_capital(bay):
    make_pilots(bay)
    bay.firms.cash[:] = 0.0
    bay.capital.patient_left[:] = 0.0
    change(bay, {"conversion.patient_share": 0})
    pilots.fund_pilots(bay)
    assert bay.ledger.flow("patient").sum() == 0 and bay.ledger.flow("pilot").sum() == 0


def test_patient_capital_stops_at_an_infinite_border(bay):
    offered = pilots.patient_capital(bay)
    assert offered[crossing(bay)].sum() > 0
    assert (
        offered.sum() <= pilots.private_money(bay).sum() * bay.parameters.conversion.patient_share + 1e-6
    )
    bay.world.base_barriers = Barriers(*(matrix * 1e9 for matrix in bay.world.base_barriers))
    bay.values.refresh()
    closed = pilots.patient_capital(bay)
    assert closed[crossing(bay)].sum() == 0
    assert closed[~crossing(bay)] == pytest.approx(offered[~crossing(bay)])


# ---------------------------------------------------------------- developers and lapse


def test_a_pilot_needs_a_developer(bay):
    t = bay.inventions
    rows = np.flatnonzero((t.alive == 1) & (t.stage < MARKET) & (t.developer < 0))
    t.stage[rows], t.partner[rows], t.funded[rows], t.entered[rows] = FIRST_USE, -1, 1, bay.quarter
    change(bay, {"conversion.institute_developer": 0, "invention.lapse": 0})
    conversion.convert(bay)
    assert rows.size > 50 and (t.stage[rows] == FIRST_USE).all() and (t.developer[rows] == -1).all()


@pytest.mark.parametrize("stage", [PROOF, PILOT, FIRST_USE])
def test_a_result_without_developer_is_given_up_after_its_patience(bay, stage):
    """Exactly those that have waited ``patience`` quarters are given up; they stay in force as patents."""
    t, patience = bay.inventions, int(bay.parameters.conversion.patience)
    rows = np.flatnonzero((t.alive == 1) & (t.stage < MARKET) & (t.developer < 0))
    t.stage[rows], t.partner[rows], t.progress[rows] = stage, -1, -100.0
    t.entered[rows] = bay.quarter - np.arange(rows.size) % (2 * patience)
    change(bay, {"conversion.institute_developer": 0, "invention.lapse": 0})
    conversion.convert(bay)
    late = np.arange(rows.size) % (2 * patience) >= patience
    assert rows.size > 4 * patience and (t.stage[rows] == np.where(late, ABANDONED, stage)).all()
    assert (t.alive[rows] == 1).all()


def test_a_pilot_without_money_is_given_up_after_its_patience(bay):
    rows, t = make_pilots(bay), bay.inventions
    patience = int(bay.parameters.conversion.patience)
    bay.firms.cash[:] = 0.0
    bay.funds.cash[:] = bay.funds.budget[:] = 0.0
    bay.capital.patient_left[:] = 0.0
    late = np.arange(rows.size) % 2 == 1
    t.entered[rows] = bay.quarter - patience + np.where(late, 0, 1)
    change(bay, {"invention.lapse": 0})
    conversion.convert(bay)
    assert (t.stage[rows] == np.where(late, ABANDONED, PILOT)).all()
    assert bay.tally.arrays["abandoned"].sum() >= t.weight[rows[late]].sum() - 1e-6


def test_a_co_owning_firm_develops_the_result(bay):
    t, count = bay.inventions, bay.institutes.capacity
    rows = np.flatnonzero((t.alive == 1) & (t.stage == LABORATORY) & (t.developer < 0))
    firm = bay.firms.alive_rows()[: rows.size] + count
    t.stage[rows], t.partner[rows] = PROOF, firm
    change(bay, {"conversion.institute_developer": 0})
    developers.find_developers(bay)
    assert (t.developer[rows] == firm).all()


def test_nothing_lapses_at_rate_zero_and_nothing_on_its_way_ever(bay):
    t = bay.inventions
    on_its_way = np.flatnonzero((t.alive == 1) & (t.stage < MARKET) & (t.developer >= 0))
    alive = int(t.alive.sum())
    change(bay, {"invention.lapse": 0})
    conversion.lapse(bay)
    assert int(t.alive.sum()) == alive
    change(bay, {"invention.lapse": 1})
    conversion.lapse(bay)
    assert (t.alive[on_its_way] == 1).all() and int(t.alive.sum()) == on_its_way.size


def test_conversions_are_what_reached_the_market(bay):
    change(bay, {"invention.lapse": 0})
    before = stages(bay)
    conversion.convert(bay)
    rows = bay.technologies.arrivals
    t = bay.inventions
    arrived = [before[int(i)] for i in t.id[rows] if int(i) in before]
    assert rows.size and set(arrived) == {FIRST_USE}
    assert bay.tally.arrays["conversions"].sum() == pytest.approx(t.weight[rows].sum())
    assert bay.tally.arrays["conversions_value"].sum() == pytest.approx(
        (t.weight[rows] * t.quality[rows]).sum()
    )


# ---------------------------------------------------------------- first-use insurance


def test_without_cover_nobody_pays_a_premium_or_is_compensated(bay):
    bay.values.first_use_cover_firm[:] = bay.values.first_use_cover[:] = 0.0
    bay.inventions.insured[:] = 0.0  # neither now nor when first use began
    conversion.convert(bay)
    assert bay.ledger.flow("premium").sum() == 0 and bay.ledger.flow("compensation").sum() == 0


def test_insurance_pays_the_insured_part_of_a_failed_first_use(bay):
    """What was insured when first use began is paid back, whatever the cover is today."""
    t, p, count = bay.inventions, bay.parameters.conversion, bay.institutes.capacity
    change(bay, {"invention.lapse": 0})
    bay.values.first_use_cover_firm[:] = 0.4
    bay.firms.cash[bay.firms.alive == 1] = 1e6
    stage, before = t.stage.copy(), t.insured.astype(float)
    owned = (t.alive == 1) & (t.developer >= count)
    conversion.convert(bay)
    failed = owned & (stage == FIRST_USE) & (t.stage == ABANDONED)
    began = owned & (stage == PILOT) & (t.stage == FIRST_USE)
    assert failed.sum() > 5 and began.sum() > 5
    insured = 0.4 * p.pilot_cost * t.weight
    assert before[failed].sum() > 0
    assert bay.ledger.flow("compensation").sum() == pytest.approx(before[failed].sum(), rel=1e-6)
    assert t.insured[began] == pytest.approx(insured[began], rel=1e-6)
    total = np.clip(bay.region.conversion_field * p.success_spread, 0.01, 0.9)[t.field[began]]
    premium = (insured[began] * (1.0 - total**0.25) * (1.0 + p.premium_load)).sum()
    assert bay.ledger.flow("premium").sum() == pytest.approx(premium)


@pytest.mark.parametrize("part", [0.0, 0.25, 1.0])
def test_who_pays_a_part_of_the_premium_is_compensated_for_that_part(bay, part):
    t, p, firms, count = bay.inventions, bay.parameters.conversion, bay.firms, bay.institutes.capacity
    rows = np.flatnonzero((t.alive == 1) & (t.stage == FIRST_USE) & (t.developer >= count))
    total = np.clip(bay.region.conversion_field * p.success_spread, 0.01, 0.9)
    bay.values.first_use_cover_firm[:] = 0.4
    whole = 0.4 * p.pilot_cost * t.weight[rows]
    premium = whole * (1.0 - total[t.field[rows]] ** 0.25) * (1.0 + p.premium_load)
    firm = t.developer[rows] - count
    asked = np.bincount(firm, weights=premium, minlength=firms.capacity)
    firms.cash[:] = part * asked / np.maximum(firms.weight, 1e-12)
    none = rows[:0]
    insurance.insure_first_use(bay, rows, none, total)
    assert rows.size > 20 and bay.ledger.flow("premium").sum() == pytest.approx(part * premium.sum())
    assert t.insured[rows] == pytest.approx(part * whole, rel=1e-5)
    assert np.abs(firms.cash).max() < 1e-6
    insurance.insure_first_use(bay, none, rows, total)
    assert bay.ledger.flow("compensation").sum() == pytest.approx(part * whole.sum(), rel=1e-5)
    assert (firms.cash * firms.weight).sum() == pytest.approx(part * whole.sum(), rel=1e-5)
