"""Phase 9. Technologies spread.

Tracked technologies are two vintages for each field (when the last one is ``vintage_years`` old, the best invention that
reached the market since then becomes the next, so that it need not wait for an arrival where simulated ones are rare)
and the probes of a scenario. A firm for which a technology is useful
(relatedness above ``link``) hears of it with the hazard

    h = outside + visits + imitation * (share of its partners that use it)
          + city_imitation * (share of the users among related firms of its city)
          + chain_imitation * (share of the users among suppliers and customers in reach)

where suppliers and customers are the firms of related fields (``link``) one step up or down the chain (``CHAIN_STEPS``
steps from upstream to downstream) in all cities, weighted by exp(-minutes / reach) and the border like search for partners
(external and internal influence: Bass 1969, on the network instead of the whole population; visits are
``demonstration_visits`` a quarter to each demonstration project of the city and field, per possible user) and then adopts when

    horizon * gain * absorptive - cost(t) - risk_aversion * risk * (1 - cover) * (1 - bay's share) + peers + noise > 0

and the cost, a share of yearly sales that falls with the age of the technology, can be paid. Adoption raises log
productivity by gain * absorptive; the rest of the city's economy gains in proportion. Everybody reads the users of the
quarter's beginning. A probe starts with a fixed share of the launching city's firms, chosen by identity.
"""

from __future__ import annotations

import math
from collections import namedtuple
from functools import cache

import numpy as np

from greaterbay.actors.invention import MARKET
from greaterbay.clock import WARM_UP_QUARTERS
from greaterbay.exchange.services import demonstrated
from greaterbay.kernels import inlined, kernel
from greaterbay.policy import instruments
from greaterbay.streams import combine, identity_of, normal, uniform

VINTAGES = 2
CHAIN_STEPS = 5  # steps of the chain from upstream (position 0) to downstream (1)
Offer = namedtuple("Offer", [
    "slots", "fields", "ages", "identities", "gains", "costs", "risks", "start", "useful", "outside", "city_share", "chain_share",
    "bay_share", "aid_rate", "aid_left",
])
Technology = namedtuple("Technology", ["bit", "field", "launch", "gain", "name", "kind"])
Adopters = namedtuple("Adopters", [
    "alive", "id", "city", "field", "kind", "chain", "weight", "absorptive", "adopted", "sales", "cash", "rd_paid",
])
Keys = namedtuple("Keys", ["hear", "taste"])


@kernel
def hazard(outside, partner_share, city_share, chain_share, p):
    """Chance of hearing of a technology in a quarter (Bass-like, at most one)."""
    return min(1.0, outside + p.imitation * partner_share + p.city_imitation * city_share + p.chain_imitation * chain_share)


@inlined
def chain_step(position):
    """Step of the chain at a position in [0, 1]."""
    return min(CHAIN_STEPS - 1, int(position * CHAIN_STEPS))


@kernel
def worth(gain, absorptive, cost, aversion, risk, peers, p):
    """Economic test of adoption: expected gain over the horizon, cost, risk and peers (as shares of yearly sales)."""
    return p.horizon * gain * absorptive - cost - aversion * risk + p.peers * peers


