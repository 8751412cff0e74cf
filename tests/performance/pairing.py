"""What pairing is worth: ``make pairing`` measures it in the model and writes ``pairing.md``.

Ten headline levers, each alone at the middle of its plausible range from the first quarter on, against the baseline on the
same random numbers; output and inventions of the fifth year. The variance ratio says how many times smaller the
variance of a paired difference is than that of two independent runs. Beside it stands what is still the same in both worlds
when the five years are over: the lowest share names the mechanism that spreads the difference.

    python tests/performance/pairing.py [--replicates 12] [--scale 0.05]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from greaterbay.digits import digits

HERE = Path(__file__).parent
LEVERS = (
    "technology_barrier",
    "talent_barrier",
    "finance_barrier",
    "talent_recognition",
    "information_platform",
    "alliance_sharing",
    "joint_collaboration_fund",
    "shared_facilities",
    "guidance_fund",
    "park_upgrading",
)
OUTCOMES = ("output", "inventions")
QUARTERS = 20  # five years
WANTED, WANTED_SMALL, SMALL = 5.0, 50.0, 0.01
MECHANISMS = {
    "employers": "job matching (vacancy chains)",
    "ties": "partner search",
    "inventions": "invention draws",
    "firms": "entry and exit of firms",
    "adopters": "adoption",
}


def strength(name: str) -> float:
    """Middle of the plausible range that is not neutral."""
    from greaterbay.policy import catalogue

    lever = catalogue.levers()[name]
    return 0.5 * (lever.plausible_low + lever.plausible_high)


def scenario(scale: float, name: str | None = None, value: float | None = None):
    """Baseline of five years, with one lever from the first quarter on."""
    from greaterbay.evidence.posteriors import CENTRAL
    from greaterbay.scenario.load import load_scenario

    settings = [f"run.scale={scale}", "run.start=2026-01-01", "run.end=2030-12-31", CENTRAL]
    if name:
        settings += [f"levers.{name}.value={value}"]
    return load_scenario("baseline", overrides=settings)


def traces(bay) -> dict[str, np.ndarray]:
    """Identities of what exists at the end: person with employer, tie, invention, firm, adopter with technologies."""
    people, firms = bay.people, bay.firms
    node_id = np.concatenate((bay.institutes.id, firms.id))
    working = np.flatnonzero((people.alive == 1) & (people.employer >= 0))
    live = firms.alive_rows()
    odd = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        return {
            "employers": people.id[working] * odd ^ node_id[people.employer[working]],
            "ties": bay.ties.id[bay.ties.alive_rows()],
            "inventions": bay.inventions.id[bay.inventions.alive == 1],
            "firms": firms.id[live],
            "adopters": firms.id[live] * odd ^ firms.adopted[live],
        }


def same(one: np.ndarray, other: np.ndarray) -> float:
    """Shared part of two sets."""
    return np.intersect1d(one, other).size / max(1, np.union1d(one, other).size)


def play(found_scenario, replicate: int) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Values of the last year and traces of one replicate."""
    from greaterbay import Bay

    bay = Bay(scenario=found_scenario, replicate=replicate)
    bay.run_to_end()
    record, cities = bay.record.arrays(), len(bay.region.city_ids)
    return {name: float(record[name][-4:, :cities].sum(dtype=float)) for name in OUTCOMES}, traces(bay)


def measure(replicates: int, scale: float, levers=LEVERS, say=lambda text: None) -> dict:
    """Paired values (lever, outcome) -> (policy, baseline), and the mean share of what is the same by lever."""
    base = scenario(scale)
    policies = {name: scenario(scale, name, strength(name)) for name in levers}
    values = {(name, outcome): ([], []) for name in levers for outcome in OUTCOMES}
    shares: dict[str, list] = {name: [] for name in levers}
    for replicate in range(replicates):
        reference, trace = play(base, replicate)
        for name, policy in policies.items():
            ours, marks = play(policy, replicate)
            for outcome in OUTCOMES:
                values[name, outcome][0].append(ours[outcome])
                values[name, outcome][1].append(reference[outcome])
            shares[name].append([same(trace[kind], marks[kind]) for kind in MECHANISMS])
        say(f"replicate {replicate + 1} of {replicates}")
    return {
        "values": {key: (np.array(a), np.array(b)) for key, (a, b) in values.items()},
        "shares": {name: dict(zip(MECHANISMS, np.mean(rows, axis=0), strict=True)) for name, rows in shares.items()},
    }


