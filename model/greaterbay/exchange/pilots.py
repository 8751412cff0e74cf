"""Phase 5, money for pilots: the developer's own, then patient capital in reach of its city, else the pilot waits."""

from __future__ import annotations

import numpy as np

from greaterbay.actors.fund import BANK
from greaterbay.actors.invention import PILOT, in_stages
from greaterbay.exchange import services
from greaterbay.kernels import jit
from greaterbay.measures import city_sales
from greaterbay.policy import instruments


def fund_pilots(bay, shown: np.ndarray | None = None, projects: np.ndarray | None = None) -> None:
    """Pilots take the developer's own money, or patient capital in reach of the city, or wait.

    ``shown`` (rows of the table, bool): results that a service chain shows to investors, before others and, with what is
    left, in other cities.
    """
    p, inventions, firms = bay.parameters.conversion, bay.inventions, bay.firms
    count, cities, quarter = bay.institutes.capacity, len(bay.region.city_ids), bay.quarter
    unfunded = in_stages(inventions, PILOT, PILOT, -1, projects)
    unfunded = unfunded[inventions.funded[unfunded] == 0]
    waiting = unfunded[inventions.developer[unfunded] >= count]
    if waiting.size:
        rank = bay.streams.uniforms("pilot_money", quarter, inventions.id[waiting])
        if shown is not None:
            rank = rank - shown[waiting]
        order = np.argsort(rank, kind="stable")
        waiting = waiting[order]
        firm = inventions.developer[waiting] - count
        alive = firms.alive[firm] == 1
        waiting, firm = waiting[alive], firm[alive]
        # cost per real firm of the developer: real inventions of the row over real firms of the row
        cost = p.pilot_cost * inventions.weight[waiting] / firms.weight[firm]
        reserve = firms.rd_paid[firm]
        aid, payer = instruments.offer(bay, "pilot", firm, cost)
        own = _spend_own(firms.cash, firm, cost - aid, reserve)
        inventions.funded[waiting[own]] = 1
        bay.ledger.pay("pilot", "firm", firms.city[firm[own]], "outside", firms.city[firm[own]],
                       ((cost - aid) * firms.weight[firm])[own])
        rest, rest_firm = waiting[~own], firm[~own]
        fresh = bay.mechanisms.patient_capital(bay)
        pool = np.where(fresh > 0.0, bay.capital.patient_left, 0.0) + fresh
        pool *= np.minimum(1.0, private_money(bay) / np.maximum(pool.sum(axis=1), 1e-12))[:, None]
        city = firms.city[rest_firm]
        need = (cost - aid)[~own] * firms.weight[rest_firm]
        got = _spend_pool(pool.sum(axis=0), city, need)
        chosen = rest[got]
        inventions.funded[chosen] = 1
        spent = np.bincount(city[got], weights=need[got], minlength=cities)
        total = np.maximum(pool.sum(axis=0), 1e-12)
        flow = pool * (spent / total)[None, :]
        left = pool - flow
        if shown is not None:
            also = ~got & shown[rest]
            more, paid = invest_elsewhere(bay, left, city[also], need[also])
            inventions.funded[rest[also][paid]] = 1
            got[np.flatnonzero(also)[paid]] = True
            flow = flow + more
            left = np.maximum(left, 0.0)
            left *= np.maximum(0.0, 1.0 - more.sum(axis=1) / np.maximum(left.sum(axis=1), 1e-12))[:, None]
        bay.capital.patient_left = np.minimum(left, 8.0 * fresh)  # set aside for two years at most
        invest_patient(bay, flow)
        bay.ledger.pay("pilot", "firm", city[got], "outside", city[got], need[got])
        if (payer >= 0).any():  # the award pays the rest of the pilot
            started = own.copy()
            started[np.flatnonzero(~own)[got]] = True
            instruments.settle(bay, firm[started], aid[started], payer[started])
            helped = np.flatnonzero(started & (aid > 0.0))
            np.add.at(firms.cash, firm[helped], -aid[helped])
            place = firms.city[firm[helped]]
            bay.ledger.pay("pilot", "firm", place, "outside", place, (aid * firms.weight[firm])[helped])
    still = unfunded[inventions.funded[unfunded] == 0]
    bay.tally.set("pilots_waiting", np.bincount(inventions.city[still], weights=inventions.weight[still], minlength=cities))


