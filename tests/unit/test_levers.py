"""Levers: named values, targets, dates, strength; a lever at its neutral value is no lever."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from trial_bay import change, city, play, strong, together

from greaterbay import clock
from greaterbay.policy import catalogue, named_values
from greaterbay.policy.coordination import execution
from greaterbay.policy.levers import ACTOR_KINDS
from greaterbay.scenario.schema import LeverSetting
from greaterbay.warm_up import warm_key

LEVERS = catalogue.levers()
# values that are formed from named ones: named value -> what changes with it
FORMED = {
    "recognition": {"recognition_added", "unrecognised"},
    "park_upgrade": {"park_quality"},
    "first_use_cover_firm": {"first_use_cover"},
    "premium_subsidy": {"first_use_cover_firm", "first_use_cover"},
    "coordination": {"barrier_technology", "visibility", "division"},
    "zone_depth": {"barrier_technology", "barrier_talent", "barrier_finance"},
    "node_quality": {"travel_minutes"},
}
NAMED = (*named_values.table(), "travel_minutes", *sorted(set().union(*FORMED.values()) - set(named_values.table())))
STRONG = {name: strong(name) for name in LEVERS}
# the values that a lever may change
OWN = {name: {lever.named_value} | FORMED.get(lever.named_value, set()) for name, lever in LEVERS.items()}


def named(bay):
    """Copies of all named values."""
    return {name: np.array(getattr(bay.values, name), float) for name in NAMED}


def with_levers(bay, *settings):
    """Named values of the present quarter under lever settings."""
    bay.values.settings = list(settings)
    bay.values.refresh()
    return named(bay)


@pytest.fixture(scope="module")
def still(make_bay):
    """One released bay whose named values are looked at, never stepped."""
    return make_bay()


@pytest.fixture(scope="module")
def base(still):
    return with_levers(still)


def differing(one, other):
    return {name for name in NAMED if (one[name] != other[name]).any()}


def test_every_lever_has_a_strong_value_and_a_declared_named_value():
    assert all(STRONG[name] != lever.neutral for name, lever in LEVERS.items())
    assert {lever.named_value for lever in LEVERS.values()} <= set(named_values.table())


@pytest.mark.parametrize("name", LEVERS)
def test_a_neutral_lever_changes_no_named_value(still, base, name):
    assert differing(base, with_levers(still, LeverSetting(name, LEVERS[name].neutral))) == set()


@pytest.mark.parametrize("name", LEVERS)
def test_a_lever_changes_its_own_named_values_and_no_others(still, base, name):
    changed = differing(base, with_levers(still, LeverSetting(name, STRONG[name])))
    assert changed and changed <= OWN[name]


def test_all_neutral_levers_together_reproduce_the_baseline_bit_for_bit(make_bay):
    plain = play(make_bay(), 3).record.arrays()
    neutral = play(make_bay({name: lever.neutral for name, lever in LEVERS.items()}), 3).record.arrays()
    for name, values in plain.items():
        assert values[:3].tobytes() == neutral[name][:3].tobytes(), name


@pytest.mark.parametrize("name", [name for name, lever in LEVERS.items() if "cities" in lever.targets])
def test_a_lever_aimed_at_zhuhai_changes_zhuhai_alone(still, base, name):
    here = city(still, "zhuhai")
    aimed = with_levers(still, LeverSetting(name, STRONG[name], cities=("zhuhai",)))
    everywhere = with_levers(still, LeverSetting(name, STRONG[name]))
    assert differing(base, aimed) <= OWN[name]
    for value in OWN[name]:
        change_all, change_here = everywhere[value] - base[value], aimed[value] - base[value]
        if LEVERS[name].operation == "multiply" or value.startswith(("barrier_", "travel_")):  # a border has two sides
            touched = np.zeros(change_here.shape, bool)
            touched[here, :] = touched[:, here] = True
        elif value in ("recognition_added", "unrecognised"):  # titles count where people go
            touched = np.zeros(change_here.shape, bool)
            touched[:, here] = True
        else:
            touched = np.zeros(change_here.shape, bool)
            touched[here] = True
        assert (change_here[~touched] == 0.0).all(), value
        # between two cities with nodes the better one counts
        same = change_here[touched] >= change_all[touched] if value == "travel_minutes" else change_here[touched] == change_all[touched]
        assert same.all() and change_here.any(), value


@pytest.mark.parametrize(
    "name", [name for name, lever in LEVERS.items() if lever.targets == ("cities", "fields", "kinds")]
)
def test_targets_by_field_and_kind(still, base, name):
    value = LEVERS[name].named_value
    aimed = with_levers(
        still,
        LeverSetting(
            name, STRONG[name], cities=("zhuhai", "macao"), fields=("new_materials",), kinds=("startup",)
        ),
    )
    where = np.argwhere(aimed[value] != base[value])
    field = still.region.field_ids.index("new_materials")
    assert {tuple(row) for row in where} == {
        (city(still, c), field, ACTOR_KINDS.index("startup")) for c in ("zhuhai", "macao")
    }


@pytest.mark.parametrize(
    "name",
    [name for name, lever in LEVERS.items() if lever.operation == "add" and named_values.table()[lever.named_value].executed],
)
def test_an_added_lever_is_carried_out_in_part(still, base, name):
    """value(t) = neutral + strength(t) * execution(city) * (value - neutral)."""
    value = {"recognition": "recognition_added"}.get(LEVERS[name].named_value, LEVERS[name].named_value)
    changed = with_levers(still, LeverSetting(name, STRONG[name]))[value] - base[value]
    done = execution(still, 0) * STRONG[name]
    if value == "recognition_added":
        assert changed[:11, :11] == pytest.approx(np.tile(done, (11, 1)))
        assert not changed[11:].any() and not changed[:, 11:].any()
    else:
        expected = np.minimum(done, 1.0 - base[value].reshape(11, -1)[:, 0])
        assert changed.reshape(11, -1)[:, 0] == pytest.approx(expected)


@pytest.mark.parametrize("name", [name for name, lever in LEVERS.items() if lever.operation == "multiply"])
@pytest.mark.parametrize("value", [0.0, 0.4, 2.5])
def test_a_barrier_lever_is_a_share_of_the_barrier_of_2020(still, base, name, value):
    matrix = LEVERS[name].named_value
    found = with_levers(still, LeverSetting(name, value))[matrix]
    expected = base[matrix].copy()
    expected[:11, :11] *= value  # borders of the bay's own jurisdictions only
    assert found == pytest.approx(expected)
    assert (found[11:] == base[matrix][11:]).all() and (found[:, 11:] == base[matrix][:, 11:]).all()


def test_recognition_never_exceeds_the_whole_gap(still, base):
    change(still, {"coordination.fidelity_sd": 0})
    full = with_levers(still, LeverSetting("talent_recognition", 1.0), LeverSetting("coordination_level", 3))
    assert full["unrecognised"].min() >= 0.0
    assert (full["unrecognised"] <= base["unrecognised"]).all()
    change(still, {"coordination.fidelity_sd": 0.2})


def test_shares_stay_shares_at_full_strength(still):
    full = with_levers(still, *(LeverSetting(name, lever.high) for name, lever in LEVERS.items()))
    for name in (
        "facility_open",
        "alliance_sharing",
        "platform_reach",
        "proof_coverage",
        "park_upgrade",
        "unrecognised",
        "first_use_cover_firm",
        "park_quality",
        "matching_reach",
        "consortium_share",
        "service_chain",
        "trial_recognition",
    ):
        assert full[name].min() >= 0.0 and full[name].max() <= 1.0, name


def test_parks_are_raised_towards_the_best_park(still, base):
    full = with_levers(still, LeverSetting("park_upgrading", 1.0), LeverSetting("coordination_level", 3))
    best = still.region.park_quality_city.max()
    assert (full["park_quality"] >= base["park_quality"]).all() and full[
        "park_quality"
    ].max() == pytest.approx(best)


# ---------------------------------------------------------------- dates


def quarter(text):
    return int(text[:4]) * 4 + int(text[5]) - 1


@pytest.mark.parametrize(
    "exit_, ramp, expected",
    [
        ("cliff", 0, {"2020Q2": 0, "2020Q3": 1, "2021Q4": 1, "2022Q1": 0}),
        (
            "cliff",
            4,
            {"2020Q2": 0, "2020Q3": 0, "2020Q4": 0.25, "2021Q2": 0.75, "2021Q3": 1, "2021Q4": 1, "2022Q1": 0},
        ),
        (
            "ramp",
            4,
            {
                "2020Q3": 0,
                "2021Q1": 0.5,
                "2021Q3": 1,
                "2021Q4": 1,
                "2022Q1": 0.75,
                "2022Q3": 0.25,
                "2022Q4": 0,
                "2023Q2": 0,
            },
        ),
    ],
)
@pytest.mark.parametrize("name", ["shared_facilities", "technology_barrier", "guidance_fund"])
def test_ramp_and_exit_to_the_quarter(still, base, name, exit_, ramp, expected):
    value = LEVERS[name].named_value
    setting = LeverSetting(
        name, STRONG[name], start=quarter("2020Q3"), ramp=ramp, end=quarter("2021Q4"), exit=exit_
    )
    whole = with_levers(still, LeverSetting(name, STRONG[name]))[value] - base[value]
    now = still.quarter
    try:
        for label, strength in expected.items():
            still.quarter = quarter(label)
            changed = with_levers(still, setting)[value] - base[value]
            assert changed == pytest.approx(strength * whole), label
            assert (strength > 0) or (changed == 0.0).all()
            at = list(LEVERS).index(name)
            neutral = LEVERS[name].neutral
            assert still.values.lever_value[at] == pytest.approx(
                neutral + strength * (STRONG[name] - neutral)
            )
    finally:
        still.quarter = now


def test_a_lever_reaches_the_run_in_its_quarter_and_not_before(make_bay):
    plain = play(make_bay(), 3).record.arrays()
    late = play(make_bay({"shared_facilities": {"value": 0.6, "start": date(2020, 7, 1)}}), 3).record.arrays()
    for name, values in plain.items():
        assert values[:2].tobytes() == late[name][:2].tobytes(), name
    assert (late["facility_projects"][2, :11] > plain["facility_projects"][2, :11]).any()
    at = list(LEVERS).index("shared_facilities")
    assert late["lever_value"][:3, at].tolist() == pytest.approx([0.0, 0.0, 0.6])


def test_levers_rest_during_the_warm_up(make_bay):
    plain, busy = make_bay(), make_bay(together())
    assert warm_key(plain) == warm_key(busy)
    assert (plain.firms.cash == busy.firms.cash).all() and (plain.ties.id == busy.ties.id).all()


def test_dated_events_take_effect_in_their_quarter(make_bay):
    bay = make_bay()
    event = ("guangzhou", "macao", 25.0)
    a, b = city(bay, "guangzhou"), city(bay, "macao")
    before = bay.values.travel_minutes.copy()
    scenario = bay.scenario

    class Dated:
        financing = "additional"
        events = (
            type("Event", (), {"quarter": bay.quarter + 1, "kind": "travel_minutes", "rows": (event,)})(),
        )

    bay.scenario = Dated()
    play(bay, 1)
    assert (bay.values.travel_minutes == before).all()
    play(bay, 1)
    changed = np.argwhere(bay.values.travel_minutes != before)
    assert {tuple(row) for row in changed} == {(a, b), (b, a)} and bay.values.travel_minutes[a, b] == 25.0
    bay.scenario = scenario


# ---------------------------------------------------------------- the catalogue


@pytest.mark.parametrize("lever", LEVERS.values(), ids=LEVERS)
def test_bounds_hold_the_neutral_and_the_plausible_values(lever):
    assert lever.low <= lever.plausible_low <= lever.plausible_high <= lever.high
    assert lever.low <= lever.neutral <= lever.high
    assert lever.operation in catalogue.OPERATIONS and lever.expected_sign in (-1, 1)
    assert lever.documents and lever.reference


@pytest.mark.parametrize("lever", LEVERS.values(), ids=LEVERS)
def test_primary_outcomes_are_declared_and_not_set_by_the_lever(lever):
    from greaterbay import outputs

    assert lever.primary_outcome in outputs.table()
    assert not lever.primary_outcome.startswith(("public_cost", "lever_"))


def test_a_lever_beyond_its_bounds_is_refused_by_the_scenario(make_bay):
    from greaterbay.scenario.problems import ScenarioError

    with pytest.raises(ScenarioError):
        make_bay({"talent_recognition": 1.5})
    assert clock.label(quarter("2020Q3")) == "2020Q3"
    assert replace(LeverSetting("x", 1.0), start=4).strength(3) == 0.0
