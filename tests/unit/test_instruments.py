"""The instrument engine: schedules, caps, who pays, instalments, sunset, stacking, claw-back; presets of the documents."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from trial_bay import change, city, play, scenario, strong, together

from greaterbay import Bay
from greaterbay.evidence import references
from greaterbay.policy import bases, catalogue, instruments, schedules
from greaterbay.policy.instruments import Instrument
from greaterbay.policy.terms import TERMS, UPFRONT, terms_of
from greaterbay.scenario.schema import LeverSetting
from small_bay import untouched

LEVERS = list(catalogue.levers())
PRESETS = {lever.id: lever for lever in catalogue.presets()}
money = st.floats(0.0, 1e6, allow_nan=False)


def figure(name):
    return references.resolve(f"figure:{name}").value


# ---------------------------------------------------------------- pure functions


def test_twenty_percent_capped_at_five_million_meets_its_cap_at_twenty_five():
    spent = np.array([0.0, 10.0, 24.99, 25.0, 25.01, 400.0])
    due = schedules.schedule(spent, 0.2, 5.0, np.inf)
    assert due == pytest.approx([0.0, 2.0, 4.998, 5.0, 5.0, 5.0], rel=1e-12)
    # what was got before counts: 3 of 5 are gone
    assert schedules.schedule(30.0, 0.2, np.inf, 5.0 - 3.0) == 2.0
    assert schedules.schedule(30.0, 0.2, np.inf, 5.0 - 7.0) == 0.0


@pytest.mark.parametrize(
    ("preset", "kink"),
    [("hz_attraction", 25.0), ("hz_supply_chain", 15.0),
     ("hz_brand_hall", 10.0), ("hz_belt", 10.0), ("hz_rd_subsidy", 10.0), ("hz_scene", 5.0)],
)
def test_kinks_of_the_documents(preset, kink):
    """Spending at which the rate meets the cap, as worked out from the documents."""
    t = terms_of(PRESETS[preset].terms)
    cap = min(t.cap_year, t.cap_total)
    below, at, above = schedules.schedule(np.array([0.999, 1.0, 1.001]) * kink, t.rate, cap, np.inf)
    assert below == pytest.approx(0.999 * cap) and at == pytest.approx(cap) and above == cap


@given(arrays(float, 5, elements=money), st.floats(0, 1), money, money)
def test_a_schedule_is_between_nothing_and_rate_and_caps(basis, rate, year, total):
    due = schedules.schedule(basis, rate, year, total)
    assert (due >= 0).all() and (due <= rate * basis + 1e-9).all() and (due <= min(year, total)).all()


@given(arrays(float, (4, 6), elements=money), st.lists(st.sampled_from(["", "a", "b"]), min_size=4, max_size=4))
def test_of_one_group_only_the_best_is_kept(due, groups):
    kept = schedules.best_of(due, groups)
    for name in ("a", "b"):
        rows = [k for k in range(4) if groups[k] == name]
        if rows:
            assert ((kept[rows] > 0).sum(axis=0) <= 1).all()
            assert (kept[rows].sum(axis=0) == due[rows].max(axis=0)).all()
    free = [k for k in range(4) if groups[k] == ""]
    assert (kept[free] == due[free]).all()


@given(arrays(float, 7, elements=st.floats(0.01, 1e4)), st.permutations(range(7)), st.floats(0, 1e5))
def test_a_total_is_shared_out_in_order(wanted, order, total):
    part = schedules.share_out(wanted, np.array(order), total)
    assert (wanted * part).sum() == pytest.approx(min(total, wanted.sum()), rel=1e-9, abs=1e-6)
    assert ((part > 0) & (part < 1)).sum() <= 1 or (np.sort(part[(part > 0) & (part < 1)])[-1] > 1 - 1e-9)
    assert (np.diff(part[order]) <= 1e-12).all()


@given(arrays(float, 4, elements=money), st.integers(1, 8))
def test_instalments_add_up(amount, number):
    parts = schedules.instalments(amount, number)
    assert parts.shape == (number, 4) and parts.sum(axis=0) == pytest.approx(amount, rel=1e-12)
    assert parts[0] == pytest.approx(amount / number)


@given(arrays(float, 5, elements=money), arrays(float, 5, elements=st.floats(-10, 1e6)))
def test_what_is_taken_back_and_written_off_is_what_was_held(held, cash):
    paid, lost = schedules.taken_back(held, cash)
    assert paid + lost == pytest.approx(held) and (paid <= np.maximum(cash, 0)).all() and (paid >= 0).all() and (lost >= 0).all()


def test_mean_growth_over_years():
    now, before = np.array([1.728, 2.0, 5.0]), np.array([1.0, 2.0, 0.0])
    assert schedules.mean_growth(now, before, 3) == pytest.approx([0.2, 0.0, -1.0])  # without a past nobody qualifies


@pytest.mark.parametrize("share", [0.75, 0.5, 0.0, 1.0])
def test_co_financing_sums_to_the_whole(share):
    parts = schedules.split_payers(share, 2, 12, 15)
    assert parts.sum() == 1.0 and parts[2] == share and parts[12] == 1.0 - share
    assert schedules.split_payers(share, 3, 3, 15).tolist() == np.eye(15)[3].tolist()  # one purse


# ---------------------------------------------------------------- presets of the catalogue


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_terms_of_presets_are_within_their_bounds(preset):
    t = terms_of(preset.terms)
    for key, value in preset.terms.items():
        if key in TERMS:
            assert TERMS[key].low <= value <= TERMS[key].high
    assert t.per_unit > 0 or t.basis == "fund"
    assert ("local_share" in preset.terms) == ("local_share_periphery" in preset.terms)
    assert preset.transfer and preset.transfer_zh and sum(preset.payer.values()) == pytest.approx(1.0)
    assert set(preset.excludes) <= set(catalogue.levers())
    assert (t.delay, t.instalments) == (0, 1) or t.basis not in UPFRONT
    assert t.horizon <= 13


def test_amounts_are_those_of_the_documents():
    for name, rate, key, cap in (
        ("hz_attraction", "hz_attract_rate", "cap_total", "hz_attract_cap"),
        ("hz_scene", "hz_scene_rate", "cap_total", "hz_scene_cap"),
        ("hz_brand_hall", "hz_hall_rate", "cap_total", "hz_hall_cap"), ("hz_supply_chain", "hz_supply_rate", "cap_total", "hz_supply_cap"),
        ("hz_belt", "hz_belt_rate", "cap_total", "hz_belt_cap"), ("hz_rd_subsidy", "hz_rd_rate", "cap_year", "hz_rd_cap"),
    ):
        assert PRESETS[name].terms["rate"] == figure(rate) / 100 and PRESETS[name].terms[key] == figure(cap) / 100
    for name, reward in (("hz_growth_award", "hz_growth_reward"), ("hz_demonstration", "hz_demo_reward"),
                         ("hz_top_award", "hz_top10_reward"),
                         ("hz_size_award", "hz_platform_reward"), ("hz_new_brand", "hz_brand_reward"),
                         ("hz_service_award", "hz_service_reward"),
                         ("hz_relocation_award", "hz_top10_relocation"), ("hz_lagging_aid", "hz_rural_reward")):
        assert PRESETS[name].terms["lump"] == figure(reward) / 100
    assert PRESETS["hz_growth_award"].terms["threshold_sales"] == figure("hz_growth_threshold_rev") / 100
    assert PRESETS["nm_super_deduction"].terms["rate"] == figure("nm_super_deduction") / 100 - 1
    assert PRESETS["nm_premium_subsidy"].terms["rate"] == figure("nm_insurance_subsidy") / 100
    assert PRESETS["nm_capital_grant"].terms["rate"] == figure("nm_capital_subsidy") / 100
    share = figure("nm_cluster_share_prd") / 100
    assert PRESETS["nm_capital_grant"].terms["cap_budget"] == pytest.approx(figure("nm_fund_500") * 100 * share / 5)
    assert PRESETS["nm_national_fund"].terms["cap_budget"] == pytest.approx(figure("nm_fund_national") * 100 * share / 5)
    assert PRESETS["nm_premium_subsidy"].terms["cap_budget"] == pytest.approx(figure("nm_insurance_fund") * 100 * share)
    low, high = figure("nm_demo_grant")
    assert PRESETS["nm_demonstration"].terms["lump"] == (low + high) / 2 / 100
    assert PRESETS["nm_demonstration"].terms["cap_budget"] == pytest.approx(figure("nm_demo_projects") * share * 7.5)
    days = figure("hz_end") - figure("hz_start")
    for name, preset in PRESETS.items():
        if name.startswith("hz_"):
            assert preset.terms["duration"] == round(days.days / 365.25 * 4)
            assert preset.terms["local_share"] == 0.5 and preset.terms["local_share_periphery"] == figure("hz_cofin_periphery_local") / 100


def test_what_no_lever_stands_for_is_said():
    stood_for = {document for lever in catalogue.levers().values() for document in lever.documents}
    missing = catalogue.not_represented()
    assert not stood_for & set(missing)
    known = set(references.all_ids("lever"))
    assert set(missing) <= known
    assert {name for name in known if name[0] == "H"} <= stood_for | set(missing)
    for one in missing.values():
        assert len(one.reason) > 40 and len(one.reason_zh) > 15


# ---------------------------------------------------------------- in a run


def spent(bay, name, quarters):
    """Public cost of a lever by quarter and payer."""
    return bay.record.arrays()["public_cost_lever"][:quarters, :, LEVERS.index(name)].astype(float)


def test_caps_are_per_real_recipient_whatever_a_row_stands_for(make_bay):
    bay = play(make_bay({"hz_rd_subsidy": 1.0}), 5)
    state, firms = bay.instruments, bay.firms
    rows = firms.alive_rows()
    bay.values.refresh()
    state.memory["got_year"][:] = 0.0
    due = state.due(bay, 0, rows, firms.rd_paid[rows])
    able = state.eligible(bay, 0, rows) & bay.world.mainland_city[firms.city[rows]]
    assert due == pytest.approx(np.where(able, np.minimum(0.2 * firms.rd_paid[rows], 2.0), 0.0), rel=1e-12)
    assert due.max() == 2.0 and able.any()
    with untouched(bay) as known:
        known.firms.weight[:] *= 2.5
        assert (known.instruments.due(known, 0, rows, firms.rd_paid[rows]) == due).all()


def test_nobody_gets_more_than_the_cap_of_the_year(make_bay):
    bay = make_bay({"hz_rd_subsidy": 1.0})
    for _ in range(8):
        play(bay, 1)
        got = bay.instruments.memory["got_year"][0]
        assert got.max() <= 2.0 + 1e-9
    assert got.max() == pytest.approx(2.0)


def test_half_of_the_terms_halves_rates_and_caps(make_bay):
    bay = play(make_bay({"hz_rd_subsidy": 0.5}), 5)
    rows = bay.firms.alive_rows()
    bay.values.refresh()
    bay.instruments.memory["got_year"][:] = 0.0
    due = bay.instruments.due(bay, 0, rows, bay.firms.rd_paid[rows])
    assert due.max() == 1.0
    rest = (due > 0) & (due < 1.0)
    assert due[rest] == pytest.approx(0.1 * bay.firms.rd_paid[rows][rest])


@pytest.mark.parametrize(("where", "local"), [("zhuhai", 0.75), ("guangzhou", 0.5), ("shenzhen", 0.5), ("foshan", 0.75)])
def test_core_cities_bear_half_and_others_three_quarters(make_bay, where, local):
    bay = play(make_bay({"hz_rd_subsidy": {"value": 1.0, "cities": [where]}}), 6)
    paid = spent(bay, "hz_rd_subsidy", 6).sum(axis=0)
    here, above = city(bay, where), bay.budgets.payer_ids.index("guangdong_government")
    assert paid.sum() > 0 and paid[here] == pytest.approx(local * paid.sum()) and paid[above] == pytest.approx((1 - local) * paid.sum())


def test_the_split_can_be_changed_and_a_payer_named(make_bay):
    bay = play(make_bay({"hz_rd_subsidy": 1.0}, extra=("levers.hz_rd_subsidy.terms.local_share_periphery=0.2",)), 4)
    assert bay.instruments.all[0].payers[city(bay, "zhuhai"), city(bay, "zhuhai")] == 0.2
    bay = make_bay({"hz_rd_subsidy": {"value": 1.0, "payer": "nation"}})
    assert (bay.instruments.all[0].payers[:, -1] == 1.0).all()


def test_awards_stop_at_the_sunset_and_promises_run_out_as_agreed(make_bay):
    """In force for two quarters, paid in two parts after a quarter's review and half a year later."""
    extra = ("levers.hz_rd_subsidy.terms.sunset=2021-06-30",
             "levers.hz_rd_subsidy.terms.performance=0", "levers.hz_rd_subsidy.terms.detection=0")
    bay = make_bay({"hz_rd_subsidy": {"value": 1.0, "start": date(2021, 1, 1)}}, extra=extra)
    assert bay.values.settings[0].end == 2021 * 4 + 1
    promised = []
    for _ in range(12):
        before = bay.instruments.memory["got_total"].sum()
        play(bay, 1)
        promised.append(bay.instruments.memory["got_total"].sum() - before > 0)
    assert np.flatnonzero(promised).tolist() == [4, 5]  # the first and the second quarter of 2021
    paid = spent(bay, "hz_rd_subsidy", 12).sum(axis=1)
    assert np.flatnonzero(paid).tolist() == [5, 6, 7, 8]
    awards = bay.record.arrays()["awards"][:12, :11].sum(axis=1)
    assert awards == pytest.approx(paid)
    assert paid[5] == pytest.approx(paid[7], rel=0.1)  # the same awards, less who left or moved


