"""One door to Numba: compiled kernels with a disk cache that cannot go stale.

The cache folder is named after the version of Numba and a digest of every Python file of the package,
so a changed helper or constant never meets old machine code. Without a writable folder there is no
cache, and the kernels are compiled anew in each process.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).resolve().parent
WITHOUT_RUNS = {"cli", "plots", "runner", "scenario", "evidence", "validation", "comparison", "calibration", "sensitivity"}


def sources_digest() -> str:
    """Digest of every Python file that a run depends on (first 16 hex digits)."""
    total = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        if WITHOUT_RUNS & set(path.relative_to(_PACKAGE).parts[:1]):
            continue
        total.update(path.relative_to(_PACKAGE).as_posix().encode())
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


def _cache_folder() -> str | None:
    wanted = os.environ.get("GREATERBAY_CACHE")
    root = Path(wanted) if wanted else Path(platformdirs.user_cache_dir("greaterbay"))
    folder = root / f"kernels-{version('numba')}-{sources_digest()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        return None
    return str(folder)


_FOLDER = _cache_folder()
if _FOLDER is not None:
    os.environ["NUMBA_CACHE_DIR"] = _FOLDER

import numba  # noqa: E402  (the cache folder must be named before Numba is imported)

if _FOLDER is not None:
    numba.config.CACHE_DIR = _FOLDER


def jit(function):
    """Compile a kernel: no Python objects, results independent of the number of threads, cached on disk."""
    return numba.njit(function, cache=_FOLDER is not None, error_model="numpy")


def kernel(function):
    """Compile a kernel that makes no array: as ``jit``, without counting references.

    Counting a reference at every reading of an array costs more than the reading itself, and a kernel that only
    fills arrays it was given does not need it. Numba refuses to compile one that makes an array of its own.
    """
    return numba.njit(function, cache=_FOLDER is not None, error_model="numpy", _nrt=False)


def inlined(function):
    """Compile a helper into every kernel that calls it: handing it a tuple of twenty arrays costs more than its work."""
    return numba.njit(function, cache=_FOLDER is not None, error_model="numpy", _nrt=False, forceinline=True)
