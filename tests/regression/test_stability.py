"""Stability: a hundred quarters of the baseline, the tail of firm sizes, and numbers that are none."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from greaterbay import Bay, books, load_scenario, outputs
from greaterbay.evidence.posteriors import CENTRAL
from greaterbay.ledger import LedgerError
from small_bay import small_scenario, untouched

CITIES = 11


def all_finite(arrays: dict[str, np.ndarray]) -> list[str]:
    """Names of outputs with a number that is not finite where it should be one.

    Outside places have no city variables, and a share over nothing is undefined; everything else is a number.
    """
    found = []
    for name, values in arrays.items():
        output = outputs.get(name)
        inside = values[:, :CITIES] if "city" in output.dims and "city_to" not in output.dims else values
        if output.is_ratio:
            bottom = arrays[output.denominator][:, :CITIES]
            inside = inside[bottom > 0]
        if not np.isfinite(inside).all():
            found.append(name)
    return found


@pytest.fixture(scope="module")
def century() -> dict[str, np.ndarray]:
    """A hundred quarters, 2020 to 2044, at scale 0.01."""
    bay = Bay(scenario=load_scenario("baseline", overrides=["run.scale=0.01", "run.end=2044-12-31", CENTRAL]))
    bay.run_to_end()
    assert bay.record.filled == 100
    return bay.record.arrays()


def bay_total(arrays, name: str) -> np.ndarray:
    return arrays[name][:, :CITIES].astype(float).sum(axis=1)


def test_every_number_is_finite(century):
    assert all_finite(century) == []


@pytest.mark.parametrize(("name", "least", "most"), [
    ("output", 1.5, 4.0), ("output_simulated", 1.2, 8.0), ("firms", 0.6, 2.0), ("talent", 0.7, 2.0),
    ("rd_private", 1.0, 8.0), ("inventions", 0.7, 4.0), ("conversions", 0.7, 5.0),
    ("inventions_in_force", 0.7, 3.5), ("wage_sum", 1.0, 6.0), ("firm_cash", 0.3, 12.0), ("sales", 1.2, 8.0),
])
def test_nothing_explodes_and_nothing_dies_out(century, name, least, most):
    """Level over the last two years relative to the first two."""
    total = bay_total(century, name)
    assert (total > 0).all()
    assert least < total[-8:].mean() / total[:8].mean() < most


def test_output_grows_smoothly(century):
    """Between -1 and +3 % in every quarter: no jump at the release from the warm-up, no collapse."""
    growth = np.diff(np.log(bay_total(century, "output")))
    assert growth.min() > -0.01 and growth.max() < 0.03
    by_city = np.diff(np.log(century["output"][:, :CITIES].astype(float)), axis=0)
    assert by_city.min() > -0.15 and by_city.max() < 0.15


def test_no_city_dies_out(century):
    for name in ("firms", "talent", "output", "rd_private"):
        level = century[name][:, :CITIES].astype(float)
        ratio = level[-8:].mean(axis=0) / level[:8].mean(axis=0)
        assert (level > 0).all() and ratio.min() > 0.25 and ratio.max() < 15.0, (name, ratio)


def test_entry_keeps_up_with_exit(century):
    entered, left = bay_total(century, "firm_entries"), bay_total(century, "firm_exits")
    for flow in (entered, left):
        assert 0.02 < 4 * (flow / bay_total(century, "firms")).mean() < 0.15
    assert entered.sum() / left.sum() == pytest.approx(1.0, abs=0.35)


def test_capabilities_neither_explode_nor_vanish(century):
    level = century["capability"][:, :CITIES].astype(float)
    assert level.min() > 0.05 and level.max() < 0.95
    late = level[-40:].mean(axis=1)
    assert abs(late[-8:].mean() - late[:8].mean()) < 0.05


def test_capability_distances_are_not_frozen(century):
    """Partners stay different: the mean distance tends neither to zero nor to one, and it keeps moving."""
    distance = century["capability_distance"].astype(float)
    assert distance.min() > 0.05 and distance.max() < 0.6
    slope = np.polyfit(np.arange(40), distance[-40:], 1)[0]
    assert abs(slope) * 40 < 0.06
    assert np.abs(np.diff(distance[-40:])).min() > 0 and distance[-40:].std() > 1e-4


def test_collaboration_goes_on(century):
    assert century["mean_degree"].min() > 1.0 and century["mean_degree"].max() < 5.0
    last = century["mean_degree"][-8:].mean() / century["mean_degree"][8:16].mean()
    assert 0.6 < last < 1.6
    assert (bay_total(century, "ties_border") > 0).all()


def test_labour_markets_clear(century):
    """People out of work and open posts stay small shares, so wages do their work."""
    talent = bay_total(century, "talent")
    assert (bay_total(century, "talent_idle") / talent).max() < 0.12
    assert (bay_total(century, "vacancies") / talent).max() < 0.15
    wage = century["wage"][:, :CITIES].astype(float)
    growth = (wage[-1] / wage[0]) ** (1 / 24.75) - 1
    assert growth.min() > -0.02 and growth.max() < 0.08, growth


def test_shares_are_shares(century):
    shares = ("conversion_rate", "adoption_share", "core_learning_share", "border_tie_share", "transitivity")
    for name in shares:
        values = century[name][np.isfinite(century[name])]
        assert values.min() >= 0 and values.max() <= 1 + 1e-6, name


@pytest.fixture(scope="module")
def to_2035() -> dict[str, np.ndarray]:
    """The library's baseline as it stands: scale 0.05, 2020 to 2035, one replicate."""
    bay = Bay(scenario="baseline")
    bay.run_to_end()
    return bay.record.arrays()


