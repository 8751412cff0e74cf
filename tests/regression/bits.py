"""Digests of seven scenarios, to prove that a change of the code's form changes no number.

    PYTHONPATH=model python tests/regression/bits.py > after.txt      # the same in a checkout of before, then compare the files

Ten years at scale 0.02, two of the scenarios with drawn parameters; a line a scenario: the whole record, and the tables of actors at the
end. Digests are held against each other on one machine, not committed: another processor may round an exponential otherwise.
"""

from __future__ import annotations

import hashlib
import sys

from greaterbay import Bay, load_scenario
from greaterbay.evidence.posteriors import CENTRAL

SCENARIOS = ("baseline", "joint_fund", "one_programme", "full_package", "talent_first", "border_first", "periphery_first")
DRAWN = ("joint_fund", "full_package")
TABLES = ("firms", "institutes", "people", "funds", "inventions", "ties")
SETTINGS = ("run.scale=0.02", "run.start=2020-01-01", "run.end=2029-12-31", "run.seed=20200101")


def digest(arrays: dict) -> str:
    """Digest of arrays by name."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        total.update(name.encode())
        total.update(arrays[name].tobytes())
    return total.hexdigest()[:20]


def main(names) -> None:
    """Print the digests of these scenarios."""
    for name in names:
        settings = [*SETTINGS, *(() if name in DRAWN else (CENTRAL,))]
        bay = Bay(scenario=load_scenario(name, overrides=settings), replicate=int(name in DRAWN))
        bay.run_to_end()
        tables = {f"{table}.{column}": array for table in TABLES for column, array in getattr(bay, table).arrays.items()}
        print(name, digest(bay.record.arrays()), digest(tables), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or SCENARIOS)
