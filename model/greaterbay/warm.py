"""Compile all kernels once and keep them on disk: ``python -m greaterbay.warm``."""

from __future__ import annotations

import sys
import time


def main() -> None:
    """Run a few quarters of a small bay, so that later runs find their kernels compiled."""
    begin = time.perf_counter()
    from greaterbay.bay import Bay
    from greaterbay.scenario.load import load_scenario

    scenario = load_scenario("joint_fund", overrides=[
        "run.scale=0.01", "run.start=2026-01-01", "run.end=2026-12-31", "run.replicates=1",
        "levers.joint_collaboration_fund.start=2026-01-01", "levers.joint_collaboration_fund.ramp='0 quarters'",
        "levers.information_platform.value=0.3", "levers.proof_of_concept.value=0.3", "levers.guidance_fund.value=0.1",
    ])
    Bay(scenario=scenario).run_to_end()
    print(f"kernels ready after {time.perf_counter() - begin:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
