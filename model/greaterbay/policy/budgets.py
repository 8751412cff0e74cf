"""Public money for levers: who pays, what it was for, and whether it was enough.

Each city can spend ``policy_room`` times its science budget a year on levers, beyond the science budget itself. A lever
that needs more is paid in part, and the unpaid share is recorded. All amounts are million CNY a quarter.
"""

from __future__ import annotations

import numpy as np

from greaterbay.policy import catalogue


class Budgets:
    """Room of each city for levers in the present quarter, and what each lever used (C, L)."""

    def __init__(self, bay):
        self._bay = bay
        self._at = {name: i for i, name in enumerate(catalogue.levers())}
        cities = len(bay.region.city_ids)
        self.room = np.zeros(cities)
        self.used = np.zeros((cities, len(self._at)))
        self.wanted = np.zeros((cities, len(self._at)))

    def open_quarter(self) -> None:
        """A new quarter: room from the science budget, nothing used."""
        bay = self._bay
        self.room = bay.parameters.economy.policy_room * bay.science_budget_now / 4.0
        self.used[:] = 0.0
        self.wanted[:] = 0.0

    def _draw(self, lever: str, amount: np.ndarray, wanted: np.ndarray) -> None:
        bay, at = self._bay, self._at[lever]
        cities = np.arange(self.room.size)
        self.room -= amount
        self.used[:, at] += amount
        self.wanted[:, at] += wanted
        bay.ledger.pay("revenue", "outside", cities, "government", cities, amount)
        bay.government_cash += amount

    def _pay_out(self, amount: np.ndarray) -> None:
        bay, cities = self._bay, np.arange(self.room.size)
        bay.ledger.pay("lever", "government", cities, "outside", cities, amount)
        bay.government_cash -= amount

    def pay_by_city(self, lever: str, cost: np.ndarray, wanted: np.ndarray | None = None) -> np.ndarray:
        """Pay a service by city (C,); return the share of each city's cost that was paid (1 where nothing was asked).

        ``wanted`` is what the lever as set would cost, where it was cut down before.
        """
        paid = np.minimum(cost, np.maximum(self.room, 0.0))
        self._draw(lever, paid, cost if wanted is None else wanted)
        self._pay_out(paid)
        return np.where(cost > 0.0, paid / np.maximum(cost, 1e-300), 1.0)

    def pay_for_service(self, lever: str, city: np.ndarray, cost: np.ndarray, identity: np.ndarray) -> np.ndarray:
        """Pay single services in the order of identity until a city's room is used up; return who was paid (bool)."""
        paid = np.zeros(city.size, bool)
        order = np.argsort(identity, kind="stable")
        for c in np.unique(city):
            mine = order[city[order] == c]
            paid[mine[np.cumsum(cost[mine]) <= self.room[c]]] = True
        n = self.room.size
        amount = np.bincount(city[paid], weights=cost[paid], minlength=n)
        self._draw(lever, amount, np.bincount(city, weights=cost, minlength=n))
        self._pay_out(amount)
        return paid

    def spend(self, lever: str, amount: np.ndarray, wanted: np.ndarray) -> None:
        """Take money that the caller pays on (the caller books the payments to recipients)."""
        self._draw(lever, amount, wanted)
        self._bay.government_cash -= amount

    def transfer(self, lever: str, wanted: np.ndarray) -> np.ndarray:
        """As ``spend``, up to the room; return what there was."""
        paid = np.minimum(wanted, np.maximum(self.room, 0.0))
        self.spend(lever, paid, wanted)
        return paid

    def close_quarter(self) -> None:
        """Record public cost by payer and lever."""
        tally = self._bay.tally
        cost = self.used.sum(axis=1)
        quarters = self._bay.quarter - self._bay.start
        tally.set("public_cost", cost)
        tally.set("public_cost_present", cost * np.exp(-self._bay.parameters.economy.discount_rate * quarters))
        tally.set("public_cost_lever", self.used)
        wanted = self.wanted.sum(axis=0)
        tally.set("lever_short", np.where(wanted > 0.0, 1.0 - self.used.sum(axis=0) / np.maximum(wanted, 1e-300), 0.0))
