"""Calibration on a stand-in model: emulators, likelihood, recovery, resumption, refusals; the committed study's lists."""

from __future__ import annotations

import csv
import json
import re
import tomllib

import fake_study
import numpy as np
import pytest

from greaterbay import parameters as declared
from greaterbay.calibration import calibrate as work
from greaterbay.calibration import diagnostics, emulator, likelihood, runs, sampling
from greaterbay.calibration.estimators import ESTIMATORS
from greaterbay.calibration.study import MOST_RUNS, StudyError, load_study, off_scale, on_scale
from greaterbay.evidence import posteriors, references
from greaterbay.locations import PACKAGE, shipped_folder

# ---- the committed study


@pytest.fixture(scope="module")
def committed():
    return load_study()


def test_study_keeps_its_budget_and_names_enough_figures(committed):
    assert committed.runs_planned() <= MOST_RUNS
    assert 12 <= len(committed.free) <= 20
    assert len(committed.targets) >= 30
    assert sum(t.place == "bay" for t in committed.targets) >= 12
    assert {t.estimator for t in committed.targets} <= set(ESTIMATORS)
    assert all(t.transfer and t.discrepancy > 0 for t in committed.targets if t.place == "national")
    assert all(t.reason.endswith(".") and t.spread > 0 for t in committed.targets)
    assert sorted(k for fold in diagnostics.folds(committed.targets) for k in fold) == [
        k for k, t in enumerate(committed.targets) if t.fitted
    ]


def test_no_input_is_a_target(committed):
    """A target's figure sets no column of the region and no parameter but a free one."""
    free = {name for f in committed.free for name in (f.members or (f.id,))}
    region = (PACKAGE / "region" / "gba" / "sources.csv").read_text(encoding="utf-8")
    inputs = set(re.findall(r"figure:\w+", region))
    for row in declared.table().values():
        if row.id not in free:
            inputs |= set(references.split(row.reference))
    sizes = {"figure:population_2019", "figure:ghm_joint_labs"}  # regressor of a slope; upper end of a range
    sizes.add("figure:credit_small_share")  # its mark of half a million defines the measure; the target is the share
    fitted_to_fixed = {"figure:prd_other_talent_gap", "figure:homogeneity_competition"}  # signs that a fixed parameter only makes possible
    used = {r for t in committed.targets for r in references.split(t.reference) if r.startswith("figure:")}
    assert used & inputs <= sizes | fitted_to_fixed
    for r in used:
        if r not in sizes:
            assert references.resolve(r).data["use"] in ("target", "check"), r


def test_nothing_inconsistent_is_a_target(committed):
    doubtful = re.compile(r"figure:(embodied_|robot_shares|smartmfg_cn_|us_network_output|biomfg_cn_2025|nm_young_talent|nm_fund)")
    assert not [t.id for t in committed.targets if doubtful.search(t.reference)]


def test_points_agree_with_the_figures(committed):
    by_id = {t.id: t for t in committed.targets}
    grants = references.resolve("figure:invention_grants_2018").value
    cities = [c.strip().lower() for c in references.resolve("figure:invention_grants_2018").data["place"].split(",")]
    assert by_id["grants_total"].value[0] == sum(grants)
    for city, count in zip(cities, grants, strict=True):
        if f"grants_share_{city}" in by_id:
            assert by_id[f"grants_share_{city}"].value[0] == pytest.approx(count / sum(grants), abs=6e-5)
    for name, figure in (
        ("mobile_share_after_five_years", "singles_2014_mobile_share"),
        ("devices_after_four_years", "aipc_share_2028"),
        ("small_loans", "credit_small_share"),
    ):
        assert by_id[name].value[0] == pytest.approx(references.resolve(f"figure:{figure}").value / 100)
    assert by_id["online_share_rise"].value[0] == references.resolve("figure:retail_share_growth_6y").value
    assert list(by_id["gain_of_network_technology"].value) == references.resolve("figure:network_prod_gain").value
    for name, figure in (
        ("conversion_of_results", "nm_conversion_general"),
        ("conversion_of_materials", "nm_conversion_2023"),
        ("domestic_equipment", "nm_equipment_localisation"),
    ):
        record = references.resolve(f"figure:{figure}")
        assert record.data["relation"] == "<" and 0.9 * record.value / 100 <= by_id[name].value[0] < record.value / 100


