"""Stop early: more replicates until every contrast is known well enough, from 32 pairs up to a maximum.

The rule is absolute (an outcome's unit), because a relative one never stops where there is no effect. It looks at widths
only, never at the effects themselves, so that intervals keep their coverage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from greaterbay import checked
from greaterbay.comparison import effects, values
from greaterbay.digits import digits
from greaterbay.runner.results import RunsError

FIRST, GROWTH = 32, 1.5


@dataclass(frozen=True)
class Precision:
    """Smallest effect worth telling apart from zero, in the output's unit."""

    outcome: str
    width: float

    def __post_init__(self) -> None:
        checked.number(f"the width of {self.outcome}", self.width, 0, above=True)

    @classmethod
    def read(cls, text: str) -> Precision:
        """``inventions=250``; anything else is refused with what is allowed."""
        name, sign, number = text.partition("=")
        try:
            width = float(number) if sign else 0.0
        except ValueError:
            width = 0.0
        if not np.isfinite(width) or width <= 0.0:
            raise RunsError(f"--until-precise {text!r}: not OUTCOME=WIDTH with a width above 0, as in 'inventions=250'")
        values.outcome(name.strip())
        return cls(name.strip(), width)


def half_width(differences: np.ndarray) -> float:
    """Half of the 90 % interval of a mean difference over independent pairs; infinite for fewer than two."""
    found = effects.mean_interval(differences, effects.OUTER)
    return np.inf if found is None else found.half


def steps(most: int) -> Iterator[int]:
    """Numbers of pairs at which the rule looks: 32, then half as many more each time, at last the maximum."""
    count = FIRST
    while count < most:
        yield count
        count = int(np.ceil(count * GROWTH))
    yield most


def run_until(most: int, widths: Callable[[int], dict[str, tuple[float, float]]], say: Callable[[str], None] = lambda text: None) -> int:
    """Ask ``widths(pairs)`` for (half width, wanted) of every contrast until all are narrow enough; returns the pairs used."""
    if most < FIRST:
        raise RunsError(f"--until-precise looks at {FIRST} pairs first; --replicates {most} is the maximum and must be at least that")
    used = most
    for count in steps(most):
        used = count
        wide = {name: pair for name, pair in widths(count).items() if not pair[0] <= pair[1]}
        if not wide:
            say(f"{count} pairs: every contrast is precise enough")
            break
        worst = max(wide, key=lambda name: wide[name][0] / wide[name][1])  # infinite where one pair says nothing of the width
        say(
            f"{count} pairs: {len(wide)} contrasts are too wide; the worst, {worst}: {digits(wide[worst][0], '.4g')}, "
            f"wanted {wide[worst][1]:.4g}"
            + ("; the maximum is reached" if count == most else "")
        )
    return used
