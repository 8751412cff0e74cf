"""The committed table of measured effects, and one effect for each group of levers measured again."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from greaterbay.comparison import effects, lever_effects
from greaterbay.evidence import measured
from greaterbay.policy import catalogue

LEVERS = catalogue.levers()
# one for each mechanism, of those whose effect is plain in a few small runs
AGAIN = (
    "talent_register", "information_platform", "carrier_cooperation", "new_labs", "proof_of_concept", "demonstration_projects",
    "differentiated_support", "data_credit", "business_environment", "finance_barrier", "technology_barrier", "production_relocation",
)


def test_the_table_holds_every_lever_as_the_catalogue_declares_it():
    rows = measured.effects()
    assert list(rows) == list(LEVERS)
    for name, row in rows.items():
        lever = LEVERS[name]
        assert (row["outcome"], int(row["expected"])) == (lever.primary_outcome, lever.expected_sign), name
        assert float(row["value"]) == pytest.approx(lever.strong_value), name
        assert row["status"] in (lever_effects.EFFECT, lever_effects.AGAINST, lever_effects.BELOW), name


def test_four_in_five_measures_of_the_paper_have_a_lever_with_an_effect():
    seen = {document for name, row in measured.effects().items() if row["status"] == lever_effects.EFFECT
            for document in LEVERS[name].documents if document.startswith("L")}
    assert len(seen) >= 0.8 * 31, sorted(seen)
    assert not [name for name, row in measured.effects().items() if row["status"] == lever_effects.AGAINST]


def test_status_follows_sign_and_adjusted_p():
    rows = [
        {"p": 1e-6, "effect": 2.0, "expected": 1}, {"p": 1e-6, "effect": -2.0, "expected": 1}, {"p": 0.04, "effect": 2.0, "expected": 1},
    ]
    judged = lever_effects._judged(rows)
    assert [row["status"] for row in judged] == [lever_effects.EFFECT, lever_effects.AGAINST, lever_effects.EFFECT]
    assert [row["p_holm"] for row in judged] == pytest.approx(effects.holm(np.array([1e-6, 1e-6, 0.04])).tolist())
    alone = [{"p": 0.04, "effect": 2.0, "expected": 1}, {"p": 0.9, "effect": 0.1, "expected": 1}]
    assert {row["status"] for row in lever_effects._judged(alone)} == {lever_effects.BELOW}


def test_effects_of_one_lever_for_each_mechanism_measured_again(tmp_path):
    rows = lever_effects.measure(AGAIN, replicates=2, scale=0.02, until=date(2023, 12, 31))
    assert [row["lever"] for row in rows] == list(AGAIN)
    for row in rows:
        assert np.sign(row["effect"]) == row["expected"], row["lever"]
        assert measured.effects()[row["lever"]]["status"] == lever_effects.EFFECT, row["lever"]
        assert (row["public_cost"] > 0) == bool(LEVERS[row["lever"]].payer), row["lever"]
    lever_effects.write(rows, tmp_path / "table.csv", 2, 0.02, date(2023, 12, 31))
    assert (tmp_path / "table.csv").read_text(encoding="utf-8").count("\n") == 2 + len(AGAIN)
