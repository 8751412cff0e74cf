"""Phase 5. Results are converted: laboratory, proof of concept, pilot, first use, market.

*Time.* The four stages before the market take the field's years from laboratory to market in equal parts. Work
advances by 1 / (quarters of a stage) a quarter, divided by ``1 - facility_speed`` while the project has a place
in a shared facility; a place is drawn among waiting projects of firms in reach (queue, keyed rank).

*Success* at the end of a stage:

    logit(p) = logit(p0 ** (1/4)) + proof_gain * served             (laboratory, proof of concept)
               + skill_gain * ln(scarce skills in reach)            (all stages)
               + trial_gain * ln(markets that recognise the trial)  (first use)
               + lead_gain * ln(lead users in reach) + cover_gain * insured share   (first use)
               + capability_gain * ln(developer's capability)       (all stages, once there is a developer)

p0 is the total success without services (field table times ``success_spread``). "In reach" is the share of the
bay's stock, discounted by travel, that a barrier lets through, relative to 2020: lowering a barrier reaches
actors without ties, through the basic pool and recognised trials (technology), scarce skills (talent) and
patient capital (finance). Role cities of a division of labour are reached through a lower barrier, serve results elsewhere
with proof of concept and show them to their lead users (``policy/coordination.py``); firms in chain parks are lead users too.

*Money.* A pilot starts when it has its money: from the developer's cash above one quarter of research, else from
the patient capital in reach of its city, in the order of a keyed rank. Otherwise it waits.

*Developer.* A firm develops its own results. A result of an institute needs a firm, found after proof of
concept among partners and firms in reach; without one it waits and may lapse. Under uniform rules of disposal it looks more
often (``disposal_search``) and as if there were no barrier, and a developer from another jurisdiction shares the income.
"""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np

from greaterbay.actors.columns import sums_by_cell
from greaterbay.actors.firm import LEADER
from greaterbay.actors.fund import BANK
from greaterbay.actors.invention import ABANDONED, FIRST_USE, LABORATORY, MARKET, PILOT, PROOF
from greaterbay.exchange import services
from greaterbay.kernels import jit, lean
from greaterbay.policy import instruments
from greaterbay.policy.coordination import cultivated, eased, taken, users_shown
from greaterbay.streams import uniform

Projects = namedtuple("Projects", [
    "alive", "id", "city", "field", "stage", "entered", "developer", "funded", "served", "facility", "progress",
])


@lean
def stage_success(base, gains):
    """Success of one stage: the base probability shifted by ``gains`` on the logit scale."""
    return 1.0 / (1.0 + (1.0 - base) / base * math.exp(-gains))


@lean
def advance(inventions, quarters, base, gains_city, led, led_gain, capability_gain, proof_gain, facility_speed, firm_access,
            institutes, reference, time_key, success_key, rows, outcome):
    """Advance every project (``rows``) that is not waiting; ``outcome`` (rows,) becomes the new stage or -1 when unchanged.

    ``quarters`` (F,) length of a stage, ``base`` (F,) success of a stage, ``gains_city`` (C, F, 4) further gain
    on the logit scale by city, field and stage; ``led`` (table,) results with lead users of their own, whose first use gains
    ``led_gain`` (C, F) more. Duration is deterministic work with a keyed spread of a quarter at the end.
    """
    for n in range(rows.shape[0]):
        i = rows[n]
        outcome[n] = -1
        stage = inventions.stage[i]
        if stage == PILOT and inventions.funded[i] == 0:
            continue
        if stage >= PILOT and inventions.developer[i] < 0:
            continue
        f = inventions.field[i]
        step = 1.0 / quarters[f]
        if inventions.facility[i]:
            step /= 1.0 - facility_speed
        inventions.progress[i] += step * (0.5 + uniform(time_key, inventions.id[i], 0))
        if inventions.progress[i] < 1.0:
            continue
        gain = gains_city[inventions.city[i], f, stage]
        if stage <= PROOF and inventions.served[i]:
            gain += proof_gain
        if stage == FIRST_USE and led[i]:
            gain += led_gain[inventions.city[i], f]
        if inventions.developer[i] >= institutes:
            gain += capability_gain * math.log(max(firm_access[inventions.developer[i] - institutes], 0.01) / reference)
        p = stage_success(base[f], gain)
        outcome[n] = stage + 1 if uniform(success_key, inventions.id[i], stage) < p else ABANDONED


