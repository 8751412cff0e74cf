"""Single institutes from rows that count several: researchers, fields, graduates, facility places."""

from __future__ import annotations

import math

import numpy as np

from greaterbay.region.tables import RegionIndex, Tables

# Steps of the golden ratio spread a city's laboratories over its field mix without clusters at any count.
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def institute_tiers(tables: Tables) -> dict:
    """Ids and names of the tiers; their numbers are checked here and read again in ``institute_numbers``."""
    ids = tables.ids("institute_tiers")
    limits = {
        "researcher_weight": (0.001, 1000),
        "size_slope": (0, 2),
        "focus": (0, 1),
        "facility_per_researcher": (0, 100),
    }
    for row in tables.rows("institute_tiers"):
        for name, limit in limits.items():
            tables.number("institute_tiers", row, name, *limit)
        tables.yes("institute_tiers", row, "teaches")
        tables.yes("institute_tiers", row, "state_lab")
    rows = tables.rows("institute_tiers")
    return {
        "tier_ids": ids,
        "tier_names": tuple(r.cells.get("name", "") for r in rows),
        "tier_names_zh": tuple(r.cells.get("name_zh", "") for r in rows),
    }


def listed_institutes(tables: Tables, index: RegionIndex, tiers: tuple[str, ...]) -> dict:
    """Single institutes: one for each count of a row; ``own`` holds the fields that a row names."""
    listed = {name: [] for name in ("id", "name", "name_zh", "tier", "city", "city_2", "city_3", "own")}
    tables.ids("institutes")
    for row in tables.rows("institutes"):
        tier = tables.one_of("institutes", row, "tier", tiers, "tier")
        places = [
            tables.one_of("institutes", row, name, index.city_ids, "city", name != "city")
            for name in ("city", "city_2", "city_3")
        ]
        own = tables.some_of("institutes", row, "fields", index.field_ids, "field")
        count = tables.number("institutes", row, "count", 1, 100_000, integer=True)
        known = [place for place in places if place >= 0]
        if len(set(known)) < len(known):
            tables.problem("institutes", row.line, "the cities of a joint institute must differ")
        for k in range(0 if math.isnan(count) else int(count)):
            for name, mark in (("id", f"_{k + 1:03d}"), ("name", f" {k + 1}"), ("name_zh", f"{k + 1}")):
                listed[name].append(row.cells.get(name, "") + (mark if count > 1 else ""))
            for name, value in zip(
                ("tier", "city", "city_2", "city_3", "own"), (tier, *places, own), strict=True
            ):
                listed[name].append(value)
    return listed


def institute_numbers(tables: Tables, listed: dict, values: dict, graduates_per_person: float) -> dict:
    """Researchers, fields, graduates and facility places of the single institutes.

    A city's researchers are shared out by tier weight x rank ** -slope, where the rank runs through the
    institutes of one tier in one city and the mean weight of the tier is kept. A tier with focus 0 covers
    all fields (half its city's mix, half even); others hold ``focus`` in their own field or fields and the
    rest in related ones.
    """
    city_ids, tiers = values["city_ids"], values["tier_ids"]
    rows = tables.rows("institute_tiers")
    of_tier = {
        name: np.array([float(r.cells[name]) for r in rows])
        for name in ("researcher_weight", "size_slope", "focus", "facility_per_researcher")
    }
    teaches_tier, state_tier = (np.array([r.cells[name] == "yes" for r in rows], dtype=bool) for name in ("teaches", "state_lab"))
    tier, city, city_2, city_3 = (
        np.array(listed[name], dtype=np.int8) for name in ("tier", "city", "city_2", "city_3")
    )
    weight = of_tier["researcher_weight"][tier]
    for t in range(len(tiers)):
        for c in range(len(city_ids)):
            group = np.nonzero((tier == t) & (city == c))[0]
            if len(group):
                size = np.arange(1, len(group) + 1) ** -of_tier["size_slope"][t]
                weight[group] *= size / size.mean()
    people = values["rd_people_city"] * values["rd_people_institute_share_city"]
    total = np.bincount(city, weight, len(city_ids))
    for c in np.nonzero((total == 0) & (people > 0))[0]:
        tables.problem("institutes", 1, f"{city_ids[c]} has R&D people outside firms but no institute")
    researchers = weight * (people / np.where(total > 0, total, 1.0))[city]

    # a city's graduates follow the geometric mean of its schools and its research people (supply and demand), and its
    # schools teach equal numbers: research staff is a poor guide to student numbers
    schools = np.bincount(city[teaches_tier[tier]], minlength=len(city_ids))
    by_city = np.sqrt(schools * values["rd_people_city"]) / np.maximum(schools, 1)
    teaching = np.where(teaches_tier[tier], by_city[city], 0.0)
    graduates = graduates_per_person * values["rd_people_city"].sum()
    tables.check()
    return {
        "institute_id": tuple(listed["id"]),
        "institute_name": tuple(listed["name"]),
        "institute_name_zh": tuple(listed["name_zh"]),
        "institute_tier": tier,
        "institute_state_lab": state_tier[tier],
        "institute_city": city,
        "institute_city_2": city_2,
        "institute_city_3": city_3,
        "institute_researchers": researchers,
        "institute_field_weights": _field_weights(
            tier, city, listed["own"], of_tier["focus"], values["field_mix_city"], values["relatedness_field"]
        ),
        "institute_graduates_per_year": teaching * (graduates / teaching.sum() if teaching.sum() else 0.0),
        "institute_facility": researchers * of_tier["facility_per_researcher"][tier],
    }


def _field_weights(
    tier: np.ndarray,
    city: np.ndarray,
    own: list[list[int]],
    focus_tier: np.ndarray,
    mix: np.ndarray,
    related: np.ndarray,
) -> np.ndarray:
    n_fields = len(related)
    broad = 0.5 * mix + 0.5 / n_fields
    near = related - np.diag(np.diag(related))
    weights = np.zeros((len(tier), n_fields))
    seen = np.zeros(len(mix), dtype=int)
    for i, (t, c) in enumerate(zip(tier, city, strict=True)):
        focus, fields = focus_tier[t], own[i]
        if focus == 0 and not fields:
            weights[i] = broad[c]
            continue
        if not fields:
            place = (0.5 + seen[c] * GOLDEN) % 1.0
            fields = [min(int(np.searchsorted(np.cumsum(broad[c]), place, side="right")), n_fields - 1)]
            seen[c] += 1
        around = near[fields].mean(axis=0)
        around = around / around.sum() if around.sum() > 0 else np.full(n_fields, 1.0 / n_fields)
        weights[i] = (1.0 - focus) * around
        weights[i, fields] += focus / len(fields)
    return weights
