"""Phase 2. People move.

Graduates enter, some people retire or leave skilled work. Posts follow research budgets. A share of the employed and
all people out of work look at posts (most of them in the own city) and compare them with the present one:

    U = wage_weight * ln(net wage) - rent_weight * ln(rent) + amenity_weight * amenities
        + cluster_weight * ln(people of the field) - travel_weight * ln(1 + minutes / 30)
        - (border_weight * barrier + recognition_weight * (1 - recognition) * gap) [other jurisdiction]
        - field_weight * (1 - relatedness) + Gumbel
        + pair(c, d) + origin(title, d)                       [policy only, ``exchange/talent.py``]

A common register shows ``register_posts`` further posts of other cities, by open posts alone, to whom it reaches.

Stayers feel differences between cities only at ``stayer_response`` (Akcigit, Baslandze & Stantcheva 2016: people who
may come in and people who may leave are different populations); newcomers from outside come only for a post above
their reservation, at their own responsiveness to what the bay offers above the wage outside (which grows with the
economy); people out of work for long leave for outside. Oversubscribed posts go by keyed rank.

Wages follow tightness and productivity: ln w grows by wage_response * ln((vacancies + 1) / (out of work + 1)),
bounded, plus the economy's growth, and is pulled back by wage_anchor to the city's productivity relative to the
start. Rents follow skilled people by the inverse of the housing supply elasticity. A mover takes weight and knowledge
along (arrivals close a part of the gap to the former employer) and leaves a tie behind. Choices are myopic.
"""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np

from greaterbay.actors.person import Dismissed, skill_of
from greaterbay.exchange import talent
from greaterbay.exchange.partnering import pick, remember
from greaterbay.kernels import inlined, jit, kernel
from greaterbay.streams import combine, gumbel, gumbel_below, uniform

Seekers = namedtuple("Seekers", ["alive", "id", "city", "field", "home", "weight", "employer", "idle"])
Ageing = namedtuple("Ageing", ["alive", "id", "employer", "age", "idle"])
Residents = namedtuple("Residents", ["alive", "city", "field", "weight", "employer"])
Staff = namedtuple("Staff", ["alive", "employer", "weight", "skill"])
Learners = namedtuple("Learners", ["staff", "capability"])
Posts = namedtuple("Posts", ["table", "start", "size", "city_cum", "register", "register_cum"])
Keys = namedtuple("Keys", ["look", "offer", "city", "utility", "leave", "age"])
Setting = namedtuple("Setting", [
    "city_value", "cluster", "travel_log", "barrier", "unrecognised", "related", "wage", "home_city", "pair_value", "origin_value",
])
TALENT_FLOWS = tuple(f"flow_talent_{origin}_{target}" for origin in ("firm", "institute", "person") for target in ("firm", "institute"))
LOCAL_TRIES = 6
FULL = 64  # places tried for a post before the table counts as full


@kernel
def _post_tables(vacancies, city, ids, table, start, size):
    """Open posts at hashed places: (employer, ordinal) decides the place, holes stay holes."""
    for e in range(vacancies.shape[0]):
        c = city[e]
        if vacancies[e] <= 0 or c < 0 or size[c] == 0:
            continue
        for k in range(vacancies[e]):
            place = np.int64(combine(ids[e], k) % np.uint64(size[c]))
            for _ in range(FULL):
                if table[start[c] + place] < 0:
                    table[start[c] + place] = e
                    break
                place = (place + 1) % size[c]


@inlined
def _draw_post(posts, city, key, identity, number):
    n = posts.size[city]
    if n == 0:
        return -1
    for attempt in range(LOCAL_TRIES):
        e = posts.table[posts.start[city] + int(uniform(key, identity, number * LOCAL_TRIES + attempt) * n)]
        if e >= 0:
            return e
    return -1


