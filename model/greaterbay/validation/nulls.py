"""Null mechanisms: each mechanism is switched off in paired runs, and its declared final outcome has to tell.

Written before measuring: the outcome and its sign (``mechanisms.csv``); scale 0.05, baseline at central values, ten years from 2020,
outcome of the last two years; effect = 100 (with - without) / with; a mechanism passes when the effect has the declared sign by more
than three standard errors over pairs of one seed and replicate, else it fails: there is no warning between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from greaterbay import mechanisms, outputs
from greaterbay.validation.worlds import released

SCALE, YEARS, LAST = 0.05, 10, 8
ERRORS = 3.0  # standard errors on each side


def outcome(bay, name: str) -> float:
    """The bay's value of an output over the last two years: ratios from summed parts, indices as means over cities."""
    declared, arrays = outputs.get(name), bay.record.arrays()
    if declared.is_ratio:
        top, bottom = (np.nansum(arrays[part][-LAST:], dtype=float) for part in (declared.numerator, declared.denominator))
        return float(top / bottom)
    values = arrays[name][-LAST:].astype(float)
    return float(np.nansum(values) if declared.over_cities == "sum" else np.nanmean(values))


def played(seed: int, off: str | None = None):
    """A bay at the end of its ten years, with one mechanism off."""
    forms = () if off is None else (f"mechanisms.{off}='off'",)
    bay = released(seed, scale=SCALE, years=YEARS, overrides=forms)
    bay.run_to_end()
    return bay


def measure(seed: int) -> dict[str, float]:
    """Effect of every mechanism on its outcome, in per cent of the outcome with it, with the declared sign."""
    whole, found = played(seed), {}
    for name, mechanism in mechanisms.table().items():
        without, with_it = outcome(played(seed, name), mechanism.outcome), outcome(whole, mechanism.outcome)
        found[f"null_{name}"] = mechanism.sign * 100.0 * (with_it - without) / abs(with_it)
    return found


def gather(found: Sequence[Mapping[str, float]]):
    """Means over pairs with three standard errors on each side."""
    from greaterbay.validation.checks import mean_interval

    return {name: mean_interval([one[name] for one in found], ERRORS) for name in found[0]}


def checks() -> dict:
    """One check for each mechanism."""
    from greaterbay.validation.checks import Check

    found = {}
    for name, m in mechanisms.table().items():
        label = outputs.get(m.outcome)
        direction, zh = ("more", "增加") if m.sign > 0 else ("less", "减少")
        found[f"null_{name}"] = Check(
            f"null_{name}", "null", "null", "run", f"{m.title}: {direction} {label.label} ({m.outcome}) with it than without, per cent",
            f"{m.title_zh}:有之则{label.label_zh}({m.outcome}){zh}(%)", m.reference, 0.0, None, strict=True)
    return found
