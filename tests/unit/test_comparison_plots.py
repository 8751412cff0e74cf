"""Every picture of a comparison is drawn, in both languages, and says when its runs are mixed."""

from __future__ import annotations

import numpy as np
import pytest
from compared_runs import make
from matplotlib import font_manager
from test_plots import needs_font, texts

from greaterbay.comparison import paired, pairs, study
from greaterbay.plots import comparisons, fonts, style


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Two policies against the baseline on five outcomes."""
    folder = tmp_path_factory.mktemp("drawn")
    for name, effect in (("baseline", 0.0), ("joint_fund", 0.1), ("weak", 0.02)):
        make(folder, name, effect=effect, noise=0.01, replicates=5, quarters=12)
    with pairs.opened([folder / "joint_fund.nc", folder / "weak.nc"], folder / "baseline.nc") as pairing:
        yield study.compare(pairing, ["output", "inventions", "conversions", "conversion_rate", "talent"]), pairing


def draw(plot, one, pairing, language):
    with style.look(language):
        return plot.draw(one, pairing, language, **({"policy": one.policies[0]} if plot.alone else {}))


@pytest.mark.parametrize("plot", comparisons.plots(), ids=lambda plot: plot.id)
@needs_font
def test_pictures_speak_both_languages_and_warn(compared, plot):
    one, pairing = compared
    assert plot.unfit(one, pairing) == ""
    known = set()
    for family in fonts.families("zh"):
        known |= set(font_manager.get_font(font_manager.findfont(family)).get_charmap())
    one.mixed = ("baseline.nc: seed 5, but joint_fund.nc has 7",)
    try:
        for language in ("en", "zh"):
            figure = draw(plot, one, pairing, language)
            said = " ".join(texts(figure))
            assert "seed 5" in said and pairing.reference.digest[:8] in said
            assert ("重复" if language == "zh" else "replicates") in said
            assert language == "en" or {ord(letter) for letter in said} - {ord("\n")} <= known
    finally:
        one.mixed = ()


def test_effect_paths_show_the_mean_with_a_zero_line(compared):
    one, pairing = compared
    axes = draw(comparisons.plots()[0], one, pairing, "en").axes[2]
    zero, joint, _ = axes.lines
    assert list(zero.get_ydata()) == [0.0, 0.0]
    wanted = one.curves["joint_fund", "conversions"].mean(axis=0) / one.curves["baseline", "conversions"].mean(axis=0) * 100
    np.testing.assert_allclose(joint.get_ydata(), wanted, rtol=1e-6)
    assert len(axes.collections) == 4  # two bands a policy


def test_forest_marks_what_has_a_direction(compared):
    one, pairing = compared
    figure = draw(next(plot for plot in comparisons.plots() if plot.id == "effect_forest"), one, pairing, "en")
    dots = [line for line in figure.axes[2].lines if line.get_marker() == "o"]
    effect = one.effect("joint_fund", "conversions", max(one.horizons))
    assert dots[0].get_xdata()[0] == pytest.approx(100 * effect.mean / effect.reference)
    hollow = [style.matplotlib.colors.to_hex(dot.get_markerfacecolor()) == "#ffffff" for dot in dots]
    verdicts = [one.effect(policy, "conversions", max(one.horizons)).verdict for policy in one.policies]
    assert hollow == [verdict not in (paired.HIGHER, paired.LOWER) for verdict in verdicts]


def test_budget_strip_adds_up(compared):
    one, pairing = compared
    figure = draw(next(plot for plot in comparisons.plots() if plot.id == "budget_strip"), one, pairing, "en")
    image = figure.axes[0].images[0].get_array()
    total = pairing.policies[0].values("public_cost_lever").sum(axis=(1, 2, 3)).mean()
    assert image.filled(0).sum() * 1000 == pytest.approx(total, rel=1e-5)  # billion CNY


def test_files_appear_and_too_many_runs_are_refused(compared, tmp_path, monkeypatch):
    one, pairing = compared
    monkeypatch.setattr(comparisons, "save", lambda figure, path, form: path.write_bytes(b""))
    made = list(comparisons.draw_all(one, pairing, tmp_path))
    assert {picture.path.name for picture in made} == {path.name for path in tmp_path.iterdir()}
    assert "flow_changes_joint_fund.png" in {picture.path.name for picture in made} and len(made) == len(comparisons.plots()) + 1
    many = pairs.Pairing(pairing.reference, pairing.policies * 4, pairing.numbers)
    with pytest.raises(comparisons.RunsError, match="at most 7"):
        list(comparisons.draw_all(one, many, tmp_path))
