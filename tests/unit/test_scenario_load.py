"""Scenarios from files: precedence, merging, origins, what reaches the model."""

import pickle
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greaterbay.clock import quarter_of
from greaterbay.policy import catalogue
from greaterbay.scenario.files import ids_in, library_folder
from greaterbay.scenario.load import check_file, load_scenario
from greaterbay.scenario.problems import Problem, ScenarioError
from greaterbay.scenario.schema import Event, LeverSetting, Probe, RunSettings
from greaterbay.scenario.words import differences

ROOT = Path(__file__).resolve().parents[2]


def write(folder: Path, name: str, body: str = "", **keys: str) -> Path:
    """A scenario file of this id; ``keys`` are further keys at its top, as TOML."""
    path = folder / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    top = {"schema": "1", "id": f'"{path.stem}"', "title": f'"{path.stem}"'} | keys
    path.write_text("".join(f"{key} = {value}\n" for key, value in top.items()) + body, encoding="utf-8")
    return path


def messages(*arguments) -> list[str]:
    return [str(problem).split(": ", 1)[1] for problem in check_file(*arguments)]


# ---- the library ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_scenario_is_fine_and_found_by_its_id(path):
    assert check_file(path) == []
    scenario = load_scenario(path.stem)
    assert (scenario.id, Path(scenario.path).resolve()) == (path.stem, path)
    assert scenario.title_zh
    for setting in scenario.levers.values():
        assert setting.value == catalogue.levers()[setting.id].neutral or setting.reference


def test_mixins_are_whole_files_too():
    mixins = sorted((ROOT / "scenarios" / "mixins").glob("*.toml"))
    assert [check_file(path) for path in mixins] == [[] for _ in mixins]


def test_the_library_holds_what_the_readme_promises():
    assert library_folder() == ROOT / "scenarios"
    assert {"baseline", "joint_fund", "open_borders", "one_programme"} <= set(ids_in(library_folder()))


def test_baseline_sets_no_lever():
    scenario = load_scenario("baseline")
    assert scenario.levers == {}
    first, last = quarter_of(date(2020, 1, 1)), quarter_of(date(2035, 12, 31))
    assert scenario.run == RunSettings("gba", first, last, 0.05, 16, 20200101, posterior="gba_2020")
    assert scenario.run.quarters == 64
    start = quarter_of(date(2026, 1, 1))
    assert list(scenario.probes) == sorted(scenario.probes)
    assert scenario.probes["humanoid_robots"] == Probe(
        "humanoid_robots",
        "intelligent_robots",
        "shenzhen",
        start,
        "Humanoid robots from Shenzhen",
        "深圳人形机器人",
    )


def test_joint_fund_is_read_as_written():
    scenario = load_scenario("joint_fund")
    assert scenario.levers["joint_collaboration_fund"] == LeverSetting(
        "joint_collaboration_fund",
        0.004,
        start=quarter_of(date(2026, 1, 1)),
        ramp=8,
        end=quarter_of(date(2033, 12, 31)),
        exit="ramp",
        reference=("lever:L20", "assumption:joint_fund_share"),
    )
    assert [Path(path).name for path in scenario.chain] == [
        "baseline.toml",
        "talent_recognition.toml",
        "joint_fund.toml",
    ]
    assert list(scenario.levers) == [name for name in catalogue.levers() if name in scenario.levers]


# ---- precedence ----------------------------------------------------------------------------------------

