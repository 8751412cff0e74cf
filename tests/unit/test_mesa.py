"""``Bay`` as a Mesa model: keyword arguments, registered agents, views that write through."""

from __future__ import annotations

import ast
import inspect

import mesa
import numpy as np
import pytest

from greaterbay import Bay
from greaterbay.actors.agents import (
    CityAgent,
    FundAgent,
    GovernmentAgent,
    InstituteAgent,
    JurisdictionGovernmentAgent,
)
from greaterbay.locations import PACKAGE
from small_bay import differing, record_bytes, small_scenario, untouched

YEAR = "run.end=2024-12-31"


def test_three_names_are_enough():
    namespace: dict = {}
    exec("from greaterbay import Bay, load_scenario, run", namespace)
    assert namespace["Bay"] is Bay
    assert callable(namespace["load_scenario"]) and callable(namespace["run"])


def test_an_unknown_name_of_the_package_is_refused():
    import greaterbay

    with pytest.raises(AttributeError, match="no attribute 'bay_model'"):
        _ = greaterbay.bay_model
    assert {"Bay", "load_scenario", "run", "__version__"} <= set(dir(greaterbay))


def test_bay_is_a_mesa_model(small_run):
    assert isinstance(small_run, mesa.Model)


def test_arguments_are_keywords_only():
    arguments = list(inspect.signature(Bay.__init__).parameters.values())[1:]
    assert {argument.kind for argument in arguments} == {inspect.Parameter.KEYWORD_ONLY}
    with pytest.raises(TypeError):
        Bay("baseline")
    with pytest.raises(TypeError, match="seeed"):
        Bay(seeed=1)


def test_a_bay_can_be_built_again_from_its_arguments(small_run):
    """As SolaraViz does: the class, called with a dict of keyword arguments."""
    arguments = {"scenario": small_scenario(YEAR), "seed": None, "replicate": 0}
    again = small_run.__class__(**arguments)
    again.step()
    assert again.record.filled == 1 and again.steps == 1


def test_step_is_one_quarter_and_running_ends(small_run):
    bay = Bay(scenario=small_scenario(YEAR))
    assert bay.running and bay.label == "2024Q1"
    for count in range(1, 5):
        assert bay.running
        bay.step()
        assert bay.record.filled == count and bay.steps == count
    assert bay.running is False
    before = record_bytes(bay)
    bay.step()
    assert bay.running is False and differing(before, record_bytes(bay)) == []
    arrays = small_run.record.arrays()
    np.testing.assert_array_equal(bay.record.arrays()["firms"], arrays["firms"][:4])


def test_mesas_own_run_stops_at_the_end():
    bay = Bay(scenario=small_scenario(YEAR))
    bay.run_model()
    assert bay.record.filled == 4


def test_registered_are_cities_institutes_governments_and_funds(small_run):
    number = {kind: len(small_run.agents_by_type[kind]) for kind in small_run.agents_by_type}
    assert number == {
        CityAgent: 11, InstituteAgent: len(small_run.region.institute_id), GovernmentAgent: 11,
        JurisdictionGovernmentAgent: 3, FundAgent: small_run.funds.capacity,
    }
    assert sum(number.values()) == len(small_run.agents)
    assert [city.name for city in small_run.agents_by_type[CityAgent]] == list(small_run.region.city_ids)


def test_agents_read_the_columns(small_run):
    shenzhen = next(city for city in small_run.agents_by_type[CityAgent] if city.name == "shenzhen")
    assert shenzhen.jurisdiction == small_run.region.jurisdiction_ids[0]
    assert shenzhen.talent == small_run.labour.talent_city[shenzhen.row]
    assert shenzhen.wage == small_run.prices.wage_city[shenzhen.row]
    assert shenzhen.rent == small_run.prices.rent_city[shenzhen.row]
    institute = small_run.agents_by_type[InstituteAgent][5]
    assert institute.budget == small_run.institutes.budget[5]
    assert institute.city in small_run.region.city_ids
    fund = small_run.agents_by_type[FundAgent][3]
    assert fund.cash == small_run.funds.cash[3]
    government = small_run.agents_by_type[GovernmentAgent][2]
    assert government.cash == small_run.public_money.government_cash[2]
    assert government.science_budget == small_run.public_money.science_budget_now[2]
    with pytest.raises(AttributeError):
        _ = institute.salary


WRITTEN = {
    (CityAgent, "wage"): lambda bay: bay.prices.wage_city,
    (CityAgent, "rent"): lambda bay: bay.prices.rent_city,
    (InstituteAgent, "budget"): lambda bay: bay.institutes.budget,
    (InstituteAgent, "facility"): lambda bay: bay.institutes.facility,
    (GovernmentAgent, "cash"): lambda bay: bay.public_money.government_cash,
    (GovernmentAgent, "science_budget"): lambda bay: bay.public_money.science_budget_now,
    (FundAgent, "cash"): lambda bay: bay.funds.cash,
}


