"""What a bay consists of: groups of state whose members are declared once, in ``state.csv``.

``stored`` and ``shape`` say how a member lies in memory (C cities, F fields, J jurisdictions, P places, Q payers, L levers,
N nodes, T technologies; ``rows`` of a table), ``kept`` whether it is carried from the warm-up into the run. Who writes a
member in a quarter is said beside each call of the timeline (``timeline.py``); everything else is written when the world
is built (``build.py``) or released (``warm_up.py``). ``greaterbay show --state`` prints the table.

Tables of actors (firms, people ...) have one column a member; ``GROUPS`` are plain holders (``Group``), in which a member that
is not declared cannot be set; the rest are classes of their own.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TITLES = {
    "world": ("what does not move while a run lasts", "运行期间不变的世界"),
    "reference": ("where things stood at the start", "起始参照"),
    "firms": ("firms", "企业"),
    "institutes": ("universities and laboratories", "高校与实验室"),
    "people": ("skilled people", "技术人员"),
    "funds": ("funds and bank desks", "基金与银行科技部"),
    "inventions": ("inventions in force", "有效发明"),
    "ties": ("collaboration ties", "合作关系"),
    "places": ("where firms are found", "企业所在位置"),
    "network": ("what actors see of each other", "主体间可见的网络"),
    "technologies": ("technologies that spread", "扩散中的技术"),
    "prices": ("wages and rents", "工资与租金"),
    "labour": ("skilled work by city", "各城市人才市场"),
    "economy": ("markets and growth", "市场与增长"),
    "capital": ("private money set aside", "预留的民间资本"),
    "public_money": ("money of governments", "政府资金"),
    "values": ("what levers change", "杠杆改变的量"),
    "budgets": ("public money for levers", "杠杆经费"),
    "instruments": ("subsidies and awards", "补贴与奖励"),
    "ledger": ("the books", "账簿"),
    "stocks": ("counts that the books start from", "结账所用的清点"),
    "tally": ("outputs of the quarter", "本季度输出"),
    "record": ("outputs of the run", "全程输出"),
}
TABLES = ("firms", "institutes", "people", "funds", "inventions", "ties")
GROUPS = ("world", "reference", "network", "technologies", "prices", "labour", "economy", "capital", "public_money", "stocks")


@dataclass(frozen=True)
class Member:
    """One declared member of a group."""

    group: str
    name: str
    stored: str
    shape: str
    empty: str
    kept: bool
    unit: str
    meaning: str
    meaning_zh: str

    @property
    def id(self) -> str:
        """``group.name``."""
        return f"{self.group}.{self.name}"


@cache
def table() -> dict[str, dict[str, Member]]:
    """Members of every group, by name, in the order of ``TITLES``."""
    found: dict[str, dict[str, Member]] = {group: {} for group in TITLES}
    with open(Path(__file__).with_name("state.csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            member = Member(**{**row, "kept": row["kept"] == "yes"})
            found[member.group][member.name] = member
    return found


def kept(group: str) -> list[str]:
    """Members of a group that are carried from the warm-up into the run."""
    return [name for name, member in table()[group].items() if member.kept]


class Group:
    """Some of a bay's state, by the name of its group. Another member than those of ``state.csv`` is refused, one not yet set says so."""

    name = ""

    def __init__(self, name: str):
        object.__setattr__(self, "name", name)

    def __setattr__(self, name: str, value) -> None:
        members = table()[self.name]
        if name not in members:
            raise AttributeError(f"{self.name}.{name} is not declared in state.csv; {self.name} holds {', '.join(members)}")
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str):  # only asked for what is not there; a copy asks before it has its name
        if name in table().get(self.name, {}):
            raise AttributeError(f"{self.name}.{name} is declared and not set yet")
        raise AttributeError(f"{self.name}.{name} is not declared in state.csv")
