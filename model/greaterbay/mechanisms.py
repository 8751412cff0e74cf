"""Mechanisms: the named parts that the phases of a quarter are made of, declared once in ``mechanisms.csv``.

Each is a function with an ``off`` beside it, the neutral form that leaves the rest running: ``[mechanisms] learning_on_ties = "off"``
in a scenario. A function of one's own takes the place of a built-in one without a fork: ``Bay(mechanisms={"adoption": rule})``,
``run(..., mechanisms={...})`` or ``greaterbay run --mechanism adoption=MODULE:NAME``. It has to take the same arguments and return
the same form; it is known by its source, so results of two versions never pass for one another. Other forms hold from the
release on: the warm-up, which all scenarios of a replicate share, is played with the built-in ones.

``outcome`` and ``sign`` say which final outcome a mechanism must move, and in which direction (outcome with it, less without),
written before measuring; ``greaterbay validate --suite null`` holds them to it.
"""

from __future__ import annotations

import csv
import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path

ON, OFF = "on", "off"


class MechanismError(ValueError):
    """A mechanism that is unknown, or a form that cannot take its place; the message says what was found and what is allowed."""


@dataclass(frozen=True)
class Mechanism:
    """One declared mechanism. ``function`` and ``off`` are ``module:name`` inside the package."""

    id: str
    phase: int
    title: str
    title_zh: str
    function: str
    off: str
    parameters: tuple[str, ...]
    equation: str
    reference: str
    outcome: str
    sign: int


@cache
def table() -> dict[str, Mechanism]:
    """All mechanisms by id, in the order of the quarter."""
    found = {}
    with open(Path(__file__).with_name("mechanisms.csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["id"]] = Mechanism(**{
                **row, "phase": int(row["phase"]), "parameters": tuple(row["parameters"].split()), "sign": 1 if row["sign"] == "+" else -1})
    return found


def get(name: str) -> Mechanism:
    """A mechanism by id; ``MechanismError`` with the nearest name where there is none."""
    if name not in table():
        near = [m.id for m in table().values() if m.title_zh == name] or get_close_matches(name.lower(), table(), 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(table())}"
        raise MechanismError(f"unknown mechanism {name!r}{hint}")
    return table()[name]


def function_of(name: str) -> Callable:
    """The function ``module:name`` of the package."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(f"greaterbay.{module}"), function)


# ---------------------------------------------------------------- forms of one's own


@dataclass(frozen=True)
class OwnForm:
    """A function that takes the place of a built-in mechanism, known by its source."""

    name: str
    digest: str
    function: Callable = field(compare=False)

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}"

    def __reduce__(self):
        import cloudpickle  # a function of a notebook or script cannot be pickled by its name, and a worker may not find its module

        module = sys.modules.get(self.name.partition(":")[0])
        ours = module is None or module.__name__ == "__main__" or module.__name__.partition(".")[0] == "greaterbay"
        if not ours:
            cloudpickle.register_pickle_by_value(module)
        try:
            return _loaded, (self.name, self.digest, cloudpickle.dumps(self.function))
        finally:
            if not ours:
                cloudpickle.unregister_pickle_by_value(module)


def _loaded(name: str, digest: str, content: bytes) -> OwnForm:
    import cloudpickle

    return OwnForm(name, digest, cloudpickle.loads(content))


def own_form(mechanism: str, given) -> OwnForm:
    """A form of one's own from a function or ``MODULE:NAME``; ``MechanismError`` where it does not fit."""
    if isinstance(given, OwnForm):
        return given
    function = imported(mechanism, given) if isinstance(given, str) else given
    if not callable(function):
        raise MechanismError(f"mechanism {mechanism}: {given!r} is no function; allowed: 'on', 'off', a function, or MODULE:NAME")
    check_signature(mechanism, function)
    plain = inspect.unwrap(getattr(function, "py_func", function))
    try:
        source = inspect.getsource(plain)
        file = Path(inspect.getsourcefile(plain) or "")
    except (OSError, TypeError):
        raise MechanismError(f"mechanism {mechanism}: the source of {function!r} cannot be read; write it into a file or a cell") from None
    module = getattr(plain, "__module__", "") or ""
    whole = file.read_text(encoding="utf-8") if module != "__main__" and file.is_file() else ""  # with what the function calls there
    name = f"{module}:{getattr(plain, '__qualname__', 'function')}"
    return OwnForm(name, hashlib.sha256(f"{source}\0{whole}".encode()).hexdigest()[:12], function)


