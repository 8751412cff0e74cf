"""State is declared and owned: every member has its declared form, and every call of the quarter writes what it says, no more."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import trial_bay

from greaterbay import Bay, state, timeline
from greaterbay.actors.firm import NEVER
from guard import Guard, members
from small_bay import small_scenario

CALLS = [call for phase in timeline.PHASES for call in phase.calls]


@pytest.fixture(scope="module")
def guard(warm_folder):
    """Some quarters with every lever that may be in force together, money reallocated, with a few that are else short of it, with none."""
    watched, few = Guard(), dict.fromkeys(("hz_scene", "ip_exchange", "proof_of_concept"), 1.0)
    for levers, extra, quarters in ((trial_bay.together(), ("financing='reallocated'",), 10), (few, (), 24), ({}, (), 10)):
        watched.play(trial_bay.build(warm_folder, levers, end=date(2025, 12, 31), extra=extra), quarters)
    return watched


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_nothing_is_written_that_is_not_declared(guard, call):
    assert guard.writes[call.name] - timeline.written_by(call) == set()


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_every_declared_write_happens(guard, call):
    """Of ``group.*`` some member: rows come or go, or the whole group is formed anew."""
    found = guard.writes[call.name]
    missing = [name for name in call.writes.split()
               if not (name in found or (name.endswith(".*") and any(member.startswith(name[:-1]) for member in found)))]
    assert missing == []


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_reads_are_those_declared(guard, call):
    assert guard.reads[call.name] == set(call.reads.split())


def test_the_guard_sees_a_stranger(monkeypatch, make_bay):
    """A call that writes what it does not declare is caught, however it writes."""
    bay = make_bay()
    plain = timeline.calls()

    def meddling(bay):
        plain[0][1](bay)
        bay.firms.cash[bay.firms.alive_rows()[0]] += 0.0001

    monkeypatch.setattr(timeline, "calls", lambda: [(plain[0][0], meddling), *plain[1:]])
    watched = Guard()
    watched.play(bay, 1)
    assert watched.writes[CALLS[0].name] - timeline.written_by(CALLS[0]) == {"firms.cash"}


def test_declared_members_are_there_and_have_their_form(make_bay):
    """Names, types and numbers of dimensions of every group and column are those of state.csv."""
    bay = trial_bay.play(make_bay(), 1)
    found = members(bay)
    assert set(found) == {member.id for group in state.table().values() for member in group.values()}
    for group in state.GROUPS:
        for name, member in state.table()[group].items():
            value = getattr(getattr(bay, group), name)
            if member.stored[0] in "fiub" and member.stored[1:].isdigit() or member.stored == "bool":
                dims = len([part for part in member.shape.split(",") if part.strip()])
                if value is None:
                    assert member.id == "world.cut_pairs"
                    continue
                assert np.ndim(value) == dims, member
                assert np.asarray(value).dtype.kind == np.dtype(member.stored).kind, member
            elif value is not None or name != "counted":
                assert type(value).__name__ == member.stored, member


def test_another_name_is_refused():
    bay = Bay(scenario=small_scenario("run.end=2024-03-31"))
    with pytest.raises(AttributeError, match="prices.wages is not declared in state.csv; prices holds wage_city, rent_city"):
        bay.prices.wages = np.zeros(11)
    with pytest.raises(AttributeError, match="not declared"):
        bay.prices.wages  # noqa: B018
    with pytest.raises(AttributeError, match="stocks.counted is declared and not set yet"):
        del bay.stocks.counted
        bay.stocks.counted  # noqa: B018


def test_the_bay_holds_groups_and_little_else():
    bay = Bay(scenario=small_scenario("run.end=2024-03-31"))
    others = {name for name in vars(bay) if name not in state.TITLES and not name.startswith("_")}
    assert others <= {"scenario", "region", "parameters", "mechanisms", "streams", "seed_used", "replicate", "scale", "start", "end",
                      "quarter", "warming", "warmed_from", "timings", "watch", "running", "steps", "step", "random", "rng",
                      "government_agents", "fund_agents"}


def test_every_member_is_written_by_somebody():
    """By a phase, or when the world is built or released: those groups are named here."""
    still = {"world", "reference"}
    outside = {"economy.growth_now", "economy.growth_level", "economy.market_growth", "economy.frontier_field", "stocks.counted",
               "technologies.names", "technologies.kinds", "technologies.probes", "network.alliance_places"}
    unwritten = {name for name, phases in timeline.writers().items() if not phases}
    columns = {name for name in unwritten if name.split(".")[0] in state.TABLES}
    begun = {"stocks.people_before", "stocks.inventions_before", "stocks.in_market_before", "stocks.by_city_before", "stocks.firms_before"}
    assert {name for name in unwritten - columns if name.split(".")[0] not in still} == outside | begun
    assert columns == {f"institutes.{name}" for name in ("id", "alive", "city", "researchers", "budget", "facility", "graduates",
                                                         "alliances", "main_field", "field_weight")} | {
        f"funds.{name}" for name in ("id", "alive", "city", "kind", "capital", "field", "early")}


def test_never_is_the_empty_value_of_dates():
    dates = [member for group in state.TABLES for member in state.table()[group].values() if member.unit == "quarter"]
    assert {int(member.empty) for member in dates} == {NEVER, 0}