def test_an_end_before_the_sunset_ends_awards(make_bay):
    bay = make_bay({"hz_scene": {"value": 1.0, "end": date(2020, 12, 31)}})
    play(bay, 8)
    paid = spent(bay, "hz_scene", 8).sum(axis=1)
    assert (paid[:4] > 0).all() and not paid[4:].any()


def test_without_a_sunset_a_preset_stays(make_bay):
    bay = make_bay({"hz_scene": 1.0}, extra=("levers.hz_scene.terms.duration=0",))
    assert bay.values.settings[0].end is None


def test_a_recipient_takes_the_best_of_a_group_and_nothing_of_the_others(make_bay, monkeypatch):
    bay = make_bay({"hz_attraction": 1.0, "hz_brand_hall": 1.0, "hz_belt": 1.0, "hz_supply_chain": 1.0, "hz_rd_subsidy": 1.0})
    promises = []
    original = bay.instruments.promise
    monkeypatch.setattr(bay.instruments, "promise", lambda b, j, rows, amount: (promises.append((b.quarter, j, rows[amount > 0])),
                                                                                original(b, j, rows, amount))[1])
    play(bay, 4)
    names = [one.lever.id for one in bay.instruments.all]
    for quarter in {q for q, _, _ in promises}:
        of_group = np.concatenate([rows for q, j, rows in promises if q == quarter and names[j] != "hz_rd_subsidy"])
        assert of_group.size == np.unique(of_group).size > 0
        research = np.concatenate([rows for q, j, rows in promises if q == quarter and names[j] == "hz_rd_subsidy"])
        assert np.intersect1d(research, of_group).size > 0  # another group stands beside it


