"""Institutes: universities, laboratories and new-type research institutes, all of them at any scale.

Capacities that face thinned firms and people (posts, ties, inventions) are counted in simulated units:
a simulated invention or tie of an institute stands for ``1 / scale`` real ones.
"""

from __future__ import annotations

from greaterbay.actors.columns import Column, Table, view_type

COLUMNS = (
    Column("id", "u8", 0, "-", "identity: the name in the region table"),
    Column("alive", "i1", 0, "0/1", "in use"),
    Column("city", "i1", -1, "city", "city"),
    Column("researchers", "f8", 0, "persons", "researchers at the start"),
    Column("budget", "f8", 0, "million CNY/quarter", "core funding for research"),
    Column("rd_paid", "f8", 0, "million CNY/quarter", "research and development of the quarter"),
    Column("grant_cash", "f8", 0, "million CNY", "grants received for use this quarter"),
    Column("cash", "f8", 0, "million CNY", "money"),
    Column("staff", "f8", 0, "persons", "weighted employees"),
    Column("skill", "f8", 0, "persons x skill", "weighted skill of the employees"),
    Column("heads", "i4", 0, "simulated persons", "simulated employees"),
    Column("posts", "f8", 0, "simulated persons", "posts wanted"),
    Column("vacancies", "i4", 0, "simulated persons", "open posts"),
    Column("facility", "f8", 0, "project places", "shared-facility capacity"),
    Column("graduates", "f8", 0, "persons/year", "graduates"),
    Column("degree", "f4", 0, "ties", "collaboration ties, weighted"),
    Column("tie_places", "f8", 0, "simulated ties", "places for ties that may begin, not yet taken"),
    Column("alliances", "u4", 0, "bit mask", "memberships in alliances"),
    Column("access", "f8", 0, "0..1", "effective capability in its main field, partners' access included"),
    Column("inventions", "i4", 0, "count", "inventions of the quarter (simulated)"),
    Column("main_field", "i1", 0, "field", "field with the largest weight"),
    Column("field_weight", "f4", 0, "share", "fields of work, shares that sum to one", 12),
    Column("capability", "f4", 0, "0..1", "capability levels relative to the outside frontier", 48),
    Column("past", "i8", -1, "node", "last partners", 4),
)
InstituteView = view_type("InstituteView", COLUMNS, __name__)


class Institutes(Table):
    """Table of institutes; see ``COLUMNS``."""

    def __init__(self, capacity: int, fields: int, capabilities: int):
        widths = {"field_weight": fields, "capability": capabilities}
        columns = tuple(
            Column(c.name, c.dtype, c.empty, c.unit, c.meaning, widths.get(c.name, c.width)) for c in COLUMNS
        )
        super().__init__(columns, InstituteView, capacity)
