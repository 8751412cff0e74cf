"""``greaterbay run`` on the real region: same seed, same bytes, whoever computes what and when."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import xarray

from greaterbay import outputs
from greaterbay.cli.main import call

SMALL = ["--scale", "0.02", "--until", "2020-12-31", "--quiet"]


def run(out: Path, *words: str) -> None:
    assert call(["run", *words, *SMALL, "--out", str(out)]) == 0


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> Path:
    """Two replicates of the baseline, computed in this process."""
    out = tmp_path_factory.mktemp("reference")
    run(out, "baseline", "--replicates", "2")
    return out


def opened(out: Path) -> xarray.Dataset:
    return xarray.open_dataset(out / "baseline.nc", engine="h5netcdf")


def test_same_bytes_from_two_processes_in_any_order(reference, tmp_path):
    run(tmp_path, "baseline", "--only", "1")
    run(tmp_path, "baseline", "--replicates", "2", "--jobs", "2")
    with opened(reference) as one, opened(tmp_path) as two:
        assert list(one.variables) == list(two.variables)
        for name in one.variables:
            assert one[name].values.tobytes() == two[name].values.tobytes(), name


def test_same_bytes_for_a_replicate_alone(reference, tmp_path):
    run(tmp_path, "baseline", "--only", "1", "--jobs", "2")
    with opened(reference) as both, opened(tmp_path) as alone:
        assert alone["replicate"].values.tolist() == [1]
        for name in alone.data_vars:
            assert both[name].sel(replicate=1).values.tobytes() == alone[name][0].values.tobytes(), name


def test_replicates_differ(reference):
    with opened(reference) as data:
        assert (data["inventions"][0].values != data["inventions"][1].values).any()


def test_result_holds_every_declared_output(reference):
    with opened(reference) as data:
        assert set(data.data_vars) == set(outputs.table())
        assert data["city"].size == 13 and data["city_name_zh"].sel(city="guangzhou").item() == "广州"
        assert data["lever_name"].size == data["lever"].size
        manifest = json.loads(data.attrs["manifest"])
    assert manifest["scenario"]["id"] == "baseline" and set(manifest["timings"]) == {"0", "1"}


def test_stored_replicate_is_small(reference):
    for part in reference.glob("parts/*/*.npz"):
        quarters = 4
        assert part.stat().st_size / quarters * 64 < 10e6


def test_export_of_the_baseline(reference, tmp_path):
    assert call(["export", str(reference / "baseline.nc"), "--to", str(tmp_path), "--quiet"]) == 0
    with open(tmp_path / "city_year.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    promised = (
        "firms firm_entries firm_exits talent output output_per_head productivity wage rent rd_private "
        "rd_public rd_institutes inventions science_output conversions conversion_rate adoption_share "
        "public_cost"
    )
    assert {row["variable"] for row in rows} >= set(promised.split())
    assert len({row["city"] for row in rows}) == 11 and {row["year"] for row in rows} == {"2020"}
    with open(tmp_path / "flow_year.csv", encoding="utf-8", newline="") as file:
        flows = list(csv.DictReader(file))
    assert {row["flow"] for row in flows} == {"talent", "technology", "capital", "ties"}
    assert {"rest_of_china", "abroad"} <= {row[end] for row in flows for end in ("from", "to")}
    # people who leave the bay in its first year are few at this scale: one of the places outside may have none
    assert len({row["to"] for row in flows}) >= 12
