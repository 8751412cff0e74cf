"""Numbers as tables, reports and commands print them: what is not known is a dash, an empty cell or null, never ``nan``.

Every writer of a table and every command forms its numbers here: ``digits`` for people, ``cell`` for CSV, ``plain`` for JSON.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

UNKNOWN = "–"


def known(value: Any) -> TypeGuard[float]:
    """Is there a number, and is it finite?"""
    return value is not None and math.isfinite(value)


def digits(value: Any, form: str = ".3g", unknown: str = UNKNOWN) -> str:
    """A number in a format, three digits where none is given; ``unknown`` where there is none."""
    return format(value, form) if known(value) else unknown


def cell(value: Any, form: str = "") -> Any:
    """A cell of a CSV table: numbers in a format, an empty cell for one that is not known, all else as it is."""
    if value is None or (_is_float(value) and not math.isfinite(value)):
        return ""
    return format(value, form) if form and _is_float(value) else value


def as_text(value: str) -> str:
    """A text in a CSV table: one that a spreadsheet would take for a formula, after blanks too, gets an apostrophe before it."""
    bare = value.lstrip(" ")
    return f"'{value}" if len(bare) > 1 and bare[0] in "=+-@\t\r\n" else value


def plain(value: Any) -> Any:
    """Plain values for JSON, those of NumPy too; a number that is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):  # an array or a number of NumPy
        return plain(value.tolist())
    return value if not isinstance(value, float) or math.isfinite(value) else None


def _is_float(value: Any) -> bool:
    return isinstance(value, float) or (hasattr(value, "dtype") and value.dtype.kind == "f")