def second(bay, position, **changes):
    """A second instrument of the bay with other terms."""
    one = Instrument(bay, LeverSetting(bay.instruments.all[position].lever.id, 1.0), bay.instruments.all[position].position)
    one.terms = replace(one.terms, **changes)
    one.owed = np.zeros((bay.firms.capacity, one.terms.horizon + 1))
    return one


def test_no_project_is_paid_twice(make_bay):
    bay = play(make_bay({"nm_capital_grant": {"value": 1.0, "fields": list(make_bay().region.field_ids)}}), 1)
    state, firms = bay.instruments, bay.firms
    state.all.append(second(bay, 0, rate=0.5, cap_total=0.4))
    state.memory = {key: np.concatenate((book, np.zeros_like(book))) for key, book in state.memory.items()}
    state.first = np.concatenate((state.first, np.full_like(state.first, -10_000)))
    rows = firms.alive_rows()
    rows = rows[bay.world.mainland_city[firms.city[rows]]][:40]
    firm = np.concatenate((rows, rows[:10]))  # some have two projects
    cost = np.full(firm.size, 1.0)
    aid, chosen = instruments.offer(bay, "pilot", firm, cost)
    # the second is better while its cap lasts; the rest of a cap of 0.4 is worth less than the first
    assert chosen[:40].tolist() == [1] * 40 and aid[:40] == pytest.approx(0.4)
    assert chosen[40:].tolist() == [0] * 10 and aid[40:] == pytest.approx(0.3)
    before = bay.ledger.flow("award").sum()
    instruments.settle(bay, firm, aid, chosen)
    assert bay.ledger.flow("award").sum() - before == pytest.approx((aid * firms.weight[firm]).sum())
    again, chosen = instruments.offer(bay, "pilot", rows, cost[:40])
    assert (chosen == 0).all() and again == pytest.approx(0.3)


