"""Statistical regularities in a baseline run: sizes, growth, inventions, network (ranges in ``checks.csv``).

One run of ``QUARTERS`` quarters for each seed. Sizes: weighted Hill index of the largest 5 % of firms at the end. Growth: yearly log growth
of sales of firms that live through both years, centred by year. Its shape is the exponent of a Subbotin (exponential power) density fitted
by maximum likelihood on growth over its spread at the firm's size (1 Laplace, 2 normal); its spread falls with size as S**-b, by
regression of the log of mean absolute growth in twenty size classes. Inventions: variance over mean of yearly counts by simulated firm;
Hill index of the value of inventions, largest 5 %. Network: transitivity and mean path of the largest component against rewirings that
keep every degree. Cities: slope of log inventions on log population over the mainland's cities, as the chance that it is above one.
"""

from __future__ import annotations

import numpy as np

from greaterbay.books import hill
from greaterbay.validation.networks import compressed, path_length, shuffled, transitivity
from greaterbay.validation.worlds import play, released, total

QUARTERS, SCALE, REWIRINGS = 32, 0.05, 3


def subbotin_shape(values: np.ndarray) -> float:
    """Exponent of the exponential power density exp(-|x / a|**b), by maximum likelihood; the scale a has a closed form."""
    from scipy.optimize import minimize_scalar
    from scipy.special import gammaln

    x = np.abs(values[values != 0.0])

    def loss(b: float) -> float:
        a = (b * np.mean(x**b)) ** (1.0 / b)
        return float(np.log(2.0 * a) + gammaln(1.0 + 1.0 / b) + 1.0 / b)

    return float(minimize_scalar(loss, bounds=(0.3, 3.0), method="bounded").x)


def size_slope(size: np.ndarray, growth: np.ndarray, classes: int = 20) -> float:
    """Slope of log mean absolute growth on log mean size over equal size classes."""
    order = np.argsort(size)
    parts = np.array_split(order, classes)
    x = np.log([size[part].mean() for part in parts])
    y = np.log([np.abs(growth[part]).mean() for part in parts])
    return float(np.polyfit(x, y, 1)[0])


def chance_above_one(x: np.ndarray, y: np.ndarray) -> float:
    """Chance that the slope of y on x is above one (Student's t of the least-squares slope)."""
    from scipy.special import stdtr

    slope, constant = np.polyfit(x, y, 1)
    left = y - slope * x - constant
    error = np.sqrt((left**2).sum() / (x.size - 2) / ((x - x.mean()) ** 2).sum())
    return float(stdtr(x.size - 2, (slope - 1.0) / error))


def measure(seed: int) -> dict[str, float]:
    """All regularities of one run."""
    sales: list[dict] = []
    made: list[np.ndarray] = []

    def watch(bay, phase):
        if phase != 10:
            return
        made.append(np.where(bay.firms.alive == 1, bay.firms.inventions, 0))
        if (bay.quarter - bay.start) % 4 == 3:
            rows = bay.firms.alive_rows()
            sales.append(dict(zip(bay.firms.id[rows].tolist(), bay.firms.sales[rows].tolist(), strict=True)))
            made_year.append((rows, np.sum([m[rows] for m in _same(made[-4:], bay.firms.capacity)], axis=0)))

    made_year: list[tuple] = []
    bay = play(released(seed, scale=SCALE, years=QUARTERS / 4), QUARTERS, watch)
    size, growth = [], []
    for before, after in zip(sales, sales[1:], strict=False):
        both = [i for i in before if i in after]
        one, two = np.array([before[i] for i in both]), np.array([after[i] for i in both])
        change = np.log(two / one)
        size.append(4.0 * one)
        growth.append(change - np.median(change))
    size, growth = np.concatenate(size), np.concatenate(growth)
    slope = size_slope(size, growth)
    dispersion = [float(n.var() / n.mean()) for _, n in made_year]
    rows = bay.firms.alive_rows()
    ties = bay.ties.alive_rows()
    ends = np.stack((bay.ties.a[ties], bay.ties.b[ties]), axis=1).astype(np.int64)
    n = bay.institutes.capacity + bay.firms.capacity
    network = compressed(ends, n)
    random = [compressed(shuffled(ends, 100 * seed + k), n) for k in range(REWIRINGS)]
    here = bay.region.jurisdiction_city == bay.region.jurisdiction_city[0]
    inventions = total(bay, "inventions")[here]
    valued = bay.inventions.alive_rows() if hasattr(bay.inventions, "alive_rows") else np.flatnonzero(bay.inventions.alive)
    return {
        "size_tail": hill(bay.firms.sales[rows], bay.firms.weight[rows], 0.05),
        "growth_shape": subbotin_shape(growth / (size / size.mean()) ** slope),
        "growth_size_slope": slope,
        "invention_dispersion": float(np.mean(dispersion)),
        "invention_value_tail": hill(bay.inventions.quality[valued].astype(float), bay.inventions.weight[valued], 0.05),
        "transitivity_ratio": transitivity(network) / float(np.mean([transitivity(r) for r in random])),
        "path_ratio": path_length(network) / float(np.mean([path_length(r) for r in random])),
        "invention_exponent": chance_above_one(np.log(bay.region.population_city[here]), np.log(inventions)),
    }


def _same(arrays: list[np.ndarray], size: int) -> list[np.ndarray]:
    """Counts of quarters before the table of firms grew, at its present length."""
    return [np.pad(a, (0, size - a.size)) for a in arrays]
