"""Phase 1. Governments act: budgets by a revenue rule, then levers take their value for the date.

Revenue rule: a city's science budget grows with the city's output, B(t) = B(2020) * Y(t) / Y(2020). It is paid at the
beginning of the quarter from the city's tax base (outside the books) less the profit tax already received; what is left
beyond it returns to the general budget.

With ``financing = "reallocated"`` what a payer spent on levers last quarter is taken from its other programmes of this
quarter: from a city's grants and core funding in proportion, and for jurisdictions and the nation from the core funding
that institutes receive from above, city by city in proportion to it. With ``additional`` money nothing is taken.
"""

from __future__ import annotations

import numpy as np

from greaterbay.policy import instruments
from greaterbay.policy.events import apply_events
from greaterbay.policy.levers import charge_running_costs


def set_budgets(bay) -> None:
    """Every government sets its science budget (fixed order), revenue comes in, the books of levers open."""
    bay.government_agents.do("set_budget")
    cities = np.arange(bay.public_money.government_cash.size)
    reallocate(bay)
    due = np.maximum(0.0, bay.public_money.science_budget_now / 4.0 - bay.public_money.cut_city) + bay.public_money.grant_left
    surplus = np.maximum(0.0, bay.public_money.government_cash - due)  # goes back to the general budget, outside the books
    bay.ledger.pay("general_budget", "government", cities, "outside", cities, surplus)
    bay.public_money.government_cash -= surplus
    revenue = np.maximum(0.0, due - bay.public_money.government_cash)
    bay.ledger.pay("revenue", "outside", cities, "government", cities, revenue)
    bay.public_money.government_cash += revenue
    bay.budgets.open_quarter()


def reallocate(bay) -> None:
    """Money of other programmes that levers took last quarter, by city (C,): from the city's own, and from above."""
    if bay.scenario.financing != "reallocated" or bay.warming:
        return
    budgets, region = bay.budgets, bay.region
    cities, spent = budgets.cities, budgets.used.sum(axis=1)
    core = np.bincount(bay.institutes.city, weights=bay.institutes.budget, minlength=cities)
    jurisdiction = np.bincount(region.jurisdiction_city, weights=core, minlength=len(region.jurisdiction_ids))[region.jurisdiction_city]
    bay.public_money.cut_city[:] = spent[:cities]
    bay.public_money.cut_above[:] = (spent[cities:-1][region.jurisdiction_city] * core / np.maximum(jurisdiction, 1e-300)
                        + spent[-1] * core / max(core.sum(), 1e-300))


def extend_budgets(bay) -> None:
    """A path of public money above the revenue rule: B(t) G(t), with G growing by ``money_growth`` a year while it is in force.

    The added part goes to firms (``grant_share``, with the other grants) and to the city's institutes in proportion.
    """
    growth = bay.values.money_growth
    bay.public_money.extra_budget[:] = 0.0
    bay.public_money.money_path = np.where(growth > 0.0, bay.public_money.money_path * (1.0 + growth / 4.0), 1.0)
    if not growth.any():
        return
    cities, institutes, share = np.arange(growth.size), bay.institutes, bay.parameters.finance.grant_share
    paid, payers = bay.budgets.transfer("money_growth", bay.public_money.science_budget_now / 4.0 * (bay.public_money.money_path - 1.0))
    for place, part in payers:
        bay.ledger.pay("budget_path", "government", place, "government", cities, paid * part)
    core = np.bincount(institutes.city, weights=institutes.budget, minlength=growth.size)
    to_institutes = paid * (1.0 - share) * (core > 0.0)
    bay.public_money.extra_budget[:] = paid
    bay.public_money.government_cash += paid - to_institutes
    bay.ledger.pay("core_funding", "government", cities, "institute", cities, to_institutes)
    added = to_institutes[institutes.city] * institutes.budget / np.maximum(core, 1e-300)[institutes.city]
    institutes.cash += added
    institutes.grant_cash += added


def set_levers(bay) -> None:
    """Dated events, then levers, then the running costs of levers in force; calls open with what is paid."""
    apply_events(bay)
    bay.values.refresh()
    instruments.open_quarter(bay)
    extend_budgets(bay)
    charge_running_costs(bay)
