"""How much faster the package plays the core rules than the same rules with one Mesa object per agent.

    python tests/performance/against_mesa.py [--scales 0.02 0.086] [--runs 9]

Both sides start from the same state of about 5,000 firms and play one quarter of moves, partner choice, learning, invention and
adoption on one thread; processor time; the package's time is the median of its runs. The ratio counts only while
``tests/reference/test_equivalence.py`` passes: it is run first.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
THREADS = ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
os.environ.update(dict.fromkeys(THREADS, "1"))
sys.path.insert(0, str(HERE.parent / "reference"))


def measure(scale: float, runs: int) -> dict:
    """Seconds of one quarter on both sides, and how many actors there are."""
    import numpy as np
    import state

    bay = state.released_bay(scale)
    kept = state.Kept(bay)
    bay.users_before = state.users_now(bay)
    fast = []
    for run in range(runs + 1):  # the first one reads compiled kernels
        kept.again(run)
        begin = time.process_time()
        state.fast_quarter(bay)
        fast.append(time.process_time() - begin)
    slow = []
    for run in range(2):
        core = state.objects(kept.again(run), run)
        begin = time.process_time()
        core.step()
        slow.append(time.process_time() - begin)
    return {"firms": int(bay.firms.alive.sum()), "institutes": bay.institutes.capacity, "people": int(bay.people.alive.sum()),
            "fast": float(np.median(fast[1:])), "slow": float(np.median(slow))}


def table(found: list[dict]) -> str:
    """The results as Markdown."""
    lines = ["# Against one Mesa object per agent", "",
             "One quarter of the core rules (moves, partner choice, learning, invention, adoption) from the same state, one thread, "
             f"processor time, behind the equivalence test. Python {platform.python_version()}, {platform.machine()}. Trust the ratio. "
             "The aim is 200 at 5,000 firms. The objects hold plain lists of numbers, which is fast for Python; "
             "nothing was made slower.", "",
             "| firms | institutes | people | Mesa objects, s | package, s | ratio |", "|---|---|---|---|---|---|"]
    lines += [f"| {f['firms']:,} | {f['institutes']:,} | {f['people']:,} | {f['slow']:.3f} | {f['fast']:.4f} "
              f"| {f['slow'] / f['fast']:.0f} |" for f in found]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Test equivalence, measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scales", type=float, nargs="+", default=[0.02, 0.086])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--out", type=Path, default=HERE / "against_mesa.md")
    given = parser.parse_args()
    gate = subprocess.run([sys.executable, "-m", "pytest", "-q", "-n", "0", str(HERE.parent / "reference")], check=False)
    if gate.returncode:
        print("the two sides are not equivalent: no ratio", file=sys.stderr)
        return 1
    text = table([measure(scale, given.runs) for scale in given.scales])
    print(text)
    given.out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
