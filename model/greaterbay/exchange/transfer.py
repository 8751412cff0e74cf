"""Phase 6. Technology is transferred.

A firm that needs core technology (chance ``need`` a quarter) sees offers: marketed inventions of its partners,
inventions of cities it can reach, and further ones that a matching platform, an exchange for rights or a chain leader
arranges (``further_offers``). It takes the best by

    u = quality_weight * ln(quality) + fit * relatedness - travel * ln(1 + minutes / 30)
        - border_weight * barrier + Gumbel                     [only what the firm can pay; less barrier for institutes' results
                                                                under uniform rules of disposal]

against importing, u_import = import_utility * dependence(field) - import_risk + Gumbel, and against nothing
(``reservation``). What an operator arranges loses ``operator_nearness`` less by travel. Results that were given up are on
sale at an exchange (``services``): at ``shelf_price`` of the price, with ``shelf_loss``, to be developed anew.
Between partners a transfer can be joint use (no price), else a licence or a sale. The user's productivity gains
``gain`` * absorptive capacity * ln(1 + quality); owner and co-owner share the price. Imports give the same gain but teach
nothing and are paid to ``abroad``; a firm that imports depends more on imports the next time.
"""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np

from greaterbay.actors.columns import sorted_by_id
from greaterbay.actors.invention import ABANDONED, MARKET
from greaterbay.actors.network import city_of_node
from greaterbay.exchange import services
from greaterbay.exchange.introductions import in_bottleneck
from greaterbay.exchange.partnering import cumulative_products, pick_two
from greaterbay.kernels import kernel
from greaterbay.policy.coordination import platform_with_offers
from greaterbay.region import cuts
from greaterbay.streams import gumbel, uniform

NOTHING, LICENCE, SALE, JOINT, IMPORT = range(5)
Shelf = namedtuple("Shelf", ["row", "start", "weight_cum", "far_cum", "wide_cum", "field_cum", "node_row", "node_start"])
Users = namedtuple("Users", ["alive", "id", "city", "field", "kind", "imports"])
Goods = namedtuple("Goods", ["owner", "city", "field", "weight"])
Offers = namedtuple("Offers", ["id", "owner", "city", "field", "quality", "stage"])
Keys = namedtuple("Keys", ["need", "offer", "utility", "channel"])


@kernel
def _take(firms, inventions, shelf, exchange, adjacency, institutes, travel_log, barrier, institute_barrier, related, dependence, further,
          rights, money, keys, p, channel, chosen):
    for r in range(firms.alive.shape[0]):
        channel[r] = NOTHING
        chosen[r] = -1
        if firms.alive[r] == 0 or uniform(keys.need, firms.id[r], 0) >= p.need:
            continue
        me, city, field = firms.id[r], firms.city[r], firms.field[r]
        node = institutes + r
        best = p.reservation + gumbel(keys.utility, me, 0)
        u_import = (p.import_utility * dependence[field] * (0.75 + 0.5 * firms.imports[r]) - p.import_risk
                    + gumbel(keys.utility, me, 1))
        if u_import > best and money[r] >= p.import_price:
            best = u_import
            channel[r] = IMPORT
        offers = int(p.offers)
        partner_offers = int(p.partner_offers)
        own_search = partner_offers + offers
        ties = adjacency.offset[node + 1] - adjacency.offset[node]
        stall = shelf
        for k in range(own_search + further[r] + rights[r]):
            partner = k < partner_offers
            arranged = k >= own_search
            if k == own_search + further[r]:
                stall = exchange
            if partner:
                if ties == 0:
                    continue
                j = adjacency.neighbour[adjacency.offset[node] + int(uniform(keys.offer, me, k) * ties)]
                held = shelf.node_start[j + 1] - shelf.node_start[j]
                if held == 0:
                    continue
                row = shelf.node_row[shelf.node_start[j] + int(uniform(keys.offer, me, 30 + k) * held)]
            else:
                cumulative = stall.wide_cum[city, field] if arranged else stall.far_cum[city, field]
                number = 100 + k if arranged else k
                mark_number = 150 + k if arranged else 30 + k
                where, what = pick_two(cumulative, stall.field_cum[field], uniform(keys.offer, me, number))
                if what < 0:
                    continue
                cell = where * related.shape[0] + what
                held = stall.start[cell + 1] - stall.start[cell]
                if held == 0:
                    continue
                # inside a cell offers are met in proportion to the real inventions a row stands for
                before = stall.weight_cum[stall.start[cell]]
                mark = before + uniform(keys.offer, me, mark_number) * (stall.weight_cum[stall.start[cell + 1]] - before)
                at = np.searchsorted(stall.weight_cum, mark, side="right") - 1
                row = stall.row[min(max(at, stall.start[cell]), stall.start[cell + 1] - 1)]
            owner = inventions.owner[row]
            if owner == node or owner < 0:
                continue
            there = inventions.city[row]
            draw = uniform(keys.channel, me, 0)
            given_up = inventions.stage[row] == ABANDONED
            joint = partner and draw < p.joint_share and not given_up
            price = 0.0 if joint else p.price * min(4.0, inventions.quality[row])
            if given_up:
                price *= p.shelf_price
            if price > money[r]:
                continue
            nearness = 1.0 - p.operator_nearness if arranged else 1.0
            u = (p.quality_weight * math.log(max(inventions.quality[row], 0.05)) + p.fit * related[field, inventions.field[row]]
                 - p.travel * nearness * travel_log[city, there]
                 - p.border_weight * (institute_barrier if owner < institutes else barrier)[city, there]
                 + gumbel(keys.utility, me ^ inventions.id[row], 2))
            if given_up:
                u -= p.shelf_loss
            if u > best:
                best = u
                chosen[r] = row
                if given_up:
                    channel[r] = SALE
                elif joint:
                    channel[r] = JOINT
                elif draw > 1.0 - p.sale_share:
                    channel[r] = SALE
                else:
                    channel[r] = LICENCE
        if channel[r] == IMPORT:
            chosen[r] = -1


