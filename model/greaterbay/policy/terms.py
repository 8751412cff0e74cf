"""Terms of a money instrument: what is paid for, how much, to whom, by whom, for how long.

The terms are data. A preset of the catalogue gives the document's, a scenario may change single ones
(``[levers.ID.terms]``); ``TERMS`` declares each with its bounds. Money is million CNY per real recipient, before
weighting; time is in quarters where it is not said to be years.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

# spending of a firm that a rate applies to, and events that a lump sum is paid for
SPENDING = ("research", "investment", "pilot", "adoption", "premium", "profit_tax", "deduction", "vat", "training")
EVENTS = ("growth", "size", "top", "arrival", "market_entry", "demonstration", "new_tie", "periphery_tie")
FUND = "fund"
BASES = (*SPENDING, *EVENTS, FUND)
# what a recipient does with the money: research of the next quarter (a part is diverted), nothing in particular,
# or own research that has become cheaper
PURPOSES = ("research", "free", "tax")
# paid when the cost arises, so that the recipient needs less money of its own
UPFRONT = ("pilot", "adoption")


@dataclass(frozen=True)
class Term:
    """One term: bounds, unit, and words."""

    low: float
    high: float
    unit: str
    words: str
    words_zh: str
    integer: bool = False


TERMS = {
    "rate": Term(0.0, 1.0, "share", "share of the basis that is paid", "按基数补助比例"),
    "lump": Term(0.0, 1000.0, "million CNY", "sum for one event", "每次事件金额"),
    "cap_year": Term(0.0, 1e6, "million CNY", "most that one recipient gets in a calendar year", "单个对象年度上限"),
    "cap_total": Term(0.0, 1e6, "million CNY", "most that one recipient gets in all", "单个对象累计上限"),
    "cap_budget": Term(0.0, 1e7, "million CNY/year", "most that all recipients get in a calendar year", "年度资金总额"),
    "threshold_sales": Term(0.0, 1e6, "million CNY/year", "yearly sales from which a firm is eligible", "营业收入门槛"),
    "threshold_growth": Term(0.0, 10.0, "1/year", "mean yearly growth from which a firm is eligible", "增速门槛"),
    "growth_years": Term(0, 4, "years", "years over which growth is measured", "增速考核年数", True),
    "threshold_spending": Term(0.0, 1e6, "million CNY/year", "yearly spending from which a firm is eligible", "投入门槛"),
    "threshold_staff": Term(0.0, 1e6, "persons", "skilled staff from which a firm is eligible", "人员门槛"),
    "newcomer": Term(0, 1, "0/1", "only firms that came in (entered or moved in) within the years of support", "仅限新引进企业", True),
    "years": Term(0, 30, "years", "longest time that one recipient is paid (0: no limit)", "单个对象最长年数", True),
    "one_off": Term(0, 1, "0/1", "once for each recipient", "一次性", True),
    "top_number": Term(0, 1e5, "firms", "number of largest firms that count as top", "前列企业数", True),
    "instalments": Term(1, 8, "payments", "equal parts in which an award is paid", "拨付期数", True),
    "gap": Term(1, 8, "quarters", "time between instalments", "拨付间隔", True),
    "delay": Term(0, 8, "quarters", "time from the event to the first payment", "审批时滞", True),
    "performance": Term(0, 1, "0/1", "later instalments only while the recipient pays its bills", "按绩效拨付", True),
    "conditions": Term(0, 1, "0/1", "the four conditions for applicants hold", "四项申请条件", True),
    "detection": Term(0.0, 1.0, "1/year", "chance that misuse is found in a year", "违规查出率"),
    "local_share": Term(0.0, 1.0, "share", "part that a core city bears itself, the rest its jurisdiction", "核心城市自担比例"),
    "local_share_periphery": Term(0.0, 1.0, "share", "part that another city bears itself", "外围城市自担比例"),
    "duration": Term(0, 400, "quarters", "time from the start to the sunset (0: none)", "有效期", True),
}


@dataclass(frozen=True)
class Terms:
    """Terms of one instrument; see ``TERMS``. ``stack``: recipients take the best of one group; empty: beside all others.

    ``sunset`` is the last quarter in which awards are made, beside ``duration``; a scenario may give it as a date.
    """

    basis: str
    purpose: str = "free"
    stack: str = ""
    rate: float = 0.0
    lump: float = 0.0
    cap_year: float = float("inf")
    cap_total: float = float("inf")
    cap_budget: float = float("inf")
    threshold_sales: float = 0.0
    threshold_growth: float = 0.0
    growth_years: int = 0
    threshold_spending: float = 0.0
    threshold_staff: float = 0.0
    newcomer: int = 0
    years: int = 0
    one_off: int = 0
    top_number: int = 0
    instalments: int = 1
    gap: int = 2
    delay: int = 0
    performance: int = 0
    conditions: int = 0
    detection: float = 0.0
    local_share: float = -1.0
    local_share_periphery: float = -1.0
    duration: int = 0

    @property
    def per_unit(self) -> float:
        """What is paid for a unit of the basis: a rate of spending or a sum for an event."""
        return self.lump if self.basis in EVENTS else self.rate

    @property
    def horizon(self) -> int:
        """Quarters from an award to its last payment, and one."""
        return self.delay + (self.instalments - 1) * self.gap + 1


def terms_of(declared: Mapping[str, Any], changed: Mapping[str, Any] = {}) -> Terms:
    """Terms of a preset with single ones changed by a scenario; an unknown term is a ``ValueError``."""
    known = {one.name for one in fields(Terms)}
    for key in (*declared, *changed):
        if key not in known and key != "sunset":
            raise ValueError(f"unknown term {key!r}")
    return replace(Terms(**declared), **{key: value for key, value in changed.items() if key != "sunset"})
