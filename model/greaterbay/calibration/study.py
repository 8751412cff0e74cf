"""A calibration study: its targets, its free parameters with their priors, and its settings, read and checked.

``targets.toml``, ``priors.toml`` and ``study.toml`` lie in the calibration folder. Everything is checked at once; what
is wrong is told with the file and the entry. The digest covers all that changes a result.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import greaterbay
from greaterbay.evidence import references
from greaterbay.locations import shipped_folder
from greaterbay.scenario import kinds

PLACES = ("bay", "national", "literature")
RELATIONS = ("=", "between", "holds")
MOST_RUNS = 2_500
MOST_MINUTES = 45
TARGET_KEYS = {
    "id",
    "estimator",
    "reference",
    "place",
    "relation",
    "value",
    "scale",
    "tolerance",
    "discrepancy",
    "reason",
    "group",
    "fitted",
    "transfer",
    "probability",
    "pooled",
    "section",
}
FREE_KEYS = {"id", "members", "low", "high", "scale", "reference", "reason", "label", "label_zh"}
WAVE_KEYS = {"per_parameter": int, "twins": int, "later": int, "waves": int, "cut": float}
POSTERIOR_KEYS = {"walkers": int, "steps": int, "draws": int, "confirmed": int, "refits": int}
CHECK_KEYS = {"truths": int, "truth_steps": int, "scale": float, "scale_runs": int}


class StudyError(Exception):
    """A study that cannot be used; ``problems`` has a line for each fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class Target:
    """One figure that the model is held to.

    ``point``: the figure on the estimator's scale (an ordering's is 0 and it holds above it). ``tolerance`` is how exactly
    the text says it, ``discrepancy`` how far a right model may be from it; both are standard deviations on that scale.
    """

    id: str
    estimator: str
    reference: str
    place: str
    relation: str
    point: float
    tolerance: float
    discrepancy: float
    reason: str
    group: str
    fitted: bool = True
    transfer: str = ""
    probability: float = 0.9
    pooled: int = 1
    value: tuple[float, ...] = ()
    scale: str = "plain"
    section: str = ""

    @property
    def ordering(self) -> bool:
        """Is it a claim that holds or not?"""
        return self.relation == "holds"

    @property
    def spread(self) -> float:
        """Tolerance and discrepancy together."""
        return math.hypot(self.tolerance, self.discrepancy)


