"""Broken mechanisms are noticed: two in every test run, all by ``make validate``; and every patch still fits the source."""

from __future__ import annotations

import pytest
from mutants import Mutation, declared, notice, patched

from greaterbay.locations import PACKAGE

MUTATIONS = declared()


def test_there_are_enough():
    assert len(MUTATIONS) >= 10 and sum(mutation.fast for mutation in MUTATIONS.values()) == 2
    assert all(mutation.tests or mutation.checks for mutation in MUTATIONS.values())


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=lambda mutation: mutation.id)
def test_the_patch_fits(mutation: Mutation):
    for file, old, new in mutation.patch:
        text = (PACKAGE / file).read_text(encoding="utf-8")
        assert patched(text, old, new, file) != text
    if mutation.checks:
        from greaterbay.validation.run import EXPERIMENTS, every_check

        experiment, _, *wanted = mutation.checks
        assert experiment in [e.id for e in EXPERIMENTS]
        assert set(wanted) <= set(every_check())


def test_a_patch_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="found 2 times"):
        patched("a a", "a", "b", "x.py")


@pytest.mark.parametrize("name", [mutation.id for mutation in MUTATIONS.values() if mutation.fast])
def test_a_broken_mechanism_is_noticed(name):
    assert notice(MUTATIONS[name])
