"""Does the study do what it claims: recovery and coverage on synthetic truths, left-out figures, fit, scale.

Truths are runs of the study's own ensemble, left out of the emulator: their figures, with errors of the size of
tolerance and discrepancy added, are fitted as if they were the documents', by the likelihood that the documents' are fitted
by. No new runs are needed: where a figure is a mean over several seeds, the run's distance from the emulator is made smaller
as that of such a mean, and a claim is told wrongly as often as its confidence says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from greaterbay.calibration import emulator as emulators
from greaterbay.calibration.likelihood import Facts, probability_holds
from greaterbay.calibration.sampling import posterior
from greaterbay.digits import digits

FOLDS = 5
PRIOR_SD = 1.0 / np.sqrt(12.0)
STRONG, WEAK, RANK = 0.3, 0.6, 0.90
INFORMED = 0.3
UNLIKELY = 0.1  # a claim that holds less often than this lies outside the 90 % interval
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def recovery(
    study,
    units: np.ndarray,
    values: np.ndarray,
    twins,
    truths: int,
    walkers: int,
    steps: int,
    seed: int,
    rich: bool = True,
    first: int | None = None,
) -> dict:
    """Fit synthetic truths; per parameter the posterior sd over the prior's, rank correlation, and coverage pooled over all.

    Truths are taken from the ``first`` rows (all without it), which follow the prior.
    """
    from scipy.stats import spearmanr

    facts = Facts.of(study.targets, [t.fitted for t in study.targets])
    paired = set(np.concatenate(twins).tolist()) if twins is not None else set()
    sound = [k for k in range(units.shape[0] if first is None else first) if np.isfinite(values[k]).all() and k not in paired]
    chosen = np.array(sound)[np.linspace(0, len(sound) - 1, min(truths, len(sound) // 3)).astype(int)]
    rest = np.setdiff1d(np.arange(units.shape[0]), chosen)
    place = {int(k): i for i, k in enumerate(rest)}
    left_twins = None if twins is None else tuple(np.array([place[int(k)] for k in side]) for side in twins)
    emulator = emulators.fit(units[rest], values[rest], twins=left_twins, rich=rich)
    draw = np.random.default_rng(seed)
    mean, sd, inside50, inside90 = [], [], [], []
    for number, k in enumerate(chosen):
        expected = emulator.predict(units[k : k + 1])[0][0, facts.used]
        seen = expected + (values[k][facts.used] - expected) / np.sqrt(facts.pooled)
        seen = seen + facts.spread * draw.standard_normal(facts.used.size)
        told = np.where(draw.random(facts.used.size) < facts.confidence, 1.0, -1.0)
        truth = replace(
            facts, point=np.where(facts.ordering, 0.0, seen), sign=np.where(seen > 0.0, told, -told)
        )
        draws, _ = posterior(emulator, truth, units.shape[1], walkers, steps, 400, seed + number)
        mean.append(draws.mean(axis=0))
        sd.append(draws.std(axis=0))
        five, quarter, _, three, ninety_five = np.quantile(draws, QUANTILES, axis=0)
        inside50.append((units[k] >= quarter) & (units[k] <= three))
        inside90.append((units[k] >= five) & (units[k] <= ninety_five))
    mean, sd, truth = np.array(mean), np.array(sd), units[chosen]
    rows = []
    for j, free in enumerate(study.free):
        ratio = float(np.sqrt((sd[:, j] ** 2).mean()) / PRIOR_SD)
        rank = float(spearmanr(mean[:, j], truth[:, j])[0])
        strength = "strong" if ratio <= STRONG and rank >= RANK else "weak" if ratio <= WEAK else "none"
        rows.append({"parameter": free.id, "sd_ratio": ratio, "rank": rank, "identified": strength})
    return {
        "truths": int(chosen.size),
        "parameters": rows,
        "coverage50": float(np.mean(inside50)),
        "coverage90": float(np.mean(inside90)),
        "error": float(np.sqrt(((mean - truth) ** 2).mean()) / PRIOR_SD),
    }


def folds(targets: Sequence) -> list[list[int]]:
    """Five folds of fitted targets; a group stays together."""
    groups = list(dict.fromkeys(t.group for t in targets if t.fitted))
    return [[k for k, t in enumerate(targets) if t.fitted and t.group in groups[f::FOLDS]] for f in range(FOLDS)]


def predictive(emulator, draws: np.ndarray, targets: Sequence) -> dict[str, np.ndarray]:
    """What runs at the draws would give: mean and sd of each figure with run noise, and with tolerance and discrepancy."""
    mean, own, noise = emulator.predict(draws)
    pooled = np.array([max(t.pooled, 1) for t in targets])
    spread = np.array([t.spread for t in targets])
    centre = mean.mean(axis=0)
    run = mean.var(axis=0) + (own + noise / pooled).mean(axis=0)
    holds = probability_holds(mean, own + noise / pooled + spread**2).mean(axis=0)
    return {"mean": centre, "run_sd": np.sqrt(run), "sd": np.sqrt(run + spread**2), "holds": holds, "parameter_sd": mean.std(axis=0)}


def left_out(study, emulator, walkers: int, steps: int, seed: int, prior: np.ndarray) -> list[dict]:
    """Each fold's figures predicted by a posterior that has not seen them."""
    rows, targets = [], study.targets
    before = predictive(emulator, prior, targets)
    means, _, _ = emulator.predict(prior)
    correlation = np.corrcoef(means.T)
    for number, fold in enumerate(folds(targets)):
        if not fold:
            continue
        use = [t.fitted and k not in fold for k, t in enumerate(targets)]
        draws, _ = posterior(emulator, Facts.of(targets, use), prior.shape[1], walkers, steps, 300, seed + number)
        after = predictive(emulator, draws, targets)
        for k in fold:
            target = targets[k]
            informed = bool(np.max(np.abs(correlation[k][np.array(use)]), initial=0.0) > INFORMED)
            row = {"target": target.id, "group": target.group, "informed": informed}
            if target.ordering:
                row |= {
                    "inside90": bool(after["holds"][k] >= UNLIKELY),
                    "holds": float(after["holds"][k]),
                    "holds_prior": float(before["holds"][k]),
                    "error": float(1 - after["holds"][k]),
                    "error_prior": float(1 - before["holds"][k]),
                }
            else:
                gap = target.point - after["mean"][k]
                row |= {
                    "inside90": bool(abs(gap) <= 1.645 * after["sd"][k]),
                    "z": float(gap / after["sd"][k]),
                    "error": float(abs(gap)),
                    "error_prior": float(abs(target.point - before["mean"][k])),
                }
            rows.append(row)
    return rows


