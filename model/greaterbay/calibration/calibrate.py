"""The study from its first run to its posterior folder.

Wave 1 fills the prior with a scrambled Sobol sequence; later waves fill what is not implausible; the posterior is drawn on
the last emulator, a part of its draws is run, and where runs and emulator differ the emulator is fitted again with these
runs. Everything is a function of the study and its seed: interrupted work goes on from the kept runs to the same result.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import greaterbay
from greaterbay.calibration import diagnostics
from greaterbay.calibration import emulator as emulators
from greaterbay.calibration.likelihood import Facts, implausibility
from greaterbay.calibration.runs import Bench, Progress, Simulator, simulate, write_json
from greaterbay.calibration.sampling import design, next_wave, posterior
from greaterbay.calibration.study import MOST_MINUTES, MOST_RUNS, Study
from greaterbay.digits import cell
from greaterbay.evidence import posteriors
from greaterbay.evidence.references import digest as evidence_digest

TWIN_OFFSET, CONFIRM_OFFSET, SCALE_OFFSET = 100_000, 200_000, 300_000
FAR = 2.0  # standard errors between emulator and runs from which the emulator is fitted again
OUTSIDE_WEIGHT = 0.2  # of runs that have become implausible


class Ensemble:
    """Runs gathered so far: points, figures, and which rows are twins."""

    def __init__(self, dimensions: int, figures: int) -> None:
        self.units, self.values = np.zeros((0, dimensions)), np.zeros((0, figures))
        self.pairs: list[tuple[int, int]] = []
        self.waves: list[int] = []

    def add(self, units: np.ndarray, values: np.ndarray, wave: int) -> slice:
        """Add the runs of a wave; where they stand."""
        first = self.units.shape[0]
        self.units, self.values = np.vstack((self.units, units)), np.vstack((self.values, values))
        self.waves += [wave] * units.shape[0]
        return slice(first, self.units.shape[0])

    @property
    def twins(self):
        """Index arrays of the two sides of the twins, None without any."""
        return tuple(np.array(side) for side in zip(*self.pairs, strict=True)) if self.pairs else None


def calibrate(
    study: Study,
    out: str | os.PathLike,
    jobs: int = 1,
    simulator: Simulator = simulate,
    on_progress: Callable[[Progress], None] | None = None,
    most_runs: int = MOST_RUNS,
    most_minutes: float = MOST_MINUTES,
) -> Path:
    """Run the study and write its posterior folder ``out``/<id>; returns it. Kept runs under ``out``/runs are used again."""
    out = Path(out)
    bench = Bench(study, out, jobs, simulator, on_progress, most_runs, most_minutes)
    p, targets, w = len(study.free), study.targets, study.waves
    facts = Facts.of(targets, [t.fitted for t in targets])
    ensemble, shares = Ensemble(p, len(targets)), [1.0]

    first = design(int(w["per_parameter"]) * p, p, study.seed)
    at = ensemble.add(first, bench.figures("wave 1", first, range(first.shape[0])), 1)
    twins = first[: int(w["twins"])]
    at = ensemble.add(twins, bench.figures("wave 1, twins", twins, range(TWIN_OFFSET, TWIN_OFFSET + twins.shape[0])), 1)
    ensemble.pairs += [(k, at.start + k) for k in range(twins.shape[0])]
    prior_values = ensemble.values[: first.shape[0]]
    emulator = _fit(ensemble, facts, None, w["cut"])
    for wave in range(2, int(w["waves"]) + 1):
        units, share = next_wave(emulator, facts, int(w["later"]), p, w["cut"], study.seed + wave)
        shares.append(share)
        first_number = 1_000 * wave
        ensemble.add(units, bench.figures(f"wave {wave}", units, range(first_number, first_number + units.shape[0])), wave)
        emulator = _fit(ensemble, facts, emulator, w["cut"])

    q = study.posterior
    bench.progress.stage = "posterior"
    for refit in range(int(q["refits"]) + 1):
        draws, chain = posterior(emulator, facts, p, int(q["walkers"]), int(q["steps"]), int(q["draws"]), study.seed)
        shown = draws[np.linspace(0, draws.shape[0] - 1, int(q["confirmed"])).astype(int)]
        begin = CONFIRM_OFFSET + 1_000 * refit
        seen = bench.figures(f"confirmation {refit + 1}", shown, range(begin, begin + shown.shape[0]))
        confirmation = _confirm(study, emulator, shown, seen)
        if confirmation["within"] >= 0.95 or refit == int(q["refits"]):
            break
        ensemble.add(shown, seen, 100 + refit)
        emulator = _fit(ensemble, facts, emulator, w["cut"])
    confirmation["refits"] = refit

    bench.progress.stage = "diagnostics"
    bench._tell()
    c = study.checks
    prior = design(2048, p, study.seed + 77)
    found = {
        "confirmation": confirmation,
        "chain": chain,
        "not_implausible": shares,
        "waves": {str(k): ensemble.waves.count(k) for k in dict.fromkeys(ensemble.waves)},
        "emulators": _emulator_table(study, emulator, ensemble),
        "fit": diagnostics.fit_table(study, emulator, draws, prior, prior_values),
        "ridges": diagnostics.ridges(study, draws),
        "recovery": diagnostics.recovery(
            study,
            ensemble.units,
            ensemble.values,
            ensemble.twins,
            int(c["truths"]),
            int(q["walkers"]),
            int(c["truth_steps"]),
            study.seed + 5,
            first=first.shape[0],
        ),
        "left_out": diagnostics.left_out(study, emulator, int(q["walkers"]), int(c["truth_steps"]), study.seed + 9, prior),
        "posterior": _marginals(study, draws),
        "scale": None,
    }
    if int(c["scale_runs"]):
        found["scale"] = _scale_check(study, bench, draws, emulator)
    found["budget"] = {
        "runs": bench.progress.runs,
        "failed": len(bench.failures),
        "failures": sorted(set(bench.failures.values()))[:5],
        "seconds_per_run": float(np.mean(bench.seconds)) if bench.seconds else 0.0,
        # runs share two cores; emulators, sampling and checks are work of one
        "minutes_runs": float(sum(bench.seconds) / 60.0 / 2.0),
        "minutes": float(sum(bench.seconds) / 60.0 / 2.0 + time.process_time() / 60.0),
        "jobs": jobs,
    }
    found["acceptance"] = diagnostics.acceptance(study, found)
    return write_posterior(study, draws, found, out / study.id, emulator, ensemble)


def _fit(ensemble: Ensemble, facts: Facts, before, cut: float):
    """Emulators of all runs; those that the emulator before calls implausible count less."""
    weights = None
    if before is not None:
        weights = np.where(implausibility(before, facts, ensemble.units) <= cut, 1.0, OUTSIDE_WEIGHT)
    return emulators.fit(ensemble.units, ensemble.values, weights, ensemble.twins)


def _confirm(study: Study, emulator, units: np.ndarray, seen: np.ndarray) -> dict:
    """Mean difference of runs and emulator over the confirmed draws, figure by figure, in standard errors."""
    mean, own, noise = emulator.predict(units)
    gap = seen - mean
    count = np.isfinite(gap).sum(axis=0)
    error = np.nanstd(gap, axis=0, ddof=1) / np.sqrt(np.maximum(count, 2))
    # what is far in standard errors and yet far below the tolerance of the figure is no reason to fit again
    small = np.array([0.1 * t.spread for t in study.targets])
    distance = np.abs(np.nanmean(gap, axis=0)) / np.sqrt(error**2 + small**2 + own.mean(axis=0))
    worst = int(np.nanargmax(distance))
    return {
        "runs": int(units.shape[0]),
        "worst": float(distance[worst]),
        "worst_target": study.targets[worst].id,
        "within": float(np.mean(distance <= FAR)),
        "distance": {t.id: float(d) for t, d in zip(study.targets, distance, strict=True)},
    }


def _emulator_table(study: Study, emulator, ensemble: Ensemble) -> list[dict]:
    values = ensemble.values[np.isfinite(ensemble.values).all(axis=1)]
    _, _, noise = emulator.predict(ensemble.units)
    return [
        {
            "target": t.id,
            "kind": f.kind,
            "left_out_sd": float(np.sqrt(np.mean(f.left_out**2))),
            "noise_sd": float(np.sqrt(noise[:, k].mean())),
            "ensemble_sd": float(values[:, k].std()),
            "explained": float(1.0 - np.mean(f.left_out**2) / max(values[:, k].var(), 1e-20)),
        }
        for k, (t, f) in enumerate(zip(study.targets, emulator.figures, strict=True))
    ]


def _marginals(study: Study, draws: np.ndarray) -> list[dict]:
    rows = []
    for j, free in enumerate(study.free):
        natural = free.natural(draws[:, j])
        five, quarter, median, three, ninety_five = (float(v) for v in np.quantile(natural, diagnostics.QUANTILES))
        rows.append(
            {
                "parameter": free.id,
                "label": free.label,
                "label_zh": free.label_zh,
                "low": free.low,
                "high": free.high,
                "scale": free.scale,
                "median": median,
                "low50": quarter,
                "high50": three,
                "low90": five,
                "high90": ninety_five,
                "sd_ratio": float(draws[:, j].std() / diagnostics.PRIOR_SD),
                "at_edge": bool(min((draws[:, j] < 0.05).mean(), 1.0) > 0.5 or (draws[:, j] > 0.95).mean() > 0.5),
            }
        )
    return rows


def _scale_check(study: Study, bench: Bench, draws: np.ndarray, emulator) -> dict:
    """The same draws and seeds at the study's scale and a larger one; differences against half the run noise."""
    c = study.checks
    count = int(c["scale_runs"])
    units = draws[np.linspace(0, draws.shape[0] - 1, count).astype(int)]
    numbers = range(SCALE_OFFSET, SCALE_OFFSET + count)
    small, large = (
        bench.figures("scale check, study's scale", units, numbers),
        bench.figures("scale check, larger", units, numbers, c["scale"]),
    )
    gap = large - small
    mean, error = np.nanmean(gap, axis=0), np.nanstd(gap, axis=0, ddof=1) / np.sqrt(count)
    noise = np.sqrt(emulator.predict(units)[2].mean(axis=0))
    rows = [
        {"target": t.id, "difference": float(m), "error": float(e), "half_noise": float(0.5 * s), "within": bool(abs(m) - 2 * e <= 0.5 * s)}
        for t, m, e, s in zip(study.targets, mean, error, noise, strict=True)
    ]
    return {"scale": c["scale"], "runs": count, "within": float(np.mean([r["within"] for r in rows])), "figures": rows}


