"""One state for both sides: a released bay, as objects for the reference and as it is for the package.

``objects`` copies the bay's tables into objects; ``fast_quarter`` lets the package play the same four rules. Both leave the same
numbers (``MEASURES``).
"""

from __future__ import annotations

import math

import numpy as np
from core_in_objects import Core, Firm, Institute, Person, Technology, Tie, Weights

from greaterbay import Bay, load_scenario
from greaterbay.actors.firm import LEADER
from greaterbay.actors.network import node_city, see_network
from greaterbay.actors.places import ROW, STEPS
from greaterbay.evidence.posteriors import CENTRAL
from greaterbay.exchange import diffusion, learning, mobility, partnering
from greaterbay.policy import government
from greaterbay.streams import Streams

MEASURES = ("new_ties", "new_with_institute", "new_in_other_city", "new_distance", "learning", "inventions", "inventions_by_institutes",
            "level", "hires", "hires_from_other_city", "adoptions")


def released_bay(scale: float, quarters: int = 2) -> Bay:
    """A bay some quarters after release, at the point of a quarter where governments have acted."""
    bay = Bay(scenario=load_scenario("baseline", overrides=[f"run.scale={scale}", CENTRAL]))
    for _ in range(quarters):
        bay.step()
    bay.tally.open_quarter()
    bay.ledger.open_quarter()
    government.set_budgets(bay)
    government.set_levers(bay)
    over = np.flatnonzero((bay.ties.alive == 1) & (bay.ties.end <= bay.quarter))
    bay.ties.clear(over)
    mobility.count_staff(bay)
    mobility.open_posts(bay)
    return bay


def open_posts(bay):
    """Vacancies by employer, open posts by city, and how many places the table of a city has."""
    employer_city = np.concatenate((bay.institutes.city, np.where(bay.firms.alive == 1, bay.firms.city, -1))).astype(np.int64)
    return np.concatenate((bay.institutes.vacancies, bay.firms.vacancies)).astype(np.int64), employer_city, bay.world.post_places


def fast_moves(bay) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The package's choice of posts on open posts: rows hired, their employers, whether from another city."""
    p, people, region = bay.parameters.mobility, bay.people, bay.region
    cities, count = len(region.city_ids), bay.institutes.capacity
    vacancies, employer_city, size = open_posts(bay)
    field = np.concatenate((np.full(count, -1), bay.firms.field)).astype(np.int64)
    start = np.concatenate(([0], np.cumsum(size)[:-1])).astype(np.int64)
    table = np.full(int(size.sum()), -1, np.int64)
    mobility._post_tables(vacancies, employer_city, np.concatenate((bay.institutes.id, bay.firms.id)), table, start, size)
    pull = np.cumsum(pull_of(bay, vacancies, employer_city), axis=1)
    posts = mobility.Posts(table, start, size, pull, bay.values.register_reach, pull)  # nobody is in the register
    keys = mobility.Keys(*(bay.streams.key(name, bay.quarter) for name in ("look", "offer", "offer_city", "job_utility", "leave", "age")))
    choice, accepted = np.empty(people.capacity, np.int64), np.empty(people.capacity, np.int8)
    mobility.choose_posts(people.part(mobility.Seekers), employer_city, field, posts, mobility.city_setting(bay), keys,
                          p._replace(outside_option=-1e9), choice, np.zeros((cities + 2, cities + 2)))
    mobility.settle(choice, people.id, vacancies, bay.streams.key("job_rank", bay.quarter), accepted)
    rows = np.flatnonzero(accepted == 1)
    return rows, choice[rows], employer_city[choice[rows]] != people.city[rows]


