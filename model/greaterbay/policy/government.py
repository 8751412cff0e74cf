"""Phase 1. Governments act: budgets by a revenue rule, then levers take their value for the date.

Revenue rule: a city's science budget grows with the city's output, B(t) = B(2020) * Y(t) / Y(2020). It is paid at the
beginning of the quarter from the city's tax base (outside the books) less the profit tax already received; what is left beyond it returns
to the general budget.
"""

from __future__ import annotations

import numpy as np

from greaterbay.policy.levers import charge_running_costs


def set_budgets(bay) -> None:
    """Every government sets its science budget (fixed order), revenue comes in, the books of levers open."""
    bay.government_agents.do("set_budget")
    bay.budgets.open_quarter()
    cities = np.arange(bay.government_cash.size)
    due = bay.science_budget_now / 4.0 + bay.grant_left
    surplus = np.maximum(0.0, bay.government_cash - due)  # goes back to the general budget, outside the books
    bay.ledger.pay("general_budget", "government", cities, "outside", cities, surplus)
    bay.government_cash -= surplus
    revenue = np.maximum(0.0, due - bay.government_cash)
    bay.ledger.pay("revenue", "outside", cities, "government", cities, revenue)
    bay.government_cash += revenue


def set_levers(bay) -> None:
    """Dated events, then levers, then the running costs of levers in force; calls open with what is paid."""
    bay.apply_events()
    bay.values.refresh()
    charge_running_costs(bay)
