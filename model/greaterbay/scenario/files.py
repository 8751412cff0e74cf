"""Scenario files: found by path or id, and read with the line of every key."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from greaterbay.scenario import kinds
from greaterbay.scenario.problems import Problem, did_you_mean
from greaterbay.scenario.toml_lines import line_of_key

Place = tuple[str | int, ...]

ID = re.compile(r"[a-z][a-z0-9_]*")
_ID_LINE = re.compile(r"""^\s*id\s*=\s*["']([^"']*)["']""")
_AT_LINE = re.compile(r" \(at line (\d+), column (\d+)\)$")
COMMAND_LINE = "--set"
MOST_NAMED = 5  # files of a folder that a message names


@dataclass(frozen=True)
class Source:
    """A file that was read, or the ``--set`` options taken together."""

    shown: str
    folder: Path
    data: dict[str, Any]
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """Line of a key or of the nearest thing around it; 0 where there are no lines."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 0)

    def problem(self, place: Place, what: str, allowed: str = "", hint: str = "") -> Problem:
        """A problem with what stands at ``place``, which the message names."""
        name = dotted(place)
        return Problem(self.shown, self.line(place), f"{name}: {what}" if name else what, allowed, hint)


@dataclass(frozen=True)
class Setting:
    """One key with its value and the file that gave it."""

    place: tuple[str, ...]
    value: Any
    source: Source = field(repr=False)

    @property
    def origin(self) -> str:
        """``file:line``, or ``--set``."""
        line = self.source.line(self.place)
        return f"{self.source.shown}:{line}" if line else self.source.shown


def dotted(place: Place) -> str:
    """``levers.talent_barrier.cities[1]``: items of lists are counted from 1, as people do."""
    name = ""
    for part in place:
        if isinstance(part, int):
            name += f"[{part + 1}]"
        else:
            name += f".{part}" if name else part
    return name


def shown_path(path: Path) -> str:
    """The path as messages show it: relative where it lies below the current folder."""
    absolute = Path(os.path.normpath(Path.cwd() / path))
    try:
        return absolute.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return absolute.as_posix()


# ---- finding -------------------------------------------------------------------------------------------


def library_folder() -> Path:
    """The folder of the shipped scenarios."""
    from greaterbay.locations import shipped_folder

    return Path(shipped_folder("scenarios"))


def ids_in(folder: Path) -> list[str]:
    """Ids of the scenario files that lie directly in ``folder``."""
    return sorted(found for path in folder.glob("*.toml") if (found := id_of(path)))


def id_of(path: Path) -> str | None:
    """The id that a file gives itself before its first table, without reading the rest of it."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.lstrip().startswith("["):
                    return None
                if match := _ID_LINE.match(line):
                    return match[1]
    except OSError:
        pass
    return None


def find_id(name: str, folder: Path) -> Path | None:
    """The file in ``folder`` whose id is ``name``: the one called after it, else any one."""
    expected = folder / f"{name}.toml"
    if id_of(expected) == name:
        return expected
    return next((path for path in sorted(folder.glob("*.toml")) if id_of(path) == name), None)


def find_scenario(path_or_id: str | os.PathLike[str]) -> tuple[Path | None, list[Problem]]:
    """The file that a path or the id of a library scenario stands for."""
    if isinstance(path_or_id, os.PathLike):
        return Path(path_or_id), []
    looks_like_path = Path(path_or_id.strip()).suffix != "" or "/" in path_or_id or os.sep in path_or_id
    if looks_like_path or not path_or_id.isprintable():
        return Path(path_or_id), []
    found = find_id(path_or_id, library_folder()) if ID.fullmatch(path_or_id) else None
    if found is None and not Path(path_or_id).exists():
        known = ids_in(library_folder())
        return None, [
            Problem(
                path_or_id,
                0,
                "neither a file nor the id of a library scenario",
                ", ".join(known),
                did_you_mean(path_or_id, known),
            )
        ]
    return found or Path(path_or_id), []


# ---- reading -------------------------------------------------------------------------------------------


MOST_LEVELS = 16  # tables and lists inside each other; no key of a scenario lies deeper than five
MOST_BITS = 14_000  # of an integer: more digits than Python prints


def beyond_reason(data: dict) -> tuple[str, str] | None:
    """What of a file's content no scenario can hold (and no message could print): found, and what is allowed."""
    level: list = [data]
    for _depth in range(MOST_LEVELS):
        level = [inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)]
        if any(isinstance(one, int) and one.bit_length() > MOST_BITS for one in level):
            return "an integer of over 4,200 digits", "numbers that a computer can hold"
        level = [one for one in level if isinstance(one, (dict, list))]
    return (f"tables or lists inside each other, more than {MOST_LEVELS} deep", "the keys of scenarios/README.md") if level else None


