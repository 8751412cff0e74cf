"""Funds: venture funds, one guidance fund and one technology desk of the banks per city."""

from __future__ import annotations

import numpy as np

from greaterbay.actors.columns import Table, columns, view_type

VENTURE, GUIDANCE, BANK = 0, 1, 2
FUND_KINDS = ("venture", "guidance", "bank")

COLUMNS = columns("funds")
FundView = view_type("FundView", COLUMNS, __name__)


class Funds(Table):
    """Table of funds; see ``COLUMNS``."""

    def __init__(self, capacity: int):
        super().__init__(COLUMNS, FundView, capacity)


def row_of_fund(bay, kind: int) -> np.ndarray:
    """Row of each city's guidance fund or bank desk (C,)."""
    found = np.full(len(bay.region.city_ids), -1, np.int64)
    rows = np.flatnonzero(bay.funds.kind == kind)
    found[bay.funds.city[rows]] = rows
    return found
