"""The store: parts that are whole or absent, result files that xarray reads."""

from __future__ import annotations

import json
import os

import fake_runs
import numpy as np
import pytest
import xarray

from greaterbay import outputs
from greaterbay.runner import manifest as provenance
from greaterbay.runner import store as stores
from greaterbay.runner.store import PartError, Store, StoreError

DIGEST = "d" * 64


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path / "runs")
    store.prepare([DIGEST])
    for replicate in range(3):
        store.write_part(DIGEST, replicate, fake_runs.simulate(fake_runs.scenario(), replicate))
    return store


def assemble(store: Store, replicates=(0, 1, 2)):
    manifest = provenance.manifest(fake_runs.scenario(), jobs=2)
    return store.assemble(
        "plain", DIGEST, list(replicates), manifest, lambda coords: fake_runs.names(None, coords)
    )


def test_part_comes_back_bit_for_bit(store):
    written = fake_runs.simulate(fake_runs.scenario(), 1)
    read = store.read_part(DIGEST, 1)
    assert read.coords == written.coords
    assert set(read.arrays) == set(written.arrays)
    for name, array in written.arrays.items():
        assert read.arrays[name].dtype == array.dtype
        assert read.arrays[name].tobytes() == array.tobytes(), name


def test_equal_parts_are_equal_files(store):
    of = fake_runs.scenario()
    one, two = fake_runs.simulate(of, 1), fake_runs.simulate(of, 1)
    meta = {"digest": DIGEST, "coords": fake_runs.coords(of)}
    assert stores.pack(meta, one.arrays) == stores.pack(meta, dict(reversed(two.arrays.items())))


def test_part_is_an_ordinary_npz(store):
    with np.load(store.part_path(DIGEST, 0)) as archive:
        assert archive["firms"].shape == (8, 4)


