"""What is declared is used: parameters, streams, columns, outputs, instruments."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import reading
from trial_bay import change, together

from greaterbay import outputs, parameters, streams
from greaterbay.actors import firm, fund, institute, invention, person
from greaterbay.ledger import INSTRUMENTS
from greaterbay.policy import catalogue, named_values
from greaterbay.region.barriers import ATTRIBUTES, KINDS

TABLES = {
    "firm": firm.COLUMNS,
    "fund": fund.COLUMNS,
    "institute": institute.COLUMNS,
    "person": person.COLUMNS,
    "invention": invention.COLUMNS,
    "tie": invention.TIE_COLUMNS,
}
# what is declared without being read inside the model, and why
PARAMETERS_FOR_OTHERS = {
    "economy.discount_rate",  # present values of public cost are formed from results, not in a run
}
COLUMNS_FOR_OTHERS: set[str] = set()
OUTPUTS_THAT_MAY_BE_ZERO: set[str] = set()


def test_every_parameter_is_read_by_name():
    groups = {key.split(".")[0] for key in parameters.table()}
    # the weights of the barriers are read in one loop over attributes (see test_barriers)
    found = reading.parameters_read(groups) | {
        f"border.{kind}_{name}" for kind in KINDS for name in ATTRIBUTES
    }
    # what a named value is without levers
    found |= {value.base for value in named_values.table().values() if value.base in parameters.table()}
    assert set(parameters.table()) - found - PARAMETERS_FOR_OTHERS == set()
    assert {key for key in found if key.split(".")[1] not in ("_replace", "_asdict")} <= set(
        parameters.table()
    )


def test_every_stream_is_drawn_from():
    assert set(streams.STREAMS) - reading.streams_drawn() == set()


def test_every_key_that_a_kernel_receives_is_used():
    assert reading.fields_unread("Keys") == set()


def test_every_column_is_read():
    read = reading.attributes_read()
    unread = {
        f"{table}.{column.name}"
        for table, columns in TABLES.items()
        for column in columns
        if column.name not in read
    }
    assert unread - COLUMNS_FOR_OTHERS == set()


def test_every_instrument_is_booked():
    texts = {
        node
        for name, found in ((n, reading.trees()[n]) for n in reading.trees() if n != "ledger.py")
        for node in constants(found)
    }
    assert set(INSTRUMENTS) - texts == set()


def constants(tree):
    import ast

    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.fixture(scope="module")
def busy(make_bay):
    """Nearly four years with every lever on, instruments beside each other and with money for all."""
    levers = together()
    probes = {name: {"start": date(2020, 7, 1)} for name in ("humanoid_robots", "battery_materials")}
    bay = change(make_bay(levers, probes, end=date(2023, 9, 30)), {"market.relocate": 0.01, "mobility.look": 0.4, "economy.policy_room": 5,
                                                                    "economy.jurisdiction_room": 5, "economy.nation_room": 5})
    for one in bay.instruments.all:
        one.terms = replace(one.terms, stack="")
    bay.run_to_end()
    return bay


def test_every_output_is_non_zero_somewhere(busy):
    record = busy.record.arrays()
    zero = {name for name in outputs.table() if not np.nan_to_num(record[name]).any()}
    assert zero - OUTPUTS_THAT_MAY_BE_ZERO == set()


def test_every_lever_that_costs_something_is_paid_for(busy):
    cost = np.nan_to_num(busy.record.arrays()["public_cost_lever"]).sum(axis=(0, 1))
    for at, lever in enumerate(catalogue.levers().values()):
        if lever.id not in together():  # see test_instruments
            continue
        assert (cost[at] > 0) == bool(lever.payer), lever.id


def test_what_is_short_is_a_share(busy):
    short = busy.record.arrays()["lever_short"]
    assert short.min() >= 0 and short.max() <= 1


@pytest.mark.parametrize(
    "name", [name for name, o in outputs.table().items() if o.kind == "share" or o.unit in ("share", "0..1")]
)
def test_shares_lie_between_zero_and_one(busy, name):
    values = np.nan_to_num(busy.record.arrays()[name].astype(float))
    assert values.min() >= 0 and values.max() <= 1.0 + 1e-6
