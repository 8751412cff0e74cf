"""What a scenario file may say, and what it says once it is resolved.

The first part declares the keys of a file; the rest are the frozen values that a resolved scenario holds.
Dates stand in files only: a resolved scenario counts in quarters (see ``greaterbay.clock``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from greaterbay import clock
from greaterbay.scenario.problems import Problem

if TYPE_CHECKING:
    from greaterbay.evidence.posteriors import Posterior

SCHEMA = 1
MOST_PARENTS = 3
MOST_REPLICATES = 100_000
SEED_LIMIT = 2**63
SIGNS = {"+": 1, "-": -1, "0": 0}
ACTOR_KINDS = ("startup", "small", "leader", "institute")
EXITS = ("cliff", "ramp")
# where the money of levers comes from: on top of other programmes, or taken from the same payer's other programmes
FINANCING = ("additional", "reallocated")
# what a run cuts apart from its first reported quarter on
CUTS = ("none", "jurisdictions")
# Dates further off than this are slips of the pen, and the calendar ends somewhere.
FIRST_YEAR, LAST_YEAR = 1950, 2149
LONGEST_TRIP_MINUTES = 24 * 60

# The sorts of value that a key may have, as they are called in messages.
TEXT = "text in quotes"
INTEGER = "an integer"
NUMBER = "a number"
DATE = "a date such as 2026-01-01, without quotes"
TEXTS = "a list of texts"
TABLE = "a table"
TABLES = "a list of tables, each headed [[events]]"
ROWS = "a list of rows [city, city, minutes]"

TOP_KEYS = {
    "schema": INTEGER,
    "id": TEXT,
    "title": TEXT,
    "title_zh": TEXT,
    "extends": TEXT,
    "mixins": TEXTS,
    "financing": TEXT,
    "budget": TEXT,
    "run": TABLE,
    "levers": TABLE,
    "probes": TABLE,
    "events": TABLES,
    "parameters": TABLE,
    "mechanisms": TABLE,
    "expects": TABLE,
    "sweep": TABLE,
}
RUN_KEYS = {
    "region": TEXT,
    "start": DATE,
    "end": DATE,
    "scale": NUMBER,
    "replicates": INTEGER,
    "seed": INTEGER,
    "cut": TEXT,
    "posterior": TEXT,
}
LEVER_KEYS = {
    "value": NUMBER,
    "start": DATE,
    "ramp": TEXT,
    "end": DATE,
    "exit": TEXT,
    "cities": TEXTS,
    "fields": TEXTS,
    "kinds": TEXTS,
    "payer": TEXT,
    "reference": TEXTS,
    "terms": TABLE,
}
PROBE_KEYS = {"field": TEXT, "city": TEXT, "start": DATE, "title": TEXT, "title_zh": TEXT}
EVENT_KEYS = {"date": DATE, "travel_minutes": ROWS}

REQUIRED_TOP = ("schema", "id", "title")
REQUIRED_PROBE = ("field", "city", "start")
REQUIRED_EVENT = ("date", "travel_minutes")
# These name a file or say how it is put together: they are not inherited.
OWN_KEYS = ("schema", "id", "title", "title_zh", "extends", "mixins", "expects", "sweep")
TARGETS = ("cities", "fields", "kinds")

RUN_DEFAULTS: dict[str, Any] = {
    "region": "gba",
    "start": date(2020, 1, 1),
    "end": date(2035, 12, 31),
    "scale": 0.05,
    "replicates": 16,
    "seed": 20200101,
    "cut": "none",
    "posterior": "none",
}


@dataclass(frozen=True)
class RunSettings:
    """What is simulated: ``start`` and ``end`` are the first and the last quarter, both played.

    ``cut`` says what is cut apart from the first reported quarter (``none`` or ``jurisdictions``).
    ``posterior`` names the draws of the parameters (see ``greaterbay.evidence.posteriors``); "none": central values.
    """

    region: str
    start: int
    end: int
    scale: float
    replicates: int
    seed: int
    cut: str = "none"
    posterior: str = "none"

    @property
    def quarters(self) -> int:
        """Number of quarters of the run."""
        return self.end - self.start + 1


@dataclass(frozen=True)
class LeverSetting:
    """A policy lever as a scenario sets it.

    ``value`` has the unit of the catalogue. ``start`` is the quarter in which the lever begins to act (None:
    from the first quarter of the run), ``ramp`` the number of quarters until it has its full value, ``end``
    the last quarter before the exit (None: it stays). ``cities``, ``fields`` and ``kinds`` name whom it
    reaches; None is everyone. ``payer`` is a level (city, jurisdiction, nation) or a jurisdiction that pays for its
    cities; None pays as the catalogue says. ``terms`` are those of a preset that the scenario changes; the sunset of its
    terms is in ``end`` already.
    """

    id: str
    value: float
    start: int | None = None
    ramp: int = 0
    end: int | None = None
    exit: Literal["cliff", "ramp"] = "cliff"
    cities: tuple[str, ...] | None = None
    fields: tuple[str, ...] | None = None
    kinds: tuple[str, ...] | None = None
    payer: str | None = None
    reference: tuple[str, ...] = ()
    terms: tuple[tuple[str, float], ...] = ()

    def strength(self, quarter: int) -> float:
        """Share of the way from the neutral to the full value in ``quarter``, between 0 and 1.

        0 at ``start`` and before it where there is a ramp, 1 from ``start + ramp`` until ``end``; an exit
        ramp then falls to 0 over as many quarters from what was reached, a cliff is 0 at once.
        """
        if self.end is not None and quarter > self.end:
            if self.exit == "cliff" or self.ramp == 0:
                return 0.0
            left = max(0.0, 1.0 - (quarter - self.end) / self.ramp)
            return self._risen(self.end) * left
        return self._risen(quarter)

    def _risen(self, quarter: int) -> float:
        if self.start is None:
            return 1.0
        if quarter < self.start:
            return 0.0
        if self.ramp == 0:
            return 1.0
        return min(1.0, (quarter - self.start) / self.ramp)


@dataclass(frozen=True)
class Probe:
    """A technology launched in one city to watch it spread."""

    id: str
    field: str
    city: str
    quarter: int
    title: str = ""
    title_zh: str = ""


@dataclass(frozen=True)
class Event:
    """A dated change of the world. ``rows`` of kind ``travel_minutes`` are (city, city, minutes)."""

    quarter: int
    kind: Literal["travel_minutes"]
    rows: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True)
class Scenario:
    """A resolved scenario: every value that a run needs, and where it came from.

    ``chain`` lists the files it was made of, the first ones weakest. ``levers`` holds those that some file
    names, in the order of the catalogue; ``probes`` are in the order of their ids, ``events`` in time.
    ``financing`` says whether money for levers is additional or reallocated. ``budget`` (``same_as:<scenario>``) asks
    ``greaterbay compare`` to scale the costly levers until they spend as much as another scenario. ``expects`` holds the
    signs of effects against the baseline that were written down before the first run. ``warnings`` are no problems, but
    things a user should know before running.
    ``mechanisms`` holds those that are not in their built-in form: ``"off"``, or a form of one's own, which only a program gives.
    ``origins`` gives, for a dotted key such as ``levers.talent_barrier.value``, ``file:line``, ``--set``,
    ``catalogue`` or ``default``.
    """

    id: str
    title: str
    title_zh: str
    path: str
    chain: tuple[str, ...]
    run: RunSettings
    levers: dict[str, LeverSetting] = field(default_factory=dict)
    probes: dict[str, Probe] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    parameters: dict[str, float] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    financing: str = "additional"
    budget: str = ""
    expects: dict[str, int] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    mechanisms: dict[str, Any] = field(default_factory=dict)

    def reaching_model(self) -> dict[str, Any]:
        """Everything that changes the numbers of a run, as plain values with a fixed order.

        Names, titles, references, the number of replicates and paths stay out. A region that is a folder
        counts by the content of its tables. Values are written so that 1 and 1.0 are the same.
        """
        levers = {}
        for setting in sorted(self.levers.values(), key=lambda setting: setting.id):
            levers[setting.id] = {
                "value": float(setting.value),
                "start": _label(setting.start),
                "ramp": setting.ramp,
                "end": _label(setting.end),
                "exit": setting.exit,
                "payer": setting.payer,
            } | ({"terms": {key: float(value) for key, value in sorted(setting.terms)}} if setting.terms else {}) | {
                target: None if getattr(setting, target) is None else sorted(getattr(setting, target))
                for target in TARGETS
            }
        return {
            "region": _region_identity(self.run.region),
            "start": _label(self.run.start),
            "end": _label(self.run.end),
            "scale": float(self.run.scale),
            "seed": self.run.seed,
            "financing": self.financing,
            "levers": levers,
            "probes": {
                probe.id: {"field": probe.field, "city": probe.city, "start": _label(probe.quarter)}
                for probe in self.probes.values()
            },
            "events": [
                {
                    "quarter": _label(event.quarter),
                    "kind": event.kind,
                    "rows": [list(row) for row in event.rows],
                }
                for event in self.events
            ],
            "parameters": {name: float(value) for name, value in sorted(self.parameters.items())},
        } | ({"mechanisms": self.forms()} if self.mechanisms else {}) | ({} if self.run.cut == "none" else {"cut": self.run.cut}) | (
            {} if (drawn := self.posterior()) is None else {"posterior": drawn.digest})

    def forms(self) -> dict[str, str]:
        """Mechanisms that are not in their built-in form, as text: ``off``, or the name and digest of a form of one's own."""
        return {name: str(form) for name, form in sorted(self.mechanisms.items())}

    def posterior(self) -> Posterior | None:
        """The draws of the parameters that the replicates use, or None with central values."""
        from greaterbay.evidence import posteriors

        return None if self.run.posterior == posteriors.NONE else posteriors.load(self.run.posterior)

    def draw(self, replicate: int) -> int:
        """Number of the draw behind a replicate, -1 with central values."""
        drawn = self.posterior()
        return -1 if drawn is None else drawn.draw(replicate)

    def parameters_of(self, replicate: int) -> dict[str, float]:
        """Parameters of a replicate that differ from the table: those of its draw, and over them what a file sets."""
        drawn = self.posterior()
        return dict(self.parameters) if drawn is None else drawn.values(replicate) | self.parameters

    def to_dict(self) -> dict[str, Any]:
        """The whole scenario as plain values, for JSON and for the manifest of a result."""
        levers = {}
        for setting in self.levers.values():
            levers[setting.id] = {
                "value": setting.value,
                "start": _day(setting.start, clock.first_day),
                "ramp_quarters": setting.ramp,
                "end": _day(setting.end, clock.last_day),
                "exit": setting.exit,
                "payer": setting.payer,
                **({"terms": dict(setting.terms)} if setting.terms else {}),
            } | {target: _listed(getattr(setting, target)) for target in (*TARGETS, "reference")}
        return {
            "schema": SCHEMA,
            "id": self.id,
            "title": self.title,
            "title_zh": self.title_zh,
            "chain": list(self.chain),
            "financing": self.financing,
            "budget": self.budget,
            "expects": dict(self.expects),
            "run": {
                "region": self.run.region,
                "start": _day(self.run.start, clock.first_day),
                "end": _day(self.run.end, clock.last_day),
                "scale": self.run.scale,
                "replicates": self.run.replicates,
                "seed": self.run.seed,
                "cut": self.run.cut,
                "posterior": self.run.posterior,
            },
            "levers": levers,
            "probes": {
                probe.id: {
                    "field": probe.field,
                    "city": probe.city,
                    "start": _day(probe.quarter, clock.first_day),
                    "title": probe.title,
                    "title_zh": probe.title_zh,
                }
                for probe in self.probes.values()
            },
            "events": [
                {"quarter": _label(event.quarter), event.kind: [list(row) for row in event.rows]}
                for event in self.events
            ],
            "parameters": dict(self.parameters),
            "mechanisms": self.forms(),
            "origins": dict(self.origins),
        }


def _label(quarter: int | None) -> str | None:
    return None if quarter is None else clock.label(quarter)


def _day(quarter: int | None, day_of) -> str | None:
    return None if quarter is None else day_of(quarter).isoformat()


def _listed(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)


def _region_identity(region: str) -> str:
    """The name of a built-in region, or a digest of the tables of a region folder."""
    from hashlib import sha256
    from pathlib import Path

    folder = Path(region)
    if not folder.is_absolute():
        return region
    digest = sha256()
    for table in sorted(folder.glob("*.csv")):
        content = table.read_bytes()
        digest.update(f"{table.name} {len(content)}\n".encode())
        digest.update(content)
    return f"tables {digest.hexdigest()}"
