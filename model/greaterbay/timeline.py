"""The quarter: named calls under headings, in this order, and nothing else.

All actors read the state at the beginning of a phase and the phase's entry writes it (synchronous phases), so the order
of actors inside a phase does not matter. Heavy modules are imported when the timeline is first played, so that the list
can be shown quickly.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Phase(NamedTuple):
    """One heading of the quarter with the calls under it (``module:function`` inside the package)."""

    number: int
    title: str
    title_zh: str
    calls: tuple[str, ...]


PHASES = (
    Phase(1, "Governments act", "政府行动", ("policy.government:set_budgets", "policy.government:set_levers")),
    Phase(2, "People move", "人才流动", ("exchange.mobility:move_people",)),
    Phase(3, "Partners find each other", "寻找合作", ("exchange.partnering:find_partners",)),
    Phase(4, "Knowledge is made and shared", "知识创造与共享", ("exchange.learning:share_knowledge",)),
    Phase(5, "Results are converted", "成果转化", ("exchange.conversion:convert",)),
    Phase(6, "Technology is transferred", "技术转移", ("exchange.transfer:transfer_technology",)),
    Phase(7, "Money flows", "资金流动", ("exchange.finance:move_money",)),
    Phase(8, "Markets decide", "市场竞争", ("exchange.market:decide_markets",)),
    Phase(9, "Technologies spread", "技术扩散", ("exchange.diffusion:spread_technologies",)),
    Phase(10, "The books close", "账目结清", ("books:close_quarter",)),
)


def calls() -> list[tuple[Phase, Callable[[Any], None]]]:
    """The functions of the quarter in order."""
    found = []
    for phase in PHASES:
        for name in phase.calls:
            module, function = name.split(":")
            found.append((phase, getattr(importlib.import_module(f"greaterbay.{module}"), function)))
    return found


def play(bay) -> None:
    """Play one quarter; the time of each phase is added to ``bay.timings`` (seconds).

    After each call ``bay.watch(bay, phase number)`` is called where somebody watches; a watcher reads and changes nothing.
    """
    for phase, call in calls():
        begin = time.perf_counter()
        call(bay)
        bay.timings[phase.number] = bay.timings.get(phase.number, 0.0) + time.perf_counter() - begin
        if bay.watch is not None:
            bay.watch(bay, phase.number)
