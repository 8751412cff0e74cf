"""The tally of a quarter and the record of a run."""

from __future__ import annotations

import numpy as np
import pytest

from greaterbay import outputs
from greaterbay.record import Record, Tally

SIZES = {"city": 5, "city_to": 5, "field": 3, "kind": 3, "stage": 5, "entry_channel": 5, "technology": 4, "lever": 2, "payer": 4}
CITIES = 3  # of the five places
TABLE = outputs.table()


@pytest.fixture
def tally() -> Tally:
    return Tally(SIZES)


@pytest.fixture
def record() -> Record:
    return Record(SIZES, 4, CITIES)


def test_shapes_and_types_are_those_declared(tally, record):
    record.keep(tally)
    arrays = record.arrays()
    assert list(arrays) == list(TABLE)
    for name, array in arrays.items():
        assert array.shape == (1, *(SIZES[d] for d in TABLE[name].dims[1:])), name
        assert array.dtype == TABLE[name].dtype, name


def test_amounts_add_up_where_indices_repeat(tally):
    tally.add("inventions", np.array([0, 2, 0]), np.array([1.0, 2.0, 4.0]))
    tally.add("conversions_field", (np.array([1, 1]), np.array([2, 2])), np.array([3.0, 5.0]))
    tally.flow("flow_capital_credit", np.array([0, 0]), np.array([4, 4]), np.array([1.0, 1.5]))
    assert tally.arrays["inventions"].tolist() == [5.0, 0.0, 2.0, 0.0, 0.0]
    assert tally.arrays["conversions_field"][1, 2] == 8.0
    assert tally.matrix("flow_capital_credit")[0, 4] == 2.5


def test_a_value_without_outside_places_leaves_them_zero(tally):
    tally.set("firms", np.array([1.0, 2.0, 3.0]))
    tally.set("mean_degree", 2.5)
    assert tally.arrays["firms"].tolist() == [1.0, 2.0, 3.0, 0.0, 0.0]
    assert tally.arrays["mean_degree"] == 2.5


def test_a_new_quarter_begins_at_zero(tally):
    tally.add("inventions", 0, 3.0)
    tally.open_quarter()
    assert all(not array.any() for array in tally.arrays.values())


def test_quarters_are_kept_one_after_the_other(tally, record):
    for quarter in range(3):
        tally.open_quarter()
        tally.add("inventions", 1, 10.0 + quarter)
        record.keep(tally)
    assert record.filled == 3
    assert record.arrays()["inventions"][:, 1].tolist() == [10.0, 11.0, 12.0]


def test_ratios_come_from_summed_parts_and_are_undefined_over_nothing(tally, record):
    ratios = [output for output in TABLE.values() if output.is_ratio]
    assert {"conversion_rate", "output_per_head", "wage", "adoption_share"} <= {o.id for o in ratios}
    for output in ratios:
        tally.arrays[output.numerator][...] = 3.0
        tally.arrays[output.denominator][...] = 4.0
        tally.arrays[output.denominator][0] = 0.0
    record.keep(tally)
    arrays = record.arrays()
    for output in ratios:
        top, bottom = tally.arrays[output.numerator], tally.arrays[output.denominator]
        assert np.isnan(arrays[output.id][0, 0]).all(), output.id
        np.testing.assert_allclose(arrays[output.id][0, 1:CITIES], top[1:CITIES] / bottom[1:CITIES])


def test_city_variables_are_undefined_outside_but_flows_are_not(tally, record):
    tally.flow("flow_talent_person_firm", 4, 0, 7.0)
    record.keep(tally)
    arrays = record.arrays()
    assert np.isnan(arrays["firms"][0, CITIES:]).all() and np.isfinite(arrays["firms"][0, :CITIES]).all()
    assert arrays["flow_talent_person_firm"][0, 4, 0] == 7.0
    assert np.isfinite(arrays["flow_talent_person_firm"]).all()


def test_money_of_payers_outside_is_kept(tally, record):
    """The nation may pay: public cost is defined at the outside places too."""
    tally.add("public_cost", 3, 9.0)
    record.keep(tally)
    assert record.arrays()["public_cost"][0].tolist() == [0.0, 0.0, 0.0, 9.0, 0.0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["rent", "mean_degree", "flow_capital_venture", "pipeline"])
def test_a_number_that_is_not_finite_stops_the_run_and_is_named(tally, record, name, value):
    record.keep(tally)
    tally.arrays[name][...] = value
    with pytest.raises(FloatingPointError, match=f"^output {name} is not finite$"):
        record.keep(tally)
    assert record.filled == 1


def test_a_bay_says_in_which_quarter_a_number_was_not_finite(bay, monkeypatch):
    keep = bay.record.keep

    def spoilt(tally):
        if bay.quarter == bay.start + 1:
            tally.arrays["rent"][...] = np.nan
        keep(tally)

    monkeypatch.setattr(bay.record, "keep", spoilt)
    bay.step()
    with pytest.raises(FloatingPointError, match="^2020 ?Q2: output rent is not finite$"):
        bay.step()


def test_an_unknown_output_is_refused(tally):
    with pytest.raises(KeyError):
        tally.add("inventons", 0, 1.0)
    with pytest.raises(KeyError, match="unknown output 'inventons'; did you mean 'inventions'"):
        outputs.get("inventons")


def test_declarations_are_whole():
    for output in TABLE.values():
        assert output.dims[0] == "quarter" and set(output.dims[1:]) <= set(SIZES), output.id
        assert output.kind in outputs.KINDS and output.over_time in outputs.TIME_RULES, output.id
        assert output.over_cities in outputs.CITY_RULES, output.id
        assert output.label and output.label_zh and output.unit and output.unit_zh, output.id
        assert output.is_ratio == (output.over_time == "ratio"), output.id
        if output.is_ratio:
            assert {output.numerator, output.denominator} <= set(TABLE), output.id
            assert not TABLE[output.numerator].is_ratio and not TABLE[output.denominator].is_ratio
            assert TABLE[output.numerator].dims == TABLE[output.denominator].dims == output.dims, output.id
        if output.flow:
            assert output.dims == ("quarter", "city", "city_to"), output.id
            assert output.from_kind and output.to_kind, output.id
    lines = [(o.flow, o.channel, o.from_kind, o.to_kind) for o in outputs.flows()]
    assert len(set(lines)) == len(lines)
    assert len(outputs.headlines()) >= 10