@lean
def _stalled(inventions, quarter, patience, rows, outcome):
    for n in range(rows.shape[0]):
        i = rows[n]
        if (inventions.stage[i] >= PROOF and quarter - inventions.entered[i] >= patience
                and (inventions.developer[i] < 0 or (inventions.stage[i] == PILOT and inventions.funded[i] == 0))):
            outcome[n] = ABANDONED


def reach_of(stock: np.ndarray, minutes: np.ndarray, barrier: np.ndarray, decay: float) -> np.ndarray:
    """Share of a stock, discounted by travel, that a barrier lets through (C,)."""
    near = np.exp(-minutes / decay)
    through = np.clip(1.0 - barrier, 0.0, 1.0)
    return (near * through) @ stock / np.maximum(near @ stock, 1e-12)


def stage_gains(bay) -> np.ndarray:
    """Gains on the logit scale by city, field and stage (C, F, 4), relative to the border conditions of 2020."""
    p, values, region = bay.parameters.conversion, bay.values, bay.region
    cities = len(region.city_ids)
    minutes = values.travel_minutes[:cities, :cities]
    skills = bay.city_skills()
    markets = bay.city_sales()
    gains = np.zeros((cities, len(region.field_ids), 4))
    now = reach_of(skills, minutes, bay.walled(eased(bay, values.barrier_talent[:cities, :cities], "cultivate")), p.reach_travel)
    then = reach_of(skills, minutes, bay.base_barriers.talent[:cities, :cities], p.reach_travel)
    gains += (p.skill_gain * np.log(np.maximum(now, 1e-6) / np.maximum(then, 1e-6)))[:, None, None]
    # a trial counts where it is recognised: every market of the bay matters, near or far
    recognised = values.trial_recognition
    met = eased(bay, values.barrier_technology[:cities, :cities], "overseas") * (1.0 - recognised[:, None])
    now = reach_of(markets, minutes * 0.0, bay.walled(met), 1.0)
    now = now + recognised * p.trial_overseas
    then = reach_of(markets, minutes * 0.0, bay.base_barriers.technology[:cities, :cities], 1.0)
    gains[:, :, FIRST_USE] += (p.trial_gain * np.log(np.maximum(now, 1e-6) / np.maximum(then, 1e-6)))[:, None]
    users, mean = lead_users_in_reach(bay)  # the mean is of leaders alone: what policy adds counts in full
    near = np.exp(-minutes / p.reach_travel)
    if values.chain_parks.any():
        users = users + near @ demonstration_users(bay)[:, region.lead_field]
    if values.division.any():
        users = users + paid_demonstrations(bay, users_shown(bay, near, lead_users(bay)[:, region.lead_field]))
    gains[:, :, FIRST_USE] += p.lead_gain * np.log((users + 0.1 * mean) / (1.1 * mean))
    gains[:, :, FIRST_USE] += p.cover_gain * values.first_use_cover
    return gains


def lead_users_in_reach(bay) -> tuple[np.ndarray, np.ndarray]:
    """Sales of leaders of the field downstream, discounted by travel (C, F), and their mean over cities (1, F)."""
    region, cities = bay.region, len(bay.region.city_ids)
    near = np.exp(-bay.values.travel_minutes[:cities, :cities] / bay.parameters.conversion.reach_travel)
    users = near @ lead_users(bay)[:, region.lead_field]
    return users, np.maximum(users.mean(axis=0, keepdims=True), 1e-12)


def own_lead_gain(bay) -> np.ndarray:
    """Gain of a first use whose lead users are all leaders downstream in the bay, over those in reach (C, F), logit scale."""
    users, mean = lead_users_in_reach(bay)
    everyone = lead_users(bay)[:, bay.region.lead_field].sum(axis=0, keepdims=True)
    return bay.parameters.conversion.lead_gain * np.log((everyone + 0.1 * mean) / (users + 0.1 * mean))


def demonstration_users(bay) -> np.ndarray:
    """Sales of firms in chain parks that act as lead users (C, F), million CNY; leaders count already."""
    firms, region = bay.firms, bay.region
    rows = firms.alive_rows()
    rows = rows[(firms.kind[rows] != LEADER) & (firms.in_park[rows] == 1)]
    strength = bay.values.chain_parks[firms.city[rows], firms.field[rows], firms.kind[rows]]
    sales = bay.parameters.market.demonstration_share * strength * firms.sales[rows] * firms.weight[rows]
    return sums_by_cell(firms.city[rows], firms.field[rows], sales, len(region.city_ids), len(region.field_ids))


