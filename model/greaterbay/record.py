"""The tally of a quarter and the record of a run, both in the shapes that ``outputs.csv`` declares."""

from __future__ import annotations

import numpy as np

from greaterbay import outputs
from greaterbay.kernels import kernel


@kernel
def _add(target, index, amount):
    """``target[index[k]] += amount[k]`` in order; a single amount is added everywhere. False, and nothing added, when an
    index lies outside."""
    one = amount.shape[0] == 1
    for k in range(index.shape[0]):
        if index[k] < 0 or index[k] >= target.shape[0]:
            return False
    for k in range(index.shape[0]):
        target[index[k]] += amount[0 if one else k]
    return True


class Tally:
    """Arrays of the present quarter, one per declared output, zero at its start.

    ``sizes`` gives the length of each dimension; city dimensions hold all places.
    """

    def __init__(self, sizes: dict[str, int]):
        self.sizes = sizes
        shapes = {o.id: [sizes[d] for d in o.dims[1:]] for o in outputs.table().values() if not o.is_ratio}
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
        self.all = np.zeros(int(ends[-1]))  # every array is a part of this one
        self._flat = dict(zip(shapes, np.split(self.all, ends[:-1]), strict=True))
        self._further = {name: shape[1:] for name, shape in shapes.items()}
        self.arrays = {name: part.reshape(shapes[name]) for name, part in self._flat.items()}

    def __getstate__(self) -> dict:
        return {"sizes": self.sizes, "all": self.all}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["sizes"])
        self.all[:] = state["all"]

    def open_quarter(self) -> None:
        """All zero."""
        self.all[:] = 0.0

    def add(self, name: str, index, amount) -> None:
        """Add amounts at an index (array, or tuple of arrays) along the output's dimensions."""
        index = index if isinstance(index, tuple) else (index,)
        flat, further = np.ascontiguousarray(index[0], np.int64), self._further[name]
        if flat.size:
            for length, part in zip(further, index[1:], strict=True):
                flat = flat * length + part
            amount = np.ascontiguousarray(amount, np.float64)
            if amount.size not in (1, flat.size) or not _add(self._flat[name], flat, amount):
                raise IndexError(f"output {name}: an index lies outside its dimensions, or there are not as many amounts")

    def set(self, name: str, values) -> None:
        """Set the output; a city dimension may be given without the outside places."""
        values = np.asarray(values, float)
        target = self.arrays[name]
        if values.ndim == 0:
            target[...] = values
        else:
            target[: values.shape[0]] = values

    def flow(self, name: str, origin, target, amount) -> None:
        """Add to a place-by-place matrix."""
        self.add(name, (origin, target), amount)

    def matrix(self, name: str) -> np.ndarray:
        """A place-by-place matrix, to be added to in place."""
        return self.arrays[name]


class Record:
    """All quarters of a run: ``arrays()`` gives output id -> (quarters, ...) float32 (counts int32)."""

    def __init__(self, sizes: dict[str, int], quarters: int, cities: int):
        self.cities, self.filled, self.quarters = cities, 0, quarters
        self._data = {
            o.id: np.zeros([quarters] + [sizes[d] for d in o.dims[1:]], np.dtype(o.dtype))
            for o in outputs.table().values() if not o.is_ratio
        }

    def keep(self, tally: Tally) -> None:
        """Take the tally as the next quarter; a number that is not finite stops the run."""
        if not np.isfinite(tally.all).all():
            name = next(name for name, values in tally.arrays.items() if not np.isfinite(values).all())
            raise FloatingPointError(f"output {name} is not finite")
        for name, data in self._data.items():
            data[self.filled] = tally.arrays[name]
        self.filled += 1

    def take(self, other: Record, technologies: dict[int, int]) -> None:
        """Quarters that another record holds; ``technologies`` says for each slot here which one it is there."""
        self.filled, here, there = other.filled, list(technologies), list(technologies.values())
        for o in outputs.table().values():
            if o.is_ratio:
                continue
            kept, given = self._data[o.id][: self.filled], other._data[o.id][: self.filled]
            if "technology" in o.dims:
                axis = o.dims.index("technology")
                np.moveaxis(kept, axis, 0)[here] = np.moveaxis(given, axis, 0)[there]
            else:
                kept[:] = given

    def arrays(self) -> dict[str, np.ndarray]:
        """Recorded quarters of every declared output, in its order; ratios are formed from their parts.

        City variables (not flows) are undefined outside the bay: NaN there. Ratios are NaN where the denominator is 0.
        """
        found: dict[str, np.ndarray] = {}
        for o in outputs.table().values():
            if o.is_ratio:
                top, bottom = self._data[o.numerator][: self.filled], self._data[o.denominator][: self.filled]
                with np.errstate(divide="ignore", invalid="ignore"):
                    values = np.where(bottom > 0, top.astype(float) / bottom, np.nan).astype(np.float32)
            else:
                values = self._data[o.id][: self.filled]
            if "city" in o.dims and "city_to" not in o.dims and values.dtype == np.float32 and not o.id.startswith("public_cost"):
                values = values.copy()
                values[:, self.cities:] = np.nan
            found[o.id] = values
        return found
