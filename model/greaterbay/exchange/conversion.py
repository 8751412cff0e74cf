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

import numpy as np

from greaterbay.actors.columns import sums_by_cell
from greaterbay.actors.firm import LEADER
from greaterbay.actors.invention import ABANDONED, FIRST_USE, MARKET, PILOT, PROOF, Projects, in_stages, under_way
from greaterbay.exchange import services
from greaterbay.exchange.insurance import insure_first_use
from greaterbay.kernels import kernel
from greaterbay.measures import city_sales, city_skills
from greaterbay.policy.coordination import barrier_to_role, role_share, users_shown
from greaterbay.region import cuts
from greaterbay.streams import uniform


@kernel
def stage_success(base, gains):
    """Success of one stage: the base probability shifted by ``gains`` on the logit scale."""
    return 1.0 / (1.0 + (1.0 - base) / base * math.exp(-gains))


@kernel
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


@kernel
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
    skills = city_skills(bay)
    markets = city_sales(bay)
    gains = np.zeros((cities, len(region.field_ids), 4))
    met = barrier_to_role(bay, values.barrier_talent[:cities, :cities], "cultivate")
    now = reach_of(skills, minutes, cuts.keep(bay.world.cut_pairs, met), p.reach_travel)
    then = reach_of(skills, minutes, bay.world.base_barriers.talent[:cities, :cities], p.reach_travel)
    gains += (p.skill_gain * np.log(np.maximum(now, 1e-6) / np.maximum(then, 1e-6)))[:, None, None]
    # a trial counts where it is recognised: every market of the bay matters, near or far
    recognised = values.trial_recognition
    met = barrier_to_role(bay, values.barrier_technology[:cities, :cities], "overseas") * (1.0 - recognised[:, None])
    now = reach_of(markets, minutes * 0.0, cuts.keep(bay.world.cut_pairs, met), 1.0)
    now = now + recognised * p.trial_overseas
    then = reach_of(markets, minutes * 0.0, bay.world.base_barriers.technology[:cities, :cities], 1.0)
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


def no_gains(bay) -> np.ndarray:
    """Off: a stage succeeds as its field's table says, whatever is in reach."""
    return np.zeros((len(bay.region.city_ids), len(bay.region.field_ids), 4))


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
    part = role_share(bay, "demonstrate")
    first = in_stages(inventions, FIRST_USE, FIRST_USE, developed=1)
    shown = np.bincount(inventions.city[first], weights=inventions.weight[first], minlength=len(region.city_ids))
    cost = p.demonstration_cost * part * (shown.sum() - shown)
    paid = bay.budgets.pay_by_city("division", cost)
    return users * (paid * part).sum() / max(part.sum(), 1e-300)


def convert(bay) -> None:
    """The quarter's work on all projects."""
    p, region, inventions, quarter = bay.parameters.conversion, bay.region, bay.inventions, bay.quarter
    tally, mechanisms = bay.tally, bay.mechanisms
    shown = services.pass_along(bay)
    projects = under_way(inventions)
    mechanisms.developers(bay, shown, projects)
    mechanisms.proof_of_concept(bay, projects)
    mechanisms.facilities(bay, projects)
    mechanisms.pilot_money(bay, shown, projects)
    total = np.clip(region.conversion_field * p.success_spread, 0.01, 0.9)
    quarters = np.maximum(1.0, region.duration_years_field)  # years * 4 quarters / 4 stages
    outcome = np.empty(projects.size, np.int8)
    count = bay.institutes.capacity
    led = services.own_lead_users(bay)
    led_gain = own_lead_gain(bay) if led.any() else np.zeros((len(region.city_ids), len(region.field_ids)))
    advance(inventions.part(Projects), quarters, total**0.25, mechanisms.stage_success(bay), led, led_gain, p.capability_gain, p.proof_gain,
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
    bay.technologies.arrivals = arrived
    home = inventions.city[arrived]
    tally.add("conversions", home, inventions.weight[arrived])
    tally.add("conversions_value", home, inventions.weight[arrived] * inventions.quality[arrived])
    tally.add("conversions_field", (home, inventions.field[arrived]), inventions.weight[arrived])
    lapse(bay)


@kernel
def _lapsed(inventions, draw, hazard, quarter, out):
    n = 0
    for i in range(inventions.alive.shape[0]):
        if (draw[i] < hazard and inventions.alive[i] and inventions.entered[i] < quarter
                and (inventions.stage[i] >= MARKET or inventions.developer[i] < 0)):
            out[n] = i
            n += 1
    return n


def lapse(bay) -> None:
    """Inventions leave the books by a constant hazard; a result on its way does not."""
    inventions, quarter = bay.inventions, bay.quarter
    draw = bay.streams.uniforms("lapse", quarter, inventions.id)  # of all rows: quicker than asking each whether it needs one
    gone = np.empty(inventions.capacity, np.int64)
    gone = gone[: _lapsed(inventions.part(Projects), draw, bay.parameters.invention.lapse, quarter, gone)]
    bay.tally.add("lapsed", inventions.city[gone], inventions.weight[gone])
    inventions.clear(gone)


def lead_users(bay) -> np.ndarray:
    """Sales of leaders by city and field (C, F), million CNY: the lead users of first use."""
    firms, region = bay.firms, bay.region
    rows = firms.alive_rows()
    rows = rows[firms.kind[rows] == LEADER]
    return sums_by_cell(firms.city[rows], firms.field[rows], firms.sales[rows] * firms.weight[rows], len(region.city_ids),
                        len(region.field_ids))
