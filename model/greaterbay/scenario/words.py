"""A scenario and the difference between two in plain words, English or Chinese."""

from __future__ import annotations

from typing import Any

from greaterbay import clock
from greaterbay.scenario.schema import Event, LeverSetting, Probe, RunSettings, Scenario

RUN_LABELS = {
    "en": {
        "region": "region",
        "start": "first quarter",
        "end": "last quarter",
        "scale": "scale",
        "replicates": "replicates",
        "seed": "seed",
        "cut": "cut",
        "posterior": "posterior draws",
    },
    "zh": {
        "region": "区域",
        "start": "起始季度",
        "end": "结束季度",
        "scale": "缩放比例",
        "replicates": "重复次数",
        "seed": "随机种子",
        "cut": "分割",
        "posterior": "后验参数",
    },
}


def amount(value: float) -> str:
    """A number without needless zeros."""
    return f"{value:.10g}"


def run_value(run: RunSettings, key: str) -> str:
    """One run setting as text; quarters by their label."""
    value = getattr(run, key)
    if key in ("start", "end"):
        return clock.label(value)
    return amount(value) if key == "scale" else str(value)


def timing(setting: LeverSetting, lang: str = "en") -> str:
    """When a lever acts and whom it reaches, without its value."""
    chinese = lang == "zh"
    parts = []
    if setting.start is None:
        parts.append("整个模拟期" if chinese else "for the whole run")
    else:
        start = clock.label(setting.start)
        parts.append(f"自{start}起" if chinese else f"from {start}")
    if setting.ramp:
        parts.append(
            f"{setting.ramp}个季度内逐步到位" if chinese else f"reached over {quarters(setting.ramp)}"
        )
    if setting.end is not None:
        end = clock.label(setting.end)
        parts.append(f"至{end}止" if chinese else f"until {end}")
        if setting.exit == "ramp":
            faded = (
                f"随后{setting.ramp}个季度内退出"
                if chinese
                else f"then given up over {quarters(setting.ramp)}"
            )
            parts.append(faded)
    if setting.payer is not None:
        parts.append(f"出资方:{setting.payer}" if chinese else f"paid by {setting.payer}")
    for target, label in (("cities", "仅限城市"), ("fields", "仅限领域"), ("kinds", "仅限企业类型")):
        chosen = getattr(setting, target)
        if chosen is not None:
            parts.append(f"{label}:{'、'.join(chosen)}" if chinese else f"only {target} {', '.join(chosen)}")
    return (",".join(parts)) if chinese else ", ".join(parts)


def quarters(count: int) -> str:
    """``1 quarter``, ``8 quarters``."""
    return f"{count} quarter" if count == 1 else f"{count} quarters"


def lever_title(name: str, lang: str = "en") -> str:
    """Id, name and unit of a lever."""
    from greaterbay.policy import catalogue

    lever = catalogue.levers()[name]
    if lang == "zh":
        return f"{name}:{lever.name_zh}({lever.unit_zh})"
    return f"{name}: {lever.name} ({lever.unit})"


def lever_words(setting: LeverSetting, lang: str = "en") -> str:
    """A lever with value, unit and timing."""
    from greaterbay.policy import catalogue

    lever = catalogue.levers()[setting.id]
    if lang == "zh":
        return (
            f"{lever.name_zh}({setting.id})= {amount(setting.value)}({lever.unit_zh}),{timing(setting, lang)}"
        )
    return f"{lever.name} ({setting.id}) = {amount(setting.value)} ({lever.unit}), {timing(setting)}"


def probe_words(probe: Probe, lang: str = "en") -> str:
    """A probe technology: field, city, quarter."""
    when = clock.label(probe.quarter)
    if lang == "zh":
        return f"{probe.title_zh or probe.id}:{probe.field},{when}在{probe.city}投放"
    return f"{probe.title or probe.id}: {probe.field}, launched in {probe.city} in {when}"


def event_words(event: Event, lang: str = "en") -> str:
    """A dated change of the world."""
    when = clock.label(event.quarter)
    if lang == "zh":
        return f"{when}:" + ";".join(f"{a}—{b}行程变为{amount(m)}分钟" for a, b, m in event.rows)
    return f"{when}: " + "; ".join(f"{a} – {b} takes {amount(m)} minutes" for a, b, m in event.rows)


