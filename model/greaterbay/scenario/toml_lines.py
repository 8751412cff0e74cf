"""Where each key of a TOML text stands.

The reader of the standard library gives values without their lines. ``line_of_key`` walks a text that was
already read without error and notes the line of every key, every table header and every item of a list.
A place is a tuple of names and, for items of lists and arrays of tables, numbers counted from 0:
``("levers", "talent_barrier", "cities", 1)``. ``()`` is line 1.
"""

from __future__ import annotations

Place = tuple[str | int, ...]

_BLANK = " \t"
_BLANK_AND_LINES = " \t\r\n"
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


class _Walk:
    """One pass over a valid TOML text; ``at`` is the position, ``lines`` what was found."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.line = 1
        self.lines: dict[Place, int] = {(): 1}
        self.sizes: dict[Place, int] = {}  # arrays of tables seen so far and their lengths

    def peek(self, count: int = 1) -> str:
        return self.text[self.at : self.at + count]

    def advance(self, count: int = 1) -> None:
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

    def skip(self, characters: str) -> None:
        """Skip blanks, and comments where line ends are skipped too."""
        while self.at < len(self.text):
            if self.peek() in characters:
                self.advance()
            elif self.peek() == "#" and "\n" in characters:
                self.skip_line()
            else:
                return

    def skip_line(self) -> None:
        end = self.text.find("\n", self.at)
        self.advance((len(self.text) if end < 0 else end) - self.at)

    def note(self, place: Place) -> None:
        self.lines.setdefault(place, self.line)

    def document(self) -> dict[Place, int]:
        prefix: Place = ()
        while True:
            self.skip(_BLANK_AND_LINES)
            if self.at >= len(self.text):
                return self.lines
            if self.peek() == "[":
                prefix = self.header()
            else:
                self.pair(prefix)

    def header(self) -> Place:
        many = self.peek(2) == "[["
        self.advance(2 if many else 1)
        names = self.key()
        self.advance(2 if many else 1)
        place: Place = ()
        for name in names[:-1]:
            place = self.inside(place + (name,))
            self.note(place)
        place += (names[-1],)
        self.note(place)
        if many:
            self.sizes[place] = self.sizes.get(place, 0) + 1
        place = self.inside(place)
        self.note(place)
        return place

    def inside(self, place: Place) -> Place:
        """The table that a name refers to: the last one where the name is an array of tables."""
        return place + (self.sizes[place] - 1,) if place in self.sizes else place

    def pair(self, prefix: Place) -> None:
        line = self.line
        names = self.key()
        for count in range(1, len(names) + 1):
            self.lines.setdefault(prefix + tuple(names[:count]), line)
        self.advance()  # the sign =
        self.skip(_BLANK)
        self.value(prefix + tuple(names))

    def key(self) -> list[str]:
        names = []
        while True:
            self.skip(_BLANK)
            if self.peek() in "\"'":
                names.append(self.string())
            else:
                start = self.at
                while self.peek() not in " \t.=]":
                    self.advance()
                names.append(self.text[start : self.at])
            self.skip(_BLANK)
            if self.peek() != ".":
                return names
            self.advance()

    def value(self, place: Place) -> None:
        first = self.peek()
        if first in "\"'":
            self.string()
        elif first == "[":
            self.advance()
            count = 0
            while True:
                self.skip(_BLANK_AND_LINES + ",")
                if self.peek() == "]":
                    self.advance()
                    return
                self.note(place + (count,))
                self.value(place + (count,))
                count += 1
        elif first == "{":
            self.advance()
            while True:
                self.skip(_BLANK_AND_LINES + ",")
                if self.peek() == "}":
                    self.advance()
                    return
                self.pair(place)
        else:
            while self.at < len(self.text) and self.peek() not in ",]}#\n":
                self.advance()

    def string(self) -> str:
        """Pass over a string of any of the four sorts and return it, escapes resolved for keys' sake."""
        quote = self.peek()
        if self.peek(3) == quote * 3:
            self.advance(3)
            while self.peek(3) != quote * 3:
                self.advance(2 if quote == '"' and self.peek() == "\\" else 1)
            self.advance(3)
            while self.peek() == quote:  # up to two quotes may stand before the closing three
                self.advance()
            return ""  # a string of several lines is never a key
        self.advance()
        found = []
        while self.peek() != quote:
            if quote == '"' and self.peek() == "\\":
                self.advance()
                letter = self.peek()
                if letter in "uU":
                    digits = 4 if letter == "u" else 8
                    found.append(chr(int(self.text[self.at + 1 : self.at + 1 + digits], 16)))
                    self.advance(digits)
                else:
                    found.append(_ESCAPES.get(letter, letter))
            else:
                found.append(self.peek())
            self.advance()
        self.advance()
        return "".join(found)


def line_of_key(text: str) -> dict[Place, int]:
    """Line, counted from 1, of every key, header and list item of ``text``, which must be valid TOML."""
    return _Walk(text).document()
