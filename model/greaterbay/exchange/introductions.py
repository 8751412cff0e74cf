"""Phase 3, who is introduced to whom: programmes that show an actor partners it would not have met.

A programme reaches an actor with the share that its named value says for the actor's city, field and kind. A reached
actor is shown ``introductions`` candidates; what follows is up to both sides, as with any candidate (``partnering``).
Where an organiser prepares the meeting, the loss by travel is smaller by ``platform_nearness`` (``PREPARED``); where
both belong to one body, they meet as members (``MEMBER``: ``organisation_weight``).

*Joint programmes*: who is qualified (an institute, or a firm with R&D of at least ``qualified_intensity`` of its sales)
sees state laboratories of other cities, borders or not.
*Carriers*: a start-up in an incubator sees incubated start-ups of other jurisdictions, the more related of two, as members.
*Consortia* (one for each field): qualified firms, institutes of the field and its users (leaders of a field that is
downstream of it) are members for good while the programme lasts; a membership is really used with the chance
``consortium_used``, then members meet, give without return, and lend each other what they can do.
*Other industries*: firms of the mainland see institutes beyond its customs border whose main field is not their own.
*Demand*: the need of a firm is the weakest capability of its field; of four institutes in reach it meets those that
are best at it.
*Application pull*: a firm bound to users sees leaders of the field downstream, as members.
*Bottlenecks*: with the share times the import dependence of its field, a firm sees a leader of its field, as a member,
and an institute of its field anywhere.

Members of a group are drawn on a ring: each stands at a keyed place, and a draw meets the next one. So one member more
or less changes only the draws that fall before it (common random numbers).
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.firm import LEADER

MEMBER, PREPARED = 3, 4  # how two met, as in ``partnering._candidates``
JOINT, CARRIER, CONSORTIUM, CROSS, DEMAND, PULL, BOTTLENECK = range(100, 800, 100)  # numbers of draws
INSTITUTE = 3  # kind of a node that is an institute
AT_ONCE = 4  # institutes compared for a stated need


class Ring:
    """Members of groups at keyed places in [0, 1): ``draw`` meets the next member after a uniform, around the ring."""

    def __init__(self, group: np.ndarray, place: np.ndarray, nodes: np.ndarray):
        position = group + np.minimum(place, 1.0 - 1e-9)
        order = np.argsort(position, kind="stable")
        self.position, self.nodes = position[order], nodes[order]

    def draw(self, group: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """A member of each asked group (n,), -1 where it has none."""
        if self.nodes.size == 0:
            return np.full(group.size, -1, np.int64)
        first, last = np.searchsorted(self.position, group), np.searchsorted(self.position, group + 1)
        at = np.searchsorted(self.position, group + uniform)
        return np.where(last > first, self.nodes[np.minimum(np.where(at < last, at, first), self.nodes.size - 1)], -1)


def weighted(cumulative: np.ndarray, row: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Column drawn for each asked row (n,) from cumulative weights (R, S); -1 where all weights are zero."""
    out = np.full(row.size, -1, np.int64)
    for r in np.unique(row):
        mine = row == r
        total = cumulative[r, -1]
        if total > 0.0:
            out[mine] = np.minimum(np.searchsorted(cumulative[r], uniform[mine] * total, side="right"), cumulative.shape[1] - 1)
    return out


def share_of(value: np.ndarray, nodes, rows: np.ndarray) -> np.ndarray:
    """A named value by city, field and kind at some nodes (rows,)."""
    return value[nodes.city[rows], nodes.field[rows], nodes.kind[rows]]


def qualified(bay, nodes) -> np.ndarray:
    """Institutes, and firms with R&D of at least ``qualified_intensity`` of sales, by node (N,)."""
    count = bay.institutes.capacity
    able = nodes.alive == 1
    able[count:] &= bay.firms.rd_intensity >= bay.parameters.partnering.qualified_intensity
    return able


def chosen(bay, nodes, value: np.ndarray, able: np.ndarray, programme: int, lasting: bool = False) -> np.ndarray:
    """Nodes that a programme reaches this quarter, or for good (``lasting``): draw below the value of their cell."""
    rows = np.flatnonzero(able & (nodes.alive == 1))
    draw = bay.streams.uniforms("introduction", 0 if lasting else bay.quarter, nodes.id[rows], programme)
    return rows[draw < share_of(value, nodes, rows)]


def consortium_members(bay, nodes) -> np.ndarray:
    """Consortia of every node, a bit for each field (N,)."""
    bits = np.zeros(nodes.alive.size, np.uint64)
    value = bay.values.consortium_share
    if value.any():
        lead = bay.region.lead_field
        member = chosen(bay, nodes, value, qualified(bay, nodes), CONSORTIUM, lasting=True)
        bits[member] = np.uint64(1) << nodes.field[member].astype(np.uint64)
        users = member[nodes.kind[member] == LEADER]
        for f in range(lead.size):
            bits[users[nodes.field[users] == lead[f]]] |= np.uint64(1) << np.uint64(f)
    return bits


