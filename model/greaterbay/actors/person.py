"""Skilled people: researchers and engineers, one row per simulated person, ``weight`` real persons each."""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from greaterbay.actors.columns import Table, columns, view_type
from greaterbay.kernels import kernel
from greaterbay.streams import normal_quantile

COLUMNS = columns("people")
PersonView = view_type("PersonView", COLUMNS, __name__)
Skilled = namedtuple("Skilled", ["alive", "city", "employer", "weight", "skill"])
Dismissed = namedtuple("Dismissed", ["alive", "id", "employer", "former", "idle"])


class People(Table):
    """Table of skilled people; see ``COLUMNS``."""

    def __init__(self, capacity: int):
        super().__init__(COLUMNS, PersonView, capacity)


def skill_of(ids: np.ndarray, bay) -> np.ndarray:
    """Efficiency units of people, lognormal with mean one, by identity."""
    sd = bay.parameters.mobility.skill_sd
    return np.exp(sd * bay.streams.normals("initial", 0, ids, 5) - 0.5 * sd * sd)


@kernel
def _add_skills(people, skills):
    for i in range(people.alive.shape[0]):
        if people.alive[i] and people.employer[i] >= 0:
            skills[people.city[i]] += people.weight[i] * people.skill[i]


def add_skills(people: People, skills: np.ndarray) -> None:
    """Efficiency units of people at work, added by city (C,)."""
    _add_skills(people.part(Skilled), skills)


@kernel
def _dismiss(people, gone):
    for i in range(people.alive.shape[0]):
        e = people.employer[i]
        if people.alive[i] and e >= 0 and gone[e]:
            people.employer[i] = people.former[i] = -1
            people.idle[i] = 0


def dismiss(people: People, gone: np.ndarray) -> None:
    """Everybody who works for a node that is ``gone`` (N,) is out of work; nobody remembers it as the employer before."""
    _dismiss(people.part(Dismissed), gone)


def named_rows(bay) -> np.ndarray:
    """People at work who are named talents (rows)."""
    people, p = bay.people, bay.parameters.mobility
    sd = p.skill_sd
    threshold = np.exp(sd * normal_quantile(1.0 - min(p.named_top, 1.0 - 1e-9)) - 0.5 * sd * sd)
    rows = np.flatnonzero((people.alive == 1) & (people.employer >= 0) & (people.skill >= threshold))
    share = bay.values.named_talents[people.city[rows]] / p.named_top
    return rows[bay.streams.uniforms("named", 0, people.id[rows]) < share]
