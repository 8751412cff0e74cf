"""The store: a folder with one part per finished replicate and one netCDF file per scenario.

::

    DIR/parts/<digest>/<replicate>.npz     numbers of one replicate, with a checksum over its content
    DIR/parts/<digest>/<replicate>.error.txt   why a replicate failed, until it succeeds
    DIR/parts/<digest>/about.json          scenario, seed, scale, horizon and sources behind the digest
    DIR/<scenario id>.nc                   all replicates of a scenario, for xarray
    DIR/warm/                              saved warm-ups (kept by the model)

Every file is written under a temporary name in its own folder and renamed when it is complete, so a
name without a leading dot always stands for a whole file. Two processes may write the same store: equal
digests mean equal content, and the last rename wins.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import logging
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from greaterbay import clock, outputs
from greaterbay.runner import interrupts
from greaterbay.runner import manifest as provenance
from greaterbay.runner.replicate import Result
from greaterbay.scenario import kinds

log = logging.getLogger(__name__)

META = "meta"  # name of a part's own description, no output may bear it
LEFTOVER_AGE = 24 * 3600.0  # seconds after which a temporary file has no owner any more
COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}
EPOCH = date(1970, 1, 1)

Coords = Mapping[str, Sequence[str]]  # dimension -> labels
MOST_NAMED = 5  # files of a folder that a message names


class StoreError(Exception):
    """The store cannot be used: the folder cannot be written, a result file cannot be read."""


class PartError(Exception):
    """A part is missing, damaged or belongs to something else; it has to be computed again."""


class Store:
    """One output folder.

    ``token`` marks the temporary files of one run, so that the run can remove its own (and only its own)
    when it is stopped; workers of a run share it.
    """

    def __init__(self, folder: str | os.PathLike, token: str | None = None) -> None:
        self.folder = Path(folder)
        self.token = token or uuid4().hex[:12]

    @property
    def warm_folder(self) -> Path:
        """Folder of saved warm-ups."""
        return self.folder / "warm"

    def part_path(self, digest: str, replicate: int) -> Path:
        """Where the part of one replicate lies."""
        return self.folder / "parts" / digest / f"{replicate}.npz"

    def result_path(self, scenario_id: str) -> Path:
        """Where the results of a scenario lie."""
        return self.folder / f"{scenario_id}.nc"

    def prepare(self, digests: Iterable[str] = ()) -> None:
        """Make the folders, make sure that they can be written, and drop leftovers of runs long dead.

        Raises StoreError in plain words before anything has been computed.
        """
        for folder in [self.folder, *(self.folder / "parts" / digest for digest in digests)]:
            probe = folder / f".probe.{self.token}.tmp"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                probe.write_bytes(b"greaterbay")
                probe.unlink()
                self._remove_leftovers(folder, self._is_old)
            except OSError as error:
                why = "this is a file; allowed: a folder" if folder.is_file() else error.strerror or error
                raise StoreError(f"cannot write to {folder}: {why}") from error
        self._remove_leftovers(self.warm_folder, self._is_old)

    @staticmethod
    def _is_old(path: Path) -> bool:
        """Without an owner for sure; a clock that was set back makes files younger, which does no harm."""
        return time.time() - path.stat().st_mtime > LEFTOVER_AGE

    def clean(self, digests: Iterable[str] = ()) -> None:
        """Remove the temporary files of this run; for the end of a run, however it ended."""
        with interrupts.held():
            for folder in [self.folder, *(self.folder / "parts" / digest for digest in digests)]:
                self._remove_leftovers(folder, lambda path: f".{self.token}." in path.name)

    @staticmethod
    def _remove_leftovers(folder: Path, is_leftover) -> None:
        for path in folder.glob(".*.tmp"):
            try:
                if is_leftover(path):
                    path.unlink()
            except OSError:  # another process was quicker, or it is not ours to remove
                continue

    @contextmanager
    def in_use(self, alone: bool = False) -> Iterator[None]:
        """Hold the folder for a run (many at a time), or ``alone`` for whoever removes things from it.

        The hold is a lock that the system drops with the process, however that ends. Raises StoreError when
        ``alone`` is wanted and a run is on. Where a file system or platform has no such locks, nothing is held.
        """
        try:
            import fcntl
        except ImportError:
            yield
            return
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
            except BlockingIOError:
                raise StoreError(f"a run is writing to {self.folder}; wait until it has ended") from None
            except OSError as error:
                log.info("%s cannot be locked: %s", self.folder, error)
            yield
        finally:
            os.close(handle)

    @contextmanager
    def _replacing(self, path: Path) -> Iterator[Path]:
        """A temporary name beside ``path``; renamed to ``path`` on success, removed otherwise."""
        temporary = path.with_name(f".{path.name}.{self.token}.{os.getpid()}.tmp")
        try:
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
        finally:
            temporary.unlink(missing_ok=True)

    # parts

    def write_part(self, digest: str, replicate: int, result: Result) -> None:
        """Store one finished replicate. Raises StoreError when the file system refuses."""
        self.write_content(digest, replicate, part_content(digest, replicate, result))

    def write_content(self, digest: str, replicate: int, content: bytes) -> None:
        """Store the part of one replicate, as ``part_content`` made it."""
        path = self.part_path(digest, replicate)
        with interrupts.held(), self._replacing(path) as temporary:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content)
        self.trace_path(digest, replicate).unlink(missing_ok=True)

    def read_part(self, digest: str, replicate: int) -> Result:
        """One stored replicate. Raises PartError unless it is whole, unchanged and the one asked for."""
        path = self.part_path(digest, replicate)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise PartError(f"{path}: missing") from None
        except OSError as error:
            raise PartError(f"{path}: {error.strerror or error}") from error
        try:
            with interrupts.held():
                return result_of(content, digest, replicate)
        except PartError as error:
            raise PartError(f"{path}: {error}") from None

    def trace_path(self, digest: str, replicate: int) -> Path:
        """Where the traceback of a replicate that failed lies, until it succeeds."""
        return self.folder / "parts" / digest / f"{replicate}.error.txt"

    def write_trace(self, digest: str, replicate: int, trace: str) -> None:
        """Keep the traceback of a failed replicate for whoever looks into it; best effort."""
        if trace:
            try:
                self.trace_path(digest, replicate).write_text(trace, encoding="utf-8")
            except OSError as error:
                log.warning("cannot keep the traceback of replicate %d: %s", replicate, error)

    def describe(self, digest: str, about: Mapping[str, object]) -> None:
        """Note what lies behind a digest, unless it is noted already."""
        path = self.about_path(digest)
        if not path.exists():
            with self._replacing(path) as temporary:
                temporary.write_text(provenance.canonical_json(about), encoding="utf-8")

    def about_path(self, digest: str) -> Path:
        """Where it is noted what lies behind a digest."""
        return self.folder / "parts" / digest / "about.json"

    def stored_replicates(self, digest: str) -> list[int]:
        """Numbers of the replicates that have a part, whole or not."""
        found = (self.folder / "parts" / digest).glob("*.npz")
        return sorted(int(path.stem) for path in found if path.stem.isdecimal())

    # results

    def assemble(
        self,
        scenario_id: str,
        digest: str,
        replicates: Sequence[int],
        manifest: Mapping[str, object],
        names: Callable[[Coords], Mapping[str, tuple[str, Sequence[str]]]] | None = None,
    ) -> Path:
        """Stream the parts of ``replicates`` into ``<scenario id>.nc``, one part in memory at a time.

        ``names`` takes the coordinates and returns further ones, name -> (dimension, labels). The manifest
        gains the timings found in the parts. Raises PartError for a part that is not sound, StoreError
        when writing fails.
        """
        if not replicates:
            raise ValueError("a result file needs a replicate")
        import h5py

        path = self.result_path(scenario_id)
        first = self.read_part(digest, replicates[0])
        coords = {name: list(labels) for name, labels in first.coords.items()}
        timings = {}
        with self._replacing(path) as temporary:
            with interrupts.held():
                layout = lay_out(replicates, coords, first.arrays, names(coords) if names else {})
            temporary.write_bytes(layout)
            _reserve(temporary, len(layout) + _most_bytes(first.arrays, len(replicates)))
            # h5netcdf costs a millisecond per write, h5py a tenth of that; every write is a whole chunk, so
            # a cache of chunks would only hold memory
            with h5py.File(temporary, "r+", rdcc_nbytes=0) as file:
                for place, replicate in enumerate(replicates):
                    part = self.read_part(digest, replicate)
                    if part.coords != coords or part.arrays.keys() != first.arrays.keys():
                        raise StoreError(f"replicate {replicate} has not the shape of the first one")
                    with interrupts.held():
                        for name, array in part.arrays.items():
                            if array.size:
                                dataset = file[name]
                                assert isinstance(dataset, h5py.Dataset)
                                dataset[place] = array
                    timings[str(replicate)] = dict(part.timings)
                file.attrs["manifest"] = provenance.canonical_json({**manifest, "timings": timings})
            seal(temporary)
        return path


# parts as bytes


def part_content(digest: str, replicate: int, result: Result) -> bytes:
    """The part of one replicate as bytes."""
    meta = {
        "digest": digest,
        "replicate": replicate,
        "store_version": provenance.STORE_VERSION,
        "coords": {name: list(labels) for name, labels in result.coords.items()},
        "timings": dict(result.timings),
    }
    with interrupts.held():  # a zip file that is interrupted while it is written raises an error of its own when it is closed
        return pack(meta, result.arrays)


def result_of(content: bytes, digest: str, replicate: int) -> Result:
    """The replicate in a part. Raises PartError unless it is whole, unchanged and the one asked for."""
    meta, arrays = unpack(content)
    if (meta["digest"], meta["replicate"]) != (digest, replicate):
        raise PartError(f"holds another replicate ({meta['replicate']} of {meta['digest'][:12]})")
    return Result(arrays, meta["coords"], meta["timings"])


def pack(meta: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> bytes:
    """An ``.npz`` file as bytes: the arrays in order of name and a JSON member with their checksum.

    Written by hand rather than by ``np.savez``: no time stamp enters the file, so equal results are equal
    bytes and a clock before 1980 does no harm.
    """
    arrays = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    description = provenance.canonical_json({**meta, "checksum": _checksum(meta, arrays)})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        members = {META: np.frombuffer(description.encode(), np.uint8), **arrays}
        for name, array in members.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return buffer.getvalue()


def unpack(content: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """Description and arrays of a part. Raises PartError when a single bit differs from what was stored."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        meta = json.loads(arrays.pop(META).tobytes().decode())
        checksum = meta.pop("checksum")
    except Exception as error:  # a damaged archive fails in many ways; all of them mean the same
        raise PartError(f"truncated or damaged ({type(error).__name__})") from error
    if checksum != _checksum(meta, arrays):
        raise PartError("damaged (checksum differs)")
    return meta, arrays


