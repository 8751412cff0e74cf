"""The paired effect of one policy on one outcome, with its verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from greaterbay.comparison import effects, values
from greaterbay.comparison.values import ALL
from greaterbay.digits import plain

HIGHER, LOWER, SAME = "higher", "lower", "no difference"
UNCLEAR, ALONE = "do not report a direction", "one pair: nothing can be said about certainty"


@dataclass(frozen=True)
class Effect:
    """Paired effect of one policy on one outcome of a group of cities at a horizon.

    ``mean`` with its Monte Carlo ``error`` and intervals is the mean effect; ``across_*`` the effect across parameters (equal to
    the mean effect's interval where parameters are held fixed); ``future_*`` the predictive interval. ``relative*`` is the
    mean effect over the reference. ``ratio*`` is the measured variance ratio of pairing, ``replaced`` the number of runs
    a scenario would have needed without it. ``share_parameters*`` is the part of the differences' variance that lies between
    posterior draws. ``p_holm`` is adjusted over policies x outcomes at the horizon (whole region).
    """

    policy: str
    outcome: str
    horizon: int
    group: str
    pairs: int
    draws: int
    reference: float
    value: float
    mean: float
    error: float | None
    low50: float | None
    high50: float | None
    low90: float | None
    high90: float | None
    across_low50: float | None
    across_high50: float | None
    across_low90: float | None
    across_high90: float | None
    future_low50: float | None
    future_high50: float | None
    future_low90: float | None
    future_high90: float | None
    relative: float | None
    relative_low: float | None
    relative_high: float | None
    better: float | None
    p: float | None
    p_holm: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    replaced: int | None
    share_parameters: float | None
    share_low: float | None
    share_high: float | None
    thin: bool
    verdict: str


def known(value: float) -> float | None:
    """The number, or None for what is not one (JSON has no name for it)."""
    return plain(float(value))


def effect_of(
    policy_values: np.ndarray,
    reference: np.ndarray,
    draw: np.ndarray | None,
    *,
    policy: str = "",
    outcome: str = "",
    horizon: int = 0,
    group: str = ALL,
    thin: bool = False,
) -> Effect | None:
    """The paired effect of values over values, both (pair,); pairs with an undefined value are left out, None if none is left."""
    defined = np.isfinite(policy_values) & np.isfinite(reference)
    a, b = policy_values[defined], reference[defined]
    if not a.size:
        return None
    draw = None if draw is None else draw[defined]
    difference = a - b
    units = effects.by_draw(difference, draw)
    mean = [effects.mean_interval(units, share) for share in (effects.INNER, effects.OUTER)]
    across = [effects.across_interval(difference, draw, share) for share in (effects.INNER, effects.OUTER)]
    future = [effects.predictive_interval(difference, share) for share in (effects.INNER, effects.OUTER)]
    relative = effects.relative_effect(a, b) or (None, None, None)
    ratio = effects.variance_ratio(a, b)
    split = effects.variance_split(difference, draw)
    chance = effects.chance_above(difference, draw)
    if outcome in values.LOWER_IS_BETTER:
        chance = 1.0 - chance
    if not difference.any():
        verdict = SAME
    elif across[1] is None:
        verdict = ALONE
    elif across[1].covers(0.0):
        verdict = UNCLEAR
    else:
        verdict = HIGHER if across[1].low > 0 else LOWER

    def bounds(pair: list) -> tuple[float | None, float | None, float | None, float | None]:
        (low50, high50), (low90, high90) = ((one.low, one.high) if one else (None, None) for one in pair)
        return low50, high50, low90, high90

    return Effect(
        policy,
        outcome,
        horizon,
        group,
        len(a),
        0 if draw is None else len(units),
        float(b.mean()),
        float(a.mean()),
        float(units.mean()),
        known(effects.mean_error(units)),
        *bounds(mean),
        *bounds(across),
        *bounds(future),
        *relative,
        known(chance),
        known(effects.p_value(units)),
        None,
        *((ratio[0], ratio[1].low, ratio[1].high) if ratio else (None, None, None)),
        round(len(a) * ratio[0]) if ratio else None,
        *((split.share, split.low, split.high) if split else (None, None, None)),
        thin,
        verdict,
    )