def paid_demonstrations(bay, users: np.ndarray) -> np.ndarray:
    """Lead users that demonstrating cities show to first uses elsewhere (C, F), as far as those cities can pay for it."""
    inventions, region, p = bay.inventions, bay.region, bay.parameters.coordination
    part = taken(bay, "demonstrate")
    first = in_stages(inventions, FIRST_USE, FIRST_USE, developed=1)
    shown = np.bincount(inventions.city[first], weights=inventions.weight[first], minlength=len(region.city_ids))
    cost = p.demonstration_cost * part * (shown.sum() - shown)
    paid = bay.budgets.pay_by_city("division", cost)
    return users * (paid * part).sum() / max(part.sum(), 1e-300)


def convert(bay) -> None:
    """The quarter's work on all projects."""
    p, region, inventions, quarter = bay.parameters.conversion, bay.region, bay.inventions, bay.quarter
    tally = bay.tally
    shown = services.pass_along(bay)
    projects = under_way(inventions)
    find_developers(bay, shown, projects)
    serve_by_proof_centres(bay, projects)
    allot_facilities(bay, projects)
    fund_pilots(bay, shown, projects)
    total = np.clip(region.conversion_field * p.success_spread, 0.01, 0.9)
    quarters = np.maximum(1.0, region.duration_years_field)  # years * 4 quarters / 4 stages
    outcome = np.empty(projects.size, np.int8)
    count = bay.institutes.capacity
    led = services.own_lead_users(bay)
    led_gain = own_lead_gain(bay) if led.any() else np.zeros((len(region.city_ids), len(region.field_ids)))
    advance(inventions.part(Projects), quarters, total**0.25, stage_gains(bay), led, led_gain, p.capability_gain, p.proof_gain,
            p.facility_speed, bay.firms.access, count, bay.parameters.invention.capability_reference,
            bay.streams.key("stage_time", quarter), bay.streams.key("stage_success", 0), projects, outcome)
    # a result that waits too long for money or a developer is given up
    _stalled(inventions.part(Projects), quarter, p.patience, projects, outcome)
    given_up = projects[outcome == ABANDONED]
    passed = (outcome >= 0) & (outcome <= MARKET)
    moved, outcome = projects[passed], outcome[passed]
    inventions.stage[moved] = outcome
    inventions.entered[moved] = quarter
    inventions.progress[moved] = 0.0
    tally.add("abandoned", inventions.city[given_up], inventions.weight[given_up])
    entering = moved[outcome == FIRST_USE]
    services.demonstrate(bay, entering)
    insure_first_use(bay, entering, given_up[inventions.stage[given_up] == FIRST_USE], total)
    # results given up stay in force as patents until they lapse
    inventions.stage[given_up] = ABANDONED
    arrived = moved[outcome == MARKET]
    bay.market_arrivals = arrived
    home = inventions.city[arrived]
    tally.add("conversions", home, inventions.weight[arrived])
    tally.add("conversions_value", home, inventions.weight[arrived] * inventions.quality[arrived])
    tally.add("conversions_field", (home, inventions.field[arrived]), inventions.weight[arrived])
    lapse(bay)


