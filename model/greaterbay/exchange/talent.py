"""Phase 2, what policy offers to people: register, welfare, homes, joint training, teams from abroad, tax, named talents.

None of it is there at the start. What a person compares between cities (``exchange/mobility.py``) then holds further terms:

    pair(c, d)   = amenity_weight * linked_d * [better of c and d - d]          who moves from c to d keeps claims (welfare)
                   - rent_weight * ln(1 - home_relief) * chance_d               and may get a home
    origin(h, d) = wage_weight * ln((1 - tax_d + cut_d) / (1 - tax_d))          title h from another customs territory (tax)

``chance_d`` is homes left over arrivals of the quarter before. Both terms enter where wages do, so stayers feel them at
``stayer_response``; the pair term reaches who comes and nobody who is there, the origin term outsiders and no insider.

*Joint training.* A share of the graduates, by a keyed draw, has a second supervisor in a firm tied to the institute, else in
one of the own city and field. Its skill is 1 + training_skill times what it were; it takes an open post of that firm at once
(first identities first), and firm and institute remember each other.

*Teams.* A city invites as many people abroad as the money set aside pays for, ``team_applicants`` for each place. One of them
comes with chance 1 - (1 - a)**team_applicants, a = logistic(value of the city with the package - reservation). They bring
``team_grant`` / ``team_size`` each to an institute drawn by researchers.

*Named talents* are people at work above the skill quantile 1 - named_top with a keyed draw below share / named_top. Staff of
the same employer up to ``base_age`` close ``base_learning`` of the gap to their mean skill every quarter, times the share of
them for whom there is a place (``base_places`` for each named talent, so that thinned staff learn as much as the whole).
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.person import named_rows
from greaterbay.actors.places import draw_firms
from greaterbay.exchange.partnering import remember
from greaterbay.kernels import kernel
from greaterbay.policy.local_services import from_another_territory
from greaterbay.streams import combine, uniform

TEAM_AGE = 38.0


def kept_amenities(schooling: np.ndarray, medical: np.ndarray, linked: np.ndarray) -> np.ndarray:
    """Gain of amenities of who moves from a city (row) to another (column) and keeps the better one (C, C)."""
    def gain(level):
        return np.maximum(0.0, level[:, None] - level[None, :])

    return 0.5 * (gain(schooling) + gain(medical)) * linked[None, :]


def chance_of_home(bay) -> np.ndarray:
    """Homes left for each arrival of the quarter before (C,), at most one."""
    return np.minimum(1.0, bay.labour.homes_left / np.maximum(bay.labour.arrivals_before, 1e-9))


def pair_terms(bay) -> np.ndarray:
    """Utility of arriving from a place in a city (P, C) beyond what residents have; zero without policy."""
    p, values, region = bay.parameters.mobility, bay.values, bay.region
    cities = len(region.city_ids)
    out = np.zeros((len(region.place_ids), cities))
    if values.welfare_linked.any():
        linked = values.welfare_linked * bay.labour.welfare_paid_before
        out[:cities] += p.amenity_weight * kept_amenities(region.schooling_city, region.medical_city, linked)
    if values.talent_homes.any():
        gain = -p.rent_weight * np.log(1.0 - p.home_relief) * chance_of_home(bay)
        out += gain[None, :]
        out[np.arange(cities), np.arange(cities)] = 0.0
    return out


def origin_terms(bay) -> np.ndarray:
    """Utility of a title's origin in a city (H, C): tax relief for titles of another customs territory; zero without policy."""
    values, region = bay.values, bay.region
    out = np.zeros((region.customs_pair.shape[0], len(region.city_ids)))
    if values.tax_cut.any():
        net = np.maximum(1.0 - bay.world.personal_tax_city, 1e-6)
        gain = bay.parameters.mobility.wage_weight * np.log(np.clip(net + values.tax_cut, 0.05, 1.0) / net)
        out += np.where(from_another_territory(region), gain[None, :], 0.0)
    return out


# ---------------------------------------------------------------- homes and claims


def open_quarter(bay) -> None:
    """Arrivals are counted anew; homes of the quarter are added to those left, at most a year of them is kept."""
    bay.labour.arrivals_before, bay.labour.arrivals_city = bay.labour.arrivals_city, np.zeros_like(bay.labour.arrivals_city)
    bay.labour.welfare_paid_before, bay.labour.welfare_paid = bay.labour.welfare_paid, np.ones_like(bay.labour.welfare_paid)
    supply = bay.values.talent_homes * bay.reference.talent_start / 4.0
    bay.labour.homes_left = np.minimum(bay.labour.homes_left + supply, 4.0 * supply)


