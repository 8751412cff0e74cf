"""Comparisons of stored runs: who may be paired, what the numbers are, what money bought, how technologies spread."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from compared_runs import make
from test_plots import CITIES, PROBE, stored

from greaterbay.comparison import budget, files, flows, paired, pairs, spread, study, synergy, values
from greaterbay.comparison.runs import spent_by
from greaterbay.runner.results import RunsError, StoredRun
from greaterbay.scenario.load import load_scenario


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A baseline, two policies, a twin of the baseline and cut runs."""
    folder = tmp_path_factory.mktemp("compared")
    make(folder, "baseline", noise=0.01)
    make(folder, "joint_fund", effect=0.1, noise=0.01)
    make(folder, "weak", effect=0.001, noise=0.01, financing="reallocated")
    return folder


@pytest.fixture(scope="module")
def found(folder):
    """The comparison of the two policies with the baseline."""
    with pairs.opened([folder / "joint_fund.nc", folder / "weak.nc"], folder / "baseline.nc") as pairing:
        yield study.compare(pairing, targets=[values.Target.read("conversions>=100")]), pairing


def test_few_replicates_with_a_draw_each_are_compared(tmp_path):
    """Short runs as one makes them first: three replicates, each with its own draw of the parameters."""
    for name, effect in (("baseline", 0.0), ("joint_fund", 0.1), ("weak", 0.001)):
        make(tmp_path, name, effect=effect, noise=0.01, replicates=3, draw=[0, 1, 2])
    with pairs.opened([tmp_path / "joint_fund.nc", tmp_path / "weak.nc"], tmp_path / "baseline.nc") as pairing:
        found = study.compare(pairing)
    assert found.effects and all(effect.draws == 3 for effect in found.effects if effect.outcome == "conversions")
    assert found.places


def refused(paths, against, mixed=False) -> str:
    with pytest.raises(RunsError) as caught, pairs.opened(paths, against, mixed):
        pass
    return str(caught.value)


# ---------------------------------------------------------------------------- pairing


def test_the_same_file_twice_is_refused_also_under_another_name(folder, tmp_path):
    link = tmp_path / "again.nc"
    link.symlink_to(folder / "baseline.nc")
    for again in (folder / "baseline.nc", link):
        assert "given twice" in refused([again], folder / "baseline.nc")


def test_all_that_differs_is_said_with_the_reason(folder, tmp_path):
    path = make(tmp_path, "other", seed=5, scale=0.1, version="0.2.0", quarters=20, replicates=3)
    lines = refused([path], folder / "baseline.nc").splitlines()
    assert len(lines) == 6 and "--mixed" in lines[-1]
    for what, line in zip(("version 0.2.0", "source", "seed 5", "scale 0.1", "quarters 2020Q1 to 2024Q4"), lines, strict=False):
        assert what in line
    with pairs.opened([path], folder / "baseline.nc", mixed=True) as pairing:
        one = study.compare(pairing, ["inventions"])
        assert len(pairing.mixed) == 5 and pairing.years == [2020, 2021, 2022, 2023] and one.pairs == 3
        assert sum("MIXED RUNS" in note for note, _ in one.notes) == 5


def test_runs_without_a_common_replicate_or_year_are_refused(folder, tmp_path):
    path = make(tmp_path, "late", first=2030 * 4, quarters=8)
    assert "no whole calendar year" in refused([path], folder / "baseline.nc", mixed=True)
    draws = make(tmp_path, "drawn", draw=[0, 1, 2, 3, 4, 4])
    assert "posterior draws" in refused([draws], folder / "baseline.nc")