def insure_first_use(bay, entering: np.ndarray, failed: np.ndarray, total: np.ndarray) -> None:
    """First-use insurance: the insured share of a pilot's cost is paid back when first use fails.

    premium = cover * pilot_cost * (1 - success of the stage) * (1 + premium_load), paid when first use begins, as far as
    the developer has money; government pays the share ``premium_subsidy`` of it. An insurer that is short is filled
    up from outside (reinsurance).
    """
    p, inventions, firms, count = bay.parameters.conversion, bay.inventions, bay.firms, bay.institutes.capacity
    cities = len(bay.region.city_ids)
    for rows, fails in ((entering, False), (failed, True)):
        rows = rows[inventions.developer[rows] >= count]
        firm = inventions.developer[rows] - count
        city = firms.city[firm].astype(np.int64)
        if fails:
            insured = inventions.insured[rows]
            due = np.bincount(city, weights=insured, minlength=cities)
            short = np.maximum(0.0, due - bay.ledger.account("insurer")[:cities])
            bay.ledger.pay("reinsurance", "outside", np.arange(cities), "insurer", np.arange(cities), short)
            bay.ledger.pay("compensation", "insurer", city, "firm", city, insured)
            np.add.at(firms.cash, firm, insured / firms.weight[firm])
        else:
            cover = bay.values.first_use_cover_firm[city, firms.field[firm], firms.kind[firm]]
            insured = cover * p.pilot_cost * inventions.weight[rows]
            risk = 1.0 - total[inventions.field[rows]] ** 0.25
            premium = insured * risk * (1.0 + p.premium_load)
            subsidy = bay.values.premium_subsidy[city, firms.field[firm], firms.kind[firm]]
            aid = premium * subsidy
            premium = premium * (1.0 - subsidy)
            asked = np.bincount(firm, weights=premium, minlength=firms.capacity)
            have = np.maximum(firms.cash, 0.0) * firms.weight
            share = np.minimum(1.0, have / np.maximum(asked, 1e-300))
            premium = premium * share[firm]  # who can pay a part of the premium is insured for that part
            insured = insured * share[firm]
            if aid.any():
                insured *= subsidise_premium(bay, city, premium, aid * share[firm])
            inventions.insured[rows] = insured
            bay.ledger.pay("premium", "firm", city, "insurer", city, premium)
            np.add.at(firms.cash, firm, -premium / firms.weight[firm])
            bay.instruments.note("premium", firm, premium / firms.weight[firm])


def subsidise_premium(bay, city: np.ndarray, own: np.ndarray, aid: np.ndarray) -> np.ndarray:
    """Government pays its part ``aid`` of premiums as far as it has money; returns the share of each premium that is paid."""
    cities = len(bay.region.city_ids)
    due = np.bincount(city, weights=aid, minlength=cities)
    paid, payers = bay.budgets.transfer("premium_subsidy", due)
    for place, part in payers:
        bay.ledger.pay("lever", "government", place, "insurer", np.arange(cities), paid * part)
    done = (paid / np.maximum(due, 1e-300))[city]
    return (own + aid * done) / np.maximum(own + aid, 1e-300)


@lean
def _lapsed(inventions, draw, hazard, quarter, out):
    n = 0
    for i in range(inventions.alive.shape[0]):
        if (draw[i] < hazard and inventions.alive[i] and inventions.entered[i] < quarter
                and (inventions.stage[i] >= MARKET or inventions.developer[i] < 0)):
            out[n] = i
            n += 1
    return n


@lean
def _under_way(alive, stage, out):
    n = 0
    for i in range(alive.shape[0]):
        # written always and counted when it belongs: no branch that cannot be foreseen
        out[n] = i
        n += (alive[i] != 0) & (stage[i] < MARKET)
    return n


@lean
def _in_stages(inventions, first, last, developed, rows, out):
    n = 0
    for i in rows:
        out[n] = i
        n += ((first <= inventions.stage[i]) & (inventions.stage[i] <= last)
              & ((developed < 0) | ((inventions.developer[i] >= 0) == (developed == 1))))
    return n


def under_way(inventions) -> np.ndarray:
    """Rows of the results in force that are before the market, in order."""
    rows = np.empty(inventions.capacity + 1, np.int64)
    return rows[: _under_way(inventions.alive, inventions.stage, rows)]


def in_stages(inventions, first: int, last: int, developed: int = -1, projects: np.ndarray | None = None) -> np.ndarray:
    """Rows in the stages from ``first`` to ``last``, in order: with (1), without (0) or with and without (-1) a developer.

    ``projects`` are the rows of ``under_way``, when they are known.
    """
    projects = under_way(inventions) if projects is None else projects
    rows = np.empty(projects.size + 1, np.int64)
    return rows[: _in_stages(inventions.part(Projects), first, last, developed, projects, rows)]


def lapse(bay) -> None:
    """Inventions leave the books by a constant hazard; a result on its way does not."""
    inventions, quarter = bay.inventions, bay.quarter
    draw = bay.streams.uniforms("lapse", quarter, inventions.id)  # of all rows: quicker than asking each whether it needs one
    gone = np.empty(inventions.capacity, np.int64)
    gone = gone[: _lapsed(inventions.part(Projects), draw, bay.parameters.invention.lapse, quarter, gone)]
    bay.tally.add("lapsed", inventions.city[gone], inventions.weight[gone])
    inventions.clear(gone)


