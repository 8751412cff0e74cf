"""Dated events and probes: what happens on a date happens in the quarter that holds it."""

from __future__ import annotations

import numpy as np
import pytest

from greaterbay import Bay, load_scenario
from small_bay import small_scenario


@pytest.fixture(scope="module")
def events_file(tmp_path_factory):
    """Two events, one of them in the middle of a quarter."""
    path = tmp_path_factory.mktemp("events") / "bridge.toml"
    path.write_text(
        """
        schema = 1
        id = "bridge"
        title = "A bridge and a railway"
        extends = "baseline"
        [run]
        scale = 0.01
        start = 2024-01-01
        end = 2026-12-31
        posterior = "none"
        [[events]]
        date = 2024-08-17
        travel_minutes = [["zhaoqing", "guangzhou", 25], ["zhuhai", "hong_kong", 40]]
        [[events]]
        date = 2025-01-01
        travel_minutes = [["zhaoqing", "guangzhou", 20]]
        """, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def bridge(events_file) -> dict:
    """Travel minutes that were in force in each quarter, and the bay at the end."""
    bay = Bay(scenario=load_scenario(events_file))
    found = {"before": bay.values.travel_minutes.copy()}
    while bay.running:
        label = bay.label
        bay.step()
        found[label] = bay.values.travel_minutes.copy()
    return found | {"bay": bay}


def minutes(bridge, quarter: str, one: str, other: str) -> float:
    ids = bridge["bay"].region.place_ids
    matrix = bridge[quarter]
    a, b = ids.index(one), ids.index(other)
    assert matrix[a, b] == matrix[b, a]
    return float(matrix[a, b])


def test_travel_minutes_change_in_the_quarter_of_the_date(bridge):
    start = minutes(bridge, "before", "zhaoqing", "guangzhou")
    assert start > 25
    labels = [f"{year}Q{quarter}" for year in (2024, 2025) for quarter in (1, 2, 3, 4)]
    seen = [minutes(bridge, label, "zhaoqing", "guangzhou") for label in labels]
    assert seen == [start, start, 25, 25, 20, 20, 20, 20]


def test_an_event_changes_its_pairs_only(bridge):
    ids = bridge["bay"].region.place_ids
    changed = {frozenset((ids[a], ids[b])) for a, b in np.argwhere(bridge["2024Q3"] != bridge["2024Q2"])}
    assert changed == {frozenset(("zhaoqing", "guangzhou")), frozenset(("zhuhai", "hong_kong"))}
    np.testing.assert_array_equal(bridge["2024Q1"], bridge["before"])
    assert minutes(bridge, "2025Q4", "zhuhai", "hong_kong") == 40


def test_an_event_changes_nothing_before_and_something_after(bridge, small_run):
    plain, changed = small_run.record.arrays(), bridge["bay"].record.arrays()
    early = [name for name in plain if plain[name][:2].tobytes() != changed[name][:2].tobytes()]
    assert early == []
    assert plain["expected_ties"][2].tobytes() != changed["expected_ties"][2].tobytes()
    ids = list(small_run.region.place_ids)
    a, b = ids.index("zhaoqing"), ids.index("guangzhou")
    assert changed["expected_ties"][2:8, a, b].sum() > 1.2 * plain["expected_ties"][2:8, a, b].sum()


def test_the_region_itself_is_not_touched(bridge, small_run):
    """Bays of one process share the region; an event belongs to the scenario that has it."""
    np.testing.assert_array_equal(bridge["bay"].region.travel_minutes, small_run.region.travel_minutes)
    assert Bay(scenario=small_scenario()).values.travel_minutes.tolist() == bridge["before"].tolist()


def probe_column(bay, name: str) -> int:
    return bay.coords()["technology"].index(name)


@pytest.mark.parametrize(("name", "city"),
                         [("humanoid_robots", "shenzhen"), ("battery_materials", "guangzhou")])
def test_a_probe_is_launched_on_its_date_in_its_city(small_run, name, city):
    arrays, region = small_run.record.arrays(), small_run.region
    users = arrays["adopters_technology"][:, :11, probe_column(small_run, name)]
    possible = arrays["potential_technology"][:, :11, probe_column(small_run, name)]
    assert small_run.coords()["technology_kind"][probe_column(small_run, name)] == "probe"
    assert users[:8].sum() == 0 and possible[:8].sum() == 0
    at = region.city_ids.index(city)
    # first adoptions of the same quarter come on top of the users that are set
    share = small_run.parameters.diffusion.seed_share
    assert 0.5 * share < users[8, at] / possible[8, at] < 3.0 * share
    assert users[8].sum() / possible[8].sum() < share
    assert (possible[8] > 0).all()


def test_a_probe_starts_with_a_fixed_share_of_firms_chosen_by_identity(small_run):
    """A share of the city's firms for which it is useful, and the same ones whoever else is there."""
    from greaterbay.exchange.diffusion import launch_probes, technology_identity

    share = small_run.parameters.diffusion.seed_share
    link = small_run.parameters.diffusion.link
    bay = Bay(scenario=small_scenario())
    for probe in bay.technologies.probes:
        bay.quarter = probe.launch
    launch_probes(bay)
    firms, region = bay.firms, bay.region
    for probe in bay.technologies.probes:
        users = ((firms.adopted >> np.uint64(probe.slot)) & np.uint64(1)) == 1
        useful = (firms.alive == 1) & (firms.city == probe.city)
        useful &= region.relatedness_field[np.maximum(firms.field, 0), probe.field] >= link
        assert users.any() and (useful | ~users).all()
        # real firms, within the weight of one simulated firm
        wanted = share * firms.weight[useful].sum()
        assert abs(firms.weight[users].sum() - wanted) <= firms.weight[useful].max()
        draw = bay.streams.uniforms("probe", 0, firms.id ^ technology_identity(probe.name, probe.launch))
        assert draw[users].max() < draw[useful & ~users].min()


def test_a_probe_changes_nothing_before_its_launch(small_run):
    later = Bay(scenario=small_scenario("run.end=2026-03-31", "probes.humanoid_robots.start=2026-04-01"))
    later.run_to_end()
    plain, moved = small_run.record.arrays(), later.record.arrays()
    differing = [name for name in plain if plain[name][:8].tobytes() != moved[name][:8].tobytes()]
    assert differing == []
    robots = probe_column(later, "humanoid_robots")
    assert moved["adopters_technology"][8, :11, robots].max() == 0
    assert plain["adopters_technology"][8, :11, robots].sum() > 0
