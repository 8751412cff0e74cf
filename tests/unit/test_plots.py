"""Every picture is drawn from made-up results and held to the numbers behind it; so are the two commands."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib import font_manager
from matplotlib.colors import to_hex

from greaterbay import clock, outputs
from greaterbay.cli.main import call
from greaterbay.cli.plot import plot, summary
from greaterbay.plots import catalogue, cost, fonts, funnel, matrices, paths, probes, style, units, words
from greaterbay.plots.summary import ALONE, HIGHER, SAME, UNCLEAR, interval, summarise
from greaterbay.runner import series
from greaterbay.runner.replicate import Result
from greaterbay.runner.results import RunsError, StoredRun, opened
from greaterbay.runner.store import Store, open_result

CITIES = {
    "guangzhou": ("Guangzhou", "广州", "guangdong", "core", 18.0),
    "shenzhen": ("Shenzhen", "深圳", "guangdong", "core", 24.0),
    "zhuhai": ("Zhuhai", "珠海", "guangdong", "periphery", 3.0),
    "foshan": ("Foshan", "佛山", "guangdong", "periphery", 8.0),
    "huizhou": ("Huizhou", "惠州", "guangdong", "periphery", 3.0),
    "dongguan": ("Dongguan", "东莞", "guangdong", "periphery", 8.0),
    "zhongshan": ("Zhongshan", "中山", "guangdong", "periphery", 2.5),
    "jiangmen": ("Jiangmen", "江门", "guangdong", "periphery", 2.0),
    "zhaoqing": ("Zhaoqing", "肇庆", "guangdong", "periphery", 1.5),
    "hong_kong": ("Hong Kong", "香港", "hong_kong", "core", 9.0),
    "macao": ("Macao", "澳门", "macao", "periphery", 0.8),
    "rest_of_china": ("Rest of China", "内地其他地区", "rest_of_china", "outside", 5.0),
    "abroad": ("Abroad", "海外", "abroad", "outside", 4.0),
}
STAGES = ("laboratory", "proof_of_concept", "pilot", "first_use", "market")
LEVERS = {
    "shared_facilities": ("Shared facilities", "共享设施"),
    "joint_collaboration_fund": ("Joint collaboration fund", "联合合作基金"),
}
TITLES = {
    "baseline": ("Baseline: as in 2020", "基准情景"),
    "joint_fund": ("Three governments co-finance firm–institute projects", "三地政府共同资助校企合作"),
}
PROBE = "humanoid_robots"
NEEDED = sorted(
    {name for one in catalogue.plots() for name in one.needs}
    | {"rent", "productivity", "conversion_rate", "agents_firms", "agents_people"}
)
STOCK_STAGES = np.array([40.0, 20.0, 12.0, 8.0, 18.0])


def made_up(
    name: str, replicate: int, quarters: list[int], *, effect: float = 0.0, probe: str | None = None
) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Arrays and labels of one replicate with every declared output; ``effect`` shifts what policy moves."""
    technologies = ["field_a", "field_b"] + ([probe] if probe else [])
    coords = {
        "quarter": [clock.label(quarter) for quarter in quarters],
        "city": list(CITIES),
        "city_to": list(CITIES),
        "field": [f"field_{k}" for k in range(12)],
        "kind": ["startup", "small", "leader"],
        "stage": list(STAGES),
        "entry_channel": ["spin_off", "leaver"],
        "technology": technologies,
        "lever": list(LEVERS),
        "payer": [*list(CITIES)[:11], "guangdong_government", "hong_kong_government", "macao_government", "nation"],
    }
    draw = np.random.default_rng([replicate, 7])
    size = np.array([row[4] for row in CITIES.values()])
    when = np.arange(len(quarters))
    growth = 1 + 0.01 * when
    inside = np.where(np.arange(len(CITIES)) < 11, 1.0, np.nan)
    arrays: dict[str, np.ndarray] = {}
    for output in outputs.table().values():
        shape = tuple(len(coords[dim]) for dim in output.dims)
        noise = 1 + 0.05 * draw.standard_normal(shape)
        values = 10.0 * noise * growth.reshape(-1, *[1] * (len(shape) - 1))
        if output.dims[1:2] == ("city",):
            values = values * size.reshape(1, -1, *[1] * (len(shape) - 2))
        if "city" in output.dims and "city_to" not in output.dims and output.dtype == "float32":
            values[:, 11:] = np.nan
        if output.dims[1:] == ("city", "city_to"):
            values = 0.2 * values * size / (1 + np.abs(np.subtract.outer(np.arange(13), np.arange(13))))
            values[:, 11:, 11:] = 0
            if output.flow == "ties":
                values = np.round((values + values.transpose(0, 2, 1)) / 2)
        arrays[output.id] = values
    level = {
        "output": 9000.0,
        "rd_private": 200.0,
        "talent": 2500.0,
        "population": 95000.0,
        "firms": 250.0,
        "inventions": 70.0,
    }
    for one, factor in level.items():
        arrays[one] *= factor
    arrays["conversions"] = arrays["inventions"] * 0.18 * (1 + effect)
    arrays["pipeline"] = arrays["inventions"][:, :, None] * STOCK_STAGES / 10
    arrays["inventions_in_market"] = arrays["pipeline"][:, :, 4] * (1 + effect)
    arrays["inventions_in_force"] = arrays["pipeline"].sum(axis=2)
    arrays["sales"] = arrays["output"] / 3
    arrays["productivity_weight"] = arrays["sales"] * (
        1 + 0.005 * when[:, None] + 0.01 * draw.standard_normal((len(when), 1))
    )
    start = 6.0 + draw.normal(0, 1.5)
    curve = 1 / (1 + np.exp(-(when[:, None] - start - 20 + size / 2 + 40 * effect) / 8))
    arrays["potential_adopters"] = np.broadcast_to(size * 30 * inside, curve.shape).copy()
    arrays["adopters"] = curve * arrays["potential_adopters"]
    arrays["potential_technology"] = np.repeat(
        arrays["potential_adopters"][:, :, None] / 3, len(technologies), axis=2
    )
    arrays["adopters_technology"] = curve[:, :, None] ** 2 * arrays["potential_technology"]
    if probe:
        arrays["potential_technology"][: len(when) // 3, :, -1] = 0
        arrays["adopters_technology"][: len(when) // 3, :, -1] = 0
    paying = (
        effect
        * np.array([60.0, 40, 0, 0, 0, 0, 0, 0, 0, 50, 8, 25, 0])
        * (when[:, None] >= len(when) // 2)
        * 1000
    )
    by_lever = paying[:, :, None] * np.array([0.3, 0.7])
    arrays["public_cost"] = by_lever.sum(axis=2)
    arrays["public_cost_lever"] = np.concatenate((by_lever[:, :11], np.zeros((len(when), 3, 2)), by_lever[:, 11:12]), axis=1)
    for output in outputs.table().values():
        if output.is_ratio:
            arrays[output.id] = series.ratio(arrays[output.numerator], arrays[output.denominator])
    arrays = {key: arrays[key].astype(outputs.get(key).dtype) for key in NEEDED}
    return arrays, coords


def make_file(
    folder: Path,
    name: str = "baseline",
    *,
    replicates: int = 4,
    first: str = "2020-1",
    quarters: int = 16,
    effect: float = 0.0,
    probe: str | None = None,
    leave_out: tuple[str, ...] = (),
    seed: int = 20200101,
) -> Path:
    """A result file written by the store itself."""
    store = Store(folder)
    year, number = map(int, first.split("-"))
    span = list(range(year * 4 + number - 1, year * 4 + number - 1 + quarters))
    digest = hashlib.sha256(f"{name} {effect} {seed}".encode()).hexdigest()
    for replicate in range(replicates):
        arrays, coords = made_up(name, replicate, span, effect=effect, probe=probe)
        arrays = {key: values for key, values in arrays.items() if key not in leave_out}
        store.write_part(digest, replicate, Result(arrays, coords, {"quarters": 1.0}))
    title, title_zh = TITLES.get(name, (name, None))
    launched = {"field": "field_1", "city": "shenzhen", "title": "", "title_zh": "人形机器人"}
    probes_of = {probe: launched} if probe else {}
    manifest = {
        "version": "0.1.0",
        "source_digest": "ab" * 32,
        "seed": seed,
        "digest": digest,
        "scenario": {
            "id": name,
            "title": title,
            "title_zh": title_zh,
            "run": {"scale": 0.05},
            "probes": probes_of,
        },
    }
    rows = list(CITIES.values())
    names = {
        "city_name": ("city", [row[0] for row in rows]),
        "city_name_zh": ("city", [row[1] for row in rows]),
        "city_jurisdiction": ("city", [row[2] for row in rows]),
        "city_role": ("city", [row[3] for row in rows]),
        "lever_name": ("lever", [row[0] for row in LEVERS.values()]),
        "lever_name_zh": ("lever", [row[1] for row in LEVERS.values()]),
    }
    return store.assemble(name, digest, list(range(replicates)), manifest, lambda coords: names)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Result files of two scenarios with a probe, of one replicate, and of another length."""
    folder = tmp_path_factory.mktemp("runs")
    make_file(folder, probe=PROBE)
    make_file(folder, "joint_fund", effect=0.1, probe=PROBE)
    make_file(folder, "alone", replicates=1)
    make_file(folder, "longer", quarters=20, replicates=2)
    make_file(folder, "short", quarters=3, replicates=2)
    make_file(
        folder, "bare", leave_out=("conversions", "adoption_share", "flow_capital_credit"), replicates=2
    )
    return folder


@pytest.fixture(scope="module")
def pair(folder):
    with opened([folder / "baseline.nc", folder / "joint_fund.nc"]) as runs:
        yield runs


@pytest.fixture(scope="module")
def single(folder):
    with opened([folder / "baseline.nc"]) as runs:
        yield runs


def drawn(draw, runs, language="en", *, painted=False, **more):
    """A figure under the settings with which it would be saved; ``painted`` lays it out as well."""
    with style.look(language):
        figure = draw(runs, language, **more)
        if painted:
            figure.canvas.draw()
    return figure


def texts(figure) -> list[str]:
    """Every text of a figure."""
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [
            axes.get_title(loc="left"),
            axes.get_xlabel(),
            axes.get_ylabel(),
            *(text.get_text() for text in axes.texts),
        ]
        found += [label.get_text() for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]]
    for legend in figure.legends:
        found += [text.get_text() for text in legend.get_texts()]
    return found


def stored(run: StoredRun, name: str) -> np.ndarray:
    """An output as the file holds it."""
    return run.data[name].to_numpy().astype(float)


# ---------------------------------------------------------------------------- numbers behind the pictures


def test_yearly_values_follow_the_declared_rules(single):
    (run,) = single
    inventions = stored(run, "inventions")[:, :, :11]
    assert run.full_years == [2020, 2021, 2022, 2023]
    np.testing.assert_allclose(
        series.by_city(run, "inventions", yearly=True),
        inventions.reshape(4, 4, 4, 11).sum(axis=2),
        rtol=1e-12,
    )
    # a share is formed from summed parts: yearly, the weights and sales of the four quarters
    weight, sales = (
        stored(run, name)[:, :, :11].reshape(4, 4, 4, 11).sum(axis=2)
        for name in ("productivity_weight", "sales")
    )
    np.testing.assert_allclose(series.by_city(run, "productivity", yearly=True), weight / sales, rtol=1e-12)
    together = series.by_city(run, "productivity", yearly=True, together=True)
    np.testing.assert_allclose(together, weight.sum(axis=2) / sales.sum(axis=2), rtol=1e-12)
    # stocks of a year are those of its last quarter
    np.testing.assert_array_equal(
        series.over_years(stored(run, "talent"), run.quarters, run.full_years, "last"),
        stored(run, "talent")[:, 3::4],
    )
    # the national share of public cost is booked outside the region and counts
    with_nation = stored(run, "public_cost")
    with_nation[:, :, 11] = 3.0
    paid = StoredRun(run.data.assign(public_cost=(run.data["public_cost"].dims, with_nation)), run.info)
    np.testing.assert_allclose(series.by_city(paid, "public_cost", yearly=True, together=True), 12.0)
    # what does not add up over cities has no value for all together
    assert np.isnan(series.by_city(run, "rent", yearly=False, together=True)).all()


def test_flow_matrix_is_the_mean_a_year_of_the_last_four_and_ties_are_the_last_stock(folder):
    with opened([folder / "longer.nc"]) as (run,):
        assert series.last_years(run) == [2021, 2022, 2023, 2024]
        names = [output.id for output in outputs.flows() if output.flow == "capital"]
        assert matrices.channels("capital") == names and len(names) == 6
        expected = sum(stored(run, name)[:, 4:].sum(axis=1).mean(axis=0) / 4 for name in names)
        np.testing.assert_allclose(matrices.matrix(run, "capital"), expected, rtol=1e-12)
        ties = sum(
            stored(run, output.id)[:, -1].mean(axis=0) for output in outputs.flows() if output.flow == "ties"
        )
        np.testing.assert_allclose(matrices.matrix(run, "ties"), ties, rtol=1e-12)
        np.testing.assert_allclose(matrices.matrix(run, "ties"), matrices.matrix(run, "ties").T)


def test_quantiles_leave_out_what_is_undefined():
    values = np.array([[1.0, np.nan, np.nan], [3.0, 4.0, np.nan]])
    np.testing.assert_array_equal(style.quantiles(values, (0.5,)), [[2.0, 4.0, np.nan]])


# ---------------------------------------------------------------------------- each picture


def test_diffusion_shows_the_share_of_every_city_with_its_quantiles(pair):
    figure = drawn(paths.draw_diffusion, pair)
    assert len(figure.axes) == 12
    titles = [axes.get_title(loc="left").removesuffix(" *") for axes in figure.axes]
    assert titles == [row[0] for row in list(CITIES.values())[:11]] + ["All 11 cities"]
    assert figure.axes[0].get_ylabel() == "% of possible adopters"
    for position, run in enumerate(pair):
        share = 100 * stored(run, "adopters") / stored(run, "potential_adopters")
        for city in (0, 10):
            axes = figure.axes[city]
            line = axes.lines[position]
            np.testing.assert_allclose(
                line.get_ydata(), np.quantile(share[:, :, city], 0.5, axis=0), rtol=1e-6
            )
            np.testing.assert_allclose(line.get_xdata(), 2020.125 + np.arange(16) / 4)
            assert to_hex(line.get_color()).upper() == style.scenario_colour(position)
            outer, inner = axes.collections[2 * position : 2 * position + 2]
            for band, (low, high) in ((outer, style.OUTER), (inner, style.INNER)):
                corners = band.get_paths()[0].vertices
                at = corners[np.isclose(corners[:, 0], 2020.125), 1]
                np.testing.assert_allclose(at.min(), np.quantile(share[:, 0, city], low), rtol=1e-5)
                np.testing.assert_allclose(at.max(), np.quantile(share[:, 0, city], high), rtol=1e-5)
    together = [stored(pair[1], name)[:, :, :11].sum(axis=2) for name in ("adopters", "potential_adopters")]
    np.testing.assert_allclose(
        figure.axes[11].lines[1].get_ydata(), 100 * np.median(together[0] / together[1], axis=0), rtol=1e-6
    )
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [TITLES["baseline"][0], TITLES["joint_fund"][0]]


@pytest.mark.parametrize(
    "output",
    [one for one in outputs.headlines() if one.id not in ("adoption_share", "public_cost")],
    ids=lambda one: one.id,
)
def test_every_headline_output_has_a_picture_with_unit(pair, output):
    assert f"output_{output.id}" in [one.id for one in catalogue.plots()]
    figure = drawn(paths.draw_output, pair, name=output.id)
    yearly = series.is_yearly(output)
    values = series.by_city(pair[1], output.id, yearly=yearly)
    label = figure.axes[0].get_ylabel()
    assert label and ("a year" in label) == (output.over_time == "sum")
    factor = (
        100.0
        if label == "%"
        else next(
            (
                f
                for rows in units.LARGER.values()
                for _, f, unit in rows
                if label.removesuffix(" a year") == unit
            ),
            1.0,
        )
    )
    np.testing.assert_allclose(
        figure.axes[3].lines[1].get_ydata(), factor * np.median(values[:, :, 3], axis=0), rtol=1e-5
    )
    assert len(figure.axes[3].lines[1].get_xdata()) == (4 if yearly else 16)


def test_one_replicate_draws_lines_without_bands(folder):
    with opened([folder / "alone.nc"]) as runs:
        figure = drawn(paths.draw_output, runs, name="talent")
    assert not any(axes.collections for axes in figure.axes)
    assert any("no bands" in text for text in texts(figure))
    assert not figure.legends


def test_many_scenarios_show_the_inner_band_only(folder):
    with opened([folder / "baseline.nc"]) as (run,):
        figure = drawn(paths.draw_diffusion, [run] * 4)
    assert len(figure.axes[0].collections) == 4
    assert any("middle 50 % of replicates" in text and "90 %" not in text for text in texts(figure))


def test_cities_with_few_simulated_agents_are_marked(pair):
    figure = drawn(paths.draw_output, pair, name="inventions")
    few = [(stored(run, "agents_firms")[:, :, :11] < 30).any(axis=(0, 1)) for run in pair]
    marked = [axes.get_title(loc="left").endswith(" *") for axes in figure.axes[:11]]
    assert marked == list(np.logical_or(*few)) and 0 < sum(marked) < 11
    assert any("fewer than 30 simulated agents" in text for text in texts(figure))


@pytest.mark.parametrize("flow", list(words.FLOWS))
def test_flow_matrix_shows_each_cell_and_leaves_zeros_blank(single, flow):
    figure = drawn(matrices.draw_matrix, single, flow=flow)
    axes, bar = figure.axes
    values = matrices.matrix(single[0], flow)
    cells = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in axes.texts}
    assert set(cells) == set(zip(*np.nonzero(values), strict=True))
    assert (11, 12) not in cells
    np.testing.assert_allclose(axes.images[0].get_array().filled(0), values, rtol=1e-6)
    for place, text in cells.items():
        shown = float(text.replace("k", "e3").replace("M", "e6"))
        assert shown == pytest.approx(values[place], rel=0.06, abs=0.05)
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert (
        names == [label.get_text() for label in axes.get_xticklabels()] == [row[0] for row in CITIES.values()]
    )
    # between Guangdong, Hong Kong, Macao, the rest of China and abroad
    assert sorted(line.get_ydata()[0] for line in axes.lines if line.get_xdata()[0] == 0) == [
        8.5,
        9.5,
        10.5,
        11.5,
    ]
    unit = outputs.get(matrices.channels(flow)[0]).unit
    assert bar.get_ylabel() == (unit if flow == "ties" else f"{unit} a year")


def test_a_flow_that_never_happens_is_an_empty_matrix(folder, tmp_path):
    path = make_file(tmp_path, replicates=1)
    with opened([path]) as (run,):
        nothing = StoredRun(
            run.data.assign({name: run.data[name] * 0 for name in matrices.channels("talent")}), run.info
        )
        figure = drawn(matrices.draw_matrix, [nothing], flow="talent")
    assert not figure.axes[0].texts


def test_funnel_counts_stages_and_years(pair):
    figure = drawn(funnel.draw_funnel, pair)
    left, middle, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == [
        "laboratory",
        "proof of concept",
        "pilot",
        "first use",
        "market",
    ]
    assert (left.get_xlabel(), middle.get_xlabel(), right.get_ylabel()) == (
        "inventions",
        "inventions a year",
        "inventions a year",
    )
    for position, run in enumerate(pair):
        stock = stored(run, "pipeline")[:, :, :11].sum(axis=2).mean(axis=(0, 1))
        np.testing.assert_allclose([bar.get_width() for bar in left.containers[position]], stock, rtol=1e-5)
        passing = [stored(run, name)[:, :, :11].sum(axis=(1, 2)).mean() / 4 for name in funnel.PASSING]
        np.testing.assert_allclose(
            [bar.get_width() for bar in middle.containers[position]], passing, rtol=1e-5
        )
        yearly = series.by_city(run, "conversions", yearly=True, together=True)
        np.testing.assert_allclose(right.lines[position].get_ydata(), np.median(yearly, axis=0), rtol=1e-5)


def test_probes_are_compared_in_core_other_and_all_cities(pair):
    figure = drawn(probes.draw_probes, pair)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Humanoid robots: core cities",
        "Humanoid robots: other cities",
        "Humanoid robots: all 11 cities",
    ]
    core = [k for k, row in enumerate(CITIES.values()) if row[3] == "core"]
    adopters, potential = (
        stored(pair[1], name)[:, 5:, core, 2].sum(axis=2)
        for name in ("adopters_technology", "potential_technology")
    )
    line = figure.axes[0].lines[1].get_ydata()
    assert np.isnan(line[:5]).all()
    np.testing.assert_allclose(line[5:], 100 * np.median(adopters / potential, axis=0), rtol=1e-6)


def test_a_probe_of_one_scenario_is_drawn_for_that_one(folder):
    with opened([folder / "baseline.nc", folder / "alone.nc"]) as runs:
        assert probes.probe_ids(runs) == [PROBE]
        figure = drawn(probes.draw_probes, runs)
    assert [len(axes.lines) for axes in figure.axes] == [1, 1, 1]


def test_cost_stacks_payers_and_levers_of_the_scenarios_that_spend(pair):
    assert [run.scenario for run in cost.spending(pair)] == ["joint_fund"]
    figure = drawn(cost.draw_cost, pair)
    payers, levers = figure.axes
    assert payers.get_ylabel() == "billion CNY a year"
    total = stored(pair[1], "public_cost").mean(axis=0).reshape(4, 4, 13).sum(axis=(1, 2)) / 1000
    for axes in (payers, levers):
        heights = sum(np.array([bar.get_height() for bar in part]) for part in axes.containers)
        np.testing.assert_allclose(heights, total, rtol=1e-5)
    order = ["Macao", "Rest of China", "Shenzhen", "Hong Kong", "Guangzhou"]
    assert [text.get_text() for text in payers.get_legend().get_texts()] == order
    assert [text.get_text() for text in levers.get_legend().get_texts()] == [
        "Shared facilities",
        "Joint collaboration fund",
    ]


def test_footer_names_replicates_seed_digest_and_version(pair, folder):
    foot = drawn(paths.draw_diffusion, pair).texts[-1].get_text()
    for part in ("4 replicates", "seed 20200101", pair[0].digest[:8], pair[1].digest[:8], "greaterbay 0.1.0"):
        assert part in foot
    with opened([folder / "baseline.nc", folder / "alone.nc"]) as runs:
        lines = style.footers(runs, "en")
    assert lines[0].startswith("baseline: 4 replicates") and lines[1].startswith("alone: 1 replicate, ")


def test_no_text_lies_on_another(pair, folder):
    """Headings, legends and footers keep clear of each other and of the panels, whatever their length."""
    long = [
        StoredRun(
            run.data, run.info, run.path, "a tag that makes the title of this scenario very long indeed"
        )
        for run in pair
    ]
    for language in ("en", "zh"):
        for draw in (paths.draw_diffusion, funnel.draw_funnel, probes.draw_probes):
            figure = drawn(draw, long * 3, language, painted=True)
            renderer = figure.canvas.get_renderer()
            boxes = [text.get_window_extent(renderer) for text in figure.texts] + [
                figure.legends[0].get_window_extent(renderer)
            ]
            boxes.sort(key=lambda box: box.y0)
            assert boxes[0].y0 >= 0 and boxes[-1].y1 <= figure.bbox.height
            assert all(box.x1 <= figure.bbox.width for box in boxes)
            assert all(lower.y1 <= upper.y0 + 1 for lower, upper in zip(boxes, boxes[1:], strict=False))
            for axes in figure.axes:
                panel = axes.get_tightbbox(renderer)
                assert boxes[0].y1 <= panel.y0 + 1 and panel.y1 <= boxes[1].y0 + 1


def test_titles_of_cost_columns_keep_apart(pair):
    spender = StoredRun(pair[1].data, pair[1].info, pair[1].path, "with a long addition to its title")
    for language in ("en", "zh"):
        figure = drawn(cost.draw_cost, [pair[0], spender, spender, spender], language, painted=True)
        renderer = figure.canvas.get_renderer()
        titles = [axes._left_title.get_window_extent(renderer) for axes in figure.axes[:3]]
        assert all(left.x1 < right.x0 for left, right in zip(titles, titles[1:], strict=False))
        legends = [axes.get_legend() for axes in figure.axes if axes.get_legend()]
        assert len(legends) == 2
        assert all(legend.get_window_extent(renderer).x1 <= figure.bbox.width for legend in legends)
        assert titles[-1].x1 < figure.bbox.width


# ---------------------------------------------------------------------------- languages


needs_font = pytest.mark.skipif(
    fonts.chinese_family() is None, reason="no Chinese font here; greaterbay[zh] brings one"
)


@needs_font
def test_chinese_pictures_have_chinese_labels_and_all_their_characters(pair, caplog):
    known = set()
    for family in fonts.families("zh"):
        known |= set(font_manager.get_font(font_manager.findfont(family)).get_charmap())
    drawn(paths.draw_diffusion, pair, "zh", painted=True)
    for one in catalogue.plots():
        runs = pair[1:] if one.alone else pair
        figure = drawn(one.draw, runs, "zh")
        said = " ".join(texts(figure))
        assert {ord(letter) for letter in said} - {ord("\n")} <= known
        assert "重复" in said and "种子" in said and pair[1].digest[:8] in said
        if one.id.startswith(("output", "diffusion")):
            assert "广州" in said and "11 市合计" in said and TITLES["joint_fund"][1] in said
    # a missing weight of the font would be reported
    assert not [record for record in caplog.records if record.name.startswith("matplotlib")]


def test_without_a_chinese_font_the_labels_are_english_and_a_note_says_so(
    folder, tmp_path, monkeypatch, unpainted
):
    monkeypatch.setattr(fonts, "chinese_family", lambda: None)
    assert fonts.usable_language("zh") == ("en", fonts.NO_FONT)
    assert fonts.usable_language("en") == ("en", None)
    assert fonts.families("zh") == [fonts.LATIN]
    answer = CliRunner().invoke(
        plot, [str(folder / "short.nc"), "--out", str(tmp_path), "--lang", "zh", "--quiet"]
    )
    assert answer.exit_code == 0 and "no Chinese font" in answer.stderr


def test_every_word_exists_in_both_languages():
    from greaterbay.plots.words import WORDS

    for key, (english, chinese) in WORDS.items():
        assert english and chinese, key
        assert english.count("{") == chinese.count("{"), key


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.004, "<.01"),
        (0.03, ".03"),
        (0.5, "0.5"),
        (3.14, "3.1"),
        (87.6, "88"),
        (870, "870"),
        (1234, "1.2k"),
        (54321, "54k"),
        (999_600, "1.0M"),
        (2.5e9, "2.5B"),
    ],
)
def test_cell_numbers_are_short(value, shown):
    assert style.short_number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (12400, "12,400"), (3.1, "3.1"), (0.004, "0.004"), (55, "55"), (250, "250"), (0.25, "0.25")],
)
def test_axis_numbers_are_plain(value, shown):
    assert style.plain_number(value) == shown


def test_long_lines_break_at_spaces_in_english_and_anywhere_in_chinese():
    assert style.wrapped("one two three", 8) == ["one two", "three"]
    assert style.wrapped("三地政府共同资助，校企合作", 16) == ["三地政府共同资", "助，校企合作"]


# ---------------------------------------------------------------------------- files in


def refused(*paths) -> str:
    with pytest.raises(RunsError) as caught, opened(paths):
        pass
    return str(caught.value)


def test_the_same_file_twice_is_refused_also_under_another_name(folder, tmp_path):
    path = folder / "baseline.nc"
    assert "given twice" in refused(path, path)
    link = tmp_path / "again.nc"
    link.symlink_to(path)
    assert "given twice" in refused(path, link)


def test_runs_of_different_length_are_refused(folder):
    message = refused(folder / "baseline.nc", folder / "longer.nc")
    assert "covers 2020Q1 to 2024Q4" in message and "2020Q1 to 2023Q4" in message


def test_all_problems_are_named_at_once(folder, tmp_path):
    (tmp_path / "text.nc").write_text("not netCDF", encoding="utf-8")
    whole = (folder / "baseline.nc").read_bytes()
    (tmp_path / "half.nc").write_bytes(whole[: len(whole) // 2])
    lines = refused(tmp_path / "text.nc", tmp_path / "half.nc", tmp_path / "none.nc", tmp_path).splitlines()
    assert len(lines) == 4
    for name, line in zip(("text.nc", "half.nc", "none.nc", str(tmp_path)), lines, strict=True):
        assert name in line


def test_a_dataset_of_another_program_is_refused(tmp_path):
    import xarray as xr

    path = tmp_path / "other.nc"
    xr.Dataset({"x": ("t", [1.0])}, attrs={"manifest": "{}"}).to_netcdf(path, engine="h5netcdf")
    assert "not a whole result of greaterbay" in refused(path)


def test_flipped_bits_are_found_when_the_numbers_are_read(folder, tmp_path):
    content = bytearray((folder / "baseline.nc").read_bytes())
    for place in range(len(content) // 4, 3 * len(content) // 4, 97):
        content[place] ^= 0xFF
    path = tmp_path / "flipped.nc"
    path.write_bytes(bytes(content))
    answer = CliRunner().invoke(plot, [str(path), "--out", str(tmp_path)])
    assert (
        answer.exit_code == 1 and "flipped.nc" in answer.stderr and "run the scenario again" in answer.stderr
    )
    assert not isinstance(answer.exception, (OSError, ValueError))
    assert not [left for left in tmp_path.iterdir() if left.name.startswith(".")]


def test_runs_with_one_title_are_told_apart(folder, tmp_path):
    path = make_file(tmp_path / "other", effect=0.2, seed=7, replicates=1)
    with opened([folder / "baseline.nc", path]) as runs:
        assert [run.tag for run in runs] == [f"{folder.name}/baseline", "other/baseline"]
        assert runs[0].label("zh") == f"基准情景 ({folder.name}/baseline)"
        assert catalogue.file_stem(runs) == f"baseline-{folder.name}-baseline_vs_baseline-other-baseline"


def test_a_dataset_in_memory_can_be_drawn(folder):
    data = open_result(folder / "baseline.nc").load()
    figure = drawn(paths.draw_diffusion, [StoredRun.of(data)])
    assert len(figure.axes) == 12
    data.close()


# ---------------------------------------------------------------------------- commands


def test_plot_draws_every_picture_of_two_files(folder, tmp_path):
    answer = CliRunner().invoke(
        plot, [str(folder / "baseline.nc"), str(folder / "joint_fund.nc"), "--out", str(tmp_path / "new")]
    )
    assert answer.exit_code == 0, answer.output
    made = {path.name for path in (tmp_path / "new").iterdir()}
    expected = {f"baseline_vs_joint_fund_{one.id}.png" for one in catalogue.plots() if not one.alone}
    expected |= {f"{name}_flow_{flow}.png" for name in ("baseline", "joint_fund") for flow in words.FLOWS}
    assert made == expected
    assert answer.stdout.split() == [
        str(tmp_path / "new" / Path(name).name) for name in map(Path, answer.stdout.split())
    ]
    assert all((tmp_path / "new" / name).read_bytes().startswith(b"\x89PNG") for name in made)


@pytest.fixture
def unpainted(monkeypatch):
    """Files appear without the work of painting them."""
    monkeypatch.setattr(catalogue, "save", lambda figure, path, form: path.write_bytes(b""))


def test_plot_leaves_out_what_a_file_lacks_and_says_so(folder, tmp_path, unpainted):
    answer = CliRunner().invoke(plot, [str(folder / "bare.nc"), "--out", str(tmp_path), "--json"])
    assert answer.exit_code == 0, answer.output
    said = {row["plot"]: row for row in json.loads(answer.stdout)["pictures"]}
    assert said["funnel"]["path"] is None and said["funnel"]["note"] == "bare.nc has no conversions"
    assert said["diffusion"]["note"] == "bare.nc has no adoption_share"
    assert said["flow_capital"]["note"] == "bare.nc has no flow_capital_credit"
    assert said["probes"]["note"] == "no scenario launches a probe technology"
    assert said["cost"]["note"] == "no public money is spent"
    assert said["flow_talent"]["path"] == str(tmp_path / "bare_flow_talent.png")
    assert Path(said["flow_talent"]["path"]).is_file()


def test_a_run_shorter_than_a_year_shows_its_stocks(folder, tmp_path):
    answer = CliRunner().invoke(plot, [str(folder / "short.nc"), "--out", str(tmp_path), "--format", "svg"])
    assert answer.exit_code == 0, answer.output
    assert "no output_inventions: the run covers no whole calendar year" in answer.stderr
    assert (tmp_path / "short_output_talent.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert {path.stem for path in tmp_path.iterdir()} == {
        f"short_{name}"
        for name in (
            "diffusion",
            "output_firms",
            "output_talent",
            "output_conversion_rate",
            "output_ties_border",
            "flow_ties",
        )
    }


def test_plot_refuses_wrong_values_with_one_and_wrong_use_with_two(folder, tmp_path):
    path = str(folder / "baseline.nc")
    assert call(["plot", path, path]) == 1
    assert call(["plot", str(tmp_path / "none.nc")]) == 1
    assert call(["plot", path, "--format", "bmp"]) == 1
    assert call(["plot"]) == 2
    assert call(["plot", path, "--colour"]) == 2


def test_a_folder_that_cannot_be_made_ends_in_a_message(folder, tmp_path, capsys):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert call(["plot", str(folder / "short.nc"), "--out", str(tmp_path / "file" / "pictures")]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_more_scenarios_than_colours_are_refused(single, tmp_path):
    with pytest.raises(RunsError, match="8 files; at most 7"):
        next(catalogue.draw_all(single * 8, tmp_path))


def test_help_shows_an_example_and_imports_no_matplotlib():
    import subprocess
    import sys

    program = (
        "import sys\nfrom greaterbay.cli.main import call\ncode = call(['plot', '--help'])\n"
        "assert not {'matplotlib', 'xarray', 'numba', 'mesa', 'scipy'} & set(sys.modules)\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Example: greaterbay plot" in done.stdout


def test_interval_is_that_of_the_mean():
    # four differences with mean 1 and standard deviation 1: t(3) at 95 % is 2.3534
    differences = 1 + np.array([-1.0, 1, -1, 1]) * np.sqrt(0.75)
    low, high = interval(differences)
    assert low == pytest.approx(1 - 2.3534 * np.sqrt(0.25), abs=1e-4)
    assert high == pytest.approx(1 + 2.3534 * np.sqrt(0.25), abs=1e-4)
    assert interval(np.array([1.0])) is None


def test_interval_covers_the_true_mean_nine_times_of_ten():
    draw = np.random.default_rng(3)
    hits = 0
    for _ in range(2000):
        low, high = interval(draw.standard_normal(6))
        hits += low <= 0 <= high
    assert 0.88 < hits / 2000 < 0.92


def test_summary_reports_paired_differences_and_says_where_there_is_no_direction(pair):
    found = summarise(pair)
    rows = {one.output: one for one in found.comparisons[0].findings}
    conversions = [stored(run, "conversions")[:, 12:, :11].sum(axis=(1, 2)) for run in pair]
    assert rows["conversions"].difference == pytest.approx((conversions[1] - conversions[0]).mean())
    assert rows["conversions"].verdict == HIGHER
    assert rows["inventions"].verdict == SAME and rows["inventions"].difference == 0
    assert rows["public_cost"].verdict == HIGHER and rows["public_cost"].reference == 0
    text = found.text()
    assert "+10 %" in text and "no difference at all: " in text and "4 pairs" in text and "in 2023" in text


def test_summary_calls_noise_not_distinguishable(folder, tmp_path):
    path = make_file(tmp_path, "noise")
    with opened([folder / "baseline.nc", path]) as (first, other):
        # shift the replicates, so that the pairs differ by chance alone
        shuffled = StoredRun(other.data.isel(replicate=[1, 2, 3, 0]), other.info, other.path)
        rows = {one.output: one for one in summarise([first, shuffled]).comparisons[0].findings}
    assert rows["output"].verdict == UNCLEAR
    assert rows["output"].low < 0 < rows["output"].high


def test_summary_pairs_replicates_by_number_and_refuses_other_seeds(folder, tmp_path):
    with opened([folder / "baseline.nc", folder / "alone.nc"]) as runs:
        comparison = summarise(runs).comparisons[0]
        assert comparison.pairs == 1 and {one.verdict for one in comparison.findings} <= {ALONE, SAME}
    path = make_file(tmp_path, "seeded", seed=5, replicates=1)
    answer = CliRunner().invoke(summary, [str(folder / "baseline.nc"), str(path)])
    assert answer.exit_code == 1 and "seed 5" in answer.stderr


def test_summary_command_prints_lines_json_and_the_pictures_to_open(folder, tmp_path):
    files = [str(folder / "baseline.nc"), str(folder / "joint_fund.nc")]
    (tmp_path / "baseline_vs_joint_fund_diffusion.png").write_bytes(b"")
    answer = CliRunner().invoke(summary, [*files, "--pictures", str(tmp_path)])
    assert answer.exit_code == 0, answer.output
    lines = answer.stdout.splitlines()
    assert lines[0].startswith("Baseline: as in 2020: 4 replicates to 2023Q4.")
    assert lines[-1].strip() == str(tmp_path / "baseline_vs_joint_fund_diffusion.png")
    assert max(map(len, lines)) <= 120
    rows = json.loads(CliRunner().invoke(summary, [*files, "--json"]).stdout)
    assert rows["comparisons"][0]["scenario"] == "joint_fund" and rows["comparisons"][0]["pairs"] == 4
    assert CliRunner().invoke(summary, [*files, "--quiet"]).stdout == ""