def find_developers(bay, shown: np.ndarray | None = None, projects: np.ndarray | None = None) -> None:
    """Institutes' results past proof of concept look for a firm: the co-owner if it is one, else one in reach.

    ``shown`` (rows of the table, bool): results that a service chain shows to developers this quarter.
    """
    p = bay.parameters.conversion
    inventions, firms, count = bay.inventions, bay.firms, bay.institutes.capacity
    waiting = in_stages(inventions, PROOF, FIRST_USE, 0, projects)
    if waiting.size == 0:
        return
    partner = inventions.partner[waiting]
    ready = (partner >= count) & (firms.alive[np.maximum(partner - count, 0)] == 1)
    inventions.developer[waiting[ready]] = partner[ready]
    rest = waiting[~ready]
    draw = bay.streams.uniforms("transfer_need", bay.quarter, inventions.id[rest])
    chance = np.full(rest.size, p.institute_developer)
    if shown is not None:
        chance[shown[rest]] = max(p.chain_developer, p.institute_developer)
    uniform_rules = bay.values.disposal_uniform
    if uniform_rules.any():
        ruled = bay.streams.uniforms("disposal", 0, inventions.id[rest]) < uniform_rules[inventions.city[rest]]
        chance = np.where(ruled, np.maximum(chance, p.disposal_search), chance)
    looking = rest[draw < chance]
    inventions.developer[looking] = bay.firm_in_reach(looking)
    if bay.values.demand_reach.any():
        match_needs(bay, rest[inventions.developer[rest] < 0])
    if uniform_rules.any():
        share_with_developers(bay, rest[ruled])


def match_needs(bay, results: np.ndarray) -> None:
    """Where firms' needs are collected, a result is shown to a firm in reach that has stated its need (chance ``demand_match``)."""
    firms, count = bay.firms, bay.institutes.capacity
    node = bay.firm_in_reach(results)
    found = node >= 0
    results, firm = results[found], node[found] - count
    share = bay.values.demand_reach[firms.city[firm], firms.field[firm], firms.kind[firm]] * bay.parameters.conversion.demand_match
    taken = bay.streams.uniforms("transfer_need", bay.quarter, bay.inventions.id[results], 1) < share
    bay.inventions.developer[results[taken]] = firm[taken] + count


def share_with_developers(bay, rows: np.ndarray) -> None:
    """A developer from another jurisdiction becomes co-owner of a result without one, for a share of its licence income."""
    inventions, at = bay.inventions, bay.region.jurisdiction_city
    rows = rows[(inventions.developer[rows] >= 0) & (inventions.partner[rows] < 0)]
    rows = rows[at[bay.city_of_node(inventions.developer[rows])] != at[inventions.city[rows]]]
    inventions.partner[rows] = inventions.developer[rows]
    inventions.share[rows] = 1.0 - bay.parameters.transfer.disposal_share


def serve_by_proof_centres(bay, projects: np.ndarray | None = None) -> None:
    """Proof-of-concept centres take up a share of the results that enter the laboratory stage; the city pays."""
    inventions = bay.inventions
    new = in_stages(inventions, LABORATORY, LABORATORY, -1, projects)
    new = new[inventions.birth[new] == bay.quarter]
    kind = bay.kind_of_node(inventions.owner[new])
    coverage = bay.values.proof_coverage[inventions.city[new], inventions.field[new], kind]
    draw = bay.streams.uniforms("facility", bay.quarter, inventions.id[new], 1)
    wanted = new[draw < coverage]
    cost = inventions.weight[wanted] * bay.parameters.conversion.proof_cost
    paid = bay.budgets.pay_for_service("proof_coverage", inventions.city[wanted], cost, inventions.id[wanted])
    inventions.served[wanted[paid]] = 1
    if bay.values.division.any():
        cultivate(bay, new, draw - coverage)


def cultivate(bay, new: np.ndarray, draw: np.ndarray) -> None:
    """Cultivating cities serve a share of new results that no centre of the own city took up, and pay for it.

    ``draw`` is what is left of the uniform draw of each result above the own city's coverage (below zero: taken up there).
    """
    inventions, share, below = bay.inventions, cultivated(bay), np.zeros(new.size)
    for city in np.flatnonzero(share.any(axis=0)):
        part = share[inventions.city[new], city]
        wanted = np.flatnonzero((draw >= below) & (draw < below + part))
        below += part
        cost = inventions.weight[new[wanted]] * bay.parameters.conversion.proof_cost
        paid = bay.budgets.pay_for_service("division", np.full(wanted.size, city), cost, inventions.id[new[wanted]])
        inventions.served[new[wanted[paid]]] = 1


