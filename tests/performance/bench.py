"""How long a run takes, in ratios: ``make bench`` prints the table and writes it to ``results.md``.

A script and not a test: seconds depend on the machine and on what else it does, so nothing here passes or
fails. Every scale runs in a process of its own (its peak memory is its own), on one thread, timed by processor time.

Ensembles are timed by the clock, with `greaterbay run` as a user calls it: scenarios times replicates on two
processes, and a part of them on one process and on two for the parallel efficiency.

    python tests/performance/bench.py [--scales 0.02 0.05 0.2 1.0] [--quarters 64] [--ensemble 100]
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
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
SCALES = (0.02, 0.05, 0.2, 1.0)
SCENARIOS = ("baseline", "joint_fund", "one_programme", "open_borders", "periphery_parks")
QUICK, WHOLE = 4, 100  # replicates of each scenario: for a look, and for the record
EFFICIENCY = 8  # replicates of each scenario that are run on one process as well
JOBS = 2
THREADS = ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


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


def ensemble(replicates: int, jobs: int, scale: float, until: str | None) -> dict:
    """Run all scenarios in a fresh store and return the seconds by the clock and the size of the store."""
    options = [f"--replicates={replicates}", f"--scale={scale}", f"--jobs={jobs}", "--quiet"]
    options += [f"--until={until}"] if until else []
    with tempfile.TemporaryDirectory(prefix="greaterbay-bench-") as out:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "greaterbay.cli.main", "run", *SCENARIOS, *options, "--out", out], check=True)
        seconds = time.perf_counter() - begin
        size = sum(path.stat().st_size for path in Path(out).rglob("*") if path.is_file())
        warm = sum(path.stat().st_size for path in Path(out, "warm").rglob("*") if path.is_file())
    return {"replicates": replicates, "jobs": jobs, "scale": scale, "until": until, "seconds": seconds, "size": size, "warm": warm}


def ensembles(replicates: int, scale: float, until: str | None) -> list[dict]:
    """The whole on two processes, then a part of it on one and on two; a first look compiles what is missing."""
    ensemble(1, 1, 0.01, "2020-03-31")
    part = min(replicates, EFFICIENCY)
    runs = [(replicates, JOBS), (part, 1)] + ([(part, JOBS)] if part < replicates else [])
    found = []
    for count, jobs in runs:
        print(f"{len(SCENARIOS)} scenarios, {count} replicates each, {jobs} process{'es' * (jobs > 1)} ...", file=sys.stderr)
        found.append(ensemble(count, jobs, scale, until))
    return found


def ensemble_table(found: list[dict]) -> str:
    """The ensembles as Markdown: seconds, replicates a minute, and the parallel efficiency."""
    lines = [
        "", "## Ensembles", "",
        f"{', '.join(SCENARIOS)}; time by the clock, from the command to the last result file, "
        f"on {os.cpu_count()} cores. The machine should do nothing else.", "",
        "| scale | until | scenarios × replicates | processes | seconds | replicates a minute | store, MB | warm-ups, MB |",
        "|" + "---|" * 8,
    ]
    for f in found:
        count = len(SCENARIOS) * f["replicates"]
        lines.append(
            f"| {f['scale']:g} | {f['until'] or 'the end'} | {len(SCENARIOS)} × {f['replicates']} | {f['jobs']} | {f['seconds']:.1f} "
            f"| {60 * count / f['seconds']:.1f} | {(f['size'] - f['warm']) / 1e6:.1f} | {f['warm'] / 1e6:.1f} |"
        )
    one = next(f for f in found if f["jobs"] == 1)
    two = next(f for f in reversed(found) if f["jobs"] == JOBS and f["replicates"] == one["replicates"])
    efficiency = one["seconds"] / (JOBS * two["seconds"])
    lines += [
        "", f"Parallel efficiency of {JOBS} processes ({len(SCENARIOS)} × {one['replicates']}, time of one over {JOBS} times the "
        f"time of {JOBS}, start-up included): {100 * efficiency:.0f} %.",
    ]
    return "\n".join(lines) + "\n"


def table(found: list[dict]) -> str:
    """The results as Markdown: seconds and memory, growth with the scale, share of each phase."""
    from greaterbay.timeline import PHASES

    lines = [
        "# How long a run takes", "",
        "Baseline, one replicate, one thread; processor time. "
        f"Python {platform.python_version()}, {platform.machine()}. "
        "Trust the ratios: seconds differ between machines, and by half on a busy one.", "",
        "| scale | firms | people | inventions | ties | quarters | s a quarter | s in all "
        "| s to build and warm up | peak MiB |",
        "|" + "---|" * 10,
    ]
    for f in found:
        actors = " | ".join(f"{f[name]:,}" for name in ("firms", "people", "inventions", "ties"))
        lines.append(f"| {f['scale']:g} | {actors} | {f['quarters']} | {f['run'] / f['quarters']:.4f} "
                     f"| {f['run']:.2f} | {f['warm']:.2f} | {f['memory']:.0f} |")
    lines += ["", "Exponent of the time of a quarter against the scale (one: time grows as the number of actors):", ""]
    for a, b in zip(found, found[1:], strict=False):
        slower = b["run"] / b["quarters"] / (a["run"] / a["quarters"])
        larger = b["scale"] / a["scale"]
        lines.append(f"- {a['scale']:g} to {b['scale']:g}: {math.log(slower) / math.log(larger):.2f}")
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
    parser.add_argument("--ensemble", type=int, nargs="?", const=WHOLE, default=QUICK, metavar="REPLICATES",
                        help=f"replicates of each scenario of the ensembles: {QUICK} if not given, {WHOLE} without a number")
    parser.add_argument("--ensemble-scale", type=float, default=0.05, metavar="SCALE")
    parser.add_argument("--ensemble-until", metavar="DATE", help="last day of the ensembles (default: that of the scenarios)")
    parser.add_argument("--out", type=Path, default=HERE / "results.md")
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        print(json.dumps(measure(given.one, given.quarters)))
        return
    found = []
    for scale in given.scales:
        print(f"scale {scale:g} ...", file=sys.stderr)
        command = [sys.executable, __file__, "--one", str(scale), "--quarters", str(given.quarters)]
        done = subprocess.run(command, env=os.environ | dict.fromkeys(THREADS, "1"), check=True, capture_output=True,
                              text=True)
        result = json.loads(done.stdout.splitlines()[-1])
        result["phases"] = {int(number): share for number, share in result["phases"].items()}
        found.append(result)
    text = table(found) + ensemble_table(ensembles(given.ensemble, given.ensemble_scale, given.ensemble_until))
    print(text)
    given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