KEYS = {
    "run.seed": st.integers(0, 2**63 - 1),
    "run.replicates": st.integers(1, 50),
    "levers.talent_recognition.value": st.sampled_from([0.1, 0.2, 0.3, 1]),
    "levers.talent_recognition.reference": st.sampled_from([["lever:L01"], ["lever:L04", "lever:L01"]]),
    "levers.shared_facilities.cities": st.sampled_from([["macao"], ["zhuhai", "macao"], ["foshan"]]),
    "parameters.partnering.border_weight": st.sampled_from([0.5, 1.5, 2]),
}
LAYERS = ("grandparent", "parent", "mixin", "child", "--set")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries({layer: st.fixed_dictionaries({}, optional=KEYS) for layer in LAYERS}))
def test_the_strongest_layer_wins_key_by_key(tmp_path, layers):
    def body(layer):
        text = ""
        for key, value in layers[layer].items():
            text += f"{key} = {str(value).replace(chr(39), chr(34))}\n"
        return text

    write(tmp_path, "grandparent", body("grandparent"))
    write(tmp_path, "parent", body("parent"), extends='"grandparent"')
    write(tmp_path, "mixin", body("mixin"))
    path = write(tmp_path, "child", body("child"), extends='"parent"', mixins='["mixin.toml"]')
    overrides = body("--set").splitlines()
    # without a reference in any file, one is added so that the value may differ
    if not any("levers.talent_recognition.reference" in layers[layer] for layer in LAYERS):
        overrides.append('levers.talent_recognition.reference = ["lever:L04"]')
    scenario = load_scenario(path, overrides)

    def expected(key, default):
        found = [layers[layer][key] for layer in LAYERS if key in layers[layer]]
        return found[-1] if found else default

    assert scenario.run.seed == expected("run.seed", 20200101)
    assert scenario.run.replicates == expected("run.replicates", 16)
    assert scenario.levers["talent_recognition"].value == expected("levers.talent_recognition.value", 0)
    cities = expected("levers.shared_facilities.cities", None)
    facilities = scenario.levers.get("shared_facilities", LeverSetting("shared_facilities", 0.0))
    assert facilities.cities == (cities and tuple(cities))
    weight = expected("parameters.partnering.border_weight", None)
    assert scenario.parameters.get("partnering.border_weight") == weight
    for key in KEYS:
        setters = [layer for layer in LAYERS if key in layers[layer]]
        if setters:
            origin = scenario.origins[key]
            assert origin == "--set" or Path(origin.split(":")[0]).stem == setters[-1]


def test_origins_name_file_and_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "parent", "[run]\nscale = 0.1\n")
    write(tmp_path, "more", '[levers.shared_facilities]\nvalue = 0.2\nreference = ["lever:L08"]\n')
    write(tmp_path, "a", "[run]\nseed = 5\n", extends='"parent"', mixins='["more.toml"]')
    scenario = load_scenario("a.toml", ["run.replicates=2"])
    assert scenario.origins["run.scale"] == "parent.toml:5"
    assert scenario.origins["run.seed"] == "a.toml:7"
    assert scenario.origins["run.replicates"] == "--set"
    assert scenario.origins["run.start"] == "default"
    assert scenario.origins["levers.shared_facilities.value"] == "more.toml:5"
    assert scenario.origins["levers.shared_facilities.ramp"] == "catalogue"
    assert scenario.chain == ("parent.toml", "more.toml", "a.toml")


def test_the_files_folder_comes_before_the_library(tmp_path):
    write(tmp_path, "baseline", "[run]\nseed = 99\n")
    path = write(tmp_path, "mine", extends='"baseline"')
    assert load_scenario(path).run.seed == 99
    other = write(tmp_path / "elsewhere", "mine", extends='"baseline"')
    assert load_scenario(other).run.seed == 20200101


def test_a_parent_is_found_by_its_id_not_by_its_file_name(tmp_path):
    write(tmp_path, "some_file", "[run]\nseed = 4\n", id='"the_id"')
    assert load_scenario(write(tmp_path, "mine", extends='"the_id"')).run.seed == 4


def test_a_title_is_not_inherited(tmp_path):
    scenario = load_scenario(write(tmp_path, "mine", extends='"joint_fund"'))
    assert (scenario.title, scenario.title_zh) == ("mine", "")


def test_three_parents_are_allowed(tmp_path):
    write(tmp_path, "one", "[run]\nseed = 1\n")
    for name, parent in (("two", "one"), ("three", "two"), ("four", "three"), ("five", "four")):
        write(tmp_path, name, extends=f'"{parent}"')
    assert load_scenario(tmp_path / "four.toml").run.seed == 1
    assert messages(tmp_path / "five.toml") == [
        "extends: too many parents: five → four → three → two → one; allowed: at most 3 above a file"
    ]


def test_a_mixin_of_a_parent_is_weaker_than_the_childs(tmp_path):
    write(tmp_path, "x", "[run]\nseed = 1\n")
    write(tmp_path, "y", "[run]\nseed = 2\n")
    write(tmp_path, "parent", mixins='["x.toml"]')
    assert load_scenario(write(tmp_path, "child", extends='"parent"', mixins='["y.toml"]')).run.seed == 2


def test_mixins_may_share_a_lever_but_not_a_key(tmp_path):
    write(tmp_path, "x", '[levers.talent_recognition]\nvalue = 0.3\nreference = ["lever:L01"]\n')
    write(tmp_path, "y", '[levers.talent_recognition]\ncities = ["macao"]\n')
    setting = load_scenario(write(tmp_path, "child", mixins='["x.toml", "y.toml"]')).levers[
        "talent_recognition"
    ]
    assert (setting.value, setting.cities) == (0.3, ("macao",))
    write(tmp_path, "y", "[levers.talent_recognition]\nvalue = 0.3\n")
    (message,) = messages(tmp_path / "child.toml")
    assert "two mixins set levers.talent_recognition.value: " in message
    assert "x.toml:5 and " in message and message.endswith("y.toml:5")


