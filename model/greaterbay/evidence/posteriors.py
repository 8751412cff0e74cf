"""Posteriors: folders of parameter draws that a scenario may name, read and checked without the model.

::

    <id>/manifest.json      numbers version, study, digest of the draws, parameters, dates
    <id>/draws.csv          replicate k takes row k mod K; column ``draw`` numbers the distinct draws
    <id>/diagnostics.json   what the calibration found

Every sixth row repeats the parameters of the row five before it, so every fifth draw meets a second seed: replicates of
one draw differ by run noise only, replicates of different draws by parameters as well. All scenarios use the same rows, so
replicate k is paired across them.
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import greaterbay
from greaterbay import checked
from greaterbay.locations import shipped_folder

NONE = "none"
CENTRAL = f'run.posterior="{NONE}"'  # override of a scenario: parameters at their central values
WITHOUT = f"go without draws: --set '{CENTRAL}', or posterior = \"{NONE}\" under [run] in the file"
BLOCK = 5  # of so many draws the first one meets a second seed
FILES = ("manifest.json", "draws.csv")


class PosteriorError(Exception):
    """A posterior that cannot be used, in plain words."""


@dataclass(frozen=True)
class Marginal:
    """Median, 5 % and 95 % quantile of a parameter over the draws, each draw counted once."""

    median: float
    low: float
    high: float

    @property
    def fixed(self) -> bool:
        """Is it the same in (nearly) every draw, as a member that is zero in a common factor is?"""
        return self.low == self.high

    def words(self) -> str:
        """``0.31 [0.2, 0.5]``."""
        return f"{self.median:.3g} [{self.low:.3g}, {self.high:.3g}]"


@dataclass(frozen=True)
class Posterior:
    """Draws of a calibration: ``rows[k mod K]`` are the parameters of replicate k."""

    id: str
    digest: str
    parameters: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]
    draws: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of distinct draws."""
        return len(set(self.draws))

    @cached_property
    def marginals(self) -> dict[str, Marginal]:
        """Every drawn parameter of the model (members of a common factor by themselves), in the order of the columns."""
        from statistics import quantiles

        columns = zip(*dict(zip(self.draws, self.rows, strict=True)).values(), strict=True)
        found = {}
        for name, values in zip(self.parameters, columns, strict=True):
            parts = quantiles(values, n=20, method="inclusive") if len(values) > 1 else list(values) * 19
            found[name] = Marginal(parts[9], parts[0], parts[18])
        return found

    def draw(self, replicate: int) -> int:
        """Number of the draw that a replicate uses."""
        return self.draws[checked.replicate(replicate) % len(self.rows)]

    def values(self, replicate: int) -> dict[str, float]:
        """Parameters of a replicate."""
        return dict(zip(self.parameters, self.rows[checked.replicate(replicate) % len(self.rows)], strict=True))


def schedule(count: int) -> list[int]:
    """Draw of each row for ``count`` draws: 0 1 2 3 4 0 5 6 7 8 9 5 ..."""
    found: list[int] = []
    for first in range(0, count, BLOCK):
        block = list(range(first, min(first + BLOCK, count)))
        found += [*block, first] if len(block) == BLOCK else block
    return found


def folder_of(name: str) -> Path:
    """Folder of a posterior: an absolute path, or an id in the calibration folder."""
    return Path(name) if Path(name).is_absolute() else shipped_folder("calibration") / "posteriors" / name


def known() -> tuple[str, ...]:
    """Ids of the posteriors in the calibration folder."""
    return tuple(sorted(path.parent.name for path in (shipped_folder("calibration") / "posteriors").glob("*/manifest.json")))


def load(name: str) -> Posterior:
    """A posterior by id or path. Raises PosteriorError where it is missing, damaged, or of other numbers than this model's."""
    folder = folder_of(name)
    stamp = tuple((path.stat().st_mtime_ns, path.stat().st_size) if (path := folder / file).is_file() else None for file in FILES)
    return _load(str(folder), stamp)


def of_baseline() -> Posterior | None:
    """The draws that the library's baseline names, None where it names none; the scenario itself is not resolved.

    Raises PosteriorError for draws that cannot be used.
    """
    import tomllib

    place = shipped_folder("scenarios") / "baseline.toml"
    try:
        with open(place, "rb") as file:
            name = tomllib.load(file).get("run", {}).get("posterior", NONE)
    except (OSError, ValueError, AttributeError):
        return None  # whoever runs or checks it is told
    if name == NONE:
        return None
    return load(name if name in known() else str(place.parent / str(name)))


@cache
def _load(folder: str, stamp: tuple) -> Posterior:
    place = Path(folder)
    if None in stamp:
        allowed = ", ".join([NONE, *known()]) or NONE
        raise PosteriorError(
            f"no posterior at {place} ({' and '.join(FILES)} are needed); allowed: {allowed}, or a folder that `greaterbay calibrate` made"
        )
    try:
        with open(place / "manifest.json", encoding="utf-8") as file:
            manifest = json.load(file)
        content = (place / "draws.csv").read_bytes()
        numbers, digest, names = manifest["numbers"], manifest["draws_sha256"], tuple(manifest["parameters"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PosteriorError(
            f"{place / 'manifest.json'}: damaged ({type(error).__name__}: {error}); make it again with `greaterbay calibrate`, "
            f"or {WITHOUT}"
        ) from None
    if numbers != greaterbay.NUMBERS:
        raise PosteriorError(
            f"posterior {place.name} was made with numbers version {numbers}, this model has {greaterbay.NUMBERS}: "
            f"its draws do not fit; make it again with `greaterbay calibrate`, or {WITHOUT}"
        )
    if hashlib.sha256(content).hexdigest() != digest:
        raise PosteriorError(
            f"{place / 'draws.csv'}: changed since it was made (its digest differs from the manifest's); make it "
            f"again with `greaterbay calibrate`, or {WITHOUT}"
        )
    try:
        table = list(csv.DictReader(content.decode().splitlines()))
        rows = tuple(tuple(float(row[name]) for name in names) for row in table)
        draws = tuple(int(row["draw"]) for row in table)
    except (KeyError, TypeError, ValueError) as error:
        raise PosteriorError(
            f"{place / 'draws.csv'}: damaged ({type(error).__name__}: {error}); make it again with `greaterbay calibrate`, or {WITHOUT}"
        ) from None
    if not rows:
        raise PosteriorError(f"{place / 'draws.csv'}: holds no draws; make it again with `greaterbay calibrate`, or {WITHOUT}")
    return Posterior(place.name, digest, names, rows, draws)
