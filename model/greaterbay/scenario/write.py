"""A resolved scenario as a file of its own: no parent, no mixins, the same numbers."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from greaterbay import clock
from greaterbay.mechanisms import OFF
from greaterbay.scenario.schema import FINANCING, RUN_DEFAULTS, SCHEMA, SIGNS, TARGETS, Scenario


def toml_of(scenario: Scenario, comment: str = "") -> str:
    """The text of a scenario file that resolves to ``scenario``; ``comment`` stands at its head."""
    lines = [f"# {line}" for line in comment.splitlines()]
    lines += [""] if lines else []
    lines += [f"schema = {SCHEMA}", f"id = {_text(scenario.id)}", f"title = {_text(scenario.title)}"]
    if scenario.title_zh:
        lines.append(f"title_zh = {_text(scenario.title_zh)}")
    if scenario.financing != FINANCING[0]:
        lines.append(f"financing = {_text(scenario.financing)}")
    if scenario.budget:
        lines.append(f"budget = {_text(scenario.budget)}")
    run = scenario.run
    _table(lines, "[run]", {
        "region": run.region, "start": clock.first_day(run.start), "end": clock.last_day(run.end),
        "scale": run.scale, "replicates": run.replicates, "seed": run.seed,
        **{key: getattr(run, key) for key in ("cut", "posterior") if getattr(run, key) != RUN_DEFAULTS[key]},
    })
    for lever in scenario.levers.values():
        _table(lines, f"[levers.{lever.id}]", {
            "value": lever.value,
            "start": None if lever.start is None else clock.first_day(lever.start),
            "ramp": f"{lever.ramp} quarters" if lever.ramp else None,
            "end": None if lever.end is None else clock.last_day(lever.end),
            "exit": lever.exit if lever.end is not None else None,
            **{target: getattr(lever, target) for target in TARGETS},
            "payer": lever.payer,
            "reference": lever.reference or None,
        })
        if lever.terms:
            _table(lines, f"[levers.{lever.id}.terms]", dict(lever.terms))
    for probe in scenario.probes.values():
        _table(lines, f"[probes.{probe.id}]", {
            "field": probe.field, "city": probe.city, "start": clock.first_day(probe.quarter),
            "title": probe.title or None, "title_zh": probe.title_zh or None,
        })
    for event in scenario.events:
        _table(lines, "[[events]]", {"date": clock.first_day(event.quarter), event.kind: event.rows})
    if scenario.expects:
        signs = {sign: text for text, sign in SIGNS.items()}
        _table(lines, "[expects]", {name: signs[sign] for name, sign in scenario.expects.items()})
    if scenario.parameters:
        _table(lines, "[parameters]", {_text(name): value for name, value in scenario.parameters.items()})
    if scenario.mechanisms:
        _table(lines, "[mechanisms]", {name: form for name, form in scenario.forms().items() if form == OFF})
    return "\n".join(lines) + "\n"


def _table(lines: list[str], head: str, entries: dict[str, Any]) -> None:
    lines += ["", head]
    lines += [f"{key} = {_value(value)}" for key, value in entries.items() if value is not None]


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(item) for item in value)}]"
    return repr(value)


def _text(text: str) -> str:
    """A basic string of TOML: as JSON writes it, which leaves out one character that TOML forbids."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