@inlined
def _offer_value(s, p, response, home, field, skill_city, city, employer_city, employer_field):
    """Utility of a post without noise; ``home`` jurisdiction's city index stands for the title's origin."""
    different = city != employer_city
    value = s.city_value[employer_city] + p.cluster_weight * s.cluster[employer_city, field] + s.origin_value[home, employer_city]
    if different:
        value = (response * (value + s.pair_value[city, employer_city])
                 + (1.0 - response) * (s.city_value[city] + p.cluster_weight * s.cluster[city, field] + s.origin_value[home, city]))
        value -= p.travel_weight * s.travel_log[city, employer_city] + p.border_weight * s.barrier[city, employer_city]
        value -= p.recognition_weight * s.unrecognised[s.home_city[home], employer_city]
    if employer_field >= 0:
        value -= p.field_weight * (1.0 - s.related[field, employer_field])
    return value


@kernel
def choose_posts(people, employer_city, employer_field, posts, s, keys, p, choice, expected):
    """Best post of every looking person: node in ``choice`` (rows,), -1 to stay, -2 to leave for outside.

    ``expected`` (P, P) adds the logit probability of accepting each offer in another city (weighted).
    """
    for i in range(people.alive.shape[0]):
        choice[i] = -1
        if people.alive[i] == 0:
            continue
        me = people.id[i]
        working = people.employer[i] >= 0
        if working and uniform(keys.look, me, 0) >= p.look:
            continue
        city, field, home = people.city[i], people.field[i], people.home[i]
        stayer = uniform(keys.age, me, 99) < p.stayer_share
        response = p.stayer_response if stayer else 1.0
        if working:
            v_stay = _offer_value(s, p, response, home, field, city, city, city,
                                  employer_field[people.employer[i]]) + p.stay_bonus
        else:
            v_stay = s.city_value[city] + p.cluster_weight * s.cluster[city, field] - 2.0
        best = v_stay + gumbel(keys.utility, me, 0)
        seen = int(p.offers)
        if posts.register[city] > 0.0 and uniform(keys.look, me, 1) < posts.register[city]:
            seen += int(p.register_posts)
        for k in range(seen):
            if k >= int(p.offers):
                c = pick(posts.register_cum[city], uniform(keys.city, me, 2 * k + 1))
                if c < 0:
                    continue
            elif uniform(keys.city, me, 2 * k) < (p.local_share if working else p.local_share_idle):
                c = city
            else:
                c = pick(posts.city_cum[city], uniform(keys.city, me, 2 * k + 1))
                if c < 0 or c >= s.city_value.shape[0]:  # a border hides posts, it does not show others instead
                    continue
            e = _draw_post(posts, c, keys.offer, me, k)
            if e < 0 or e == people.employer[i]:
                continue
            value = _offer_value(s, p, response, home, field, city, city, c, employer_field[e])
            if c != city:
                expected[city, c] += people.weight[i] / (1.0 + math.exp(min(40.0, max(-40.0, v_stay - value))))
            other = combine(me, e)
            if gumbel_below(uniform(keys.utility, other, 1), best - value):
                continue
            u = value + gumbel(keys.utility, other, 1)
            if u > best:
                best = u
                choice[i] = e
        if not working and choice[i] == -1 and people.idle[i] >= 2:
            u = s.city_value[city] + p.outside_option + gumbel(keys.leave, me, 0)
            if u > best:
                choice[i] = -2


@jit
def settle(choice, ids, vacancies, key, accepted):
    """Applicants of an oversubscribed employer are ranked by a keyed draw; ``accepted`` (rows,) is 1 for those hired."""
    n = choice.shape[0]
    employers = vacancies.shape[0]
    offset = np.zeros(employers + 1, np.int64)
    for i in range(n):
        accepted[i] = 0
        if choice[i] >= 0:
            offset[choice[i] + 1] += 1
    for e in range(employers):
        offset[e + 1] += offset[e]
    order = np.empty(offset[employers], np.int64)
    rank = np.empty(offset[employers])
    place = offset[:employers].copy()
    for i in range(n):
        if choice[i] >= 0:
            order[place[choice[i]]] = i
            rank[place[choice[i]]] = uniform(key, ids[i], 0)
            place[choice[i]] += 1
    for e in range(employers):
        a, b = offset[e], offset[e + 1]
        if b - a <= vacancies[e]:
            for q in range(a, b):
                accepted[order[q]] = 1
        else:
            best = np.argsort(rank[a:b])
            for q in range(max(0, vacancies[e])):
                accepted[order[a + best[q]]] = 1


