"""Measured effects of levers: the committed table ``calibration/lever_effects.csv``, made by ``greaterbay levers --measure``.

A cell that is not known is empty, and ``note`` says why.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

from greaterbay.locations import shipped_folder

FILE = "lever_effects.csv"
BELOW = "below detection"


def table_path() -> Path:
    """Where the table lies."""
    return shipped_folder("calibration") / FILE


@cache
def effects() -> dict[str, dict[str, str]]:
    """Lever id -> its line of the table (texts); empty where there is no table."""
    if not table_path().is_file():
        return {}
    with open(table_path(), encoding="utf-8", newline="") as file:
        return {row["lever"]: row for row in csv.DictReader(line for line in file if not line.startswith("#"))}
