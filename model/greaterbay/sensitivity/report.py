"""Tables, words, pictures and files of sensitivity and discovery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import greaterbay
from greaterbay import outputs
from greaterbay.calibration.calibrate import _write, read_ensemble
from greaterbay.calibration.report import table
from greaterbay.calibration.runs import write_json
from greaterbay.calibration.sampling import design
from greaterbay.calibration.study import Study
from greaterbay.digits import digits
from greaterbay.evidence import posteriors
from greaterbay.sensitivity import contrasts, prim, screening

MOST_SHOWN = 12


def screen(
    study: Study,
    chosen: Sequence[screening.Factor],
    points: np.ndarray,
    found: Sequence[Mapping[str, float]],
    names: Sequence[str],
    scenario: str,
    against: str,
) -> dict:
    """Morris and Sobol tables of every outcome's effect, and Sobol indices of the calibrated figures where a posterior is at hand."""
    results = {"scenario": scenario, "against": against, "parameters": len(chosen), "pairs": len(found), "outcomes": {}}
    for name in names:
        values = np.array([one.get(f"effect:{name}", np.nan) for one in found]).reshape(points.shape[:2])
        morris = screening.morris_table(points, values)
        kept, sobol, explained = screening.contrast_sobol(points, values, [row["mu_star"] for row in morris], study.seed)
        rows = []
        for k, (factor, row) in enumerate(zip(chosen, morris, strict=True)):
            more = sobol[kept.index(k)] if k in kept else {}
            rows.append(
                {
                    "parameter": factor.id,
                    "label": factor.free.label,
                    "label_zh": factor.free.label_zh,
                    "low": factor.free.low,
                    "high": factor.free.high,
                    "required": factor.required,
                    **row,
                    **more,
                }
            )
        rows.sort(key=lambda row: -row["mu_star"])
        sign = float(np.nanmean(np.sign(values) == np.sign(np.nanmean(values))))
        results["outcomes"][name] = {
            "mean_effect": float(np.nanmean(values)),
            "sd_effect": float(np.nanstd(values)),
            "same_sign": sign,
            "explained": explained,
            "points": contrasts.in_points(name),
            "rows": rows,
        }
    results["levels"] = level_indices(study)
    return results


def level_indices(study: Study) -> dict | None:
    """Sobol indices of the figures on the calibration's emulator (no new runs); None without a finished calibration."""
    from greaterbay.calibration import emulator as emulators

    folder = posteriors.folder_of(study.id)
    if not (folder / "ensemble.csv").is_file():
        return None
    ensemble = read_ensemble(study, folder)
    emulator = emulators.fit(ensemble.units, ensemble.values, twins=ensemble.twins, rich=False)
    found = {}
    for k, target in enumerate(study.targets):
        indices = screening.sobol_on(emulator, len(study.free), k, study.seed)
        ranked = sorted(zip(study.free, indices, strict=True), key=lambda pair: -pair[1]["total"])[:3]
        found[target.id] = [{"parameter": free.id, **one} for free, one in ranked]
    return found