@pytest.mark.parametrize(("kind", "attribute"), WRITTEN)
def test_agents_write_the_columns(small_run, kind, attribute):
    """One number, one place: what is set on an agent stands in its row."""
    column = WRITTEN[kind, attribute]
    with untouched(small_run) as bay:
        agent = bay.agents_by_type[kind][1]
        setattr(agent, attribute, 0.25)
        assert column(bay)[1] == 0.25
        column(bay)[1] = 0.75
        assert getattr(agent, attribute) == 0.75


def test_firms_and_people_are_views(small_run):
    assert not [kind for kind in small_run.agents_by_type if kind.__name__ in ("FirmView", "PersonRow")]
    row = int(small_run.firms.alive_rows()[10])
    firm = small_run.firm(row)
    assert firm.city == small_run.region.city_ids[small_run.firms.city[row]]
    assert firm.field == small_run.region.field_ids[small_run.firms.field[row]]
    assert firm.kind_name in ("startup", "small", "leader")
    assert firm.cash == small_run.firms.cash[row] and firm.row == row
    person = small_run.person(int(np.flatnonzero(small_run.people.alive)[7]))
    assert person.city in small_run.region.city_ids and person.weight > 0


def test_views_write_through(small_run):
    row = int(small_run.firms.alive_rows()[10])
    with untouched(small_run) as bay:
        one, other = bay.firm(row), bay.firm(row)
        one.cash = 123.5
        assert bay.firms.cash[row] == 123.5 == other.cash
        bay.firms.cash[row] = 99.0
        assert one.cash == 99.0
        one.city = "zhuhai"
        assert bay.firms.city[row] == bay.region.city_ids.index("zhuhai") and other.city == "zhuhai"
        one.field = "quantum"
        assert other.field == "quantum"
        with pytest.raises(ValueError, match="zhuhei"):
            one.city = "zhuhei"


def test_an_unknown_column_or_row_is_refused(small_run):
    firm = small_run.firm(int(small_run.firms.alive_rows()[0]))
    with pytest.raises(AttributeError, match="no column 'salary'"):
        _ = firm.salary
    with pytest.raises(AttributeError, match="no column 'salary'"):
        firm.salary = 1.0
    dead = int(np.flatnonzero(small_run.firms.alive == 0)[0])
    with pytest.raises(KeyError, match="not in use"):
        small_run.firm(dead)


def test_governments_and_funds_are_asked_in_a_fixed_order(small_run):
    assert [agent.row for agent in small_run.government_agents] == list(range(11))
    assert [agent.row for agent in small_run.fund_agents] == list(range(small_run.funds.capacity))


FORBIDDEN = {
    "random", "rng", "shuffle_do", "shuffle", "reset_randomizer", "reset_rng", "default_rng", "RandomState",
}


# what is made of runs, or before them, may draw with a seed of its own: it never reaches a run
BESIDE_THE_MODEL = ("calibration", "comparison", "scenario", "sensitivity", "validation")
MODULES = sorted(
    str(path.relative_to(PACKAGE))
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).parts[0] not in BESIDE_THE_MODEL
)


@pytest.mark.parametrize("module", MODULES)
def test_no_other_source_of_chance(module):
    """Neither Mesa's nor NumPy's nor Python's random numbers, nor a shuffled order, in the package."""
    path = PACKAGE / module
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            assert node.attr not in FORBIDDEN, f"{path.name}:{node.lineno}"
        elif isinstance(node, ast.Import):
            assert not {name.name.split(".")[0] for name in node.names} & {"random", "secrets"}
        elif isinstance(node, ast.ImportFrom):
            assert node.module != "random", f"{path.name}:{node.lineno}"
            assert not {name.name for name in node.names} & FORBIDDEN, f"{path.name}:{node.lineno}"


def test_mesas_generators_do_not_move(small_run):
    """A whole run leaves them as they were made."""
    fresh = mesa.Model(seed=0)
    assert small_run.random.getstate() == fresh.random.getstate()
    assert small_run.rng.bit_generator.state == fresh.rng.bit_generator.state


def test_a_seed_given_to_the_bay_goes_before_the_scenarios():
    seed = small_scenario().run.seed
    assert Bay(scenario=small_scenario(YEAR, "run.seed=5"), seed=seed).seed_used == seed


@pytest.mark.parametrize("seed", [-1, 2**200 + 7], ids=["negative", "huge"])
def test_any_integer_is_a_seed(seed, small_run):
    bay = Bay(scenario=small_scenario(YEAR), seed=seed)
    assert 0 <= bay.seed_used < 2**63
    bay.step()
    assert (bay.record.arrays()["inventions"][0] != small_run.record.arrays()["inventions"][0]).any()


def test_a_finished_model_is_let_go():
    """An ensemble plays hundreds of models in one process: none may be kept by a table of Mesa's."""
    import gc
    import weakref

    bay = Bay(scenario=small_scenario("run.end=2024-03-31"))
    kept = weakref.ref(bay)
    bay.run_to_end()
    del bay
    gc.collect()
    assert kept() is None