def pull_of(bay, vacancies, employer_city) -> np.ndarray:
    """Weight of other cities among those a person looks at, and in the last column of what borders hide (C, C + 1)."""
    cities = len(bay.region.city_ids)
    opened = np.bincount(employer_city[vacancies > 0], weights=vacancies[vacancies > 0], minlength=cities)
    minutes, barrier = (values[:cities, :cities] for values in (bay.values.travel_minutes, bay.values.barrier_talent))
    near = np.exp(-minutes / 60.0) * opened[None, :] * (1.0 - np.eye(cities))
    seen = near * np.exp(-barrier)
    return np.concatenate((seen, (near - seen).sum(axis=1, keepdims=True)), axis=1)


class Kept:
    """The state of a bay, to play the same quarter again with other draws."""

    def __init__(self, bay):
        self.bay = bay
        names = ("firms", "institutes", "people", "ties", "inventions", "places", "ledger")
        self.tables = {name: getattr(bay, name).state() for name in names}
        self.gain = bay.economy.adoption_gain_city.copy()

    def again(self, replicate: int):
        """The bay as it was, with the streams of another replicate."""
        bay = self.bay
        for name, state in self.tables.items():
            getattr(bay, name).restore(state)
        bay.economy.adoption_gain_city = self.gain.copy()
        bay.streams = Streams(bay.seed_used, 1000 + replicate)
        bay.tally.open_quarter()
        bay.technologies.arrivals = np.zeros(0, np.int64)
        return bay


def fast_quarter(bay) -> None:
    """The four rules as the package plays them; ``bay.hired`` keeps the moves."""
    bay.hired = fast_moves(bay)
    partnering.find_partners(bay)
    learning.share_knowledge(bay)
    diffusion.spread_technologies(bay)


def fast_measures(bay) -> dict[str, float]:
    """What a quarter of the package left."""
    ties, firms, institutes, count = bay.ties, bay.firms, bay.institutes, bay.institutes.capacity
    rows = ties.alive_rows()
    new = rows[ties.start[rows] == bay.quarter]
    nodes = bay.network.nodes
    distance = 1.0 - (nodes.profile[ties.a[new]] * nodes.profile[ties.b[new]]).sum(axis=1)
    city = node_city(bay)
    live = firms.alive_rows()
    _, _, other = bay.hired
    return {
        "new_ties": new.size, "new_with_institute": (ties.a[new] < count).sum(),
        "new_in_other_city": (city[ties.a[new]] != city[ties.b[new]]).sum(), "new_distance": distance.mean(),
        "learning": firms.learned[live].sum(), "inventions": firms.inventions[live].sum(),
        "inventions_by_institutes": institutes.inventions.sum(), "level": firms.capability[live].astype(float).mean(),
        "hires": other.size, "hires_from_other_city": other.sum(), "adoptions": users_now(bay) - bay.users_before,
    }


def users_now(bay) -> int:
    """Firm-technology pairs in use."""
    live = bay.firms.alive_rows()
    used = [t for t, technology in enumerate(bay.technologies.tracked) if technology]
    return sum(int(((bay.firms.adopted[live] >> np.uint64(t)) & np.uint64(1)).sum()) for t in used)


