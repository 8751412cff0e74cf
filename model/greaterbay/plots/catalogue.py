"""All pictures, and drawing them into files. Adding a picture is one entry of ``plots``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from matplotlib.figure import Figure

from greaterbay import outputs as declared
from greaterbay.plots import cost, fonts, funnel, matrices, paths, probes, style
from greaterbay.plots.words import FLOWS
from greaterbay.runner import series
from greaterbay.runner.results import RunsError, StoredRun

DOTS_PER_INCH = 120
LONGEST_NAME = 80


@dataclass(frozen=True)
class Plot:
    """One kind of picture.

    ``needs`` are the outputs it is made from; ``alone`` says that each run has a picture of its own;
    ``unfit`` gives the reason why there is nothing to draw, or an empty text.
    """

    id: str
    draw: Callable[[Sequence[StoredRun], str], Figure]
    needs: tuple[str, ...]
    alone: bool = False
    unfit: Callable[[Sequence[StoredRun]], str] = lambda runs: ""


@dataclass(frozen=True)
class Picture:
    """A picture that was written, or why it was not (then ``path`` is None)."""

    plot: str
    scenarios: tuple[str, ...]
    path: Path | None
    note: str = ""


@cache
def plots() -> tuple[Plot, ...]:
    """Every picture, in the order in which they are drawn."""
    own_picture = {"adoption_share", "public_cost"}
    return (
        Plot("diffusion", paths.draw_diffusion, ("adoption_share", *_parts("adoption_share"))),
        *(
            Plot(
                f"output_{one.id}",
                partial(paths.draw_output, name=one.id),
                _parts(one.id),
                unfit=_unfit_years(one),
            )
            for one in declared.headlines()
            if one.id not in own_picture
        ),
        *(
            Plot(
                f"flow_{flow}",
                partial(matrices.draw_matrix, flow=flow),
                tuple(matrices.channels(flow)),
                alone=True,
                unfit=_no_full_year if flow != "ties" else lambda runs: "",
            )
            for flow in FLOWS
        ),
        Plot("funnel", funnel.draw_funnel, ("pipeline", *funnel.PASSING), unfit=_no_full_year),
        Plot(
            "probes",
            probes.draw_probes,
            ("adopters_technology", "potential_technology"),
            unfit=lambda runs: "" if probes.probe_ids(runs) else "no scenario launches a probe technology",
        ),
        Plot(
            "cost",
            cost.draw_cost,
            ("public_cost", "public_cost_lever"),
            unfit=lambda runs: (
                _no_full_year(runs) or ("" if cost.spending(runs) else "no public money is spent")
            ),
        ),
    )


def draw_all(
    runs: Sequence[StoredRun], folder: Path, *, form: str = "png", language: str = "en"
) -> Iterator[Picture]:
    """Draw every picture that the runs allow into ``folder``; yields each as it is finished or left out.

    ``form`` is ``png`` or ``svg``. A picture appears under its name only when it is complete. Raises
    RunsError for more runs than colours can tell apart, OSError where the folder cannot be written.
    """
    if len(runs) > style.MOST_SCENARIOS:
        raise RunsError(f"{len(runs)} files; at most {style.MOST_SCENARIOS} can be told apart in one picture")
    folder.mkdir(parents=True, exist_ok=True)
    language, _ = fonts.usable_language(language)
    for plot in plots():
        for shown in [[run] for run in runs] if plot.alone else [list(runs)]:
            scenarios = tuple(run.scenario for run in shown)
            note = _missing(plot, shown) or plot.unfit(shown)
            if note:
                yield Picture(plot.id, scenarios, None, note)
                continue
            path = folder / f"{file_stem(shown)}_{plot.id}.{form}"
            with style.look(language):
                save(plot.draw(shown, language), path, form)
            yield Picture(plot.id, scenarios, path)


def save(figure: Figure, path: Path, form: str) -> None:
    """Write a figure under a temporary name beside ``path`` and rename it when it is complete."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    # no date in the file: the same runs give the same picture
    metadata = {"Date": None} if form == "svg" else None
    try:
        figure.savefig(temporary, format=form, dpi=DOTS_PER_INCH, metadata=metadata)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def file_stem(runs: Sequence[StoredRun]) -> str:
    """What file names begin with: the scenario, or the scenarios compared."""
    names = [
        run.scenario + (f"-{run.tag.replace('/', '-')}" if run.tag and run.tag != run.scenario else "")
        for run in runs
    ]
    whole = "_vs_".join(names)
    return whole if len(whole) <= LONGEST_NAME else f"{names[0]}_vs_{len(names) - 1}_others"


def _parts(name: str) -> tuple[str, ...]:
    return series.parts(declared.get(name))


def _missing(plot: Plot, runs: Sequence[StoredRun]) -> str:
    """The outputs that a file lacks for this picture, in words."""
    for run in runs:
        lacking = [name for name in plot.needs if not run.has(name)]
        if lacking:
            return f"{run.path.name if run.path else run.scenario} has no {', '.join(lacking)}"
    return ""


def _no_full_year(runs: Sequence[StoredRun]) -> str:
    return "" if runs[0].full_years else "the run covers no whole calendar year"


def _unfit_years(output: declared.Output) -> Callable[[Sequence[StoredRun]], str]:
    return _no_full_year if series.is_yearly(output) else lambda runs: ""