def test_a_pilot_needs_less_money_of_its_own_and_the_nation_pays_the_rest(make_bay):
    extra = ("parameters.'economy.nation_room'=5",)
    bay = make_bay({"nm_capital_grant": 1.0}, extra=extra)
    plain = make_bay(extra=extra)
    before = np.where(bay.inventions.alive == 1, bay.inventions.funded, 1)
    play(bay, 1), play(plain, 1)
    funded = lambda b: (b.inventions.funded == 1) & (b.inventions.alive == 1)  # noqa: E731
    assert (funded(bay) | ~funded(plain)).all()  # whoever was funded is funded still
    paid = spent(bay, "nm_capital_grant", 1)[0]
    assert paid[-1] == paid.sum() > 0
    # 30 % of the cost of every pilot of the targeted cells that started this quarter
    inventions, firms = bay.inventions, bay.firms
    new = np.flatnonzero(funded(bay)[: before.size] & (before == 0))
    firm = inventions.developer[new] - bay.institutes.capacity
    mine = bay.world.mainland_city[firms.city[firm]] & (firms.field[firm] == bay.region.field_ids.index("new_materials"))
    assert mine.any() and paid.sum() == pytest.approx(0.3 * bay.parameters.conversion.pilot_cost * inventions.weight[new[mine]].sum())


