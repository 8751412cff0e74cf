"""What somebody gave instead of the file that is wanted: the kind of a file by its first bytes, the nearest name, slips of the pen."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from greaterbay.scenario.problems import nearest

# first bytes of a file -> what it is; the signatures that the formats themselves prescribe
SIGNATURES = (
    (b"\x89HDF\r\n\x1a\n", "a result file (HDF5)"),
    (b"\x89PNG\r\n\x1a\n", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
)
FIRST_BYTES = 4096
_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")
_COMMA = re.compile(r"=\s*([-+]?\d+),(\d+)\s*$")
_DATE = re.compile(r"=\s*\d{1,4}(?:[/.-]\d{1,2}[/.-]|年\d{1,2}月)\d{1,4}日?\s*$")


def kind(start: bytes) -> str:
    """What a file with these first bytes is, in words; "" where they do not say."""
    if not start:
        return "an empty file"
    for signature, words in SIGNATURES:
        if start.startswith(signature):
            return words
    return ""


def kind_of(path: Path) -> str:
    """What ``path`` is: as ``kind``, or text where it decodes as such; "" where nothing tells."""
    with open(path, "rb") as file:
        start = file.read(FIRST_BYTES)
    if (found := kind(start)) or b"\0" in start:
        return found
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        return "text" if error.start > FIRST_BYTES - 4 else ""
    return "text"


def text_of(content: bytes, wanted: str) -> tuple[str, tuple[int, str, str] | None]:
    """The text of a file that should be ``wanted`` saved as UTF-8; or, with its line, what it is instead and what is allowed."""
    if content and (what := kind(content)):
        return "", (1, f"this is {what}", f"{wanted}, text saved as UTF-8")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return "", (line, f"not UTF-8: byte 0x{content[error.start]:02x} cannot be decoded", "text saved as UTF-8")
    if text.startswith("\ufeff"):
        return "", (1, "the file starts with a byte-order mark", "UTF-8 without one")
    return text, None


def near_file(path: Path, suffix: str) -> str:
    """``did you mean ...?`` with the file beside ``path`` whose name is nearest, or nothing."""
    try:
        beside = {one.stem: one for one in path.parent.glob(f"*{suffix}") if one.is_file()}
    except OSError:
        return ""
    found = nearest(path.name.strip().removesuffix(suffix), beside)
    return f'did you mean "{beside[found]}"?' if found else ""


def slip(line: str) -> str:
    """Why a line of TOML may not be read: full-width characters outside quotes, a decimal comma, another form of a date."""
    bare = _QUOTED.sub('""', line).partition("#")[0]
    for character in bare:
        plain = {"“": '"', "”": '"', "‘": "'", "’": "'", "、": ",", "≥": ">=", "≤": "<="}.get(
            character, unicodedata.normalize("NFKC", character)
        )
        if character > "\x7f" and plain.isascii():
            return f"{character!r} is a full-width character: write {plain!r}" if plain.strip() else "a wide space: write a plain one"
    if found := _COMMA.search(bare):
        return f"decimals take a point: {found[1]}.{found[2]}"
    if _DATE.search(bare):
        return "a date is written year-month-day, as in 2026-12-31, and must exist"
    return ""
