"""Tables of the ODD and the model card made from the declarations: ``python -m greaterbay.odd_tables`` (or ``make odd``).

The pages of the ODD (``docs/model/``) and ``model/MODEL_CARD.md`` hold the words; what the package declares stands in them
between markers and is written by this module, so that the two cannot differ for long. Names of tables given as arguments are
printed instead; ``odd`` prints all pages as one text.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from greaterbay.locations import PACKAGE

ODD = PACKAGE.parent.parent / "docs" / "model"
CARD = PACKAGE.parent / "MODEL_CARD.md"
MECHANISMS = PACKAGE.parent.parent / "docs" / "mechanisms.md"
MARKED = re.compile(r"(<!-- table:(\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
NO_TIME = ("none", "meeting")


def odd_pages() -> list[Path]:
    """The pages of the ODD in its order: the opening, then by number; none in an installed package."""
    return [page for page in (ODD / "index.md", *sorted(ODD.glob("[0-9]*.md"))) if page.is_file()]


def odd_text() -> str:
    """All pages as one text: sections under the title of the opening, submodels of section 7 one level further down."""
    texts = []
    for page in odd_pages():
        text = page.read_text(encoding="utf-8")
        deeper = 0 if page.name == "index.md" else 2 if re.match(r"# \d+\.\d", text) else 1
        blocks = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
        texts.append("".join(block if block.startswith("```") else re.sub(r"^(?=#+ )", "#" * deeper, block, flags=re.MULTILINE)
                             for block in blocks))
    return "\n".join(texts)


def number(value: float) -> str:
    """A number as short as it can be said."""
    return f"{value:g}".replace("e+0", "e")


def span(low: float, high: float) -> str:
    """Two bounds."""
    return f"{number(low)} to {number(high)}"


def markdown(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of Markdown; bars inside a cell are masked."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines) + "\n"


def schedule() -> str:
    """The phases of the quarter and what is called in each."""
    from greaterbay.timeline import PHASES

    return markdown(("phase", "heading", "call", "reads", "writes"), (
        (p.number, f"{p.title} ({p.title_zh})", f"`{call.name}`", ", ".join(call.reads.split()), ", ".join(call.writes.split()))
        for p in PHASES for call in p.calls))


def state_of(group: str) -> str:
    """The members of one group of state."""
    from greaterbay import state, timeline

    writers = timeline.writers()
    return markdown(("member", "meaning", "unit", "stored as", "written in phase"), (
        (f"`{m.name}`", m.meaning, m.unit, f"{m.stored} ({m.shape})" if m.shape else m.stored, ", ".join(map(str, writers[m.id])) or "–")
        for m in state.table()[group].values()))


def state_groups() -> str:
    """Every group of state that is no table of actors, with its members."""
    from greaterbay import state

    parts = [f"`{group}`: {title} ({title_zh})\n\n{state_of(group)}" for group, (title, title_zh) in state.TITLES.items()
             if group not in state.TABLES]
    return "\n".join(parts)


def sources(reference: str, key: str) -> str:
    """References of a parameter; the record of the same name in the assumptions is called just that."""
    return ", ".join("assumption" if part == f"assumption:{key}" else part for part in reference.split())


def group(name: str) -> str:
    """The parameters of one mechanism: value, hard bounds, unit, time base, meaning, where it comes from."""
    from greaterbay import parameters

    rows = []
    for p in parameters.table().values():
        if p.id.startswith(f"{name}."):
            base = "–" if p.time_base in NO_TIME else p.time_base
            rows.append((f"`{p.id}`", number(p.value), span(p.low, p.high), p.unit, base, p.label,
                         sources(p.reference, p.id)))
    return markdown(("parameter", "value", "bounds", "unit", "per", "meaning", "source"), rows)


def levers() -> str:
    """The catalogue of levers."""
    from greaterbay.policy import catalogue

    heads = ("lever", "unit", "neutral", "plausible", "modifies", "paid by", "primary outcome, expected sign")
    signs = {-1: "−", 0: "0", 1: "+"}
    return markdown(heads, (
        (f"`{lever.id}`", lever.unit, number(lever.neutral), span(lever.plausible_low, lever.plausible_high),
         f"{lever.named_value} ({lever.operation})", catalogue.payer_words(lever),
         f"{lever.primary_outcome}, {signs[lever.expected_sign]}")
        for lever in catalogue.levers().values()))


def headlines() -> str:
    """The outputs that are reported first."""
    from greaterbay import outputs

    return markdown(("output", "meaning", "unit", "kind", "over time", "over cities"), (
        (f"`{o.id}`", f"{o.label} ({o.label_zh})", o.unit, o.kind, o.over_time, o.over_cities)
        for o in outputs.headlines()))


def accounts() -> str:
    """Sectors and instruments of the books."""
    from greaterbay.ledger import INSTRUMENTS, SECTORS

    names = {"sectors": SECTORS, "instruments": INSTRUMENTS}
    return markdown(("what", "names"), ((what, ", ".join(found)) for what, found in names.items()))


def streams() -> str:
    """Named streams of random draws."""
    from greaterbay.streams import STREAMS

    return markdown(("streams",), [(", ".join(STREAMS),)])


def invariants() -> str:
    """What is checked at the close of every quarter."""
    from greaterbay.books import INVARIANTS

    return markdown(("check", "what must hold"), (
        (f"`{name}`", " ".join((function.__doc__ or "").split())) for name, function in INVARIANTS.items()))


def makers() -> dict[str, Callable[[], str]]:
    """Every table by its name in the markers."""
    from functools import partial

    from greaterbay import parameters
    from greaterbay.state import TABLES

    found: dict[str, Callable[[], str]] = {"schedule": schedule}
    found |= {f"state.{group}": partial(state_of, group) for group in TABLES} | {"state.groups": state_groups}
    found |= {f"parameters.{name}": partial(group, name) for name in parameters.groups()}
    found |= {"levers": levers, "headlines": headlines, "accounts": accounts, "streams": streams,
              "invariants": invariants}
    return found


def evidence() -> str:
    """What each lever's strength and effect rest on."""
    from greaterbay.policy import catalogue

    return markdown(("lever", "grade of evidence", "document levers", "references"), (
        (f"`{lever.id}` ({lever.name_zh})", lever.grade, ", ".join(lever.documents), ", ".join(lever.reference))
        for lever in catalogue.levers().values()))