@kernel
def _headcounts(people, staff, skill, heads):
    for i in range(people.alive.shape[0]):
        e = people.employer[i]
        if e >= 0 and people.alive[i]:
            staff[e] += people.weight[i]
            skill[e] += people.weight[i] * people.skill[i]
            heads[e] += 1


def count_staff(bay) -> None:
    """Weighted staff, skill and heads of every employer, from the people table."""
    count = bay.institutes.capacity
    n = count + bay.firms.capacity
    staff, skill, heads = np.zeros(n), np.zeros(n), np.zeros(n, np.int64)
    _headcounts(bay.people.part(Staff), staff, skill, heads)
    for table, part in ((bay.institutes, slice(0, count)), (bay.firms, slice(count, n))):
        table.staff[:], table.skill[:], table.heads[:] = staff[part], skill[part], heads[part]


def open_posts(bay) -> None:
    """Posts wanted follow the research budget; people too many are let go one by one."""
    firms, institutes, people, quarter = bay.firms, bay.institutes, bay.people, bay.quarter
    share = bay.parameters.economy.wage_share_rd
    city_wage = bay.prices.wage_city / 4.0  # million CNY a quarter
    per_person = bay.world.person_weight_city
    rows = firms.alive_rows()
    budget = firms.rd_intensity[rows] * firms.sales[rows] + firms.rd_granted[rows]
    budget = np.minimum(budget, np.maximum(firms.rd_paid[rows] * 1.05 + firms.rd_granted[rows], 0.0))
    real = share * budget / city_wage[firms.city[rows]]
    firms.posts[rows] = real * firms.weight[rows] / per_person[firms.city[rows]]
    institutes.posts[:] = share * institutes.rd_paid / city_wage[institutes.city] / per_person[institutes.city]
    let_go = False
    for table, live, ids in ((firms, rows, firms.id[rows]), (institutes, np.arange(institutes.capacity), institutes.id)):
        draw = bay.streams.uniforms("rounding", 0, ids, 3)
        wanted = np.floor(table.posts[live] + draw).astype(np.int64)
        table.vacancies[live] = np.maximum(0, wanted - table.heads[live])
        surplus = table.heads[live] - np.ceil(wanted * 1.1).astype(np.int64) - 1
        shift = 0 if table is institutes else institutes.capacity
        over = np.zeros(institutes.capacity + firms.capacity, np.int64)
        over[live[surplus > 0] + shift] = surplus[surplus > 0]
        if over.any():
            heads = np.concatenate((institutes.heads, firms.heads))
            _let_go(people.part(Dismissed), over / np.maximum(heads, 1), bay.streams.key("layoff", quarter))
            let_go = True
    if let_go:
        count_staff(bay)


@kernel
def _let_go(people, share, key):
    """Every employee of a firm with too many goes with the same keyed chance, so the order of rows does not matter."""
    for i in range(people.alive.shape[0]):
        e = people.employer[i]
        if people.alive[i] and e >= 0 and share[e] > 0.0 and uniform(key, people.id[i], 0) < share[e]:
            people.former[i] = e
            people.employer[i] = -1
            people.idle[i] = 0


@kernel
def _age(people, key, retirement, attrition, idle_exit, gone):
    """Everybody ages, people out of work wait; fill ``gone`` with the rows that retire or leave and return their number."""
    n = 0
    for i in range(people.alive.shape[0]):
        if people.alive[i] == 0:
            continue
        people.age[i] += np.float32(0.25)
        if people.employer[i] < 0:
            people.idle[i] += 1
        hazard = retirement if people.age[i] >= 55.0 else attrition
        if people.idle[i] >= 2:
            hazard = max(hazard, idle_exit)
        if uniform(key, people.id[i], 0) < hazard:
            gone[n] = i
            n += 1
    return n


def age_and_retire(bay) -> None:
    """A quarter of age; retirement and attrition by keyed hazards."""
    p, people, quarter = bay.parameters.mobility, bay.people, bay.quarter
    gone = np.empty(people.capacity, np.int64)
    gone = gone[: _age(people.part(Ageing), bay.streams.key("age", quarter), p.retirement, p.attrition, p.idle_exit, gone)]
    bay.tally.add("retired", people.city[gone], people.weight[gone])
    bay.stocks.people_out += people.weight[gone].sum()
    people.clear(gone)


