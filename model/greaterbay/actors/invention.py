"""Inventions: results on their way from the laboratory to the market, and ties, the collaborations behind them."""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from greaterbay.actors.columns import Table, columns, view_type
from greaterbay.kernels import kernel
from greaterbay.streams import combine

STAGES = ("laboratory", "proof_of_concept", "pilot", "first_use", "market")
LABORATORY, PROOF, PILOT, FIRST_USE, MARKET, ABANDONED, LAPSED = range(7)

COLUMNS = columns("inventions")
InventionView = view_type("InventionView", COLUMNS, __name__)
Projects = namedtuple("Projects", [
    "alive", "id", "city", "field", "stage", "entered", "developer", "funded", "served", "facility", "progress",
])

TIE_TYPES = ("firm_firm", "firm_institute", "institute_institute")
FIRM_FIRM, FIRM_INSTITUTE, INSTITUTE_INSTITUTE = 0, 1, 2

TIE_COLUMNS = columns("ties")
TieView = view_type("TieView", TIE_COLUMNS, __name__)


class Inventions(Table):
    """Table of inventions in force; see ``COLUMNS``."""

    def __init__(self, capacity: int):
        super().__init__(COLUMNS, InventionView, capacity)


class Ties(Table):
    """Table of collaboration ties; see ``TIE_COLUMNS``."""

    def __init__(self, capacity: int):
        super().__init__(TIE_COLUMNS, TieView, capacity)


@kernel
def invention_ids(maker_id, quarter, ordinal, out):
    """Identities of results (owner, quarter, ordinal), filled in ``out``."""
    for i in range(out.shape[0]):
        out[i] = combine(combine(maker_id[i], quarter), ordinal[i])


@kernel
def _under_way(alive, stage, out):
    n = 0
    for i in range(alive.shape[0]):
        # written always and counted when it belongs: no branch that cannot be foreseen
        out[n] = i
        n += (alive[i] != 0) & (stage[i] < MARKET)
    return n


@kernel
def _in_stages(inventions, first, last, developed, rows, out):
    n = 0
    for i in rows:
        out[n] = i
        n += ((first <= inventions.stage[i]) & (inventions.stage[i] <= last)
              & ((developed < 0) | ((inventions.developer[i] >= 0) == (developed == 1))))
    return n


def under_way(inventions) -> np.ndarray:
    """Rows of the results in force that are before the market, in order."""
    rows = np.empty(inventions.capacity + 1, np.int64)
    return rows[: _under_way(inventions.alive, inventions.stage, rows)]


def in_stages(inventions, first: int, last: int, developed: int = -1, projects: np.ndarray | None = None) -> np.ndarray:
    """Rows in the stages from ``first`` to ``last``, in order: with (1), without (0) or with and without (-1) a developer.

    ``projects`` are the rows of ``under_way``, when they are known.
    """
    projects = under_way(inventions) if projects is None else projects
    rows = np.empty(projects.size + 1, np.int64)
    return rows[: _in_stages(inventions.part(Projects), first, last, developed, projects, rows)]