def imported(mechanism: str, name: str) -> Callable:
    """The function ``MODULE:NAME`` of somebody's own module."""
    module, colon, function = name.partition(":")
    if not (colon and module and function):
        raise MechanismError(f"mechanism {mechanism}: {name!r}; allowed: 'on', 'off', or MODULE:NAME of a function of your own")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, TypeError, ValueError) as error:  # a relative or empty name is no ImportError
        raise MechanismError(f"mechanism {mechanism}: cannot import {module!r} ({error}); is its folder on PYTHONPATH?") from error
    except AttributeError:
        raise MechanismError(f"mechanism {mechanism}: module {module!r} has no {function!r}") from None


def arguments_of(function: Callable) -> list[str]:
    """Names of a function's positional arguments."""
    return [p.name for p in inspect.signature(inspect.unwrap(getattr(function, "py_func", function))).parameters.values()]


def check_signature(mechanism: str, function: Callable) -> None:
    """The arguments of a form must be those of the built-in one, in this order."""
    wanted, found = arguments_of(function_of(get(mechanism).function)), arguments_of(function)
    if found != wanted:
        raise MechanismError(f"mechanism {mechanism} takes ({', '.join(wanted)}); "
                             f"{getattr(function, '__name__', function)!r} takes ({', '.join(found)})")


def same_form(given, wanted) -> bool:
    """Has a returned value the form of another: the same types, shapes and kinds of numbers? An empty array leaves the length open."""
    import numpy as np

    if isinstance(wanted, tuple):
        return isinstance(given, tuple) and len(given) == len(wanted) and all(map(same_form, given, wanted))
    if isinstance(wanted, np.ndarray):
        alike = isinstance(given, np.ndarray) and (given.shape == wanted.shape or (wanted.size == 0 and given.ndim == wanted.ndim))
        return alike and (given.dtype.kind == wanted.dtype.kind or {given.dtype.kind, wanted.dtype.kind} <= {"i", "u"})
    return type(given) is type(wanted)


def described(value) -> str:
    """A returned value in words: types, shapes, kinds of numbers."""
    import numpy as np

    if isinstance(value, tuple):
        return f"({', '.join(map(described, value))})"
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__


# ---------------------------------------------------------------- what is in force


def choices(given: Mapping[str, object] | None) -> dict[str, object]:
    """Forms that differ from the built-in ones, checked: ``"off"`` or an ``OwnForm`` by id, in the order of the quarter."""
    found = {}
    for name, form in (given or {}).items():
        get(name)
        if form != ON:
            found[name] = OFF if form == OFF else own_form(name, form)
    return {name: found[name] for name in table() if name in found}


class Mechanisms:
    """The form of each mechanism in force: ``bay.mechanisms.adoption(bay, offer)``."""

    def __init__(self, given: Mapping[str, object] | None = None):
        self.given = choices(given)
        for name, mechanism in table().items():
            form = self.given.get(name, ON)
            setattr(self, name, _watched(mechanism, form) if isinstance(form, OwnForm) else
                    function_of(mechanism.off if form == OFF else mechanism.function))

    def __reduce__(self):
        return Mechanisms, (self.given,)

    def __deepcopy__(self, memo) -> Mechanisms:
        return self


def _watched(mechanism: Mechanism, form: OwnForm) -> Callable:
    """A form of one's own whose answer is held against that of the neutral form, where this answers at all."""
    off = function_of(mechanism.off)
    answers = inspect.signature(off).return_annotation not in ("None", None)

    def call(bay, *given):
        found = form.function(bay, *given)
        if answers:
            wanted = off(bay, *given)
            if not same_form(found, wanted):
                raise MechanismError(f"mechanism {mechanism.id}: {form.name} returned {described(found)}, wanted {described(wanted)}")
        return found

    return call
