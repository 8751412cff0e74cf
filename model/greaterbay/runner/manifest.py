"""Where a result comes from: source, scenario, seed, libraries, machine.

The digest names a result: equal digests mean equal numbers. It covers whatever reaches the model and
the model itself, never how it was run (jobs, host, replicate count, paths). This module imports
nothing heavy, so that ``greaterbay --version`` stays quick.
"""

from __future__ import annotations

import functools
import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import date
from importlib import metadata
from pathlib import Path

from greaterbay import NUMBERS, __version__
from greaterbay.scenario import notices

STORE_VERSION = 1
"""Raised whenever the meaning or layout of stored parts changes; older parts are then not reused."""

PACKAGE = Path(__file__).resolve().parents[1]
SOURCE_SUFFIXES = (".py", ".csv", ".toml")
SHIPPED = "_shipped"  # library files in an installed package
LIBRARIES = ("numpy", "numba", "llvmlite", "mesa", "pydantic", "xarray", "h5netcdf", "h5py", "scipy")


def library_versions() -> dict[str, str]:
    """Installed version of each library that can touch the numbers; Python first."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def digest_of_files(folder: Path, paths: Iterable[Path]) -> str:
    """SHA-256 over names (relative to ``folder``) and contents of ``paths``, in order of name."""
    total = hashlib.sha256()
    for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in paths):
        content = path.read_bytes()
        total.update(f"{name}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


@functools.cache
def source_digest() -> str:
    """SHA-256 of every module and table of the package; computed once per process.

    The scenario library travels inside an installed package but not inside a checkout's; it is left out,
    so that both have one digest. What a scenario says enters :func:`digest` by its values.
    """
    files = (path for path in PACKAGE.rglob("*") if path.suffix in SOURCE_SUFFIXES and path.is_file())
    return digest_of_files(PACKAGE, (path for path in files if path.relative_to(PACKAGE).parts[0] != SHIPPED))


def canonical_json(value: object) -> str:
    """JSON with one spelling per value: sorted keys, no spaces, finite numbers only.

    Raises ValueError for an infinite number and TypeError for what JSON cannot say.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain
    )


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in a manifest")


def digest(scenario) -> str:
    """Name of the results of ``scenario``: 64 hexadecimal digits.

    Two scenarios share a digest when source, everything in ``reaching_model()``, seed and store version
    are equal, whatever they are called and however many replicates they ask for.
    """
    document = {
        "store": STORE_VERSION,
        "source": source_digest(),
        "seed": scenario.run.seed,
        "model": scenario.reaching_model(),
    }
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()


@functools.cache
def git_state() -> dict[str, object] | None:
    """Commit and dirty flag of the checkout the package lies in; None without a checkout or git."""
    root = PACKAGE.parents[1]
    if not (root / "pyproject.toml").is_file() or not (root / ".git").exists():
        return None

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "--no-optional-locks", "-C", str(root), *words],
            capture_output=True, text=True, encoding="utf-8", check=True, timeout=20,
        ).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def host() -> dict[str, str]:
    """The machine, for the manifest only."""
    return {"name": platform.node(), "system": platform.platform(), "machine": platform.machine()}


def about(scenario, begun: str) -> dict[str, object]:
    """What lies behind a digest, for whoever looks into a store; ``scenario`` is the first that asked for it."""
    run = scenario.to_dict()["run"]
    return {
        "scenario": scenario.id,
        "version": __version__,
        "numbers": NUMBERS,
        "source_digest": source_digest(),
        "begun": begun,
        **{key: run[key] for key in ("region", "start", "end", "scale", "seed")},
    }


def posterior(scenario) -> dict[str, object] | None:
    """Id, digest and number of the draws that a scenario's replicates take their parameters from; None with central values."""
    drawn = scenario.posterior()
    return None if drawn is None else {"id": drawn.id, "digest": drawn.digest, "draws": drawn.count}


def manifest(scenario, **more: object) -> dict[str, object]:
    """Everything needed to repeat a run, as plain values; ``more`` adds timings, jobs and the like.

    ``inert_levers`` and ``notices`` say what of the scenario the run does not do (``greaterbay.scenario.notices``).
    """
    return {
        "version": __version__,
        "numbers": NUMBERS,
        "source_digest": source_digest(),
        "store_version": STORE_VERSION,
        "git": git_state(),
        "scenario": scenario.to_dict(),
        **notices.stored(scenario),
        "digest": digest(scenario),
        "seed": scenario.run.seed,
        "posterior": posterior(scenario),
        "libraries": library_versions(),
        "host": host(),
        **more,
    }
