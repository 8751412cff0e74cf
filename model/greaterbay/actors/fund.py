"""Funds: venture funds, one guidance fund and one technology desk of the banks per city."""

from __future__ import annotations

from greaterbay.actors.columns import Column, Table, view_type

VENTURE, GUIDANCE, BANK = 0, 1, 2
FUND_KINDS = ("venture", "guidance", "bank")

COLUMNS = (
    Column("id", "u8", 0, "-", "identity: (kind, city, ordinal)"),
    Column("alive", "i1", 0, "0/1", "in use"),
    Column("city", "i1", -1, "city", "seat"),
    Column("kind", "i1", 0, "kind", "venture, guidance or bank desk"),
    Column("capital", "f8", 0, "million CNY", "size of its first life; later lives grow with the economy"),
    Column("cash", "f8", 0, "million CNY", "money free to invest or lend"),
    Column("committed", "f8", 0, "million CNY", "money invested or lent and not yet returned"),
    Column("budget", "f8", 0, "million CNY", "money set aside for rounds and not yet called"),
    Column("field", "i1", 0, "field", "preferred field"),
    Column("early", "f4", 0.5, "0..1", "preference for early rounds"),
    Column("ends", "i4", 0, "quarter", "end of the present life"),
)
FundView = view_type("FundView", COLUMNS, __name__)


class Funds(Table):
    """Table of funds; see ``COLUMNS``."""

    def __init__(self, capacity: int):
        super().__init__(COLUMNS, FundView, capacity)
