"""Columns: the numbers of every actor of one kind, one array per attribute.

The columns of a ``Table`` are declared in ``state.csv``, so state, unit and meaning stand in one place. Rows never move: an
actor keeps its row for life, a freed row is used again by an entrant, whose identity is new.
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass, replace

import numpy as np

from greaterbay import state
from greaterbay.kernels import kernel


@dataclass(frozen=True)
class Column:
    """One attribute of an actor: ``name``, NumPy ``dtype``, value of an empty row, unit, meaning, width."""

    name: str
    dtype: str
    empty: float
    unit: str
    meaning: str
    width: int = 0


def columns(group: str) -> tuple[Column, ...]:
    """The columns of a table as ``state.csv`` declares them."""
    found = []
    for m in state.table()[group].values():
        empty = float(m.empty) if "." in m.empty else int(m.empty)
        found.append(Column(m.name, m.stored, empty, m.unit, m.meaning, int(m.shape.removeprefix("rows").lstrip(", ") or 0)))
    return tuple(found)


def with_widths(declared: tuple[Column, ...], **widths: int) -> tuple[Column, ...]:
    """Columns with the widths of a region, which may have other numbers of fields and capabilities."""
    return tuple(replace(column, width=widths.get(column.name, column.width)) for column in declared)


@kernel
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

    def __getattr__(self, name: str) -> np.ndarray:  # only asked for what is not there
        raise AttributeError(f"{type(self).__name__} has no column {name!r}; columns: {', '.join(self.__dict__.get('arrays', ()))}")

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

    def __getstate__(self) -> dict:
        return {"columns": self.columns, "_view_type": self._view_type, "arrays": self.arrays}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._alive_then, self._alive_rows = None, np.zeros(0, np.int64)
        self._name_arrays(len(next(iter(self.arrays.values()))))

    def state(self) -> dict[str, np.ndarray]:
        """Copies of all arrays."""
        return {name: array.copy() for name, array in self.arrays.items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take the arrays of ``state`` (made by ``state``)."""
        self.arrays = {column.name: state[column.name].copy() for column in self.columns}
        self._name_arrays(len(next(iter(self.arrays.values()))))


@kernel
def _sort_by_id(ids, rows, shift, start, key, out):
    for k in range(rows.shape[0]):
        start[(ids[rows[k]] >> shift) + np.uint64(1)] += 1
    for g in range(1, start.shape[0]):
        start[g] += start[g - 1]
    for k in range(rows.shape[0]):
        i = ids[rows[k]]
        at = start[i >> shift]
        start[i >> shift] += 1
        key[at], out[at] = i, rows[k]
    for k in range(1, rows.shape[0]):  # by insertion: no row is far from its place
        i, row, at = key[k], out[k], k
        while at > 0 and key[at - 1] > i:
            key[at], out[at] = key[at - 1], out[at - 1]
            at -= 1
        key[at], out[at] = i, row


def sorted_by_id(ids: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows in the order of identity. Identities are hashes, so their first bits put a row almost where it belongs."""
    bits, out = max(1, rows.size.bit_length()), np.empty(rows.size, np.int64)
    _sort_by_id(ids, rows, np.uint64(64 - bits), np.zeros((1 << bits) + 1, np.int64), np.empty(rows.size, np.uint64), out)
    return out


@kernel
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
