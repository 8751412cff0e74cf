"""Looking up a reference such as ``figure:skl_guangzhou`` in the tables of the ``calibration`` folder.

Five schemes: ``figure`` (a quantity or an ordinal claim of a source), ``assumption`` (a value that no source
gives, with its range), ``paper``, ``document``, ``lever`` (a measure that a document proposes, L01 to H18).

Only headings are read to know the ids; the lines of one record are parsed when it is asked for. So a look-up
costs milliseconds however long the tables grow.
"""

from __future__ import annotations

import csv
import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from greaterbay.locations import PACKAGE, shipped_folder

SCHEMES = ("figure", "assumption", "paper", "document", "lever")

_HEADING = re.compile(r"^\[([A-Za-z0-9_.]+)\][ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Record:
    """One record of the evidence tables."""

    reference: str
    """Scheme and id, as in ``figure:skl_guangzhou``."""
    kind: str
    id: str
    data: Mapping
    """All keys; an assumption of a model parameter has the value and range declared there."""
    path: Path
    line: int
    """Line of the record's heading in the file."""

    @property
    def value(self):
        """Value of a figure or an assumption, otherwise ``None``."""
        return self.data.get("value")

    @property
    def low(self) -> float | None:
        """Lower end of an assumption's range."""
        return self.data.get("low")

    @property
    def high(self) -> float | None:
        """Upper end of an assumption's range."""
        return self.data.get("high")

    @property
    def unit(self) -> str | None:
        """Unit of the value."""
        return self.data.get("unit")

    def words(self, chinese: bool = False) -> str:
        """What the record says in one line."""
        names = ("gloss_zh", "title_zh") if chinese else ("gloss", "reason", "title")
        return next((self.data[name] for name in names if name in self.data), self.id)


@dataclass(frozen=True)
class _Place:
    path: Path
    line: int
    start: int
    end: int
    heading: str
    preamble: str


def resolve(reference: str) -> Record | None:
    """Record of ``scheme:id``, or ``None`` where scheme or id is unknown."""
    kind, _, name = reference.partition(":")
    if kind not in SCHEMES:
        return None
    place = _places(kind).get(name)
    return None if place is None else _record(kind, name)


def record(reference: str) -> Record:
    """Record of ``scheme:id``; a ``KeyError`` where there is none."""
    found = resolve(reference)
    if found is None:
        raise KeyError(f"unknown reference {reference!r}")
    return found


def all_ids(kind: str) -> tuple[str, ...]:
    """Ids of one scheme in the order of the tables; an unknown scheme is a ``ValueError``."""
    if kind not in SCHEMES:
        raise ValueError(f"unknown scheme {kind!r}; known are {', '.join(SCHEMES)}")
    return tuple(_places(kind))


def nearest(reference: str) -> str | None:
    """The known reference that looks most like ``reference``, or ``None``."""
    kind, colon, name = reference.partition(":")
    if not colon:
        kind, name = "", reference
    kinds = (kind,) if kind in SCHEMES else SCHEMES
    for candidates in (kinds, SCHEMES):
        found = get_close_matches(name, [i for k in candidates for i in _places(k)], 1, 0.6)
        if found:
            return next(f"{k}:{found[0]}" for k in candidates if found[0] in _places(k))
    return None


def split(references: str) -> tuple[str, ...]:
    """References of a table cell that holds several, divided by white space or semicolons."""
    return tuple(references.replace(";", " ").split())


def digest() -> str:
    """SHA-256 of all evidence tables, for the manifest of a result."""
    total = hashlib.sha256()
    for path in sorted({p for kind in SCHEMES for p in _files(kind)}):
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def _files(kind: str) -> list[Path]:
    folder = shipped_folder("calibration")
    if kind == "figure":
        return sorted((folder / "figures").glob("*.toml"))
    return [
        folder
        / {"assumption": "assumptions.toml", "lever": "levers_documents.toml"}.get(kind, "references.toml")
    ]


@cache
def _text(path: Path) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


@cache
def _places(kind: str) -> dict[str, _Place]:
    """Place of every record of a scheme; in ``references.toml`` headings carry it: ``[paper.key]``."""
    prefix = f"{kind}." if kind in ("paper", "document") else ""
    places: dict[str, _Place] = {}
    for path in _files(kind):
        text = _text(path)
        headings = list(_HEADING.finditer(text))
        preamble = text[: headings[0].start()] if headings else text
        line, counted = 1, 0
        for heading, following in zip(headings, [*headings[1:], None], strict=True):
            line, counted = line + text.count("\n", counted, heading.start()), heading.start()
            name = heading[1]
            if not name.startswith(prefix):
                continue
            name = name.removeprefix(prefix)
            if name in places:
                raise ValueError(
                    f"{path}:{line}: {kind} {name!r} stands twice, first at "
                    f"{places[name].path}:{places[name].line}"
                )
            places[name] = _Place(
                path,
                line,
                heading.start(),
                following.start() if following else len(text),
                heading[1],
                preamble,
            )
    return places


@cache
def _record(kind: str, name: str) -> Record:
    place = _places(kind)[name]
    data = tomllib.loads(_text(place.path)[place.start : place.end])
    for part in place.heading.split("."):
        data = data[part]
    data = {**tomllib.loads(place.preamble), **data}
    if kind == "assumption" and data.get("kind") == "parameter":
        row = _parameters().get(name, {})
        data |= {key: float(row[key]) for key in ("value", "low", "high") if key in row}
        data |= {key: row[key] for key in ("unit", "time_base") if key in row}
    return Record(f"{kind}:{name}", kind, name, data, place.path, place.line)


@cache
def _parameters() -> dict[str, dict[str, str]]:
    with open(PACKAGE / "parameters.csv", encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}
