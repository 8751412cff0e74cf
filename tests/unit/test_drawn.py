"""Drawn parameters: what manifests, pairs, summaries and pictures say of the draws behind a result."""

from __future__ import annotations

import re
from functools import partial

import compared_runs
import fake_posterior
import fake_runs
import numpy as np
import pytest
from test_plots import drawn as picture

import greaterbay
from greaterbay.comparison import paired, pairs, study, synergy
from greaterbay.evidence import posteriors
from greaterbay.plots import choices, effects, funnel, paths, style
from greaterbay.plots.summary import interval, summarise
from greaterbay.runner import ensemble, store
from greaterbay.runner.manifest import about
from greaterbay.runner.results import RunsError, StoredRun, opened

DRAW = [0, 1, 2, 2, 1, 0]
make = partial(compared_runs.make, quarters=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs on three draws of one posterior, and one on the same draw numbers of another."""
    folder = tmp_path_factory.mktemp("drawn")
    make(folder, "baseline", noise=0.02, draw=DRAW)
    make(folder, "joint_fund", effect=0.1, noise=0.02, draw=DRAW)
    make(folder, "other", effect=0.1, noise=0.02, draw=DRAW, posterior="another")
    make(folder, "central", noise=0.02)
    return folder


@pytest.fixture(scope="module")
def pair(folder):
    with opened([folder / "baseline.nc", folder / "joint_fund.nc"]) as runs:
        yield runs


# ---- the posterior itself


def test_marginals_count_each_draw_once(tmp_path):
    values = list(range(21))
    found = posteriors.load(str(fake_posterior.make(tmp_path / "one", {"finance.tax": values, "learning.alpha": [0.5] * 21})))
    assert found.count == 21 and len(found.rows) == 25  # the second seeds of draws 0, 5, 10 and 15 do not count
    tax, alpha = found.marginals["finance.tax"], found.marginals["learning.alpha"]
    assert (tax.low, tax.median, tax.high) == pytest.approx(np.quantile(values, [0.05, 0.5, 0.95])) and not tax.fixed
    assert alpha.fixed and alpha.median == 0.5 and tax.words() == "10 [1, 19]"
    (only,) = posteriors.load(str(fake_posterior.make(tmp_path / "two", {"finance.tax": [0.2]}))).marginals.values()
    assert (only.low, only.median, only.high) == (0.2, 0.2, 0.2)


@pytest.mark.parametrize("harm", ["numbers", "draws", "manifest", "cells", "empty"])
def test_every_refusal_names_the_way_that_works_everywhere(tmp_path, harm):
    place = fake_posterior.make(
        tmp_path / "one", {"finance.tax": ["x" if harm == "cells" else 0.2]}, 999 if harm == "numbers" else greaterbay.NUMBERS
    )
    if harm == "draws":
        (place / "draws.csv").write_text("draw,finance.tax\n0,0.3\n", encoding="utf-8")
    elif harm == "manifest":
        (place / "manifest.json").write_text("{", encoding="utf-8")
    elif harm == "empty":
        fake_posterior.make(place / "x", {"finance.tax": []})
        place = place / "x"
    with pytest.raises(posteriors.PosteriorError) as caught:
        posteriors.load(str(place))
    said = str(caught.value)
    assert """--set 'run.posterior="none"'""" in said and 'posterior = "none" under [run]' in said and "--posterior none" not in said


def test_a_result_names_the_posterior_by_id_and_digest_and_the_numbers(tmp_path):
    place = fake_posterior.make(tmp_path / "mine", {"finance.tax": [0.2, 0.21, 0.22]})
    scenarios = [fake_runs.scenario("drawn", posterior=str(place)), fake_runs.scenario("plain")]
    done = ensemble.run_scenarios(scenarios, out=tmp_path / "out", run_one=fake_runs.simulate, names=fake_runs.names)
    with store.open_result(done[0].path) as one, store.open_result(done[1].path) as two:
        first, second = StoredRun.of(one, done[0].path), StoredRun.of(two, done[1].path)
        assert first.posterior == {"id": "mine", "digest": posteriors.load(str(place)).digest, "draws": 3}
        assert second.manifest["posterior"] is None and second.posterior_name == "" and first.posterior_name == "mine"
        assert first.numbers == second.numbers == greaterbay.NUMBERS
    assert about(scenarios[0], "now")["numbers"] == greaterbay.NUMBERS


# ---- pairs


def test_equal_draw_numbers_of_two_posteriors_are_no_pairs(folder):
    files = [folder / "other.nc"], folder / "baseline.nc"
    with pytest.raises(RunsError) as caught, pairs.opened(*files):
        pass
    assert re.search(r"other\.nc: posterior another \(digest \w{8}\), but .*baseline\.nc has trial \(digest \w{8}\)", str(caught.value))
    assert "--mixed" in str(caught.value)
    with pairs.opened(*files, mixed=True) as pairing:
        assert len(pairing.mixed) == 1 and pairing.draw.tolist() == DRAW
    with pairs.opened([folder / "joint_fund.nc"], folder / "baseline.nc") as pairing:
        assert not pairing.mixed
        found = study.compare(pairing, ["conversions"])
    assert found.posterior == "trial" and found.draws == 3
    assert any("6 pairs on 3 draws of posterior trial" in english and "3 组参数" in chinese for english, chinese in found.notes)


def test_summary_refuses_what_compare_refuses(folder, tmp_path):
    for name, words in (("other", "posterior another"), ("central", "was run on posterior draws")):
        with opened([folder / "baseline.nc", folder / f"{name}.nc"]) as runs, pytest.raises(RunsError, match=words):
            summarise(runs)
    shifted = make(tmp_path, "shifted", effect=0.1, draw=[0, 1, 2, 2, 0, 1])
    with opened([folder / "baseline.nc", shifted]) as runs, pytest.raises(RunsError, match="other parameter draws"):
        summarise(runs)


def test_a_cut_twin_has_the_draws_of_its_run(folder, tmp_path):
    twins = {name: make(tmp_path, f"{name}_cut", cut="jurisdictions", draw=DRAW, posterior=name) for name in ("trial", "another")}
    numbers = range(6)
    with opened([folder / "joint_fund.nc", twins["trial"]]) as (full, cut):
        found = synergy.indices("joint_fund", full, cut, numbers)
        value = next(one for one in found if (one.measure, one.group) == ("conversions_value", "sum"))
        assert value.low is not None and value.low < value.index < value.high
        sums = np.stack([run.values("conversions_value")[:, :, :11].sum(axis=(1, 2)) for run in (full, cut)])
        by_draw = np.stack([sums[:, np.array(DRAW) == k].sum(axis=1) for k in range(3)], axis=1)
        assert (value.index, value.low, value.high) == pytest.approx(synergy.jackknife(by_draw, lambda pooled: pooled[0] / pooled[1]))
    with opened([folder / "joint_fund.nc", twins["another"]]) as (full, cut), pytest.raises(RunsError, match="posterior another"):
        synergy.indices("joint_fund", full, cut, numbers)


# ---- intervals


def test_pairs_of_one_draw_count_once():
    twice = np.array([1.0, 3.0, 3.0, 1.0])
    low, high = interval(twice, np.array([0, 1, 1, 0]))
    assert (low, high) == pytest.approx((2 - 6.3138, 2 + 6.3138), abs=1e-3)  # two units 1 and 3: t(1) at 95 % is 6.3138
    assert high - low > np.diff(interval(twice))[0] * 2
    assert interval(twice, np.zeros(4, int)) is None


def test_summary_and_compare_give_one_interval(pair, folder):
    rows = {one.output: one for one in summarise(pair).comparisons[0].findings}
    with pairs.opened([folder / "joint_fund.nc"], folder / "baseline.nc") as pairing:
        found = study.compare(pairing, ["conversions", "output", "talent"], [2021])
        for name in ("conversions", "output", "talent"):
            one, other = rows[name], found.effect("joint_fund", name, 2021)
            assert (one.difference, one.low, one.high) == pytest.approx((other.mean, other.low90, other.high90))
            clear = {paired.HIGHER: "higher", paired.LOWER: "lower", paired.SAME: "no difference", paired.UNCLEAR: "not distinguishable"}
            assert one.verdict == clear[other.verdict]
        price = next(one for one in found.prices if one.policy == "joint_fund" and one.outcome == "conversions")
        assert price.cost_low is None or price.cost_low <= price.cost <= price.cost_high
        assert price.effect_low < price.effect < price.effect_high
    assert rows["conversions"].difference != 0.0


def test_summary_says_how_many_draws_of_what(pair, folder):
    found = summarise(pair)
    assert found.text().startswith("Baseline: as in 2020: 6 replicates (3 draws of trial) to 2021Q4.")
    assert "over random numbers and draws of the parameters" in found.text()
    assert (found.as_dict()["draws"], found.as_dict()["posterior"]) == (3, "trial")
    with opened([folder / "central.nc"]) as runs:
        plain = summarise(runs)
    assert "draw" not in plain.text() and (plain.draws, plain.posterior) == (0, None)


# ---- pictures


def test_footers_and_notes_say_what_is_behind_the_replicates(pair, folder):
    foot = picture(paths.draw_diffusion, pair).texts[-1].get_text()
    assert "6 replicates, 3 draws of trial, seed 20200101" in foot.replace("\n", " ")
    assert style.footers(pair, "zh")[0].startswith("6 次重复，trial 的 3 组参数，种子 20200101")
    for draw in (paths.draw_diffusion, funnel.draw_funnel):
        words = " ".join(text.get_text().replace("\n", " ") for text in picture(draw, pair).texts)
        assert "Replicates differ by random numbers and by drawn parameters." in words
    assert "所抽参数" in style.band_note(pair, "zh")
    with opened([folder / "central.nc"]) as runs:
        assert "draw" not in style.band_note(runs, "en") + " ".join(style.footers(runs, "en"))
        assert style.drawn_note(runs, "zh") == ""
    with opened([folder / "baseline.nc", folder / "central.nc"]) as runs:  # not alike: a line for each
        lines = style.footers(runs, "en")
    assert "3 draws of trial" in lines[0] and "draws" not in lines[1]


def test_pictures_of_effects_say_over_what_they_average(folder, tmp_path):
    with pairs.opened([folder / "joint_fund.nc"], folder / "baseline.nc") as pairing:
        found = study.compare(pairing, ["conversions"])

        def words(draw, language="en") -> str:
            with style.look(language):
                return "".join(text.get_text().replace("\n", " ") for text in draw(found, pairing, language).texts)

        assert "averaged first: 3 draws of trial." in words(effects.draw_paths) and "先对同一组参数" in words(effects.draw_paths, "zh")
        assert "across 3 draws of trial" in words(effects.draw_forest)
        assert "Over run noise and 3 draws of the parameters." in words(choices.draw_ranks)
        assert "含运行噪声与 3 组参数。" in words(choices.draw_ranks, "zh")
    fixed = make(tmp_path, "fixed", effect=0.1, noise=0.02)
    with pairs.opened([fixed], folder / "central.nc") as pairing:
        found = study.compare(pairing, ["conversions"])
        assert "parameters are held fixed" in words(choices.draw_ranks) and "draws" not in words(effects.draw_paths)