def write_posterior(study: Study, draws: np.ndarray, found: dict, folder: Path, emulator=None, ensemble: Ensemble | None = None) -> Path:
    """The posterior folder: draws in the order of the replicates, diagnostics, ensemble, and the manifest as the last."""
    folder.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(study.seed).permutation(draws.shape[0])
    values = [study.parameters(draws[k]) for k in order]
    names = list(values[0])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["draw", *names])
    for draw in posteriors.schedule(len(values)):
        writer.writerow([draw, *(repr(float(f"{values[draw][name]:.10g}")) for name in names)])
    content = text.getvalue().encode()
    _write(folder / "draws.csv", content)
    write_json(folder / "diagnostics.json", found)
    if ensemble is not None:
        write_ensemble(study, ensemble, folder)
    manifest = {
        "id": study.id,
        "title": study.title,
        "numbers": greaterbay.NUMBERS,
        "version": greaterbay.__version__,
        "study_digest": study.digest(),
        "evidence_digest": evidence_digest(),
        "draws_sha256": hashlib.sha256(content).hexdigest(),
        "parameters": names,
        "draws": len(values),
        "seed": study.seed,
        "scale": study.scale,
        "end": study.end,
        "scenario": study.scenario,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "twins": ensemble.pairs if ensemble is not None else [],
        "command": f"greaterbay calibrate {Path(study.path).name}",
    }
    write_json(folder / "manifest.json", manifest)
    from greaterbay.calibration.report import markdown

    _write(folder / "report.md", markdown(study, found, manifest).encode())
    return folder


