"""One replicate: a Bay from its first quarter to its last, and what it recorded.

Imports the model only when a replicate is run, so that the runner's other modules stay light.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Result:
    """What one replicate leaves behind.

    ``arrays``: output id -> array of shape (quarters, ...), float32 or int32, dimensions as declared.
    ``coords``: dimension -> labels along it, equal for all replicates of a scenario; a name such as
    ``technology_kind`` gives further labels along ``technology``.
    ``timings``: seconds to start (with the warm-up), to play the quarters, and by phase with those of the
    warm-up; not part of the result proper.
    """

    arrays: Mapping[str, np.ndarray]
    coords: Mapping[str, Sequence[str]]
    timings: Mapping[str, float] = field(default_factory=dict)


def simulate(scenario, replicate: int, warm_folder: Path | None = None) -> Result:
    """Run replicate number ``replicate`` of ``scenario`` to the end.

    The numbers depend on the scenario's digest and the replicate number alone. ``warm_folder`` holds
    saved warm-ups; a warm-up found there and one computed afresh are the same.
    """
    import gc

    from greaterbay.bay import Bay

    begun = time.perf_counter()
    bay = Bay(scenario=scenario, replicate=replicate, warm_folder=warm_folder)
    made = time.perf_counter()
    while bay.running:
        bay.step()
    ended = time.perf_counter()
    timings = {"start": made - begun, "quarters": ended - made}
    timings |= {f"phase {number}": float(seconds) for number, seconds in bay.timings.items()}
    result = Result(bay.record.arrays(), bay.coords(), timings)
    # a model and its agents refer to each other: without this their arrays wait for a collection that comes late
    del bay
    gc.collect()
    return result
