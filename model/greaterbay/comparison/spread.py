"""Diffusion: how much sooner technologies reach a share of firms, how far the periphery lags, how much use is gained.

Technologies are the probes that both runs launch on the same date, and all tracked technologies together. Times are years from
the launch (or the first quarter), and a share that is not reached counts as the time until the run ends, so that no pair is
left out; how many pairs reach it is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from greaterbay.comparison import values
from greaterbay.comparison.paired import effect_of
from greaterbay.comparison.pairs import Pairing
from greaterbay.runner import series
from greaterbay.runner.results import StoredRun

SHARES = (0.1, 0.5, 0.9)
TRACKED = "all tracked technologies"


@dataclass(frozen=True)
class Row:
    """One measure of one technology in a group of cities: reference, paired difference, its intervals.

    ``measure``: ``time_10``, ``time_50``, ``time_90`` (years), ``lag`` (years that the periphery needs longer than the core to
    10 %) or ``area`` (adoption share x years between the curves). ``reached`` counts pairs in which the policy's run reaches the share,
    ``reached_reference`` those of the reference.
    """

    policy: str
    technology: str
    measure: str
    group: str
    pairs: int
    reference: float
    mean: float
    error: float | None
    low50: float | None
    high50: float | None
    low90: float | None
    high90: float | None
    p: float | None
    reached: int | None
    reached_reference: int | None
    verdict: str


LAG_SHARE = 0.1
NOT_REACHED = "not reached"


def shares(run: StoredRun, rows: np.ndarray, technology: str, members: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Adoption share of a technology by group, (replicate, quarter); undefined before it is launched."""
    if technology == TRACKED:
        parts = [run.values(name)[rows] for name in ("adopters", "potential_adopters")]
    else:
        slot = run.labels("technology").index(technology)
        parts = [run.values(name, technology=[slot])[rows][..., 0] for name in ("adopters_technology", "potential_technology")]
    return {group: series.ratio(*(np.nansum(part[:, :, where], axis=2) for part in parts)) for group, where in members.items()}


def times(share: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Years until a share first reaches ``level``, (replicate,), and whether it does.

    ``share`` (replicate, quarter) starts at the launch. Within a quarter the path is a straight line. Not reached: years
    until the end.
    """
    quarters = share.shape[1]
    path = np.nan_to_num(share)
    hit = path >= level
    reached = np.any(hit, axis=1)
    first = hit.argmax(axis=1)
    row = np.arange(len(path))
    after = path[row, first]
    before = np.where(first > 0, path[row, np.maximum(first - 1, 0)], 0.0)
    part = np.divide(level - before, after - before, out=np.ones(len(path)), where=after > before)
    return np.where(reached, (first + part) / 4.0, quarters / 4.0), reached


def technologies(pairing: Pairing, run: StoredRun) -> dict[str, int]:
    """Technologies that both runs follow, with the position of the first quarter."""
    found = {}
    quarters = list(run.quarters)
    for name in pairing.reference.probes:
        if run.probes.get(name) == pairing.reference.probes[name] and all(
            name in one.labels("technology") for one in (run, pairing.reference)
        ):
            start = pairing.reference.probes[name].get("start")
            launch = int(start[:4]) * 4 + (int(start[5:7]) - 1) // 3 if start else quarters[0]
            if launch in quarters:
                found[name] = quarters.index(launch)
    return found | {TRACKED: 0}


def rows(pairing: Pairing, run: StoredRun, policy: str) -> list[Row]:
    """All measures of all technologies that both runs follow; none where the files hold too little or other quarters."""
    reference = pairing.reference
    needed = ("adopters", "potential_adopters", "adopters_technology", "potential_technology")
    if not all(one.has(name) for name in needed for one in (run, reference)) or not np.array_equal(run.quarters, reference.quarters):
        return []
    members = {group: where for group, where in values.groups(reference).items() if not group.startswith("jurisdiction:")}
    found = []
    for technology, start in technologies(pairing, run).items():
        paths = [shares(one, pairing.rows(one), technology, members) for one in (run, reference)]
        paths = [{group: path[:, start:] for group, path in one.items()} for one in paths]
        for group in members:
            ours, theirs = (one[group] for one in paths)
            # the basket of tracked technologies is renewed all the time: it has no launch to count from
            for level in SHARES if technology != TRACKED else ():
                (a, hit), (b, hit_reference) = times(ours, level), times(theirs, level)
                found.append(_row(pairing, policy, technology, f"time_{level * 100:.0f}", group, a, b, hit, hit_reference))
            area = (np.nan_to_num(ours).sum(axis=1) / 4.0, np.nan_to_num(theirs).sum(axis=1) / 4.0)
            found.append(_row(pairing, policy, technology, "area", group, *area))
        if technology != TRACKED and all(role in members for role in values.ROLES):
            core, periphery = ([times(one[role], LAG_SHARE) for one in paths] for role in values.ROLES)
            lags = [behind[0] - ahead[0] for ahead, behind in zip(core, periphery, strict=True)]
            both = [ahead[1] & behind[1] for ahead, behind in zip(core, periphery, strict=True)]
            found.append(_row(pairing, policy, technology, "lag", "periphery", *lags, *both))
    return found


def _row(
    pairing: Pairing,
    policy: str,
    technology: str,
    measure: str,
    group: str,
    ours: np.ndarray,
    theirs: np.ndarray,
    hit: np.ndarray | None = None,
    hit_reference: np.ndarray | None = None,
) -> Row:
    one = effect_of(ours, theirs, pairing.draw)
    assert one is not None  # times and areas are defined in every pair
    counts = (None, None) if hit is None or hit_reference is None else (int(hit.sum()), int(hit_reference.sum()))
    verdict = one.verdict if counts[0] is None or counts[0] + counts[1] else NOT_REACHED
    return Row(
        policy,
        technology,
        measure,
        group,
        one.pairs,
        one.reference,
        one.mean,
        one.error,
        one.low50,
        one.high50,
        one.low90,
        one.high90,
        one.p,
        *counts,
        verdict,
    )
