"""A stand-in for the model in tests of the calibration: six parameters, sixteen noisy figures, milliseconds a run."""

from __future__ import annotations

import os
import signal

import numpy as np

from greaterbay.calibration.study import Free, Study, Target
from greaterbay.streams import identity_of, uniform

PARAMETERS = ("learning.alpha", "learning.reach", "invention.partner", "mobility.look", "finance.tax", "transfer.gain")
"""Real parameters, here only names; the last one moves nothing."""
FREE = tuple(Free(name, 0.0, 1.0, "linear", "assumption:learning.alpha", "stand-in", name, name) for name in PARAMETERS)
FIGURES, NOISE, TRUTH = 16, 0.05, (0.3, 0.7, 0.5, 0.2, 0.6, 0.5)
_LINEAR = np.random.default_rng(3).normal(size=(FIGURES, 5))
_SQUARE = 0.4 * np.random.default_rng(4).normal(size=(FIGURES, 5))


def mean_figures(unit: np.ndarray) -> np.ndarray:
    """Figures without noise (n, 16) at points (n, 6); the last parameter is ignored."""
    x = 2.0 * np.atleast_2d(unit)[:, :5] - 1.0
    return x @ _LINEAR.T + x**2 @ _SQUARE.T


def simulate(scenario, overrides, parameters, replicate) -> dict[str, float]:
    """One run; the noise depends on parameters and replicate."""
    unit = np.array([[parameters[name] for name in PARAMETERS]])
    noise = np.random.default_rng([replicate, *(int(1e6 * u) for u in unit[0])]).normal(size=FIGURES)
    values = mean_figures(unit)[0] + NOISE * noise
    values[-1] += 0.5  # an ordering that mostly holds
    return {f"f{k}": float(v) for k, v in enumerate(values)}


def target(k: int, point: float, **more) -> Target:
    given = {
        "tolerance": 0.03,
        "discrepancy": 0.04,
        "reason": "stand-in.",
        "group": f"g{k // 2}",
        "place": "bay" if k < 8 else "national",
        "relation": "=",
        "scale": "plain",
        "reference": "figure:gba_sars",
        "transfer": "none",
    } | more
    return Target(f"t{k}", f"f{k}", given.pop("reference"), given.pop("place"), given.pop("relation"), point, **given)


def study(**settings) -> Study:
    """A small study whose truth is TRUTH; the last figure is an ordering."""
    points = mean_figures(np.array([TRUTH]))[0]
    targets = [target(k, float(points[k])) for k in range(FIGURES - 1)] + [target(FIGURES - 1, 0.0, relation="holds", probability=0.95)]
    waves = {"per_parameter": 12, "twins": 12, "later": 40, "waves": 2, "cut": 3.0}
    posterior = {"walkers": 28, "steps": 240, "draws": 60, "confirmed": 12, "refits": 1}
    checks = {"truths": 6, "truth_steps": 100, "scale": 0.1, "scale_runs": 0}
    for table in (waves, posterior, checks):
        table.update({key: settings.pop(key) for key in list(settings) if key in table})
    return Study(
        "stand_in", "Stand-in", "study.toml", "baseline", 0.05, "2027-12-31", 7, {}, FREE, tuple(targets), waves, posterior, checks
    )


class Stops:
    """A simulator that is interrupted after some runs; counts its calls."""

    def __init__(self, after: int = 10**9) -> None:
        self.after, self.calls = after, 0

    def __call__(self, scenario, overrides, parameters, replicate):
        if self.calls >= self.after:
            raise KeyboardInterrupt
        self.calls += 1
        return simulate(scenario, overrides, parameters, replicate)


def dies(scenario, overrides, parameters, replicate):
    """A simulator whose worker is killed for one point, and that fails for another."""
    if replicate == 3:
        raise ValueError("this point breaks the model")
    if replicate == 5 and not os.path.exists(marker := os.environ["FAKE_STUDY_MARKER"]):
        open(marker, "w", encoding="utf-8").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return simulate(scenario, overrides, parameters, replicate)


def effect(scenario, overrides, parameters, replicate) -> dict[str, float]:
    """A stand-in for pairs of runs: an effect that one parameter reverses."""
    value = 5.0 - 8.0 * (parameters["learning.alpha"] > 0.6) + parameters["learning.reach"]
    return {"effect:conversions": value + 0.1 * float(uniform(np.uint64(1), identity_of("x", replicate), 0)), "level:conversions": 1.0}
