"""The clock: quarters are integers, dates enter and leave at their edges."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from greaterbay import clock

DAYS = [date(2019, 12, 1) + timedelta(days=i) for i in range(900)]


def test_a_quarter_is_year_times_four():
    assert clock.quarter_of(date(2020, 1, 1)) == 8080
    assert clock.quarter_of(date(2026, 12, 31)) == 2026 * 4 + 3
    assert clock.label(clock.quarter_of(date(2026, 2, 14))) == "2026Q1"
    assert clock.label(2035 * 4 + 3) == "2035Q4"


def test_every_day_lies_in_its_quarter():
    for day in DAYS:
        quarter = clock.quarter_of(day)
        assert clock.first_day(quarter) <= day <= clock.last_day(quarter)
        assert clock.year_of(quarter) == day.year
        assert clock.is_first_day(day) == (day.day == 1 and day.month in (1, 4, 7, 10))
        assert clock.is_last_day(day) == clock.is_first_day(day + timedelta(days=1))


def test_quarters_follow_each_other_without_gap():
    for quarter in range(1950 * 4, 2150 * 4):
        assert clock.first_day(quarter + 1) - clock.last_day(quarter) == timedelta(days=1)
        assert clock.quarter_of(clock.first_day(quarter)) == quarter
        assert clock.quarter_of(clock.last_day(quarter)) == quarter
        assert 90 <= (clock.last_day(quarter) - clock.first_day(quarter)).days + 1 <= 92


def test_the_nearest_edge_is_nearest():
    for day in DAYS:
        for nearest, is_edge in ((clock.nearest_first_day, clock.is_first_day),
                                 (clock.nearest_last_day, clock.is_last_day)):
            found = nearest(day)
            assert is_edge(found)
            away = abs((found - day).days)
            assert not any(is_edge(day + timedelta(days=k)) for k in range(-away + 1, away))


@pytest.mark.parametrize(("base", "expected"),
                         [("quarter", 0.08), ("none", 0.08), ("meeting", 0.08), ("year", 0.02)])
def test_rates_come_to_the_step_of_a_quarter(base, expected):
    assert clock.per_quarter(0.08, base) == expected


@pytest.mark.parametrize("base", ["month", "Year", "", "1/year"])
def test_an_unknown_time_base_is_refused(base):
    with pytest.raises(ValueError, match="allowed: none, quarter, year, meeting"):
        clock.per_quarter(0.08, base)