def interval_score(point: float, mean: float, sd: float) -> float:
    """Width of the 90 % interval and twenty times the distance outside it (Gneiting & Raftery 2007)."""
    low, high = mean - 1.645 * sd, mean + 1.645 * sd
    return (high - low) + 20.0 * max(low - point, 0.0, point - high)


def fit_table(study, emulator, draws: np.ndarray, prior: np.ndarray, prior_values: np.ndarray) -> list[dict]:
    """Figure by figure: target, what the model says before and after, inside or not."""
    after, before = predictive(emulator, draws, study.targets), predictive(emulator, prior, study.targets)
    rows = []
    for k, t in enumerate(study.targets):
        seen = prior_values[:, k]
        seen = seen[np.isfinite(seen)]
        met = float((seen > 0).mean()) if t.ordering else float((np.abs(seen - t.point) <= 1.645 * t.spread).mean())
        row = {
            "target": t.id,
            "estimator": t.estimator,
            "reference": t.reference,
            "section": t.section,
            "place": t.place,
            "group": t.group,
            "fitted": t.fitted,
            "ordering": t.ordering,
            "scale": t.scale,
            "point": t.point,
            "spread": t.spread,
            "mean": float(after["mean"][k]),
            "run_sd": float(after["run_sd"][k]),
            "sd": float(after["sd"][k]),
            "prior_mean": float(before["mean"][k]),
            "prior_sd": float(before["sd"][k]),
            "met_by_prior": met,
            "counts": 0.01 <= met <= 0.90,
        }
        if t.ordering:
            row |= {
                "holds": float(after["holds"][k]),
                "inside90": bool(after["holds"][k] >= UNLIKELY),
                "inside99": bool(after["holds"][k] >= 0.01),
            }
        else:
            z = (t.point - row["mean"]) / row["sd"]
            row |= {
                "z": float(z),
                "inside90": bool(abs(z) <= 1.645),
                "inside99": bool(abs(z) <= 2.576),
                "score": interval_score(t.point, row["mean"], row["sd"]),
                "score_prior": interval_score(t.point, row["prior_mean"], row["prior_sd"]),
            }
        rows.append(row)
    return rows