def objects(bay, seed: int) -> Core:
    """The state of a bay as objects."""
    region, p, values = bay.region, bay.parameters, bay.values
    firms, institutes, people = bay.firms, bay.institutes, bay.people
    cities, fields, count = len(region.city_ids), len(region.field_ids), bay.institutes.capacity
    core = Core(seed)
    core.p, core.related = p, region.relatedness_field.astype(float).tolist()
    core.minutes = values.travel_minutes[:cities, :cities].tolist()
    core.barrier = values.barrier_technology[:cities, :cities].tolist()
    core.talent_barrier, core.unrecognised = values.barrier_talent.tolist(), values.unrecognised.tolist()
    core.scale = bay.scale
    core.sharing, core.effort_reference = values.alliance_sharing.tolist(), bay.reference.effort_reference
    see_network(bay)
    core.spill, core.basic = learning.spillover_pools(bay).tolist(), learning.basic_pools(bay).tolist()
    levels = np.concatenate((institutes.capability, firms.capability)).astype(float)
    member = learning.member_levels(bay, levels)
    bits = np.concatenate((institutes.alliances, firms.alliances))
    past = np.concatenate((institutes.past, firms.past))
    simulated = learning.simulated_share(bay)
    places = p.partnering.institute_ties * institutes.researchers * bay.scale
    vacancies, employer_city, post_places = open_posts(bay)
    park = firms.in_park * p.market.park_gain * values.park_quality[np.maximum(firms.city, 0)]
    technologies = [t for t in bay.technologies.tracked if t is not None and t.launch <= bay.quarter]
    users, possible = diffusion.count_users(bay)
    q = p.diffusion
    core.technologies = [Technology(
        bit=t.bit, field=t.field, gain=t.gain,
        cost=q.cost * region.adoption_gain_field[t.field] * math.exp(-q.cost_fall * (bay.quarter - t.launch)),
        share=(users[:, t.bit] / np.maximum(possible[:, t.bit], 1e-12)).tolist(),
        bay_share=[users[:, t.bit].sum() / max(possible[:, t.bit].sum(), 1e-12)] * cities) for t in technologies]
    chain = diffusion.chain_shares(bay, np.array([t.bit for t in technologies]), np.array([t.field for t in technologies]))
    for k, technology in enumerate(core.technologies):
        technology.chain_share = chain[:, :, :, k].tolist()
    core.actors, core.of_node = [], {}
    for node in [*range(count), *(firms.alive_rows() + count).tolist()]:
        r = node - count
        given = {"levels": levels[node].reshape(fields, 4).tolist(), "member_level": float(member[node]), "vacancies": int(vacancies[node]),
                 "alliances": [k for k in range(len(region.alliances)) if bits[node] >> k & 1], "thinned": float(simulated[node])}
        if r < 0:
            actor = Institute(
                core, city=int(institutes.city[node]), field=int(institutes.main_field[node]), weight=1.0,
                size=float(institutes.staff[node]), chain=0.0, park_boost=0.0, absorptive=p.learning.institute_absorptive, unthinned=True,
                money=float(institutes.rd_paid[node]),
                recombination=0.2, uses=set(),
                research=institutes.field_weight[node].astype(float).tolist(),
                simulated=float(simulated[node]) * p.invention.institute_rate, **given)
            # what is left of a place is kept for the next quarter
            quota = int(min(float(institutes.tie_places[node]), 1.0) + float(places[node]))
            actor.quota = lambda quota=quota: quota
        else:
            weight, cell = float(firms.weight[r]), (firms.city[r], firms.field[r], firms.kind[r])
            actor = Firm(
                core, city=int(firms.city[r]), field=int(firms.field[r]), weight=weight, size=float(firms.staff[r]) / weight,
                unthinned=bool(firms.kind[r] == LEADER), step=min(diffusion.CHAIN_STEPS - 1, int(firms.chain[r] * diffusion.CHAIN_STEPS)),
                chain=float(firms.chain[r]), park_boost=float(park[r]), absorptive=float(firms.absorptive[r]), recombination=1.0,
                money=float(firms.rd_paid[r] + firms.rd_granted[r]), own_research=float(firms.rd_paid[r]), cash=float(firms.cash[r]),
                sales=float(firms.sales[r]), research=[float(f == firms.field[r]) for f in range(fields)],
                simulated=float(simulated[node]), cover=float(values.first_use_cover_firm[cell]),
                uses={t for t in core.technologies if int(firms.adopted[r]) >> t.bit & 1}, **given)
            actor.quota = lambda: 1
        core.of_node[node] = actor
        core.actors.append(actor)
    for node, actor in core.of_node.items():
        actor.past = [core.of_node[int(other)] for other in past[node] if int(other) in core.of_node]
    rows = bay.ties.alive_rows()
    ties, of_node = bay.ties, core.of_node
    core.ties = [Tie(of_node[int(ties.a[t])], of_node[int(ties.b[t])], float(ties.weight[t]), bool(ties.shared[t])) for t in rows]
    _search(core, bay, cities, fields)
    setting = mobility.city_setting(bay)
    core.city_value, core.cluster = setting.city_value.tolist(), setting.cluster.tolist()
    core.posts = []
    for c in range(cities):
        here = [core.of_node[n] for n in np.flatnonzero((employer_city == c) & (vacancies > 0)) for _ in range(int(vacancies[n]))]
        core.posts.append((here, int(post_places[c])))
    core.open_cities = [Weights([*range(cities), None], row) for row in pull_of(bay, vacancies, employer_city)]
    core.people = [Person(core, city=int(people.city[i]), field=int(people.field[i]), origin=int(setting.home_city[people.home[i]]),
                          employer=core.of_node.get(int(people.employer[i])), weight=float(people.weight[i])) for i in people.alive_rows()]
    return core


