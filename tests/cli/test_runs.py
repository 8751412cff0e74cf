"""``greaterbay runs``: what is listed, and that pruning takes what is needless and nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from greaterbay.cli.main import call
from greaterbay.runner import ensemble, holdings
from greaterbay.runner import manifest as provenance
from greaterbay.runner.store import Store

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
import fake_runs  # the stand-in for the model, shared with the unit tests


def go(id: str, value: float = 0.2, replicates: int = 2, run_one=fake_runs.simulate) -> ensemble.ScenarioRun:
    of = fake_runs.scenario(id, value=value, replicates=replicates)
    (run,) = ensemble.run_scenarios([of], None, "runs", 1, None, run_one, fake_runs.no_names)
    return run


@pytest.fixture
def stored(tmp_path, monkeypatch) -> dict[str, str]:
    """A store with two results, a scenario that was changed since, and an interrupted run; digests by name."""
    monkeypatch.chdir(tmp_path)

    def stopped(of, replicate, warm_folder=None):
        if replicate == 2:
            raise KeyboardInterrupt
        return fake_runs.simulate(of, replicate)

    digests = {"old": go("changed", 0.1).digest, "changed": go("changed", 0.3).digest, "plain": go("plain").digest}
    with pytest.raises(KeyboardInterrupt):
        go("stopped", 0.5, 4, stopped)
    digests["stopped"] = provenance.digest(fake_runs.scenario("stopped", value=0.5))
    return digests


def listed(capsys) -> list[dict]:
    assert call(["runs", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_everything_stored_is_listed(stored, capsys):
    found = listed(capsys)
    assert [(one["scenario"], one["digest"], one["path"]) for one in found[:2]] == [
        ("changed", stored["changed"], "runs/changed.nc"), ("plain", stored["plain"], "runs/plain.nc"),
    ]
    assert {(one["scenario"], one["digest"]) for one in found[2:]} == {
        ("changed", stored["old"]), ("stopped", stored["stopped"]),
    }
    for one in found:
        assert (one["replicates"], one["parts"], one["seed"], one["scale"]) == ([0, 1], 2, 5, 0.05)
        assert (one["start"], one["end"], one["present"], one["damaged"]) == ("2020-01-01", "2021-12-31", True, False)
        assert one["version"] and one["date"][:2] == "20" and one["size"] > 10_000


def test_the_table_holds_whole_cells_in_both_languages(stored, capsys):
    assert call(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == "scenario digest replicates seed scale from until version size date state".split()
    assert any("plain" in line and stored["plain"][:12] in line and line.rstrip().endswith("present") for line in lines)
    assert any("stopped" in line and line.rstrip().endswith("present, no result") for line in lines)
    assert call(["runs", "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "情景" in said and "无结果文件" in said
    assert call(["runs", "--quiet"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["runs/changed.nc", "runs/plain.nc"]


def test_other_sources_and_damage_are_said(stored, capsys, monkeypatch):
    Path("runs/plain.nc").write_bytes(b"no HDF5")
    monkeypatch.setattr(provenance, "source_digest", lambda: "0" * 64)
    found = {one["path"] or one["digest"]: one for one in listed(capsys)}
    assert found["runs/plain.nc"]["damaged"] and not found["runs/changed.nc"]["present"]
    assert call(["runs"]) == 0
    said = capsys.readouterr().out
    assert "damaged" in said and "other sources" in said


def test_prune_takes_what_is_needless(stored, capsys):
    store = Store("runs")
    (store.folder / ".half.nc.abc.1.tmp").write_bytes(b"half")
    (store.part_path(stored["plain"], 7).parent / ".7.npz.abc.1.tmp").write_bytes(b"half")
    store.warm_folder.mkdir()
    (store.warm_folder / "state.npz").write_bytes(b"x" * 2000)
    assert call(["runs", "--prune", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert said.count("would remove") == 6 and "parts without a result" in said and "saved warm-ups, 2.0 kB" in said
    assert len(listed(capsys)) == 4
    assert call(["runs", "--prune", "--json"]) == 0
    removed = json.loads(capsys.readouterr().out)
    assert {Path(one["path"]).name for one in removed} == {
        stored["old"], stored["stopped"], ".half.nc.abc.1.tmp", ".7.npz.abc.1.tmp", "warm",
    }
    assert [one["scenario"] for one in listed(capsys)] == ["changed", "plain"]
    assert list(store.folder.rglob("*.tmp")) == [] and not store.warm_folder.exists()
    assert go("plain").reused == 2 and go("changed", 0.3).reused == 2
    assert call(["runs", "--prune"]) == 0
    assert capsys.readouterr().out == "nothing to remove\n"


def test_prune_takes_parts_of_other_sources_and_leaves_results(stored, capsys, monkeypatch):
    before = {path.name: path.read_bytes() for path in Path("runs").glob("*.nc")}
    monkeypatch.setattr(provenance, "source_digest", lambda: "0" * 64)
    assert call(["runs", "--prune"]) == 0
    assert capsys.readouterr().out.count("parts of other sources") == 4
    assert {path.name: path.read_bytes() for path in Path("runs").glob("*.nc")} == before
    assert list(Path("runs/parts").iterdir()) == []


def test_a_damaged_result_keeps_the_parts_it_may_stand_for(stored, capsys):
    content = bytearray(Path("runs/plain.nc").read_bytes())
    content[len(content) // 2] ^= 1
    Path("runs/plain.nc").write_bytes(content)
    assert call(["runs", "--prune", "--quiet"]) == 0
    assert {path.name for path in Path("runs/parts").iterdir()} == set(stored.values())


def test_prune_waits_for_runs(stored, capsys):
    with Store("runs").in_use():
        assert call(["runs", "--prune"]) == 1
    assert "a run is writing to runs; wait until it has ended" in capsys.readouterr().err
    assert len(holdings.holdings(Store("runs"))) == 4


def test_wrong_use(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call(["runs"]) == 1
    assert capsys.readouterr().err == "runs: no such folder; `greaterbay run` makes one\n"
    assert call(["runs", "--dry-run"]) == 1
    assert call(["runs", "--prune", "--out", "nowhere"]) == 1
    assert not Path("nowhere").exists()
    Path("runs").mkdir()
    capsys.readouterr()
    assert call(["runs"]) == 0 and capsys.readouterr().out == "runs holds no results\n"