def rows(found: dict) -> list[dict]:
    """One row a lever and outcome: effect, ratio with interval."""
    from greaterbay.comparison import effects

    table = []
    for (name, outcome), (ours, base) in found["values"].items():
        ratio = effects.variance_ratio(ours, base)
        table.append(
            {
                "lever": name,
                "outcome": outcome,
                "effect": float(ours.mean() / base.mean() - 1.0),
                "ratio": ratio[0] if ratio else np.inf,
                "low": ratio[1].low if ratio else np.inf,
                "high": ratio[1].high if ratio else np.inf,
            }
        )
    return table


def text(found: dict, replicates: int, scale: float) -> str:
    """The results as Markdown."""
    from greaterbay.comparison import effects

    table = rows(found)
    lines = [
        "# What pairing is worth",
        "",
        f"{replicates} pairs at scale {scale:g}; each lever alone at the middle of its plausible range from the first "
        f"of five years; output and",
        "inventions of the fifth year. Ratio: variance of a difference between independent runs over that of a paired one, with its",
        f"{effects.OUTER:.0%} interval. Last columns: what is the same in both worlds at the end (shared part of the two sets).",
        "",
        "| lever | strength | outcome | effect | ratio | 90 % | " + " | ".join(f"same {kind}" for kind in MECHANISMS) + " |",
        "|---|---|---|---|---|---|" + "---|" * len(MECHANISMS),
    ]
    for row in table:
        share = found["shares"][row["lever"]]
        lines.append(
            f"| {row['lever']} | {strength(row['lever']):g} | {row['outcome']} | {digits(row['effect'], '+.3%')} | "
            f"{digits(row['ratio'], ',.1f')} | {digits(row['low'], ',.1f')} – {digits(row['high'], ',.1f')} | "
            + " | ".join(f"{share[kind]:.2f}" for kind in MECHANISMS)
            + " |"
        )
    lines.append("")
    for outcome in OUTCOMES:
        fine = [row["lever"] for row in table if row["outcome"] == outcome and row["ratio"] >= WANTED]
        poor = [row for row in table if row["outcome"] == outcome and row["ratio"] < WANTED]
        lines.append(f"- {outcome}: ratio at least {WANTED:g} for {len(fine)} of {len(found['shares'])} levers" + (";" if poor else "."))
        for row in poor:
            share = found["shares"][row["lever"]]
            kind = min(share, key=share.get)
            lines.append(
                f"  {row['lever']} {digits(row['ratio'], '.1f')} ({digits(row['low'], '.1f')} – {digits(row['high'], '.1f')}): "
                f"spread by {MECHANISMS[kind]}, {share[kind]:.0%} the same."
            )
    small = [row["ratio"] for row in table if abs(row["effect"]) < SMALL]
    if small:
        lines.append(
            f"- effects under {SMALL:.0%} of the baseline ({len(small)} rows): "
            f"median ratio {np.median(small):,.0f} (wanted: {WANTED_SMALL:g})."
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, write."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--replicates", type=int, default=12)
    options.add_argument("--scale", type=float, default=0.05)
    given = options.parse_args()
    found = measure(given.replicates, given.scale, say=lambda line: print(line, flush=True))
    content = text(found, given.replicates, given.scale)
    (HERE / "pairing.md").write_text(content, encoding="utf-8")
    print(content)


if __name__ == "__main__":
    main()
