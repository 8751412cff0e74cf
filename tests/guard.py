"""A guard for state: plays quarters call by call and says which members each call really read (by group) and wrote.

A write is found by comparing a fingerprint of every declared member before and after the call, so it does not matter how it was
written; a read is noted when a group is asked for on the bay.
"""

from __future__ import annotations

import pickle
import zlib
from collections import defaultdict

import numpy as np

from greaterbay import state, timeline

BOOKS = {"ledger": ("balance", "volume"), "budgets": ("room", "used", "wanted"), "places": ("slot", "start", "size", "used")}


def fingerprint(value) -> int:
    """Checksum of anything that a member may be."""
    if isinstance(value, np.ndarray):
        return zlib.crc32(np.ascontiguousarray(value).tobytes(), value.size)
    return zlib.crc32(pickle.dumps(value))


def members(bay) -> dict[str, int]:
    """Fingerprint of every declared member that is set, by ``group.name``."""
    found = {}
    for group, declared in state.table().items():
        holder = bay.__dict__[group]
        if group in state.TABLES:
            found |= {f"{group}.{name}": fingerprint(holder.arrays[name]) for name in declared}
        elif group in BOOKS:
            found |= {f"{group}.{name}": fingerprint(getattr(holder, name)) for name in declared}
        elif group == "tally":
            found["tally.all"] = fingerprint(holder.all)
        elif group == "record":
            found["record.all"] = holder.filled
        elif group == "values":
            plain = {name: value for name, value in vars(holder).items() if isinstance(value, (np.ndarray, int, float))}
            found["values.all"] = zlib.crc32(repr([(name, fingerprint(value)) for name, value in sorted(plain.items())]).encode())
        elif group == "instruments":
            parts = [holder.memory, holder.first, holder.holder, holder.city, holder.arrived, holder.penalty, holder.barred,
                     holder.sales_past, holder.notes, [(one.owed, one.budget_left, one.budget_year) for one in holder.all]]
            found["instruments.memory"] = fingerprint(parts)
        else:
            found |= {f"{group}.{name}": fingerprint(vars(holder)[name]) for name in declared if name in vars(holder)}
    return found


class Guard:
    """Plays quarters of bays and keeps what each call of the timeline read and wrote."""

    def __init__(self):
        self.reads: dict[str, set[str]] = defaultdict(set)
        self.writes: dict[str, set[str]] = defaultdict(set)
        self.last: dict[str, int] = {}

    def play(self, bay, quarters: int) -> None:
        """Step a bay with every call of the timeline watched."""
        asked: set[str] = set()
        kind, plain = type(bay), type(bay).__getattribute__

        def noting(self, name):
            if name in state.TITLES:
                asked.add(name)
            return plain(self, name)

        def watched(call, name):
            def play_one(bay):
                before = members(bay)
                asked.clear()
                kind.__getattribute__ = noting
                try:
                    call(bay)
                finally:
                    kind.__getattribute__ = plain
                self.reads[name] |= asked
                after = members(bay)
                self.writes[name] |= {member for member in after if after[member] != before.get(member)}
            return play_one

        calls = timeline.calls
        timeline.calls = lambda: [(phase, watched(function, entry.name)) for (phase, function), entry in
                                  zip(calls(), [entry for phase in timeline.PHASES for entry in phase.calls], strict=True)]
        try:
            for _ in range(quarters):
                bay.step()
        finally:
            timeline.calls = calls