def test_help_with_an_adoption_lets_more_firms_adopt_and_none_fewer(make_bay):
    bay, plain = play(make_bay({"hz_scene": 1.0}), 1), play(make_bay(), 1)
    assert ((bay.firms.adopted & plain.firms.adopted) == plain.firms.adopted).all()
    more = (bay.firms.adopted != plain.firms.adopted) & (bay.firms.alive == 1)
    assert more.any() and bay.world.mainland_city[bay.firms.city[more]].all()
    bay = play(make_bay({"hz_scene": 1.0}), 8)
    assert bay.instruments.memory["got_total"][0].max() <= 1.0 + 1e-9


def test_a_total_for_all_recipients_binds(make_bay):
    terms = ("cap_budget=100", "delay=0", "instalments=1", "duration=0")
    bay = play(make_bay({"hz_rd_subsidy": 1.0}, extra=tuple(f"levers.hz_rd_subsidy.terms.{text}" for text in terms)), 8)
    by_year = spent(bay, "hz_rd_subsidy", 8).sum(axis=1).reshape(2, 4).sum(axis=1)
    assert by_year == pytest.approx([100.0, 100.0])


def test_what_payers_cannot_pay_stays_due(make_bay):
    bay = make_bay({"hz_rd_subsidy": 1.0})
    change(bay, {"economy.policy_room": 0.002, "economy.jurisdiction_room": 0.002})
    play(bay, 4)
    assert bay.record.arrays()["lever_short"][1:4, LEVERS.index("hz_rd_subsidy")].min() > 0.3
    owed = (bay.instruments.all[0].owed.sum(axis=1) * bay.firms.weight).sum()
    promised = (bay.instruments.memory["got_total"][0] * bay.firms.weight).sum()
    paid = spent(bay, "hz_rd_subsidy", 4).sum()
    assert owed > 0 and owed + paid <= promised * (1 + 1e-9)