@kernel
def _lay_out(by_id, marketed, goods, row, start, node_row, node_start, stock, weight_cum):
    """Group rows in the order of identity by cell and by owner; ``start`` (cells + 2,) and ``node_start`` (N + 2,) end as where
    each group begins, ``stock`` (C, F) as the weight of each cell, ``weight_cum`` as the weight before each place of ``row``."""
    fields = stock.shape[1]
    for k in range(marketed.shape[0]):
        i = marketed[k]
        c, f = np.int64(goods.city[i]), np.int64(goods.field[i])
        stock[c, f] += goods.weight[i]
        start[c * fields + f + 2] += 1
        if goods.owner[i] >= 0:
            node_start[goods.owner[i] + 2] += 1
    for c in range(2, start.shape[0]):
        start[c] += start[c - 1]
    for n in range(2, node_start.shape[0]):
        node_start[n] += node_start[n - 1]
    for k in range(by_id.shape[0]):
        i = by_id[k]
        place = np.int64(goods.city[i]) * fields + goods.field[i] + 1
        row[start[place]] = i
        start[place] += 1
        owner = goods.owner[i]
        if owner >= 0:
            node_row[node_start[owner + 1]] = i
            node_start[owner + 1] += 1
    for k in range(row.shape[0]):
        weight_cum[k + 1] = weight_cum[k] + goods.weight[row[k]]


def _shelves(bay, marketed: np.ndarray) -> Shelf:
    """Marketed inventions by city and field and by owner (in the order of identity), with the weights of cities and fields
    for every user."""
    region, p, inventions = bay.region, bay.parameters, bay.inventions
    cities, fields = len(region.city_ids), len(region.field_ids)
    count, nodes = marketed.size, bay.institutes.capacity + bay.firms.capacity
    row, start = np.empty(count, np.int64), np.zeros(cities * fields + 2, np.int64)
    node_row, node_start = np.empty(count, np.int64), np.zeros(nodes + 2, np.int64)
    stock, weight_cum = np.zeros((cities, fields)), np.zeros(count + 1)
    _lay_out(sorted_by_id(inventions.id, marketed), marketed, inventions.part(Goods), row, start, node_row, node_start, stock, weight_cum)
    barrier = bay.values.barrier_technology[:cities, :cities]
    visible = np.exp(-p.partnering.candidate_border * barrier)
    near = np.exp(-bay.values.travel_minutes[:cities, :cities] / p.partnering.candidate_travel) * visible
    wanted = stock[None, :, :] * region.relatedness_field[:, None, :]  # (F user, C, F)
    in_city = wanted.sum(axis=2)
    return Shelf(row, start[:-1], weight_cum, cumulative_products(near, in_city), cumulative_products(visible, in_city),
                 np.cumsum(wanted, axis=-1), node_row, node_start[:-1])