def every_pilot_runs(bay, shown: np.ndarray | None = None, projects: np.ndarray | None = None) -> None:
    """Off: a pilot with a developer begins at once and costs nothing."""
    inventions = bay.inventions
    pilots = in_stages(inventions, PILOT, PILOT, -1, projects)
    inventions.funded[pilots[inventions.developer[pilots] >= bay.institutes.capacity]] = 1


def no_patient_capital(bay) -> np.ndarray:
    """Off: funds give nothing to pilots (C, C)."""
    cities = len(bay.region.city_ids)
    return np.zeros((cities, cities))


def invest_elsewhere(bay, left: np.ndarray, city: np.ndarray, need: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pilots shown to investors of other cities: flow of money (C, C) and which of them are paid (bool).

    ``left`` (C, C) patient capital by city of the fund and the city it was meant for, ``city`` and ``need`` of the pilots.
    """
    cities = left.shape[0]
    through = np.clip(1.0 - bay.values.barrier_finance[:cities, :cities], 0.0, 1.0)
    wanted = np.bincount(city, weights=need, minlength=cities)
    offered = services.offers_elsewhere(np.maximum(left, 0.0).sum(axis=1), wanted, through)
    paid = _spend_pool(offered.sum(axis=0), city, need)
    spent = np.bincount(city[paid], weights=need[paid], minlength=cities)
    return offered * (spent / np.maximum(offered.sum(axis=0), 1e-12))[None, :], paid


def patient_capital(bay) -> np.ndarray:
    """Patient money for pilots from funds of one city to firms of another (C, C), million CNY this quarter."""
    p, cities = bay.parameters.conversion, len(bay.region.city_ids)
    patience = bay.values.fund_patience
    free = private_money(bay) * (p.patient_share * (1.0 + bay.parameters.finance.patience_gain * patience))
    minutes = bay.values.travel_minutes[:cities, :cities]
    barrier = bay.values.barrier_finance[:cities, :cities]
    need = city_sales(bay)
    split = np.exp(-minutes / p.reach_travel) * need[None, :]
    split /= np.maximum(split.sum(axis=1, keepdims=True), 1e-12)
    return free[:, None] * split * np.clip(1.0 - barrier, 0.0, 1.0)


def private_money(bay) -> np.ndarray:
    """Money of venture and guidance funds by city (C,), million CNY."""
    funds = bay.funds
    free = np.where(funds.kind == BANK, 0.0, np.maximum(funds.cash, 0.0))
    return np.bincount(funds.city, weights=free, minlength=len(bay.region.city_ids))


def invest_patient(bay, flow: np.ndarray) -> None:
    """Patient capital for pilots: venture and guidance funds of a city (row) pay firms of a city (column).

    ``flow`` (C, C) million CNY, at most what the funds of a city have; it is money at risk without a stake.
    """
    funds, cities = bay.funds, len(bay.region.city_ids)
    free = np.where(funds.kind == BANK, 0.0, np.maximum(funds.cash, 0.0))
    total = np.bincount(funds.city, weights=free, minlength=cities)
    paid = flow.sum(axis=1)
    funds.cash -= free / np.maximum(total[funds.city], 1e-300) * paid[funds.city]
    a, b = np.nonzero(flow > 0.0)
    bay.ledger.pay("patient", "fund", a, "firm", b, flow[a, b])
    bay.tally.flow("flow_capital_venture", a, b, flow[a, b])
    cross = bay.region.jurisdiction_city[a] != bay.region.jurisdiction_city[b]
    bay.tally.add("capital_border", b[cross], flow[a, b][cross])


@jit
def _spend_own(cash, firm, cost, reserve):
    done = np.zeros(firm.shape[0], np.bool_)
    for i in range(firm.shape[0]):
        if cash[firm[i]] - cost[i] >= reserve[i]:
            cash[firm[i]] -= cost[i]
            done[i] = True
    return done


@jit
def _spend_pool(pool, city, need):
    done = np.zeros(city.shape[0], np.bool_)
    left = pool.copy()
    for i in range(city.shape[0]):
        if left[city[i]] >= need[i]:
            left[city[i]] -= need[i]
            done[i] = True
    return done
