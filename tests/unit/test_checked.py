"""Numbers that Python code gives are taken as what they are: another type is a TypeError, bounds are a ValueError."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import fake_runs as fake
import numpy as np
import pytest
import trial_bay

import greaterbay
from greaterbay import Bay, checked, run
from greaterbay.calibration.calibrate import calibrate
from greaterbay.calibration.runs import Bench, executor_for
from greaterbay.comparison import lever_effects
from greaterbay.comparison.precise import Precision
from greaterbay.comparison.runs import Runner
from greaterbay.comparison.study import horizons_of
from greaterbay.comparison.values import Target
from greaterbay.evidence import posteriors
from greaterbay.parameters import Parameters
from greaterbay.runner.ensemble import run_scenarios
from greaterbay.runner.replicate import simulate
from greaterbay.runner.series import last_years
from greaterbay.sensitivity.work import make_pairs
from greaterbay.validation.run import validate

NO_INTEGER = [1.5, 1.0, "4", True, np.True_, np.float64(4.0), None, [1], Decimal(4), b"4"]
NO_NUMBER = ["0.05", True, np.False_, None, [0.05], 1j, Decimal("0.5")]


@pytest.mark.parametrize("value", NO_INTEGER, ids=repr)
def test_what_is_no_integer_is_refused_and_named(value):
    with pytest.raises(TypeError) as error:
        checked.integer("seed", value, 0, 9)
    assert str(error.value) == f"seed is {value!r} ({type(value).__name__}); allowed: an integer, 0 to 9"
    with pytest.raises(TypeError, match=r"replicates\[1\] is .*; allowed: an integer$"):
        checked.integers("replicates", [0, value])


@pytest.mark.parametrize("value", NO_NUMBER, ids=repr)
def test_what_is_no_number_is_refused_and_named(value):
    with pytest.raises(TypeError) as error:
        checked.number("scale", value, 0, 1, above=True)
    assert str(error.value) == f"scale is {value!r} ({type(value).__name__}); allowed: a number, above 0, at most 1"


@pytest.mark.parametrize("sort", [int, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint64])
def test_integers_of_numpy_are_as_good_as_python_s(sort):
    found = checked.integer("seed", sort(7), 0, 9)
    assert found == 7 and type(found) is int
    assert checked.integers("replicates", np.arange(3, dtype=sort)) == [0, 1, 2]


@pytest.mark.parametrize("sort", [float, np.float32, np.float64, int, np.int64])
def test_numbers_of_numpy_are_as_good_as_python_s(sort):
    found = checked.number("scale", sort(1), 0, 1, above=True)
    assert found == 1.0 and type(found) is float


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: checked.integer("row", 5, 0, 4), "row is 5; allowed: 0 to 4"),
        (lambda: checked.integer("jobs", 0, 1), "jobs is 0; allowed: 1 or more"),
        (lambda: checked.number("scale", 0.0, 0, 1, above=True), "scale is 0.0; allowed: above 0, at most 1"),
        (lambda: checked.number("width", -1, 0, above=True), "width is -1; allowed: above 0"),
        (lambda: checked.number("x", float("nan"), 0.0, 0.5, unit="share"), "x is nan; allowed: a finite number, 0 to 0.5 share"),
        (lambda: checked.number("x", np.inf), "x is inf; allowed: a finite number"),
        (lambda: checked.number("x", 2, 0.0, 0.5, unit="share"), "x is 2; allowed: 0 to 0.5 share"),
    ],
)
def test_bounds_are_a_value_error_that_says_them(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == words and not isinstance(error.value, TypeError)


@pytest.mark.parametrize("value", ["1,2", 3], ids=repr)
def test_what_is_no_list_is_refused(value):
    with pytest.raises(TypeError, match="allowed: a list of integers"):
        checked.integers("replicates", value)


STUDY = SimpleNamespace(runs_planned=lambda: 1)
PAIRING = SimpleNamespace(years=[2021, 2030])
POSTERIOR = posteriors.Posterior("p", "0" * 64, ("partnering.border_weight",), ((1.0,),), (0,))
PUBLIC = {  # name: what takes the number, a value out of bounds (None: all integers or numbers are allowed), what it must be called
    "Bay seed": (lambda x: Bay(seed=x), None, "seed"),
    "Bay replicate": (lambda x: Bay(replicate=x), -1, "replicate"),
    "run replicates": (lambda x: run("baseline", replicates=x), 0, "replicates"),
    "run jobs": (lambda x: run("baseline", jobs=x), 0, "jobs"),
    "run seed": (lambda x: run("baseline", seed=x), -1, "seed"),
    "run of a loaded scenario": (lambda x: run(fake.scenario(), replicates=x), 0, "replicates"),
    "run_scenarios replicates": (lambda x: run_scenarios([fake.scenario()], [0, x]), -1, "replicates"),
    "run_scenarios jobs": (lambda x: run_scenarios([fake.scenario()], jobs=x), 0, "jobs"),
    "simulate": (lambda x: simulate(fake.scenario(), x), -1, "replicate"),
    "posterior draw": (POSTERIOR.draw, -1, "replicate"),
    "posterior values": (POSTERIOR.values, -1, "replicate"),
    "measure replicates": (lambda x: lever_effects.measure(replicates=x), 0, "replicates"),
    "measure jobs": (lambda x: lever_effects.measure(jobs=x), 0, "jobs"),
    "compare jobs": (lambda x: Runner("runs", x, None), 0, "jobs"),
    "compare horizons": (lambda x: horizons_of(PAIRING, [x]), None, "horizons"),
    "calibrate jobs": (lambda x: calibrate(STUDY, "out", jobs=x), 0, "jobs"),
    "calibrate most runs": (lambda x: calibrate(STUDY, "out", most_runs=x), -1, "most_runs"),
    "bench jobs": (lambda x: Bench(STUDY, "out", x), 0, "jobs"),
    "executor jobs": (lambda x: executor_for(None, x), 0, "jobs"),
    "sensitivity jobs": (lambda x: make_pairs("a", "b", (), (), None, x), 0, "jobs"),
    "validate seeds": (lambda x: validate(only=(), seeds=x), 0, "seeds"),
    "validate jobs": (lambda x: validate(only=(), jobs=x), 0, "jobs"),
    "last years": (lambda x: last_years(SimpleNamespace(full_years=[2020]), x), 0, "count"),
}


@pytest.mark.parametrize("name", PUBLIC)
@pytest.mark.parametrize("value", [1.5, "4", True], ids=repr)
def test_every_public_integer_is_checked(name, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function, _, called = PUBLIC[name]
    with pytest.raises(TypeError, match=rf"^{called}.* is .*; allowed: an integer"):
        function(value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [name for name, (_, outside, _) in PUBLIC.items() if outside is not None])
def test_every_public_integer_has_bounds(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function, outside, called = PUBLIC[name]
    with pytest.raises(ValueError, match=rf"^{called}.* is {outside}; allowed: "):
        function(outside)
    assert list(tmp_path.iterdir()) == []


NUMBERS = {
    "run scale": (lambda x: run("baseline", scale=x), 2, "scale"),
    "measure scale": (lambda x: lever_effects.measure(scale=x), 0, "scale"),
    "parameters": (lambda x: Parameters({"mobility.look": x}), 7.0, "parameter mobility.look"),
    "Bay parameters": (lambda x: Bay(parameters={"mobility.look": x}), float("nan"), "parameter mobility.look"),
    "precision": (lambda x: Precision("output", x), 0.0, "the width of output"),
    "target": (lambda x: Target("output", ">=", x), float("inf"), "the target of output"),
    "calibrate minutes": (lambda x: calibrate(STUDY, "out", most_minutes=x), -1.0, "most_minutes"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_every_public_number_is_checked(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function, outside, called = NUMBERS[name]
    for value in ("0.5", True):
        with pytest.raises(TypeError, match=f"^{called} is .*; allowed: a number"):
            function(value)
    with pytest.raises(ValueError, match=f"^{called} is {outside}; allowed: "):
        function(outside)


def test_nothing_public_is_left_out():
    """Whoever makes a further name public adds it above."""
    assert set(greaterbay.__all__) == {"NUMBERS", "Bay", "__version__", "load_scenario", "run"}


def test_a_bay_takes_numpy_numbers_and_its_rows_are_checked():
    scenario = trial_bay.scenario(extra=("run.scale=0.01",))
    bay = Bay(scenario=scenario, seed=np.int64(5), replicate=np.uint8(1), parameters={"mobility.look": np.float64(0.1)})
    assert (bay.seed_used, bay.replicate, bay.parameters.declared["mobility.look"]) == (5, 1, 0.1)
    assert type(bay.seed_used) is int and Bay(scenario=scenario, seed=-1).seed_used == 2**63 - 1
    alive = np.flatnonzero(bay.firms.alive)[3]
    assert bay.firm(alive).city == bay.firm(int(alive)).city
    for view, most in ((bay.firm, bay.firms.capacity), (bay.person, bay.people.capacity)):
        for value in (1.0, "1", True):
            with pytest.raises(TypeError, match=f"^row is .*; allowed: an integer, 0 to {most - 1}$"):
                view(value)
        for value in (-1, most):
            with pytest.raises(ValueError, match=f"^row is {value}; allowed: 0 to {most - 1}$"):
                view(value)