def _checksum(meta: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> str:
    total = hashlib.sha256(provenance.canonical_json(meta).encode())
    for name, array in sorted(arrays.items()):
        total.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


# the result file


def lay_out(
    replicates: Sequence[int],
    coords: Coords,
    arrays: Mapping[str, np.ndarray],
    names: Mapping[str, tuple[str, Sequence[str]]],
) -> bytes:
    """A result file with all variables, attributes and coordinates, and no numbers yet.

    ``arrays`` are those of any replicate. Raises StoreError where they differ from their declaration.
    """
    import h5netcdf

    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:
        dims = {dim for declared in outputs.table().values() for dim in declared.dims}
        further = {name: name.rpartition("_")[0] for name in coords if name not in dims}
        sizes = {dim: len(labels) for dim, labels in coords.items() if dim not in further}
        file.dimensions = {"replicate": len(replicates), **sizes}
        for name, array in sorted(arrays.items()):
            declared = outputs.get(name)
            shape = tuple(len(coords[dim]) for dim in declared.dims)
            if array.shape != shape or array.dtype != np.dtype(declared.dtype):
                found, wanted = f"{array.dtype} {array.shape}", f"{declared.dtype} {shape}"
                raise StoreError(f"output {name}: recorded as {found}, declared as {wanted}")
            # a dimension may be empty (no probes): such a variable has nothing to chunk
            filters = {"chunks": (1, *shape), **COMPRESSION} if array.size else {}
            variable = file.create_variable(name, ("replicate", *declared.dims), array.dtype, **filters)
            variable.attrs.update(attributes_of(declared))
        numbers = np.asarray(replicates, np.int32)
        _coordinate(file, "replicate", "replicate", numbers, long_name="replicate", long_name_zh="重复")
        for name, labels in coords.items():
            _coordinate(file, name, further.get(name, name), labels)
        quarters = [quarter_of_label(label) for label in coords["quarter"]]
        years = np.array([clock.year_of(quarter) for quarter in quarters], np.int32)
        days = np.array([(clock.first_day(quarter) - EPOCH).days for quarter in quarters], np.int32)
        _coordinate(file, "year", "quarter", years, long_name="year", long_name_zh="年")
        _coordinate(
            file, "date", "quarter", days,
            long_name="first day of the quarter", long_name_zh="季度首日",
            units="days since 1970-01-01", calendar="proleptic_gregorian",
        )
        for name, (dim, labels) in names.items():
            _coordinate(file, name, dim, labels)
        file.attrs["coordinates"] = " ".join(["year", "date", *further, *names])
        file.attrs["Conventions"] = "CF-1.10"
    return buffer.getvalue()


def _coordinate(file, name: str, dim: str, values: Sequence[str] | np.ndarray, **attributes: str) -> None:
    import h5py

    if isinstance(values, np.ndarray):
        variable = file.create_variable(name, (dim,), values.dtype)
    else:
        values = np.array(list(values), dtype=object)
        variable = file.create_variable(name, (dim,), h5py.string_dtype())
    if len(values):
        variable[:] = values
    variable.attrs.update(attributes)


def _most_bytes(arrays: Mapping[str, np.ndarray], replicates: int) -> int:
    """No less than what the numbers, the index of their chunks and the manifest will take."""
    numbers = sum(array.nbytes for array in arrays.values()) * replicates
    index = 8192 * len(arrays) * (1 + replicates // 16)
    return int(1.02 * numbers) + index + 2**20


def _reserve(path: Path, size: int) -> None:
    """Reserve disk space: HDF5 may crash the process when a disk turns out full, so find out before.

    Raises OSError when there is not enough. The file shrinks to what it needs when HDF5 closes it.
    """
    if hasattr(os, "posix_fallocate"):
        with open(path, "rb+") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    elif shutil.disk_usage(path.parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


SEAL = b"\ngreaterbay sha256 "  # then 64 hexadecimal digits and a line end, after the last byte that HDF5 reads
SEAL_SIZE = len(SEAL) + 64 + 1


def seal(path: Path) -> None:
    """Append a checksum over the whole file: those of HDF5 cover the numbers, but neither labels nor structure."""
    checksum = _sha256(path, path.stat().st_size)
    with open(path, "ab") as file:
        file.write(SEAL + checksum.encode() + b"\n")


def is_broken(path: Path) -> bool:
    """Does a sealed file differ from what was sealed? A file without a seal (changed by other tools) does not."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(max(0, size - SEAL_SIZE))
        end = file.read()
    if not end.startswith(SEAL):
        return False
    return _sha256(path, size - SEAL_SIZE).encode() != end[len(SEAL) : -1]


def _sha256(path: Path, size: int) -> str:
    """Of the first ``size`` bytes."""
    total = hashlib.sha256()
    with open(path, "rb") as file:
        while size > 0 and (content := file.read(min(size, 2**20))):
            total.update(content)
            size -= len(content)
    return total.hexdigest()


def attributes_of(declared: outputs.Output) -> dict[str, str]:
    """Attributes of an output's variable; empty ones are left out."""
    found = {
        "units": declared.unit,
        "units_zh": declared.unit_zh,
        "long_name": declared.label,
        "long_name_zh": declared.label_zh,
        "kind": declared.kind,
        "over_time": declared.over_time,
        "over_cities": declared.over_cities,
        "numerator": declared.numerator,
        "denominator": declared.denominator,
        "flow": declared.flow,
        "channel": declared.channel,
        "from_kind": declared.from_kind,
        "to_kind": declared.to_kind,
    }
    return {name: value for name, value in found.items() if value}


def quarter_of_label(label: str) -> int:
    """The quarter behind a label such as ``2026Q1``."""
    year, _, number = label.partition("Q")
    return int(year) * clock.QUARTERS_PER_YEAR + int(number) - 1


def names_of(scenario, coords: Coords) -> dict[str, tuple[str, list[str]]]:
    """Names in both languages along city, field, payer and lever, jurisdiction (with its names) and role (``core``,
    ``periphery``, ``outside``) of each city: name -> (dimension, one per label).
    """
    from greaterbay.policy import catalogue
    from greaterbay.region.load import load_region

    region, levers = load_region(scenario.run.region), catalogue.levers()
    jurisdiction, role = {}, {}
    for place, name in enumerate(region.place_ids):
        inside = place < len(region.city_ids)
        jurisdiction[name] = region.jurisdiction_ids[region.jurisdiction_city[place]] if inside else name
        role[name] = ("core" if region.core_city[place] else "periphery") if inside else "outside"
    names = dict(zip(region.place_ids, region.place_names, strict=True))
    names_zh = dict(zip(region.place_ids, region.place_names_zh, strict=True))
    owner = dict(zip(region.jurisdiction_ids, region.jurisdiction_names, strict=False))
    owner_zh = dict(zip(region.jurisdiction_ids, region.jurisdiction_names_zh, strict=False))
    payer = {**dict(zip(region.city_ids, region.place_names, strict=False)), "nation": "the nation"}
    payer_zh = {**dict(zip(region.city_ids, region.place_names_zh, strict=False)), "nation": "国家"}
    for at, name in enumerate(region.jurisdiction_ids):
        payer[f"{name}_government"] = f"government of {region.jurisdiction_names[at]}"
        payer_zh[f"{name}_government"] = f"{region.jurisdiction_names_zh[at]}政府"
    by_label = {
        "city_jurisdiction": ("city", jurisdiction),
        "city_jurisdiction_name": ("city", {place: owner.get(name, names[place]) for place, name in jurisdiction.items()}),
        "city_jurisdiction_name_zh": ("city", {place: owner_zh.get(name, names_zh[place]) for place, name in jurisdiction.items()}),
        "city_role": ("city", role),
        "city_name": ("city", names),
        "city_name_zh": ("city", names_zh),
        "field_name": ("field", dict(zip(region.field_ids, region.field_names, strict=True))),
        "field_name_zh": ("field", dict(zip(region.field_ids, region.field_names_zh, strict=True))),
        "payer_name": ("payer", payer),
        "payer_name_zh": ("payer", payer_zh),
        "lever_name": ("lever", {id: lever.name for id, lever in levers.items()}),
        "lever_name_zh": ("lever", {id: lever.name_zh for id, lever in levers.items()}),
    }
    return {
        name: (dim, [labels[label] for label in coords[dim]])
        for name, (dim, labels) in by_label.items()
        if dim in coords
    }


@dataclass(frozen=True)
class ResultInfo:
    """What a result file says about itself."""

    scenario: str
    digest: str
    replicates: tuple[int, ...]
    manifest: Mapping[str, Any]


def open_result(path: str | os.PathLike):
    """A result file as a lazy ``xarray.Dataset``.

    Raises StoreError in plain words for a file that is missing, truncated, changed by a single bit, or no
    result of this program.
    """
    import xarray

    path = Path(path)
    if not path.is_file():
        raise StoreError(_no_file(path))
    if is_broken(path):
        raise StoreError(f"{path}: damaged (checksum differs); run the scenario again, its replicates are kept")
    try:
        dataset = xarray.open_dataset(path, engine="h5netcdf")
    except Exception as error:  # the HDF5 layers raise nearly anything on a damaged file
        raise StoreError(_not_readable(path)) from error
    if "manifest" not in dataset.attrs:
        dataset.close()
        raise StoreError(f"{path}: not a result of greaterbay (it has no manifest)")
    return dataset


def _no_file(path: Path) -> str:
    """Why there is no result at ``path``, and what to give instead."""
    if path.is_dir():
        inside = sorted(one.name for one in path.glob("*.nc") if one.is_file())
        held = f"it holds {', '.join(inside[:MOST_NAMED])}{', ...' if len(inside) > MOST_NAMED else ''}" if inside else "it holds none"
        return f"{path}: this is a folder; allowed: result files (.nc); {held}"
    hint = kinds.near_file(path, ".nc")
    return f"{path}: no such file; `greaterbay run` makes one" + (f"; {hint}" if hint else "")


def _not_readable(path: Path) -> str:
    """What stands at ``path`` instead of a result, and what to do."""
    what = kinds.kind_of(path)
    if what.startswith("a result file"):
        return f"{path}: not a readable result file, it is cut short or damaged; run the scenario again"
    if what == "text":
        return f"{path}: not a readable result file, this is text; `greaterbay run` makes a result (.nc) of a scenario"
    return f"{path}: not a readable result file" + (f", this is {what}" if what else "") + "; run the scenario again"


def info_of(dataset) -> ResultInfo:
    """Scenario, digest, replicates and manifest of an opened result file."""
    manifest = json.loads(dataset.attrs["manifest"])
    replicates = tuple(int(number) for number in dataset["replicate"].values)
    return ResultInfo(manifest["scenario"]["id"], manifest["digest"], replicates, manifest)
