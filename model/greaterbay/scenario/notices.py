"""What a scenario says and its run does not do: levers that cannot act, ramps that are cut off, probes and events left out.

``notices`` looks at a resolved scenario and its region's tables, never at numbers of a run. A lever is named where it changes
nothing in any replicate; one whose effect is merely small, or needs what may happen in the run, is not.

``check``, ``run``, ``compare`` and ``summary`` say the same sentences; the manifest of a result keeps them (``stored``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from greaterbay import clock
from greaterbay.scenario.problems import Problem
from greaterbay.scenario.schema import ACTOR_KINDS, LeverSetting, Scenario

CUT_RAMP = "ramp_cut"
ALL_INERT = "nothing_acts"
# code -> (English, Chinese). A lever with one of the first codes changes nothing in the run.
INERT = {
    "neutral": (
        "{id} stands at its neutral value {value} throughout: it changes nothing",
        "{id}始终处于中性值{value}:不改变任何结果",
    ),
    "starts_after_end": (
        "{id} starts in {start}, after the run ends in {run_end}: it changes nothing",
        "{id}自{start}开始,晚于模拟结束的{run_end}:不改变任何结果",
    ),
    "ended_before_start": (
        "{id} ended in {end}, before the run starts in {run_start}: it changes nothing",
        "{id}已于{end}结束,早于模拟开始的{run_start}:不改变任何结果",
    ),
    "ramp_not_begun": (
        "{id} never leaves its neutral value: its ramp of {ramp} quarters starts in {start} and is cut off in {last} by {what}",
        "{id}始终未离开中性值:{ramp}个季度的渐进期自{start}开始,至{last}即因{what}中断",
    ),
    "pays_nothing": ("{id} pays nothing: its {term} is 0", "{id}不支付任何资金:{term}为0"),
    "no_city": (
        "{id} reaches nobody: {payer} pays for its own cities only, and none of them is on the mainland",
        "{id}未覆盖任何主体:{payer}仅为辖内城市出资,而其中没有内地城市",
    ),
    "no_mainland_city": (
        "{id} reaches nobody: it acts in cities of the mainland, and the region has none",
        "{id}未覆盖任何主体:仅作用于内地城市,而该区域没有内地城市",
    ),
    "no_field": (
        "{id} reaches nobody: the region has no field {fields}",
        "{id}未覆盖任何主体:该区域没有领域{fields}",
    ),
    "no_kind": (
        "{id} reaches nobody: it is aimed at {kinds} and acts on {served} only",
        "{id}未覆盖任何主体:指向{kinds},但仅作用于{served}",
    ),
    "no_role": (
        "{id} reaches nobody: {cities} without a role in the division of labour; cities with one: {served}",
        "{id}未覆盖任何主体:{cities}在分工中没有角色;有角色的城市:{served}",
    ),
    "no_zone": (
        "{id} reaches nobody: {cities} without a zone; cities with one: {served}",
        "{id}未覆盖任何主体:{cities}没有平台区;有平台区的城市:{served}",
    ),
    "core_only": (
        "{id} reaches nobody: {cities} in the core; cities outside it: {served}",
        "{id}未覆盖任何主体:{cities}均为核心城市;核心以外的城市:{served}",
    ),
    "not_mainland": (
        "{id} reaches nobody: {cities} not on the mainland; cities on it: {served}",
        "{id}未覆盖任何主体:{cities}不属于内地;内地城市:{served}",
    ),
    "no_institute": (
        "{id} reaches nobody: {cities} without an institute; cities with one: {served}",
        "{id}未覆盖任何主体:{cities}没有院所;有院所的城市:{served}",
    ),
    "no_state_laboratory": (
        "{id} reaches nobody: the region has no state laboratory; it is paid for all the same",
        "{id}未覆盖任何主体:该区域没有国家级实验室;但费用照付",
    ),
    "no_border": (
        "{id} changes nothing: the region has one jurisdiction only and no border inside",
        "{id}不改变任何结果:该区域仅有一个法域,内部没有边界",
    ),
    "cut_apart": (
        "{id} changes nothing: the run is cut apart at the borders that it would open",
        "{id}不改变任何结果:本次模拟在其所放宽的边界处被切断",
    ),
}
OTHERS = {
    CUT_RAMP: (
        "{id} reaches {reached} instead of {value}, in {last}: its ramp of {ramp} quarters from {start} is cut off by {what}",
        "{id}在{last}仅达到{reached}而非{value}:自{start}起{ramp}个季度的渐进期因{what}中断",
    ),
    "launched_after_end": (
        "probe {id} is launched in {start}, after the run ends in {run_end}: it is left out",
        "探测技术{id}于{start}投放,晚于模拟结束的{run_end}:不计入",
    ),
    "event_after_end": (
        "the event of {start} comes after the run ends in {run_end}: it is left out",
        "{start}的事件晚于模拟结束的{run_end}:不计入",
    ),
    ALL_INERT: (
        "no lever and no event of the scenario acts from {run_start} to {run_end}: the run is the same as without them",
        "该情景的政策杠杆与事件在{run_start}至{run_end}期间均不起作用:结果与不设时相同",
    ),
}
COSTS_ALL_THE_SAME = frozenset({"no_state_laboratory"})  # reaches nobody, and public money is spent
MISSING = {  # sort of city that a named value serves -> code where none of the targeted cities is one
    "role": "no_role", "zone": "no_zone", "outside_core": "core_only", "mainland": "not_mainland", "institute": "no_institute",
    "state_laboratory": "no_state_laboratory",
}
OWN_END = ("its own end", "自身到期")
RUN_END = ("the end of the run", "模拟结束")
KIND_NAMES = {"startup": ("start-ups", "初创企业"), "small": ("small firms", "中小企业"), "leader": ("leaders", "龙头企业"),
              "institute": ("institutes", "院所")}


@dataclass(frozen=True, order=True)
class Notice(Problem):
    """A warning about one thing (``about``: lever, probe, event, scenario) by its id, with a code for programs."""

    about: str = ""
    id: str = ""
    code: str = ""
    what_zh: str = ""

    def text(self, lang: str = "en") -> str:
        """The sentence without its place."""
        return self.what_zh if lang == "zh" else self.what

    def in_words(self, lang: str = "en") -> str:
        """The sentence with its place, as ``str`` gives it in English."""
        return str(replace(self, what=self.text(lang)))

    @property
    def inert(self) -> bool:
        """Is it a lever that changes nothing?"""
        return self.code in INERT

    def stored(self) -> dict[str, str]:
        """As the manifest of a result keeps it: without the place, which may be anybody's folder."""
        return {"about": self.about, "id": self.id, "code": self.code, "reason": self.what, "reason_zh": self.what_zh}


