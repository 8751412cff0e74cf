"""Inventions: results on their way from the laboratory to the market, and ties, the collaborations behind them."""

from __future__ import annotations

from greaterbay.actors.columns import Column, Table, view_type

STAGES = ("laboratory", "proof_of_concept", "pilot", "first_use", "market")
LABORATORY, PROOF, PILOT, FIRST_USE, MARKET, ABANDONED, LAPSED = range(7)

COLUMNS = (
    Column("id", "u8", 0, "-", "identity: (owner, quarter, ordinal)"),
    Column("alive", "i1", 0, "0/1", "in force"),
    Column("field", "i1", -1, "field", "field"),
    Column("city", "i1", -1, "city", "city of the owner at birth"),
    Column("owner", "i8", -1, "node", "owner (institute or firm node), -1 when the owner is gone"),
    Column("partner", "i8", -1, "node", "co-owner, -1 when none"),
    Column("share", "f4", 1, "share", "income share of the owner"),
    Column("developer", "i8", -1, "node", "firm that brings it to the market, -1 when none yet"),
    Column("weight", "f8", 0, "real inventions", "number of real inventions the row stands for"),
    Column("quality", "f4", 1, "relative", "value, Pareto-tailed"),
    Column("birth", "i4", -10_000, "quarter", "quarter of birth"),
    Column("stage", "i1", 0, "stage", "laboratory, proof of concept, pilot, first use, market"),
    Column("entered", "i4", -10_000, "quarter", "quarter in which the stage began"),
    Column("progress", "f4", 0, "0..1", "work done in the stage"),
    Column("served", "i1", 0, "0/1", "treated by a proof-of-concept centre"),
    Column("facility", "i1", 0, "0/1", "uses a shared facility this quarter"),
    Column("funded", "i1", 0, "0/1", "the pilot has its money"),
    Column("demonstrates", "i1", 0, "0/1", "chosen as a demonstration project"),
    Column("insured", "f8", 0, "million CNY", "insured loss of the row should first use fail"),
)
InventionView = view_type("InventionView", COLUMNS, __name__)

TIE_TYPES = ("firm_firm", "firm_institute", "institute_institute")
FIRM_FIRM, FIRM_INSTITUTE, INSTITUTE_INSTITUTE = 0, 1, 2

TIE_COLUMNS = (
    Column("alive", "i1", 0, "0/1", "in force"),
    Column("id", "u8", 0, "-", "identity of the pair"),
    Column("a", "i8", -1, "node", "first partner"),
    Column("b", "i8", -1, "node", "second partner"),
    Column("type", "i1", 0, "type", "firm-firm, firm-institute, institute-institute"),
    Column("start", "i4", -10_000, "quarter", "begin"),
    Column("end", "i4", -10_000, "quarter", "first quarter without the tie"),
    Column("weight", "f8", 0, "real ties", "weight of the thinned side"),
    Column("shared", "i1", 0, "0/1", "between members of one alliance who really use it: they give without return"),
    Column("explore", "i1", 0, "0/1", "exploratory project (basic and applied capabilities) or exploitation"),
)
TieView = view_type("TieView", TIE_COLUMNS, __name__)


class Inventions(Table):
    """Table of inventions in force; see ``COLUMNS``."""

    def __init__(self, capacity: int):
        super().__init__(COLUMNS, InventionView, capacity)


class Ties(Table):
    """Table of collaboration ties; see ``TIE_COLUMNS``."""

    def __init__(self, capacity: int):
        super().__init__(TIE_COLUMNS, TieView, capacity)
