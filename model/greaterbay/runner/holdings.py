"""What a store holds, and what of it is of no further use."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from greaterbay.runner import manifest as provenance
from greaterbay.runner.store import Store, StoreError, is_broken


@dataclass(frozen=True)
class Holding:
    """The replicates of one scenario, or of one digest that no result file stands for.

    ``path``: the result file, or None where there are parts only. ``replicates``: numbers in the result file,
    or with a part. ``parts``: replicates with a part, which a longer run would use again. ``present``: made by
    the sources that are installed now. ``damaged``: the file cannot be read. Size in bytes, parts included.
    """

    scenario: str | None
    digest: str | None
    path: Path | None
    replicates: tuple[int, ...]
    parts: int
    seed: int | None
    scale: float | None
    start: str | None
    end: str | None
    version: str | None
    present: bool
    size: int
    date: str | None
    damaged: bool = False


@dataclass(frozen=True)
class Removal:
    """Something that was removed, or would be, and why."""

    path: Path
    reason: str
    size: int


def holdings(store: Store) -> list[Holding]:
    """All results by name, then parts without a result by date. Raises StoreError where there is no folder."""
    _must_exist(store)
    results = [_of_result(store, path) for path in sorted(store.folder.glob("*.nc"))]
    with_result = {holding.digest for holding in results}
    rest = [_of_parts(store, folder) for folder in _part_folders(store) if folder.name not in with_result]
    return results + sorted((one for one in rest if one.replicates), key=lambda one: (one.date or "", one.digest))


def prune(store: Store, dry: bool = False) -> list[Removal]:
    """Remove what no later run can use or no result stands for; returns what was removed.

    Removed are the parts of other sources, parts that no result file stands for, temporary files and warm-up
    states. Result files stay. Raises StoreError while a run is on, and for a folder that cannot be changed.
    """
    _must_exist(store)
    with store.in_use(alone=True):
        found = [*_needless_parts(store), *_temporary(store)]
        if store.warm_folder.is_dir():
            found.append(Removal(store.warm_folder, "saved warm-ups", _size(store.warm_folder)))
        for removal in found if not dry else ():
            try:
                shutil.rmtree(removal.path) if removal.path.is_dir() else removal.path.unlink()
            except OSError as error:
                raise StoreError(f"cannot remove {removal.path}: {error.strerror or error}") from error
    return found


def _must_exist(store: Store) -> None:
    if not store.folder.is_dir():
        what = "this is a file; allowed: a folder" if store.folder.exists() else "no such folder"
        raise StoreError(f"{store.folder}: {what}; `greaterbay run` makes one")


def _needless_parts(store: Store) -> list[Removal]:
    results = list(store.folder.glob("*.nc"))
    manifests = [None if is_broken(path) else _manifest(path) for path in results]
    damaged = None in manifests  # it may stand for any of the parts
    in_results = {manifest["digest"]: manifest for manifest in manifests if manifest}
    found = []
    for folder in _part_folders(store):
        known = _about(store, folder.name) or in_results.get(folder.name)
        source = known.get("source_digest") if known else None
        if known and source is not None and source != provenance.source_digest():
            found.append(Removal(folder, f"parts of other sources ({known.get('version')})", _size(folder)))
        elif folder.name not in in_results and not damaged:
            found.append(Removal(folder, "parts without a result", _size(folder)))
    return found


def _temporary(store: Store) -> list[Removal]:
    """Files that a run left half-written: nobody writes while the store is held alone."""
    folders = [store.folder, *_part_folders(store)]
    paths = [path for folder in folders for path in sorted(folder.glob(".*.tmp"))]
    return [Removal(path, "temporary file", _size(path)) for path in paths]


def _part_folders(store: Store) -> Sequence[Path]:
    folder = store.folder / "parts"
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _of_result(store: Store, path: Path) -> Holding:
    manifest = _manifest(path)
    if manifest is None:
        return Holding(path.stem, None, path, (), 0, None, None, None, None, None, False, _size(path), None, True)
    run, digest = manifest["scenario"]["run"], manifest["digest"]
    return Holding(
        manifest["scenario"]["id"], digest, path, tuple(manifest["replicates"]),
        len(store.stored_replicates(digest)), run["seed"], run["scale"], run["start"], run["end"],
        manifest["version"], manifest["source_digest"] == provenance.source_digest(),
        _size(path) + _size(store.folder / "parts" / digest), manifest["begun"],
    )


def _of_parts(store: Store, folder: Path) -> Holding:
    about, numbers = _about(store, folder.name) or {}, store.stored_replicates(folder.name)
    return Holding(
        about.get("scenario"), folder.name, None, tuple(numbers), len(numbers), about.get("seed"),
        about.get("scale"), about.get("start"), about.get("end"), about.get("version"),
        about.get("source_digest") == provenance.source_digest(), _size(folder), about.get("begun"),
    )


def _about(store: Store, digest: str) -> dict | None:
    try:
        found = json.loads(store.about_path(digest).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _manifest(path: Path) -> Mapping | None:
    """Manifest of a result file; None where the file is damaged. Looks at the head only."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            manifest = json.loads(str(file.attrs["manifest"]))
        return manifest if {"scenario", "digest", "replicates", "begun"} <= manifest.keys() else None
    except Exception:  # the HDF5 layers raise nearly anything on a damaged file
        return None


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(_size(inside) for inside in path.iterdir())
    try:
        return path.stat().st_size
    except OSError:
        return 0