def notices(scenario: Scenario) -> tuple[Notice, ...]:
    """What of a scenario its run leaves out or cuts off; a scenario of which nothing acts comes first."""
    found = []
    if scenario.levers:
        region = _Region(scenario.run.region)
        found = [notice for setting in scenario.levers.values() if (notice := _of_lever(scenario, setting, region)) is not None]
    gone = [event for event in scenario.events if event.quarter > scenario.run.end]
    for place, event in enumerate(scenario.events):
        if event in gone:
            found.append(_notice(scenario, "event", str(place), "event_after_end", ("events",), start=clock.label(event.quarter)))
    inert = [one for one in found if one.code in INERT and one.code not in COSTS_ALL_THE_SAME]
    idle = len(inert) == len(scenario.levers) and len(gone) == len(scenario.events)
    if idle and (inert or gone):
        found.insert(0, _notice(scenario, "scenario", scenario.id, ALL_INERT, ()))
    for probe in scenario.probes.values():
        if probe.quarter > scenario.run.end:
            keys = (f"probes.{probe.id}.start",)
            found.append(_notice(scenario, "probe", probe.id, "launched_after_end", keys, start=clock.label(probe.quarter)))
    return tuple(found)


def stored(scenario: Scenario) -> dict[str, list[dict[str, str]]]:
    """For a manifest: levers that change nothing, and all else there is to say, each with id, code and words."""
    found = notices(scenario)
    return {
        "inert_levers": [one.stored() for one in found if one.inert],
        "notices": [one.stored() for one in found if not one.inert],
    }


