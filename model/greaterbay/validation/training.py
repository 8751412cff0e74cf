"""Dawid, Harting & Neugart 2014: training in a lagging city, with labour markets closed and integrated, in paired runs.

Protocol. A region of two cities (``regions/two_cities``, made up for the experiment). The policy lets the academies of the lagging city
teach: its graduates rise by the square root of its schools, research money and people stay as they are, and the graduates of the leading
city are the same in all runs. Labour markets are *closed* (a border that nobody crosses to work, from outside neither) or *integrated*
(a border that costs a move nothing). Measured is the output of the simulated firms over the last ``LAST`` quarters: difference of the
logs with and without the policy, in the leading and in the lagging city. Expected: closed markets keep the gain where the training is;
integrated ones take it to the strong city; so the lagging city gains less when markets are integrated (interaction).
"""

from __future__ import annotations

import math

import numpy as np

from greaterbay.validation.worlds import BARE, REGIONS, play, read_table, region_like, released, total

REGION = REGIONS / "two_cities"
QUARTERS, LAST, SCALE = 60, 20, 0.1
CLOSED, INTEGRATED = 1e9, 0.0
LEADING, LAGGING = 0, 1


def policy_tables() -> dict[str, list[dict]]:
    """The lagging city's academies become universities; the rate of graduates is set so that the leading city keeps its number."""
    institutes = read_table(REGION, "institutes")
    people = {row["city"]: float(row["rd_people"]) for row in read_table(REGION, "research")}

    def pull(rows, city):
        schools = sum(int(row["count"]) for row in rows if row["city"] == city and row["tier"] == "university")
        return math.sqrt(schools * people[city])

    taught = [{**row, "tier": "university"} if row["tier"] == "academy" else row for row in institutes]
    before = pull(institutes, "leading") + pull(institutes, "lagging")
    after = pull(taught, "leading") + pull(taught, "lagging")
    region = read_table(REGION, "region")
    region[0]["graduates_per_rd_person"] = repr(float(region[0]["graduates_per_rd_person"]) * after / before)
    return {"institutes": taught, "region": region}


def output(seed: int, folder, border: float) -> tuple[np.ndarray, np.ndarray]:
    """Log output of the firms over the last quarters and log skilled people at the end, by city (2,)."""
    bay = released(seed, scale=SCALE, years=QUARTERS / 4, region=folder, changes={"mobility.border_weight": border}, base=BARE)
    play(bay, QUARTERS)
    return np.log(total(bay, "output_simulated", slice(QUARTERS - LAST, QUARTERS))), np.log(bay.labour.talent_city)


def measure(seed: int) -> dict[str, float]:
    """Effects of training on both cities under both labour markets."""
    effect, people = {}, {}
    with region_like(REGION, policy_tables()) as folder:
        for market, border in (("closed", CLOSED), ("integrated", INTEGRATED)):
            without, heads_without = output(seed, REGION, border)
            with_policy, heads_with = output(seed, folder, border)
            effect[market], people[market] = with_policy - without, heads_with - heads_without
    return {
        "dawid_target_closed": effect["closed"][LAGGING],
        "dawid_strong_gains_from_integration": effect["integrated"][LEADING] - effect["closed"][LEADING],
        "dawid_target_integrated": effect["integrated"][LAGGING], "dawid_strong_integrated": effect["integrated"][LEADING],
        "dawid_interaction": effect["closed"][LAGGING] - effect["integrated"][LAGGING],
        "dawid_people_stay_closed": people["closed"][LAGGING] - people["integrated"][LAGGING],
        "dawid_people_reach_strong": people["integrated"][LEADING] - people["closed"][LEADING],
    }
