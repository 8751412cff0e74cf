"""Break a mechanism in a copy of the package and see whether a test or a check notices.

    python tests/mutation/mutants.py [--only ID ...] [--jobs N] [--out FILE]

The copy has its own cache of compiled kernels; nothing in the checkout is touched. Before anything is broken, all tests and checks
named must pass as the source stands. Ends with 1 when they do not, or when a broken mechanism was not caught.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
THREADS = ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
MEASURE = """
import json, sys
from greaterbay.validation.run import validate
from greaterbay.validation.run import EXPERIMENTS
name, seeds = sys.argv[1], int(sys.argv[2])
experiment = next(e for e in EXPERIMENTS if e.id == name)
# the number of seeds as given, whatever the experiment's factor
object.__setattr__(experiment, "factor", 1)
outcome = validate([experiment.suite], seeds, 1, only=[name])
print(json.dumps({"status": {a.check.id: a.status for a in outcome.answers}, "failed": [f.text for f in outcome.failed]}))
"""


@dataclass(frozen=True)
class Mutation:
    """A broken mechanism and who should notice."""

    id: str
    what: str
    patch: list
    tests: list = field(default_factory=list)
    checks: list = field(default_factory=list)
    fast: bool = False


def declared() -> dict[str, Mutation]:
    """All mutations of ``mutations.toml``."""
    with open(HERE / "mutations.toml", "rb") as file:
        return {row["id"]: Mutation(**row) for row in tomllib.load(file)["mutation"]}


def patched(text: str, old: str, new: str, where: str) -> str:
    """``text`` with ``old`` replaced; it must stand there exactly once, or the mutation tests nothing."""
    if text.count(old) != 1:
        raise ValueError(f"{where}: expected once, found {text.count(old)} times: {old!r}")
    return text.replace(old, new)


@contextmanager
def broken_copy(mutation: Mutation) -> Iterator[tuple[Path, dict[str, str]]]:
    """A copy of the project with the mechanism broken, and the environment in which it is imported."""
    with tempfile.TemporaryDirectory(prefix=f"greaterbay-{mutation.id}-") as name:
        top = Path(name)
        for folder in ("model", "scenarios", "calibration", "tests"):
            shutil.copytree(TOP / folder, top / folder, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
        shutil.copy(TOP / "pyproject.toml", top)
        for file, old, new in mutation.patch:
            path = top / "model" / "greaterbay" / file
            path.write_text(patched(path.read_text(encoding="utf-8"), old, new, file), encoding="utf-8")
        environment = os.environ | dict.fromkeys(THREADS, "1") | {
            "PYTHONPATH": str(top / "model"), "GREATERBAY_CACHE": str(top / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
        for variable in [name for name in environment if name.startswith("PYTEST_")]:
            del environment[variable]
        yield top, environment


def notice(mutation: Mutation) -> list[str]:
    """Tests and checks that notice the broken mechanism; the first is enough."""
    with broken_copy(mutation) as (top, environment):
        for test in mutation.tests:
            command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n", "0", test]
            done = subprocess.run(command, cwd=top, env=environment, capture_output=True, text=True)
            if done.returncode == 1:
                lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
                return [line.split(" - ")[0].split(maxsplit=1)[1] for line in lines] or [test]
            if done.returncode != 0:
                raise RuntimeError(f"{mutation.id}: {test} could not be run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        if mutation.checks:
            experiment, seeds, *wanted = mutation.checks
            command = [sys.executable, "-c", MEASURE, experiment, str(seeds)]
            done = subprocess.run(command, cwd=top, env=environment, capture_output=True, text=True)
            if done.returncode != 0:
                raise RuntimeError(f"{mutation.id}: {experiment} could not be measured:\n{done.stderr[-2000:]}")
            found = json.loads(done.stdout.splitlines()[-1])
            if found["failed"]:
                return [f"{experiment}: {found['failed'][0]}"]
            return [f"check {name}" for name in wanted if found["status"].get(name) == "FAIL"]
    return []


def control(chosen: list[Mutation]) -> list[str]:
    """What fails although nothing is broken: a test or check that could not tell."""
    found = []
    with broken_copy(Mutation("nothing", "nothing is broken", [])) as (top, environment):
        tests = sorted({test for mutation in chosen for test in mutation.tests})
        if tests:
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *tests]
            done = subprocess.run(command, cwd=top, env=environment, capture_output=True, text=True)
            found += [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))] if done.returncode else []
        for mutation in chosen:
            if mutation.checks:
                experiment, seeds, *wanted = mutation.checks
                command = [sys.executable, "-c", MEASURE, experiment, str(seeds)]
                done = subprocess.run(command, cwd=top, env=environment, capture_output=True, text=True)
                status = json.loads(done.stdout.splitlines()[-1])["status"] if done.returncode == 0 else {}
                found += [f"check {name} with {seeds} seeds: {status.get(name)}" for name in wanted if status.get(name) in (None, "FAIL")]
    return found


def table(rows: list[tuple[Mutation, list[str], float]]) -> str:
    """Which test or check caught which broken mechanism."""
    lines = ["# Broken mechanisms", "",
             "Made by `python tests/mutation/mutants.py`. Each mechanism is broken in a copy of the package, and the tests and checks "
             "named in `tests/mutation/mutations.toml` are run until one notices; unbroken, all of them pass. " +
             "A run that its own books stop is named by the first test that needs the run.", "",
             "| mechanism | what is broken | caught by | in `make test` |", "|---|---|---|---|"]
    for mutation, caught, _ in rows:
        names = ", ".join(f"`{name}`" for name in caught) or "**nobody**"
        lines.append(f"| `{mutation.id}` | {mutation.what} | {names} | {'yes' if mutation.fast else ''} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Break every mechanism in turn, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(declared()))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    chosen = [mutation for name, mutation in declared().items() if given.only is None or name in given.only]

    wrong = control(chosen)
    if wrong:
        print("these fail although nothing is broken:", *wrong, sep="\n", file=sys.stderr)
        return 1

    def one(mutation: Mutation) -> tuple[Mutation, list[str], float]:
        begin = time.perf_counter()
        caught = notice(mutation)
        print(f"{mutation.id}: {', '.join(caught) or 'NOT CAUGHT'} ({time.perf_counter() - begin:.0f} s)", file=sys.stderr, flush=True)
        return mutation, caught, time.perf_counter() - begin

    with ThreadPoolExecutor(given.jobs) as pool:
        rows = list(pool.map(one, chosen))
    if given.out is not None:
        temporary = given.out.with_name(f".{given.out.name}.{os.getpid()}")
        temporary.write_text(table(rows), encoding="utf-8")
        os.replace(temporary, given.out)
    return 0 if all(caught for _, caught, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
