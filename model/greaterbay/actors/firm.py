"""Firms: technology firms of eleven cities, twelve fields and three kinds.

One row stands for ``weight`` real firms; money and headcount in a row are those of one real firm.
"""

from __future__ import annotations

from greaterbay.actors.columns import Column, Table, view_type

KINDS = ("startup", "small", "leader")
STARTUP, SMALL, LEADER = 0, 1, 2
NEVER = -10_000  # a quarter long before any run

COLUMNS = (
    Column("id", "u8", 0, "-", "identity: (city, field, kind, ordinal) at the start, (city, field, quarter, ordinal) for entrants"),
    Column("alive", "i1", 0, "0/1", "in use"),
    Column("city", "i1", -1, "city", "city of research and development"),
    Column("production_city", "i1", -1, "city", "city of production"),
    Column("home", "i1", -1, "jurisdiction", "jurisdiction that recognised it as a technology firm"),
    Column("field", "i1", -1, "field", "industry"),
    Column("kind", "i1", -1, "kind", "start-up, small or leader"),
    Column("weight", "f8", 0, "real firms", "number of real firms the row stands for"),
    Column("chain", "f4", 0.5, "0..1", "position in the chain, upstream 0 to downstream 1"),
    Column("birth", "i4", NEVER, "quarter", "quarter of entry"),
    Column("sales", "f8", 0, "million CNY/quarter", "sales of one real firm"),
    Column("productivity", "f8", 0, "log", "log productivity relative to the field's mean at the start"),
    Column("rd_intensity", "f4", 0, "share of sales", "own research and development wanted"),
    Column("rd_paid", "f8", 0, "million CNY/quarter", "research and development of the quarter, own money"),
    Column("rd_granted", "f8", 0, "million CNY/quarter", "research and development of the quarter, grants used"),
    Column("grant_cash", "f8", 0, "million CNY", "grants received for use this quarter"),
    Column("grant_response", "f8", 0, "million CNY", "change of own research next quarter because of a grant"),
    Column("grants_before", "i2", 0, "count", "grants received so far"),
    Column("cash", "f8", 0, "million CNY", "money of one real firm"),
    Column("loan", "f8", 0, "million CNY", "bank debt of one real firm"),
    Column("arrears", "f8", 0, "million CNY", "unpaid bills of one real firm, owed to suppliers"),
    Column("data_quarters", "i4", 0, "quarters", "operating data accumulated (the credit record)"),
    Column("staff", "f8", 0, "persons", "weighted skilled employees of the row (all real firms it stands for)"),
    Column("skill", "f8", 0, "persons x skill", "weighted skill of the employees"),
    Column("heads", "i4", 0, "simulated persons", "simulated employees"),
    Column("posts", "f8", 0, "simulated persons", "posts wanted"),
    Column("vacancies", "i4", 0, "simulated persons", "open posts"),
    Column("absorptive", "f4", 0.5, "0..1", "absorptive capacity"),
    Column("in_park", "i1", 0, "0/1", "sits in a science park"),
    Column("incubated", "i1", 0, "0/1", "sits in an incubator or maker space"),
    Column("alliances", "u4", 0, "bit mask", "memberships in alliances"),
    Column("rounds", "i1", 0, "count", "venture rounds received"),
    Column("fund", "i2", -1, "fund", "lead investor"),
    Column("invested", "f8", 0, "million CNY", "venture money received and not yet exited, per real firm"),
    Column("invested_public", "f8", 0, "million CNY", "part of it from guidance funds"),
    Column("invested_quarter", "i4", NEVER, "quarter", "quarter of the first round"),
    Column("adopted", "u8", 0, "bit mask", "technologies in use"),
    Column("imports", "f4", 0, "0..1", "share of core technology bought from outside"),
    Column("degree", "f4", 0, "ties", "collaboration ties of one real firm"),
    Column("learned", "f8", 0, "level", "permanent learning from partners this quarter"),
    Column("learned_core", "f8", 0, "level", "part of it from partners in core cities"),
    Column("access", "f8", 0, "0..1", "effective capability in the own field, partners' access included"),
    Column("inventions", "i4", 0, "count", "inventions of the row this quarter (simulated)"),
    Column("capability", "f4", 0, "0..1", "capability levels relative to the outside frontier", 48),
    Column("past", "i8", -1, "node", "last partners and ties left by movers", 4),
)
FirmView = view_type("FirmView", COLUMNS, __name__)


class Firms(Table):
    """Table of firms; see ``COLUMNS``."""

    def __init__(self, capacity: int, capabilities: int):
        columns = tuple(
            Column(c.name, c.dtype, c.empty, c.unit, c.meaning, capabilities) if c.name == "capability" else c
            for c in COLUMNS
        )
        super().__init__(columns, FirmView, capacity)
