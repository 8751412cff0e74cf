"""Fixtures of the unit tests: small bays that share one warm-up."""

from __future__ import annotations

import os
from functools import partial

import pytest


@pytest.fixture(scope="session")
def warm_folder(tmp_path_factory):
    """Folder of warm-up states, shared by the processes of a session."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "warm"


@pytest.fixture(scope="session")
def make_bay(warm_folder):
    """``make_bay(levers=..., probes=..., parameters=..., end=...)``: a released small bay."""
    import trial_bay

    return partial(trial_bay.build, warm_folder)


@pytest.fixture
def bay(make_bay):
    """A baseline bay at release, for one test alone."""
    return make_bay()
