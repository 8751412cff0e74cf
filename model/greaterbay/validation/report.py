"""Tables of checks: for the terminal, as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from greaterbay.digits import UNKNOWN, cell, digits, plain
from greaterbay.validation.checks import FAIL, PASS, WARN, Answer, accepted_text, score

HEADS = {"en": ("check", "what", "value", "95 % interval", "accepted", "mode", "seeds", "source", "status"),
         "zh": ("检查", "内容", "数值", "95%区间", "可接受范围", "方式", "种子数", "依据", "结果")}
MODES_ZH = {"alone": "单独", "run": "运行"}
STATUS_ZH = {PASS: "通过", WARN: "警告", FAIL: "不通过"}


def cells(answer: Answer, lang: str = "en") -> tuple[str, ...]:
    """One row of the table."""
    check, m = answer.check, answer.measured
    span = UNKNOWN if m.low is None else f"{digits(m.low)} … {digits(m.high)}"
    if lang == "zh":
        return (check.id, check.what_zh, digits(m.value), span, accepted_text(check), MODES_ZH[check.mode], str(answer.seeds), check.source,
                STATUS_ZH[answer.status])
    return (check.id, check.what, digits(m.value), span, accepted_text(check), check.mode, str(answer.seeds), check.source, answer.status)


def to_json(found: Sequence[Answer]) -> dict:
    """``{"checks": [...], "score"}``."""
    return {"checks": [answer.to_dict() for answer in found], "score": score(found)}


def counted(found: Sequence[Answer]) -> str:
    """How many pass, warn, fail."""
    return ", ".join(f"{sum(a.status == s for a in found)} {s}" for s in (PASS, WARN, FAIL)) + f"; score {digits(score(found), '.2f')}"


def markdown(title: str, found: Sequence[Answer], command: str, notes: Sequence[str] = ()) -> str:
    """A table with the command that made it, what fails and what was tried."""
    lines = [f"# {title}", "", f"Made by `{command}`. {counted(found)}.", ""]
    lines += [*(line for note in notes for line in (note, "")),
              "PASS: the interval lies inside the accepted range; FAIL: outside; WARN: it straddles a bound. A warning counts half.", ""]
    lines += ["| " + " | ".join(HEADS["en"]) + " |", "|" + "---|" * len(HEADS["en"])]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells(answer)) + " |" for answer in found]
    told = [answer for answer in found if answer.status != PASS and answer.check.tried]
    if told:
        lines += ["", "## What does not pass, and what was tried", ""]
        seen: dict[str, list[str]] = {}
        for answer in told:
            seen.setdefault(answer.check.tried, []).append(f"`{answer.check.id}` ({answer.status})")
        lines += [f"- {', '.join(names)}: {text}" for text, names in seen.items()]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Write a finished file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def table_csv(found: Sequence[Answer]) -> str:
    """The same as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("id", "suite", "mode", "what", "source", "value", "low", "high", "accepted_low", "accepted_high", "status", "seeds",
                     "tried"))
    for answer in found:
        d = answer.to_dict()
        numbers = (cell(d[k], ".6g") for k in ("value", "low", "high"))
        writer.writerow([d["id"], d["suite"], d["mode"], d["what"], d["source"], *numbers,
                         *(cell(bound, "g") for bound in d["accepted"]), d["status"], d["seeds"], d["tried"]])
    return out.getvalue()


NOTES = {
    "literature": (
        "*alone*: the mechanism is called on a given network; *run*: paired runs of the model.",
        "Silverberg & Verspagen 2005 is left out: inventions are not searched on a landscape in this model. Training in Dawid et al. "
        "is varied through the region table (academies of the lagging city begin to teach).",
        "Fixed after a first look at results, so no independent confirmation: that a meeting in Cowan & Jonard draws an agent and then a "
        "neighbour (with ties drawn at random the peak stands, the least variation inside does not); that the inverted U is fitted over "
        "the distances with 95 % of learning (`nooteboom_all_*` is the first reading); the contrast of Ahrweiler et al.; the bounds of "
        "`dawid_target_integrated`, `brander_best_part`, `brander_control_no_distaste`, `howell_ratio`, `howell_control` and "
        "`bass_lattice_below`, `bass_small_world_below`. Signs and the bounds of the protocols were fixed before.",
    ),
    "null": (
        "Outcome and sign of every mechanism were written before measuring (`greaterbay mechanisms`). The interval is three standard "
        "errors on each side, over pairs of runs with and without the mechanism from the release on; what straddles zero fails.",
    ),
    "gravity": (
        "How much of a coefficient may be left in the controls was fixed after a first look with three seeds; the signs were fixed before. "
        "All coefficients stand in `gravity_coefficients.csv`.",
    ),
    "claims": (
        "Claims of the source documents; nothing was fitted to them. Synergy (T1) is reported by jurisdiction where scenarios are "
        "compared. T2 asks for 20 seeds or more: with fewer its interval is wide. Less than the whole claim is measured in T3 (learning "
        "only, without adoptions and the net effect on the periphery), T9 (pace of served projects, not Kaplan-Meier durations), "
        "T11 (adoptions in all, not by risk aversion) and T12 (number of firms, not the size of loans). "
        "Widths of ranges around zero or one are the authors'.",
    ),
}


def write_tables(folder: Path, suite: str, found: Sequence[Answer], command: str) -> None:
    """``<suite>.md``, ``.csv`` and ``.json`` in a folder."""
    write(folder / f"{suite}.md", markdown(f"Checks: {suite}", found, command, NOTES.get(suite, ())))
    write(folder / f"{suite}.csv", table_csv(found))
    write(folder / f"{suite}.json", json.dumps(plain(to_json(found)), ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def write_coefficients(folder: Path, raw: Sequence[Mapping]) -> None:
    """All coefficients of the gravity regressions."""
    from greaterbay.validation.gravity import coefficients

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("ties", "term", "coefficient", "sd_between_seeds", "clustered_error", "new_ties_per_seed", "seeds"))
    for kind, term, value, sd, error, cases in coefficients(list(raw)):
        writer.writerow((kind, term, cell(value, ".4g"), cell(sd, ".3g"), cell(error, ".3g"), cases, len(raw)))
    write(folder / "gravity_coefficients.csv", out.getvalue())
