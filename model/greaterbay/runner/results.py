"""Stored runs as pictures and summaries read them.

A ``StoredRun`` is the result file of one scenario, read variable by variable when one is asked for, so that a
file with hundreds of replicates is never held in memory as a whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from greaterbay import clock
from greaterbay import outputs as declared
from greaterbay.clock import QUARTERS_PER_YEAR
from greaterbay.runner import store

if TYPE_CHECKING:
    import xarray as xr

OUTSIDE = ("rest_of_china", "abroad")


class RunsError(Exception):
    """Result files that cannot be used; the message says which and why, one line a problem."""


@dataclass(frozen=True)
class StoredRun:
    """The results of one scenario.

    ``path`` is None for a dataset made in memory. ``tag`` tells apart runs that bear the same title; it is
    empty otherwise.
    """

    data: xr.Dataset
    info: store.ResultInfo
    path: Path | None = None
    tag: str = ""

    @classmethod
    def of(cls, data: xr.Dataset, path: Path | None = None) -> StoredRun:
        """Wrap a dataset; one without manifest, replicates or quarters is refused."""
        where = f"{path}: " if path else ""
        try:
            info = store.info_of(data)
            for key in ("seed", "version"):
                info.manifest[key]
            quarters = [store.quarter_of_label(str(label)) for label in data["quarter"].to_numpy()]
            complete = bool(info.replicates and quarters) and "city" in data.coords
        except (KeyError, TypeError, ValueError):
            complete = False
        if not complete:
            raise RunsError(f"{where}not a whole result of greaterbay; run the scenario again to rebuild it")
        return cls(data, info, path)

    # what was run

    @property
    def scenario(self) -> str:
        """Id of the scenario."""
        return self.info.scenario

    @property
    def digest(self) -> str:
        """Digest of what reached the model."""
        return self.info.digest

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The manifest of the run."""
        return self.info.manifest

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return int(self.info.manifest["seed"])

    @property
    def version(self) -> str:
        """Version of greaterbay that made it."""
        return str(self.info.manifest["version"])

    @property
    def numbers(self) -> object:
        """Numbers version of the model that made it; None in a result that does not say."""
        return self.manifest.get("numbers")

    @property
    def posterior(self) -> Mapping[str, Any]:
        """Id and digest of the posterior behind the draws; empty with central values or in a result that does not say."""
        return self.manifest.get("posterior") or {}

    @property
    def posterior_name(self) -> str:
        """Id of the posterior behind the draws; empty with central values."""
        if self.draws() is None:
            return ""
        named = (self.manifest["scenario"].get("run") or {}).get("posterior") or "?"
        return str(self.posterior.get("id") or Path(str(named)).name)

    @property
    def replicates(self) -> int:
        """Number of replicates in the file."""
        return len(self.info.replicates)

    @property
    def probes(self) -> Mapping[str, Mapping[str, Any]]:
        """The scenario's probe technologies by id."""
        return self.manifest["scenario"].get("probes") or {}

    def label(self, language: str) -> str:
        """Title of the scenario in a language, with a tag where titles are the same."""
        described = self.manifest["scenario"]
        title = (language == "zh" and described.get("title_zh")) or described.get("title") or self.scenario
        return f"{title} ({self.tag})" if self.tag else str(title)

    # numbers

    def has(self, name: str) -> bool:
        """Does the file hold this output?"""
        return name in self.data.data_vars

    def values(self, name: str, **where: object) -> np.ndarray:
        """One output as float64, (replicate, quarter, ...); ``where`` picks positions along dimensions.

        Raises RunsError where the numbers cannot be read: a damaged file shows only then.
        """
        wanted = ("replicate", *declared.get(name).dims)
        if name not in self.data:
            place = f"{self.path}: " if self.path else ""
            raise RunsError(f"{place}holds no {name}; run the scenario again with this version of greaterbay")
        try:
            found = self.data[name].isel(where).transpose(*wanted).to_numpy()
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            place = f"{self.path}: " if self.path else ""
            raise RunsError(
                f"{place}{name} cannot be read, the file is damaged; run the scenario again to rebuild it"
            ) from error
        return found.astype(float)

    @property
    def quarters(self) -> np.ndarray:
        """Quarters as integers (``year * 4 + 0..3``)."""
        return np.array([store.quarter_of_label(str(label)) for label in self.data["quarter"].to_numpy()])

    @property
    def span(self) -> tuple[float, float]:
        """Start of the first and end of the last quarter in years."""
        return self.quarters[0] / QUARTERS_PER_YEAR, (self.quarters[-1] + 1) / QUARTERS_PER_YEAR

    @property
    def full_years(self) -> list[int]:
        """Calendar years of which all four quarters were run."""
        years, counts = np.unique(self.quarters // QUARTERS_PER_YEAR, return_counts=True)
        return [int(year) for year, count in zip(years, counts, strict=True) if count == QUARTERS_PER_YEAR]

    # labels

    def labels(self, coordinate: str) -> list[str]:
        """Labels of a dimension or of a coordinate along one; empty where the file has none."""
        return (
            [str(label) for label in self.data[coordinate].to_numpy()]
            if coordinate in self.data.coords
            else []
        )

    def names(self, dimension: str, language: str) -> list[str]:
        """Readable names along a dimension: the file's own, or the ids where it has none."""
        found = self.labels(f"{dimension}_name" + ("_zh" if language == "zh" else ""))
        return found or [name.replace("_", " ") for name in self.labels(dimension)]

    def draws(self) -> np.ndarray | None:
        """Number of the posterior draw behind each replicate, or None where parameters are held fixed."""
        if "draw" not in self.data.coords:
            return None
        draw = np.asarray(self.data["draw"].to_numpy(), int)
        return None if (draw < 0).all() else draw  # -1: central values

    def probe_name(self, probe: str, language: str) -> str:
        """Title of a probe in a language where its scenario gives one, otherwise its id in words."""
        described = self.probes[probe]
        title = (language == "zh" and described.get("title_zh")) or described.get("title")
        return str(title or probe.replace("_", " ").capitalize())

    def inside(self) -> np.ndarray:
        """Positions of the region's own cities along ``city``: all but the outside."""
        return np.array([k for k, city in enumerate(self.labels("city")) if city not in OUTSIDE], dtype=int)


@contextmanager
def opened(paths: Sequence[str | os.PathLike]) -> Iterator[list[StoredRun]]:
    """Open result files that are to be shown together, and close them afterwards.

    Raises RunsError with all that is wrong: a file that cannot be read, the same file twice, or one that
    covers other quarters or cities than the first.
    """
    problems: list[str] = []
    found: list[StoredRun] = []
    seen: dict[Path, Path] = {}
    with ExitStack() as stack:
        for path in map(Path, paths):
            real = path.resolve()
            if real in seen:
                problems.append(
                    f"{path}: given twice" + (f", first as {seen[real]}" if seen[real] != path else "")
                )
                continue
            seen[real] = path
            try:
                data = store.open_result(path)
                stack.callback(data.close)
                found.append(StoredRun.of(data, path))
            except (store.StoreError, RunsError) as error:
                problems.append(str(error))
        problems += _differences(found)
        if problems:
            raise RunsError("\n".join(problems))
        yield told_apart(found)


def told_apart(runs: Sequence[StoredRun]) -> list[StoredRun]:
    """The runs, those of one title with a tag that tells them apart: file name, folder or digest."""

    def marked(run: StoredRun) -> StoredRun:
        twins = [
            other for other in runs if any(other.label(lang) == run.label(lang) for lang in ("en", "zh"))
        ]
        if len(twins) == 1:
            return run
        for mark in (_stem, _folder_and_stem, lambda one: one.digest[:8]):
            if len({mark(twin) for twin in twins}) == len(twins):
                return replace(run, tag=mark(run))
        return replace(run, tag=str(list(runs).index(run) + 1))

    return [marked(run) for run in runs]


def _stem(run: StoredRun) -> str:
    return run.path.stem if run.path else ""


def _folder_and_stem(run: StoredRun) -> str:
    return f"{run.path.resolve().parent.name}/{run.path.stem}" if run.path else ""


def _differences(runs: Sequence[StoredRun]) -> list[str]:
    """What makes runs impossible to show together, against the first of them."""
    problems = []
    for other in runs[1:]:
        first = runs[0]
        if not np.array_equal(first.quarters, other.quarters):
            problems.append(
                f"{other.path}: covers {_span_label(other)}, but {first.path} covers {_span_label(first)};"
                " draw runs of different length separately"
            )
        if first.labels("city") != other.labels("city"):
            problems.append(
                f"{other.path}: has other cities than {first.path}; draw different regions separately"
            )
    return problems


def _span_label(run: StoredRun) -> str:
    quarters = run.quarters
    return f"{clock.label(int(quarters[0]))} to {clock.label(int(quarters[-1]))}"