def test_equal_digests_are_no_difference(folder, tmp_path):
    with StoredRunOf(folder / "baseline.nc") as run:
        digest = run.digest
    path = make(tmp_path, "renamed", noise=0.01, digest=digest)
    with pairs.opened([path], folder / "baseline.nc") as pairing:
        one = study.compare(pairing, ["inventions", "conversion_rate"])
    assert one.equal == ("renamed",) and any("renamed: no difference" in note for note, _ in one.notes)
    assert {effect.verdict for effect in one.effects} == {paired.SAME}
    assert all((effect.mean, effect.low90, effect.high90, effect.p) == (0, 0, 0, 1) for effect in one.effects)
    assert {effect.p_holm for effect in one.effects if effect.group == "all"} == {1.0}
    json.dumps(files.as_dict(one), allow_nan=False)


class StoredRunOf:
    """An opened stored run."""

    def __init__(self, path):
        from greaterbay.runner.store import open_result

        self.data = open_result(path)
        self.run = StoredRun.of(self.data, path)

    def __enter__(self):
        return self.run

    def __exit__(self, *_):
        self.data.close()


# ---------------------------------------------------------------------------- numbers


def test_effects_are_paired_differences_of_what_the_files_hold(found):
    one, pairing = found
    both = [stored(run, "conversions")[:, 12:, :11].sum(axis=(1, 2)) for run in (pairing.policies[0], pairing.reference)]
    effect = one.effect("joint_fund", "conversions", 2023)
    assert effect.mean == pytest.approx((both[0] - both[1]).mean(), rel=1e-6) and effect.pairs == 6
    assert effect.relative == pytest.approx(both[0].mean() / both[1].mean() - 1, rel=1e-6)
    assert effect.verdict == paired.HIGHER and effect.p_holm is not None and effect.p_holm >= effect.p
    # a share is formed from summed parts, in a jurisdiction and in a city
    for group, cities in (("jurisdiction:guangdong", range(9)), ("macao", [10]), ("core", [0, 1, 9])):
        parts = [
            [stored(run, part)[:, 15, list(cities)].sum(axis=1) for part in ("inventions_in_market", "inventions_in_force")]
            for run in (pairing.policies[0], pairing.reference)
        ]
        wanted = (parts[0][0] / parts[0][1] - parts[1][0] / parts[1][1]).mean()
        assert one.effect("joint_fund", "conversion_rate", 2023, group).mean == pytest.approx(wanted, rel=1e-5)


def test_horizons_and_outcomes_are_checked(found, folder):
    _, pairing = found
    assert [effect.horizon for effect in study.compare(pairing, ["output"], [2021, 2023]).effects if effect.group == "all"] == [
        2021,
        2023,
        2021,
        2023,
    ]
    with pytest.raises(RunsError, match="allowed: 2020 to 2023"):
        study.compare(pairing, horizons=[2031])
    with pytest.raises(RunsError, match='"outputt" is no outcome.*did you mean "output"'):
        study.compare(pairing, ["outputt"])
    with pytest.raises(RunsError, match="no outcome"):
        study.compare(pairing, ["flow_talent_firm_firm"])
    for text in ("conversions", "conversions=3", "nothing>=2", "conversions>=x", "conversions>=inf"):
        with pytest.raises(RunsError):
            values.Target.read(text)


def test_targets_are_shares_of_replicates(found):
    one, pairing = found
    level = stored(pairing.reference, "conversions")[:, 12:, :11].sum(axis=(1, 2))
    met = [row for row in one.targets if (row.policy, row.horizon) == ("baseline", 2023)]
    assert met[0].share == (level >= 100).mean() and met[0].low <= met[0].share <= met[0].high
    assert values.Target.read(" output <= 3e2 ").met(np.array([299.0, 301.0])).tolist() == [True, False]


