"""Common random numbers across policies: neutral is nothing, and nothing happens before it begins."""

from __future__ import annotations

import numpy as np
import pytest

from greaterbay import Bay
from greaterbay.policy import catalogue
from small_bay import POLICY_START, differing, lever, record_bytes, small_scenario

LEVERS = catalogue.levers()
# acts when one of a few firms moves across a border; in a year of six hundred firms that hardly happens (see test_location)
# a refund on new products of young breakthroughs finds none there in a year either (see test_instruments)
RARE = {"firm_recognition", "nm_vat_refund"}


def strong(name: str) -> float:
    """The value furthest from neutral that the catalogue calls plausible."""
    return LEVERS[name].strong_value


def unlike(one, other, quarters: slice) -> set[str]:
    """Names of outputs that differ in the given quarters, byte for byte."""
    return {name for name in one if one[name][quarters].tobytes() != other[name][quarters].tobytes()}


# instruments are one engine: of presets one for each basis; growth over years and large arrivals do not occur in a year
PRESETS = {preset.terms["basis"]: preset.id for preset in reversed(catalogue.presets())
           if preset.terms["basis"] not in ("growth", "arrival")}


@pytest.fixture(scope="module", params=[name for name, one in LEVERS.items() if not one.is_preset or name in PRESETS.values()])
def lever_run(request):
    """The name of a lever and a run in which it begins in 2026."""
    bay = Bay(scenario=small_scenario(*lever(request.param, strong(request.param))))
    bay.run_to_end()
    return request.param, bay


def test_a_lever_from_2026_changes_nothing_before(lever_run, small_run):
    name, bay = lever_run
    plain, changed = small_run.record.arrays(), bay.record.arrays()
    assert unlike(plain, changed, slice(POLICY_START)) == set(), name


def test_a_lever_from_2026_changes_something_then(lever_run, small_run):
    """Its value, and something that is neither its value nor its cost."""
    name, bay = lever_run
    plain, changed = small_run.record.arrays(), bay.record.arrays()
    at = bay.coords()["lever"].index(name)
    value = changed["lever_value"][:, at]
    assert (value[:POLICY_START] == LEVERS[name].neutral).all()
    assert value[POLICY_START] == np.float32(strong(name))
    late = unlike(plain, changed, slice(POLICY_START, None))
    assert late - {"lever_value", "lever_short", "public_cost", "public_cost_lever"} or name in RARE, name


def test_a_lever_reaches_its_own_books_only(lever_run):
    """Public cost appears under the lever that caused it, and only where the catalogue names a payer."""
    name, bay = lever_run
    by_lever = bay.record.arrays()["public_cost_lever"].sum(axis=(0, 1))
    at = bay.coords()["lever"].index(name)
    assert np.delete(by_lever, at).sum() == 0
    assert (by_lever[at] > 0) == bool(LEVERS[name].payer) or name in RARE, by_lever[at]


def identities(table) -> set[int]:
    return set(table.id[table.alive == 1].tolist())


def employers(bay) -> dict[int, int]:
    """Identity of each person's employer, 0 for none, by the person's identity."""
    ids, people = np.concatenate((bay.institutes.id, bay.firms.id)), bay.people
    rows = np.flatnonzero(people.alive == 1)
    node = people.employer[rows]
    found = np.where(node >= 0, ids[np.maximum(node, 0)], 0)
    return dict(zip(people.id[rows].tolist(), found.tolist(), strict=True))


def test_a_policy_leaves_most_fates_as_they_were(lever_run, small_run):
    """Paired runs stay paired: a year into a policy nearly all agents are the same, and do the same."""
    name, bay = lever_run
    for table, least in (("firms", 0.97), ("people", 0.93), ("inventions", 0.98), ("ties", 0.6)):
        one, other = identities(getattr(small_run, table)), identities(getattr(bay, table))
        assert len(one & other) >= least * len(one | other), (name, table)
    one, other = employers(small_run), employers(bay)
    both = one.keys() & other.keys()
    same = sum(one[who] == other[who] for who in both) / len(both)
    assert same >= 0.8, (name, same)


