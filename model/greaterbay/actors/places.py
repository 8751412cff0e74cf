"""Hashed places: where an agent stands depends on its identity, not on a position in a list.

Firms of a city and field sit in a table with holes. Whoever searches draws a place and draws again on a
hole, so one entrant more or less leaves nearly everybody else's draws unchanged (common random numbers).

Nothing in it depends on the scale: places are a fixed multiple of the agents, whoever draws only holes takes the next place
in use, and an agent that stands for less than the others of its cell (a leader, which is never thinned) is passed over by
most draws, so that it is met as often as one real firm. A slot holds row + ROW * (chance to be passed over, in 1/1024).
"""

from __future__ import annotations

import numpy as np

from greaterbay.kernels import inlined, kernel
from greaterbay.streams import combine, uniform

TRIES = 8
ROW = 1 << 40  # rows are smaller
STEPS = 1024


@inlined
def draw_place(slot, start, size, cell, key, identity, number):
    """Row found at a drawn place of a cell; the next in use when ``TRIES`` draws met only holes; -1 in an empty cell."""
    n = size[cell]
    if n == 0:
        return -1
    place = 0
    for attempt in range(TRIES):
        draw = uniform(key, identity, number * TRIES + attempt) * n
        place = int(draw)
        found = slot[start[cell] + place]
        # what is left of the draw behind the place decides whether a leader is passed over
        if found >= 0 and (draw - place) * STEPS >= found // ROW:
            return found % ROW
    lone = -1
    for step in range(n):
        found = slot[start[cell] + (place + step) % n]
        if found >= 0 and found < ROW:
            return found
        if found >= 0 and lone < 0:
            lone = found % ROW
    return lone


@kernel
def _insert(slot, start, size, cell, row, identity):
    n = size[cell]
    position = np.int64(combine(identity, 977) % np.uint64(n))
    for _ in range(n):
        if slot[start[cell] + position] < 0:
            slot[start[cell] + position] = row
            return
        position = (position + 1) % n


@kernel
def _fill(slot, start, size, cells, rows, identities):
    for i in range(rows.shape[0]):
        _insert(slot, start, size, cells[i], rows[i], identities[i])


@kernel
def _fill_until(slot, start, size, used, full, cells, rows, identities, begin):
    """As ``_fill`` from ``begin`` on, until a cell is more than ``full``; return the first that was not placed."""
    for i in range(begin, rows.shape[0]):
        if used[cells[i]] + 1 > full * size[cells[i]]:
            return i
        used[cells[i]] += 1
        _insert(slot, start, size, cells[i], rows[i], identities[i])
    return rows.shape[0]


@kernel
def _remove(slot, start, size, cell, row):
    for position in range(start[cell], start[cell] + size[cell]):
        if slot[position] >= 0 and slot[position] % ROW == row:
            slot[position] = -1
            return


@kernel
def _remove_all(slot, start, size, used, cells, rows):
    for k in range(rows.shape[0]):
        used[cells[k]] -= 1
        _remove(slot, start, size, cells[k], rows[k])


class Places:
    """Places of rows in cells (for firms: cell = city * fields + field)."""

    MINIMUM = 8
    ROOM = 2.5  # places per agent when a table is made
    FULL = 0.7  # share in use at which a cell gets twice the places

    def __init__(self, cells: int):
        self.cells = cells
        self.used = np.zeros(cells, np.int64)

    def build(self, cells: np.ndarray, rows: np.ndarray, identities: np.ndarray, passed_over: np.ndarray | None = None) -> None:
        """Make the tables anew for these agents; they are placed in ascending order of identity.

        ``passed_over`` (n,) is the share of draws that do not take an agent.
        """
        self.used = np.bincount(cells, minlength=self.cells)
        self.size = np.maximum(self.MINIMUM, np.ceil(self.used * self.ROOM)).astype(np.int64)
        over = 0 if passed_over is None else np.rint(np.clip(passed_over, 0.0, 1.0 - 1.0 / STEPS) * STEPS).astype(np.int64)
        self._lay_out(cells, rows + ROW * over, identities)

    def _lay_out(self, cells, rows, identities) -> None:
        self.start = np.concatenate(([0], np.cumsum(self.size)[:-1])).astype(np.int64)
        self.slot = np.full(int(self.size.sum()), -1, np.int64)
        order = np.argsort(identities, kind="stable")
        _fill(self.slot, self.start, self.size, cells[order].astype(np.int64), rows[order].astype(np.int64), identities[order])

    def insert(self, cell: int, row: int, identity: np.uint64) -> None:
        """Seat one agent; a cell that gets full is doubled."""
        self.used[cell] += 1
        if self.used[cell] > self.FULL * self.size[cell]:
            self._double(cell)
        _insert(self.slot, self.start, self.size, cell, row, identity)

    def insert_all(self, cells: np.ndarray, rows: np.ndarray, identities: np.ndarray) -> None:
        """``insert`` one agent after the other."""
        placed = 0
        while placed < rows.size:
            placed = _fill_until(self.slot, self.start, self.size, self.used, self.FULL, cells, rows, identities, placed)
            if placed < rows.size:
                self._double(cells[placed])

    def remove_all(self, cells: np.ndarray, rows: np.ndarray) -> None:
        """``remove`` one agent after the other."""
        _remove_all(self.slot, self.start, self.size, self.used, cells, rows)

    def remove(self, cell: int, row: int) -> None:
        """Leave a hole where the agent sat."""
        self.used[cell] -= 1
        _remove(self.slot, self.start, self.size, cell, row)

    def _double(self, cell: int) -> None:
        begin, n = self.start[cell], self.size[cell]
        extra = np.full(n, -1, np.int64)
        # the old places stay where they are, so that a doubling moves nobody
        self.slot = np.concatenate((self.slot[: begin + n], extra, self.slot[begin + n:]))
        self.size[cell] = 2 * n
        self.start[cell + 1:] += n

    def state(self) -> dict[str, np.ndarray]:
        """Copies of the arrays."""
        return {"used": self.used.copy(), "size": self.size.copy(), "start": self.start.copy(), "slot": self.slot.copy()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take the arrays of ``state``."""
        for name, array in state.items():
            setattr(self, name, array.copy())


@kernel
def _drawn_rows(slot, start, size, cells, ids, key, parent):
    for i in range(cells.shape[0]):
        parent[i] = draw_place(slot, start, size, cells[i], key, ids[i], 60)


def draw_firms(bay, cells: np.ndarray, ids: np.ndarray, key) -> np.ndarray:
    """A firm (row) of each cell (city * F + field), by place; -1 where there is none."""
    out = np.empty(ids.size, np.int64)
    _drawn_rows(bay.places.slot, bay.places.start, bay.places.size, cells, ids, key, out)
    return out