def test_money_carries_the_cost_of_funds_only_where_it_is_additional(found):
    one, pairing = found
    prices = {row.policy: row for row in one.prices if (row.outcome, row.horizon) == ("conversions", 2023)}
    cost = stored(pairing.policies[0], "public_cost_present").mean(axis=0)
    assert prices["joint_fund"].cost == pytest.approx(np.nansum(cost), rel=1e-5)
    assert prices["joint_fund"].economic == pytest.approx(1.2 * prices["joint_fund"].cost)
    assert prices["weak"].economic == pytest.approx(prices["weak"].cost)
    gained = [stored(run, "conversions")[:, :, :11].sum(axis=(1, 2)) for run in (pairing.policies[0], pairing.reference)]
    assert prices["joint_fund"].per_unit == pytest.approx(prices["joint_fund"].economic / (gained[0] - gained[1]).mean(), rel=1e-4)
    assert prices["weak"].per_unit is None  # its effect is not clearly unlike zero
    assert prices["baseline"].frontier and prices["baseline"].cost == 0


def test_ranks_hold_all_policies_and_the_reference(found):
    one, _ = found
    places = [row for row in one.places if (row.outcome, row.horizon) == ("conversions", 2023)]
    assert [row.rank for row in places] == [1, 2, 3] and places[0].policy == "joint_fund" and places[0].best > 0.95
    assert places[0].regret == 0.0 and places[-1].regret > 0.0


def test_flow_changes_are_means_of_paired_matrices(found):
    one, pairing = found
    change = next(row for row in one.flows if (row.policy, row.flow) == ("joint_fund", "talent"))
    names = flows.channels("talent")
    both = [sum(stored(run, name)[:, :16].sum(axis=1) for name in names) / 4 for run in (pairing.policies[0], pairing.reference)]
    np.testing.assert_allclose(change.mean, (both[0] - both[1]).mean(axis=0), atol=1e-3)
    assert not change.clear.any()  # flows do not depend on the policy here
    ties = next(row for row in one.flows if (row.policy, row.flow) == ("joint_fund", "ties"))
    assert (ties.first, ties.last) == (2020, 2023)


def test_time_to_a_share_is_read_off_a_straight_line():
    path = np.array([[0.0, 0.04, 0.12, 0.5, 0.9], [0.0, 0.0, 0.0, 0.05, 0.08], [0.2, 0.3, 0.4, 0.5, 0.6]])
    when, reached = spread.times(path, 0.1)
    np.testing.assert_allclose(when, [(2 + 0.75) / 4, 5 / 4, 0.5 / 4])
    assert reached.tolist() == [True, False, True]


def test_diffusion_is_compared_from_the_launch_on(found):
    one, pairing = found
    rows = {(row.technology, row.measure, row.group): row for row in one.spread if row.policy == "joint_fund"}
    area = rows[PROBE, "area", "all"]
    shares = [
        stored(run, "adopters_technology")[:, 5:, :11, 2].sum(axis=2) / stored(run, "potential_technology")[:, 5:, :11, 2].sum(axis=2)
        for run in (pairing.policies[0], pairing.reference)
    ]
    assert area.mean == pytest.approx((shares[0] - shares[1]).sum(axis=1).mean() / 4, rel=1e-4)
    assert {measure for _, measure, _ in rows} == {"time_10", "time_50", "time_90", "lag", "area"}
    assert len({group for _, measure, group in rows if measure == "time_50"}) == 3 + len(CITIES) - 2