def write_ensemble(study: Study, ensemble: Ensemble, folder: Path) -> None:
    """The runs of a study; a figure that a run does not have is an empty cell."""
    rows = [",".join(["wave", *(f.id for f in study.free), *(t.id for t in study.targets)])]
    rows += [
        ",".join([str(wave), *(cell(float(one), ".6g") for one in (*unit, *value))])
        for wave, unit, value in zip(ensemble.waves, ensemble.units, ensemble.values, strict=True)
    ]
    _write(folder / "ensemble.csv", ("\n".join(rows) + "\n").encode())


def read_ensemble(study: Study, folder: Path) -> Ensemble:
    """The runs of a study as a posterior folder keeps them (for emulators without new runs)."""
    with open(folder / "ensemble.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    p = len(study.free)
    wanted = ["wave", *(f.id for f in study.free), *(t.id for t in study.targets)]
    if rows[0] != wanted:
        raise posteriors.PosteriorError(f"{folder / 'ensemble.csv'}: columns are not those of study {study.id}; calibrate again")
    table = np.array([[one or "nan" for one in row] for row in rows[1:]], float)  # an empty cell: a run without this figure
    ensemble = Ensemble(p, len(study.targets))
    ensemble.add(table[:, 1 : 1 + p], table[:, 1 + p :], 0)
    ensemble.waves = [int(k) for k in table[:, 0]]
    with open(folder / "manifest.json", encoding="utf-8") as file:
        ensemble.pairs = [tuple(pair) for pair in json.load(file)["twins"]]
    return ensemble


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)
