"""Services on the way from the laboratory to the market: a service chain, demonstration projects, an exchange for rights.

*Service chain.* Proof-of-concept centres, incubators, intermediaries and investors of a city pass a result on to each other:
a result is in the chain when its draw (for life) lies below the city's ``service_chain``, times ``chain_unserved`` when no
proof-of-concept centre has served it and its owner sits in no incubator. Each quarter that such a result waits, for a
developer or for its pilot's money, it is shown once more, at ``chain_cost``: to developers with chance ``chain_developer``,
to investors before others and, what is left, to those of other cities through the finance barrier.

*Demonstration projects.* Of the results that begin their first use in a city and quarter the best by quality become
demonstration projects, ``demonstration`` a year for a hundred firms of the city, each with a grant to its developer.
While first use lasts the leaders of the whole bay are its lead users, and firms see the technology (``diffusion``).

*Exchange for rights.* A given-up result whose owner's draw lies below ``ip_exchange`` is on sale (``transfer``); its buyer
takes it up again from proof of concept. A stage that it failed it passes only where the new developer's odds are better,
for its luck stays its own.
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.firm import LEADER
from greaterbay.actors.invention import ABANDONED, FIRST_USE, PILOT, PROOF
from greaterbay.actors.network import kind_of_node
from greaterbay.exchange.introductions import bound

CHAIN, CHAIN_WHO, SHELF, DEMONSTRATION = 800, 801, 802, 803  # numbers of draws in the stream "introduction"


# ---------------------------------------------------------------- service chain


def in_chain(bay, rows: np.ndarray) -> np.ndarray:
    """Which results a service chain has taken up (rows,) bool."""
    inventions, p = bay.inventions, bay.parameters.conversion
    incubated = np.concatenate((np.zeros(bay.institutes.capacity, bool), bay.firms.incubated == 1))
    helped = (inventions.served[rows] == 1) | (incubated[inventions.owner[rows]] & (inventions.owner[rows] >= 0))
    share = bay.values.service_chain[inventions.city[rows]] * np.where(helped, 1.0, p.chain_unserved)
    return bay.streams.uniforms("introduction", 0, inventions.id[rows], CHAIN) < share


def pass_along(bay) -> np.ndarray | None:
    """Results that a chain shows this quarter, by row of the table (bool); None without any. Cities pay for each."""
    if not bay.values.service_chain.any():
        return None
    inventions = bay.inventions
    waiting = (inventions.alive == 1) & (
        ((inventions.stage >= PROOF) & (inventions.stage <= FIRST_USE) & (inventions.developer < 0))
        | ((inventions.stage == PILOT) & (inventions.funded == 0)))
    rows = np.flatnonzero(waiting)
    rows = rows[in_chain(bay, rows)]
    cost = inventions.weight[rows] * bay.parameters.conversion.chain_cost
    paid = bay.budgets.pay_for_service("service_chain", inventions.city[rows], cost, inventions.id[rows])
    shown = np.zeros(inventions.capacity, bool)
    shown[rows[paid]] = True
    return shown


def offers_elsewhere(left: np.ndarray, need: np.ndarray, through: np.ndarray) -> np.ndarray:
    """Money of funds by city (C,) that is left, offered to other cities by need (C,) as far as it may cross (C, C)."""
    split = through * need[None, :]
    np.fill_diagonal(split, 0.0)
    split /= np.maximum(split.sum(axis=1, keepdims=True), 1e-12)
    return left[:, None] * split * through


# ---------------------------------------------------------------- demonstration


def choose_best(order: np.ndarray, city: np.ndarray, weight: np.ndarray, quota: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """In order, until the city's quota is reached; who crosses it is in with the chance that makes the mean right (bool)."""
    chosen = np.zeros(order.size, bool)
    used = np.zeros(quota.size)
    for k in order:
        c = city[k]
        chosen[k] = draw[k] < (quota[c] - used[c]) / weight[k]
        used[c] += weight[k]
    return chosen