def of_manifest(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The sentences that a manifest keeps, English and Chinese; none of a result that was made before they were kept."""
    kept = [*manifest.get("inert_levers", ()), *manifest.get("notices", ())]
    return [(str(one["reason"]), str(one["reason_zh"])) for one in sorted(kept, key=lambda one: one["code"] != ALL_INERT)]


def of_runs(runs: Iterable[tuple[str, Mapping[str, Any]]]) -> list[tuple[str, str]]:
    """What the manifests of several runs, given with their names, keep: each sentence once, English and Chinese."""
    said = [(name, of_manifest(manifest)) for name, manifest in runs]
    english, chinese = (
        gathered([(name, [pair[at] for pair in pairs]) for name, pairs in said], lang) for at, lang in enumerate(("en", "zh"))
    )
    return list(zip(english, chinese, strict=True))


def before_run(scenarios: Iterable[Scenario], lang: str = "en") -> list[str]:
    """What is to be said before scenarios are run, one line a sentence."""
    return gathered([(scenario.id, [one.text(lang) for one in notices(scenario)]) for scenario in scenarios], lang)


def gathered(said: Iterable[tuple[str, Sequence[str]]], lang: str = "en") -> list[str]:
    """Sentences of several scenarios, each sentence once with the scenarios that it holds for: ``a, b: sentence``."""
    who: dict[str, list[str]] = {}
    for name, texts in said:
        for text in texts:
            who.setdefault(text, []).append(name)
    comma, colon = ("、", ":") if lang == "zh" else (", ", ": ")
    return [f"{comma.join(_few(names, lang))}{colon}{text}" for text, names in who.items()]


def _few(names: list[str], lang: str, most: int = 4) -> list[str]:
    if len(names) <= most:
        return names
    rest = len(names) - most
    return [*names[:most], f"另{rest}个" if lang == "zh" else f"{rest} more"]


def _notice(scenario: Scenario, about: str, id: str, code: str, keys: Sequence[str], **words: object) -> Notice:
    """A notice at the place where the first of some dotted keys stands, otherwise at the scenario's file."""
    run = {"run_start": clock.label(scenario.run.start), "run_end": clock.label(scenario.run.end)}
    english, chinese = (INERT | OTHERS)[code]
    texts = [
        text.format(id=id, **run, **{key: value[at] if isinstance(value, tuple) else value for key, value in words.items()})
        for at, text in enumerate((english, chinese))
    ]
    path, line = _place(scenario, keys)
    return Notice(path, line, texts[0], about=about, id=id, code=code, what_zh=texts[1])


def _place(scenario: Scenario, keys: Sequence[str]) -> tuple[str, int]:
    for key in keys:
        origin = scenario.origins.get(key, "")
        path, _, line = origin.rpartition(":")
        if path and line.isdecimal():
            return path, int(line)
        if origin.startswith("--"):
            return origin, 0
    return scenario.path, 0


def _of_lever(scenario: Scenario, setting: LeverSetting, region: _Region) -> Notice | None:
    """What there is to say of a lever: that it changes nothing, or that its ramp is cut off."""
    from greaterbay.policy import catalogue

    lever = catalogue.levers()[setting.id]

    def say(code: str, *keys: str, **words: object) -> Notice:
        places = [f"levers.{setting.id}.{key}" for key in (*keys, "value", "start", "end", "cities")]
        return _notice(scenario, "lever", setting.id, code, places, **words)

    if setting.value == lever.neutral:
        return say("neutral", "value", value=_amount(setting.value))
    run = scenario.run
    if setting.start is not None and setting.start > run.end:
        return say("starts_after_end", "start", start=clock.label(setting.start))
    strengths = [setting.strength(quarter) for quarter in range(run.start, run.end + 1)]
    if setting.end is not None and setting.end < run.start and not any(strengths):
        return say("ended_before_start", "end", end=clock.label(setting.end))
    return (_inert_terms(setting, lever, say) or _inert_reach(scenario, setting, lever, region, say)
            or _cut_ramp(scenario, setting, lever, strengths, say))


def _cut_ramp(
    scenario: Scenario, setting: LeverSetting, lever: Any, strengths: Sequence[float], say: Callable[..., Notice]
) -> Notice | None:
    """A lever that never reaches its value, because it or the run ends while it rises."""
    run, most = scenario.run, max(strengths)
    reached = lever.neutral + most * (setting.value - lever.neutral)
    if lever.named_value == "coordination":  # governments act at a whole level, the nearest one
        reached = float(round(most * setting.value))
    if most == 1.0 or reached == setting.value:
        return None
    own = setting.end is not None and setting.end < run.end
    last = run.end if setting.end is None or not own else setting.end
    code = "ramp_not_begun" if reached == lever.neutral else CUT_RAMP
    start = run.start if setting.start is None else setting.start
    return say(code, "end" if own else "ramp", "ramp", value=_amount(setting.value), reached=_amount(reached), ramp=setting.ramp,
               start=clock.label(start), last=clock.label(max(last, run.start)), what=OWN_END if own else RUN_END)


def _inert_terms(setting: LeverSetting, lever: Any, say: Callable[..., Notice]) -> Notice | None:
    """An instrument whose rate, sum or total is nothing."""
    if not lever.is_preset:
        return None
    from greaterbay.policy.terms import EVENTS, FUND, TERMS

    terms = lever.terms | dict(setting.terms)
    due = "cap_budget" if terms["basis"] == FUND else "lump" if terms["basis"] in EVENTS else "rate"
    if terms.get(due):
        return None
    return say("pays_nothing", f"terms.{due}", term=(due, f"{TERMS[due].words_zh}({due})"))


def _inert_reach(
    scenario: Scenario, setting: LeverSetting, lever: Any, region: _Region, say: Callable[..., Notice]
) -> Notice | None:
    """A lever whose targets hold nobody on whom its named value acts."""
    from greaterbay.policy import named_values

    served = named_values.table()[lever.named_value]
    kinds = setting.kinds or lever.kinds or ACTOR_KINDS
    if served.kinds and not set(kinds) & set(served.kinds):
        return say("no_kind", "kinds", kinds=_kind_names(kinds), served=_kind_names(served.kinds))
    fields = setting.fields or lever.fields
    if fields and not set(fields) & set(region.fields):
        return say("no_field", "fields", fields=", ".join(fields))
    if served.over == "pair":
        if len(set(region.jurisdiction_of.values())) < 2:
            return say("no_border")
        # demand for products passes a run that is cut apart, so the technology barrier still counts there
        if scenario.run.cut == "jurisdictions" and lever.named_value != "barrier_technology":
            return say("cut_apart")
    cities = set(region.cities if setting.cities is None else setting.cities)
    if setting.cities is None and lever.cities == "mainland":
        cities &= region.served("mainland")
        if not cities:
            return say("no_mainland_city")
    if setting.payer in region.jurisdiction_of.values():
        cities &= {city for city, owner in region.jurisdiction_of.items() if owner == setting.payer}
    if not cities:
        return say("no_city", "payer", payer=setting.payer)
    if not served.cities or cities & region.served(served.cities):
        return None
    names = [city for city in region.cities if city in cities]
    good = [city for city in region.cities if city in region.served(served.cities)]
    verb = "is" if len(names) == 1 else "are"
    return say(MISSING[served.cities], "cities", cities=(f"{', '.join(names)} {verb}", "、".join(names)),
               served=(", ".join(good) or "none", "、".join(good) or "无"))


def _kind_names(kinds: Sequence[str]) -> tuple[str, str]:
    return ", ".join(KIND_NAMES[kind][0] for kind in kinds), "、".join(KIND_NAMES[kind][1] for kind in kinds)


def _amount(value: float) -> str:
    return f"{value:.6g}"


class _Region:
    """What of a region's tables says whom levers can reach; tables are read when they are asked for."""

    def __init__(self, region: str) -> None:
        from greaterbay.region.tables import Tables, index_of, region_folder

        self.tables = Tables(region_folder(region))
        index = index_of(self.tables)
        self.cities, self.fields = index.city_ids, index.field_ids
        self.jurisdiction_of = dict(zip(index.city_ids, index.city_jurisdictions, strict=True))

    def _cells(self, table: str) -> list[dict[str, str]]:
        return [row.cells for row in self.tables.rows(table)]

    def served(self, sort: str) -> set[str]:
        """Cities of a sort (``named_values.SERVED``)."""
        if sort == "outside_core":
            return {row["id"] for row in self._cells("cities") if row["core"] != "yes"}
        if sort == "mainland":
            return {city for city, owner in self.jurisdiction_of.items() if self._is_mainland(owner)}
        if sort == "zone":
            return {row["city"] for row in self._cells("zones") if row["partners"]}
        if sort == "state_laboratory":
            tiers = {row["id"] for row in self._cells("institute_tiers") if row["state_lab"] == "yes"}
            return set(self.cities) if any(row["tier"] in tiers for row in self._cells("institutes")) else set()
        return {row["city"] for row in self._cells({"role": "roles", "institute": "institutes"}[sort])}

    def _is_mainland(self, jurisdiction: str) -> bool:
        """In one customs territory with the rest of the country, as ``region.gaps.border_gap`` has it."""
        rows = {row["id"]: row for row in self._cells("jurisdictions")}
        here, rest = rows[jurisdiction], rows["rest_of_china"]
        open_ = max(float(here["customs_control"]), float(rest["customs_control"])) == 0.0
        return here["customs_territory"] == rest["customs_territory"] or open_