def grades() -> str:
    """How many levers have each grade of evidence."""
    from collections import Counter

    from greaterbay.policy import catalogue

    found = Counter(lever.grade for lever in catalogue.levers().values())
    return markdown(("grade of evidence", "levers"), sorted(found.items()))


def checks() -> str:
    """How many checks each suite has, and where their results stand."""
    from collections import Counter

    from greaterbay.books import INVARIANTS
    from greaterbay.mechanisms import table
    from greaterbay.validation.checks import SUITES, declared

    found = Counter(check.suite for check in declared().values()) + Counter({"invariants": len(INVARIANTS), "null": len(table())})
    return markdown(("suite", "checks", "results"), (
        (f"`{suite}`", found[suite], f"`calibration/validation/{suite}.md`") for suite in SUITES))


def card_makers() -> dict[str, Callable[[], str]]:
    """Every table of the model card."""
    return {"evidence": evidence, "grades": grades, "checks": checks}


def mechanisms() -> str:
    """The mechanisms in the order of the quarter, what each does, and the final outcome that it must move."""
    from greaterbay import outputs
    from greaterbay.mechanisms import table

    signs = {1: "+", -1: "−"}
    return markdown(("mechanism", "phase", "what", "equation", "source", "must move", "sign"), (
        (f"`{m.id}`", m.phase, f"{m.title} ({m.title_zh})", m.equation, ", ".join(m.reference.split()),
         f"{outputs.get(m.outcome).label} (`{m.outcome}`)", signs[m.sign]) for m in table().values()))


def documents() -> dict[Path, dict[str, Callable[[], str]]]:
    """Files with marked tables, and the tables that may stand in each."""
    return dict.fromkeys(odd_pages(), makers()) | {CARD: card_makers(), MECHANISMS: {"mechanisms": mechanisms}}


def rewrite(text: str, known: dict[str, Callable[[], str]] | None = None) -> str:
    """The text with every marked table as it is declared now (``known``: those of the ODD); an unknown name is refused."""
    known = makers() if known is None else known

    def made(match: re.Match) -> str:
        name = match[2]
        if name not in known:
            raise KeyError(f"unknown table {name!r} in a marker; known: {', '.join(known)}")
        return match[1] + known[name]() + match[4]

    return MARKED.sub(made, text)


def main(names: Sequence[str]) -> int:
    """Write the tables into their documents, or print those named."""
    if names:
        known = {"odd": odd_text} | makers() | card_makers()
        for name in names:
            if name not in known:
                print(f"unknown table {name!r}; known: {', '.join(known)}", file=sys.stderr)
                return 1
            print(known[name]())
        return 0
    if not odd_pages():
        print(f"{ODD} is not there: the tables are written in a checkout only", file=sys.stderr)
        return 1
    for path, known in documents().items():
        before = path.read_text(encoding="utf-8")
        after = rewrite(before, known)
        if after != before:
            path.write_text(after, encoding="utf-8")
        print(f"{path.name}: {'tables rewritten' if after != before else 'nothing to change'}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
