"""The warm-up: kept in memory or in a file it is the warm-up that was run, and it settles."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest

from greaterbay import Bay, books, clock, warm_up
from small_bay import differing, lever, record_bytes, small_scenario

YEAR = "run.end=2024-12-31"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("warm")


@pytest.fixture(scope="module")
def runs(folder):
    """Bays of one scenario: warmed by a run (kept in a file), from memory, from the file; all played."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warm_up, "_states", OrderedDict())
        found["run"] = Bay(scenario=small_scenario(YEAR), warm_folder=folder)
        found["memory"] = Bay(scenario=small_scenario(YEAR))
        patch.setattr(warm_up, "_states", OrderedDict())
        found["file"] = Bay(scenario=small_scenario(YEAR), warm_folder=folder)
    for name in ("run", "memory", "file"):
        found[name].run_to_end()
    return found


def test_where_it_came_from_is_said(runs):
    assert [runs[name].warmed_from for name in ("run", "memory", "file")] == ["run", "cache", "cache"]


@pytest.mark.parametrize("source", ["memory", "file"])
def test_kept_and_run_are_the_same(runs, source):
    assert differing(record_bytes(runs["run"]), record_bytes(runs[source])) == []


def test_every_column_is_kept(runs):
    """Not only what is recorded: all state, bit for bit, at the end of a year played from the file."""
    for table in ("firms", "institutes", "people", "funds", "inventions", "ties"):
        one, other = getattr(runs["run"], table).arrays, getattr(runs["file"], table).arrays
        for column in one:
            assert one[column].tobytes() == other[column].tobytes(), f"{table}.{column}"
    for name, value in vars(runs["run"]).items():
        if isinstance(value, np.ndarray):
            assert value.tobytes() == vars(runs["file"])[name].tobytes(), name
        elif isinstance(value, float):
            assert value == vars(runs["file"])[name], name
    np.testing.assert_array_equal(runs["run"].ledger.balance, runs["file"].ledger.balance)


def test_nothing_else_is_left_in_the_folder(folder, runs):
    assert [path.suffix for path in folder.iterdir()] == [".npz"]


def test_a_damaged_file_is_not_believed(folder, runs, tmp_path):
    whole = next(folder.iterdir())
    damaged = tmp_path / whole.name
    content = bytearray(whole.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warm_up, "_states", OrderedDict())
        again = Bay(scenario=small_scenario("run.end=2024-03-31"), warm_folder=tmp_path)
    assert again.warmed_from == "run"
    again.step()
    for name, array in runs["run"].record.arrays().items():
        assert array[:1].tobytes() == again.record.arrays()[name].tobytes(), name


def test_policies_share_a_warm_up_and_other_settings_do_not(runs, folder, monkeypatch):
    monkeypatch.setattr(warm_up, "_states", OrderedDict())
    key = warm_up.warm_key(runs["run"])
    policy = small_scenario(YEAR, *lever("guidance_fund", 0.2), "run.replicates=2")
    same = Bay(scenario=policy, warm_folder=folder)
    assert warm_up.warm_key(same) == key and same.warmed_from == "cache"
    # keys of bays that are not made: this one with one setting changed
    for name, value in (("seed_used", 3), ("replicate", 1), ("scale", 0.02), ("start", 8000)):
        before = getattr(same, name)
        setattr(same, name, value)
        assert warm_up.warm_key(same) != key, name
        setattr(same, name, before)
    before = same.parameters.declared["mobility.look"]
    same.parameters.declared["mobility.look"] = before * 1.01
    assert warm_up.warm_key(same) != key


# Largest change of the mean of the last eight quarters of the warm-up against the eight before, as a share; means of three
# replicates, since counts of a quarter are noisy at this scale. People and firms are held while knowledge and ties form.
DRIFT = {
    "laboratory": 0.10, "proof_of_concept": 0.10, "pilot": 0.10, "first_use": 0.15, "market": 0.10,
    "ties": 0.10, "inventions": 0.10, "conversions": 0.15, "capability": 0.03, "capability_distance": 0.08,
    "talent": 0.0, "firms": 0.0,
}
STAGES = ("laboratory", "proof_of_concept", "pilot", "first_use", "market")


def test_the_warm_up_settles(monkeypatch):
    """Stocks of results by stage, ties, knowledge and people over the last quarters before the run."""
    seen: list[dict[str, float]] = []
    replicates = 3
    measure = books.measure

    def watch(running):
        measure(running)
        t = running.tally.arrays
        seen.append(dict(zip(STAGES, t["pipeline"].sum(axis=0), strict=True)) | {
            "ties": sum(t[f"ties_{name}"].sum() for name in ("inside", "jurisdiction", "border")),
            "inventions": t["inventions"].sum(), "conversions": t["conversions"].sum(),
            "capability": t["capability"][:11].mean(), "capability_distance": float(t["capability_distance"]),
            "talent": t["talent"].sum(), "firms": t["firms"].sum(), "idle": t["talent_idle"].sum(),
        })

    monkeypatch.setattr(books, "measure", watch)
    monkeypatch.setattr(warm_up, "_states", OrderedDict())
    for replicate in range(replicates):
        Bay(scenario=small_scenario("run.scale=0.02"), replicate=replicate)
    assert len(seen) == replicates * clock.WARM_UP_QUARTERS
    runs = [seen[k * clock.WARM_UP_QUARTERS : (k + 1) * clock.WARM_UP_QUARTERS] for k in range(replicates)]
    before = {name: np.mean([quarter[name] for run in runs for quarter in run[-16:-8]]) for name in DRIFT}
    after = {name: np.mean([quarter[name] for run in runs for quarter in run[-8:]]) for name in DRIFT}
    drift = {name: after[name] / before[name] - 1 for name in DRIFT}
    too_much = {name: round(value, 3) for name, value in drift.items() if abs(value) > DRIFT[name] + 1e-9}
    assert not too_much, drift
    assert 0.0 < seen[-1]["idle"] < 0.05 * seen[-1]["talent"]


def test_what_was_spent_during_the_warm_up_is_no_basis_of_an_award(monkeypatch):
    """Instruments that pay for taxes and premiums from the first quarter on: a warm-up that was run is as good as a kept one."""
    levers = [text for name in ("nm_super_deduction", "nm_premium_subsidy") for text in lever(name, 1.0, "2024-01-01")]
    monkeypatch.setattr(warm_up, "_states", OrderedDict())
    played, kept = Bay(scenario=small_scenario(YEAR, *levers)), Bay(scenario=small_scenario(YEAR, *levers))
    assert (played.warmed_from, kept.warmed_from) == ("run", "cache")
    for bay in (played, kept):
        assert bay.instruments.noted and not any(book.any() for book in bay.instruments.notes.values())
        bay.run_to_end()
    assert differing(record_bytes(played), record_bytes(kept)) == []
    assert np.nansum(played.record.arrays()["awards"]) > 0  # places outside the bay are nan