def write_screening(results: dict, out: Path, lang: str) -> list[Path]:
    """``sensitivity.json``, ``sensitivity.md`` and a picture for each outcome."""
    from greaterbay.plots import drivers, fonts, style

    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "sensitivity.json", results)
    parts = [
        f"# What drives the effect of {results['scenario']} against {results['against']}",
        f"{results['parameters']} parameters, {results['trajectories']} trajectories, {results['pairs']} pairs of runs on common random "
        f"numbers at scale {results['scale']:g}; {results['failed']} failed. An effect is in percent of the reference, or points × 100 for "
        "shares and indices. "
        "Ranges: the prior of a free parameter, half to one and a half of the value of any other.",
    ]
    written = [out / "sensitivity.json", out / "sensitivity.md"]
    language, _ = fonts.usable_language(lang)
    for name, found in results["outcomes"].items():
        rows = [
            (
                f"`{r['parameter']}`",
                r["label"],
                f"{digits(r['low'])} – {digits(r['high'])}",
                digits(r["mu_star"]),
                digits(r["error"]),
                digits(r["mu"]),
                digits(r["sigma"]),
                digits(r.get("first")),
                digits(r.get("total")),
            )
            for r in found["rows"][:MOST_SHOWN]
        ]
        if found["sd_effect"] == 0.0:
            parts.append(f"## {name}\n\nThe effect is {digits(found['mean_effect'])} at every point of the design: no parameter moves it.")
            continue
        parts.append(
            f"## {name}\n\nMean effect {digits(found['mean_effect'])}, sd over the design {digits(found['sd_effect'])}; it has the sign "
            f"of its mean in {digits(found['same_sign'], '.0%')} of the pairs. The emulator behind the Sobol indices explains "
            f"{digits(found['explained'], '.0%')} "
            "of the variance"
            + ("" if found["explained"] >= 0.5 else " (too little: do not read the indices)")
            + ".\n\n"
            + table(("parameter", "what", "range", "mu*", "95 % error", "mu", "sigma", "first", "total"), rows)
        )
        with style.look(language):
            label = outputs.get(name).label_zh if language == "zh" else outputs.get(name).label
            shown = [{**r, "label": r["label_zh" if language == "zh" else "label"]} for r in found["rows"][:MOST_SHOWN]]
            footer = (
                f"{results['scenario']} / {results['against']}, {results['pairs']} × 2, scale {results['scale']:g}, "
                f"greaterbay {greaterbay.__version__}, numbers {greaterbay.NUMBERS}"
            )
            figure = drivers.draw_drivers(results["scenario"], label, shown, found["points"], footer, language)
            path = out / f"drivers_{name}.png"
            figure.savefig(path, dpi=150)
        written.append(path)
    if results["levels"]:
        rows = [(target, *(f"`{r['parameter']}` {digits(r['total'], '.2f')}" for r in rows)) for target, rows in results["levels"].items()]
        parts.append(
            "## Levels: figures of the calibration\n\nTotal Sobol indices on the calibration's emulator, no new runs.\n\n"
            + table(("figure", "first", "second", "third"), rows)
        )
    missing = results["not_varied"]
    parts.append(
        "## Assumptions marked as required that are not in it\n\n"
        + (
            "Columns of the region tables and lever strengths are not parameters of the model and are not varied here: "
            + ", ".join(f"`{m}`" for m in missing)
            + "."
            if missing
            else "None."
        )
    )
    _write(out / "sensitivity.md", ("\n\n".join(parts) + "\n").encode())
    return written


def draw_points(
    study: Study, posterior: str, count: int, lang: str = "en"
) -> tuple[list[tuple[dict[str, float], int]], np.ndarray, str]:
    """Parameters and seed numbers of ``count`` draws, their points on the unit cube, and where they come from in words."""
    chinese = lang == "zh"
    if posterior == posteriors.NONE:
        units = design(count, len(study.free), study.seed)
        return [(study.parameters(u), k) for k, u in enumerate(units)], units, "先验" if chinese else "prior"
    if not Path(posterior).is_absolute() and posterior not in posteriors.known():
        posterior = str(Path(posterior).resolve())
    from greaterbay.parameters import table as declared
    from greaterbay.scenario.problems import Problem, ScenarioError

    try:
        drawn = posteriors.load(posterior)
    except posteriors.PosteriorError as error:
        raise ScenarioError([Problem("--posterior", 0, str(error))]) from error
    # of a common factor the first member that is not zero tells the factor
    tells = {free.id: next((name for name in free.members if declared()[name].value), (*free.members, free.id)[0]) for free in study.free}
    missing = [free.id for free in study.free if tells[free.id] not in drawn.parameters]
    if missing:
        raise ScenarioError(
            [
                Problem(
                    "--study",
                    0,
                    f"study {study.id} has free parameters that posterior {drawn.id} does not draw: {', '.join(missing)}; "
                    "give the study that the posterior was made from, or --posterior none for points of this study's prior",
                )
            ]
        )
    rows = [drawn.values(k) for k in range(count)]
    units = []
    for values in rows:
        unit = []
        for free in study.free:
            name = tells[free.id]
            unit.append(float(free.unit(values[name] / declared()[name].value if free.members else values[name])))
        units.append(unit)
    distinct = len({drawn.draw(k) for k in range(count)})  # every fifth draw meets a second seed
    source = f"后验{drawn.id}的{distinct}组参数" if chinese else f"{distinct} distinct of posterior {drawn.id}"
    return [(values, k) for k, values in enumerate(rows)], np.array(units), source


