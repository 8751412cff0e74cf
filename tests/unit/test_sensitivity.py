"""Screening, Sobol indices, rule induction, and the files they leave."""

from __future__ import annotations

from dataclasses import replace

import fake_posterior
import fake_study
import numpy as np
import pytest

from greaterbay.calibration import emulator, sampling
from greaterbay.calibration.study import load_study
from greaterbay.evidence import posteriors
from greaterbay.parameters import table
from greaterbay.scenario.problems import ScenarioError
from greaterbay.sensitivity import contrasts, prim, report, screening, work


def test_screening_ranks_a_known_function():
    points = screening.trajectories(12, 5, 1)
    assert points.shape == (12, 6, 5) and ((np.diff(points, axis=1) != 0).sum(axis=2) == 1).all()
    values = 4.0 * points[..., 0] - 2.0 * points[..., 1] + 3.0 * (points[..., 2] - 0.5) * (points[..., 3] - 0.5)
    rows = screening.morris_table(points, values)
    assert [r["mu"] for r in rows[:2]] == pytest.approx([4.0, -2.0]) and rows[0]["mu_star"] == pytest.approx(4.0)
    assert rows[0]["sigma"] == pytest.approx(0.0, abs=1e-9) and rows[2]["sigma"] > 0.5
    assert rows[4]["mu_star"] == 0.0
    values[:10] = np.nan
    assert len(screening.morris_table(points, values)) == 5
    values[10] = np.nan
    with pytest.raises(ValueError, match="1 of 12 trajectories are whole"):
        screening.morris_table(points, values)


def test_sobol_indices_of_a_known_function():
    """y = 2 a + b: variance shares 0.8 and 0.2, no interaction."""
    units = sampling.design(128, 3, 1)
    found = screening.sobol_on(emulator.fit(units, (2.0 * units[:, 0] + units[:, 1])[:, None], rich=False), 3, 0, 1)
    assert [r["first"] for r in found] == pytest.approx([0.8, 0.2, 0.0], abs=0.05)
    assert [r["total"] for r in found] == pytest.approx([0.8, 0.2, 0.0], abs=0.05)


def test_every_required_assumption_is_varied_or_named():
    study = load_study()
    chosen = screening.factors(study)
    varied = {f"assumption:{name}" for f in chosen for name in (f.free.members or (f.free.id,))}
    needed = set(screening.required_assumptions())
    assert needed <= varied | set(screening.not_varied(chosen))
    assert not varied & set(screening.not_varied(chosen))
    assert len(screening.factors(study, "free")) == len(study.free) < len(chosen)
    assert all(f.free.low < f.free.high for f in chosen)
    middle = screening.model_parameters(chosen, [0.5] * len(chosen))
    assert {name for f in chosen for name in (f.free.members or (f.free.id,))} == set(middle)


def test_effects_are_percent_or_points():
    assert contrasts.effect("output", 110.0, 100.0) == pytest.approx(10.0)
    assert contrasts.effect("conversion_rate", 0.21, 0.20) == pytest.approx(1.0)
    assert np.isnan(contrasts.effect("output", 1.0, 0.0))


def test_rule_induction_finds_the_planted_box():
    points = sampling.design(400, 5, 3)
    fails = (points[:, 1] > 0.6) & (points[:, 3] < 0.5)
    fails = fails ^ (np.random.default_rng(1).random(400) < 0.03)
    box = prim.find_box(points, fails)
    assert set(box.limits) == {1, 3}
    assert box.limits[1][0] == pytest.approx(0.6, abs=0.08) and box.limits[3][1] == pytest.approx(0.5, abs=0.08)
    assert box.density > 0.85 and box.coverage > 0.7
    inside = box.holds(points)
    assert (fails[inside].mean(), inside.mean()) == pytest.approx((box.density, box.mass))
    assert prim.find_box(points, np.zeros(400, bool)) is None


def test_rule_induction_invents_nothing():
    points = sampling.design(120, 5, 4)
    boxes = [prim.find_box(points, np.random.default_rng(s).random(120) < 0.4) for s in range(6)]
    planted = prim.find_box(points, points[:, 0] > 0.6)
    assert all(b is None or b.density < 0.9 * planted.density for b in boxes)


@pytest.fixture
def study():
    """The committed settings with the stand-in's parameters."""
    return replace(load_study(), id="stand_in", free=fake_study.FREE)


