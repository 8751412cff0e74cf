"""What reads each figure, what rests on no figure at all, and the proof of fingerprints against the documents."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from greaterbay.evidence import references
from greaterbay.locations import PACKAGE, shipped_folder

REFERENCE = re.compile(r"\b(?:figure|assumption|paper|document|lever):[A-Za-z0-9_.]+")
SIGNS = {"=": "", "~": "about ", ">": "more than ", ">=": "at least ", "<": "less than ", "<=": "at most ", "between": ""}


def readers() -> dict[str, list[str]]:
    """Reference -> what cites it: parameters, levers, region columns, scenarios, targets, priors."""
    found: dict[str, list[str]] = {}

    def note(text: str, who: str) -> None:
        for reference in dict.fromkeys(REFERENCE.findall(text)):
            kept = found.setdefault(reference.rstrip("."), [])
            if who not in kept:
                kept.append(who)

    for parameter in _parameters():
        note(parameter["reference"], f"parameter {parameter['id']}")
    for path in sorted((PACKAGE / "policy").rglob("*.toml")) + sorted((PACKAGE / "policy").rglob("*.csv")):
        who = "levers"
        for line in _text(path).splitlines():
            if heading := re.match(r"\[+([a-z_0-9.]+)\]+$|id\s*=\s*\"([^\"]+)\"", line.strip()):
                who = f"lever {heading[1] or heading[2]}"
            note(line, who)
    for path in sorted((PACKAGE / "region").glob("*/sources.csv")):
        for line in _text(path).splitlines()[1:]:
            cells = line.split(",")
            note(line, f"region {path.parent.name}: {'.'.join(cells[:2])}")
    scenarios = shipped_folder("scenarios")
    for path in [*sorted(scenarios.glob("*.toml")), *sorted((scenarios / "mixins").glob("*.toml"))]:
        note(_text(path), f"scenario {path.stem}")
    for name, sort in (("targets.toml", "target"), ("priors.toml", "prior")):
        who = sort
        path = shipped_folder("calibration") / name
        for line in _text(path).splitlines() if path.is_file() else ():
            if heading := re.match(r'id = "([^"]+)"', line):
                who = f"{sort} {heading[1]}"
            if line.startswith("reference"):
                note(line, who)
    for path in sorted((shipped_folder("calibration")).glob("derived.toml")):
        for block in re.split(r"(?m)^(?=\[)", _text(path)):
            if heading := re.match(r"\[([^\]]+)\]", block):
                note(block, f"derived {heading[1]}")
    return found


def card(name: str, read: Mapping[str, list[str]]) -> dict:
    """One figure as plain values."""
    data = references.resolve(f"figure:{name}").data
    return {"id": name, **data, "says": said(data), "read_by": read.get(f"figure:{name}", [])}


def said(data: Mapping) -> str:
    """Value, relation and unit in one phrase."""
    value = data["value"]
    if data["relation"] == "between":
        text = " to ".join(str(v) for v in value)
    else:
        text = ", ".join(str(v) for v in value) if isinstance(value, list) else str(value)
    unit = "" if data["unit"] in ("ordinal", "sign", "date", "event", "rule", "direction") else f" {data['unit']}"
    return f"{SIGNS.get(data['relation'], '')}{text}{unit}"


def orphans() -> list[dict]:
    """Parameters and levers that rest on assumptions alone: no figure, paper or proposed measure stands behind them."""
    from greaterbay.policy import catalogue

    rows = []
    for parameter in _parameters():
        given = references.split(parameter["reference"])
        if not any(r.split(":")[0] in ("figure", "paper", "lever") for r in given):
            rows.append(
                {
                    "sort": "parameter",
                    "id": parameter["id"],
                    "reference": " ".join(given),
                    "label": parameter["label"],
                    "label_zh": parameter["label_zh"],
                }
            )
    for lever in catalogue.levers().values():
        if not any(r.split(":")[0] in ("figure", "paper", "lever") for r in lever.reference) and not lever.documents:
            rows.append(
                {"sort": "lever", "id": lever.id, "reference": " ".join(lever.reference), "label": lever.name, "label_zh": lever.name_zh}
            )
    return rows


def verify(folder: Path) -> tuple[int, list[str]]:
    """Number of fingerprints that agree with the documents in ``folder``, and a line for each that does not."""
    texts, problems, checked = {}, [], 0
    for name in references.all_ids("document"):
        data = references.resolve(f"document:{name}").data
        if "sha256_characters" not in data:
            continue
        try:
            with open(folder / data["file"], encoding="utf-8", newline="") as file:
                text = "".join(character for character in file.read() if not character.isspace())
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"document {name}: {folder / data['file']} cannot be read ({error})")
            continue
        if hashlib.sha256(text.encode()).hexdigest() != data["sha256_characters"]:
            problems.append(
                f"document {name}: {folder / data['file']} holds another text (found {len(text)} characters, known {data['characters']})"
            )
        texts[name] = text
    for name in references.all_ids("figure"):
        data = references.resolve(f"figure:{name}").data
        mark, text = data.get("fingerprint"), texts.get(data["document"])
        if mark is None or text is None:
            continue
        passage = text[mark["offset"] : mark["offset"] + mark["length"]]
        if hashlib.sha256(passage.encode()).hexdigest() == mark["sha256"]:
            checked += 1
        else:
            problems.append(
                f"figure {name}: characters {mark['offset']} to {mark['offset'] + mark['length']} of {data['document']} are others"
            )
    return checked, problems


def _parameters() -> list[dict[str, str]]:
    import csv

    with open(PACKAGE / "parameters.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _text(path: Path) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()
