"""Columns: the numbers of every actor of one kind, one array per attribute.

A ``Table`` is declared by a tuple of ``Column`` rows, so state, unit and meaning stand in one place
(the ODD's state tables are held to them). Rows never move: an actor keeps its row for life, a freed row
is used again by an entrant, whose identity is new.
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass

import numpy as np

from greaterbay.kernels import lean


@dataclass(frozen=True)
class Column:
    """One attribute of an actor: ``name``, NumPy ``dtype``, value of an empty row, unit, meaning, width."""

    name: str
    dtype: str
    empty: float
    unit: str
    meaning: str
    width: int = 0


@lean
def _free_rows(alive, rows):
    """Fill ``rows`` with the first rows not in use; return how many were found."""
    n = 0
    for i in range(alive.shape[0]):
        if n == rows.shape[0]:
            break
        rows[n] = i  # written always and counted when it is free: no branch that cannot be foreseen
        n += alive[i] == 0
    return n


class Table:
    """Arrays of one kind of actor.

    ``table.view`` is a named tuple of all arrays (what kernels receive); ``table.name`` gives one of them.
    Arrays have shape ``(capacity,)`` or ``(capacity, width)``.
    """

    def __init__(self, columns: tuple[Column, ...], view_type, capacity: int):
        self.columns = columns
        self._view_type = view_type
        self.arrays: dict[str, np.ndarray] = {}
        self.capacity = 0
        self._alive_then, self._alive_rows = None, np.zeros(0, np.int64)
        self.grow(capacity)

    def part(self, kind):
        """Some of the arrays as the named tuple ``kind``: a kernel gets the columns it reads, which keeps it quick to compile."""
        found = self._parts.get(kind)
        if found is None:
            found = self._parts[kind] = kind(*(self.arrays[name] for name in kind._fields))
        return found

    def grow(self, capacity: int) -> None:
        """Make room for ``capacity`` rows; existing rows keep their place."""
        for column in self.columns:
            shape = (capacity, column.width) if column.width else (capacity,)
            array = np.full(shape, column.empty, dtype=column.dtype)
            if column.name in self.arrays:
                array[: self.capacity] = self.arrays[column.name]
            self.arrays[column.name] = array
        self._name_arrays(capacity)

    def _name_arrays(self, capacity: int) -> None:
        """Every array is an attribute of the table too: plain attributes are read many thousand times in a run."""
        self.capacity = capacity
        self.view = self._view_type(**self.arrays)
        self._parts: dict[type, tuple] = {}
        self.__dict__.update(self.arrays)

    def clear(self, rows: np.ndarray) -> None:
        """Give rows back: every column to its empty value."""
        if rows.size == 0:
            return
        for column in self.columns:
            self.arrays[column.name][rows] = column.empty

    def alive_rows(self) -> np.ndarray:
        """Rows in use, ascending (not to be written to); found anew only when ``alive`` has changed since the last time."""
        now = self.alive.tobytes()
        if now != self._alive_then:
            self._alive_then, self._alive_rows = now, np.flatnonzero(self.alive.view(bool))  # many times faster than on integers
        return self._alive_rows

    def free_rows(self, count: int) -> np.ndarray:
        """The first ``count`` rows not in use (column ``alive``), growing the table when needed."""
        rows = np.empty(count, np.int64)
        if _free_rows(self.alive, rows) < count:
            self.grow(int((self.capacity + count) * 1.5) + 16)
            _free_rows(self.alive, rows)
        return rows

    def state(self) -> dict[str, np.ndarray]:
        """Copies of all arrays."""
        return {name: array.copy() for name, array in self.arrays.items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take the arrays of ``state`` (made by ``state``)."""
        self.arrays = {column.name: state[column.name].copy() for column in self.columns}
        self._name_arrays(len(next(iter(self.arrays.values()))))


@lean
def _add_rows(target, index, values):
    for i in range(index.shape[0]):
        for k in range(target.shape[1]):
            target[index[i], k] += values[i, k]


def add_rows(target: np.ndarray, index: np.ndarray, values: np.ndarray) -> None:
    """``target[index[i]] += values[i]`` in order, row by row (target (R, K), values (n, K))."""
    _add_rows(target, np.ascontiguousarray(index, np.int64), np.ascontiguousarray(values, float))


def sums_by_cell(city: np.ndarray, field: np.ndarray, values: np.ndarray, cities: int, fields: int) -> np.ndarray:
    """Sums of ``values`` by city and field (C, F)."""
    cell = city.astype(np.int64) * fields + field
    return np.bincount(cell, weights=values, minlength=cities * fields).reshape(cities, fields)


def view_type(name: str, columns: tuple[Column, ...], module: str):
    """Named tuple with one field per column; it must stand in a module so that kernels can be cached."""
    return namedtuple(name, [column.name for column in columns], module=module)
