"""Skilled people: researchers and engineers, one row per simulated person, ``weight`` real persons each."""

from __future__ import annotations

import numpy as np

from greaterbay.actors.columns import Column, Table, view_type

COLUMNS = (
    Column("id", "u8", 0, "-", "identity: (city, ordinal) at the start, (institute or origin, quarter, ordinal) later"),
    Column("alive", "i1", 0, "0/1", "in use"),
    Column("city", "i1", -1, "city", "city of work and home"),
    Column("field", "i1", -1, "field", "field of the qualification"),
    Column("home", "i1", -1, "jurisdiction", "jurisdiction in which the qualification was earned"),
    Column("weight", "f8", 0, "persons", "number of real persons the row stands for; a mover takes it along"),
    Column("skill", "f4", 1, "relative", "efficiency units, mean about one"),
    Column("age", "f4", 30, "years", "age"),
    Column("employer", "i8", -1, "node", "employer (institute or firm node), -1 when out of work"),
    Column("former", "i8", -1, "node", "employer before"),
    Column("idle", "i2", 0, "quarters", "quarters out of work"),
)
PersonView = view_type("PersonView", COLUMNS, __name__)


class People(Table):
    """Table of skilled people; see ``COLUMNS``."""

    def __init__(self, capacity: int):
        super().__init__(COLUMNS, PersonView, capacity)


def skill_of(ids: np.ndarray, bay) -> np.ndarray:
    """Efficiency units of people, lognormal with mean one, by identity."""
    sd = bay.parameters.mobility.skill_sd
    return np.exp(sd * bay.streams.normals("initial", 0, ids, 5) - 0.5 * sd * sd)
