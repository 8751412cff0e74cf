"""What keeps runs quick, checked by structure: no clocks, so nothing here fails on a slow day."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import greaterbay
from greaterbay import outputs

ENTRIES = ("exchange", "actors", "policy")  # packages whose modules hold kernels, besides those at the top


def modules():
    """Modules of the model that may hold kernels."""
    names = [f"greaterbay.{found.name}" for found in pkgutil.iter_modules(greaterbay.__path__) if not found.ispkg]
    for package in ENTRIES:
        path = importlib.import_module(f"greaterbay.{package}").__path__
        names += [f"greaterbay.{package}.{found.name}" for found in pkgutil.iter_modules(path)]
    return [importlib.import_module(name) for name in names]


def kernels() -> dict[str, object]:
    """Compiled functions by name, each once, without the helpers that are compiled into them (``kernels.inlined``)."""
    from numba.core.registry import CPUDispatcher

    found = {}
    for module in modules():
        for name, value in vars(module).items():
            own = isinstance(value, CPUDispatcher) and value.py_func.__module__ == module.__name__
            if own and not value.targetoptions.get("forceinline"):
                found[f"{module.__name__}.{name}"] = value
    return found


def takes_arrays(signature) -> bool:
    """Is one of the arguments an array or a tuple of arrays?"""
    from numba import types

    return any(isinstance(kind, (types.Array, types.BaseTuple)) for kind in signature)


@pytest.fixture(scope="module")
def signatures() -> dict[str, list]:
    """Signatures for which each kernel is compiled in a run of its own (other tests call kernels as they like)."""
    code = (
        "import json, sys; sys.path[:0] = json.loads(sys.argv[1])\n"
        "from small_bay import small_scenario\n"
        "from test_budget import kernels, takes_arrays\n"
        "from greaterbay import Bay\n"
        "Bay(scenario=small_scenario('run.end=2024-12-31')).run_to_end()\n"
        "print(json.dumps({n: [[str(s), takes_arrays(s)] for s in k.signatures] for n, k in kernels().items()}))\n"
    )
    here = Path(__file__).parent
    folders = json.dumps([str(here), str(here.parent)])
    done = subprocess.run([sys.executable, "-c", code, folders], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_each_kernel_is_compiled_once(signatures):
    # helpers of kernels, and those that take numbers only, may serve several types
    twice = {name: found for name, found in signatures.items() if sum(arrays for _, arrays in found) > 1}
    assert not twice, "\n".join(f"{name}: {found}" for name, found in twice.items())


def test_a_run_uses_most_kernels(signatures):
    # else the test above would prove nothing
    used = [name for name, found in signatures.items() if found]
    assert len(used) > 40


def test_outputs_are_single_precision_or_whole_numbers(small_run):
    arrays = small_run.record.arrays()
    assert set(arrays) == set(outputs.table())
    assert {array.dtype for array in arrays.values()} <= {np.dtype(np.float32), np.dtype(np.int32)}


@pytest.mark.parametrize("module", ["greaterbay.scenario.load", "greaterbay.outputs", "greaterbay.policy.catalogue"])
def test_declarations_import_nothing_heavy(module):
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"numba", "mesa", "xarray", "scipy", "pandas", "matplotlib"}