def test_misuse_is_taken_back_and_bars_for_good(make_bay):
    bay = make_bay({"hz_rd_subsidy": 1.0}, extra=("levers.hz_rd_subsidy.terms.detection=1",))
    play(bay, 6)
    state, record = bay.instruments, bay.record.arrays()
    returned = record["awards_returned"][:6, :11].sum()
    assert 0 < returned < record["awards"][:6, :11].sum()
    rows = np.flatnonzero(state.barred & (bay.firms.alive == 1) & (state.holder == bay.firms.id))
    draw = bay.streams.uniforms("clawback", 0, bay.firms.id[rows])
    assert rows.size and (draw < bay.parameters.finance.diverters).all()
    assert not state.memory["held"][0, rows].any() and not state.all[0].owed[rows].any()
    got = state.memory["got_total"][0, rows].copy()
    play(bay, 1)
    still = bay.firms.id[rows] == state.holder[rows]
    assert (state.memory["got_total"][0, rows[still]] == got[still]).all()


def test_without_detection_nothing_is_taken_back(make_bay):
    bay = play(make_bay({"hz_rd_subsidy": 1.0}, extra=("levers.hz_rd_subsidy.terms.detection=0",)), 6)
    assert not bay.record.arrays()["awards_returned"][:6, :11].any() and not bay.instruments.barred.any()


def test_every_yuan_is_used_kept_or_diverted(make_bay):
    levers = together()
    bay = play(make_bay({name: value for name, value in levers.items() if name in PRESETS}), 6)
    names = ("awards", "awards_research", "awards_kept", "awards_diverted")
    record = {name: bay.record.arrays()[name][:6, :11].sum(axis=1) for name in names}
    assert (record["awards"] > 0).all()
    assert record["awards"] == pytest.approx(record["awards_research"] + record["awards_kept"] + record["awards_diverted"], rel=1e-5)
    diverted = record["awards_diverted"][2:] / (record["awards_diverted"] + record["awards_research"])[2:]
    assert diverted == pytest.approx(bay.parameters.finance.diversion, rel=1e-5)


def test_conditions_for_applicants(make_bay):
    bay = play(make_bay({"hz_rd_subsidy": 1.0}), 5)
    state, rows = bay.instruments, bay.firms.alive_rows()
    able = rows[state.eligible(bay, 0, rows)]
    one = able[:1]
    spoilers = (lambda b: b.firms.arrears.__setitem__(one, 1.0), lambda b: b.firms.data_quarters.__setitem__(one, 3),
                lambda b: b.instruments.penalty.__setitem__(one, b.quarter - 3), lambda b: b.instruments.barred.__setitem__(one, True))
    for spoil in spoilers:
        with untouched(bay) as known:
            spoil(known)
            assert not known.instruments.eligible(known, 0, one)[0]
    assert state.eligible(bay, 0, one)[0]
    state.penalty[one] = bay.quarter - 4
    assert state.eligible(bay, 0, one)[0]