def ridges(study, draws: np.ndarray) -> list[dict]:
    """Pairs of parameters that the posterior knows together only (correlation above 0.6 in size)."""
    correlation = np.corrcoef(draws.T)
    one, two = np.triu_indices(len(study.free), 1)
    return [
        {"first": study.free[a].id, "second": study.free[b].id, "correlation": float(correlation[a, b])}
        for a, b in zip(one, two, strict=True)
        if abs(correlation[a, b]) > 0.6
    ]


def acceptance(study, found: dict) -> list[dict]:
    """The table of what a calibration is accepted by: (what, value, wanted, verdict)."""
    rows, recovery_, fit = [], found["recovery"], found["fit"]

    def add(what: str, value, wanted: str, good: bool, near: bool = False) -> None:
        rows.append({"what": what, "value": value, "wanted": wanted, "verdict": "pass" if good else "warn" if near else "fail"})

    total = len(study.free)
    strong = sum(r["identified"] == "strong" for r in recovery_["parameters"]) / total
    known = sum(r["identified"] != "none" for r in recovery_["parameters"]) / total
    add("synthetic truths", recovery_["truths"], "40 or more", recovery_["truths"] >= 40, recovery_["truths"] >= 20)
    add("parameters strongly identified", digits(strong, ".0%"), "40 % or more", strong >= 0.40, strong >= 0.30)
    add("parameters identified", digits(known, ".0%"), "70 % or more", known >= 0.70, known >= 0.60)
    c50, c90 = recovery_["coverage50"], recovery_["coverage90"]
    add("coverage of 50 % intervals", digits(c50, ".1%"), "40 to 60 %", 0.40 <= c50 <= 0.60, 0.35 <= c50 <= 0.65)
    add("coverage of 90 % intervals", digits(c90, ".1%"), "84 to 95 %", 0.84 <= c90 <= 0.95, 0.80 <= c90 <= 0.98)
    counting = [r for r in fit if r["counts"]]
    bay = sum(r["place"] == "bay" for r in counting)
    add("figures that count", len(counting), "30 or more", len(counting) >= 30, len(counting) >= 24)
    add("of the bay itself", bay, "12 or more", bay >= 12, bay >= 10)
    inside = float(np.mean([r["inside90"] for r in counting])) if counting else 0.0
    outside = sum(not r["inside99"] for r in counting)
    add("figures inside the 90 % interval", digits(inside, ".0%"), "80 % or more", inside >= 0.80, inside >= 0.70)
    add("figures outside the 99 % interval", outside, "at most 1", outside <= 1, outside <= 3)
    scores = [(r["score"], r["score_prior"]) for r in counting if "score" in r]
    after, before = (float(np.mean([s[k] for s in scores])) if scores else 0.0 for k in (0, 1))
    add("interval score against the prior's", f"{digits(after, '.2f')} / {digits(before, '.2f')}", "below the prior's", after < before)
    rows_out = found["left_out"]
    share = float(np.mean([r["inside90"] for r in rows_out]))
    add("left-out figures inside the 90 % interval", digits(share, ".0%"), "82 to 97 %", 0.82 <= share <= 0.97, 0.75 <= share)
    informed = [r for r in rows_out if r["informed"]]
    error, prior = (float(np.mean([r[key] for r in informed])) if informed else 0.0 for key in ("error", "error_prior"))
    add(
        "error of informed left-out figures over the prior's",
        digits(error / max(prior, 1e-12), ".2f"),
        "0.50 or less",
        error <= 0.5 * prior,
        error <= prior,
    )
    confirm = found["confirmation"]
    add(
        "confirmed draws: mean distance of emulator and runs",
        f"{digits(confirm['worst'], '.1f')} s.e. ({confirm['worst_target']})",
        "at most 2 for 95 % of figures",
        confirm["within"] >= 0.95,
        confirm["within"] >= 0.85,
    )
    if found.get("scale"):
        small = found["scale"]["within"]
        add(
            "scale check: differences below half the run noise",
            f"{digits(small, '.0%')} of figures",
            "all, or corrected",
            small >= 0.999,
            small >= 0.8,
        )
    budget = found["budget"]
    add("runs", budget["runs"], "at most 2,500", budget["runs"] <= 2500)
    add("minutes on two cores", digits(budget["minutes"], ".0f"), "at most 45", budget["minutes"] <= 45, budget["minutes"] <= 60)
    return rows
