"""Phase 8, productivity and cost: what firms can use of their productivity, means by field and city, relative costs of cities."""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from greaterbay.kernels import kernel

Weighed = namedtuple("Weighed", ["alive", "field", "sales", "weight"])
def effective_productivity(bay) -> np.ndarray:
    """Log productivity less what the staff's skill cannot use (rows,)."""
    firms, p = bay.firms, bay.parameters.market
    skill = np.where(firms.staff > 0, firms.skill / np.maximum(firms.staff, 1e-12), 1.0)
    return firms.productivity + p.skill_limit * np.minimum(0.0, np.log(np.maximum(skill, 0.05)))


def productivity_by_city(bay) -> np.ndarray:
    """Sales-weighted effective productivity relative to the field's (C,); one where a city has no firm."""
    firms = bay.firms
    total, weighed = np.zeros((2, len(bay.region.city_ids)))
    level = np.exp(bay.economy.effective) / bay.reference.productivity_reference[firms.field] / bay.economy.frontier_field[firms.field]
    _add_weighed(firms.part(Weighed), firms.city, level, total, weighed)
    return np.where(total > 0, weighed / np.maximum(total, 1e-12), 1.0)


@kernel
def _add_weighed(firms, group, values, total, weighed):
    """Add sales, and values weighed by sales, to the firms' groups (cities or fields)."""
    for r in range(firms.alive.shape[0]):
        if firms.alive[r]:
            weight = firms.sales[r] * firms.weight[r]
            total[group[r]] += weight
            weighed[group[r]] += weight * values[r]


def mean_by_field(bay, values: np.ndarray) -> np.ndarray:
    """Sales-weighted mean of a firm column by field (F,)."""
    total, weighed = np.zeros((2, len(bay.region.field_ids)))
    _add_weighed(bay.firms.part(Weighed), bay.firms.field, values, total, weighed)
    return weighed / np.maximum(total, 1e-12)


def relative_cost(bay) -> np.ndarray:
    """Log of wages and rents of each city relative to the bay's mean (C,)."""
    weight = bay.reference.talent_start
    wage = np.log(bay.prices.wage_city / ((bay.prices.wage_city * weight).sum() / weight.sum()))
    rent = np.log(bay.prices.rent_city / ((bay.prices.rent_city * weight).sum() / weight.sum()))
    return 0.7 * wage + 0.3 * rent
