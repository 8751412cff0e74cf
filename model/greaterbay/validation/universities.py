"""Ahrweiler, Pyka & Gilbert 2011: what universities add to firms, in paired runs.

Protocol. Two bays with the same seed: the region as it is, and the placebo, a region without universities' research: every city's research
money and people of universities are added to its firms, and the universities stay as schools with hardly any researchers, so that
graduates, money and people are the same. After ``QUARTERS`` quarters: competence (firms'
effective capability in the own field, partners' access included), variety (mean capability distance between firms), speed (share of
users of three probe technologies after three years) and reach (share at the end), and offers (proposals that firms with an institute among
their partners receive in a quarter). Each is the difference of the logs, with universities less placebo. The levels that firms hold
themselves stand beside competence.
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.network import adjacency_of, nodes_of, own_levels
from greaterbay.exchange.partnering import look
from greaterbay.measures import capability_distance
from greaterbay.validation.worlds import play, read_table, region_like, released

QUARTERS, SCALE = 24, 0.05
WAVES = {"wave_1": ("intelligent_robots", "guangzhou"), "wave_2": ("digital_services", "shenzhen"),
         "wave_3": ("biomanufacturing", "foshan")}
PROBES = tuple(text for name, (field, city) in WAVES.items()
               for text in (f"probes.{name}.field='{field}'", f"probes.{name}.city='{city}'", f"probes.{name}.start=2021-01-01"))
MEASURES = ("competence", "own_level", "variety", "speed", "reach", "offers")


def placebo_tables() -> dict[str, list[dict]]:
    """Research of universities moved to the firms of their city; universities teach and do hardly anything else."""
    from greaterbay.region.tables import region_folder

    folder = region_folder("gba")
    research, tiers = read_table(folder, "research"), read_table(folder, "institute_tiers")
    for row in research:
        row["rd_firm_share"] = repr(1.0 - float(row["rd_institute_share"]))
        row["rd_university_share"] = "0"
    for row in tiers:
        if row["id"] == "university":
            row["researcher_weight"], row["facility_per_researcher"] = "0.001", "0"
    return {"research": research, "institute_tiers": tiers}


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

    bay = released(seed, scale=SCALE, years=QUARTERS / 4, region=region, overrides=PROBES)
    play(bay, QUARTERS, watch)
    rows = bay.firms.alive_rows()
    weight = bay.firms.weight[rows]
    arrays, slots = bay.record.arrays(), [bay.technologies.names.index(name) for name in WAVES]
    cities = len(bay.region.city_ids)
    users, possible = (arrays[f"{name}_technology"][:, :cities, slots].sum(axis=1) for name in ("adopters", "potential"))
    share = (users / np.maximum(possible, 1e-9)).mean(axis=1)
    return {
        "competence": float((bay.firms.access[rows] * weight).sum() / weight.sum()),
        "own_level": float((own_levels(bay.firms, rows) * weight).sum() / weight.sum()), "variety": capability_distance(bay, rows),
        "speed": float(share[4 + 12 - 1]), "reach": float(share[QUARTERS - 1]), "offers": float(np.mean(offers)),
    }


def measure(seed: int) -> dict[str, float]:
    """Differences of logs between the region with universities and the placebo."""
    with region_like("gba", placebo_tables()) as folder:
        placebo = played(seed, folder)
    universities = played(seed, "gba")
    return {f"ahrweiler_{name}": float(np.log(universities[name] / placebo[name])) for name in MEASURES}
