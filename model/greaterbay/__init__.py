"""greaterbay: an agent-based model of innovation in the Guangdong–Hong Kong–Macao Greater Bay Area.

``from greaterbay import Bay, load_scenario, run`` is enough for a notebook. The names are found when they
are first used, so that importing the package is instant and checking a scenario imports no model code.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greaterbay.bay import Bay
    from greaterbay.runner.ensemble import run
    from greaterbay.scenario.load import load_scenario

__version__ = "0.1.0"

NUMBERS = 2
"""Raised whenever the numbers of a run change for the same scenario and seed (tests/regression/numbers.toml); a posterior
belongs to the version that it was made with."""

__all__ = ["NUMBERS", "Bay", "__version__", "load_scenario", "run"]

_HOME_OF_NAME = {
    "Bay": "greaterbay.bay",
    "load_scenario": "greaterbay.scenario.load",
    "run": "greaterbay.runner.ensemble",
}


def __getattr__(name: str):
    try:
        module = _HOME_OF_NAME[name]
    except KeyError:
        raise AttributeError(f"module 'greaterbay' has no attribute {name!r}") from None
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