def _search(core: Core, bay, cities: int, fields: int) -> None:
    """What searching actors reach: firms by city and field, weights of cities, fields and institutes."""
    p, region, related = bay.parameters.partnering, bay.region, bay.region.relatedness_field.astype(float)
    core.cells = [[[] for _ in range(fields)] for _ in range(cities)]
    number = np.zeros((cities, fields))
    for actor in core.actors:
        if actor.is_firm:
            core.cells[actor.city][actor.field].append(actor)
            number[actor.city, actor.field] += actor.weight
    core.places = bay.places.size.reshape(cities, fields).tolist()
    for slot in bay.places.slot[bay.places.slot >= 0].tolist():
        core.of_node[slot % ROW + bay.institutes.capacity].passed = slot // ROW / STEPS
    core.mass = (number @ related).tolist()
    visible = np.exp(-p.candidate_border * np.array(core.barrier))
    for one, two in region.agreements:
        a, b = region.city_ids.index(one), region.city_ids.index(two)
        visible[a, b] = visible[b, a] = visible[a, b] * (1.0 + p.agreement)
    near = np.exp(-np.array(core.minutes) / p.candidate_travel) * visible
    each = [[(c, f) for f in range(fields)] for c in range(cities)]
    core.far = [[Weights(range(cities), [near[c, d] * core.mass[d][f] * (c != d) for d in range(cities)]) for c, f in row] for row in each]
    core.fields_seen = [[Weights(range(fields), number[c] * related[f]) for c, f in row] for row in each]
    institutes = [actor for actor in core.actors if not actor.is_firm]
    matters = np.array([actor.size * (np.array(actor.research) @ related) for actor in institutes])  # (I, F)
    at = np.array([actor.city for actor in institutes])
    core.institutes_seen = [[Weights(institutes, near[c, at] * matters[:, f]) for f in range(fields)] for c in range(cities)]
    core.member_places = bay.network.alliance_member.shape[1]
    core.members = [[core.of_node[int(n)] for n in row if int(n) in core.of_node] for row in bay.network.alliance_member]


def reference_measures(core: Core) -> dict[str, float]:
    """What a quarter of the reference left."""
    firms = [actor for actor in core.actors if actor.is_firm]
    new = core.new
    # eight draws of the counts at the same means: less noise, same mean
    counts = [core.made, *({actor: core.count(mean) for actor, mean in core.means.items()} for _ in range(7))]
    return {
        "new_ties": len(new), "new_with_institute": sum(t.explore for t in new),
        "new_in_other_city": sum(t.one.city != t.two.city for t in new),
        "new_distance": float(np.mean([t.one.distance(t.two) for t in new])),
        "learning": sum(core.learned[a] for a in firms), "inventions": float(np.mean([sum(made[a] for a in firms) for made in counts])),
        "inventions_by_institutes": float(np.mean([sum(n for a, n in made.items() if not a.is_firm) for made in counts])),
        "level": float(np.mean([a.levels for a in firms])), "hires": len(core.hired),
        "hires_from_other_city": sum(person.city != employer.city for person, employer in core.hired), "adoptions": len(core.adopted),
    }
