"""Tidy CSV: years from quarters by the declared rules, rows that a program can add up."""

from __future__ import annotations

import csv

import fake_runs
import numpy as np
import pytest

from greaterbay import outputs
from greaterbay.runner.ensemble import run_scenarios
from greaterbay.runner.export import CITY_COLUMNS, FLOW_COLUMNS, Years, export, texts
from greaterbay.runner.store import SEAL_SIZE, StoreError

Q = 4 * 2020


def stored(folder, **settings):
    of = fake_runs.scenario(replicates=2, **settings)
    (run,) = run_scenarios([of], None, folder, 1, None, fake_runs.simulate, fake_runs.no_names)
    return of, run.path


def rows(path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def value(table, **wanted) -> float:
    (row,) = [row for row in table if all(row[key] == str(text) for key, text in wanted.items())]
    return float(row["value"])


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    of, path = stored(folder)
    paths, notes = export(path, folder / "csv")
    assert [path.name for path in paths] == ["city_year.csv", "flow_year.csv"] and notes == []
    return rows(paths[0]), rows(paths[1]), fake_runs.simulate(of, 1).arrays


def test_columns_are_those_promised(tables):
    cities, flows, _ = tables
    assert tuple(cities[0]) == CITY_COLUMNS
    assert tuple(flows[0]) == FLOW_COLUMNS
    assert " ".join(CITY_COLUMNS) == "scenario replicate city year variable unit value"
    flow_columns = "scenario replicate flow channel from to from_kind to_kind year unit value"
    assert " ".join(FLOW_COLUMNS) == flow_columns
    assert {row["scenario"] for row in cities + flows} == {"plain"}
    assert {row["replicate"] for row in cities + flows} == {"0", "1"}


def test_stock_is_the_year_end_and_flow_the_sum(tables):
    cities, _, arrays = tables
    here = {"replicate": 1, "city": "hong_kong", "year": 2021}
    assert value(cities, variable="firms", **here) == pytest.approx(arrays["firms"][7, 1], rel=1e-7)
    assert value(cities, variable="output", **here) == pytest.approx(arrays["output"][4:, 1].sum(), rel=1e-6)
    assert value(cities, variable="rent", **here) == pytest.approx(arrays["rent"][4:, 1].mean(), rel=1e-6)


def test_share_is_formed_from_summed_parts(tables):
    cities, _, arrays = tables
    expected = arrays["output"][4:, 1].sum() / arrays["population"][7, 1]
    found = value(cities, variable="output_per_head", replicate=1, city="hong_kong", year=2021)
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_rate_over_nothing_has_no_row(tables):
    cities, _, _ = tables
    rates = {(row["city"], row["year"]) for row in cities if row["variable"] == "conversion_rate"}
    assert ("guangzhou", "2021") not in rates  # the fake has no invention in force there at the end
    assert ("guangzhou", "2020") in rates and ("hong_kong", "2021") in rates


def test_city_table_holds_the_cities_of_the_bay_only(tables):
    cities, _, _ = tables
    assert {row["city"] for row in cities} == {"guangzhou", "hong_kong"}
    assert len({tuple(row.values())[:5] for row in cities}) == len(cities)


def test_city_table_holds_what_is_declared_for_export(tables):
    cities, _, arrays = tables
    declared = [output for output in map(outputs.get, arrays) if output.export]
    assert {output.dims for output in declared} == {("quarter", "city")}
    assert {row["variable"] for row in cities} == {output.id for output in declared}
    assert {row["unit"] for row in cities if row["variable"] == "output"} == {outputs.get("output").unit}


def test_flows_add_up(tables):
    _, flows, arrays = tables
    venture = [row for row in flows if row["channel"] == "venture" and row["replicate"] == "1"]
    kinds = {(row["flow"], row["from_kind"], row["to_kind"]) for row in venture}
    assert kinds == {("capital", "fund", "firm")}
    total = sum(float(row["value"]) for row in venture)
    assert total == pytest.approx(arrays["flow_capital_venture"].sum(), rel=1e-6)
    assert {row["from"] for row in venture} == set(fake_runs.CITIES)
    assert not [row for row in venture if (row["from"], row["to"]) == ("hong_kong", "guangzhou")]  # zero
    ties = value(flows, flow="ties", replicate=0 + 1, **{"from": "abroad", "to": "guangzhou"}, year=2020)
    assert ties == pytest.approx(arrays["ties_firm_firm"][3, 3, 0], rel=1e-7)


def test_rows_of_a_flow_do_not_overlap(tables):
    _, flows, _ = tables
    assert len({tuple(row.values())[:9] for row in flows}) == len(flows)


def test_declared_flows_never_overlap():
    """A flow and channel is either split by kind or stands as `all`, never both."""
    kinds: dict[tuple[str, str], set] = {}
    for output in outputs.flows():
        assert output.dims == ("quarter", "city", "city_to"), output.id
        assert output.from_kind and output.to_kind, output.id
        pair = (output.from_kind, output.to_kind)
        assert pair not in kinds.setdefault((output.flow, output.channel), set()), output.id
        kinds[output.flow, output.channel].add(pair)
    for pairs in kinds.values():
        assert len(pairs) == 1 or not any("all" in pair for pair in pairs)
    assert set(kinds) >= {("technology", name) for name in ("licence", "sale", "joint", "import")}
    assert set(kinds) >= {("capital", name) for name in ("venture", "guidance", "credit", "grant")}
    assert set(kinds) >= {("ties", name) for name in ("firm_firm", "firm_institute", "institute_institute")}


def test_every_ratio_has_parts_that_can_be_summed():
    for output in outputs.table().values():
        if output.over_time == "ratio":
            for part in (output.numerator, output.denominator):
                assert outputs.get(part).over_time in ("last", "sum"), output.id
                assert outputs.get(part).dims == output.dims, output.id


def test_partial_years_keep_what_is_defined(tmp_path):
    _, path = stored(tmp_path, start=Q + 2, end=Q + 9)  # 2020Q3 .. 2022Q2
    paths, notes = export(path, tmp_path / "csv")
    cities = rows(paths[0])
    assert {row["year"] for row in cities if row["variable"] == "firms"} == {"2020", "2021"}
    assert {row["year"] for row in cities if row["variable"] == "output"} == {"2021"}
    assert {row["year"] for row in cities if row["variable"] == "output_per_head"} == {"2021"}
    assert {row["year"] for row in cities if row["variable"] == "conversion_rate"} == {"2020", "2021"}
    (note,) = notes
    assert note.startswith("2020, 2022: not a whole year")


def test_years_from_quarters():
    years = Years(list(range(Q, Q + 8)))
    values = np.arange(8.0)[:, None]
    assert years.reduce(values, "last")[:, 0].tolist() == [3, 7]
    assert years.reduce(values, "sum")[:, 0].tolist() == [6, 22]
    assert years.reduce(values, "mean")[:, 0].tolist() == [1.5, 5.5]
    with pytest.raises(ValueError, match="no rule"):
        years.reduce(values, "median")
    single = Years([Q + 1])
    for rule in ("last", "sum", "mean"):
        assert np.isnan(single.reduce(values[:1], rule)).all()


def test_numbers_keep_their_digits():
    values = np.array([0.1, 1 / 3, 123456.79, 2**24, 1e-20, 3e8], np.float32)
    assert (np.array([np.float32(text) for text in texts(values, "float32")]) == values).all()
    assert texts(values[:1], "float32").tolist() == ["0.1"]
    assert texts(np.array([2.0**31 + 1]), "int32").tolist() == ["2147483649"]


def test_a_failed_export_leaves_no_half_table(tmp_path):
    import h5py

    _, path = stored(tmp_path)
    with h5py.File(path) as file:
        chunk = file["talent"].id.get_chunk_info(1)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 4
    path.write_bytes(content[: -SEAL_SIZE])  # else the damage is found before anything is written
    with pytest.raises(StoreError, match="plain.nc: damaged"):
        export(path, tmp_path / "csv")
    assert list((tmp_path / "csv").iterdir()) == []


def test_unwritable_folder_is_said(tmp_path):
    _, path = stored(tmp_path)
    with pytest.raises(StoreError, match="cannot write to .*plain.nc"):
        export(path, path)
