"""The invariants of the books over a run in which every lever acts, and its budgets bind.

Every invariant of ``books.py`` is asked at the end of every quarter of a run with all levers of the catalogue at the plausible end
furthest from neutral; of two that may not be in force together the first one acts. Measured is the largest gap over what is allowed (a
gap without allowance counts as it is, and must be 0).
"""

from __future__ import annotations

import re

from greaterbay.books import INVARIANTS
from greaterbay.validation.worlds import play, released

QUARTERS, SCALE = 12, 0.02
BROKEN = 1e9
PROBE = ("probes.wave.field='quantum'", "probes.wave.city='hong_kong'", "probes.wave.start=2020-04-01")


def strengths() -> dict[str, float]:
    """Every lever at the plausible end furthest from its neutral value."""
    from greaterbay.policy import catalogue

    return {lever.id: max((lever.plausible_low, lever.plausible_high), key=lambda value, n=lever.neutral: abs(value - n))
            for lever in catalogue.levers().values()}


def all_together() -> dict[str, float]:
    """``strengths`` without levers that an earlier one excludes."""
    from greaterbay.policy import catalogue

    kept: dict[str, float] = {}
    levers = catalogue.levers()
    for name, value in strengths().items():
        if not any(name in levers[other].excludes or other in levers[name].excludes for other in kept):
            kept[name] = value
    return kept


def measure(seed: int) -> dict[str, float]:
    """Largest gap over allowance of every invariant; ``BROKEN`` for one that stopped the run."""
    worst = dict.fromkeys(INVARIANTS, 0.0)

    def watch(bay, phase):
        if phase != 10:
            return
        for name, function in INVARIANTS.items():
            gap, allowed = function(bay)
            worst[name] = max(worst[name], gap / allowed if allowed > 0.0 else gap)

    try:
        play(released(seed, scale=SCALE, levers=all_together(), overrides=PROBE), QUARTERS, watch)
    except (RuntimeError, ArithmeticError) as error:
        named = [name for name in INVARIANTS if re.search(rf"\b{name}\b", str(error))]
        for name in named or list(INVARIANTS):
            worst[name] = BROKEN
    return {f"books_{name}": value for name, value in worst.items()}


def gather(found: list[dict]):
    """The worst of all seeds: books have no sampling error."""
    from greaterbay.validation.checks import exactly

    return {name: exactly(max(one[name] for one in found)) for name in found[0]}
