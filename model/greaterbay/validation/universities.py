"""Ahrweiler, Pyka & Gilbert 2011: what universities add to firms, in paired runs.

Protocol. Two bays with the same seed: in one every city's universities grow by ``ADDED`` of the city's research money and people and by
half in number; in the placebo the same money and people are added to the city's firms. After ``QUARTERS`` quarters: competence (firms'
effective capability in the own field, partners' access included), variety (mean capability distance between firms), speed (share of
users of a probe technology after three years) and reach (share at the end), and offers (proposals that firms with an institute among
their partners receive in a quarter). Each is the difference of the logs, university run minus placebo. The levels that firms hold
themselves stand beside competence.
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.network import adjacency_of, nodes_of, own_levels
from greaterbay.exchange.partnering import look
from greaterbay.validation.worlds import play, read_table, region_like, released

ADDED, QUARTERS, SCALE = 0.1, 24, 0.02
PROBE = ("probes.wave.field='intelligent_robots'", "probes.wave.city='guangzhou'", "probes.wave.start=2021-01-01")
MEASURES = ("competence", "own_level", "variety", "speed", "reach", "offers")


def tables(kind: str) -> dict[str, list[dict]]:
    """Changed tables of the region: ``universities`` or ``placebo``."""
    from greaterbay.region.tables import region_folder

    folder = region_folder("gba")
    research = read_table(folder, "research")
    for row in research:
        share = {who: float(row[f"rd_{who}_share"]) for who in ("firm", "university", "institute")}
        share["university" if kind == "universities" else "firm"] += ADDED
        row["rd_firm_share"] = repr(share["firm"] / (1.0 + ADDED))
        row["rd_university_share"] = repr(share["university"] / (1.0 + ADDED))
        row["rd_institute_share"] = repr(1.0 - float(row["rd_firm_share"]) - float(row["rd_university_share"]))
        for name in ("rd", "rd_people"):
            row[name] = repr(float(row[name]) * (1.0 + ADDED))
    changed = {"research": research}
    if kind == "universities":
        institutes = read_table(folder, "institutes")
        more = [{**row, "id": f"{row['id']}_added", "count": str(max(1, int(row["count"]) // 2))}
                for row in institutes if row["tier"] == "university"]
        changed["institutes"] = institutes + more
    return changed


def played(seed: int, region) -> dict[str, float]:
    """Measures of one run."""
    offers = []

    def watch(bay, phase):
        if phase != 2 or (bay.quarter - bay.start) % 4 != 3:
            return
        nodes = nodes_of(bay.institutes, bay.firms, bay.region.relatedness_field)
        adjacency = adjacency_of(bay.ties, nodes.alive.size)
        target, _, _ = look(bay, nodes, adjacency)
        received = np.bincount(target[target >= 0], minlength=nodes.alive.size)
        count = bay.institutes.capacity
        linked = np.zeros(nodes.alive.size, bool)
        ties = bay.ties.alive_rows()
        mixed = ties[bay.ties.type[ties] == 1]
        linked[np.maximum(bay.ties.a[mixed], bay.ties.b[mixed])] = True
        linked[:count] = False
        weight = np.where(nodes.is_firm == 1, nodes.weight, 0.0)
        offers.append((received * weight)[linked].sum() / weight[linked].sum())

    bay = released(seed, scale=SCALE, years=QUARTERS / 4, region=region, overrides=PROBE)
    play(bay, QUARTERS, watch)
    rows = bay.firms.alive_rows()
    weight = bay.firms.weight[rows]
    arrays, slot = bay.record.arrays(), bay.technology_names.index("wave")
    cities = len(bay.region.city_ids)
    users, possible = (arrays[f"{name}_technology"][:, :cities, slot].sum(axis=1) for name in ("adopters", "potential"))
    share = users / np.maximum(possible, 1e-9)
    return {
        "competence": float((bay.firms.access[rows] * weight).sum() / weight.sum()),
        "own_level": float((own_levels(bay.firms, rows) * weight).sum() / weight.sum()), "variety": bay.capability_distance(rows),
        "speed": float(share[4 + 12 - 1]), "reach": float(share[QUARTERS - 1]), "offers": float(np.mean(offers)),
    }


def measure(seed: int) -> dict[str, float]:
    """Differences of logs between the run with universities and the placebo."""
    runs = {}
    for kind in ("universities", "placebo"):
        with region_like("gba", tables(kind)) as folder:
            runs[kind] = played(seed, folder)
    return {f"ahrweiler_{name}": float(np.log(runs["universities"][name] / runs["placebo"][name])) for name in MEASURES}