def read(path: Path) -> tuple[Source | None, list[Problem]]:
    """Read one file; what keeps it from being read is its only problem."""
    shown = shown_path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        hint = kinds.near_file(path, ".toml")
        if path.stem in ids_in(library_folder()):
            hint = f'the scenario of the library is called by its id alone: "{path.stem}"'
        return None, [Problem(shown, 1, "no such file", "", hint)]
    except IsADirectoryError:
        inside = sorted(one.name for end in ("toml", "nc") for one in path.glob(f"*.{end}"))
        hint = f"it holds {', '.join(inside[:MOST_NAMED])}{', ...' if len(inside) > MOST_NAMED else ''}" if inside else ""
        return None, [Problem(shown, 1, "this is a folder", "a scenario file (TOML)", hint)]
    except (OSError, ValueError) as error:
        return None, [Problem(shown, 1, f"cannot be read: {getattr(error, 'strerror', None) or error}")]
    text, wrong = kinds.text_of(content, "a scenario file (TOML)")
    if wrong:
        return None, [Problem(shown, *wrong)]
    try:
        data = tomllib.loads(text)
    except RecursionError:
        return None, [Problem(shown, 1, "not TOML that can be read: lists or tables are nested too deeply")]
    except ValueError as error:  # TOMLDecodeError, and what int() says of endless digits
        message, line = str(error), 1
        if match := _AT_LINE.search(message):
            message, line = f"{message[: match.start()]} (column {match[2]})", int(match[1])
        elif message.endswith(" (at end of document)"):
            line = text.rstrip("\n").count("\n") + 1
        rows = text.split("\n")
        hint = kinds.slip(rows[line - 1].rstrip("\r"))
        return None, [Problem(shown, line, f"not TOML: {message[:1].lower()}{message[1:]}", "", hint)]
    if not data:
        return None, [Problem(shown, 1, "the file is empty", "a scenario with schema, id and title")]
    excess = beyond_reason(data)
    if excess:
        return None, [Problem(shown, 1, *excess)]
    return Source(shown, path.parent, data, line_of_key(text)), []


def read_overrides(overrides: tuple[str, ...]) -> tuple[list[Source], list[Problem]]:
    """Read ``KEY=VALUE`` texts of ``--set``; each becomes a source of its own, without lines."""
    sources, problems = [], []
    for text in overrides:
        key, sign, value = text.partition("=")
        if not sign or "\n" in text:
            problems.append(
                Problem(
                    COMMAND_LINE,
                    0,
                    f"{text!r} is not KEY=VALUE",
                    "such as levers.shared_facilities.value=0.3",
                )
            )
            continue
        try:
            data = tomllib.loads(text)
        except (ValueError, RecursionError):
            quoted = f'text stands in quotes: {key.strip()}="{value.strip()}"' if value.strip() else ""
            hint = kinds.slip(text) or quoted
            problems.append(
                Problem(COMMAND_LINE, 0, f"{text!r} is not TOML", "KEY=VALUE with a TOML value", hint)
            )
            continue
        excess = beyond_reason(data)
        if excess:
            problems.append(Problem(COMMAND_LINE, 0, *excess))
            continue
        sources.append(Source(COMMAND_LINE, Path.cwd(), data, {}))
    return sources, problems
