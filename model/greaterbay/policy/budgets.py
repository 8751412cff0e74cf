"""Public money for levers: who pays, what it was for, and whether it was enough.

Payers (Q) are the cities, then the jurisdictions, then the nation. Each can spend a part of the science budgets under it
a year on levers, beyond those budgets themselves:

    room_q = room_share(level) * sum over its cities of the science budget / 4,
    room_share = economy.policy_room (city), jurisdiction_room, nation_room.

A city that is a jurisdiction of its own has one purse. The named value behind a service says which levers asked for it
and who bears which part (``Values.behind``); what needs more than there is is paid in part, and the unpaid share is
recorded. All amounts are million CNY a quarter. Jurisdictions pay from their seat, the nation from the rest of China.
"""

from __future__ import annotations

import numpy as np

from greaterbay.kernels import kernel
from greaterbay.policy import catalogue


class Budgets:
    """Room of each payer for levers in the present quarter (Q,), and what each lever used and wanted (Q, L)."""

    def __init__(self, bay):
        self._bay = bay
        region = bay.region
        cities, jurisdictions = len(region.city_ids), len(region.jurisdiction_ids)
        self.cities, self.payers = cities, cities + jurisdictions + 1
        alone = np.bincount(region.jurisdiction_city, minlength=jurisdictions)[region.jurisdiction_city] == 1
        everywhere = np.arange(cities)
        self.payer_of_city = {
            "city": everywhere, "jurisdiction": np.where(alone, everywhere, cities + region.jurisdiction_city),
            "nation": np.full(cities, self.payers - 1)}
        nation = region.place_ids.index("rest_of_china") if "rest_of_china" in region.place_ids else cities
        self.place_of_payer = np.concatenate((everywhere, bay.world.jurisdiction_seat, [nation])).astype(np.int64)
        self.payer_ids = [*region.city_ids, *(f"{name}_government" for name in region.jurisdiction_ids), "nation"]
        self.room = np.zeros(self.payers)
        self.used = np.zeros((self.payers, len(catalogue.levers())))
        self.wanted = np.zeros_like(self.used)

    def open_quarter(self) -> None:
        """A new quarter: room from the science budgets, nothing used."""
        p, cities, budget = self._bay.parameters.economy, self.cities, self._bay.public_money.science_budget_now / 4.0
        at = self._bay.region.jurisdiction_city
        self.room[:cities] = p.policy_room * budget
        self.room[cities:-1] = p.jurisdiction_room * np.bincount(at, weights=budget, minlength=self.payers - cities - 1)
        self.room[-1] = p.nation_room * budget.sum()
        self.used[:] = 0.0
        self.wanted[:] = 0.0

    # ---------------------------------------------------------------- who pays what

    def parts(self, service: str) -> np.ndarray:
        """Part of each city's cost of a service (a named value) that each payer bears (C, Q); the city itself where no lever asked."""
        found = np.zeros((self.cities, self.payers))
        total = np.zeros(self.cities)
        for one in self._bay.values.behind.get(service, ()):
            found += one.weight[:, None] * one.payers
            total += one.weight * (one.payers.sum(axis=1) > 0.0)
        own = total <= 0.0
        found[own, np.flatnonzero(own)] = 1.0
        return found / np.where(own, 1.0, total)[:, None]

    def affordable(self, service: str, cost: np.ndarray) -> np.ndarray:
        """How much of a cost by city (C,) each payer can bear now (C, Q): a payer that is short pays all its parts in proportion."""
        due = self.parts(service) * np.asarray(cost, float)[:, None]
        need = due.sum(axis=0)
        return due * np.minimum(1.0, np.maximum(self.room, 0.0) / np.maximum(need, 1e-300))

    def _draw(self, service: str, paid: np.ndarray, wanted: np.ndarray) -> None:
        """Money by city and payer (C, Q) comes from the tax base, and is written on the levers that asked for the service."""
        bay, place = self._bay, self.place_of_payer
        amount = paid.sum(axis=0)
        self.room -= amount
        due = self.parts(service) * np.asarray(wanted, float)[:, None]
        behind = [one for one in bay.values.behind.get(service, ()) if one.payers.any()]
        total = sum((one.weight for one in behind), np.zeros(self.cities))
        for one in behind:
            # within a city the levers of one named value share its cost by the size of their change
            share = (one.weight / np.where(total > 0.0, total, 1.0))[:, None]
            self.used[:, one.lever] += (share * paid).sum(axis=0)
            self.wanted[:, one.lever] += (share * due).sum(axis=0)
        bay.ledger.pay("revenue", "outside", place, "government", place, amount)

    def _pay_out(self, paid: np.ndarray) -> None:
        city, payer = np.nonzero(paid > 0.0)
        self._bay.ledger.pay("lever", "government", self.place_of_payer[payer], "outside", city, paid[city, payer])

    # ---------------------------------------------------------------- ways to pay

    def pay_by_city(self, service: str, cost: np.ndarray, wanted: np.ndarray | None = None) -> np.ndarray:
        """Pay a service by city (C,); return the share of each city's cost that was paid (1 where nothing was asked).

        ``wanted`` is what the lever as set would cost, where it was cut down before.
        """
        paid = self.affordable(service, cost)
        self._draw(service, paid, cost if wanted is None else wanted)
        self._pay_out(paid)
        return np.where(cost > 0.0, paid.sum(axis=1) / np.maximum(cost, 1e-300), 1.0)

    def pay_for_service(self, service: str, city: np.ndarray, cost: np.ndarray, identity: np.ndarray) -> np.ndarray:
        """Pay single services in the order of identity while every payer of their city has room; return who was paid (bool)."""
        done = np.zeros(city.size, bool)
        parts = self.parts(service)
        _serve(np.argsort(identity, kind="stable"), city.astype(np.int64), cost, parts, np.maximum(self.room, 0.0), done)
        amount = np.bincount(city[done], weights=cost[done], minlength=self.cities)
        paid = amount[:, None] * parts
        self._draw(service, paid, np.bincount(city, weights=cost, minlength=self.cities))
        self._pay_out(paid)
        return done

    def spend(self, service: str, amount: np.ndarray, wanted: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Take money by city (C,), at most what is affordable; the caller books the payments to recipients.

        Returns pairs of arrays (C,): the place that pays, and the part of the city's amount that comes from it.
        """
        split = self.affordable(service, wanted)
        split = split / np.maximum(split.sum(axis=1, keepdims=True), 1e-300)
        paid = split * np.asarray(amount, float)[:, None]
        self._draw(service, paid, wanted)
        found = []
        for payer in self.payer_of_city.values():
            part = split[np.arange(self.cities), payer]
            split[np.arange(self.cities), payer] = 0.0  # a city that is its own jurisdiction is counted once
            if part.any():
                found.append((self.place_of_payer[payer], part))
        return found

    def transfer(self, service: str, wanted: np.ndarray) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
        """As ``spend``, as much as there is; returns what there was by city and who paid it."""
        paid = self.affordable(service, wanted).sum(axis=1)
        return paid, self.spend(service, paid, wanted)

    # ---------------------------------------------------------------- awards of instruments

    def _charge(self, lever: int, paid: np.ndarray, wanted: np.ndarray) -> None:
        """Money by payer (Q,) for one lever comes from the tax base; what was wanted is remembered."""
        self.room -= paid
        self.used[:, lever] += paid
        self.wanted[:, lever] += wanted
        self._bay.ledger.pay("revenue", "outside", self.place_of_payer, "government", self.place_of_payer, paid)

    def could_pay(self, parts: np.ndarray, city: np.ndarray, cost: np.ndarray, room: np.ndarray) -> np.ndarray:
        """Which sums would be paid in this order from ``room`` (Q,), which is used up; ``parts`` (C, Q) of the payers."""
        done = np.zeros(city.size, bool)
        _serve(np.arange(city.size), city, np.ascontiguousarray(cost, float), parts, room, done)
        return done

    def pay_awards(self, lever: int, parts: np.ndarray, city: np.ndarray, cost: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Pay single sums in order while all payers have room; the caller books them to recipients. Returns who was paid."""
        done = np.zeros(city.size, bool)
        _serve(order, city, np.ascontiguousarray(cost, float), parts, np.maximum(self.room, 0.0), done)
        amount = np.bincount(city[done], weights=cost[done], minlength=self.cities)
        self._charge(lever, amount @ parts, np.bincount(city, weights=cost, minlength=self.cities) @ parts)
        return done

    def pay_commitments(self, lever: int, parts: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Pay sums by city (C,) as far as there is room: a payer that is short pays all its parts in proportion."""
        due = wanted[:, None] * parts
        need = due.sum(axis=0)
        share = np.minimum(1.0, np.maximum(self.room, 0.0) / np.maximum(need, 1e-300))
        paid = wanted * np.where(parts > 0.0, share[None, :], 1.0).min(axis=1)
        self._charge(lever, paid @ parts, need)
        return paid

    def close_quarter(self) -> None:
        """Record public cost by payer and lever."""
        bay, tally = self._bay, self._bay.tally
        cost = np.bincount(self.place_of_payer, weights=self.used.sum(axis=1), minlength=len(bay.region.place_ids))
        quarters = bay.quarter - bay.start
        tally.set("public_cost", cost)
        tally.set("public_cost_present", cost * np.exp(-bay.parameters.economy.discount_rate * quarters))
        tally.set("public_cost_lever", self.used)
        wanted = self.wanted.sum(axis=0)
        tally.set("lever_short", np.where(wanted > 0.0, 1.0 - self.used.sum(axis=0) / np.maximum(wanted, 1e-300), 0.0))


@kernel
def _serve(order, city, cost, parts, room, done):
    """In order, a service is paid when all payers of its city have room for their part; ``room`` (Q,) is used up."""
    for k in order:
        c = city[k]
        fits = True
        for q in range(room.shape[0]):
            fits = fits and cost[k] * parts[c, q] <= room[q]
        if fits:
            done[k] = True
            for q in range(room.shape[0]):
                room[q] -= cost[k] * parts[c, q]
