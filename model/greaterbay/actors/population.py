"""The starting population: firms, institutes, people, funds and the pipeline of 2020, before any policy.

Sizes are quantiles of a Pareto distribution (means of equal bins), not draws, taken over each city and kind with
fields interleaved, so that the city's totals do not depend on the scale (quantiles within single fields would lose the
tail where a field has one simulated firm); one factor by city and one by
field then give each field its part of the sales. Research intensities are set so that a city's firms spend what the table says.
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.firm import LEADER, SMALL, STARTUP, Firms
from greaterbay.actors.fund import BANK, GUIDANCE, VENTURE, Funds
from greaterbay.actors.institute import Institutes
from greaterbay.actors.invention import ABANDONED, MARKET, PILOT, Inventions, invention_ids
from greaterbay.actors.network import PER_FIELD
from greaterbay.actors.person import People, skill_of
from greaterbay.streams import identity_of

FEWEST_FIRMS, FEWEST_PEOPLE = 30, 300


def thinned(real: float, scale: float, fewest: int) -> int:
    """Simulated number for a real number: the scale's share, at least ``fewest``, never more than there are."""
    return int(min(round(real), max(fewest, round(real * scale))))


def shares_to_counts(shares: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers in proportion to shares that add up to ``total`` (largest remainder, ties by position)."""
    exact = shares / shares.sum() * total
    counts = np.floor(exact).astype(int)
    rest = np.argsort(-(exact - counts), kind="stable")[: total - counts.sum()]
    counts[rest] += 1
    return counts


def interleave(counts: np.ndarray) -> np.ndarray:
    """Labels in an order that spreads each one evenly over the whole (counts per label)."""
    label = np.repeat(np.arange(counts.size), counts)
    place = np.concatenate([(np.arange(n) + 0.5) / n for n in counts]) if counts.sum() else np.zeros(0)
    return label[np.lexsort((label, place))]


def pareto_bins(n: int, low: float, high: float, minimum: float, tail: float) -> np.ndarray:
    """Means of ``n`` equal bins of the quantile range [low, high] of a Pareto distribution, ascending (n,)."""
    edges = np.linspace(low, high, n + 1)
    exponent = 1.0 - 1.0 / tail
    rest = np.maximum(1.0 - edges, 0.0)
    integral = -minimum * (rest**exponent / exponent if exponent else np.log(np.maximum(rest, 1e-300)))
    return np.diff(integral) / np.diff(edges)


def make_firms(bay) -> Firms:
    """Firms of every city, field and kind with weights that add up to the table."""
    region, p = bay.region, bay.parameters.market
    fields = len(region.field_ids)
    parts = []
    for c, city in enumerate(region.city_ids):
        total, leaders = float(region.firms_city[c]), int(region.leaders_city[c])
        startups = round((total - leaders) * region.startup_share_city[c])
        small = total - leaders - startups
        split = leaders / total
        n_all = thinned(total - leaders, bay.scale, FEWEST_FIRMS)
        n_start = max(1, round(n_all * startups / (startups + small)))
        for kind, real, n in ((STARTUP, startups, n_start), (SMALL, small, n_all - n_start), (LEADER, leaders, leaders)):
            if n <= 0 or real <= 0:
                continue
            counts = shares_to_counts(region.field_mix_city[c], n)
            field = interleave(counts)
            weight = np.zeros(n)
            for f in range(fields):
                if counts[f]:
                    weight[field == f] = real * region.field_mix_city[c, f] / counts[f]
            weight *= real / weight.sum()
            if kind == STARTUP:
                size = pareto_bins(n, 0.0, 0.95, p.entry_size, 2.0)
            elif kind == SMALL:
                size = pareto_bins(n, 0.0, 1.0 - split, p.size_minimum, p.size_tail)
            else:
                # the largest leader is half a bin from the end of the distribution
                size = pareto_bins(n, 1.0 - split, 1.0 - split * 0.2 / max(n, 1), p.size_minimum, p.size_tail)
            # sizes run through a fixed stride so that fields and sizes are crossed, not sorted together
            stride = np.argsort(np.modf((np.arange(n) + 0.5) * 0.6180339887498949)[0], kind="stable")
            size = size[stride]
            ids = np.array([identity_of(city, region.field_ids[f], kind, k) for k, f in enumerate(field)], np.uint64)
            parts.append((np.full(n, c), field, np.full(n, kind), weight, size / 4.0, ids))
    city, field, kind, weight, sales, ids = (np.concatenate(column) for column in zip(*parts, strict=True))
    sales *= field_factors(region, city, field, kind, weight, sales)
    n = city.size
    firms = Firms(int(n * 1.6) + 64, PER_FIELD * fields)
    rows = slice(0, n)
    firms.alive[rows] = 1
    firms.id[rows], firms.city[rows], firms.production_city[rows] = ids, city, city
    firms.home[rows] = region.jurisdiction_city[city]
    firms.field[rows], firms.kind[rows], firms.weight[rows] = field, kind, weight
    firms.sales[rows] = sales
    draw = [bay.streams.uniforms("initial", 0, ids, k) for k in range(6)]
    spread = 0.5 * (draw[0] - 0.5)
    firms.chain[rows] = np.clip(region.chain_position_field[field] + spread, 0.0, 1.0)
    age = np.where(kind == STARTUP, 1 + (draw[1] * (4 * p.startup_years - 1)), 4 * p.startup_years + draw[1] * 60)
    firms.birth[rows] = bay.quarter - age.astype(int)
    firms.productivity[rows] = 0.15 * bay.streams.normals("initial", 0, ids, 9)
    firms.absorptive[rows] = absorptive_base(bay, ids)
    firms.in_park[rows] = draw[3] < p.park_share
    firms.incubated[rows] = (kind == STARTUP) & (draw[4] < p.incubated_share)
    relative = region.rd_intensity_field[field] * np.where(kind == STARTUP, p.startup_research, 1.0)
    base = np.bincount(city, weights=weight * sales * 4.0 * relative, minlength=len(region.city_ids))
    # the table counts what firms perform: part of it is paid by grants that reach research
    f = bay.parameters.finance
    granted = f.grant_share * region.science_budget_city * (1.0 - f.diversion)
    bay.world.rd_intensity_city = np.maximum(region.rd_firm_city - granted, 0.3 * region.rd_firm_city) / np.maximum(base, 1e-12)
    firms.rd_intensity[rows] = bay.world.rd_intensity_city[city] * relative
    firms.rd_paid[rows] = firms.rd_intensity[rows] * sales
    firms.rd_granted[rows] = sales * relative * (region.rd_firm_city / np.maximum(base, 1e-12) - bay.world.rd_intensity_city)[city]
    firms.cash[rows] = f.buffer * firms.rd_paid[rows]
    firms.data_quarters[rows] = age.astype(int)
    firms.capability[rows] = start_levels(bay, ids, np.eye(fields)[field], True)
    firms.imports[rows] = region.import_dependence_field[field]
    bay.world.entry_weight = entry_weights(bay, city, field, weight)
    return firms


def field_factors(region, city, field, kind, weight, sales) -> np.ndarray:
    """Factor on the sales of thinned firms (n,) with which each field sells what the table gives it, at any scale.

    A field's part of a kind's sales in the bay is the sum over cities of its part of the firms; cities keep theirs
    (iterative proportional fitting by city and by field). Without it the few large firms that a small scale leaves decide
    which fields are large.
    """
    cities, fields = region.field_mix_city.shape
    factor = np.ones(city.size)
    for k in (STARTUP, SMALL):
        rows = np.flatnonzero(kind == k)
        if rows.size == 0:
            continue
        cell = city[rows] * fields + field[rows]
        there = np.bincount(cell, weights=weight[rows] * sales[rows], minlength=cities * fields).reshape(cities, fields)
        by_city = there.sum(axis=1)
        by_field = by_city @ region.field_mix_city
        by_field *= (there.sum(axis=0) > 0.0)
        by_field *= by_city.sum() / max(by_field.sum(), 1e-300)
        fitted = there.copy()
        for _ in range(100):
            fitted *= (by_field / np.maximum(fitted.sum(axis=0), 1e-300))[None, :]
            fitted *= (by_city / np.maximum(fitted.sum(axis=1), 1e-300))[:, None]
        factor[rows] = (fitted / np.maximum(there, 1e-300)).ravel()[cell]
    return factor


def absorptive_base(bay, ids: np.ndarray) -> np.ndarray:
    """Absorptive capacity of a firm at mean own research (n,): a trait drawn by identity, in [0, 1]."""
    p = bay.parameters.learning
    return np.clip(p.absorptive_mean + p.absorptive_spread * (bay.streams.uniforms("initial", 0, ids, 2) - 0.5), 0.0, 1.0)


def entry_weights(bay, city, field, weight) -> np.ndarray:
    """Weight of an entrant by city and field (C, F): the mean weight of thinned firms of the city."""
    cities, fields = bay.region.field_mix_city.shape
    out = np.zeros((cities, fields))
    for c in range(cities):
        real = float(bay.region.firms_city[c]) - int(bay.region.leaders_city[c])
        out[c] = real / thinned(real, bay.scale, FEWEST_FIRMS)
    return out


def start_levels(bay, ids: np.ndarray, weights: np.ndarray, process: bool) -> np.ndarray:
    """Starting capabilities (n, K): high in the own fields, lower in related ones, spread by keyed draws.

    Firms are strong at the process end of a field, institutes at the basic end.
    """
    related = bay.region.relatedness_field
    fields = related.shape[0]
    tilt = np.linspace(0.85, 1.15, PER_FIELD) if process else np.linspace(1.25, 0.75, PER_FIELD)
    near = np.clip(weights / weights.max(axis=1, keepdims=True), 0.0, 1.0)
    near = np.maximum(near, (near @ related) / np.maximum(near.sum(axis=1, keepdims=True), 1e-9) * 0.5)
    levels = np.empty((ids.size, PER_FIELD * fields))
    for k in range(PER_FIELD * fields):
        noise = 0.5 + bay.streams.uniforms("initial", 0, ids, 100 + k)
        levels[:, k] = 0.42 * near[:, k // PER_FIELD] * tilt[k % PER_FIELD] * noise
    return np.clip(levels, 0.01, 0.95)


def make_institutes(bay) -> Institutes:
    """All institutes of the region table; research money is split by researchers."""
    region = bay.region
    n, fields = len(region.institute_id), len(region.field_ids)
    table = Institutes(n, fields, PER_FIELD * fields)
    ids = np.array([identity_of("institute", name) for name in region.institute_id], np.uint64)
    table.alive[:] = 1
    table.id[:], table.city[:], table.researchers[:] = ids, region.institute_city, region.institute_researchers
    money = region.rd_university_city + region.rd_institute_city
    people = np.bincount(region.institute_city, weights=region.institute_researchers, minlength=money.size)
    table.budget[:] = region.institute_researchers * (money / np.maximum(people, 1e-12))[region.institute_city] / 4.0
    table.rd_paid[:] = table.budget
    table.facility[:], table.graduates[:] = region.institute_facility, region.institute_graduates_per_year
    table.field_weight[:] = region.institute_field_weights
    table.main_field[:] = region.institute_field_weights.argmax(axis=1)
    table.capability[:] = start_levels(bay, ids, np.asarray(region.institute_field_weights, float), False)
    return table


def make_people(bay) -> People:
    """People of every city, seated at employers in proportion to posts (systematic, so totals hold)."""
    region, firms, institutes, p = bay.region, bay.firms, bay.institutes, bay.parameters.mobility
    cities, count = len(region.city_ids), institutes.capacity
    numbers = [thinned(region.rd_people_city[c], bay.scale, FEWEST_PEOPLE) for c in range(cities)]
    people = People(int(sum(numbers) * 1.5) + 256)
    bay.world.person_weight_city = region.rd_people_city / np.array(numbers)
    begin = 0
    for c, n in enumerate(numbers):
        rows = np.arange(begin, begin + n)
        begin += n
        mine = np.flatnonzero((firms.alive == 1) & (firms.city == c))
        theirs = np.flatnonzero(institutes.city == c)
        node = np.concatenate((theirs, mine + count))
        performed = (firms.rd_paid[mine] + firms.rd_granted[mine]) * firms.weight[mine]
        money = np.concatenate((institutes.rd_paid[theirs], performed))
        edges = np.cumsum(money / money.sum())
        seat = np.minimum(np.searchsorted(edges, (np.arange(n) + 0.5) / n, side="right"), node.size - 1)
        ids = np.array([identity_of("person", region.city_ids[c], k) for k in range(n)], np.uint64)
        people.alive[rows], people.id[rows], people.city[rows] = 1, ids, c
        people.weight[rows] = bay.world.person_weight_city[c]
        people.employer[rows] = node[seat]
        draw = [bay.streams.uniforms("initial", 0, ids, 20 + k) for k in range(4)]
        fields = np.cumsum(region.institute_field_weights[np.minimum(node[seat], count - 1)], axis=1)
        at_institute = (draw[0][:, None] * fields[:, -1:] > fields).sum(axis=1)
        people.field[rows] = np.where(node[seat] < count, at_institute, firms.field[np.maximum(node[seat] - count, 0)])
        people.age[rows] = 25.0 + 35.0 * draw[1]
        home = np.full(n, region.jurisdiction_city[c])
        foreign = draw[2] < p.foreign_share
        home[foreign] = np.floor(draw[3][foreign] * (len(region.jurisdiction_ids) + 2)).astype(int)
        people.home[rows] = home
        people.skill[rows] = skill_of(ids, bay)
    return people


def make_funds(bay) -> Funds:
    """Venture funds (more where more research is done), a guidance fund and a bank desk in each city."""
    region, f = bay.region, bay.parameters.finance
    rows = []
    for c, city in enumerate(region.city_ids):
        capital = f.venture_capital * region.rd_firm_city[c]
        number = int(np.clip(round(capital / 5000.0), 1, 12))
        for k in range(number):
            rows.append((c, VENTURE, capital / number, identity_of("venture", city, k)))
        rows.append((c, GUIDANCE, 0.0, identity_of("guidance", city)))
        rows.append((c, BANK, f.bank_capital * region.rd_firm_city[c], identity_of("bank", city)))
    funds = Funds(len(rows))
    funds.alive[:] = 1
    funds.city[:], funds.kind[:] = [r[0] for r in rows], [r[1] for r in rows]
    funds.capital[:], funds.id[:] = [r[2] for r in rows], np.array([r[3] for r in rows], np.uint64)
    funds.cash[:] = funds.capital
    draw = [bay.streams.uniforms("initial", 0, funds.id, 40 + k) for k in range(3)]
    mix = np.cumsum(region.field_mix_city[funds.city], axis=1)
    funds.field[:] = (draw[0][:, None] * mix[:, -1:] > mix).sum(axis=1)
    funds.early[:] = draw[1]
    funds.ends[:] = bay.quarter + 1 + np.floor(draw[2] * 4 * f.fund_life).astype(int)
    return funds


def make_pipeline(bay, means: np.ndarray, city: np.ndarray, field: np.ndarray, ids: np.ndarray, weight: np.ndarray) -> Inventions:
    """Inventions in force at their steady state for mean rates ``means`` (N nodes): ages, stages and outcomes by keyed draws."""
    region, p, q = bay.region, bay.parameters.conversion, bay.parameters.invention
    span = 100
    number = np.floor(means * span + bay.streams.uniforms("initial", 0, ids, 60)).astype(int)
    owner = np.repeat(np.arange(means.size), number)
    ordinal = np.arange(owner.size) - np.repeat(np.cumsum(number) - number, number)
    identity = np.empty(owner.size, np.uint64)
    invention_ids(ids[owner], 0, ordinal, identity)
    age = (ordinal + bay.streams.uniforms("initial", 0, identity, 61)) / number[owner] * span
    total = np.clip(region.conversion_field * p.success_spread, 0.01, 0.9)[field[owner]] ** 0.25
    quarters = np.maximum(1.0, region.duration_years_field[field[owner]])
    stage = np.zeros(owner.size, np.int64)
    for s in range(4):
        ready = (stage == s) & (age >= quarters * (s + 1))
        good = bay.streams.uniforms("initial", 0, identity, 62 + s) < total
        stage[ready & good] = s + 1
        stage[ready & ~good] = ABANDONED
    settled = np.where(stage == ABANDONED, quarters * 2.0, quarters * 4.0)
    gone = ((stage == ABANDONED) | (stage == MARKET)) & (
        bay.streams.uniforms("initial", 0, identity, 70) < 1.0 - np.exp(-q.lapse * np.maximum(0.0, age - settled)))
    keep = np.flatnonzero(~gone)
    owner, identity, age, stage = owner[keep], identity[keep], age[keep], stage[keep]
    table = Inventions(int(keep.size * 1.3) + 512)
    n = slice(0, keep.size)
    institutes = bay.institutes.capacity
    table.alive[n], table.id[n], table.owner[n] = 1, identity, owner
    table.field[n], table.city[n], table.weight[n] = field[owner], city[owner], weight[owner]
    table.stage[n] = stage
    table.birth[n] = bay.quarter - age.astype(int)
    table.entered[n] = bay.quarter
    table.progress[n] = np.modf(age / quarters[keep])[0]
    table.developer[n] = np.where(owner < institutes, -1, owner)
    table.funded[n] = (stage == PILOT) & (owner >= institutes)
    draw = bay.streams.uniforms("initial", 0, identity, 80)
    table.quality[n] = np.minimum(1.0 / np.maximum(draw, 1e-4) ** (1.0 / q.quality_tail), 400.0) * (q.quality_tail - 1.0) / q.quality_tail
    return table
