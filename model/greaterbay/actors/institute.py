"""Institutes: universities, laboratories and new-type research institutes, all of them at any scale.

Capacities that face thinned firms and people (posts, ties, inventions) are counted in simulated units:
a simulated invention or tie of an institute stands for ``1 / scale`` real ones.
"""

from __future__ import annotations

from greaterbay.actors.columns import Table, columns, view_type, with_widths

COLUMNS = columns("institutes")
InstituteView = view_type("InstituteView", COLUMNS, __name__)


class Institutes(Table):
    """Table of institutes; see ``COLUMNS``."""

    def __init__(self, capacity: int, fields: int, capabilities: int):
        super().__init__(with_widths(COLUMNS, field_weight=fields, capability=capabilities), InstituteView, capacity)