def allot_facilities(bay, projects: np.ndarray | None = None) -> None:
    """Open facility places go to projects in the laboratory, proof and pilot stages, by keyed rank, near ones first."""
    p, region, inventions, institutes = bay.parameters.conversion, bay.region, bay.inventions, bay.institutes
    cities = len(region.city_ids)
    open_share = np.clip(bay.values.facility_open, 0.0, 1.0)
    places = np.zeros(cities)
    np.add.at(places, institutes.city, institutes.facility)
    supply = places * open_share  # real places by city of the facility
    inventions.facility[:] = 0
    rows = in_stages(inventions, LABORATORY, PILOT, 1, projects)
    rows = rows[(inventions.stage[rows] < PILOT) | (inventions.funded[rows] == 1)]
    if rows.size == 0:
        return
    minutes = bay.values.travel_minutes[:cities, :cities]
    barrier = bay.values.barrier_technology[:cities, :cities]
    near = np.exp(-minutes / p.facility_travel) * np.clip(1.0 - barrier, 0.0, 1.0)  # user city, facility city
    demand = np.bincount(inventions.city[rows], weights=inventions.weight[rows], minlength=cities)
    split = near.T * demand[None, :]  # facility city, user city
    split /= np.maximum(split.sum(axis=1, keepdims=True), 1e-12)
    granted = supply[:, None] * split  # real places of facility city for users of a city
    # a city pays for its places in use beyond the 2020 state; what it cannot pay stays shut
    use = np.minimum(1.0, demand / np.maximum(granted.sum(axis=0), 1e-12))
    added = np.maximum(0.0, open_share - p.facility_open) / np.maximum(open_share, 1e-12)
    cost = (granted * use[None, :]).sum(axis=1) * added * p.facility_cost
    paid = bay.budgets.pay_by_city("facility_open", cost)
    granted *= (1.0 - added * (1.0 - paid))[:, None]
    if bay.values.new_labs.any():
        new = bay.values.new_labs * services.new_places(bay)
        granted += (1.0 - p.open_data) * new[:, None] * split
        # open data are used without a journey
        anywhere = np.clip(1.0 - barrier, 0.0, 1.0).T * demand[None, :]
        granted += p.open_data * new[:, None] * anywhere / np.maximum(anywhere.sum(axis=1, keepdims=True), 1e-12)
    share = np.clip(granted.sum(axis=0) / np.maximum(demand, 1e-12), 0.0, 1.0)
    # one draw per project for its whole life: who has a place keeps it while places last
    draw = bay.streams.uniforms("facility", 0, inventions.id[rows], 0)
    served = rows[draw < share[inventions.city[rows]]]
    inventions.facility[served] = 1
    bay.tally.add("facility_projects", inventions.city[served], inventions.weight[served])


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
        fresh = patient_capital(bay)
        pool = np.where(fresh > 0.0, bay.patient_left, 0.0) + fresh
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
        bay.patient_left = np.minimum(left, 8.0 * fresh)  # set aside for two years at most
        bay.invest_patient(flow)
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
    need = bay.city_sales()
    split = np.exp(-minutes / p.reach_travel) * need[None, :]
    split /= np.maximum(split.sum(axis=1, keepdims=True), 1e-12)
    return free[:, None] * split * np.clip(1.0 - barrier, 0.0, 1.0)


def private_money(bay) -> np.ndarray:
    """Money of venture and guidance funds by city (C,), million CNY."""
    funds = bay.funds
    free = np.where(funds.kind == BANK, 0.0, np.maximum(funds.cash, 0.0))
    return np.bincount(funds.city, weights=free, minlength=len(bay.region.city_ids))


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


def lead_users(bay) -> np.ndarray:
    """Sales of leaders by city and field (C, F), million CNY: the lead users of first use."""
    firms, region = bay.firms, bay.region
    rows = firms.alive_rows()
    rows = rows[firms.kind[rows] == LEADER]
    return sums_by_cell(firms.city[rows], firms.field[rows], firms.sales[rows] * firms.weight[rows], len(region.city_ids),
                        len(region.field_ids))
