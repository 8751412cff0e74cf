"""Mechanisms: declared parts, each with an off that leaves the rest running, each replaceable by a function of one's own."""

from __future__ import annotations

import functools
import inspect
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest

from greaterbay import Bay, load_scenario, mechanisms, outputs, parameters, run
from greaterbay.evidence import references
from greaterbay.exchange import diffusion
from greaterbay.mechanisms import MechanismError, OwnForm, choices, function_of, own_form
from greaterbay.runner import manifest
from small_bay import differing, lever, record_bytes, small_scenario

NAMES = list(mechanisms.table())
END = "run.end=2027-12-31"
BUSY = (*lever("alliance_sharing", 0.5, "2024-01-01"), *lever("proof_of_concept", 0.5, "2024-01-01"))


def like_the_built_in(function):
    """A form of one's own that does what the built-in one does, known by its source and arguments."""
    @functools.wraps(function)
    def form(*given):
        return function(*given)

    return form


def hears_like_the_built_in_one(bay, offer):
    return diffusion.adopt(bay, offer)


def takes_too_little(bay):
    return bay


def answers_wrongly(bay, offer):
    return np.zeros(3)


@pytest.fixture(scope="module")
def released():
    """A bay at its release with two levers that wake mechanisms which rest in the baseline."""
    return Bay(scenario=small_scenario(END, *BUSY))


@pytest.fixture(scope="module")
def whole(released):
    bay = released.copy()
    bay.run_to_end()
    return bay


# ---------------------------------------------------------------- declared


@pytest.mark.parametrize("name", NAMES)
def test_what_is_declared_is_there(name):
    one = mechanisms.table()[name]
    form, off = function_of(one.function), function_of(one.off)
    assert mechanisms.arguments_of(form) == mechanisms.arguments_of(off)
    assert form.__doc__ and off.__doc__.startswith("Off"), "an off says so"
    assert one.outcome in outputs.table() and one.equation and one.title_zh
    assert set(one.parameters) <= set(parameters.table())
    assert all(references.resolve(part) for part in references.split(one.reference))
    assert 2 <= one.phase <= 9


def test_every_call_of_a_mechanism_is_declared_and_every_one_is_called():
    """In the sources: ``mechanisms.<id>(`` outside of this table's own module."""
    from greaterbay.locations import PACKAGE

    text = "".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "exchange").glob("*.py"))
    called = set(re.findall(r"\bmechanisms\.(\w+)", text))
    assert called == set(NAMES)


# ---------------------------------------------------------------- off


USELESS = pytest.mark.xfail(reason="a membership gives the best member's level times a share, and the highest of levels throws that away")


@pytest.mark.parametrize("name", [pytest.param(name, marks=USELESS) if name == "alliance_use" else name for name in NAMES])
def test_off_runs_with_all_invariants_and_is_felt(released, whole, name):
    """Sixteen quarters, every one closed by the books; the record is another one."""
    bay = released.branch(small_scenario(END, *BUSY, f"mechanisms.{name}='off'"))
    bay.run_to_end()
    assert bay.record.filled == 16
    assert differing(record_bytes(bay), record_bytes(whole)), name


def test_on_is_the_built_in_form(released, whole):
    bay = released.branch(small_scenario(END, *BUSY, *(f"mechanisms.{name}='on'" for name in NAMES)))
    assert bay.scenario.mechanisms == {}
    bay.run_to_end()
    assert differing(record_bytes(bay), record_bytes(whole)) == []


def test_the_warm_up_is_shared(released):
    bay = Bay(scenario=small_scenario(END, *BUSY, "mechanisms.invention='off'"))
    assert bay.warmed_from == "cache" and (bay.firms.capability == released.firms.capability).all()


def test_scenarios_switch_off_by_name():
    of = load_scenario("baseline", overrides=['mechanisms.adoption="off"', 'mechanisms.access="on"'])
    assert of.mechanisms == {"adoption": "off"}
    plain = load_scenario("baseline")
    assert manifest.digest(of) != manifest.digest(plain) and "mechanisms" not in plain.reaching_model()
    assert manifest.manifest(of)["scenario"]["mechanisms"] == {"adoption": "off"}


# ---------------------------------------------------------------- forms of one's own