def test_thresholds(make_bay):
    bay = play(make_bay({"hz_growth_award": 1.0, "hz_training": 1.0, "hz_attraction": 1.0}), 1)
    state, firms = bay.instruments, bay.firms
    names = [one.lever.id for one in state.all]
    rows = firms.alive_rows()
    growth, training, newcomer = (names.index(n) for n in ("hz_growth_award", "hz_training", "hz_attraction"))
    one = rows[:1]
    firms.arrears[one], firms.data_quarters[one] = 0.0, 12
    state.sales_past[one, 0], state.sales_past[one, 3] = 20.0 * 1.728, 20.0
    firms.sales[one] = 5.0
    state.sales_past[one, 3] *= 1 - 1e-9
    assert state.eligible(bay, growth, one)[0]
    firms.sales[one] = 4.99  # below 20 million a year
    assert not state.eligible(bay, growth, one)[0]
    firms.sales[one], state.sales_past[one, 0] = 5.0, 34.0  # below 20 % a year
    assert not state.eligible(bay, growth, one)[0]
    firms.staff[one] = 300 * firms.weight[one]
    assert state.eligible(bay, training, one)[0]
    firms.staff[one] = 299 * firms.weight[one]
    assert not state.eligible(bay, training, one)[0]
    state.arrived[one] = bay.quarter - 11
    assert state.eligible(bay, newcomer, one)[0]
    state.arrived[one] = bay.quarter - 12
    assert not state.eligible(bay, newcomer, one)[0]
    state.arrived[one], state.first[newcomer, one] = bay.quarter, bay.quarter - 12  # three years of support are over
    assert not state.eligible(bay, newcomer, one)[0]


def test_a_new_firm_in_a_row_starts_without_a_memory(make_bay):
    bay = play(make_bay({"hz_rd_subsidy": 1.0}), 3)
    state = bay.instruments
    row = int(np.flatnonzero((state.memory["got_total"][0] > 0) & (state.all[0].owed.sum(axis=1) > 0))[0])
    bay.firms.id[row] += np.uint64(1)
    state.sync(bay)
    assert state.memory["got_total"][0, row] == 0.0 and not state.all[0].owed[row].any()


def test_tax_relief_on_research_returns_a_quarter_later(make_bay):
    bay = play(make_bay({"nm_super_deduction": {"value": 1.0, "fields": ["new_materials", "sixg"]}}), 2)
    state, firms = bay.instruments, bay.firms
    rows = firms.alive_rows()
    spent_, tax = state.spent("taxed_research", rows), state.spent("profit_tax", rows)
    basis = instruments.measure(bay, "deduction", rows, state.all[0].terms)
    relief = 0.75 * basis
    assert relief == pytest.approx(np.minimum(0.75 * spent_ * bay.world.profit_tax_city[firms.city[rows]], tax), abs=1e-12)
    assert (relief == tax).any() and (relief < tax).any()
    at = [bay.region.field_ids.index(f) for f in ("new_materials", "sixg")]
    bay.values.refresh()
    assert not state.due(bay, 0, rows, basis)[~np.isin(firms.field[rows], at)].any()


def test_a_premium_subsidy_insures_more_first_uses_of_its_cells(make_bay):
    bay, plain = play(make_bay({"nm_premium_subsidy": 1.0}), 1), play(make_bay(), 1)
    change_ = bay.values.first_use_cover_firm - plain.values.first_use_cover_firm
    field = bay.region.field_ids.index("new_materials")
    assert change_[bay.world.mainland_city][:, field] == pytest.approx(0.3 * bay.parameters.finance.premium_response)
    assert not np.delete(change_, field, axis=1).any() and not change_[~bay.world.mainland_city].any()
    bay = play(bay, 3)
    record = bay.record.arrays()
    assert spent(bay, "nm_premium_subsidy", 4)[:, -1].sum() == pytest.approx(record["awards"][:4, :11].sum())
    assert record["awards"][:4, :11].sum() > 0