class Introductions:
    """Collects who is shown whom and as what; ``tables`` gives candidates (N, S) and how they met (N, S)."""

    def __init__(self, bay, nodes):
        self.bay, self.nodes, self.found = bay, nodes, []
        self.count = bay.institutes.capacity
        self.times = int(bay.parameters.partnering.introductions)

    def uniform(self, rows: np.ndarray, number: int) -> np.ndarray:
        return self.bay.streams.uniforms("introduction", self.bay.quarter, self.nodes.id[rows], number)

    def ring(self, group: np.ndarray, rows: np.ndarray, programme: int) -> Ring:
        return Ring(group.astype(float), self.uniform(rows, programme + 99), rows)

    def show(self, rows: np.ndarray, candidate: np.ndarray, origin: int) -> None:
        self.found.append((rows, candidate, origin))

    def joint_programmes(self) -> None:
        """Qualified actors see state laboratories of other cities, by staff and field."""
        bay, nodes, value = self.bay, self.nodes, self.bay.values.programme_open
        if not value.any():
            return
        region, institutes = bay.region, bay.institutes
        rows = chosen(bay, nodes, value, qualified(bay, nodes), JOINT)
        weight = np.where(region.institute_state_lab, institutes.staff, 0.0) * (institutes.field_weight @ region.relatedness_field).T
        cumulative = np.cumsum(weight, axis=1)  # (F, I)
        for k in range(self.times):
            there = weighted(cumulative, nodes.field[rows].astype(np.int64), self.uniform(rows, JOINT + 1 + k))
            self.show(rows, np.where(nodes.city[there] != nodes.city[rows], there, -1), PREPARED)

    def carriers(self) -> None:
        """Incubated start-ups see incubated start-ups of other jurisdictions, the more related of two."""
        bay, nodes, value = self.bay, self.nodes, self.bay.values.carrier_links
        if not value.any():
            return
        at, related = bay.region.jurisdiction_city, bay.region.relatedness_field
        inside = np.zeros(nodes.alive.size, bool)
        inside[self.count:] = bay.firms.incubated == 1
        everyone = np.flatnonzero(inside & (nodes.alive == 1))
        ring = self.ring(at[nodes.city[everyone]], everyone, CARRIER)
        number = np.bincount(at[nodes.city[everyone]], weights=nodes.weight[everyone], minlength=len(bay.region.jurisdiction_ids))
        cumulative = np.cumsum(number * (1.0 - np.eye(number.size)), axis=1)
        rows = chosen(bay, nodes, value, inside, CARRIER)
        home = at[nodes.city[rows]].astype(np.int64)
        for k in range(self.times):
            best, fit = np.full(rows.size, -1, np.int64), np.full(rows.size, -1.0)
            for n in (10 * k + 1, 10 * k + 4):
                where = weighted(cumulative, home, self.uniform(rows, CARRIER + n))
                there = np.where(where >= 0, ring.draw(where, self.uniform(rows, CARRIER + n + 1)), -1)
                now = np.where(there >= 0, related[nodes.field[rows], nodes.field[there]], -1.0)
                best, fit = np.where(now > fit, there, best), np.maximum(now, fit)
            self.show(rows, best, MEMBER)

    def consortia(self, bits: np.ndarray) -> None:
        """Members of a field's consortium see each other when the membership is used this quarter."""
        bay, nodes = self.bay, self.nodes
        if not bits.any():
            return
        group, member = np.nonzero((bits[None, :] >> np.arange(bay.region.lead_field.size, dtype=np.uint64)[:, None]) & np.uint64(1))
        ring = self.ring(group, member, CONSORTIUM)
        rows = np.flatnonzero(bits)
        rows = rows[self.uniform(rows, CONSORTIUM) < bay.parameters.partnering.consortium_used]
        for k in range(self.times):
            self.show(rows, ring.draw(nodes.field[rows].astype(float), self.uniform(rows, CONSORTIUM + 1 + k)), MEMBER)

    def other_industries(self) -> None:
        """Mainland firms see institutes beyond the customs border, of other main fields, by staff."""
        bay, nodes, value = self.bay, self.nodes, self.bay.values.cross_industry
        if not value.any():
            return
        weight = np.where(bay.world.mainland_city[bay.institutes.city], 0.0, bay.institutes.staff)
        able = np.zeros(nodes.alive.size, bool)
        able[self.count:] = bay.world.mainland_city[np.maximum(bay.firms.city, 0)]
        rows = chosen(bay, nodes, value, able, CROSS)
        same = np.zeros(rows.size, np.int64)
        for k in range(self.times):
            there = weighted(np.cumsum(weight)[None, :], same, self.uniform(rows, CROSS + 1 + k))
            self.show(rows, np.where(nodes.field[there] != nodes.field[rows], there, -1), PREPARED)

    def demand(self, institute_cum: np.ndarray) -> None:
        """Firms see those of ``AT_ONCE`` institutes in reach that are best at the weakest capability of the firm's field."""
        bay, nodes, value = self.bay, self.nodes, self.bay.values.demand_reach
        if not value.any():
            return
        able = np.zeros(nodes.alive.size, bool)
        able[self.count:] = True
        rows = chosen(bay, nodes, value, able, DEMAND)
        firm, fields = rows - self.count, institute_cum.shape[1]
        own = 4 * nodes.field[rows].astype(np.int64)
        need = own + bay.firms.capability[firm[:, None], own[:, None] + np.arange(4)].argmin(axis=1)
        cell = nodes.city[rows].astype(np.int64) * fields + nodes.field[rows]
        cumulative = institute_cum.reshape(-1, institute_cum.shape[2])
        met = np.stack([weighted(cumulative, cell, self.uniform(rows, DEMAND + 1 + k)) for k in range(AT_ONCE)], axis=1)
        level = np.where(met >= 0, bay.institutes.capability[met, need[:, None]], -1.0)
        order = np.argsort(-level, axis=1, kind="stable")
        for k in range(min(self.times, AT_ONCE)):
            self.show(rows, met[np.arange(rows.size), order[:, k]], PREPARED)

    def _leaders(self, programme: int) -> Ring:
        leaders = np.flatnonzero((self.nodes.alive == 1) & (self.nodes.kind == LEADER))
        return self.ring(self.nodes.field[leaders], leaders, programme)

    def application_pull(self) -> None:
        """Firms bound to users see leaders of the field downstream."""
        bay, nodes = self.bay, self.nodes
        rows = bound(bay, nodes)
        if rows.size == 0:
            return
        ring, lead = self._leaders(PULL), bay.region.lead_field[nodes.field[rows]].astype(float)
        for k in range(self.times):
            self.show(rows, ring.draw(lead, self.uniform(rows, PULL + 1 + k)), MEMBER)

    def bottlenecks(self, wide_institute_cum: np.ndarray) -> None:
        """Firms in a chain leader's programme see a leader of their field and an institute of it."""
        bay, nodes = self.bay, self.nodes
        rows = in_bottleneck(bay, nodes)
        if rows.size == 0:
            return
        field = nodes.field[rows].astype(np.int64)
        self.show(rows, self._leaders(BOTTLENECK).draw(field.astype(float), self.uniform(rows, BOTTLENECK + 1)), MEMBER)
        cumulative = wide_institute_cum.reshape(-1, wide_institute_cum.shape[2])
        cell = nodes.city[rows].astype(np.int64) * wide_institute_cum.shape[1] + field
        self.show(rows, weighted(cumulative, cell, self.uniform(rows, BOTTLENECK + 2)), PREPARED)

    def tables(self) -> tuple[np.ndarray, np.ndarray]:
        """Candidates (N, S), -1 where none, and how they met (N, S)."""
        n = self.nodes.alive.size
        candidate = np.full((n, len(self.found)), -1, np.int64)
        origin = np.zeros((n, len(self.found)), np.int8)
        for s, (rows, shown, how) in enumerate(self.found):
            candidate[rows, s], origin[rows, s] = shown, how
        return candidate, origin


