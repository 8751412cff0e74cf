"""Parameters: declared once, refused when wrong, converted to the quarter, readable by kernels."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys

import pytest

from greaterbay import parameters
from greaterbay.parameters import Parameters

TABLE = parameters.table()


def test_values_lie_within_their_bounds():
    for row in TABLE.values():
        assert math.isfinite(row.value) and math.isfinite(row.low) and math.isfinite(row.high), row.id
        assert row.low <= row.value <= row.high and row.low < row.high, row.id


def test_every_row_says_what_it_is():
    for row in TABLE.values():
        group, name = row.id.split(".")
        assert group.isidentifier() and name.isidentifier()
        assert row.unit and row.label and row.label_zh and row.reference, row.id
        assert any("\u4e00" <= letter <= "\u9fff" for letter in row.label_zh), row.id
        assert row.time_base in ("none", "quarter", "year", "meeting"), row.id


def test_defaults_are_the_table():
    values = Parameters()
    assert values.declared == {key: row.value for key, row in TABLE.items()}
    for key, row in TABLE.items():
        group, name = key.split(".")
        step = row.value / 4 if row.time_base == "year" else row.value
        assert getattr(getattr(values, group), name) == step


def test_rates_per_year_are_four_times_those_per_quarter():
    yearly = [row for row in TABLE.values() if row.time_base == "year"]
    assert len(yearly) >= 5
    for row in yearly:
        group, name = row.id.split(".")
        value = row.low + 0.5 * (row.high - row.low)
        changed = Parameters({row.id: value})
        assert 4 * getattr(getattr(changed, group), name) == pytest.approx(value, rel=1e-12)
        assert changed.declared[row.id] == value


def test_a_change_changes_only_itself():
    plain, changed = Parameters(), Parameters({"partnering.border_weight": 1.2})
    assert changed.partnering.border_weight == 1.2
    differing = {key for key in TABLE if plain.declared[key] != changed.declared[key]}
    assert differing == {"partnering.border_weight"}
    assert plain.mobility == changed.mobility


def test_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(KeyError, match="'partnering.border_wieght'; did you mean 'partnering.border_weight'"):
        Parameters({"partnering.border_wieght": 1.0})
    with pytest.raises(KeyError, match="unknown parameter"):
        Parameters({"border_weight": 1.0})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.1, 1.01])
def test_value_out_of_bounds_is_refused(value):
    with pytest.raises(ValueError, match="parameter mobility.look is .*; allowed: .*0 to 1 probability"):
        Parameters({"mobility.look": value})


def test_bounds_themselves_are_allowed():
    for row in TABLE.values():
        for value in (row.low, row.high):
            assert Parameters({row.id: value}).declared[row.id] == value


def test_groups_can_be_pickled():
    """Processes hand them over, and compiled kernels are kept on disk under their types' names."""
    values = Parameters({"market.selection": 0.01})
    again = pickle.loads(pickle.dumps(values.market))
    assert again == values.market and type(again) is type(values.market)


def test_a_group_has_a_type_that_can_be_found():
    for group, kind in parameters.groups().items():
        assert getattr(parameters, kind.__name__) is kind
        assert kind.__module__ == "greaterbay.parameters"
        assert kind._fields == tuple(key.split(".")[1] for key in TABLE if key.split(".")[0] == group)
    with pytest.raises(AttributeError):
        _ = parameters.nothing_parameters


def test_the_table_needs_no_heavy_library():
    code = ("import sys; from greaterbay import parameters; parameters.Parameters();"
            "assert not {'numpy', 'numba', 'mesa'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code], check=True)