def share_income(bay, rows: np.ndarray, income: np.ndarray, user_city: np.ndarray) -> None:
    """Pay owners and co-owners: the owner's income share, the rest to a living partner (all to the owner without one)."""
    inventions, firms, institutes, count = bay.inventions, bay.firms, bay.institutes, bay.institutes.capacity
    partner = inventions.partner[rows]
    own = np.where(partner >= 0, inventions.share[rows], 1.0)
    for node, amount in ((inventions.owner[rows], income * own), (partner, income * (1.0 - own))):
        valid = node >= 0
        node, amount, origin = node[valid], amount[valid], user_city[valid]
        city = city_of_node(bay, node)
        firm = node >= count
        bay.ledger.pay("licence", "firm", origin[firm], "firm", city[firm], amount[firm])
        bay.ledger.pay("licence", "firm", origin[~firm], "institute", city[~firm], amount[~firm])
        np.add.at(firms.cash, node[firm] - count, amount[firm] / firms.weight[node[firm] - count])
        np.add.at(institutes.cash, node[~firm], amount[~firm])


def further_offers(bay) -> tuple[np.ndarray, np.ndarray]:
    """Offers that each firm sees beyond its own search, without regard to travel, by row (R,): of marketed inventions, through
    a matching platform or the programme of a chain leader; and of given-up results, at an exchange for rights."""
    p, values, firms, quarter = bay.parameters.transfer, bay.values, bay.firms, bay.quarter
    further, rights = np.zeros(firms.capacity, np.int64), np.zeros(firms.capacity, np.int64)
    rows = firms.alive_rows()
    cell = (firms.city[rows], firms.field[rows], firms.kind[rows])
    for value, number, offers, seen in ((platform_with_offers(bay), 90, p.platform_offers, further),
                                        (values.ip_exchange, 91, p.exchange_offers, rights)):
        if value.any():
            draw = bay.streams.uniforms("transfer_offer", quarter, firms.id[rows], number)
            seen[rows] += np.where(draw < value[cell], int(offers), 0)
    further[in_bottleneck(bay, bay.network.nodes) - bay.institutes.capacity] += int(p.bottleneck_offers)
    return further, rights


def choose_technology(bay) -> tuple[np.ndarray, np.ndarray]:
    """How each firm gets technology this quarter (channel) and which result (row of inventions, -1 none), by row of firms."""
    p, region, firms, inventions, quarter = bay.parameters.transfer, bay.region, bay.firms, bay.inventions, bay.quarter
    cities = len(region.city_ids)
    marketed = np.flatnonzero((inventions.alive == 1) & (inventions.stage == MARKET))
    shelf, given_up = _shelves(bay, marketed), services.on_sale(bay)
    exchange = _shelves(bay, given_up) if given_up.size else shelf
    further, rights = further_offers(bay)
    if given_up.size == 0:
        rights[:] = 0
    keys = Keys(*(bay.streams.key(name, quarter) for name in ("transfer_need", "transfer_offer", "transfer_utility", "transfer_channel")))
    channel, chosen = np.zeros(firms.capacity, np.int8), np.full(firms.capacity, -1, np.int64)
    money = np.maximum(firms.cash - firms.rd_paid, 0.0)
    minutes = bay.values.travel_minutes[:cities, :cities]
    # under uniform rules of disposal the results of a city's institutes lose less to the barrier
    barrier = institute_barrier = np.ascontiguousarray(bay.values.barrier_technology[:cities, :cities])
    if bay.values.disposal_uniform.any():
        institute_barrier = cuts.keep(bay.world.cut_pairs, barrier * (1.0 - bay.values.disposal_uniform)[None, :])
    _take(firms.part(Users), inventions.part(Offers), shelf, exchange, bay.network.adjacency, bay.institutes.capacity,
          np.log1p(minutes / 30.0), barrier, institute_barrier, region.relatedness_field, region.import_dependence_field, further, rights,
          money, keys, p, channel, chosen)
    return channel, chosen


