"""The pictures of a comparison, and drawing them into files. Adding one is one entry of ``plots``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from greaterbay.comparison.pairs import Pairing
from greaterbay.comparison.study import Study
from greaterbay.plots import choices, effects, gains, programmes, style
from greaterbay.plots.catalogue import Picture, save
from greaterbay.plots.fonts import usable_language
from greaterbay.runner.results import RunsError


@dataclass(frozen=True)
class Comparison:
    """One kind of picture: ``unfit`` says why there is nothing to draw, ``alone`` that each policy has its own."""

    id: str
    draw: Callable[..., Figure]
    unfit: Callable[[Study, Pairing], str] = lambda study, pairing: ""
    alone: bool = False


def plots() -> tuple[Comparison, ...]:
    """Every picture, in the order in which they are drawn."""
    return (
        Comparison("effect_paths", effects.draw_paths),
        Comparison("effect_forest", effects.draw_forest),
        Comparison("noise_budget", effects.draw_noise, effects.no_ratio),
        Comparison("rank_stability", choices.draw_ranks, choices.no_ranks),
        Comparison("frontier", choices.draw_frontier, choices.no_prices),
        Comparison("winners", gains.draw_winners),
        Comparison("diffusion_difference", gains.draw_spread, gains.no_spread),
        Comparison("flow_changes", gains.draw_flows, gains.no_flows, alone=True),
        Comparison("lever_timeline", programmes.draw_timeline, programmes.no_levers),
        Comparison("budget_strip", programmes.draw_strip, programmes.no_spending),
    )


def draw_all(study: Study, pairing: Pairing, folder: Path, *, form: str = "png", language: str = "en") -> Iterator[Picture]:
    """Draw every picture that the study allows into ``folder``; yields each as it is finished or left out."""
    if len(pairing.runs) > style.MOST_SCENARIOS:
        raise RunsError(f"{len(pairing.runs)} runs; at most {style.MOST_SCENARIOS} can be told apart in one picture; use --no-plots")
    folder.mkdir(parents=True, exist_ok=True)
    language, _ = usable_language(language)
    names = tuple(run.scenario for run in pairing.runs)
    for plot in plots():
        note = plot.unfit(study, pairing)
        if note:
            yield Picture(plot.id, names, None, note)
            continue
        for policy in study.policies if plot.alone else (None,):
            stem = f"{plot.id}_{_file_name(policy)}" if policy else plot.id
            path = folder / f"{stem}.{form}"
            with style.look(language):
                figure = plot.draw(study, pairing, language, **({"policy": policy} if policy else {}))
                save(figure, path, form)
            yield Picture(plot.id, (policy,) if policy else names, path)


def _file_name(policy: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in policy)
