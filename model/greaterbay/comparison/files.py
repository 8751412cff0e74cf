"""A study as files for other programs: one CSV a table, one JSON with everything but the matrices."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from greaterbay.comparison.study import Study
from greaterbay.digits import as_text, cell, plain

TABLES = ("effects", "places", "prices", "targets", "spread", "synergy", "budget")


def as_dict(study: Study) -> dict:
    """Plain values; a number that is not known is None. Flow matrices stand in ``flows.csv``."""
    head = {
        "against": study.against,
        "policies": list(study.policies),
        "outcomes": list(study.outcomes),
        "horizons": list(study.horizons),
        "pairs": study.pairs,
        "draws": study.draws,
        "posterior": study.posterior or None,
        "mixed": list(study.mixed),
        "equal": list(study.equal),
        "notes": [english for english, _ in study.notes],
    }
    return plain(head | {name: [asdict(row) for row in getattr(study, name)] for name in TABLES})


def flow_rows(study: Study) -> list[dict]:
    """One row a pair of places with a flow in either run."""
    found = []
    for change in study.flows:
        for a, origin in enumerate(change.places):
            for b, target in enumerate(change.places):
                if change.reference[a, b] == 0.0 and change.mean[a, b] == 0.0:
                    continue
                bounds = (None, None) if change.low is None else (float(change.low[a, b]), float(change.high[a, b]))
                found.append(
                    {
                        "policy": change.policy,
                        "flow": change.flow,
                        "years": f"{change.first}-{change.last}",
                        "from": origin,
                        "to": target,
                        "reference": float(change.reference[a, b]),
                        "change": float(change.mean[a, b]),
                        "low90": bounds[0],
                        "high90": bounds[1],
                    }
                )
    return found


def write(study: Study, folder: Path) -> list[Path]:
    """Write all tables that have a row, and ``comparison.json``; each file appears when it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: Mapping[str, list[dict]] = {name: [asdict(row) for row in getattr(study, name)] for name in TABLES} | {"flows": flow_rows(study)}
    written = []
    for name, table in rows.items():
        path = folder / f"{name}.csv"
        if table:
            _replace(path, _csv(table, study.mixed))
            written.append(path)
        else:
            path.unlink(missing_ok=True)  # of an earlier comparison in this folder
    text = json.dumps(as_dict(study), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    _replace(folder / "comparison.json", text)
    return [*written, folder / "comparison.json"]


def _csv(table: Iterable[dict], mixed: tuple[str, ...]) -> str:
    table = [{key: "|".join(map(str, value)) if isinstance(value, (tuple, list)) else cell(value) for key, value in row.items()}
             for row in table]
    table = [{key: as_text(value) if isinstance(value, str) else value for key, value in row.items()} for row in table]
    if mixed:
        table = [row | {"mixed": "; ".join(mixed)} for row in table]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