@kernel
def spread(firms, adjacency, institutes, bits, identities, start, useful, outside, gains, costs, risks, cover, city_share, chain_share,
           bay_share, core_city, aid_rate, aid_left, keys, p, new, from_core):
    """First adoptions of the quarter: ``new`` (rows,) bit mask of technologies taken up.

    Technologies that are useful to the firms of a field f stand in ``useful[start[f]:start[f + 1]]``.
    Help with the cost that a firm can count on is ``aid_rate`` (rows,) of it, at most ``aid_left`` (rows,) million CNY.
    """
    for r in range(firms.alive.shape[0]):
        new[r] = 0
        if firms.alive[r] == 0:
            continue
        me, node = firms.id[r], institutes + r
        ties = adjacency.offset[node + 1] - adjacency.offset[node]
        around = numba_u64(0)  # technologies that some partner uses
        for e in range(adjacency.offset[node], adjacency.offset[node + 1]):
            j = adjacency.neighbour[e] - institutes
            if j >= 0:
                around |= firms.adopted[j]
        for k in range(start[firms.field[r]], start[firms.field[r] + 1]):
            t = useful[k]
            if gains[t] <= 0.0 or (firms.adopted[r] >> numba_u64(bits[t])) & numba_u64(1):
                continue
            users, core = 0, False
            met = (around >> numba_u64(bits[t])) & numba_u64(1)
            for e in range(adjacency.offset[node], adjacency.offset[node + 1] if met else 0):
                j = adjacency.neighbour[e] - institutes
                if j >= 0 and (firms.adopted[j] >> numba_u64(bits[t])) & numba_u64(1):
                    users += 1
                    core = core or core_city[firms.city[j]]
            partner_share = users / ties if ties > 0 else 0.0
            local = city_share[firms.city[r], t]
            chain = chain_share[firms.city[r], firms.field[r], chain_step(firms.chain[r]), t]
            h = hazard(outside[firms.city[r], t], partner_share, local, chain, p)
            price = costs[t] * 4.0 * firms.sales[r]
            aid = min(aid_rate[r] * price, aid_left[r])
            if not firms.cash[r] >= price - aid + firms.rd_paid[r]:  # who cannot pay need not be asked
                continue
            if uniform(keys.hear, combine(me, identities[t]), 0) >= h:
                continue
            aversion = p.risk_aversion * math.exp(0.5 * normal(keys.taste, combine(me, identities[t]), 0))
            appraisal = worth(gains[t], firms.absorptive[r], costs[t] - aid / (4.0 * firms.sales[r]), aversion,
                              risks[t] * (1.0 - cover[firms.city[r], firms.field[r], firms.kind[r]]) * (1.0 - bay_share[firms.city[r], t]),
                              0.5 * (partner_share + local), p)
            if appraisal + p.noise * normal(keys.taste, combine(me, identities[t]), 1) > 0.0:
                new[r] |= numba_u64(1) << numba_u64(bits[t])
                if core:
                    from_core[r] += 1


@kernel
def numba_u64(x):
    """A 64-bit mask operand."""
    return np.uint64(x)


def count_users(bay) -> tuple[np.ndarray, np.ndarray]:
    """Weighted users and possible users by city and technology (C, T) of real firms."""
    firms, region = bay.firms, bay.region
    cities = len(region.city_ids)
    field = np.array([-1 if t is None or t.launch > bay.quarter else t.field for t in bay.technologies.tracked], np.int64)
    users, possible = np.zeros((cities, field.size)), np.zeros((cities, field.size))
    _count_users(firms.part(Adopters), *listed(useful_to(bay, field) & (field >= 0)), users, possible)
    return users, possible


def useful_to(bay, fields: np.ndarray) -> np.ndarray:
    """Is a technology of a field of use to the firms of each field (F, T)?"""
    return bay.region.relatedness_field[:, fields] >= bay.parameters.diffusion.link