def graduate(bay):
    """Graduates of the quarter enter out of work in their university's city.

    Returns who has a second supervisor: rows of people, firms (nodes), institutes; None when nobody has.
    """
    people, institutes, region, quarter = bay.people, bay.institutes, bay.region, bay.quarter
    weight = bay.world.person_weight_city[institutes.city]
    number = institutes.graduates / 4.0 / weight
    draw = bay.streams.uniforms("graduates", quarter, institutes.id)
    count = np.floor(number + draw).astype(int)
    origin = np.repeat(np.arange(institutes.capacity), count)
    if origin.size == 0:
        return None
    ordinal = np.arange(origin.size) - np.repeat(np.cumsum(count) - count, count)
    ids = np.empty(origin.size, np.uint64)
    _new_ids(institutes.id[origin], quarter, ordinal, ids)
    rows = people.free_rows(origin.size)
    fields = np.cumsum(institutes.field_weight[origin], axis=1)
    draw = bay.streams.uniforms("graduates", quarter, ids, 1)
    enter(bay, rows, ids, institutes.city[origin], (draw[:, None] * fields[:, -1:] > fields).sum(axis=1),
          region.jurisdiction_city[institutes.city[origin]], weight[origin], 25.0)
    bay.tally.add("graduates", people.city[rows], people.weight[rows])
    bay.stocks.people_in += people.weight[rows].sum()
    return talent.train_jointly(bay, rows, origin) if bay.values.joint_training.any() else None


@kernel
def _new_ids(origin, quarter, ordinal, out):
    for i in range(out.shape[0]):
        out[i] = combine(combine(origin[i], quarter), ordinal[i])


def enter(bay, rows, ids, city, field, home, weight, age) -> None:
    """Write new rows of people, out of work."""
    people = bay.people
    people.alive[rows], people.id[rows] = 1, ids
    people.city[rows], people.field[rows], people.home[rows] = city, field, home
    people.weight[rows], people.age[rows] = weight, age
    people.employer[rows] = people.former[rows] = -1
    people.skill[rows] = skill_of(ids, bay)


def bring_newcomers(bay, posts, setting) -> tuple[np.ndarray, np.ndarray]:
    """People outside look at a post in a city; those above their reservation come (rows, employers)."""
    p, people, region, quarter = bay.parameters.mobility, bay.people, bay.region, bay.quarter
    cities = len(region.city_ids)
    # the number of those who look follows the starting stock, so that policy does not change who they are
    number = p.newcomers * bay.world.newcomers_start / bay.world.person_weight_city
    count = np.floor(number + bay.streams.uniforms("newcomers", quarter, bay.world.newcomer_cells)).astype(int).ravel()
    cell = np.repeat(np.arange(count.size), count)
    if cell.size == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    place, city = cities + cell // cities, cell % cities
    ids = np.empty(cell.size, np.uint64)
    _new_ids(bay.world.newcomer_ids.ravel()[cell], quarter, np.arange(cell.size) - np.repeat(np.cumsum(count) - count, count), ids)
    cumulative = bay.world.field_cum_city[city]
    fields = (bay.streams.uniforms("newcomers", quarter, ids, 1)[:, None] * cumulative[:, -1:] > cumulative).sum(axis=1)
    # of those abroad some once left the bay: they hold titles of the place they look in
    back = (place > cities) & (bay.streams.uniforms("newcomers", quarter, ids, 4) < p.returnees)
    home = np.where(back, region.jurisdiction_city[city], len(region.jurisdiction_ids) + place - cities)
    post = np.empty(cell.size, np.int64)
    response = bay.world.outside_response[place - cities]
    _newcomer_posts(ids, fields, city, place, home, back, posts, setting, bay.labour.employer_field, p, response,
                    np.log(region.outside_wage * bay.economy.growth_level), bay.streams.key("newcomers", quarter), post)
    keep = post >= 0
    ids, fields, city, place, home, post = ids[keep], fields[keep], city[keep], place[keep], home[keep], post[keep]
    rows = people.free_rows(ids.size)
    enter(bay, rows, ids, city, fields, home, bay.world.person_weight_city[city], 32.0)
    people.former[rows] = -2 - (place - cities)  # origin kept until the move is booked
    return rows, post


