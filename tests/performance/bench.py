"""How long a run takes, in ratios: ``make bench`` prints the table and writes it to ``results.md``.

A script and not a test: seconds depend on the machine and on what else it does, so nothing here passes or fails. Every
scale runs in a process of its own (its peak memory is its own), on one thread, timed by processor time.

    python tests/performance/bench.py [--scales 0.02 0.05 0.2 1.0] [--quarters 64]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
SCALES = (0.02, 0.05, 0.2, 1.0)
ONE_THREAD = {name: "1" for name in ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}


def measure(scale: float, quarters: int) -> dict:
    """Play one replicate of the baseline and return its times (seconds of one core), memory and numbers of actors."""
    from greaterbay.bay import WARM_UP_QUARTERS, Bay
    from greaterbay.scenario.load import load_scenario

    # kernels are compiled, or read from the cache, before anything is timed
    Bay(scenario=load_scenario("baseline", overrides=["run.scale=0.01"])).run_to_end()
    begin = time.process_time()
    bay = Bay(scenario=load_scenario("baseline", overrides=[f"run.scale={scale}"]))
    warm = time.process_time() - begin
    bay.timings.clear()
    begin = time.process_time()
    played = 0
    while bay.running and played < quarters:
        bay.step()
        played += 1
    run = time.process_time() - begin
    whole = sum(bay.timings.values())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "scale": scale, "quarters": played, "run": run, "warm": warm, "warm_quarters": WARM_UP_QUARTERS,
        "memory": memory / (1024.0**2 if sys.platform == "darwin" else 1024.0),
        "phases": {number: seconds / whole for number, seconds in bay.timings.items()},
        "firms": int(bay.firms.alive.sum()), "people": int(bay.people.alive.sum()),
        "inventions": int(bay.inventions.alive.sum()), "ties": int(bay.ties.alive.sum()),
    }


def table(found: list[dict]) -> str:
    """The results as Markdown: seconds and memory, growth with the scale, share of each phase."""
    from greaterbay.timeline import PHASES

    lines = [
        "# How long a run takes", "",
        f"Baseline, one replicate, one thread; processor time. Python {platform.python_version()}, {platform.machine()}. "
        "Trust the ratios: seconds differ between machines, and by half on a busy one.", "",
        "| scale | firms | people | inventions | ties | seconds a quarter | run | warm-up and building | peak memory, MiB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for f in found:
        lines.append(f"| {f['scale']:g} | {f['firms']:,} | {f['people']:,} | {f['inventions']:,} | {f['ties']:,} | "
                     f"{f['run'] / f['quarters']:.4f} | {f['run']:.2f} ({f['quarters']} quarters) | {f['warm']:.2f} | {f['memory']:.0f} |")
    lines += ["", "Exponent of the time of a quarter against the scale (one: time grows as the number of actors):", ""]
    for a, b in zip(found, found[1:], strict=False):
        exponent = math.log(b["run"] / b["quarters"] / (a["run"] / a["quarters"])) / math.log(b["scale"] / a["scale"])
        lines.append(f"- {a['scale']:g} to {b['scale']:g}: {exponent:.2f}")
    lines += ["", "Share of the time of a quarter, %:", "",
              "| phase | " + " | ".join(f"scale {f['scale']:g}" for f in found) + " |", "|---" * (len(found) + 1) + "|"]
    for phase in PHASES:
        shares = " | ".join(f"{100 * f['phases'].get(phase.number, 0.0):.0f}" for f in found)
        lines.append(f"| {phase.number} {phase.title} | {shares} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every scale in a fresh process, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scales", type=float, nargs="+", default=list(SCALES))
    parser.add_argument("--quarters", type=int, default=64)
    parser.add_argument("--out", type=Path, default=HERE / "results.md")
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        print(json.dumps(measure(given.one, given.quarters)))
        return
    found = []
    for scale in given.scales:
        print(f"scale {scale:g} ...", file=sys.stderr)
        done = subprocess.run([sys.executable, __file__, "--one", str(scale), "--quarters", str(given.quarters)],
                              env=os.environ | ONE_THREAD, check=True, capture_output=True, text=True)
        result = json.loads(done.stdout.splitlines()[-1])
        result["phases"] = {int(number): share for number, share in result["phases"].items()}
        found.append(result)
    text = table(found)
    print(text)
    given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