@pytest.mark.parametrize("name", NAMES)
def test_a_form_that_does_the_same_gives_the_same(released, whole, name):
    """Its answers are held against those of the off form, which may not leave a trace."""
    own = {name: own_form(name, like_the_built_in(function_of(mechanisms.table()[name].function)))}
    bay = released.branch(replace(released.scenario, mechanisms=own))
    bay.run_to_end()
    assert differing(record_bytes(bay), record_bytes(whole)) == []


@pytest.mark.parametrize(("given", "message"), [
    ({"adoptoin": "off"}, "unknown mechanism 'adoptoin'; did you mean 'adoption'"),
    ({"adoption": "offf"}, "'offf'; allowed: 'on', 'off', or MODULE:NAME"),
    ({"adoption": 3}, "3 is no function; allowed: 'on', 'off', a function, or MODULE:NAME"),
    ({"adoption": takes_too_little}, r"adoption takes \(bay, offer\); 'takes_too_little' takes \(bay\)"),
    ({"adoption": "no_such_module:rule"}, "cannot import 'no_such_module'"),
    ({"adoption": "json:rule"}, "module 'json' has no 'rule'"),
])
def test_what_does_not_fit_is_refused(given, message):
    with pytest.raises(MechanismError, match=message):
        choices(given)


def test_a_wrong_answer_is_refused_when_it_is_given():
    bay = Bay(scenario=small_scenario("run.end=2024-12-31"), mechanisms={"adoption": answers_wrongly})
    with pytest.raises(MechanismError, match=r"answers_wrongly returned float64 \(3,\), wanted \(uint64 \(\d+,\), float64"):
        bay.step()


def test_the_source_is_part_of_the_digest(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "my_rules.py"
    found = []
    for number in (1, 1, 2):
        file.write_text(f"HOW = {number}\ndef rule(bay, offer):\n    return HOW\n", encoding="utf-8")
        for name in [name for name in __import__("sys").modules if name == "my_rules"]:
            monkeypatch.delitem(__import__("sys").modules, name)
        import importlib

        importlib.invalidate_caches()
        found.append(str(own_form("adoption", "my_rules:rule")))
    assert found[0].startswith("my_rules:rule@") and len(set(found[:2])) == 1
    assert found[2] != found[0], "what the function reads in its file counts too"


def test_a_form_crosses_processes():
    form = own_form("adoption", hears_like_the_built_in_one)
    other = pickle.loads(pickle.dumps(form))
    assert isinstance(other, OwnForm) and other == form and other.function is not form.function
    assert inspect.signature(other.function) == inspect.signature(form.function)


def test_run_takes_forms_on_several_processes(tmp_path):
    settings = {"replicates": 2, "scale": 0.01, "until": "2020-12-31", "out": tmp_path / "runs"}
    plain = run("baseline", **settings)
    own = run("baseline", jobs=2, mechanisms={"adoption": hears_like_the_built_in_one}, **settings)
    off = run("baseline", mechanisms={"adoption": "off"}, **settings)
    name = "adoptions"
    assert (plain[name].values[:, :, :11] == own[name].values[:, :, :11]).all() and np.nansum(off[name]) == 0
    assert np.nansum(plain[name]) > 0


# ---------------------------------------------------------------- the guide


def test_the_example_of_the_guide_works(tmp_path, monkeypatch, capsys):
    """The blocks of docs/extend.md as they stand there."""
    from greaterbay.locations import PACKAGE

    guide = PACKAGE.parents[1] / "docs" / "extend.md"
    if not guide.is_file():
        pytest.skip("an installed package has no docs beside it")
    rule, compared = re.findall(r"```python\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    assert len(rule.splitlines()) <= 36
    (tmp_path / "threshold.py").write_text(rule, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    exec(compile(compared.replace("scale=0.02", "scale=0.01").replace("replicates=2", "replicates=1"), "extend.md", "exec"), {})
    built_in, own = (eval(line.split(" ", 2)[2] if line.startswith("built") else line.split(" ", 1)[1])
                     for line in capsys.readouterr().out.splitlines())
    assert all(0.0 <= share <= 1.0 for share in (*built_in, *own)) and built_in != own and own[-1] > own[0]
