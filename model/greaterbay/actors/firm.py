"""Firms: technology firms of eleven cities, twelve fields and three kinds.

One row stands for ``weight`` real firms; money and headcount in a row are those of one real firm.
"""

from __future__ import annotations

from greaterbay.actors.columns import Table, columns, view_type, with_widths

KINDS = ("startup", "small", "leader")
STARTUP, SMALL, LEADER = 0, 1, 2
NEVER = -10_000  # a quarter long before any run

COLUMNS = columns("firms")
FirmView = view_type("FirmView", COLUMNS, __name__)


class Firms(Table):
    """Table of firms; see ``COLUMNS``."""

    def __init__(self, capacity: int, capabilities: int):
        super().__init__(with_widths(COLUMNS, capability=capabilities), FirmView, capacity)
