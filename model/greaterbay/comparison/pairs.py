"""Runs that are to be set against each other replicate by replicate, and why some cannot be."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from greaterbay import clock
from greaterbay.runner import store
from greaterbay.runner.results import RunsError, StoredRun, told_apart


@dataclass(frozen=True)
class Pairing:
    """The runs of a comparison: ``reference`` and the ``policies`` held against it.

    ``numbers`` are the replicates that all of them have; ``mixed`` says what makes the pairs doubtful (empty for sound
    pairs), ``equal`` names policies whose digest is that of the reference.
    """

    reference: StoredRun
    policies: tuple[StoredRun, ...]
    numbers: tuple[int, ...]
    mixed: tuple[str, ...] = ()
    equal: tuple[str, ...] = ()

    @property
    def runs(self) -> list[StoredRun]:
        """All runs, the reference first."""
        return [self.reference, *self.policies]

    def rows(self, run: StoredRun) -> np.ndarray:
        """Positions of the common replicates in a run."""
        return np.array([run.info.replicates.index(number) for number in self.numbers])

    @property
    def draw(self) -> np.ndarray | None:
        """Posterior draw of each pair, or None."""
        found = self.reference.draws()
        return None if found is None else found[self.rows(self.reference)]

    @property
    def years(self) -> list[int]:
        """Complete years that all runs cover."""
        return [year for year in self.reference.full_years if all(year in run.full_years for run in self.policies)]


@contextmanager
def opened(paths: Sequence[str | os.PathLike], against: str | os.PathLike, mixed: bool = False) -> Iterator[Pairing]:
    """Open result files for a comparison and close them afterwards.

    Raises RunsError with all that is wrong at once. ``mixed`` insists on files of different versions, posteriors, seeds,
    scales or horizons; the reasons are then kept in the pairing.
    """
    problems: list[str] = []
    found: list[StoredRun] = []
    seen: dict[Path, Path] = {}
    with ExitStack() as stack:
        for path in map(Path, (against, *paths)):
            real = path.resolve()
            if real in seen:
                problems.append(
                    f"{path}: given twice{f', first as {seen[real]}' if seen[real] != path else ''}; a run is not held against itself"
                )
                continue
            seen[real] = path
            try:
                data = store.open_result(path)
                stack.callback(data.close)
                found.append(StoredRun.of(data, path))
            except (store.StoreError, RunsError) as error:
                problems.append(str(error))
        if problems:
            raise RunsError("\n".join(problems))
        yield paired(found[0], found[1:], mixed)


def paired(reference: StoredRun, policies: Sequence[StoredRun], mixed: bool = False) -> Pairing:
    """The pairing of opened runs; refused with the reasons where they do not belong together."""
    reasons = [reason for other in policies for reason in _doubts(reference, other)]
    hard = [reason for other in policies for reason in _impossible(reference, other)]
    if reasons and not mixed:
        hard = [*reasons, "run them again alike, or insist with --mixed (it is then written on every table and figure)", *hard]
    if hard:
        raise RunsError("\n".join(hard))
    common = set(reference.info.replicates).intersection(*(run.info.replicates for run in policies))
    runs = told_apart([reference, *policies])
    equal = tuple(run.scenario for run in policies if run.digest == reference.digest)
    return Pairing(runs[0], tuple(runs[1:]), tuple(sorted(common)), tuple(reasons), equal)


def _doubts(first: StoredRun, other: StoredRun) -> list[str]:
    """Why the pairs of two runs are not two futures of one world."""

    def of(run: StoredRun, key: str) -> object:
        return (run.manifest["scenario"].get("run") or {}).get(key)

    def span(run: StoredRun) -> str:
        return f"{clock.label(int(run.quarters[0]))} to {clock.label(int(run.quarters[-1]))}"

    facts = [
        ("version", first.version, other.version),
        ("numbers version", first.numbers, other.numbers),
        ("source", str(first.manifest.get("source_digest"))[:8], str(other.manifest.get("source_digest"))[:8]),
        ("seed", first.seed, other.seed),
        ("scale", of(first, "scale"), of(other, "scale")),
        ("quarters", span(first), span(other)),
    ]
    found = [f"{_name(other)}: {what} {theirs}, but {_name(first)} has {ours}" for what, ours, theirs in facts if ours != theirs]
    return found + other_posterior(first, other)


def other_posterior(first: StoredRun, other: StoredRun) -> list[str]:
    """That two runs took their draws from different posteriors: equal numbers of draws are then not equal parameters."""
    if first.draws() is None or other.draws() is None:
        return []
    digests = [run.posterior.get("digest") for run in (first, other)]
    if digests[0] == digests[1]:
        return []
    ours, theirs = (
        f"{run.posterior_name} (digest {str(digest)[:8] if digest else 'unknown'})"
        for run, digest in zip((first, other), digests, strict=True)
    )
    return [f"{_name(other)}: posterior {theirs}, but {_name(first)} has {ours}"]


def other_draws(first: StoredRun, other: StoredRun) -> list[str]:
    """That the replicates of two runs have other draws of the parameters, or one of the runs has none."""
    ours, theirs = first.draws(), other.draws()
    if (ours is None) != (theirs is None):
        return [f"{_name(other)}: one of it and {_name(first)} was run on posterior draws of the parameters, the other was not"]
    if ours is not None and theirs is not None:
        of = [dict(zip(run.info.replicates, map(int, draw), strict=True)) for run, draw in ((first, ours), (other, theirs))]
        if any(of[0][number] != of[1][number] for number in of[0].keys() & of[1].keys()):
            return [f"{_name(other)}: its replicates have other parameter draws than those of {_name(first)}"]
    return []


def _impossible(first: StoredRun, other: StoredRun) -> list[str]:
    """Why two runs cannot be set against each other at all."""
    found = []
    if first.labels("city") != other.labels("city"):
        found.append(f"{_name(other)}: has other cities than {_name(first)}; regions cannot be compared")
    if not set(first.info.replicates) & set(other.info.replicates):
        found.append(f"{_name(other)}: shares no replicate with {_name(first)}")
    found += other_draws(first, other)
    if not [year for year in first.full_years if year in other.full_years]:
        found.append(f"{_name(other)}: covers no whole calendar year together with {_name(first)}")
    return found


def _name(run: StoredRun) -> str:
    return str(run.path or run.scenario)