def test_every_truncation_is_noticed(store):
    path = store.part_path(DIGEST, 0)
    content = path.read_bytes()
    for length in [0, 1, 100, len(content) // 2, len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(PartError, match="truncated or damaged"):
            store.read_part(DIGEST, 0)


def test_a_flipped_bit_never_changes_a_number(store):
    path = store.part_path(DIGEST, 0)
    content = path.read_bytes()
    good = store.read_part(DIGEST, 0)
    noticed = 0
    for place in range(0, len(content), 97):
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        try:
            read = store.read_part(DIGEST, 0)
        except PartError:
            noticed += 1
            continue
        # a bit that means nothing, such as a time stamp of the archive
        assert read.coords == good.coords
        assert all(read.arrays[name].tobytes() == array.tobytes() for name, array in good.arrays.items())
    assert noticed > 0.5 * len(range(0, len(content), 97))


def test_a_part_of_something_else_is_refused(store):
    os.replace(store.part_path(DIGEST, 2), store.part_path(DIGEST, 0))
    with pytest.raises(PartError, match="holds another replicate"):
        store.read_part(DIGEST, 0)


def test_missing_part_is_said(store):
    with pytest.raises(PartError, match="missing"):
        store.read_part(DIGEST, 9)
    assert store.stored_replicates(DIGEST) == [0, 1, 2]


def test_result_holds_every_replicate(store):
    path = assemble(store, (0, 2))
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        assert data["firms"].dims == ("replicate", "quarter", "city")
        assert data["flow_capital_venture"].dims == ("replicate", "quarter", "city", "city_to")
        assert data["replicate"].values.tolist() == [0, 2]
        for place, replicate in enumerate((0, 2)):
            written = fake_runs.simulate(fake_runs.scenario(), replicate).arrays
            for name, array in written.items():
                assert data[name].dtype == array.dtype == np.dtype(outputs.get(name).dtype)
                assert data[name][place].values.tobytes() == array.tobytes(), name


def test_result_says_what_it_holds(store):
    with xarray.open_dataset(assemble(store), engine="h5netcdf") as data:
        assert data["output"].attrs["units"] == outputs.get("output").unit
        assert data["output"].attrs["long_name_zh"] == outputs.get("output").label_zh
        assert data["output_per_head"].attrs["numerator"] == "output"
        assert data["ties_firm_firm"].attrs["over_time"] == "last"
        assert data["flow_technology_import"].attrs["from_kind"] == "all"
        assert data["quarter"].values.tolist()[:2] == ["2020Q1", "2020Q2"]
        assert data["year"].values.tolist() == [2020] * 4 + [2021] * 4
        assert data["date"].values[5] == np.datetime64("2021-04-01")
        assert data["city_name_zh"].sel(city="hong_kong").item() == "港"
        assert {"year", "date", "city_name", "city_name_zh"} <= set(data.coords)
        assert data["adopters_technology"].shape == (3, 8, 4, 0)
        assert data["technology_kind"].dims == ("technology",) and "technology_kind" in data.coords
        manifest = json.loads(data.attrs["manifest"])
    assert manifest["digest"] == provenance.digest(fake_runs.scenario())
    assert manifest["scenario"]["id"] == "plain"
    assert manifest["jobs"] == 2
    assert set(manifest["timings"]) == {"0", "1", "2"}
    assert manifest["libraries"]["numpy"] == np.__version__


def test_one_chunk_per_replicate(store):
    with xarray.open_dataset(assemble(store), engine="h5netcdf") as data:
        for name, variable in data.data_vars.items():
            if variable.size:
                assert variable.encoding["chunksizes"] == (1, *variable.shape[1:]), name
                assert variable.encoding["zlib"] and variable.encoding["fletcher32"]


def test_only_the_result_lies_at_the_top(store):
    assemble(store)
    assemble(store, (0,))
    assert sorted(path.name for path in store.folder.iterdir()) == ["parts", "plain.nc"]
    assert list(store.folder.rglob("*.tmp")) == []


def test_a_damaged_part_stops_the_result_and_keeps_the_old_one(store):
    path = assemble(store)
    before = path.read_bytes()
    part = store.part_path(DIGEST, 1)
    part.write_bytes(part.read_bytes()[:-200])
    with pytest.raises(PartError):
        assemble(store)
    assert path.read_bytes() == before
    assert sorted(path.name for path in store.folder.iterdir()) == ["parts", "plain.nc"]


def test_an_output_that_differs_from_its_declaration_is_refused(store):
    result = fake_runs.simulate(fake_runs.scenario(), 0)
    result.arrays["firms"] = result.arrays["firms"][:, :2]
    store.write_part(DIGEST, 0, result)
    words = r"output firms: recorded as float32 \(8, 2\), declared as float32 \(8, 4\)"
    with pytest.raises(StoreError, match=words):
        assemble(store)


def test_unwritable_folder_is_said_before_anything(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot write to .*file"):
        Store(tmp_path / "file").prepare()
    if os.geteuid():
        folder = tmp_path / "locked"
        folder.mkdir(mode=0o500)
        with pytest.raises(StoreError, match="cannot write to"):
            Store(folder).prepare()


def test_only_own_and_ancient_leftovers_are_removed(store):
    parts = store.folder / "parts" / DIGEST
    own, other, ancient = (parts / f".1.npz.{token}.7.tmp" for token in (store.token, "other", "ancient"))
    for path in (own, other, ancient):
        path.write_bytes(b"half")
    os.utime(ancient, (0, 0))
    Store(store.folder).prepare([DIGEST])
    assert own.exists() and other.exists() and not ancient.exists()
    store.clean([DIGEST])
    assert not own.exists() and other.exists()


def test_damaged_result_files_are_not_read(store, tmp_path):
    path = assemble(store)
    content = path.read_bytes()
    with pytest.raises(StoreError, match="no such file"):
        stores.open_result(tmp_path / "absent.nc")
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(StoreError, match="not a readable result file"):
        stores.open_result(path)
    xarray.Dataset({"x": ("y", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(StoreError, match="no manifest"):
        stores.open_result(tmp_path / "other.nc")


def test_a_flipped_bit_anywhere_in_a_result_is_noticed(store):
    path = assemble(store)
    content = path.read_bytes()
    for place in [*range(0, len(content), len(content) // 150), len(content) - stores.SEAL_SIZE - 1]:
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match="damaged|not a readable"):
            stores.open_result(path)
    damaged = bytearray(content)
    damaged[-5] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match="checksum differs"):
        stores.open_result(path)


def test_numbers_bear_checksums_of_their_own(store):
    """For readers other than this program, who know nothing of the seal."""
    import h5py

    path = assemble(store)
    with h5py.File(path) as file:
        chunk = file["talent"].id.get_chunk_info(1)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 4
    path.write_bytes(content)
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        assert np.isfinite(data["talent"][0].values).all()
        with pytest.raises(OSError):
            data["talent"][1].load()


def test_a_result_that_another_tool_changed_is_still_read(store):
    import h5py

    path = assemble(store)
    with h5py.File(path, "r+") as file:
        file.attrs["comment"] = "changed"
    with stores.open_result(path) as data:
        assert data.attrs["comment"] == "changed"


def test_digest_names_the_numbers_and_nothing_else():
    of = fake_runs.scenario
    assert provenance.digest(of("a", replicates=3)) == provenance.digest(of("b", replicates=50))
    others = [of(), of(seed=6), of(value=0.25), of(scale=0.1), of(end=2022 * 4 + 3), of(start=2019 * 4)]
    assert len({provenance.digest(one) for one in others}) == len(others)


def test_source_digest_covers_modules_and_tables(tmp_path):
    for name, text in {"a.py": "x = 1", "b.csv": "1", "c.toml": "d = 1"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    whole = provenance.digest_of_files(tmp_path, tmp_path.glob("*"))
    (tmp_path / "b.csv").write_text("2", encoding="utf-8")
    changed = provenance.digest_of_files(tmp_path, tmp_path.glob("*"))
    (tmp_path / "b.csv").rename(tmp_path / "e.csv")
    assert len({whole, changed, provenance.digest_of_files(tmp_path, tmp_path.glob("*"))}) == 3
    assert len(provenance.source_digest()) == 64


def test_canonical_json_refuses_what_is_not_a_number():
    assert provenance.canonical_json({"b": 1, "a": (1.5, "港")}) == '{"a":[1.5,"港"],"b":1}'
    with pytest.raises(ValueError):
        provenance.canonical_json({"a": float("nan")})
    with pytest.raises(TypeError):
        provenance.canonical_json({"a": object()})