@kernel
def _newcomer_posts(ids, fields, city, place, home, back, posts, s, employer_field, p, response, outside_wage, key, post):
    for i in range(ids.shape[0]):
        post[i] = -1
        here, origin = city[i], place[i]
        best = p.newcomer_reservation + gumbel(key, ids[i], 2)
        there = p.wage_weight * outside_wage[origin - s.city_value.shape[0]]
        for k in range(2):
            e = _draw_post(posts, here, key, ids[i], 10 + k)
            if e < 0:
                continue
            value = response[i] * (s.city_value[here] + p.cluster_weight * s.cluster[here, fields[i]] + s.origin_value[home[i], here]
                                   + s.pair_value[origin, here] - there)
            if not back[i]:
                value -= p.border_weight * s.barrier[origin, here] + p.recognition_weight * s.unrecognised[origin, here]
            if employer_field[e] >= 0:
                value -= p.field_weight * (1.0 - s.related[fields[i], employer_field[e]])
            value += gumbel(key, combine(ids[i], e), 3)
            if value > best:
                best = value
                post[i] = e


@kernel
def _clusters(people, cluster):
    """People (weighted) by city and field."""
    for i in range(people.alive.shape[0]):
        if people.alive[i]:
            cluster[people.city[i], people.field[i]] += people.weight[i]


def city_setting(bay) -> Setting:
    """What a person compares between cities."""
    p, region, values, people = bay.parameters.mobility, bay.region, bay.values, bay.people
    prices, reference, cities = bay.prices, bay.reference, len(region.city_ids)
    amenity = 0.5 * (region.schooling_city + region.medical_city)
    net = prices.wage_city * (1.0 - bay.world.personal_tax_city)
    value = (p.wage_weight * np.log(net / reference.wage_reference) - p.rent_weight * np.log(prices.rent_city / reference.rent_reference)
             + p.amenity_weight * (amenity - reference.amenity_reference))
    cluster = np.zeros((cities, len(region.field_ids)))
    _clusters(people.part(Residents), cluster)
    home = np.concatenate((bay.world.jurisdiction_seat, np.arange(cities, cities + 2)))
    return Setting(value, np.log1p(cluster / 100.0), np.log1p(values.travel_minutes / 30.0), values.barrier_talent,
                   values.unrecognised, region.relatedness_field, prices.wage_city, home, talent.pair_terms(bay), talent.origin_terms(bay))


def employers(bay) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """City (-1 for empty rows), field (-1 for institutes) and open posts of every employer (N,)."""
    firms, institutes = bay.firms, bay.institutes
    city = np.concatenate((institutes.city, np.where(firms.alive == 1, firms.city, -1))).astype(np.int64)
    field = np.concatenate((np.full(institutes.capacity, -1), firms.field)).astype(np.int64)
    return city, field, np.concatenate((institutes.vacancies, firms.vacancies)).astype(np.int64)


def lay_out_posts(bay, employer_city: np.ndarray, vacancies: np.ndarray) -> Posts:
    """Open posts at hashed places by city, and the weights of other cities for whoever looks there."""
    cities, size = len(bay.region.city_ids), bay.world.post_places
    ids = np.concatenate((bay.institutes.id, bay.firms.id))
    start = np.concatenate(([0], np.cumsum(size)[:-1])).astype(np.int64)
    table = np.full(int(size.sum()), -1, np.int64)
    _post_tables(vacancies, employer_city, ids, table, start, size)
    open_city = np.bincount(employer_city[vacancies > 0], weights=vacancies[vacancies > 0], minlength=cities)
    minutes = bay.values.travel_minutes[:cities, :cities]
    barrier = bay.values.barrier_talent[:cities, :cities]
    near = np.exp(-minutes / 60.0) * open_city[None, :] * (1.0 - np.eye(cities))
    pull = near * np.exp(-barrier)
    hidden = (near - pull).sum(axis=1, keepdims=True)
    listed = open_city[None, :] * (1.0 - np.eye(cities))
    return Posts(table, start, size, np.cumsum(np.concatenate((pull, hidden), axis=1), axis=1), bay.values.register_reach,
                 np.cumsum(listed, axis=1))