def test_the_size_tail_stays(to_2035):
    """Tail index of firm sizes between 0.8 and 1.3 in every quarter (one is Zipf's law)."""
    assert to_2035["size_tail"].size == 64
    assert to_2035["size_tail"].min() > 0.8 and to_2035["size_tail"].max() < 1.3


def test_the_library_baseline_is_finite(to_2035):
    assert all_finite(to_2035) == []


def test_output_grows_as_economies_do(to_2035):
    """Between 2 and 7 % a year to 2035."""
    output = bay_total(to_2035, "output")
    yearly = (output[-4:].sum() / output[:4].sum()) ** (1 / 15) - 1
    assert 0.02 < yearly < 0.07


STOPS = (books.BooksError, LedgerError, FloatingPointError)


@pytest.fixture(scope="module")
def second_quarter():
    """A bay that stands before its second quarter."""
    bay = Bay(scenario=small_scenario("run.end=2024-06-30"))
    bay.step()
    return bay


@pytest.mark.parametrize("value", [np.nan, np.inf], ids=["nan", "inf"])
@pytest.mark.parametrize(("table", "column"), [
    ("firms", "cash"), ("firms", "loan"), ("firms", "arrears"), ("firms", "invested"), ("firms", "sales"),
    ("firms", "weight"), ("firms", "productivity"), ("firms", "capability"), ("firms", "staff"),
    ("people", "weight"), ("institutes", "cash"), ("institutes", "capability"), ("funds", "cash"),
    ("funds", "committed"), ("inventions", "weight"),
])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_books_do_not_close_over_a_number_that_is_none(second_quarter, table, column, value):
    """Any column that the books read: the first row in use spoils the close, and the message says when."""
    with untouched(second_quarter) as bay:
        state = getattr(bay, table)
        state.arrays[column][np.flatnonzero(state.alive == 1)[0]] = value
        with pytest.raises(STOPS, match=bay.label):
            books.check(bay)


@pytest.mark.parametrize(("group", "name"), [("prices", "wage_city"), ("prices", "rent_city"), ("public_money", "government_cash")])
def test_the_books_do_not_close_over_a_city_value_that_is_none(second_quarter, group, name):
    with untouched(second_quarter) as bay:
        getattr(getattr(bay, group), name)[3] = np.nan
        with pytest.raises(STOPS, match=bay.label):
            books.check(bay)


@pytest.mark.parametrize("name", ["barrier_technology", "barrier_talent", "barrier_finance"])
def test_the_books_do_not_close_over_a_barrier_that_is_none(second_quarter, name):
    with untouched(second_quarter) as bay:
        getattr(bay.values, name)[0, 2] = np.nan
        with pytest.raises(books.BooksError, match="barriers_not_negative"):
            books.check(bay)


SPOILT = [
    ("firms", "cash", np.nan), ("firms", "cash", np.inf), ("firms", "productivity", np.nan),
    ("firms", "productivity", np.inf), ("firms", "sales", np.nan), ("firms", "rd_paid", np.nan),
    ("firms", "capability", np.nan), ("people", "weight", np.nan), ("people", "skill", np.nan),
    ("institutes", "budget", np.nan), ("institutes", "capability", np.nan), ("funds", "cash", np.nan),
    ("inventions", "weight", np.nan), ("ties", "weight", np.nan),
]


def spoil(bay, table: str, column: str, value: float) -> None:
    """Put a value into twenty rows, of the largest firms or of inventions in the market."""
    state = getattr(bay, table)
    rows = np.flatnonzero(state.alive == 1)
    if table == "firms":
        rows = rows[np.argsort(-state.sales[rows] * state.weight[rows])]
    if table == "inventions":
        rows = rows[state.stage[rows] == 4]
    state.arrays[column][rows[:20]] = value


@pytest.fixture(scope="module", params=SPOILT, ids=lambda case: " ".join(map(str, case)))
def stopped(request) -> BaseException | None:
    """What stops a run into whose second quarter a number was put that is none."""
    bay = Bay(scenario=small_scenario("run.end=2024-06-30"))
    bay.step()
    spoil(bay, *request.param)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            bay.step()
        except STOPS as error:
            return error
    return None


def test_a_number_that_is_none_stops_the_run(stopped):
    """Whatever the phases make of it, it is found within the quarter, and the message says where."""
    assert stopped is not None
    where = ("does not hold", "is not finite", "the books say", "million CNY")
    assert any(words in str(stopped) for words in where)


def test_the_message_says_when(stopped):
    assert "2024Q2" in str(stopped)


def test_a_recorded_number_that_is_none_stops_the_run():
    """The last door: what the books let pass is still refused by the record, by name."""
    bay = Bay(scenario=small_scenario("run.end=2024-06-30"))
    bay.step()
    bay.tally.arrays["inequality"][...] = np.nan
    with pytest.raises(FloatingPointError, match="output inequality is not finite"):
        bay.record.keep(bay.tally)