def one_buyer_each(bay, channel: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """One invention is sold once a quarter: to the buyer with the first identity, the others license it. Rows of firms that use one."""
    firms, stage = bay.firms, bay.inventions.stage
    users = np.flatnonzero(chosen >= 0)
    buyers = users[channel[users] == SALE]
    buyers = buyers[np.argsort(firms.id[buyers], kind="stable")]
    _, first = np.unique(chosen[buyers], return_index=True)
    late = np.delete(buyers, first)
    given_up = stage[chosen[late]] == ABANDONED
    channel[late[~given_up]] = LICENCE
    channel[late[given_up]], chosen[late[given_up]] = NOTHING, -1  # a result that was given up has one buyer
    return users[chosen[users] >= 0]


def use_licences(bay, channel: np.ndarray, chosen: np.ndarray) -> None:
    """Licences, sales and joint uses: owners are paid, users gain productivity and depend less on imports."""
    p, region, firms, inventions, count = bay.parameters.transfer, bay.region, bay.firms, bay.inventions, bay.institutes.capacity
    users = one_buyer_each(bay, channel, chosen)
    rows = chosen[users]
    given_up = inventions.stage[rows] == ABANDONED
    owner, user_city, there = inventions.owner[rows], firms.city[users], inventions.city[rows]
    weight = firms.weight[users]
    price = np.where(channel[users] == JOINT, 0.0, p.price * np.minimum(4.0, inventions.quality[rows]))
    price = np.where(given_up, p.shelf_price * price, price)
    price = np.minimum(price, np.maximum(firms.cash[users], 0.0))
    quality = inventions.quality[rows]
    firms.cash[users] -= price
    share_income(bay, rows, price * weight, user_city)
    by_firm = owner >= count
    useful = np.where(given_up, 0.0, p.gain)  # what was given up has to be developed first
    firms.productivity[users] += useful * firms.absorptive[users] * np.log1p(quality)
    for code, name in ((LICENCE, "licence"), (SALE, "sale"), (JOINT, "joint")):
        for kind, mask in (("firm", by_firm), ("institute", ~by_firm)):
            these = mask & (channel[users] == code)
            bay.tally.flow(f"flow_technology_{name}_{kind}", there[these], user_city[these], weight[these])
    # a sold invention changes its owner
    sold = channel[users] == SALE
    inventions.owner[rows[sold]] = count + users[sold]
    services.take_up(bay, rows[given_up], count + users[given_up])
    cross = region.jurisdiction_city[there] != region.jurisdiction_city[user_city]
    bay.tally.add("technology_border", user_city[cross], weight[cross])
    own = users[channel[users] != NOTHING]
    firms.imports[own] -= 0.1 * firms.imports[own]


def import_technology(bay, channel: np.ndarray) -> None:
    """Firms that import pay abroad, gain productivity and depend more on imports."""
    p, firms, places = bay.parameters.transfer, bay.firms, len(bay.region.place_ids)
    importers = np.flatnonzero(channel == IMPORT)
    cost = p.import_price * firms.weight[importers]
    firms.cash[importers] -= p.import_price
    abroad = np.full(importers.size, places - 1)
    bay.ledger.pay("import", "firm", firms.city[importers], "outside", abroad, cost)
    firms.productivity[importers] += p.gain * firms.absorptive[importers] * math.log(2.0)
    firms.imports[importers] += 0.1 * (1.0 - firms.imports[importers])
    bay.tally.flow("flow_technology_import", abroad, firms.city[importers], firms.weight[importers])
    bay.tally.add("imports_cost", firms.city[importers], cost)


def no_licences(bay, channel: np.ndarray, chosen: np.ndarray) -> None:
    """Off: no result is licensed, sold or used jointly."""


def no_imports(bay, channel: np.ndarray) -> None:
    """Off: nothing is imported."""


def transfer_technology(bay) -> None:
    """Phase 6: firms look for technology; owners are paid; users gain productivity."""
    channel, chosen = choose_technology(bay)
    bay.mechanisms.licences(bay, channel, chosen)
    bay.mechanisms.imports(bay, channel)