def explain(
    study: Study,
    units: np.ndarray,
    found: Sequence[Mapping[str, float]],
    outcome: str,
    relation: str,
    limit: float,
    scenario: str,
    against: str,
    source: str,
    lang: str,
) -> dict:
    """The box of failures in numbers and words."""
    effects = np.array([one.get(f"effect:{outcome}", np.nan) for one in found])
    sound = np.isfinite(effects)
    fails = effects[sound] < limit if relation == ">=" else effects[sound] > limit
    box = prim.find_box(units[sound], fails)
    target = f"{outcome}{relation}{limit:g}"
    share = float(fails.mean()) if fails.size else float("nan")
    interval = [float(v) for v in np.quantile(effects[sound], [0.05, 0.5, 0.95])] if fails.size else []
    result = {
        "scenario": scenario,
        "against": against,
        "target": target,
        "outcome": outcome,
        "source": source,
        "draws": int(sound.sum()),
        "share_fails": share,
        "effect_quantiles": interval,
        "box": None,
    }
    chinese, everywhere = lang == "zh", digits(share, ".0%")
    if box is None:
        result["sentence"] = (
            f"{scenario}在{everywhere}的参数抽样中达不到{target}({source}),没有参数能将这些情况区分开。"
            if chinese
            else f"{scenario} misses {target} in {everywhere} of {int(sound.sum())} draws ({source}); no parameter sets these apart."
        )
        return result
    conditions = []
    for k, (low, high) in box.limits.items():
        free = study.free[k]
        ends = [None if not np.isfinite(v) else float(free.natural(np.clip(v, 0.0, 1.0))) for v in (low, high)]
        conditions.append(
            {"parameter": free.id, "label": free.label, "label_zh": free.label_zh, "low": ends[0], "high": ends[1], "doubt": box.doubt[k]}
        )
    conditions.sort(key=lambda c: c["doubt"])
    result["box"] = {"conditions": conditions, "density": box.density, "coverage": box.coverage, "mass": box.mass}
    words = [_condition(c, chinese) for c in conditions]
    inside, covered = digits(box.density, ".0%"), digits(box.coverage, ".0%")
    result["sentence"] = (
        f"当{'且'.join(words)}时,{scenario}在{inside}的抽样中达不到{target}(全部抽样为{everywhere};{source});这涵盖了{covered}的失败情形。"
        if chinese
        else f"{scenario} misses {target} in {inside} of draws where {' and '.join(words)} (in {everywhere} "
        f"of all {int(sound.sum())} draws, {source}); "
        f"that covers {covered} of the failures."
    )
    return result


def _condition(c: Mapping, chinese: bool) -> str:
    label = c["label_zh"] if chinese else c["label"]
    if c["low"] is not None and c["high"] is not None:
        return (
            f"{label}在{digits(c['low'])}至{digits(c['high'])}之间"
            if chinese
            else f"{label} lies between {digits(c['low'])} and {digits(c['high'])}"
        )
    if c["low"] is not None:
        return f"{label}高于{digits(c['low'])}" if chinese else f"{label} is above {digits(c['low'])}"
    return f"{label}低于{digits(c['high'])}" if chinese else f"{label} is below {digits(c['high'])}"


def write_discovery(
    results: dict, units: np.ndarray, found: Sequence[Mapping[str, float]], study: Study, out: Path, lang: str
) -> list[Path]:
    """``discovery.json`` and, where there is a box, its picture."""
    from greaterbay.plots import drivers, fonts, style

    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "discovery.json", results)
    written = [out / "discovery.json"]
    if results["box"] is None:
        return written
    outcome, limit = results["outcome"], float(results["target"].split("=")[1])
    effects = np.array([one.get(f"effect:{outcome}", np.nan) for one in found])
    sound = np.isfinite(effects)
    fails = effects[sound] < limit if ">=" in results["target"] else effects[sound] > limit
    index = {free.id: k for k, free in enumerate(study.free)}
    conditions = results["box"]["conditions"][:2]
    places = [index[c["parameter"]] for c in conditions]
    natural = np.column_stack([study.free[k].natural(units[sound][:, k]) for k in places])
    limits = [(-np.inf if c["low"] is None else c["low"], np.inf if c["high"] is None else c["high"]) for c in conditions]
    language, _ = fonts.usable_language(lang)
    with style.look(language):
        footer = (
            f"{results['scenario']} / {results['against']}, {results['draws']} × 2 ({results['source']}), scale {results['scale']:g}, "
            f"greaterbay {greaterbay.__version__}, numbers {greaterbay.NUMBERS}"
        )
        labels = [c["label_zh" if language == "zh" else "label"] for c in conditions]
        figure = drivers.draw_box(
            results["scenario"], results["target"], labels, natural, fails, limits, results["sentence"], footer, language
        )
        path = out / f"discovery_{outcome}.png"
        figure.savefig(path, dpi=150)
    return [*written, path]
