"""Where the files that ship with the project lie.

The folders ``scenarios`` and ``calibration`` stand at the top of a checkout and inside an installed
package under ``_shipped``. Nothing is ever written to them.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shipped_folder(name: str) -> Path:
    """Folder ``name`` (``scenarios`` or ``calibration``) of the checkout, or of the installed package."""
    checkout = PACKAGE.parent.parent
    if (checkout / "pyproject.toml").is_file():
        return checkout / name
    return PACKAGE / "_shipped" / name