def bound(bay, nodes) -> np.ndarray:
    """Firms other than leaders that are bound to users (nodes)."""
    value = bay.values.application_pull
    if not value.any():
        return np.zeros(0, np.int64)
    return chosen(bay, nodes, value, (nodes.is_firm == 1) & (nodes.kind != LEADER), PULL, lasting=True)


def in_bottleneck(bay, nodes) -> np.ndarray:
    """Firms in a chain leader's programme: the share times the import dependence of the field (nodes)."""
    value = bay.values.bottleneck_focus
    if not value.any():
        return np.zeros(0, np.int64)
    return chosen(bay, nodes, value * bay.region.import_dependence_field[None, :, None], nodes.is_firm == 1, BOTTLENECK, lasting=True)


def introduce(bay, nodes, consortium: np.ndarray, institute_cum: np.ndarray, wide_institute_cum: np.ndarray):
    """Candidates and how they met, of all programmes in force: two tables (N, S), S = 0 without any.

    ``consortium`` (N,) memberships; ``institute_cum`` and ``wide_institute_cum`` (C, F, I) cumulative weights of institutes
    for seekers of a city and field, with and without regard to travel.
    """
    found = Introductions(bay, nodes)
    found.joint_programmes()
    found.carriers()
    found.consortia(consortium)
    found.other_industries()
    found.demand(institute_cum)
    found.application_pull()
    found.bottlenecks(wide_institute_cum)
    return found.tables()


def further_places(bay) -> np.ndarray:
    """Places of every institute for new partners, relative to its own (I,): state laboratories open more in joint programmes."""
    institutes, value = bay.institutes, bay.values.programme_open
    open_ = value[institutes.city, institutes.main_field, INSTITUTE] * bay.region.institute_state_lab
    return 1.0 + bay.parameters.partnering.programme_places * open_