def differences(here: Scenario, there: Scenario, lang: str = "en") -> list[str]:
    """What sets ``here`` apart from ``there``, one sentence each; empty where they would run alike."""
    chinese = lang == "zh"
    found = []
    for key, label in RUN_LABELS[lang].items():
        one, other = run_value(here.run, key), run_value(there.run, key)
        if one != other:
            found.append(
                f"{label}:{one},原为{other}" if chinese else f"The {label} is {one} instead of {other}."
            )
    if here.financing != there.financing:
        found.append(f"资金来源:{here.financing},原为{there.financing}" if chinese
                     else f"Money for levers is {here.financing} instead of {there.financing}.")
    if here.budget != there.budget:
        one, other = (scenario.budget or ("无" if chinese else "none") for scenario in (here, there))
        found.append(f"预算:{one},原为{other}" if chinese else f"The budget to be matched is {one} instead of {other}.")
    for name in dict.fromkeys((*here.levers, *there.levers)):
        found += _lever_difference(here.levers.get(name), there.levers.get(name), lang)
    for name in dict.fromkeys((*here.probes, *there.probes)):
        found += _difference(
            _probe_key(here.probes.get(name)),
            _probe_key(there.probes.get(name)),
            here.probes.get(name) and probe_words(here.probes[name], lang),
            there.probes.get(name) and probe_words(there.probes[name], lang),
            "探测技术" if chinese else "Probe",
            chinese,
        )
    for event in (event for event in here.events if event not in there.events):
        found += _difference(
            event, None, event_words(event, lang), None, "事件" if chinese else "Event", chinese
        )
    for event in (event for event in there.events if event not in here.events):
        found += _difference(
            None, event, None, event_words(event, lang), "事件" if chinese else "Event", chinese
        )
    found += _parameter_differences(here, there, chinese)
    found += _mechanism_differences(here, there, chinese)
    return found


def mechanism_words(name: str, form: str, lang: str) -> str:
    """What form of a mechanism is in force, in a few words."""
    from greaterbay.mechanisms import OFF, ON, table

    one = table()[name]
    if lang == "zh":
        return f"{one.title_zh}({name}):" + {OFF: "关闭", ON: "内置形式"}.get(form, f"自定义形式{form}")
    return f"{one.title} ({name}): " + {OFF: "off", ON: "the built-in form"}.get(form, f"a form of one's own, {form}")


def _mechanism_differences(here: Scenario, there: Scenario, chinese: bool) -> list[str]:
    from greaterbay.mechanisms import ON

    found, (one, other) = [], (here.forms(), there.forms())
    for name in dict.fromkeys((*one, *other)):
        form, instead = one.get(name, ON), other.get(name, ON)
        if form != instead:
            words = mechanism_words(name, form, "zh" if chinese else "en")
            found.append(f"机制:{words}" if chinese else f"Mechanism {words}.")
    return found


def _probe_key(probe: Probe | None) -> tuple | None:
    return None if probe is None else (probe.field, probe.city, probe.quarter)


def _difference(
    here: Any, there: Any, words: str | None, other: str | None, sort: str, chinese: bool
) -> list[str]:
    if here == there:
        return []
    if there is None:
        return [f"新增{sort}:{words}" if chinese else f"{sort} added: {words}."]
    if here is None:
        return [f"无{sort}:{other}" if chinese else f"{sort} left out: {other}."]
    return [f"{sort}:{words};原为:{other}" if chinese else f"{sort} changed: {words}; instead of {other}."]


def _lever_difference(here: LeverSetting | None, there: LeverSetting | None, lang: str) -> list[str]:
    """A lever at its neutral value does nothing and counts as not set."""
    chinese = lang == "zh"
    ours, theirs = (
        None if setting is None or _neutral(setting) else _lever_key(setting) for setting in (here, there)
    )
    return _difference(
        ours,
        theirs,
        here and lever_words(here, lang),
        there and lever_words(there, lang),
        "政策杠杆" if chinese else "Lever",
        chinese,
    )


def _neutral(setting: LeverSetting) -> bool:
    from greaterbay.policy import catalogue

    return setting.value == catalogue.levers()[setting.id].neutral


def _lever_key(setting: LeverSetting) -> tuple:
    targets = tuple(
        None if chosen is None else frozenset(chosen)
        for chosen in (setting.cities, setting.fields, setting.kinds)
    )
    fading = setting.exit if setting.end is not None else None
    return (setting.value, setting.start, setting.ramp, setting.end, fading, setting.payer, *targets)


def _parameter_differences(here: Scenario, there: Scenario, chinese: bool) -> list[str]:
    from greaterbay import parameters

    found = []
    for name, declared in parameters.table().items():
        one = here.parameters.get(name, declared.value)
        other = there.parameters.get(name, declared.value)
        if one != other:
            label = declared.label_zh if chinese else declared.label
            found.append(
                f"参数{name}({label}):{amount(one)},原为{amount(other)}"
                if chinese
                else f"The parameter {name} ({label}) is {amount(one)} instead of {amount(other)}."
            )
    return found
