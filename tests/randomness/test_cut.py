"""Runs that are cut apart, and what pairing and a re-keyed stream do to differences, in a small bay."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from greaterbay import Bay, outputs
from greaterbay.comparison import effects
from greaterbay.warm_up import warm_key
from small_bay import differing, lever, record_bytes, small_scenario

sys.path.insert(0, str(Path(__file__).parents[1] / "performance"))
import pairing

POLICY = (
    *lever("joint_collaboration_fund", 0.05, "2024-04-01"),
    *lever("technology_barrier", 0.4, "2024-04-01"),
    *lever("talent_barrier", 0.4, "2024-04-01"),
    *lever("finance_barrier", 0.4, "2024-04-01"),
    *lever("alliance_sharing", 0.5, "2024-04-01"),
    *lever("coordination_level", 3, "2024-04-01"),
    "run.end=2025-12-31",
)


@pytest.fixture(scope="module")
def full_and_cut():
    """The same policies with and without the cut."""
    both = [Bay(scenario=small_scenario(*POLICY, *more)) for more in ((), ('run.cut="jurisdictions"',))]
    for bay in both:
        bay.run_to_end()
    return both


def crossing(bay, name: str) -> float:
    """What a matrix holds between jurisdictions of the bay over all quarters."""
    at = bay.region.jurisdiction_city
    matrix = bay.record.arrays()[name][:, : at.size, : at.size]
    return float(np.abs(matrix[:, at[:, None] != at[None, :]]).sum())


def test_no_flow_crosses_where_the_run_is_cut(full_and_cut):
    full, cut = full_and_cut
    names = [*(output.id for output in outputs.flows()), "expected_talent", "expected_ties"]
    assert {name: crossing(cut, name) for name in names} == dict.fromkeys(names, 0.0)
    assert sum(crossing(full, name) > 0 for name in names) >= 8
    for name in ("ties_border", "talent_border", "technology_border", "capital_border", "border_tie_share"):
        assert np.nansum(cut.record.arrays()[name]) == 0.0 < np.nansum(full.record.arrays()[name])


def test_the_outside_and_product_demand_are_not_cut(full_and_cut):
    full, cut = full_and_cut
    cities = len(cut.region.city_ids)
    for name in ("flow_talent_person_firm", "flow_technology_import", "flow_capital_venture"):
        assert cut.record.arrays()[name][:, cities:, :cities].sum() > 0.0
    np.testing.assert_array_equal(cut.values.open_technology, full.values.barrier_technology)
    assert full.values.open_technology is full.values.barrier_technology
    assert cut.values.barrier_technology[0, 9] > 100.0 and cut.values.barrier_technology[0, cities] < 100.0


def test_a_cut_run_shares_its_warm_up_and_changes_nothing_before_release(full_and_cut):
    full, cut = full_and_cut
    assert warm_key(cut) == warm_key(full) and cut.warmed_from == "cache"
    first = [np.nansum(bay.record.arrays()["ties_border"][0]) for bay in full_and_cut]
    assert first[0] > 0.0 == first[1]  # cut from the first reported quarter on


def test_without_a_cut_nothing_changes(small_bytes):
    bay = Bay(scenario=small_scenario('run.cut="none"'))
    bay.run_to_end()
    assert not differing(record_bytes(bay), small_bytes)
    plain, named, cut = small_scenario(), small_scenario('run.cut="none"'), small_scenario('run.cut="jurisdictions"')
    assert plain.reaching_model() == named.reaching_model() and "cut" not in plain.reaching_model()
    assert cut.reaching_model() == {**plain.reaching_model(), "cut": "jurisdictions"}


def test_an_unknown_cut_is_refused():
    from greaterbay.scenario.problems import ScenarioError

    with pytest.raises(ScenarioError, match='unknown cut "borders".*none, jurisdictions'):
        small_scenario('run.cut="borders"')


# ---------------------------------------------------------------------------- pairing


class Rekeyed:
    """Streams of which one has other keys."""

    def __init__(self, streams, name: str) -> None:
        self.streams, self.name = streams, name

    def __getattr__(self, attribute):
        return getattr(self.streams, attribute)

    def key(self, name: str, quarter: int) -> np.uint64:
        """The key, another one for the stream that was changed."""
        found = self.streams.key(name, quarter)
        return np.uint64(found ^ np.uint64(0x5DEECE66D)) if name == self.name else found

    def uniforms(self, name, quarter, identities, number=0):
        """Draws with the stream's own key."""
        return type(self.streams).uniforms(self, name, quarter, identities, number)

    def normals(self, name, quarter, identities, number=0):
        """Draws with the stream's own key."""
        return type(self.streams).normals(self, name, quarter, identities, number)


PAIRS = 8


@pytest.fixture(scope="module")
def small_pairs():
    """Output and inventions of the last year for the baseline, a lever, and a placebo, by replicate."""
    found = {name: [] for name in ("baseline", "lever", "placebo")}
    scenarios = {
        "baseline": small_scenario("run.end=2025-12-31"),
        "lever": small_scenario(*lever("information_platform", 0.3, "2024-04-01"), "run.end=2025-12-31"),
    }
    for replicate in range(PAIRS):
        for name in found:
            bay = Bay(scenario=scenarios.get(name, scenarios["baseline"]), replicate=replicate)
            if name == "placebo":
                bay.streams = Rekeyed(bay.streams, "adopt_risk")
            bay.run_to_end()
            arrays, cities = bay.record.arrays(), len(bay.region.city_ids)
            found[name].append([float(arrays[output][-4:, :cities].sum(dtype=float)) for output in pairing.OUTCOMES])
    return {name: np.array(rows) for name, rows in found.items()}


def test_pairing_takes_most_of_the_noise_away(small_pairs):
    for place, outcome in enumerate(pairing.OUTCOMES):
        ratio, interval = effects.variance_ratio(small_pairs["lever"][:, place], small_pairs["baseline"][:, place])
        assert ratio >= pairing.WANTED and interval.low > 1.0, (outcome, ratio, interval)


def test_a_placebo_behaves_like_the_null(small_pairs):
    p = []
    for place in range(len(pairing.OUTCOMES)):
        difference = small_pairs["placebo"][:, place] - small_pairs["baseline"][:, place]
        assert difference.any()  # the stream does reach the outcome of a single run
        p.append(effects.p_value(difference))
    # the runs are fixed, so chance decides once and for all; one family in a hundred would be refused
    assert (effects.holm(np.array(p)) > 0.01).all(), p