def test_a_mixin_takes_nothing_from_other_files(tmp_path):
    write(tmp_path, "x", extends='"baseline"')
    path = write(tmp_path, "child", mixins='["x.toml", "x.toml"]')
    assert messages(path) == [
        'mixins[2]: "x.toml" is listed twice',
        "extends: a mixin takes nothing from other files",
    ]


def test_lists_are_replaced(tmp_path):
    events = '[[events]]\ndate = 2028-02-03\ntravel_minutes = [["zhuhai", "macao", 20]]\n'
    write(tmp_path, "parent", events)
    path = write(
        tmp_path, "child", events.replace("2028", "2030") + events.replace("2028", "2026"), extends='"parent"'
    )
    rows = (("zhuhai", "macao", 20.0),)
    assert load_scenario(path).events == (
        Event(quarter_of(date(2026, 2, 3)), "travel_minutes", rows),
        Event(quarter_of(date(2030, 2, 3)), "travel_minutes", rows),
    )


# ---- --set ---------------------------------------------------------------------------------------------


def test_set_takes_every_sort_of_value():
    scenario = load_scenario(
        "baseline",
        [
            "run.end=2030-12-31",
            "levers.talent_recognition = {value = 0.4, start = 2026-01-01, ramp = '1 year'}",
            'levers.talent_recognition.cities=["macao"]',
            "parameters.partnering.border_weight=1.5",
            'parameters."partnering.seek_share"=0.4',
            'probes.humanoid_robots.city="macao"',
        ],
    )
    assert scenario.run.end == quarter_of(date(2030, 12, 31))
    setting = scenario.levers["talent_recognition"]
    assert (setting.value, setting.ramp, setting.cities) == (0.4, 4, ("macao",))
    assert scenario.parameters == {"partnering.border_weight": 1.5, "partnering.seek_share": 0.4}
    assert scenario.probes["humanoid_robots"].city == "macao"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("run.seed", "'run.seed' is not KEY=VALUE; allowed: such as levers.shared_facilities.value=0.3"),
        (
            "levers.talent_recognition.exit=ramp",
            "'levers.talent_recognition.exit=ramp' is not TOML; allowed: KEY=VALUE with a TOML value; "
            'text stands in quotes: levers.talent_recognition.exit="ramp"',
        ),
        ("run.replicates=0", "run.replicates: 0 is out of bounds; allowed: 1 to 100000"),
        (
            "run.sed=1",
            "run.sed: unknown key; allowed: region, start, end, scale, replicates, seed, cut, posterior; "
            'did you mean "seed"?',
        ),
        ('extends="joint_fund"', "extends: only a file can say this"),
        (
            "run.seed=1\nrun.scale=1",
            "'run.seed=1\\nrun.scale=1' is not KEY=VALUE; "
            "allowed: such as levers.shared_facilities.value=0.3",
        ),
    ],
)
def test_wrong_values_of_set_have_no_line(override, message):
    assert [str(problem) for problem in check_file("baseline", [override])] == [f"--set: {message}"]


def test_a_value_tried_out_with_set_needs_no_reference():
    assert (
        load_scenario("baseline", ["levers.talent_recognition.value=0.3"]).levers["talent_recognition"].value
        == 0.3
    )


def test_a_run_cut_short_leaves_out_what_comes_later():
    scenario = load_scenario("joint_fund", ["run.end=2022-12-31"])
    assert scenario.run.end < scenario.levers["joint_collaboration_fund"].start


# ---- dates ---------------------------------------------------------------------------------------------


@given(st.dates(date(2020, 1, 1), date(2034, 12, 31)))
@settings(max_examples=40, deadline=None)
def test_only_edges_of_quarters_are_dates_of_a_run(day):
    problems = check_file("baseline", [f"run.start={day}", "run.end=2035-12-31", "probes={}"])
    first_days = {(1, 1), (4, 1), (7, 1), (10, 1)}
    if (day.month, day.day) in first_days:
        assert all("is before the run starts" in problem.what for problem in problems)
    else:
        (problem,) = [problem for problem in problems if problem.what.startswith("run.start")]
        nearest = date.fromisoformat(problem.hint.removeprefix("nearest: "))
        edges = [date(year, month, 1) for year in range(2019, 2037) for month in (1, 4, 7, 10)]
        assert abs((nearest - day).days) == min(abs((edge - day).days) for edge in edges)


