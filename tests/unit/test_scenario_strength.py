"""How strongly a lever acts in a quarter."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greaterbay.clock import quarter_of
from greaterbay.scenario.schema import LeverSetting

START, END = quarter_of(date(2026, 1, 1)), quarter_of(date(2033, 12, 31))


def test_an_undated_lever_is_there_from_the_first_quarter():
    setting = LeverSetting("x", 1.0)
    assert [setting.strength(quarter) for quarter in (0, START, END + 100)] == [1.0, 1.0, 1.0]


def test_a_lever_without_ramp_is_switched():
    setting = LeverSetting("x", 1.0, start=START, end=END)
    assert [setting.strength(q) for q in (START - 1, START, END, END + 1)] == [0.0, 1.0, 1.0, 0.0]


def test_a_ramp_reaches_the_full_value_at_start_plus_ramp():
    setting = LeverSetting("x", 1.0, start=START, ramp=8, end=END, exit="ramp")
    rising = [setting.strength(START + step) for step in range(-1, 10)]
    assert rising == [0.0, 0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0, 1.0]
    falling = [setting.strength(END + step) for step in range(0, 10)]
    assert falling == [1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0, 0.0]


def test_an_exit_starts_from_what_was_reached():
    setting = LeverSetting("x", 1.0, start=START, ramp=8, end=START + 4, exit="ramp")
    assert setting.strength(START + 4) == 0.5
    assert setting.strength(START + 8) == 0.25
    assert setting.strength(START + 12) == 0.0


def test_a_cliff_after_a_ramp():
    setting = LeverSetting("x", 1.0, start=START, ramp=8, end=END)
    assert (setting.strength(END), setting.strength(END + 1)) == (1.0, 0.0)


@given(
    start=st.integers(8000, 8100),
    ramp=st.integers(0, 40),
    length=st.one_of(st.none(), st.integers(0, 60)),
    exit=st.sampled_from(["cliff", "ramp"]),
)
def test_strength_rises_once_and_falls_once(start, ramp, length, exit):
    end = None if length is None else start + length
    setting = LeverSetting("x", 1.0, start=start, ramp=ramp, end=end, exit=exit)
    path = [setting.strength(quarter) for quarter in range(start - 2, start + 110)]
    assert all(0.0 <= value <= 1.0 for value in path)
    assert path[:2] == [0.0, 0.0]
    peak = path.index(max(path))
    assert path[:peak] == sorted(path[:peak])
    assert path[peak:] == sorted(path[peak:], reverse=True)
    if length is None or length >= ramp:
        assert setting.strength(start + ramp) == 1.0
    if end is None:
        assert path[-1] == 1.0
    else:
        assert setting.strength(end + 1 + (ramp if exit == "ramp" else 0)) == 0.0
        steps = [b - a for a, b in zip(path, path[1:], strict=False)]
        if exit == "ramp" and ramp:
            assert max(map(abs, steps)) <= 1 / ramp + 1e-12


def test_settings_cannot_be_changed():
    with pytest.raises(AttributeError):
        LeverSetting("x", 1.0).value = 2.0
