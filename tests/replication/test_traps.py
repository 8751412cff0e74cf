"""What a model of this kind gets wrong most easily, held to numbers in paired runs at scale 0.05."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from greaterbay.bay import Bay
from greaterbay.evidence.posteriors import CENTRAL
from greaterbay.scenario.load import load_scenario

START = "2021-01-01"
SEEDS = 3


@cache
def record(replicate: int, lever: str = "", value: float = 0.0, alpha: float | None = None) -> dict[str, np.ndarray]:
    """Outputs of a run to the end of 2024, with one lever from 2021 on or another speed of learning."""
    changes = ["run.scale=0.05", "run.end=2024-12-31", CENTRAL]
    if lever:
        changes += [f"levers.{lever}.value={value}", f"levers.{lever}.start={START}"]
    parameters = {} if alpha is None else {"learning.alpha": alpha}
    bay = Bay(scenario=load_scenario("baseline", overrides=changes), replicate=replicate, parameters=parameters)
    return bay.run_to_end().arrays()


def total(arrays: dict[str, np.ndarray], output: str, first: int = 4) -> float:
    """Sum over the bay's cities and all quarters from 2021 on."""
    return float(np.nansum(arrays[output][first:, :11]))


def test_more_learning_lowers_neither_inventions_nor_degree():
    for replicate in range(2):
        slow, fast = record(replicate, alpha=0.05), record(replicate, alpha=0.15)
        assert total(fast, "learning") > 1.5 * total(slow, "learning")  # the change is a change
        assert total(fast, "inventions") > 0.9 * total(slow, "inventions")
        assert fast["mean_degree"].mean() > 0.9 * slow["mean_degree"].mean()


@pytest.mark.parametrize(
    ("barrier", "own_flow"),
    [("technology_barrier", "ties_border"), ("talent_barrier", "talent_border"), ("finance_barrier", "capital_border")],
)
def test_each_barrier_alone_at_zero_raises_its_own_flow_and_conversions(barrier, own_flow):
    for output, least in ((own_flow, 1.3), ("conversions", 1.0)):
        with_barrier = np.array([total(record(k), output) for k in range(SEEDS)])
        without = np.array([total(record(k, barrier, 0.0), output) for k in range(SEEDS)])
        assert without.sum() > least * with_barrier.sum(), output
        # and not by one lucky pair: the mean difference is above two standard errors
        difference = without - with_barrier
        assert difference.mean() > 2.0 * difference.std(ddof=1) / np.sqrt(SEEDS), output


def test_a_platform_helps_cities_with_few_local_candidates_more():
    """Expected matches (sums of acceptance probabilities) rise by more, relatively, where few related firms are."""
    few = [7, 8, 10]  # Jiangmen, Zhaoqing, Macao
    many = [0, 1]  # Guangzhou, Shenzhen

    def matches(arrays, cities):
        return float(arrays["expected_ties"][4:, cities, :11].sum())

    gains = []
    for cities in (few, many):
        base = sum(matches(record(k), cities) for k in range(SEEDS))
        reached = sum(matches(record(k, "information_platform", 0.5), cities) for k in range(SEEDS))
        gains.append(reached / base - 1.0)
    assert gains[1] > 0.0
    assert gains[0] > 1.2 * gains[1]
