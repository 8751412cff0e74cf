"""Levers that cannot act, ramps that are cut off, probes and events after the end are named, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import fake_runs as fake
import numpy as np
import pytest
from click.testing import CliRunner

from greaterbay import clock
from greaterbay.bay import Bay
from greaterbay.cli.check import check
from greaterbay.cli.plot import summary
from greaterbay.policy import catalogue, named_values
from greaterbay.runner import ensemble, store
from greaterbay.scenario import notices
from greaterbay.scenario.files import library_folder
from greaterbay.scenario.load import load_scenario
from greaterbay.scenario.schema import ACTOR_KINDS, Event, LeverSetting

SMALL = ["run.scale=0.01", "run.end=2021-12-31", "run.posterior='none'", "probes.humanoid_robots.start=2020-04-01",
         "probes.battery_materials.start=2020-04-01"]


def day(text: str) -> int:
    """Quarter of a date."""
    return clock.quarter_of(date.fromisoformat(text))


def of(*overrides: str, **more):
    """Notices of the baseline with some values, by what they are about: id -> notice."""
    scenario = replace(load_scenario("baseline", overrides), **more)
    return {one.id: one for one in notices.notices(scenario)}


def aimed(lever: str, value: float, **more) -> tuple[str, LeverSetting]:
    return lever, LeverSetting(lever, value, **more)


@pytest.mark.parametrize("path", sorted(library_folder().glob("*.toml")), ids=lambda path: path.stem)
def test_no_shipped_scenario_is_warned_of_over_its_own_years(path):
    assert [str(one) for one in notices.notices(load_scenario(path))] == []


@pytest.mark.parametrize(
    ("code", "overrides", "words"),
    [
        ("neutral", ["levers.zone_policies.value=0.0"], "stands at its neutral value 0 throughout"),
        ("neutral", ["levers.talent_barrier.value=1.0"], "stands at its neutral value 1 throughout"),
        ("starts_after_end", ["levers.zone_policies={value=0.5, start=2030-01-01}", "run.end=2029-12-31"],
         "starts in 2030Q1, after the run ends in 2029Q4"),
        ("ramp_not_begun", ["levers.zone_policies={value=0.5, start=2035-10-01, ramp='8 quarters'}"],
         "ramp of 8 quarters starts in 2035Q4 and is cut off in 2035Q4 by the end of the run"),
        ("ramp_not_begun", ["levers.coordination_level={value=1, start=2030-01-01, ramp='8 quarters', end=2031-03-31}"],
         "ramp of 8 quarters starts in 2030Q1 and is cut off in 2031Q1 by its own end"),
        ("pays_nothing", ["levers.hz_rd_subsidy={value=1.0, terms={rate=0.0}}"], "its rate is 0"),
        ("no_role", ["levers.division_of_labour={value=1.0, cities=['foshan', 'huizhou']}"],
         "foshan, huizhou are without a role in the division of labour; cities with one: guangzhou, shenzhen, hong_kong, macao"),
        ("no_zone", ["levers.zone_policies={value=0.5, cities=['hong_kong']}"],
         "hong_kong is without a zone; cities with one: guangzhou, shenzhen, zhuhai"),
        ("core_only", ["levers.periphery_nodes={value=0.5, cities=['guangzhou']}"], "guangzhou is in the core"),
        ("not_mainland", ["levers.cross_industry_links={value=0.5, cities=['hong_kong', 'macao']}"],
         "hong_kong, macao are not on the mainland"),
        ("no_city", ["levers.hz_scene={value=1.0, payer='macao'}"], "macao pays for its own cities only"),
        ("no_kind", ["levers.matching_platform={value=0.5, kinds=['institute']}"],
         "it is aimed at institutes and acts on start-ups, small firms, leaders only"),
        ("no_kind", ["levers.startup_credit={value=0.5, kinds=['small', 'leader']}"], "acts on start-ups only"),
        ("cut_apart", ["levers.talent_barrier.value=0.5", "run.cut='jurisdictions'"], "cut apart at the borders"),
    ],
)
def test_a_lever_that_cannot_act_is_named_with_the_reason(code, overrides, words):
    (lever,) = [one for one in of(*overrides).values() if one.inert]
    assert lever.code == code and words in lever.what and lever.id in lever.what_zh
    assert lever.path == "--set" and lever.about == "lever" and of(*overrides)["baseline"].code == notices.ALL_INERT


def test_what_only_a_scenario_made_in_python_can_say():
    ended = of(levers=dict([aimed("zone_policies", 0.5, start=day("2015-01-01"), end=day("2016-12-31"))]))
    assert ended["zone_policies"].code == "ended_before_start" and "ended in 2016Q4" in ended["zone_policies"].what
    # a lever that fades into the run still acts
    fading = aimed("zone_policies", 0.5, start=day("2010-01-01"), end=day("2018-12-31"), ramp=20, exit="ramp")
    assert "baseline" not in of(levers=dict([fading]))


def test_regions_that_lack_what_a_lever_needs(tmp_path):
    """One jurisdiction, no field of the document, no role, no zone, no institute."""
    gba = Path(named_values.__file__).parents[1] / "region" / "gba"
    for table in gba.glob("*.csv"):
        (tmp_path / table.name).write_bytes(table.read_bytes())
    for name in ("roles", "zones", "institutes"):
        lines = (tmp_path / f"{name}.csv").read_text(encoding="utf-8").splitlines()
        (tmp_path / f"{name}.csv").write_text(lines[0] + "\n", encoding="utf-8")
    base = load_scenario("baseline")
    bare = replace(base, run=replace(base.run, region=str(tmp_path)), probes={})
    names = ("division_of_labour", "zone_policies", "shared_facilities", "lab_radiation", "business_environment")
    found = {one.id: one for one in notices.notices(replace(bare, levers=dict(aimed(name, 0.5) for name in names)))}
    assert {name: one.code for name, one in found.items()} == {
        "division_of_labour": "no_role", "zone_policies": "no_zone", "shared_facilities": "no_institute",
        "lab_radiation": "no_state_laboratory",
    }
    assert "cities with one: none" in found["zone_policies"].what
    # a laboratory programme without laboratories is paid for all the same: not the same run as without it
    assert [one.code for one in notices.notices(replace(bare, levers=dict([aimed("lab_radiation", 0.5)])))] == ["no_state_laboratory"]
    cities = (tmp_path / "cities.csv").read_text(encoding="utf-8")
    fields = (tmp_path / "fields.csv").read_text(encoding="utf-8")
    (tmp_path / "cities.csv").write_text(cities.replace(",guangdong,", ",macao,").replace(",hong_kong,", ",macao,"), encoding="utf-8")
    (tmp_path / "fields.csv").write_text(fields.replace("new_materials,", "old_materials,"), encoding="utf-8")
    names = ("finance_barrier", "nm_vat_refund", "hz_scene")
    found = notices.notices(replace(bare, levers=dict(aimed(name, 0.5) for name in names)))
    assert {one.id: one.code for one in found if one.inert} == {
        "finance_barrier": "no_border", "nm_vat_refund": "no_field", "hz_scene": "no_mainland_city"}


def test_cities_on_the_mainland_are_those_of_the_model():
    """``check`` works them out from the tables, without NumPy."""
    bay = Bay(scenario=load_scenario("baseline", SMALL))
    on_it = {city for city, yes in zip(bay.region.city_ids, bay.world.mainland_city, strict=True) if yes}
    assert notices._Region("gba").served("mainland") == on_it and len(on_it) == 9


def run_of(scenario) -> dict[str, np.ndarray]:
    record = Bay(scenario=scenario).run_to_end()
    return {name: values for name, values in record.arrays().items() if name != "lever_value"}


@pytest.fixture(scope="module")
def small():
    """A small bay over two years, and what it records without levers."""
    scenario = load_scenario("baseline", SMALL)
    return scenario, run_of(scenario)


def test_levers_that_are_said_to_be_inert_change_no_bit_of_a_run(small):
    """All at once: whoever reaches somebody would be seen."""
    scenario, without = small
    levers = catalogue.levers()
    settings = {}
    for name, lever in levers.items():
        served = named_values.table()[lever.named_value]
        outside = tuple(kind for kind in ACTOR_KINDS if kind not in served.kinds)
        if "kinds" in lever.targets and served.kinds:
            settings[name] = LeverSetting(name, lever.strong_value, kinds=outside)
    for name, cities in {"division_of_labour": ("foshan", "zhaoqing"), "zone_policies": ("hong_kong", "macao", "foshan"),
                         "periphery_nodes": ("guangzhou", "shenzhen", "hong_kong"), "cross_industry_links": ("hong_kong", "macao")}.items():
        settings[name] = LeverSetting(name, levers[name].strong_value, cities=cities)
    settings |= dict([aimed("hz_training", 1.0, terms=(("rate", 0.0),)), aimed("hz_exhibition", 1.0, payer="macao"),
                      aimed("talent_barrier", 1.0), aimed("alliance_sharing", 0.6, start=scenario.run.end + 1),
                      aimed("coordination_level", 1.0, start=scenario.run.end, ramp=4)])
    inert = replace(scenario, levers={name: settings[name] for name in levers if name in settings})
    found = notices.notices(inert)
    assert {one.id for one in found if one.inert} == set(settings) and len(settings) > 40
    assert found[0].code == notices.ALL_INERT
    same = run_of(inert)
    assert [name for name in without if not np.array_equal(without[name], same[name], equal_nan=True)] == []


@pytest.mark.parametrize(
    "setting",
    [
        aimed("division_of_labour", 1.0, cities=("foshan", "macao"))[1],
        aimed("zone_policies", 1.0, cities=("zhuhai",))[1],
        aimed("periphery_nodes", 1.0, cities=("zhaoqing",))[1],
        aimed("cross_industry_links", 0.6, cities=("foshan",))[1],
        aimed("nm_national_fund", 1.0, kinds=("institute",))[1],
        aimed("information_platform", 0.6, kinds=("institute",))[1],
        aimed("technology_barrier", 0.4, cities=("macao",))[1],
    ],
    ids=lambda setting: setting.id,
)
def test_a_lever_that_reaches_somebody_is_not_named_and_changes_the_run(small, setting):
    scenario, without = small
    acting = replace(scenario, levers={setting.id: setting})
    assert notices.notices(acting) == ()
    changed = run_of(acting)
    assert any(not np.array_equal(without[name], changed[name], equal_nan=True) for name in without)


@pytest.mark.parametrize(
    ("more", "reached", "last", "why"),
    [
        ({"end": "2020-12-31"}, 0.5 * 3 / 20, "2020Q4", "its own end"),
        ({}, 0.5 * 7 / 20, "2021Q4", "the end of the run"),
        ({"end": "2030-12-31"}, 0.5 * 7 / 20, "2021Q4", "the end of the run"),
    ],
)
def test_a_ramp_that_is_cut_off_says_the_value_that_the_run_reaches_and_when(small, more, reached, last, why):
    scenario, _ = small
    end = day(more["end"]) if more else None
    ramped = replace(scenario, levers=dict([aimed("zone_policies", 0.5, start=scenario.run.start, ramp=20, end=end)]))
    (notice,) = notices.notices(ramped)
    assert (notice.code, notice.inert) == (notices.CUT_RAMP, False)
    assert f"reaches {reached:.6g} instead of 0.5, in {last}: its ramp of 20 quarters from 2020Q1 is cut off by {why}" in notice.what
    record = Bay(scenario=ramped).run_to_end().arrays()["lever_value"]
    assert record[:, list(catalogue.levers()).index("zone_policies")].max() == pytest.approx(reached)


def test_a_ramp_that_is_whole_is_not_warned_of():
    whole = ["levers.zone_policies={value=0.5, start=2030-01-01, ramp='8 quarters', end=2032-03-31}"]
    assert of(*whole) == {}
    assert of(whole[0].replace("2032-03-31", "2031-12-31"))["zone_policies"].code == notices.CUT_RAMP
    # governments act at whole levels: from the middle of the ramp on the level is reached
    assert of("levers.coordination_level={value=1, start=2030-01-01, ramp='8 quarters', end=2031-06-30}") == {}


def test_an_earlier_end_names_the_levers_probes_and_events_that_it_leaves_out():
    event = Event(day("2031-04-01"), "travel_minutes", (("zhaoqing", "guangzhou", 25.0),))
    found = of("run.end=2025-12-31", "levers.zone_policies={value=0.5, start=2030-01-01}", events=(event,))
    assert {name: one.code for name, one in found.items()} == {
        "baseline": "nothing_acts", "zone_policies": "starts_after_end", "0": "event_after_end",
        "humanoid_robots": "launched_after_end", "battery_materials": "launched_after_end",
    }
    assert found["humanoid_robots"].what == "probe humanoid_robots is launched in 2026Q1, after the run ends in 2025Q4: it is left out"
    assert found["humanoid_robots"].path.endswith("baseline.toml") and found["humanoid_robots"].line > 1
    assert found["0"].what.startswith("the event of 2031Q2 comes after")
    # an event in the run acts, and then not nothing does
    early = of("levers.zone_policies.value=0.0", events=(replace(event, quarter=day("2021-01-01")),))
    assert {one.code for one in early.values()} == {"neutral"}
    assert of("run.end=2025-12-31").keys() == {"humanoid_robots", "battery_materials"}


def test_the_manifest_keeps_them_and_the_summary_repeats_them_in_both_languages(tmp_path):
    first = fake.scenario("one", value=0.5)
    second = replace(fake.scenario("two", value=0.5), levers=dict([
        aimed("talent_barrier", 0.5, start=day("2034-01-01")), aimed("zone_policies", 0.4, start=first.run.start, ramp=20)]))
    ensemble.run_scenarios([first, second], out=tmp_path, run_one=fake.simulate, names=fake.no_names)
    with store.open_result(tmp_path / "two.nc") as data:
        manifest = store.info_of(data).manifest
    (inert,), (cut,) = manifest["inert_levers"], manifest["notices"]
    assert (inert["about"], inert["id"], inert["code"]) == ("lever", "talent_barrier", "starts_after_end")
    assert inert["reason"] == "talent_barrier starts in 2034Q1, after the run ends in 2021Q4: it changes nothing"
    assert inert["reason_zh"] == "talent_barrier自2034Q1开始,晚于模拟结束的2021Q4:不改变任何结果"
    assert (cut["id"], cut["code"]) == ("zone_policies", "ramp_cut") and "reaches 0.14 instead of 0.4" in cut["reason"]
    files = [str(tmp_path / "one.nc"), str(tmp_path / "two.nc")]
    said = " ".join(CliRunner().invoke(summary, files).stdout.split())
    assert f"warning: two: {inert['reason']}" in said and f"warning: two: {cut['reason']}" in said and "warning: one" not in said
    said = CliRunner().invoke(summary, [*files, "--lang", "zh"]).stdout
    assert f"警告:two:{inert['reason_zh']}" in said and said.startswith("情景 (one):3次重复模拟,至2021Q4。2021年全部2个城市合计:")
    rows = json.loads(CliRunner().invoke(summary, [*files, "--json"]).stdout)["notices"]
    assert [f"two: {inert['reason']}", f"two:{inert['reason_zh']}"] in rows


def test_sentences_that_hold_for_many_scenarios_are_said_once():
    said = [(f"s{k}", ["x starts late"]) for k in range(7)] + [("other", ["y is neutral"])]
    assert notices.gathered(said) == ["s0, s1, s2, s3, 3 more: x starts late", "other: y is neutral"]
    assert notices.gathered(said, "zh")[0] == "s0、s1、s2、s3、另3个:x starts late"


def test_check_says_them_with_their_place_in_both_languages_and_for_programs():
    arguments = ["baseline", "--set", "levers.zone_policies={value=0.5, cities=['macao']}"]
    english = CliRunner().invoke(check, arguments)
    assert english.exit_code == 0
    assert "warning: --set: zone_policies reaches nobody: macao is without a zone" in english.stdout
    assert "acts from 2020Q1 to 2035Q4: the run is the same as without them" in english.stdout
    assert "警告:--set: zone_policies未覆盖任何主体:macao没有平台区" in CliRunner().invoke(check, [*arguments, "--lang", "zh"]).stdout
    (file,) = json.loads(CliRunner().invoke(check, [*arguments, "--json"]).stdout)["files"]
    assert [one["code"] for one in file["warnings"]] == ["nothing_acts", "no_zone"]
    assert file["warnings"][1]["id"] == "zone_policies" and file["warnings"][1]["what_zh"]


def test_where_values_act_is_declared_in_known_words():
    for value in named_values.table().values():
        assert value.cities in ("", *named_values.SERVED) and set(value.kinds) <= set(ACTOR_KINDS), value.id
        assert not value.kinds or value.over == "cell"