def test_the_national_fund_fills_guidance_funds(make_bay):
    extra = ("parameters.'economy.nation_room'=5",)
    bay = play(make_bay({"nm_national_fund": 1.0}, extra=extra), 2)
    assert spent(bay, "nm_national_fund", 2)[:, -1] == pytest.approx(PRESETS["nm_national_fund"].terms["cap_budget"] / 4)
    assert bay.record.arrays()["flow_capital_guidance"][:2].sum() > 0
    assert bay.ledger.flow("commitment")[:, ~np.append(bay.world.mainland_city, [False, False])].sum() == 0


def test_two_instruments_for_the_same_money_cost_both_alone(make_bay):
    for name in ("nm_capital_grant", "nm_national_fund"):
        assert spent(play(make_bay({name: 1.0}), 2), name, 2).sum() > 0


def test_top_firms_and_partial_rows(make_bay):
    bay = make_bay()
    rows = bay.firms.alive_rows()
    part = bases.top_firms(bay, rows, 10)
    by_field = np.bincount(bay.firms.field[rows], weights=part * bay.firms.weight[rows])
    enough = np.bincount(bay.firms.field[rows], weights=bay.firms.weight[rows]) >= 10
    assert by_field[enough] == pytest.approx(10.0)


def test_presets_rest_when_no_scenario_names_them(bay):
    play(bay, 1)
    assert bay.instruments.all == [] and bay.instruments.holder.size == 0
    assert not bay.values.terms.any()


# ---------------------------------------------------------------- scenarios


def loaded(*extra):
    return scenario({"hz_rd_subsidy": 1.0}, extra=extra)


def test_terms_reach_the_model_and_its_digest():
    changed = loaded("levers.hz_rd_subsidy.terms.rate=0.3")
    assert dict(changed.levers["hz_rd_subsidy"].terms) == {"rate": 0.3}
    assert changed.reaching_model()["levers"]["hz_rd_subsidy"]["terms"] == {"rate": 0.3}
    assert "terms" not in loaded().reaching_model()["levers"]["hz_rd_subsidy"]
    assert loaded().levers["hz_rd_subsidy"].end == 2020 * 4 + 13


def test_stacking_is_warned_of():
    end = date(2026, 12, 31)
    found = scenario({"hz_attraction": 1.0, "hz_belt": 1.0, "hz_rd_subsidy": 1.0}, end=end).warnings
    assert [w.what.split(": ", 1)[1] for w in found] == ["hz_belt does not add to hz_attraction: one recipient takes the best of them"]
    apart = scenario({"hz_attraction": {"value": 1.0, "cities": ["zhuhai"]}, "hz_belt": {"value": 1.0, "cities": ["foshan"]}},
                     end=end)
    assert apart.warnings == ()


def test_an_end_after_the_sunset_is_warned_of():
    late = scenario({"hz_rd_subsidy": {"value": 1.0, "end": date(2030, 12, 31)}}, end=date(2031, 12, 31))
    assert "ends with its sunset on 2023-06-30" in late.warnings[0].what
    assert late.levers["hz_rd_subsidy"].end == 2023 * 4 + 1


def test_a_setting_made_by_hand_ends_with_its_sunset(make_bay, warm_folder):
    by_hand = replace(scenario(), levers={"hz_scene": LeverSetting("hz_scene", strong("hz_scene"), start=2021 * 4)})
    bay = Bay(scenario=by_hand, warm_folder=warm_folder)
    assert bay.values.settings[0].end == 2021 * 4 + 13
