"""A small bay for tests of the model: scenarios, bytes of a record, and a way to spoil a bay and get it back.

All tests use one start, seed and scale, so that one warm-up (kept in memory by ``Bay``) serves a process.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager

from greaterbay.evidence.posteriors import CENTRAL

SMALL = ("run.scale=0.01", "run.start=2024-01-01", "run.end=2026-12-31", CENTRAL)
POLICY_START = 8  # quarters of a small run before 2026


def small_scenario(*overrides: str, base: str = "baseline"):
    """A library scenario from 2024 to 2026 at scale 0.01, with further overrides; later ones win."""
    from greaterbay import load_scenario

    settled = {text.split("=", 1)[0].strip(): text for text in (*SMALL, *overrides)}
    return load_scenario(base, overrides=list(settled.values()))


def lever(name: str, value: float, start: str = "2026-01-01") -> tuple[str, ...]:
    """Overrides that put a lever into force."""
    return (f"levers.{name}.value={value}", f"levers.{name}.start={start}",
            f'levers.{name}.reference=["assumption:information_platform_strength"]')


def record_bytes(bay) -> dict[str, bytes]:
    """Every recorded variable and coordinate as bytes."""
    found = {name: array.dtype.str.encode() + str(array.shape).encode() + array.tobytes()
             for name, array in bay.record.arrays().items()}
    found |= {f"coordinate {name}": "|".join(labels).encode() for name, labels in bay.coords().items()}
    return found


def digest(found: dict[str, bytes]) -> str:
    """One digest of what ``record_bytes`` gives."""
    total = hashlib.sha256()
    for name in sorted(found):
        total.update(name.encode() + b"\0" + found[name] + b"\0")
    return total.hexdigest()


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Names of what is not equal, byte for byte."""
    assert one.keys() == other.keys()
    return [name for name in one if one[name] != other[name]]


@contextmanager
def untouched(bay):
    """A copy of the bay that a test may spoil."""
    yield bay.copy()