def listed(useful: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The technologies of use to each field, one field after the other: where each field's begin (F + 1,), and their numbers."""
    return np.concatenate(([0], np.cumsum(useful.sum(axis=1)))), np.ascontiguousarray(np.nonzero(useful)[1])


@kernel
def _count_users(firms, start, useful, users, possible):
    for r in range(firms.alive.shape[0]):
        if firms.alive[r] == 0:
            continue
        c, weight, f, adopted = firms.city[r], firms.weight[r], firms.field[r], firms.adopted[r]
        for k in range(start[f], start[f + 1]):
            t = useful[k]
            possible[c, t] += weight
            # adding nothing is quicker than a branch that cannot be foreseen
            users[c, t] += weight if (adopted >> numba_u64(t)) & numba_u64(1) else 0.0


@kernel
def _count_steps(firms, bits, useful, users, possible):
    for r in range(firms.alive.shape[0]):
        if firms.alive[r] == 0:
            continue
        c, f, b, weight, adopted = firms.city[r], firms.field[r], chain_step(firms.chain[r]), firms.weight[r], firms.adopted[r]
        for t in range(bits.shape[0]):
            if useful[f, t]:
                possible[c, f, b, t] += weight
                users[c, f, b, t] += weight if (adopted >> numba_u64(bits[t])) & numba_u64(1) else 0.0


def next_in_chain(counts: np.ndarray, near: np.ndarray, related: np.ndarray) -> np.ndarray:
    """Firms one step up or down the chain in reach of a firm (C, F, steps, T).

    ``counts`` (C, F, steps, T) firms by city, field, step and technology; ``near`` (C, C) weight of a city for another;
    ``related`` (F, F) fields that deliver to each other.
    """
    cities, fields = counts.shape[:2]
    seen = (near @ counts.reshape(cities, -1)).reshape(counts.shape)
    seen = np.matmul(related.astype(float), seen.reshape(cities, fields, -1)).reshape(counts.shape)
    out = np.zeros_like(seen)
    out[:, :, 1:] += seen[:, :, :-1]
    out[:, :, :-1] += seen[:, :, 1:]
    return out


def chain_shares(bay, bits: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """Share of users among suppliers and customers in reach, by city, field and step of the firm, and technology (C, F, steps, T)."""
    region, p, q = bay.region, bay.parameters.diffusion, bay.parameters.partnering
    cities, related = len(region.city_ids), region.relatedness_field >= p.link
    users = np.zeros((cities, related.shape[0], CHAIN_STEPS, bits.size))
    possible = np.zeros_like(users)
    if p.chain_imitation == 0.0:
        return users
    _count_steps(bay.firms.part(Adopters), bits, np.ascontiguousarray(related[:, fields]), users, possible)
    barrier = bay.values.barrier_technology[:cities, :cities]
    near = np.exp(-bay.values.travel_minutes[:cities, :cities] / q.candidate_travel - q.candidate_border * barrier)
    return next_in_chain(users, near, related) / np.maximum(next_in_chain(possible, near, related), 1e-12)


@cache
def technology_identity(name: str, launch: int) -> np.uint64:
    """Identity of a technology: its name and quarter of launch, whatever other technologies there are."""
    return identity_of("technology", name, launch)


def launch_vintages(bay) -> None:
    """The best invention that reached the market since the last launch becomes the next vintage of its field when it is due."""
    p, inventions, firms = bay.parameters.diffusion, bay.inventions, bay.firms
    arrived = None
    fields = len(bay.region.field_ids)
    for f in range(fields):
        slots = [f * VINTAGES + v for v in range(VINTAGES)]
        current = [bay.technologies.tracked[s] for s in slots]
        # launches of different fields are staggered, so that vintages do not turn over together
        first = bay.start - WARM_UP_QUARTERS + int(f * 4 * p.vintage_years / fields)
        newest = max((t.launch for t in current if t is not None), default=first - int(4 * p.vintage_years))
        if bay.quarter - newest < 4 * p.vintage_years:
            continue
        if arrived is None:
            arrived = np.flatnonzero((inventions.alive == 1) & (inventions.stage == MARKET)
                                     & (inventions.developer >= bay.institutes.capacity))
        mine = arrived[(inventions.field[arrived] == f) & (inventions.entered[arrived] > newest)]
        if mine.size == 0:
            continue
        best = mine[np.lexsort((inventions.id[mine], -inventions.quality[mine]))[0]]
        slot = slots[0] if current[0] is None else slots[1] if current[1] is None else min(
            slots, key=lambda s: bay.technologies.tracked[s].launch)
        mask = np.uint64(1) << np.uint64(slot)
        firms.adopted[:] &= ~mask
        bay.technologies.tracked[slot] = Technology(slot, f, bay.quarter, p.gain * bay.region.adoption_gain_field[f],
                                            bay.technologies.names[slot], "field")
        row = inventions.developer[best] - bay.institutes.capacity
        # one real firm starts it: of a row that stands for many the chance that a user of it is met
        pair = technology_identity(bay.technologies.names[slot], bay.quarter) ^ firms.id[row: row + 1]
        if bay.streams.uniforms("probe", 0, pair)[0] < 1.0 / firms.weight[row]:
            firms.adopted[row] |= mask


def launch_probes(bay) -> None:
    """A probe starts among a fixed share of the firms of its field in its city (at least one), by identity."""
    p, firms, region = bay.parameters.diffusion, bay.firms, bay.region
    for probe in bay.technologies.probes:
        if probe.launch != bay.quarter:
            continue
        rows = np.flatnonzero((firms.alive == 1) & (firms.city == probe.city)
                              & (region.relatedness_field[firms.field, probe.field] >= p.link) & (firms.field >= 0))
        if rows.size == 0:
            continue
        draw = bay.streams.uniforms("probe", 0, firms.id[rows] ^ technology_identity(probe.name, bay.quarter))
        # firms in keyed order until the share of real firms is reached (the one that crosses it is in)
        order = rows[np.argsort(draw, kind="stable")]
        reached = np.cumsum(firms.weight[order])
        chosen = order[: int(np.searchsorted(reached, p.seed_share * reached[-1])) + 1]
        bay.technologies.tracked[probe.slot] = Technology(probe.slot, probe.field, bay.quarter,
                                                  p.gain * region.adoption_gain_field[probe.field], probe.name, "probe")
        firms.adopted[chosen] |= np.uint64(1) << np.uint64(probe.slot)


def pay_adoption_aid(bay, new: np.ndarray, bits: np.ndarray, costs: np.ndarray, rate: np.ndarray, left: np.ndarray) -> None:
    """Awards for adoptions of the quarter; who counted on help that there was no money for adopts only if it can pay alone."""
    firms = bay.firms
    rows = np.flatnonzero(new)
    took = ((new[rows, None] >> bits.astype(np.uint64)) & np.uint64(1)) == 1
    price = (took * costs).sum(axis=1) * 4.0 * firms.sales[rows]
    aid, payer = instruments.offer(bay, "adoption", rows, price)
    counted_on = np.minimum(rate[rows] * price, left[rows])
    waits = (aid < counted_on * (1.0 - 1e-9)) & (firms.cash[rows] < price - aid)
    new[rows[waits]] = 0
    instruments.settle(bay, rows[~waits], aid[~waits], payer[~waits])


def offer_of(bay, slots: list[int], users: np.ndarray, possible: np.ndarray) -> Offer:
    """What firms know of the T technologies in these slots at the beginning of the quarter.

    ``slots`` (T,) bits of the adoption mask, ``fields`` (T,), ``ages`` (T,) quarters since launch, ``identities`` (T,) for keyed draws,
    ``gains`` (T,) log productivity, ``costs`` (T,) and ``risks`` (T,) shares of yearly sales; technologies of use to a field f are
    ``useful[start[f]:start[f + 1]]``; ``outside`` (C, T) chance of hearing from outside a quarter; ``city_share``, ``bay_share``
    (C, T) and ``chain_share`` (C, F, steps, T) shares of users; ``aid_rate``, ``aid_left`` (rows of firms,) public help with the cost,
    its share and its limit in million CNY.
    """
    p, region = bay.parameters.diffusion, bay.region
    bits = np.array(slots, np.int64)
    technology = [bay.technologies.tracked[t] for t in slots]
    fields = np.array([t.field for t in technology], np.int64)
    age = np.array([bay.quarter - t.launch for t in technology], float)
    costs = p.cost * region.adoption_gain_field[fields] * np.exp(-p.cost_fall * age)
    share = np.ascontiguousarray(users[:, slots] / np.maximum(possible[:, slots], 1e-12))
    outside = np.full(share.shape, p.outside)
    if bay.values.demonstration.any():
        # visitors of a demonstration project see its technology at work
        outside += p.demonstration_visits * demonstrated(bay)[:, fields] / np.maximum(possible[:, slots], 1e-12)
    identities = np.array([technology_identity(t.name, t.launch) for t in technology], np.uint64)
    return Offer(bits, fields, age, identities, np.array([t.gain for t in technology]), costs, np.full(bits.size, p.risk),
                 *listed(useful_to(bay, fields)), outside, share, bay.mechanisms.chain_imitation(bay, bits, fields),
                 experience(bay, users[:, slots], possible[:, slots]), *instruments.relief(bay, "adoption"))


def experience(bay, users: np.ndarray, possible: np.ndarray) -> np.ndarray:
    """Share of users among all firms in reach of a city (C, T): of the whole bay, unless the run is cut apart."""
    of_city = bay.world.side_city
    side = of_city[:, None] == np.arange(int(of_city.max()) + 1)[None, :]
    share = np.stack([users[at].sum(axis=0) / np.maximum(possible[at].sum(axis=0), 1e-12) for at in side.T])
    return np.ascontiguousarray(share[of_city])


def adopt(bay, offer: Offer) -> tuple[np.ndarray, np.ndarray]:
    """First adoptions by hazard and worth: bit masks of technologies taken up (rows of firms,), and how many of them by who
    has a partner in a core city that uses it (rows of firms,)."""
    firms = bay.firms
    keys = Keys(bay.streams.key("adopt", bay.quarter), bay.streams.key("adopt_risk", 0))
    new, from_core = np.zeros(firms.capacity, np.uint64), np.zeros(firms.capacity)
    spread(firms.part(Adopters), bay.network.adjacency, bay.institutes.capacity, offer.slots, offer.identities, offer.start, offer.useful,
           offer.outside, offer.gains, offer.costs, offer.risks, bay.values.first_use_cover_firm, offer.city_share, offer.chain_share,
           offer.bay_share, bay.region.core_city, offer.aid_rate, offer.aid_left, keys, bay.parameters.diffusion, new, from_core)
    return new, from_core


def nobody_adopts(bay, offer: Offer) -> tuple[np.ndarray, np.ndarray]:
    """Off: no firm takes up anything."""
    return np.zeros(bay.firms.capacity, np.uint64), np.zeros(bay.firms.capacity)


def no_chain(bay, bits: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """Off: nobody hears from suppliers or customers."""
    return np.zeros((len(bay.region.city_ids), len(bay.region.field_ids), CHAIN_STEPS, bits.size))


def no_vintages(bay) -> None:
    """Off: no vintage is launched any more; those in use stay."""


def take_up(bay, new: np.ndarray, from_core: np.ndarray, offer: Offer) -> None:
    """Who adopts pays, gains productivity and is booked."""
    firms = bay.firms
    rows = np.flatnonzero(new)
    took = ((new[rows, None] >> offer.slots.astype(np.uint64)) & np.uint64(1)) == 1
    count = took.sum(axis=1).astype(float)
    gain, cost = np.cumsum(took * offer.gains, axis=1)[:, -1], np.cumsum(took * offer.costs, axis=1)[:, -1]
    price = np.minimum(cost * 4.0 * firms.sales[rows], np.maximum(firms.cash[rows], 0.0))
    firms.adopted[rows] |= new[rows]
    firms.cash[rows] -= price
    city, weight = firms.city[rows].astype(np.int64), firms.weight[rows]
    bay.ledger.pay("adoption", "firm", city, "outside", city, price * weight)
    firms.productivity[rows] += gain * firms.absorptive[rows]
    gained = np.bincount(city, weights=gain * firms.absorptive[rows] * weight, minlength=len(bay.region.city_ids))
    bay.economy.adoption_gain_city += gained / np.maximum(bay.reference.firms_start, 1e-12)
    bay.tally.add("adoptions", city, count * weight)
    bay.tally.add("adoptions_from_core", city, from_core[rows] * weight)


def spread_technologies(bay) -> None:
    """Phase 9: launches, first adoptions, their costs and gains, and the books of diffusion."""
    bay.mechanisms.vintages(bay)
    launch_probes(bay)
    users, possible = count_users(bay)
    active = [t for t, technology in enumerate(bay.technologies.tracked) if technology is not None and technology.launch <= bay.quarter]
    if active:
        offer = offer_of(bay, active, users, possible)
        new, from_core = bay.mechanisms.adoption(bay, offer)
        if offer.aid_rate.any():
            pay_adoption_aid(bay, new, offer.slots, offer.costs, offer.aid_rate, offer.aid_left)
        take_up(bay, new, from_core, offer)
        users, possible = count_users(bay)
    bay.tally.set("adopters_technology", users)
    bay.tally.set("potential_technology", possible)
    bay.tally.set("adopters", users.sum(axis=1))
    bay.tally.set("potential_adopters", possible.sum(axis=1))