def choose_everywhere(bay, posts: Posts, setting: Setting, employer_city: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Post chosen by every person (rows,): a node, -1 to stay, -2 to leave the bay; and expected moves between places (P, P)."""
    return _choose(bay, posts, setting, employer_city, bay.parameters.mobility)


def choose_at_home(bay, posts: Posts, setting: Setting, employer_city: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Off (and during the warm-up): people look at posts of their own city only, and nobody leaves the bay."""
    p = bay.parameters.mobility._replace(local_share=1.0, local_share_idle=1.0, outside_option=-1e9)
    return _choose(bay, posts, setting, employer_city, p)


def _choose(bay, posts, setting, employer_city, p) -> tuple[np.ndarray, np.ndarray]:
    keys = Keys(*(bay.streams.key(name, 0 if name == "age" else bay.quarter)
                  for name in ("look", "offer", "offer_city", "job_utility", "leave", "age")))
    choice, expected = np.empty(bay.people.capacity, np.int64), np.zeros((len(bay.region.place_ids),) * 2)
    choose_posts(bay.people.part(Seekers), employer_city, bay.labour.employer_field, posts, setting, keys, p, choice, expected)
    return choice, expected


def no_newcomers(bay, posts: Posts, setting: Setting) -> tuple[np.ndarray, np.ndarray]:
    """Off (and during the warm-up): nobody comes from outside."""
    return np.zeros(0, np.int64), np.zeros(0, np.int64)


def no_graduates(bay) -> None:
    """Off: no graduate enters skilled work."""


def move_people(bay) -> None:
    """Phase 2 in order: age, graduates, posts, choices, hires, wages and rents."""
    people, tally, mechanisms = bay.people, bay.tally, bay.mechanisms
    age_and_retire(bay)
    if bay.warming:
        replace_leavers(bay)
        trained = None
    else:
        trained = mechanisms.graduates(bay)
    count_staff(bay)
    open_posts(bay)
    talent.open_quarter(bay)
    employer_city, bay.labour.employer_field, vacancies = employers(bay)
    if trained is not None:
        talent.place_trained(bay, trained, hire, employer_city)
        vacancies = employers(bay)[2]
    posts, setting = lay_out_posts(bay, employer_city, vacancies), city_setting(bay)
    newcomers, choose = (no_newcomers, choose_at_home) if bay.warming else (mechanisms.newcomers, mechanisms.moves)
    arrivals, arrival_posts = newcomers(bay, posts, setting)
    choice, expected = choose(bay, posts, setting, employer_city)
    choice[arrivals] = arrival_posts
    tally.matrix("expected_talent")[:] += expected
    accepted = np.empty(people.capacity, np.int8)
    settle(choice, people.id, vacancies, bay.streams.key("job_rank", bay.quarter), accepted)
    leave_bay(bay, np.flatnonzero(choice == -2))
    people.clear(arrivals[accepted[arrivals] == 0])
    hire(bay, np.flatnonzero(accepted == 1), choice, employer_city)
    if bay.values.team_share.any():
        welcome_teams(bay, setting, employer_city)
    if bay.values.named_talents.any():
        talent.learn_from_named(bay)
    count_staff(bay)
    set_wages_and_rents(bay, employer_city)


def welcome_teams(bay, setting, employer_city: np.ndarray) -> None:
    """Teams from abroad come with their grants and begin at an institute."""
    people, region = bay.people, bay.region
    (rows, ids, city, field, weight), employer = talent.invite_teams(bay, setting)
    enter(bay, rows, ids, city, field, len(region.jurisdiction_ids) + 1, weight, talent.TEAM_AGE)
    people.skill[rows] *= bay.parameters.mobility.team_skill
    people.former[rows] = -3  # from abroad, until the move is booked
    choice = np.full(people.capacity, -1, np.int64)
    choice[rows] = employer
    hire(bay, rows, choice, employer_city)


def replace_leavers(bay) -> None:
    """Warm-up: whoever retires is replaced by a graduate of the same city, field and weight, so stocks stand still."""
    people, start = bay.people, bay.world.people_start
    gone = np.flatnonzero((people.alive == 0) & (start["weight"] > 0))
    if gone.size == 0:
        return
    ids = np.empty(gone.size, np.uint64)
    _new_ids(start["id"][gone], bay.quarter, np.zeros(gone.size, np.int64), ids)
    enter(bay, gone, ids, start["city"][gone], start["field"][gone], start["home"][gone], start["weight"][gone], 25.0)
    bay.stocks.people_in += people.weight[gone].sum()
    bay.tally.add("graduates", people.city[gone], people.weight[gone])


def leave_bay(bay, rows: np.ndarray) -> None:
    """People out of work leave for the rest of China or abroad, by home."""
    people, region = bay.people, bay.region
    cities = len(region.city_ids)
    mainland = bay.world.mainland_city[people.city[rows]]
    place = np.where(mainland, cities, cities + 1)
    bay.tally.flow("flow_talent_person_person", people.city[rows], place, people.weight[rows])
    bay.stocks.people_out += people.weight[rows].sum()
    people.clear(rows)


def hire(bay, rows: np.ndarray, choice: np.ndarray, employer_city: np.ndarray) -> None:
    """Accepted people take their posts: flows are booked, knowledge moves, a tie stays behind."""
    people, region, tally, count = bay.people, bay.region, bay.tally, bay.institutes.capacity
    cities = len(region.city_ids)
    former, new = people.employer[rows], choice[rows]
    origin = np.where(people.former[rows] <= -2, cities - 2 - people.former[rows], people.city[rows])
    there, weight = employer_city[new], people.weight[rows]
    moved = origin != there
    _book_moves(origin, there, weight, former, new, count, *(tally.matrix(name) for name in TALENT_FLOWS))
    from_outside = origin >= cities
    bay.stocks.people_in += weight[from_outside].sum()
    inside = moved & ~from_outside
    tally.add("talent_newcomers", there[from_outside], weight[from_outside])
    tally.add("talent_moves_in", there[inside], weight[inside])
    cross = inside.copy()
    cross[inside] = region.jurisdiction_city[origin[inside]] != region.jurisdiction_city[there[inside]]
    tally.add("talent_border", there[cross], weight[cross])
    register_moves(bay, rows[cross], there[cross])
    bay.mechanisms.movers(bay, rows, former, new)
    people.former[rows] = np.where(former >= 0, former, np.maximum(people.former[rows], -1))
    people.employer[rows] = new
    people.city[rows] = there
    people.idle[rows] = 0
    talent.settle_arrivals(bay, rows[moved], origin[moved], there[moved])


def carry_knowledge(bay, rows: np.ndarray, former: np.ndarray, new: np.ndarray) -> None:
    """Knowledge moves with people (rows) who leave an employer (nodes ``former``) for a firm (``new``), and a tie stays behind."""
    count = bay.institutes.capacity
    carry = (former >= 0) & (new >= count)
    if bay.warming or not carry.any():
        return
    _carry(bay.firms.part(Learners), bay.institutes.capability, former[carry], new[carry], count, bay.people.field[rows][carry],
           bay.people.weight[rows][carry], bay.parameters.learning.mover)
    remember(bay, new[carry], former[carry])
    remember(bay, former[carry], new[carry])


def carry_nothing(bay, rows: np.ndarray, former: np.ndarray, new: np.ndarray) -> None:
    """Off: movers bring no knowledge and leave no tie behind."""


@kernel
def _book_moves(origin, there, weight, former, new, count, firm_firm, firm_institute, institute_firm, institute_institute, person_firm,
                person_institute):
    """Moves between places, by what one worked for before (nobody: a person) and works for now."""
    for k in range(origin.shape[0]):
        a, b = origin[k], there[k]
        if a == b:
            continue
        if former[k] < 0:
            flow = person_institute if new[k] < count else person_firm
        elif former[k] < count:
            flow = institute_institute if new[k] < count else institute_firm
        else:
            flow = firm_institute if new[k] < count else firm_firm
        flow[a, b] += weight[k]


@kernel
def _carry(firms, institute_levels, former, new, count, field, weight, share):
    """Arrivals close a part of the gap to the former employer in their field, in proportion to their number."""
    for i in range(former.shape[0]):
        r = new[i] - count
        part = min(0.5, share * 10.0 * weight[i] / max(firms.staff[r] + weight[i], 1e-9))
        for k in range(4):
            c = 4 * field[i] + k
            source = institute_levels[former[i], c] if former[i] < count else firms.capability[former[i] - count, c]
            gap = source - firms.capability[r, c]
            if gap > 0.0:
                firms.capability[r, c] += part * gap


def register_moves(bay, rows: np.ndarray, there: np.ndarray) -> None:
    """The city of destination pays for each move that mutual recognition covers."""
    added = bay.values.recognition_added
    if not added.any() or rows.size == 0:
        return
    share = added[bay.people.city[rows], there]
    cost = bay.people.weight[rows] * share * bay.parameters.mobility.registry_cost
    bay.budgets.pay_by_city("recognition", np.bincount(there, weights=cost, minlength=len(bay.region.city_ids)))


@kernel
def _residents(people, talent, heads, idle_heads):
    """People by city: weighted, rows, rows out of work."""
    for i in range(people.alive.shape[0]):
        if people.alive[i]:
            c = people.city[i]
            talent[c] += people.weight[i]
            heads[c] += 1
            if people.employer[i] < 0:
                idle_heads[c] += 1


def wages_by_tightness(bay, tightness: np.ndarray) -> np.ndarray:
    """Wages of the quarter (C,): tightness, growth of the economy, and a pull back to the city's productivity."""
    p, productive = bay.parameters.mobility, bay.economy.productivity_city / bay.reference.productivity_city_start
    gap = np.log(bay.prices.wage_city / (bay.reference.wage_start * bay.economy.growth_level * productive))
    return bay.prices.wage_city * np.exp(
        p.wage_response * np.clip(tightness, -1.5, 1.5) + bay.economy.growth_now - p.wage_anchor * gap)


def wages_with_growth(bay, tightness: np.ndarray) -> np.ndarray:
    """Off: wages follow the economy's growth and nothing else."""
    return bay.prices.wage_city * np.exp(bay.economy.growth_now)


def rents_by_people(bay) -> np.ndarray:
    """Rents of the quarter (C,): skilled people relative to the start, the more the less elastic housing supply is."""
    ratio = bay.labour.talent_city / bay.reference.talent_start
    power = bay.parameters.mobility.rent_response / bay.region.housing_elasticity_city
    return bay.reference.rent_start * bay.economy.growth_level * np.maximum(ratio, 0.05) ** power


def rents_with_growth(bay) -> np.ndarray:
    """Off: rents follow the economy's growth and nothing else."""
    return bay.reference.rent_start * bay.economy.growth_level


def set_wages_and_rents(bay, employer_city: np.ndarray) -> None:
    """People and open posts by city are counted; wages and rents follow, or stand still during the warm-up."""
    labour, cities = bay.labour, len(bay.region.city_ids)
    labour.talent_city, heads, idle_heads = np.zeros(cities), np.zeros(cities, np.int64), np.zeros(cities, np.int64)
    _residents(bay.people.part(Residents), labour.talent_city, heads, idle_heads)
    filled = np.concatenate((bay.institutes.heads, bay.firms.heads))
    wanted = np.concatenate((bay.institutes.posts, bay.firms.posts))
    valid = employer_city >= 0
    open_now = np.bincount(employer_city[valid], weights=np.maximum(wanted - filled, 0.0)[valid], minlength=cities)
    bay.tally.set("vacancies", open_now * bay.world.person_weight_city)
    if bay.warming:
        return
    tightness = np.log((open_now + 0.02 * heads + 1.0) / (idle_heads + 0.02 * heads + 1.0))
    bay.prices.wage_city[:] = bay.mechanisms.wages(bay, tightness)
    bay.prices.rent_city = bay.mechanisms.rents(bay)
