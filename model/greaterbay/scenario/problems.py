"""Problems of a scenario: where, what was found, what is allowed, the nearest valid name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from difflib import get_close_matches

# C0 and C1 controls, line separators, marks and overrides of the direction of writing, lone surrogates
STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """A text with steering characters written out, as a message may show it."""
    return STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


@dataclass(frozen=True, order=True)
class Problem:
    """One wrong thing in one place.

    ``path`` is the file as it is shown to the user, or ``--set``; ``line`` counts from 1 and is 0 where
    there are no lines (an option of the command line).
    """

    path: str
    line: int
    what: str
    allowed: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        parts = [self.what]
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if self.hint:
            parts.append(self.hint)
        return printable(f"{place}: " + "; ".join(parts))

    def to_dict(self) -> dict[str, str | int]:
        """The problem as plain values, with the printed message."""
        return asdict(self) | {"message": str(self)}


class ScenarioError(ValueError):
    """A scenario cannot be used; ``problems`` holds all that is wrong with it, and ``str`` lists them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self):
        return type(self), (self.problems,)


def did_you_mean(found: object, names: Iterable[str]) -> str:
    """``did you mean "name"?`` with the valid name nearest to ``found``, or nothing where none is near."""
    near = nearest(found, names)
    return f'did you mean "{near}"?' if near else ""


def nearest(found: object, names: Iterable[str]) -> str:
    """The valid name nearest to ``found``, or nothing where none is near."""
    plain = {_folded(name): name for name in names}
    near = get_close_matches(_folded(str(found)), list(plain), n=1, cutoff=0.6)
    return plain[near[0]] if near else ""


def _folded(name: str) -> str:
    """A name without what a hurried hand changes: capitals, full-width letters, spaces and hyphens for underscores."""
    return re.sub(r"[\s-]+", "_", unicodedata.normalize("NFKC", name).strip().casefold())
