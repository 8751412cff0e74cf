"""Checks of the model: grading, declarations, estimators on data whose answer is known, and the cheap experiments."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from greaterbay.actors.network import Adjacency
from greaterbay.evidence import references
from greaterbay.region import load_region
from greaterbay.validation import checks, contagion, networks, proximity, regularities, report, training, venture, worlds
from greaterbay.validation import run as suites
from greaterbay.validation.checks import FAIL, PASS, WARN, Answer, Check, Measured, grade


def check(low=None, high=None, **changes) -> Check:
    given = {"id": "x", "suite": "literature", "experiment": "e", "mode": "alone", "what": "w", "what_zh": "字", "source": "paper:bass1969"}
    return Check(**(given | changes), low=low, high=high)


# ---------------------------------------------------------------- grading


@pytest.mark.parametrize(("value", "low", "high", "bounds", "status"), [
    (1.0, 0.5, 1.5, (0.0, None), PASS), (1.0, -0.5, 2.5, (0.0, None), WARN), (-1.0, -2.0, -0.1, (0.0, None), FAIL),
    (0.3, 0.2, 0.4, (None, 0.0), FAIL), (1.0, 1.0, 1.0, (0.9, 1.1), PASS), (1.05, 0.95, 1.15, (0.9, 1.1), WARN),
    (2.0, 1.2, 2.8, (0.9, 1.1), FAIL), (1.0, None, None, (0.0, None), WARN), (-1.0, None, None, (0.0, None), WARN),
    (math.nan, None, None, (0.0, None), FAIL),
])
def test_grades(value, low, high, bounds, status):
    assert grade(Measured(value, low, high), check(*bounds)) == status


def test_the_interval_is_students():
    found = checks.mean_interval([1.0, 2.0, 3.0, 4.0])
    assert found.value == 2.5
    assert found.high - found.value == pytest.approx(3.182446 * np.std([1, 2, 3, 4], ddof=1) / 2.0, rel=1e-6)
    assert checks.mean_interval([1.0, 2.0, 3.0, 4.0], errors=3.0).low == pytest.approx(2.5 - 3.0 * np.std([1, 2, 3, 4], ddof=1) / 2.0)


def test_fewer_seeds_widen_and_one_has_no_interval():
    values = [1.0, 2.0] * 8
    wide, narrow = (found.high - found.low for found in (checks.mean_interval(values[:4]), checks.mean_interval(values)))
    assert wide > 2.0 * narrow
    assert checks.mean_interval([1.0]) == Measured(1.0, None, None)


def test_a_warning_counts_half():
    found = [Answer(check(), Measured(0, 0, 0), status, 1) for status in (PASS, PASS, WARN, FAIL)]
    assert checks.score(found) == 0.625 and checks.score([]) == 0.0
    assert "2 PASS, 1 WARN, 1 FAIL" in report.counted(found)


def test_an_undeclared_number_is_refused():
    with pytest.raises(KeyError, match="measured but not declared in checks.csv: ghost"):
        checks.answers({"ghost": Measured(1, 1, 1)}, 1, checks.declared())


# ---------------------------------------------------------------- declarations


def test_declared_checks_are_whole():
    declared = checks.declared()
    experiments = {e.id: e for e in suites.EXPERIMENTS}
    assert sum(c.suite == "literature" for c in declared.values()) >= 20
    for c in declared.values():
        assert c.suite == experiments[c.experiment].suite and c.mode in ("alone", "run"), c.id
        assert c.what and c.what_zh and (c.low is not None or c.high is not None), c.id
        assert bool(c.tried) == bool(c.tried_zh), c.id
        for reference in c.source.split():
            assert references.resolve(reference) is not None, f"{c.id}: {reference}"


def test_every_published_result_has_a_check_and_a_control():
    ids = [c.id for c in checks.declared().values() if c.suite == "literature"]
    for study in ("cowan", "bass", "nooteboom", "ahrweiler", "dawid", "brander", "howell"):
        assert sum(name.startswith(study) for name in ids) >= 3, study
    for study in ("cowan", "bass", "nooteboom", "brander", "howell"):
        assert any(name.startswith(f"{study}_control") for name in ids), study


def test_invariants_are_checks():
    found = [name for name in suites.every_check() if name.startswith("books_")]
    assert len(found) >= 40


# ---------------------------------------------------------------- estimators


def test_networks_keep_their_degrees():
    ends = networks.rewired_ring(200, 10, 0.2, np.uint64(7))
    ring = networks.rewired_ring(200, 10, 0.0, np.uint64(7))
    assert ends.shape == ring.shape == (1000, 2)
    assert (np.bincount(ring.ravel(), minlength=200) == 10).all()
    assert 0.15 < (ends[:, 1] != ring[:, 1]).mean() < 0.25
    for network in (ends, networks.shuffled(ends, 3)):
        assert (network[:, 0] != network[:, 1]).all()
        assert len({tuple(sorted(pair)) for pair in network.tolist()}) == 1000
    mixed = networks.shuffled(ends, 3)
    assert (np.bincount(mixed.ravel()) == np.bincount(ends.ravel())).all()
    lattice, random = (networks.compressed(network, 200) for network in (ring, networks.shuffled(ring, 5)))
    assert networks.transitivity(lattice) == pytest.approx(2.0 / 3.0)
    assert networks.transitivity(random) < 0.15
    assert networks.path_length(lattice) == pytest.approx(10.45, abs=0.1) and networks.path_length(random) < 4.0


def test_hazard_regression_gives_back_a_bass_curve():
    share = [0.0]
    for _ in range(40):
        share.append(share[-1] + (1.0 - share[-1]) * (0.03 + 0.38 * share[-1]))
    assert contagion.fitted(np.array(share)) == pytest.approx((0.03, 0.38))


def test_bass_on_a_complete_network_and_below_it_on_lattices():
    found = checks.answers(checks.by_seed([contagion.measure(seed) for seed in range(4)]), 4, suites.every_check())
    status = {answer.check.id: answer.status for answer in found}
    assert status["bass_q"] == status["bass_lattice_below"] == status["bass_control_no_imitation"] == PASS
    assert FAIL not in status.values()


def test_nobody_alone_sees_users():
    alone = Adjacency(np.zeros(contagion.AGENTS + 1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))
    share = contagion.curve(alone, 1, 0.0, 1.0, 1.0)
    assert share.max() == 0.0


def test_barter_peaks_in_a_small_world():
    """Four seeds of the published setting: above both ends in the mean (the full test takes thirty)."""
    from greaterbay.validation.barter import knowledge

    level = np.array([[knowledge(chance, seed)[0] for chance in (0.0, 0.1, 1.0)] for seed in range(4)]).mean(axis=0)
    assert level[1] > level[0] + 0.1 and level[1] > level[2] + 0.3


def test_parabola_finds_its_top():
    x = np.linspace(0.0, 0.2, 200)
    slope, square, top = proximity.parabola(x, 1.0 - (x - 0.07) ** 2 * 50.0)
    assert slope > 0.0 > square and top == pytest.approx(0.07)


def test_shapes_of_growth():
    random = np.random.default_rng(1)
    assert regularities.subbotin_shape(random.laplace(size=40_000)) == pytest.approx(1.0, abs=0.05)
    assert regularities.subbotin_shape(random.normal(size=40_000)) == pytest.approx(2.0, abs=0.1)
    size = random.lognormal(3.0, 1.5, 40_000)
    assert regularities.size_slope(size, random.laplace(size=40_000) * size**-0.17) == pytest.approx(-0.17, abs=0.02)


def test_chance_of_a_slope_above_one():
    x = np.linspace(0.0, 2.0, 9)
    noise = np.array([1, -1, 1, -1, 1, -1, 1, -1, 1]) * 0.05
    assert regularities.chance_above_one(x, 1.5 * x + noise) > 0.99
    assert regularities.chance_above_one(x, 0.5 * x + noise) < 0.01


def test_risk_ratio_over_strata():
    assert venture._ratio({1: [20, 100, 10, 100], 2: [4, 10, 20, 100]}) == pytest.approx(2.0)


def test_gravity_gives_back_known_coefficients():
    from greaterbay.validation.gravity import TERMS, fit

    random = np.random.default_rng(3)
    pairs = 200_000
    terms = np.column_stack((np.ones(pairs), *(random.uniform(size=pairs) for _ in TERMS[1:])))
    truth = np.array([-4.0, -2.0, -1.0, -0.5, 1.0, 0.3, 0.3, -0.2, -0.2, 0.5, -0.8])
    made = random.poisson(np.exp(terms @ truth))
    group = random.integers(60, size=pairs)
    cases = made > 0
    rows = [np.column_stack((made[cases], np.ones(cases.sum()), group[cases], terms[cases]))]
    sample = random.choice(pairs, 40_000, replace=False)  # everybody else is represented by a sample
    rows.append(np.column_stack((np.zeros(sample.size), np.full(sample.size, pairs / sample.size), group[sample], terms[sample])))
    value, error = fit(np.concatenate(rows))
    assert (np.abs(value - truth) < 4.0 * error + 0.02).all()
    assert (error < 0.3).all()


# ---------------------------------------------------------------- regions and runs


def test_training_changes_the_lagging_citys_graduates_alone():
    before = load_region(training.REGION)
    with worlds.region_like(training.REGION, training.policy_tables()) as folder:
        after = load_region(folder)

    def by_city(region):
        return np.bincount(region.institute_city, weights=region.institute_graduates_per_year)

    assert by_city(after)[training.LEADING] == pytest.approx(by_city(before)[training.LEADING])
    assert by_city(after)[training.LAGGING] == pytest.approx(3.0 * by_city(before)[training.LAGGING])
    assert after.institute_researchers == pytest.approx(before.institute_researchers)
    assert not folder.exists()


def test_the_placebo_has_the_same_people_money_and_graduates():
    from greaterbay.validation.universities import placebo_tables

    before = load_region("gba")
    with worlds.region_like("gba", placebo_tables()) as folder:
        after = load_region(folder)
    for name in ("rd_city", "rd_people_city", "institute_graduates_per_year"):
        assert getattr(after, name) == pytest.approx(getattr(before, name)), name
    assert after.rd_university_city.sum() == 0.0
    assert (after.rd_firm_city + after.rd_institute_city) == pytest.approx(after.rd_city)


def test_watching_changes_nothing(small_bytes):
    from greaterbay import Bay
    from small_bay import differing, record_bytes, small_scenario

    seen = []
    bay = Bay(scenario=small_scenario())
    bay.watch = lambda bay, phase: seen.append(phase)
    bay.run_to_end()
    assert differing(small_bytes, record_bytes(bay)) == []
    assert list(dict.fromkeys(seen)) == list(range(1, 11)) and len(seen) % bay.record.filled == 0


# ---------------------------------------------------------------- the command


@pytest.fixture
def one_experiment(monkeypatch):
    """Only the cheapest experiment, so that the command is quick."""
    monkeypatch.setattr(suites, "EXPERIMENTS", (suites.Experiment("contagion", "literature", "contagion:measure"),))


def test_command_writes_json(one_experiment, capsys):
    from greaterbay.cli.main import call

    assert call(["validate", "--suite", "literature", "--seeds", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"checks", "score"} and 0.5 < found["score"] <= 1.0
    assert {"id", "suite", "what", "source", "value", "low", "high", "accepted", "status"} <= set(found["checks"][0])


def test_strict_ends_with_one_when_a_check_fails(one_experiment, monkeypatch, capsys, tmp_path):
    from greaterbay.cli.main import call

    monkeypatch.setattr(contagion, "Q", 0.2)
    monkeypatch.setattr(contagion, "fitted", lambda share: (0.03, 0.4))
    words = ["validate", "--seeds", "2", "--quiet", "--out", str(tmp_path)]
    assert call(words) == 0
    assert call([*words, "--strict"]) == 1
    assert "bass_q: 2, accepted 0.95 – 1.05" in capsys.readouterr().out
    table = (tmp_path / "literature.md").read_text(encoding="utf-8")
    assert "| bass_q |" in table and "--seeds 2" in table
    assert json.loads((tmp_path / "literature.json").read_text(encoding="utf-8"))["checks"]
    assert (tmp_path / "literature.csv").read_text(encoding="utf-8").startswith("id,suite,mode,what")


def test_a_measurement_that_breaks_is_named(one_experiment, monkeypatch, capsys):
    from greaterbay.cli.main import call

    def broken(seed):
        raise ValueError(f"no seed {seed}")

    monkeypatch.setattr(contagion, "measure", broken)
    assert call(["validate", "--seeds", "2"]) == 3
    assert "contagion, seed 0: ValueError: no seed 0" in capsys.readouterr().err


@pytest.mark.parametrize(("lang", "word"), [("en", "status"), ("zh", "结果")])
def test_table_in_both_languages(one_experiment, capsys, lang, word):
    from greaterbay.cli.main import call

    assert call(["validate", "--seeds", "2", "--lang", lang]) == 0
    assert word in capsys.readouterr().out