def within_left(city: np.ndarray, weight: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Who fits, in the order given, into what is left by city (bool): sums up to and with oneself stay within it."""
    fits = np.zeros(city.size, bool)
    for c in np.flatnonzero(left > 0.0):
        here = np.flatnonzero(city == c)
        fits[here] = np.cumsum(weight[here]) <= left[c] + 1e-9
    return fits


def settle_arrivals(bay, rows: np.ndarray, origin: np.ndarray, there: np.ndarray) -> None:
    """Arrivals of the quarter from other places (rows of people): counted, homes let, claims taken over and paid."""
    people, region, p = bay.people, bay.region, bay.parameters.mobility
    cities = len(region.city_ids)
    weight = people.weight[rows]
    bay.labour.arrivals_city += np.bincount(there, weights=weight, minlength=cities)
    if bay.values.talent_homes.any():
        order = np.argsort(people.id[rows], kind="stable")
        order = order[within_left(there[order], weight[order], bay.labour.homes_left)]
        rent = bay.prices.rent_city[there[order]] / bay.economy.growth_level
        paid = bay.budgets.pay_for_service("talent_homes", there[order], p.home_cost * rent * weight[order], people.id[rows[order]])
        bay.labour.homes_left -= np.bincount(there[order[paid]], weights=weight[order[paid]], minlength=cities)
        bay.labour.homes_left = np.maximum(bay.labour.homes_left, 0.0)
    if bay.values.welfare_linked.any():
        inside = origin < cities
        cost = p.welfare_cost * np.bincount(there[inside], weights=weight[inside], minlength=cities) * bay.values.welfare_linked
        bay.labour.welfare_paid = np.minimum(bay.labour.welfare_paid, bay.budgets.pay_by_city("welfare_linked", cost))


# ---------------------------------------------------------------- joint training


@kernel
def _supervisors(institute, ids, offset, neighbour, count, key, out):
    """A firm tied to the institute by a keyed draw; -1 where the drawn partner is no firm."""
    for i in range(institute.shape[0]):
        out[i] = -1
        begin, end = offset[institute[i]], offset[institute[i] + 1]
        if end > begin:
            j = neighbour[begin + np.int64(uniform(key, ids[i], 0) * (end - begin))]
            if j >= count:
                out[i] = j


def second_supervisors(bay, institute: np.ndarray, ids: np.ndarray, city: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Firm (node) that supervises each graduate besides the institute; -1 when there is none."""
    count = bay.institutes.capacity
    out = np.empty(ids.size, np.int64)
    key = bay.streams.key("training", bay.quarter)
    _supervisors(institute.astype(np.int64), ids, bay.network.adjacency.offset, bay.network.adjacency.neighbour, count, key, out)
    gone = (out >= 0) & (bay.firms.alive[np.maximum(out - count, 0)] == 0)
    out[gone] = -1
    alone = np.flatnonzero(out < 0)
    found = draw_firms(bay, city[alone].astype(np.int64) * len(bay.region.field_ids) + field[alone], ids[alone], key)
    out[alone] = np.where(found >= 0, found + count, -1)
    return out


def train_jointly(bay, rows: np.ndarray, institute: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Graduates (rows of people, their institutes) with a second supervisor: skill rises. Returns rows, firms (nodes), institutes."""
    people, p = bay.people, bay.parameters.mobility
    chosen = bay.streams.uniforms("graduates", bay.quarter, people.id[rows], 2) < bay.values.joint_training[people.city[rows]]
    rows, institute = rows[chosen], institute[chosen]
    firm = second_supervisors(bay, institute, people.id[rows], people.city[rows], people.field[rows])
    rows, institute, firm = rows[firm >= 0], institute[firm >= 0], firm[firm >= 0]
    city = people.city[rows].astype(np.int64)
    paid = bay.budgets.pay_for_service("joint_training", city, p.training_cost * people.weight[rows], people.id[rows])
    rows, institute, firm = rows[paid], institute[paid], firm[paid]
    people.skill[rows] *= 1.0 + p.training_skill
    return rows, firm, institute


def posts_at(firm: np.ndarray, ids: np.ndarray, vacancies: np.ndarray) -> np.ndarray:
    """Who gets an open post of the firm (bool): the first identities, as many as the firm has posts."""
    order = np.lexsort((ids, firm))
    sorted_firm = firm[order]
    first = np.searchsorted(sorted_firm, sorted_firm, side="left")
    hired = np.zeros(firm.size, bool)
    hired[order] = np.arange(firm.size) - first < vacancies[sorted_firm]
    return hired


def place_trained(bay, trained, hire, employer_city: np.ndarray) -> None:
    """Jointly trained graduates take open posts of their firm; firm and institute remember each other."""
    rows, firm, institute = trained
    count, firms = bay.institutes.capacity, bay.firms
    hired = posts_at(firm - count, bay.people.id[rows], firms.vacancies)
    np.subtract.at(firms.vacancies, firm[hired] - count, 1)
    choice = np.full(bay.people.capacity, -1, np.int64)
    choice[rows[hired]] = firm[hired]
    hire(bay, rows[hired], choice, employer_city)
    remember(bay, firm, institute)
    remember(bay, institute, firm)


# ---------------------------------------------------------------- teams from abroad


def chance_to_come(value: np.ndarray, applicants: float) -> np.ndarray:
    """Chance that one of some applicants comes, each with the logistic of ``value``."""
    each = 1.0 / (1.0 + np.exp(-np.clip(value, -40.0, 40.0)))
    return -np.expm1(applicants * np.log1p(-np.minimum(each, 1.0 - 1e-12)))


def invite_teams(bay, setting) -> tuple[np.ndarray, np.ndarray]:
    """Members of teams that come this quarter enter (rows of people, employing institutes); their grants are paid."""
    p, values, region, people, institutes = bay.parameters.mobility, bay.values, bay.region, bay.people, bay.institutes
    cities, quarter = len(region.city_ids), bay.quarter
    wanted = values.team_share * bay.public_money.science_budget_now / 4.0
    left = bay.budgets.affordable("team_share", bay.labour.team_left + wanted).sum(axis=1)
    lacking = np.maximum(0.0, bay.labour.team_left + wanted - left)
    each = p.team_grant / p.team_size
    staffed = np.bincount(institutes.city, weights=institutes.researchers, minlength=cities) > 0.0
    places = np.where(staffed, np.floor(left / (each * bay.world.person_weight_city) + 1e-9), 0.0).astype(int)
    city = np.repeat(np.arange(cities), places)
    ids = np.empty(city.size, np.uint64)
    _ids(bay.world.team_ids[city], quarter, np.arange(city.size) - np.repeat(np.cumsum(places) - places, places), ids)
    mix = bay.world.field_cum_city[city]
    field = (bay.streams.uniforms("teams", quarter, ids, 1)[:, None] * mix[:, -1:] > mix).sum(axis=1)
    abroad = len(region.place_ids) - 1
    here = setting.city_value[city] + p.cluster_weight * setting.cluster[city, field] + p.wage_weight * p.team_package
    value = (bay.world.outside_response[-1] * (here + setting.origin_value[-1, city] + setting.pair_value[abroad, city])
             - p.border_weight * setting.barrier[abroad, city] - p.recognition_weight * setting.unrecognised[abroad, city]
             - p.newcomer_reservation - p.wage_weight * np.log(region.outside_wage[-1] * bay.economy.growth_level))
    come = bay.streams.uniforms("teams", quarter, ids, 2) < chance_to_come(value, p.team_applicants)
    city, ids, field = city[come], ids[come], field[come]
    weight = bay.world.person_weight_city[city]
    spent = np.bincount(city, weights=each * weight, minlength=cities)
    bay.labour.team_left = np.minimum(left - spent, 8.0 * wanted)  # what is not called is kept for two years at most
    payers = bay.budgets.spend("team_share", spent, spent + lacking)
    rows = people.free_rows(ids.size)
    employer = draw_institutes(bay, city, ids)
    for place, part in payers:
        amount = each * weight * part[city]
        bay.ledger.pay("team_grant", "government", place[city], "institute", institutes.city[employer], amount)
        bay.tally.flow("flow_capital_grant_institute", place[city], institutes.city[employer], amount)
    np.add.at(institutes.cash, employer, each * weight)
    np.add.at(institutes.grant_cash, employer, each * weight)
    return (rows, ids, city, field, weight), employer


@kernel
def _ids(origin, quarter, ordinal, out):
    for i in range(out.shape[0]):
        out[i] = combine(combine(origin[i], quarter), ordinal[i])


def draw_institutes(bay, city: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """An institute of each one's city, by researchers."""
    institutes = bay.institutes
    draw = bay.streams.uniforms("teams", bay.quarter, ids, 3)
    out = np.empty(ids.size, np.int64)
    for c in np.unique(city):
        here = np.flatnonzero(institutes.city == c)
        cumulative = np.cumsum(institutes.researchers[here])
        mine = city == c
        at = np.searchsorted(cumulative, draw[mine] * cumulative[-1], side="right")
        out[mine] = here[np.minimum(at, here.size - 1)]
    return out


# ---------------------------------------------------------------- named talents


def learn_from_named(bay) -> None:
    """Young staff of an employer with named talents close a part of the gap to their mean skill."""
    people, p, nodes = bay.people, bay.parameters.mobility, bay.institutes.capacity + bay.firms.capacity
    named = named_rows(bay)
    employer = people.employer[named]
    number = np.bincount(employer, weights=people.weight[named], minlength=nodes)
    skill = np.bincount(employer, weights=people.weight[named] * people.skill[named], minlength=nodes)
    young = np.flatnonzero((people.alive == 1) & (people.employer >= 0) & (people.age <= p.base_age))
    young = young[number[people.employer[young]] > 0.0]
    base = people.employer[young]
    staff = np.bincount(base, weights=people.weight[young], minlength=nodes)
    served = np.minimum(1.0, p.base_places * number[base] / staff[base])
    gap = skill[base] / number[base] - people.skill[young]
    people.skill[young] += p.base_learning * served * np.maximum(0.0, gap)