def demonstrate(bay, entering: np.ndarray) -> None:
    """Choose demonstration projects among results that begin first use, and pay their developers as far as there is money."""
    value = bay.values.demonstration
    if not value.any() or entering.size == 0:
        return
    inventions, firms, count = bay.inventions, bay.firms, bay.institutes.capacity
    rows = entering[inventions.developer[entering] >= count]
    firm = inventions.developer[rows] - count
    city = firms.city[firm].astype(np.int64)
    cities = value.size
    live = firms.alive_rows()
    quota = value / 100.0 / 4.0 * np.bincount(firms.city[live], weights=firms.weight[live], minlength=cities)
    order = np.lexsort((inventions.id[rows], -inventions.quality[rows]))
    draw = bay.streams.uniforms("introduction", bay.quarter, inventions.id[rows], DEMONSTRATION)
    chosen = choose_best(order, city, inventions.weight[rows], quota, draw)
    rows, firm, city = rows[chosen], firm[chosen], city[chosen]
    grant = inventions.weight[rows] * bay.parameters.conversion.demonstration_grant
    cost = np.bincount(city, weights=grant, minlength=cities)
    paid, payers = bay.budgets.transfer("demonstration", cost)
    share = (paid / np.maximum(cost, 1e-300))[city]
    # a city whose projects are paid in part has that part of them, the best
    inventions.demonstrates[rows] = share > 0.0
    for place, part in payers:
        amount = grant * share * part[city]
        bay.ledger.pay("lever", "government", place[city], "firm", city, amount)
        bay.tally.flow("flow_capital_grant_firm", place[city], city, amount)
    np.add.at(firms.cash, firm, grant * share / firms.weight[firm])


def demonstrated(bay) -> np.ndarray:
    """Real demonstration projects in first use by city of the developer and field (C, F)."""
    inventions, region = bay.inventions, bay.region
    found = np.zeros((len(region.city_ids), len(region.field_ids)))
    rows = np.flatnonzero((inventions.alive == 1) & (inventions.demonstrates == 1) & (inventions.stage == FIRST_USE))
    rows = rows[inventions.developer[rows] >= 0]
    city = bay.firms.city[inventions.developer[rows] - bay.institutes.capacity]
    np.add.at(found, (city, inventions.field[rows]), inventions.weight[rows])
    return found


def own_lead_users(bay) -> np.ndarray:
    """Results with lead users of their own (rows of the table, 0/1): demonstration projects, and results of firms bound to
    users that have a tie with a leader downstream."""
    inventions, count = bay.inventions, bay.institutes.capacity
    led = inventions.demonstrates.copy()
    firms = bound(bay, bay.network.nodes)
    if firms.size:
        ties, nodes = bay.ties, bay.network.nodes
        lead, tied = bay.region.lead_field, np.zeros(nodes.alive.size, bool)
        live = np.flatnonzero((ties.alive == 1) & (ties.a >= count))
        for one, two in ((ties.a[live], ties.b[live]), (ties.b[live], ties.a[live])):
            tied[one[(nodes.kind[two] == LEADER) & (nodes.field[two] == lead[nodes.field[one]])]] = True
        supplier = np.zeros(nodes.alive.size, bool)
        supplier[firms] = tied[firms]
        developer = inventions.developer
        led[(inventions.alive == 1) & (developer >= 0) & supplier[developer]] = 1
    return led


# ---------------------------------------------------------------- exchange for rights


def shelved(bay) -> tuple[np.ndarray, np.ndarray]:
    """Results given up that still have an owner, and the kind of the owner."""
    inventions = bay.inventions
    rows = np.flatnonzero((inventions.alive == 1) & (inventions.stage == ABANDONED) & (inventions.owner >= 0))
    return rows, kind_of_node(bay, inventions.owner[rows])


def on_sale(bay) -> np.ndarray:
    """Given-up results that their owners offer at the exchange (rows)."""
    value = bay.values.ip_exchange
    if not value.any():
        return np.zeros(0, np.int64)
    rows, kind = shelved(bay)
    inventions = bay.inventions
    draw = bay.streams.uniforms("introduction", 0, inventions.id[rows], SHELF)
    return rows[draw < value[inventions.city[rows], inventions.field[rows], kind]]


def take_up(bay, rows: np.ndarray, buyers: np.ndarray) -> None:
    """A firm (node) that has bought a given-up result begins again at proof of concept."""
    inventions = bay.inventions
    inventions.developer[rows] = buyers
    inventions.stage[rows], inventions.entered[rows], inventions.progress[rows] = PROOF, bay.quarter, 0.0
    inventions.served[rows] = inventions.funded[rows] = inventions.demonstrates[rows] = 0
    inventions.insured[rows] = 0.0


# ---------------------------------------------------------------- new laboratories


def new_places(bay) -> np.ndarray:
    """Places of the bay's whole part of a programme of new laboratories by city (C,): by researchers of institutes."""
    staff = np.bincount(bay.institutes.city, weights=bay.institutes.researchers, minlength=len(bay.region.city_ids))
    return bay.parameters.conversion.new_lab_places * staff / max(staff.sum(), 1e-12)