def test_priors_hold_the_central_values(committed):
    """The model's present values lie inside the priors, and points go there and back."""
    for free in committed.free:
        values = [1.0] if free.members else [declared.table()[free.id].value]
        assert all(free.low <= v <= free.high for v in values), free.id
        assert free.unit(free.natural(0.3)) == pytest.approx(0.3)
    middle = committed.parameters([0.5] * len(committed.free))
    assert set(middle) <= set(declared.table())


def test_known_ridges_are_dealt_with(committed):
    assert len(committed.ridges) >= 5
    for ridge in committed.ridges:
        assert ridge["done"] in ("fixed", "merged", "declared") and ridge["reason"].endswith(".")
        free = [p for p in ridge["parameters"] if p in {f.id for f in committed.free}]
        assert len(free) <= 1 or ridge["done"] == "declared", ridge


def test_faults_of_a_study_are_told_at_once(tmp_path):
    folder = shipped_folder("calibration")
    for name in ("study.toml", "targets.toml", "priors.toml"):
        (tmp_path / name).write_text((folder / name).read_text(encoding="utf-8"), encoding="utf-8")
    text = (tmp_path / "targets.toml").read_text(encoding="utf-8")
    text = text.replace('estimator = "move_rate"', 'estimator = "moves"').replace("figure:gz_weaknesses", "figure:gz_weakness", 1)
    (tmp_path / "targets.toml").write_text(text, encoding="utf-8")
    text = (tmp_path / "study.toml").read_text(encoding="utf-8").replace("later         = 300", 'later         = "many"\nextra = 1')
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        load_study(tmp_path / "study.toml")
    found = "\n".join(caught.value.problems)
    assert "unknown estimator 'moves'" in found and "unknown reference 'figure:gz_weakness'" in found
    assert "later is 'many'; allowed: int" in found and "unknown key 'extra'" in found
    text = (folder / "study.toml").read_text(encoding="utf-8").replace("later         = 300", "later         = 3000")
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    (tmp_path / "targets.toml").write_text((folder / "targets.toml").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(StudyError, match=r"runs are planned; allowed: at most 2500"):
        load_study(tmp_path / "study.toml")


def test_scales_go_there_and_back():
    for scale, value in (("plain", -2.0), ("log", 21.0), ("logit", 0.18)):
        assert off_scale(on_scale(value, scale), scale) == pytest.approx(value)


# ---- emulators


def gathered(count: int, seed: int = 0, twins: int = 0):
    units = sampling.design(count, 6, seed)
    units = np.vstack((units, units[:twins]))
    values = np.array(
        [list(fake_study.simulate("", (), dict(zip(fake_study.PARAMETERS, u, strict=True)), k).values()) for k, u in enumerate(units)]
    )
    pairs = (np.arange(twins), count + np.arange(twins)) if twins else None
    return units, values, pairs


def test_emulator_error_against_left_out_runs():
    units, values, twins = gathered(160, twins=20)
    found = emulator.fit(units, values, twins=twins)
    fresh, truth, _ = gathered(120, seed=9)
    mean, own, noise = found.predict(fresh)
    error = truth - mean
    assert (error.std(axis=0) < 0.15 * truth.std(axis=0)).all()
    left_out = np.array([np.sqrt((f.left_out**2).mean()) for f in found.figures])
    assert left_out.mean() == pytest.approx(np.sqrt((error**2).mean(axis=0)).mean(), rel=0.25)
    assert (error / np.sqrt(own + noise)).std() == pytest.approx(1.0, abs=0.25)
    assert np.sqrt(noise.mean()) == pytest.approx(fake_study.NOISE, rel=0.4)


def test_a_richer_emulator_is_taken_where_the_error_asks_for_it():
    units, values, twins = gathered(150, twins=20)
    bent = np.column_stack((values[:, 0], np.sin(9.0 * units[:, 0]) + 0.02 * values[:, 1]))
    found = emulator.fit(units, bent, twins=twins)
    assert found.kinds()[1] == "quadratic + Gaussian process"
    plain_ = emulator.fit(units, bent, twins=twins, rich=False)
    assert (found.figures[1].left_out ** 2).mean() < 0.7 * (plain_.figures[1].left_out ** 2).mean()


def test_residual_correlation_is_emulated():
    units, values, twins = gathered(150, twins=20)
    shared = np.random.default_rng(5).normal(size=(values.shape[0], 1))
    pair = np.hstack((values[:, :1] + 0.3 * shared, values[:, 1:2] + 0.3 * shared))
    assert emulator.fit(units, pair, twins=twins).correlation[0, 1] > 0.6


# ---- likelihood


def test_likelihood_of_orderings_against_simulation():
    """Phi(mean / sd) is how often simulated measures lie above zero; the likelihood mixes it with the confidence."""
    draw = np.random.default_rng(11)
    for mean, sd in ((0.1, 0.2), (-0.3, 0.5), (0.0, 1.0), (0.8, 0.4)):
        seen = (mean + sd * draw.normal(size=40_000) > 0).mean()
        assert likelihood.probability_holds(mean, sd**2) == pytest.approx(seen, abs=0.01)

    class Known:
        correlation = np.eye(1)

        def predict(self, units):
            n = len(units)
            return np.full((n, 1), 0.1), np.full((n, 1), 0.01), np.full((n, 1), 0.04)

    facts = likelihood.Facts.of(
        [fake_study.target(0, 0.0, relation="holds", probability=0.9, tolerance=0.0, discrepancy=0.1, pooled=4)], [True]
    )
    holds = (0.1 + np.sqrt(0.04 / 4 + 0.01 + 0.01) * draw.normal(size=40_000) > 0).mean()
    expected = np.log(0.9 * holds + 0.1 * (1 - holds))
    assert likelihood.log_likelihood(Known(), facts, np.zeros((2, 1)))[1] == pytest.approx(expected, abs=0.01)


def test_likelihood_of_quantities_is_the_normal_density():
    from scipy.stats import multivariate_normal

    units, values, twins = gathered(120, twins=20)
    found = emulator.fit(units, values[:, :3], twins=twins, rich=False)
    targets = [fake_study.target(k, 0.1 * k) for k in range(3)]
    facts = likelihood.Facts.of(targets, [True] * 3)
    at = sampling.design(5, 6, 1)
    mean, own, noise = found.predict(at)
    level = []
    for i in range(5):
        sd = np.sqrt(noise[i])
        covariance = np.outer(sd, sd) * found.correlation + np.diag(own[i] + facts.spread**2)
        level.append(multivariate_normal(mean[i], covariance).logpdf(facts.point))
    got = likelihood.log_likelihood(found, facts, at)
    assert got - got[0] == pytest.approx(np.array(level) - level[0], abs=1e-6)


def test_what_is_implausible_is_far_from_the_truth():
    units, values, twins = gathered(160, twins=20)
    study = fake_study.study()
    found, facts = emulator.fit(units, values, twins=twins), likelihood.Facts.of(study.targets, [True] * 16)
    at = np.vstack((fake_study.TRUTH, 1.0 - np.array(fake_study.TRUTH)))
    near, far = likelihood.implausibility(found, facts, at)
    assert near < 2.5 < 5.0 < far
    wave, share = sampling.next_wave(found, facts, 50, 6, 3.0, 1)
    assert wave.shape == (50, 6) and 0.0 <= share < 0.2
    before = np.abs(sampling.design(512, 6, 2)[:, :5] - fake_study.TRUTH[:5]).mean()
    assert np.abs(wave[:, :5] - fake_study.TRUTH[:5]).mean() < 0.5 * before


# ---- recovery


def test_synthetic_truths_are_recovered():
    units, values, twins = gathered(190, twins=20)
    found = diagnostics.recovery(fake_study.study(), units, values, twins, 12, 28, 160, 3)
    rows = {r["parameter"]: r for r in found["parameters"]}
    assert found["truths"] == 12
    assert all(rows[name]["identified"] == "strong" for name in fake_study.PARAMETERS[:4]), rows
    assert rows[fake_study.PARAMETERS[5]]["identified"] == "none"
    assert 0.35 <= found["coverage50"] <= 0.67 and 0.80 <= found["coverage90"] <= 0.98


# ---- the whole study


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return work.calibrate(fake_study.study(), folder, simulator=fake_study.simulate)


def test_posterior_lies_at_the_truth(finished):
    drawn = posteriors.load(str(finished))
    table = np.array(drawn.rows)
    assert table.shape == (72, 6) and len(set(drawn.draws)) == 60
    assert np.abs(table.mean(axis=0)[:5] - fake_study.TRUTH[:5]).max() < 0.12
    assert table[:, 5].std() > 0.2  # the parameter that moves nothing keeps its prior
    found = json.loads((finished / "diagnostics.json").read_text(encoding="utf-8"))
    verdicts = {row["what"]: row["verdict"] for row in found["acceptance"]}
    assert verdicts["parameters identified"] == "pass" and verdicts["runs"] == "pass"
    assert verdicts["figures that count"] == "fail"  # a fail is written down, not hidden
    report = (finished / "report.md").read_text(encoding="utf-8")
    assert "| figures that count | 1" in report and "FAIL" in report
    for heading in ("Acceptance", "Parameters: prior against posterior", "Fit:", "Left-out figures", "Recovery", "What does not fit"):
        assert f"## {heading}" in report


def test_resuming_gives_the_same_posterior_and_repeats_no_run(finished, tmp_path):
    study, stops = fake_study.study(), fake_study.Stops(after=70)
    with pytest.raises(KeyboardInterrupt):
        work.calibrate(study, tmp_path, simulator=stops)
    assert len(list((tmp_path / "runs").glob("*.json"))) == 70
    goes_on = fake_study.Stops()
    again = work.calibrate(study, tmp_path, simulator=goes_on)
    assert (again / "draws.csv").read_bytes() == (finished / "draws.csv").read_bytes()
    whole = json.loads((again / "diagnostics.json").read_text(encoding="utf-8"))["budget"]["runs"]
    assert goes_on.calls == whole - 70


def test_a_damaged_run_is_made_again_and_a_failed_one_is_left_out(tmp_path):
    study = fake_study.study()
    bench = runs.Bench(study, tmp_path, simulator=fake_study.simulate)
    units = sampling.design(8, 6, 1)
    first = bench.figures("wave", units, range(8))
    path = bench.run_of(units[2], 2).path
    path.write_text(path.read_text(encoding="utf-8")[:40], encoding="utf-8")
    counted = fake_study.Stops()
    bench = runs.Bench(study, tmp_path, simulator=counted)
    assert np.array_equal(bench.figures("wave", units, range(8)), first) and counted.calls == 1
    bench = runs.Bench(study, tmp_path / "other", simulator=lambda *a: fake_study.simulate(*a) if a[3] != 3 else 1 / 0)
    gaps = bench.figures("wave", units, range(8))
    assert np.isnan(gaps[3]).all() and np.isfinite(np.delete(gaps, 3, axis=0)).all()
    assert list(bench.failures.values()) == ["ZeroDivisionError: division by zero"]


def test_worker_processes_give_the_same_and_survive_a_death(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_STUDY_MARKER", str(tmp_path / "died"))
    study, units = fake_study.study(), sampling.design(8, 6, 1)
    there = runs.Bench(study, tmp_path / "two", jobs=2, simulator=fake_study.dies).figures("wave", units, range(8))
    here = runs.Bench(study, tmp_path / "one", simulator=fake_study.simulate).figures("wave", units, range(8))
    assert (tmp_path / "died").exists()
    assert np.array_equal(np.delete(there, 3, axis=0), np.delete(here, 3, axis=0)) and np.isnan(there[3]).all()


def test_bounds_on_runs_and_time(tmp_path):
    units = sampling.design(8, 6, 1)
    with pytest.raises(runs.TooLong, match=r"8 more; allowed are 7 in all"):
        runs.Bench(fake_study.study(), tmp_path, simulator=fake_study.simulate, most_runs=7).figures("wave", units, range(8))
    with pytest.raises(runs.TooLong, match="more than 0 minutes; what is finished is kept"):
        runs.Bench(fake_study.study(), tmp_path, simulator=fake_study.simulate, most_minutes=0.0).figures("wave", units, range(8))
    assert len(list((tmp_path / "runs").glob("*.json"))) == 1


# ---- the posterior folder


def test_every_fifth_draw_meets_a_second_seed():
    assert posteriors.schedule(12) == [0, 1, 2, 3, 4, 0, 5, 6, 7, 8, 9, 5, 10, 11]
    rows = posteriors.schedule(200)
    assert len(rows) == 240 and sum(rows.count(d) == 2 for d in range(200)) == 40
    assert rows[6] == 5 == rows[246 % len(rows)]


def copy_of(folder, to):
    to.mkdir()
    for name in ("manifest.json", "draws.csv"):
        (to / name).write_bytes((folder / name).read_bytes())
    return to


def test_what_is_damaged_or_of_other_numbers_is_refused(finished, tmp_path):
    with pytest.raises(posteriors.PosteriorError, match="no posterior at .*allowed: none"):
        posteriors.load(str(tmp_path / "nothing"))
    one = copy_of(finished, tmp_path / "one")
    content = (one / "draws.csv").read_bytes()
    (one / "draws.csv").write_bytes(content.replace(b"0.3", b"0.4", 1))
    with pytest.raises(posteriors.PosteriorError, match=r"draws.csv: changed since it was made .* make it again"):
        posteriors.load(str(one))
    two = copy_of(finished, tmp_path / "two")
    manifest = json.loads((two / "manifest.json").read_text(encoding="utf-8"))
    (two / "manifest.json").write_text(json.dumps(manifest | {"numbers": 999}), encoding="utf-8")
    with pytest.raises(posteriors.PosteriorError, match=r"made with numbers version 999, this model has \d+: its draws do not fit"):
        posteriors.load(str(two))
    (two / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(posteriors.PosteriorError, match="manifest.json: damaged"):
        posteriors.load(str(two))


def test_scenarios_take_draws_by_replicate(finished):
    from greaterbay.runner.manifest import digest
    from greaterbay.scenario.load import load_scenario

    plain = load_scenario("baseline", overrides=[posteriors.CENTRAL])
    drawn = load_scenario("baseline", overrides=[f'run.posterior="{finished}"', 'parameters."finance.tax"=0.25'])
    other = load_scenario("joint_fund", overrides=[f'run.posterior="{finished}"'])
    table = posteriors.load(str(finished))
    assert "posterior" not in plain.reaching_model() and plain.parameters_of(3) == {} and plain.draw(3) == -1
    assert drawn.reaching_model()["posterior"] == table.digest and digest(drawn) != digest(plain)
    for k in (0, 5, 7, 71, 72, 100):
        values = dict(zip(table.parameters, table.rows[k % 72], strict=True))
        assert other.parameters_of(k) == values and drawn.parameters_of(k) == values | {"finance.tax": 0.25}
        assert drawn.draw(k) == other.draw(k) == posteriors.schedule(60)[k % 72]
    assert other.parameters_of(5) == other.parameters_of(0) != other.parameters_of(1)
    assert drawn.to_dict()["run"]["posterior"] == str(finished)


def test_a_scenario_with_a_wrong_posterior_is_refused(finished, tmp_path):
    from greaterbay.scenario.load import load_scenario
    from greaterbay.scenario.problems import ScenarioError

    with pytest.raises(ScenarioError, match=r'no posterior "nothing"; allowed: none'):
        load_scenario("baseline", overrides=['run.posterior="nothing"'])
    one = copy_of(finished, tmp_path / "one")
    manifest = json.loads((one / "manifest.json").read_text(encoding="utf-8"))
    (one / "manifest.json").write_text(json.dumps(manifest | {"numbers": 999}), encoding="utf-8")
    with pytest.raises(ScenarioError, match="numbers version 999"):
        load_scenario("baseline", overrides=[f'run.posterior="{one}"'])


def test_results_carry_the_draw_of_each_replicate(finished, tmp_path):
    import fake_runs

    from greaterbay.runner import ensemble, store

    for name, posterior, wanted in (("central", "none", [-1] * 7), ("drawn", str(finished), [0, 1, 2, 3, 4, 0, 5])):
        scenario = fake_runs.scenario(name, replicates=7, posterior=posterior)
        (done,) = ensemble.run_scenarios([scenario], out=tmp_path, run_one=fake_runs.simulate, names=fake_runs.names)
        with store.open_result(done.path) as data:
            assert data["draw"].dims == ("replicate",) and data["draw"].values.tolist() == wanted
            assert store.info_of(data).manifest["scenario"]["run"]["posterior"] == posterior


# ---- numbers version


def test_numbers_version_is_raised_when_the_baseline_changes():
    """The last entry of numbers.toml is the model's version with the digest of the baseline; earlier ones stay."""
    import hashlib
    from pathlib import Path

    import greaterbay

    folder = Path(__file__).parents[1] / "regression"
    entries = tomllib.loads((folder / "numbers.toml").read_text(encoding="utf-8"))["version"]
    assert [e["numbers"] for e in entries] == list(range(1, len(entries) + 1))
    assert len({e["sha256"] for e in entries}) == len(entries)
    now = hashlib.sha256((folder / "baseline.csv").read_bytes()).hexdigest()
    assert (entries[-1]["numbers"], entries[-1]["sha256"]) == (greaterbay.NUMBERS, now), (
        "baseline.csv has changed: raise NUMBERS in greaterbay/__init__.py and add the new version to numbers.toml"
    )


# ---- the real model


def test_a_tiny_calibration_of_the_model(tmp_path):
    """Two parameters, a dozen runs of the real model: every estimator of the study is found."""
    from dataclasses import replace

    study = load_study()
    small = replace(
        study,
        id="tiny",
        free=study.free[:2],
        scale=0.01,
        waves={"per_parameter": 4, "twins": 0, "later": 0, "waves": 1, "cut": 3.0},
        posterior={"walkers": 16, "steps": 60, "draws": 10, "confirmed": 3, "refits": 0},
        checks={"truths": 2, "truth_steps": 40, "scale": 0.02, "scale_runs": 0},
    )
    folder = work.calibrate(small, tmp_path)
    with open(folder / "ensemble.csv", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    table = np.array(rows[1:], float)
    assert table.shape == (8, 1 + 2 + len(study.targets))
    finite = np.isfinite(table[:, 3:]).mean(axis=0)
    assert (finite == 1.0).all(), [t.id for t, f in zip(study.targets, finite, strict=True) if f < 1]
    total = table[:, 3 + [t.id for t in study.targets].index("grants_total")]
    assert np.corrcoef(table[:, 1], total)[0, 1] > 0.8  # more inventions where their rate is higher
    drawn = posteriors.load(str(folder))
    assert drawn.parameters == ("invention.rate", "invention.rd_elasticity") and len(drawn.rows) == 12