@dataclass(frozen=True)
class Free:
    """A free parameter on [0, 1]: one model parameter, or a common factor on several (``members``)."""

    id: str
    low: float
    high: float
    scale: str
    reference: str
    reason: str
    label: str
    label_zh: str
    members: tuple[str, ...] = ()

    def natural(self, unit):
        """Value at ``unit`` in [0, 1] (numbers or arrays)."""
        if self.scale == "log":
            return self.low * (self.high / self.low) ** unit
        return self.low + (self.high - self.low) * unit

    def unit(self, natural):
        """The inverse of :meth:`natural`."""
        if self.scale == "log":
            import numpy as np

            return np.log(np.asarray(natural) / self.low) / math.log(self.high / self.low)
        return (natural - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Study:
    """Targets, free parameters and settings of one calibration."""

    id: str
    title: str
    path: str
    scenario: str
    scale: float
    end: str
    seed: int
    probes: Mapping[str, Mapping[str, str]]
    free: tuple[Free, ...]
    targets: tuple[Target, ...]
    waves: Mapping[str, float]
    posterior: Mapping[str, float]
    checks: Mapping[str, float]
    ridges: tuple[Mapping[str, object], ...] = field(default=())
    note: str = ""
    """How the lists came about; printed in the report."""

    @property
    def estimators(self) -> tuple[str, ...]:
        """Estimators of the targets, in order."""
        return tuple(target.estimator for target in self.targets)

    def overrides(self, scale: float | None = None) -> list[str]:
        """What the study sets over its scenario."""
        texts = [f"run.scale={self.scale if scale is None else scale}", f"run.end={self.end}", f"run.seed={self.seed}", "run.replicates=1"]
        for name, probe in self.probes.items():
            texts += [
                f'probes.{name}.field="{probe["field"]}"',
                f'probes.{name}.city="{probe["city"]}"',
                f"probes.{name}.start={probe['start']}",
            ]
        return texts

    def parameters(self, unit: Sequence[float]) -> dict[str, float]:
        """Model parameters at a point of the unit cube."""
        from greaterbay import parameters

        declared, found = parameters.table(), {}
        for free, u in zip(self.free, unit, strict=True):
            value = float(free.natural(float(u)))
            if free.members:
                found |= {name: min(max(value * declared[name].value, declared[name].low), declared[name].high) for name in free.members}
            else:
                found[free.id] = value
        return found

    def runs_planned(self) -> int:
        """Runs that the study takes at most."""
        w, p, c = self.waves, self.posterior, self.checks
        first = int(w["per_parameter"]) * len(self.free) + int(w["twins"])
        refit = int(p["refits"]) * int(p["confirmed"])
        return first + (int(w["waves"]) - 1) * int(w["later"]) + int(p["confirmed"]) + refit + 2 * int(c["scale_runs"])

    def digest(self) -> str:
        """SHA-256 of all that changes a result, the model's numbers included."""
        content = {key: value for key, value in asdict(self).items() if key not in ("path", "title", "note")}
        text = json.dumps([greaterbay.NUMBERS, content], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def on_scale(value: float, scale: str) -> float:
    """A figure on the scale of its estimator."""
    if scale == "log":
        return math.log(value)
    return math.log(value / (1.0 - value)) if scale == "logit" else float(value)


def off_scale(point, scale: str):
    """The inverse of :func:`on_scale` (numbers or arrays)."""
    import numpy as np

    if scale == "log":
        return np.exp(point)
    return 1.0 / (1.0 + np.exp(-np.asarray(point, float))) if scale == "logit" else point


def load_study(path: str | os.PathLike | None = None) -> Study:
    """The study of a file, or the committed one. Raises StudyError with every fault."""
    path = shipped_folder("calibration") / "study.toml" if path is None else Path(path)
    problems: list[str] = []
    table = _read(path)
    if "study" not in table:
        what = "the file is empty" if not table else "no table [study]; this may be a scenario"
        raise StudyError([f"{path}: {what}; allowed: a study as `calibration/study.toml` is one"])
    for key in sorted(set(table) - {"study", "probes", "waves", "posterior", "checks"}):
        problems.append(f"{path.name}: unknown table [{key}]; allowed: study, probes, waves, posterior, checks")
    head = _fields(
        table.get("study", {}),
        {"id": str, "title": str, "scenario": str, "scale": float, "end": str, "seed": int},
        {"targets": str, "priors": str, "note": str},
        f"{path.name}: [study]",
        problems,
    )
    waves = _fields(table.get("waves", {}), WAVE_KEYS, {}, f"{path.name}: [waves]", problems)
    posterior = _fields(table.get("posterior", {}), POSTERIOR_KEYS, {}, f"{path.name}: [posterior]", problems)
    checks = _fields(table.get("checks", {}), CHECK_KEYS, {}, f"{path.name}: [checks]", problems)
    targets = _targets(path.parent / head.get("targets", "targets.toml"), problems)
    free, ridges = _free(path.parent / head.get("priors", "priors.toml"), problems)
    if problems:
        raise StudyError(problems)
    study = Study(
        head["id"],
        head["title"],
        str(path),
        head["scenario"],
        head["scale"],
        head["end"],
        head["seed"],
        dict(table.get("probes", {})),
        free,
        targets,
        waves,
        posterior,
        checks,
        ridges,
        head.get("note", ""),
    )
    if study.runs_planned() > MOST_RUNS:
        raise StudyError([f"{path.name}: {study.runs_planned()} runs are planned; allowed: at most {MOST_RUNS}"])
    return study


def _read(path: Path) -> dict:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        hint = kinds.near_file(path, ".toml")
        raise StudyError([f"{path}: no such file" + (f"; {hint}" if hint else "")]) from None
    except IsADirectoryError:
        raise StudyError([f"{path}: this is a folder; allowed: a file (TOML)"]) from None
    text, wrong = kinds.text_of(content, "a file (TOML)")
    if wrong:
        raise StudyError([f"{path}:{wrong[0]}: {wrong[1]}; allowed: {wrong[2]}"])
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError([f"{path}: not TOML: {error}"]) from None


def _fields(given: Mapping, needed: Mapping, optional: Mapping, where: str, problems: list[str]) -> dict:
    found = {}
    for key in given:
        if key not in needed and key not in optional:
            problems.append(f"{where}: unknown key {key!r}; allowed: {', '.join([*needed, *optional])}")
    for key, sort in {**needed, **optional}.items():
        if key not in given:
            if key in needed:
                problems.append(f"{where}: {key} is missing")
            continue
        value = given[key]
        if sort is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, sort) or isinstance(value, bool):
            problems.append(f"{where}: {key} is {value!r}; allowed: {sort.__name__}")
            continue
        if sort in (int, float) and key != "seed" and not value >= 0:
            problems.append(f"{where}: {key} is {value!r}; allowed: 0 or more")
        found[key] = value
    return found


def _targets(path: Path, problems: list[str]) -> tuple[Target, ...]:
    from greaterbay.calibration.estimators import ESTIMATORS

    found: dict[str, Target] = {}
    for number, entry in enumerate(_read(path).get("target", []), 1):
        where = f"{path.name}: target {entry.get('id', number)!r}"
        faults: list[str] = [f"unknown key {key!r}" for key in sorted(set(entry) - TARGET_KEYS)]
        missing = [
            key for key in ("id", "estimator", "reference", "place", "relation", "discrepancy", "reason", "group") if key not in entry
        ]
        if missing:
            problems.append(f"{where}: {', '.join(missing)} missing")
            continue
        if entry["id"] in found:
            faults.append("stands twice")
        if entry["estimator"] not in ESTIMATORS:
            faults.append(f"unknown estimator {entry['estimator']!r}")
        faults += [f"unknown reference {r!r}" for r in references.split(entry["reference"]) if references.resolve(r) is None]
        for key, allowed in (("place", PLACES), ("relation", RELATIONS)):
            if entry[key] not in allowed:
                faults.append(f"{key} is {entry[key]!r}; allowed: {', '.join(allowed)}")
        if entry["place"] == "national" and not (entry.get("transfer") and entry["discrepancy"] > 0):
            faults.append("a national figure declares its transfer and has a discrepancy above 0")
        if faults:
            problems += [f"{where}: {fault}" for fault in faults]
            continue
        value, scale = entry.get("value", 0.0), entry.get("scale", "plain")
        numbers = tuple(float(v) for v in value) if isinstance(value, list) else (float(value),)
        tolerance = float(entry.get("tolerance", 0.0))
        if entry["relation"] == "between":
            low, high = (on_scale(v, scale) for v in numbers)
            point, tolerance = 0.5 * (low + high), math.hypot(tolerance, (high - low) / math.sqrt(12.0))
        else:
            point = 0.0 if entry["relation"] == "holds" else on_scale(numbers[0], scale)
        found[entry["id"]] = Target(
            entry["id"],
            entry["estimator"],
            entry["reference"],
            entry["place"],
            entry["relation"],
            point,
            tolerance,
            float(entry["discrepancy"]),
            entry["reason"],
            entry["group"],
            bool(entry.get("fitted", True)),
            entry.get("transfer", ""),
            float(entry.get("probability", 0.9)),
            int(entry.get("pooled", 1)),
            numbers,
            scale,
            entry.get("section", ""),
        )
    return tuple(found.values())


def _free(path: Path, problems: list[str]) -> tuple[tuple[Free, ...], tuple[Mapping, ...]]:
    from greaterbay import parameters

    declared, table, found = parameters.table(), _read(path), []
    for number, entry in enumerate(table.get("parameter", []), 1):
        where = f"{path.name}: parameter {entry.get('id', number)!r}"
        faults = [f"unknown key {key!r}" for key in sorted(set(entry) - FREE_KEYS)]
        missing = [key for key in ("id", "low", "high", "scale", "reference", "reason", "label", "label_zh") if key not in entry]
        if missing:
            problems.append(f"{where}: {', '.join(missing)} missing")
            continue
        members = tuple(entry.get("members", ()))
        for name in members or (entry["id"],):
            if name not in declared:
                faults.append(f"{name!r} is no parameter of the model")
            elif not members and not declared[name].low <= entry["low"] < entry["high"] <= declared[name].high:
                faults.append(f"prior {entry['low']:g} to {entry['high']:g}; allowed {declared[name].low:g} to {declared[name].high:g}")
        if entry["scale"] not in ("linear", "log") or (entry["scale"] == "log" and entry["low"] <= 0):
            faults.append("scale is linear, or log with a low end above 0")
        faults += [f"unknown reference {r!r}" for r in references.split(entry["reference"]) if references.resolve(r) is None]
        problems += [f"{where}: {fault}" for fault in faults]
        found.append(
            Free(
                entry["id"],
                float(entry["low"]),
                float(entry["high"]),
                entry["scale"],
                entry["reference"],
                entry["reason"],
                entry["label"],
                entry["label_zh"],
                members,
            )
        )
    return tuple(found), tuple(table.get("ridge", []))