def test_neutral_levers_are_the_baseline(small_bytes):
    """All levers at once at their neutral values, with dates, ramps, exits and targets: the same bytes."""
    overrides = []
    for name, row in LEVERS.items():
        overrides += [*lever(name, row.neutral, "2025-01-01"), f"levers.{name}.ramp='3 quarters'",
                      f"levers.{name}.end=2026-06-30", f"levers.{name}.exit='ramp'"]
        if "cities" in row.targets:
            overrides.append(f'levers.{name}.cities=["hong_kong", "zhaoqing"]')
        if "fields" in row.targets:
            overrides.append(f'levers.{name}.fields=["quantum"]')
        if "kinds" in row.targets:
            overrides.append(f'levers.{name}.kinds=["startup"]')
    scenario = small_scenario(*overrides)
    assert set(scenario.levers) == set(LEVERS)
    bay = Bay(scenario=scenario)
    bay.run_to_end()
    assert differing(small_bytes, record_bytes(bay)) == []


def test_a_lever_that_ended_leaves_no_strength(small_run):
    """A cliff: after the end the named value is neutral again, while what happened stays."""
    name = "information_platform"
    bay = Bay(scenario=small_scenario(*lever(name, 0.5, "2024-04-01"), f"levers.{name}.end=2024-12-31"))
    bay.run_to_end()
    at = bay.coords()["lever"].index(name)
    arrays = bay.record.arrays()
    assert arrays["lever_value"][:, at].tolist() == [0.0, 0.5, 0.5, 0.5] + [0.0] * 8
    assert (arrays["public_cost"][1:4].sum(axis=1) > 0).all() and arrays["public_cost"][4:].sum() == 0
    assert arrays["public_cost"][0].sum() == 0


def test_a_ramp_rises_in_equal_steps():
    name = "alliance_sharing"
    overrides = [*lever(name, 0.4, "2024-01-01"), f"levers.{name}.ramp='4 quarters'"]
    bay = Bay(scenario=small_scenario("run.end=2025-03-31", *overrides))
    bay.run_to_end()
    value = bay.record.arrays()["lever_value"][:, bay.coords()["lever"].index(name)]
    np.testing.assert_allclose(value, [0.0, 0.1, 0.2, 0.3, 0.4], rtol=1e-6)


def test_targets_reach_those_named_only():
    """Places, fields and kinds outside the targets keep their neutral value, and nobody pays for them."""
    name = "information_platform"
    bay = Bay(scenario=small_scenario(
        "run.end=2024-03-31", *lever(name, 0.5, "2024-01-01"), f'levers.{name}.cities=["foshan"]',
        f'levers.{name}.fields=["smart_manufacturing"]', f'levers.{name}.kinds=["small"]'))
    bay.run_to_end()
    reach = bay.values.platform_reach
    city, field = bay.region.city_ids.index("foshan"), bay.region.field_ids.index("smart_manufacturing")
    small = 1  # of start-ups, small firms, leaders and institutes
    assert reach[city, field, small] > 0 and np.count_nonzero(reach) == 1
    cost = bay.record.arrays()["public_cost"][0]
    assert cost[city] > 0 and np.delete(cost, city).sum() == 0


@pytest.mark.parametrize(("level", "share"), [(0, 0.75), (1, 0.83), (2, 0.91), (3, 0.99)])
def test_faithful_execution_grows_with_coordination(small_run, level, share):
    from greaterbay.policy.coordination import execution

    done = execution(small_run, level)
    assert ((done >= 0.1) & (done <= 1.0)).all()
    assert done.mean() == pytest.approx(share, abs=0.13)
    assert execution(small_run, 3).std() < execution(small_run, 0).std()