def test_files_hold_every_table_and_no_number_that_is_not_one(found, tmp_path):
    one, _ = found
    written = files.write(one, tmp_path)
    assert {path.name for path in written} == {
        "effects.csv",
        "places.csv",
        "prices.csv",
        "targets.csv",
        "spread.csv",
        "flows.csv",
        "comparison.json",
    }
    rows = list(csv.DictReader((tmp_path / "effects.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == len(one.effects) and "nan" not in {value for row in rows for value in row.values()}
    assert json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))["pairs"] == 6
    files.write(replace(one, mixed=("seeds differ",), spread=[]), tmp_path)
    assert "seeds differ" in (tmp_path / "places.csv").read_text(encoding="utf-8") and not (tmp_path / "spread.csv").exists()


def test_posterior_draws_split_the_variance(folder, tmp_path):
    draw = [0, 1, 2, 2, 1, 0]
    paths = [make(tmp_path, name, effect=effect, noise=0.02, draw=draw) for name, effect in (("baseline", 0.0), ("joint_fund", 0.1))]
    with pairs.opened(paths[1:], paths[0]) as pairing:
        one = study.compare(pairing, ["conversions"])
    effect = one.effect("joint_fund", "conversions", 2023)
    assert one.draws == 3 and effect.draws == 3 and 0 <= effect.share_low <= effect.share_parameters <= effect.share_high <= 1
    assert effect.across_low90 is not None and not any("held fixed" in note for note, _ in one.notes)
    other = make(tmp_path / "x", "joint_fund", effect=0.1, draw=[0, 1, 2, 2, 0, 1])
    assert "other parameter draws" in refused([other], paths[0])


# ---------------------------------------------------------------------------- synergy


def test_synergy_index_is_the_full_run_over_its_cut_twin(folder, tmp_path):
    full = make(folder, "full", effect=0.2)
    cut = make(tmp_path, "full_cut", effect=0.0, cut="jurisdictions")
    with StoredRunOf(full) as one, StoredRunOf(cut) as two:
        found = {(row.measure, row.group): row for row in synergy.indices("full", one, two, range(6))}
        assert found["conversions_value", "sum"].index == pytest.approx(1.2, rel=1e-5)
        assert found["conversions_value", "macao"].low <= 1.2000001 and found[
            "conversions_value", "mean of jurisdictions"
        ].index == pytest.approx(1.2, rel=1e-5)
        sums = [stored(run, "productivity_weight")[:, :, :11].sum() / stored(run, "sales")[:, :, :11].sum() for run in (one, two)]
        assert found["productivity", "sum"].index == pytest.approx(sums[0] / sums[1], rel=1e-6)
        with pytest.raises(RunsError, match="are not cut"):
            synergy.indices("full", one, one, range(6))


def test_jackknife_interval_of_a_ratio_covers():
    rng, hits = np.random.default_rng(3), 0
    for _ in range(300):
        base = 10 + rng.standard_normal(12)
        value, low, high = synergy.jackknife(
            np.stack([1.1 * base + 0.2 * rng.standard_normal(12), base]), lambda pooled: pooled[0] / pooled[1]
        )
        hits += low <= 1.1 <= high
    assert 0.84 <= hits / 300 <= 0.95 and value == pytest.approx(1.1, abs=0.05)


# ---------------------------------------------------------------------------- equal public money


def spending(curve, noise: float = 0.01):
    """What a scenario spends as a function of its lever's value, by replicate; the noise belongs to the replicate."""

    def spend(scenario, numbers):
        amount = curve(scenario.levers["shared_facilities"].value)
        total = amount * (1 + noise * np.random.default_rng(1).standard_normal(100)[list(numbers)])
        return budget.Spent(total, {"shared_facilities": total}, 0.0)

    return spend


LIKE = budget.Spent(np.full(32, 50.0), {}, 0.0)


def like(numbers):
    return budget.Spent(LIKE.total[: len(numbers)], {}, 0.0)


@pytest.mark.parametrize(
    "curve", [lambda value: 400 * value, lambda value: 90 * value**0.5, lambda value: 300 * value**2], ids=["line", "bent", "steep"]
)
def test_a_scenario_is_scaled_to_the_money_of_another(curve):
    scenario = load_scenario("shared_facilities", overrides=["levers.information_platform.value=0"])
    result, done = budget.match(scenario, "other", like, spending(curve), range(32))
    assert abs(curve(result.levers["shared_facilities"].value) - 50.0) <= done.tolerance + 0.5
    assert abs(done.after - 50.0) <= done.tolerance and done.searched == 8 and done.confirmed == 32
    assert result.id == "shared_facilities_equal_budget" and "equal budget" in result.title and done.trials <= 8
    assert "shared_facilities 0.3 →" in done.words() and "50.0" in done.words("zh")


def test_what_cannot_be_matched_is_refused_by_name():
    scenario = load_scenario("shared_facilities", overrides=["levers.information_platform.value=0"])

    def refusal(curve, scenario=scenario, noise=0.01):
        with pytest.raises(RunsError) as caught:
            budget.match(scenario, "other", like, spending(curve, noise), range(32))
        return str(caught.value)

    assert "saturated" in refusal(lambda value: min(30.0, 400 * value))
    assert "shared_facilities has reached its bound" in refusal(lambda value: 40 * value)
    assert "does not grow steadily with shared_facilities" in refusal(
        lambda value: 20 + 80 * np.sin(9 * (value - 0.3)) if value < 0.95 else 90.0
    )
    assert "spends no public money" in refusal(lambda value: 0.0)
    free = load_scenario("open_borders")
    with pytest.raises(RunsError, match="talent_barrier, technology_barrier, finance_barrier spends no"):
        budget.match(free, "other", like, lambda scenario, numbers: budget.Spent(np.zeros(len(numbers)), {}, 0.0), range(8))
    nothing = budget.Spent(np.zeros(8), {}, 0.0)
    with pytest.raises(RunsError, match="other: spends no public money"):
        budget.match(scenario, "other", lambda numbers: nothing, spending(lambda value: value), range(8))


def test_tolerance_is_the_largest_of_three():
    wanted = np.full(4, 1000.0)
    assert budget.tolerance(wanted, budget.Spent(wanted + 1, {}, 0.0), 0.0) == 10.0
    assert budget.tolerance(wanted, budget.Spent(wanted + 1, {}, 0.0), 25.0) == 25.0
    rough = budget.Spent(wanted + np.array([100.0, -100.0, 100.0, -100.0]), {}, 0.0)
    assert budget.tolerance(wanted, rough, 0.0) == pytest.approx(2 * np.std([100, -100, 100, -100], ddof=1) / 2)


def test_spending_is_read_from_the_file(found):
    _, pairing = found
    spent = spent_by(pairing.policies[0], range(3))
    by_lever = stored(pairing.policies[0], "public_cost_lever")
    assert spent.mean == pytest.approx(np.nansum(stored(pairing.policies[0], "public_cost_present")[:3]) / 3, rel=1e-6)
    assert spent.grain == pytest.approx(by_lever[:3][by_lever[:3] > 0].min(), rel=1e-6)
    with pytest.raises(RunsError, match="replicates failed"):
        spent_by(pairing.policies[0], range(9))


def test_a_budget_stands_in_a_scenario_file(tmp_path):
    from greaterbay.runner.ensemble import RunError, run_scenarios
    from greaterbay.scenario.load import check_file

    text = 'schema = 1\nid = "mine"\ntitle = "Mine"\nextends = "shared_facilities"\nbudget = "{}"\n'
    path = tmp_path / "mine.toml"
    path.write_text(text.format("same_as:joint_fund"), encoding="utf-8")
    scenario = load_scenario(path)
    assert scenario.budget == "same_as:joint_fund" and scenario.to_dict()["budget"] == "same_as:joint_fund"
    assert "budget" not in scenario.reaching_model()
    with pytest.raises(RunError, match="greaterbay compare mine"):
        run_scenarios([scenario], out=tmp_path / "runs")
    for wrong, words in (("joint_fund", "names no scenario"), ("same_as:mine", "its own budget"), ("same_as:", "names no scenario")):
        path.write_text(text.format(wrong), encoding="utf-8")
        assert any(words in str(problem) for problem in check_file(path))


def test_a_run_that_ends_in_2030_is_reported_once():
    from types import SimpleNamespace

    assert study.horizons_of(SimpleNamespace(years=[2028, 2029, 2030]), ()) == (2030,)
    assert study.horizons_of(SimpleNamespace(years=[2029, 2030, 2031]), ()) == (2030, 2031)
    assert study.horizons_of(SimpleNamespace(years=[2026, 2027]), ()) == (2027,)