def test_discovery_says_it_in_words_and_as_a_picture(study, tmp_path):
    points, units, source = report.draw_points(study, posteriors.NONE, 60)
    found, failures = work.make_pairs("joint_fund", "baseline", ["run.scale=0.01"], points, tmp_path, 1, simulator=fake_study.effect)
    assert not failures and source == "prior"
    results = report.explain(study, units, found, "conversions", ">=", 2.0, "joint_fund", "baseline", source, "en")
    assert 0.3 < results["share_fails"] < 0.5 and results["box"]["density"] == 1.0
    (condition,) = results["box"]["conditions"]
    assert condition["parameter"] == "learning.alpha" and condition["low"] == pytest.approx(0.6, abs=0.05)
    assert "learning.alpha is above 0.6" in results["sentence"] and "misses conversions>=2 in 100% of draws" in results["sentence"]
    written = report.write_discovery(results | {"scale": 0.01}, units, found, study, tmp_path, "en")
    assert [p.name for p in written] == ["discovery.json", "discovery_conversions.png"] and written[1].stat().st_size > 10_000
    chinese = report.explain(study, units, found, "conversions", ">=", 2.0, "joint_fund", "baseline", source, "zh")
    assert "达不到conversions>=2" in chinese["sentence"]
    again, _ = work.make_pairs("joint_fund", "baseline", ["run.scale=0.01"], points, tmp_path, 1, simulator=None)
    assert again == found  # all kept, nothing run


def test_a_study_whose_parameters_are_not_drawn_is_refused_by_name(study, tmp_path):
    names = [free.id for free in study.free]
    place = fake_posterior.make(tmp_path / "short", {name: [0.25, 0.5] for name in names[1:]})
    with pytest.raises(ScenarioError) as caught:
        report.draw_points(study, str(place), 3)
    assert f"study stand_in has free parameters that posterior short does not draw: {names[0]}; give the study" in str(caught.value)
    members = ("border.technology_capital", "market.size_tail")
    factor = replace(study, free=(*study.free, replace(study.free[0], id="factor", members=members)))
    with pytest.raises(ScenarioError, match="does not draw: factor"):
        report.draw_points(factor, str(fake_posterior.make(tmp_path / "whole", {name: [0.25, 0.5] for name in names})), 3)
    tail = table()["market.size_tail"].value
    drawn = {**{name: [0.25, 0.5] for name in names}, "market.size_tail": [tail * 0.75, tail], "border.technology_capital": [0.0, 0.0]}
    points, units, source = report.draw_points(factor, str(fake_posterior.make(tmp_path / "full", drawn)), 3)
    assert source == "2 distinct of posterior full" and [k for _, k in points] == [0, 1, 2] and units[:, 0].tolist() == [0.25, 0.5, 0.25]
    assert report.draw_points(factor, str(tmp_path / "full"), 3, "zh")[2] == "后验full的2组参数"
    assert units[:, -1] == pytest.approx([0.75, 1.0, 0.75])  # told by the member that is not zero


def test_screening_report(study, tmp_path):
    chosen = screening.factors(study, "free")
    points = screening.trajectories(4, len(chosen), 1)
    wanted = [(screening.model_parameters(chosen, p), k) for k, path in enumerate(points) for p in path]
    found, _ = work.make_pairs("joint_fund", "baseline", ["run.scale=0.01"], wanted, tmp_path, 1, simulator=fake_study.effect)
    results = report.screen(study, chosen, points, found, ["conversions"], "joint_fund", "baseline")
    first = results["outcomes"]["conversions"]["rows"][0]
    assert first["parameter"] == "learning.alpha" and first["mu_star"] > 5.0 and first["total"] > 0.5
    results |= {"failed": 0, "trajectories": 4, "scale": 0.01, "not_varied": screening.not_varied(chosen)}
    still = report.screen(study, chosen, points, [{"effect:output": 0.0}] * len(found), ["output"], "a", "b")
    results["outcomes"] |= still["outcomes"]
    written = report.write_screening(results, tmp_path, "en")
    assert "The effect is 0 at every point of the design" in (tmp_path / "sensitivity.md").read_text(encoding="utf-8")
    text = (tmp_path / "sensitivity.md").read_text(encoding="utf-8")
    assert "| `learning.alpha` |" in text and "assumption:rd_small_cities" in text
    assert [p.name for p in written] == ["sensitivity.json", "sensitivity.md", "drivers_conversions.png"]
