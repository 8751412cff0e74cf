"""Labels and units of outputs as a reader expects them: percent, billions, "a year"."""

from __future__ import annotations

from dataclasses import dataclass

from greaterbay import outputs
from greaterbay.outputs import Output
from greaterbay.plots.words import WORDS, word

# unit of the model -> (from this size on, factor, unit shown), largest first
LARGER: dict[str, tuple[tuple[float, float, str], ...]] = {
    "million CNY": ((1e6, 1e-6, "trillion CNY"), (1e3, 1e-3, "billion CNY")),
    "百万元人民币": ((1e6, 1e-6, "万亿元"), (1e2, 1e-2, "亿元")),
    "persons": ((1e6, 1e-6, "million persons"), (1e4, 1e-3, "thousand persons")),
    "人": ((1e4, 1e-4, "万人"),),
    "firms": ((1e4, 1e-3, "thousand firms"),),
    "家": ((1e4, 1e-4, "万家"),),
    "inventions": ((1e4, 1e-3, "thousand inventions"),),
    "项": ((1e4, 1e-4, "万项"),),
}
PERCENT = ("share", "份额")


@dataclass(frozen=True)
class Scale:
    """What to multiply values with, and the unit they then have."""

    factor: float
    unit: str


def label(output: Output, language: str) -> str:
    """Label of an output in a language."""
    return output.label_zh if language == "zh" else output.label


def scale(output: Output, largest: float, language: str, *, yearly: bool = False) -> Scale:
    """Factor and unit that keep the numbers on an axis short when the largest is ``largest``."""
    unit = output.unit_zh if language == "zh" else output.unit
    if unit in PERCENT:
        return Scale(100.0, "%")
    factor = 1.0
    for limit, smaller, larger in LARGER.get(unit, ()):
        if largest >= limit:
            factor, unit = smaller, larger
            break
    if yearly and output.over_time == "sum":
        unit = word("a_year", language, unit=unit)
    return Scale(factor, unit)


def short_label(name: str, language: str) -> str:
    """Two or three words for an output where its full label would be too long."""
    return word(f"short_{name}", language) if f"short_{name}" in WORDS else label(outputs.get(name), language)