# ---- regions -------------------------------------------------------------------------------------------


def test_a_region_folder_lies_relative_to_the_file(tmp_path):
    source = ROOT / "model" / "greaterbay" / "region" / "gba"
    folder = tmp_path / "tables"
    folder.mkdir()
    for table in source.glob("*.csv"):
        (folder / table.name).write_bytes(table.read_bytes())
    path = write(tmp_path, "mine", '[run]\nregion = "tables"\n')
    scenario = load_scenario(path)
    assert scenario.run.region == str(folder)
    before = scenario.reaching_model()
    assert str(tmp_path) not in str(before)
    with open(folder / "zones.csv", "a", encoding="utf-8") as file:
        file.write("\n")
    assert load_scenario(path).reaching_model() != before


def test_problems_of_region_tables_are_passed_on(tmp_path):
    (tmp_path / "tables").mkdir()
    problems = check_file(write(tmp_path, "mine", '[run]\nregion = "tables"\n'))
    assert problems[0].what == 'run.region: the tables of "tables" cannot be used'
    assert any(problem.path.endswith("cities.csv") and "missing" in problem.what for problem in problems[1:])


# ---- what reaches the model ----------------------------------------------------------------------------


def test_names_and_counts_do_not_reach_the_model(tmp_path):
    body = "[run]\nreplicates = {}\n[levers.shared_facilities]\nvalue = {}\nreference = [{}]\ncities = [{}]\n"
    one = write(tmp_path, "one", body.format(1, 1, '"lever:L08"', '"macao", "zhuhai"'), title='"A"')
    two = write(tmp_path, "two", body.format(9, "1.0", '"lever:M02"', '"zhuhai", "macao"'), title='"B"')
    assert load_scenario(one).reaching_model() == load_scenario(two).reaching_model()


@pytest.mark.parametrize(
    "override",
    [
        "run.seed=1",
        "run.scale=0.1",
        "run.end=2034-12-31",
        "levers.talent_recognition.value=0.3",
        "levers.talent_recognition={value=0.3, start=2026-01-01}",
        'probes.humanoid_robots.city="macao"',
        'events=[{date=2028-01-01, travel_minutes=[["zhuhai", "macao", 20]]}]',
        "parameters.partnering.border_weight=1.5",
    ],
)
def test_everything_else_does(override):
    assert (
        load_scenario("baseline", [override]).reaching_model() != load_scenario("baseline").reaching_model()
    )


def test_scenarios_travel_to_other_processes():
    scenario = load_scenario("joint_fund")
    assert pickle.loads(pickle.dumps(scenario)) == scenario
    error = ScenarioError([Problem("a.toml", 3, "wrong")])
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.problems) == ("a.toml:3: wrong", error.problems)


# ---- differences in words ------------------------------------------------------------------------------


def test_differences_in_words():
    baseline, recognition = load_scenario("baseline"), load_scenario("talent_recognition")
    (sentence,) = differences(recognition, baseline)
    assert sentence == (
        "Lever added: Mutual recognition of qualifications (talent_recognition) = 0.5 "
        f"({catalogue.levers()['talent_recognition'].unit}), from 2026Q1, reached over 8 quarters."
    )
    assert differences(baseline, recognition)[0].startswith("Lever left out: ")
    assert differences(baseline, baseline) == []
    assert differences(recognition, baseline, "zh")[0].startswith("新增政策杠杆:")


def test_a_neutral_lever_makes_no_difference():
    neutral = load_scenario("baseline", ["levers.talent_barrier={value=1, start=2026-01-01}"])
    assert differences(neutral, load_scenario("baseline")) == []


def test_differences_of_run_probe_event_and_parameter():
    changed = load_scenario(
        "baseline",
        [
            "run.scale=0.2",
            'probes.humanoid_robots.city="macao"',
            'events=[{date=2028-01-01, travel_minutes=[["zhaoqing", "guangzhou", 25]]}]',
            "parameters.partnering.seek_share=0.4",
        ],
    )
    assert differences(changed, load_scenario("baseline")) == [
        "The scale is 0.2 instead of 0.05.",
        "Probe changed: Humanoid robots from Shenzhen: intelligent_robots, launched in macao in 2026Q1; "
        "instead of Humanoid robots from Shenzhen: intelligent_robots, launched in shenzhen in 2026Q1.",
        "Event added: 2028Q1: zhaoqing – guangzhou takes 25 minutes.",
        "The parameter partnering.seek_share (share of actors that look for partners) is 0.4 instead of 0.5.",
    ]
