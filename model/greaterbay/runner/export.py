"""Stored results as tidy CSV: ``city_year.csv`` and ``flow_year.csv``.

Years are formed from quarters by the rules declared in ``outputs.csv``: a stock is its value at the
end of the year, a flow the sum of four quarters, a share the ratio of its parts formed by these rules,
a mean the mean of four quarters. A year that lacks quarters has no flows, means, or shares of flows.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import repeat
from pathlib import Path
from uuid import uuid4

import numpy as np

from greaterbay import clock, outputs
from greaterbay.digits import as_text
from greaterbay.runner.store import StoreError, info_of, open_result, quarter_of_label

CITY_COLUMNS = ("scenario", "replicate", "city", "year", "variable", "unit", "value")
FLOW_COLUMNS = (
    "scenario", "replicate", "flow", "channel", "from", "to", "from_kind", "to_kind", "year", "unit", "value",
)
REPLICATES_READ = 8  # replicates in memory at a time
OUTSIDE = ("rest_of_china", "abroad")


class Years:
    """Calendar years within a run of quarters.

    ``years``: every year that has a quarter in the run; ``whole`` (len(years),) bool: has all four;
    ``last`` (len(years),) index of its fourth quarter, -1 where the run ends before.
    """

    def __init__(self, quarters: list[int]) -> None:
        place = {quarter: index for index, quarter in enumerate(quarters)}
        self.years = sorted({clock.year_of(quarter) for quarter in quarters})
        members = [[place.get(year * clock.QUARTERS_PER_YEAR + n) for n in range(4)] for year in self.years]
        self.whole = np.array([None not in row for row in members])
        self.last = np.array([-1 if row[3] is None else row[3] for row in members])
        self.first = self.last - 3

    def reduce(self, values: np.ndarray, rule: str) -> np.ndarray:
        """Yearly float64 values from quarterly ones, (years, ...); NaN where the year lacks quarters.

        ``values`` has shape (quarters, ...); ``rule`` is ``last``, ``sum`` or ``mean``.
        """
        values = values.astype(np.float64)
        result = np.full((len(self.years), *values.shape[1:]), np.nan)
        if rule == "last":
            ended = self.last >= 0
            result[ended] = values[self.last[ended]]
            return result
        quarters = np.stack([values[self.first[self.whole] + n] for n in range(4)])
        if rule == "sum":
            result[self.whole] = quarters.sum(axis=0)
        elif rule == "mean":
            result[self.whole] = quarters.mean(axis=0)
        else:
            raise ValueError(f"no rule {rule!r} for years")
        return result


def yearly(output: outputs.Output, read: Callable[[str], np.ndarray], years: Years) -> np.ndarray:
    """One output by year, (years, ...) float64; NaN where it is undefined.

    ``read`` returns the quarterly values of an output by id. A ratio is formed from its numerator and
    denominator, each summed by its own rule; the ratio over nothing is NaN.
    """
    if output.over_time != "ratio":
        return years.reduce(read(output.id), output.over_time)
    parts = (output.numerator, output.denominator)
    above, below = (years.reduce(read(part), outputs.get(part).over_time) for part in parts)
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def texts(values: np.ndarray, dtype: str) -> np.ndarray:
    """Numbers as text, (n,) -> (n,) text: whole counts, or the digits that float32 needs and no more."""
    return values.astype(np.int64 if dtype == "int32" else np.float32).astype(str).astype(object)


def export(path: str | os.PathLike, folder: str | os.PathLike) -> tuple[list[Path], list[str]]:
    """Write ``city_year.csv`` and ``flow_year.csv`` of a result file to ``folder``.

    Returns the files and notes for the user (years left out). Flow rows of exactly nothing are left out:
    a missing pair is zero. Raises StoreError when the file cannot be read or the folder not be written.
    """
    folder = Path(folder)
    try:
        with ExitStack() as stack:
            dataset = stack.enter_context(open_result(path))
            info = info_of(dataset)
            years = Years([quarter_of_label(str(label)) for label in dataset["quarter"].values])
            folder.mkdir(parents=True, exist_ok=True)
            cities = stack.enter_context(_table(folder / "city_year.csv", CITY_COLUMNS))
            flows = stack.enter_context(_table(folder / "flow_year.csv", FLOW_COLUMNS))
            for replicate, one in _one_by_one(dataset, info.replicates):
                cities.writerows(_city_rows(one, (info.scenario, replicate), years))
                flows.writerows(_flow_rows(one, (info.scenario, replicate), years))
    except OSError as error:
        if error.errno is None:  # the HDF5 layer reports a failed checksum so
            raise StoreError(f"{path}: damaged; run the scenario again to rebuild it") from error
        why = "this is a file; allowed: a folder" if folder.is_file() else error.strerror
        raise StoreError(f"cannot write to {folder}: {why}") from error
    return [folder / "city_year.csv", folder / "flow_year.csv"], _notes(years)


def _notes(years: Years) -> list[str]:
    partial = [str(year) for year, whole in zip(years.years, years.whole, strict=True) if not whole]
    if not partial:
        return []
    listed = ", ".join(partial)
    return [f"{listed}: not a whole year in this run; flows, means and shares of flows have no rows"]


def _city_rows(one, key: tuple[str, int], years: Years) -> Iterator[tuple]:
    labels = [as_text(str(label)) for label in one["city"].values]
    inside = [place for place, label in enumerate(labels) if label not in OUTSIDE]
    cities, calendar = np.array(labels, object)[inside], np.array(years.years, object)
    for output in outputs.table().values():
        if not output.export or output.dims != ("quarter", "city") or output.id not in one:
            continue
        values = yearly(output, _reader(one), years)[:, inside]
        known = np.isfinite(values)
        year, city = np.nonzero(known)
        same = (*map(repeat, key), cities[city], calendar[year], repeat(output.id), repeat(output.unit))
        yield from zip(*same, texts(values[known], output.dtype), strict=False)


def _flow_rows(one, key: tuple[str, int], years: Years) -> Iterator[tuple]:
    places = np.array([as_text(str(label)) for label in one["city"].values], object)
    calendar = np.array(years.years, object)
    for output in outputs.flows():
        if output.id not in one:
            continue
        values = yearly(output, _reader(one), years)
        known = np.isfinite(values) & (values != 0)
        year, origin, target = np.nonzero(known)
        head = map(repeat, (*key, output.flow, output.channel))
        kinds = map(repeat, (output.from_kind, output.to_kind))
        columns = (*head, places[origin], places[target], *kinds, calendar[year], repeat(output.unit))
        yield from zip(*columns, texts(values[known], output.dtype), strict=False)


def _one_by_one(dataset, replicates: tuple[int, ...]) -> Iterator[tuple[int, object]]:
    """Each replicate with its values in memory; read in blocks, since opening a variable is what costs."""
    for start in range(0, len(replicates), REPLICATES_READ):
        block = dataset.isel(replicate=slice(start, start + REPLICATES_READ)).load()
        for place, replicate in enumerate(replicates[start : start + REPLICATES_READ]):
            yield replicate, block.isel(replicate=place)


def _reader(one) -> Callable[[str], np.ndarray]:
    return lambda name: one[name].values


@contextmanager
def _table(path: Path, columns: tuple[str, ...]) -> Iterator:
    """A CSV writer whose file bears its name only once it is whole."""
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:12]}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            yield writer
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
