"""Made-up posteriors: folders as a calibration leaves them, with the parameters and draws that a test wants."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import greaterbay
from greaterbay.evidence import posteriors


def make(folder: Path, values: Mapping[str, Sequence[float]], numbers: int = greaterbay.NUMBERS) -> Path:
    """``values`` of each parameter by draw; rows follow the schedule of second seeds."""
    folder.mkdir(parents=True)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["draw", *values])
    for draw in posteriors.schedule(len(next(iter(values.values())))):
        writer.writerow([draw, *(column[draw] for column in values.values())])
    content = text.getvalue().encode()
    (folder / "draws.csv").write_bytes(content)
    manifest = {"numbers": numbers, "draws_sha256": hashlib.sha256(content).hexdigest(), "parameters": list(values)}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder
