"""The report of a calibration, in Markdown: what was fitted, how well, what is known and what is not."""

from __future__ import annotations

from greaterbay.calibration.study import off_scale
from greaterbay.digits import digits


def markdown(study, found: dict, manifest: dict) -> str:
    """The whole report."""
    parts = [
        _head(study, found, manifest),
        _acceptance(found),
        _parameters(study, found),
        _fit(study, found),
        _left_out(found),
        _checks(study, found),
        _misfit(study, found),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def table(heads, rows) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(str(cell).replace("|", "/") for cell in row) + " |" for row in rows])


def _head(study, found, manifest) -> str:
    budget, waves = found["budget"], ", ".join(f"{count}" for count in found["waves"].values())
    left = ", ".join(digits(share, ".1%") for share in found["not_implausible"][1:])
    return f"""# Calibration report: {study.title}

Made by `{manifest["command"]}` (study `{study.id}`, numbers version {manifest["numbers"]}, seed {study.seed}): {budget["runs"]} runs of
the scenario `{study.scenario}` to {study.end} at scale {study.scale:g} ({waves} by wave), {digits(budget["seconds_per_run"], '.2f')} s each, about
{digits(budget["minutes"], '.0f')} minutes on two cores ({digits(budget["minutes_runs"], '.0f')} for the runs); {budget["failed"]} runs failed{_failures(budget)}. Share of the prior that is not implausible
before each later wave: {left or "–"}. {manifest["draws"]} draws. Nothing in the lists of targets
and priors changed after the first wave of this study. {" ".join(study.note.split())}
What failed stays visible below."""


def _failures(budget) -> str:
    return f" (for example: {budget['failures'][0]})" if budget["failures"] else ""


def _acceptance(found) -> str:
    rows = [
        (r["what"], r["value"], r["wanted"], r["verdict"].upper() if r["verdict"] == "fail" else r["verdict"]) for r in found["acceptance"]
    ]
    return "## Acceptance\n\n" + table(("what", "found", "wanted", "verdict"), rows)


def _parameters(study, found) -> str:
    known = {r["parameter"]: r for r in found["recovery"]["parameters"]}
    rows = []
    for r in found["posterior"]:
        k = known[r["parameter"]]
        rows.append(
            (
                f"`{r['parameter']}`",
                r["label"],
                f"{digits(r['low'])} – {digits(r['high'])} ({r['scale']})",
                digits(r["median"]),
                f"{digits(r['low50'])} – {digits(r['high50'])}",
                f"{digits(r['low90'])} – {digits(r['high90'])}",
                digits(r["sd_ratio"], ".2f"),
                digits(k["sd_ratio"], ".2f"),
                digits(k["rank"], ".2f"),
                k["identified"] + (", at an edge" if r["at_edge"] else ""),
            )
        )
    ridges = [f"`{r['first']}` with `{r['second']}` (correlation {digits(r['correlation'], '+.2f')})" for r in found["ridges"]]
    declared = [f"{' / '.join(f'`{p}`' for p in r['parameters'])}: {r['done']}. {r['reason']}" for r in study.ridges]
    return (
        "## Parameters: prior against posterior, identifiability\n\n"
        + table(
            (
                "parameter",
                "what",
                "prior",
                "median",
                "50 %",
                "90 %",
                "sd / prior sd",
                "same, on synthetic truths",
                "rank correlation",
                "identified",
            ),
            rows,
        )
        + "\n\nStrong: sd at most 0.3 of the prior's and rank correlation at least 0.9 on synthetic truths; weak: at most 0.6.\n\n"
        + "Ridges of the posterior: "
        + ("; ".join(ridges) or "none above 0.6")
        + ".\n\nRidges known beforehand:\n\n"
        + "\n".join(f"- {line}" for line in declared)
    )


def _fit(study, found) -> str:
    rows = []
    for r in found["fit"]:
        if r["ordering"]:
            target, model, z = "holds", digits(r["holds"], ".2f"), "–"
        else:
            target, z = digits(float(off_scale(r["point"], r["scale"]))), digits(r["z"], "+.1f")
            low, high = (float(off_scale(r["mean"] + s * 1.645 * r["run_sd"], r["scale"])) for s in (-1, 1))
            model = f"{digits(float(off_scale(r['mean'], r['scale'])))} ({digits(low)} – {digits(high)})"
        where = "; ".join(part for part in (r["reference"].replace(" ", ", "), r["section"] and f"section {r['section']}") if part)
        rows.append(
            (
                r["target"],
                where,
                r["place"],
                "yes" if r["fitted"] else "no",
                target,
                model,
                z,
                "yes" if r["inside90"] else "**no**",
                digits(r["met_by_prior"], ".0%") + ("" if r["counts"] else " (does not count)"),
            )
        )
    return (
        "## Fit: figures of the documents against the model\n\nThe model's value is the mean of the posterior predictive with the 90 % "
        "interval "
        "of single runs; of an ordering it is the probability that it holds. *Inside* allows for tolerance and discrepancy.\n\n"
        + table(("figure", "source", "place", "fitted", "target", "model", "z", "inside 90 %", "met by prior draws"), rows)
    )


def _left_out(found) -> str:
    rows = []
    for r in found["left_out"]:
        if "holds" in r:
            rows.append(
                (
                    r["target"],
                    r["group"],
                    "yes" if r["informed"] else "no",
                    f"holds {digits(r['holds'], '.2f')} (prior {digits(r['holds_prior'], '.2f')})",
                    "yes" if r["inside90"] else "**no**",
                )
            )
        else:
            rows.append(
                (
                    r["target"],
                    r["group"],
                    "yes" if r["informed"] else "no",
                    f"z {digits(r['z'], '+.1f')}; error {digits(r['error'], '.2f')} (prior {digits(r['error_prior'], '.2f')})",
                    "yes" if r["inside90"] else "**no**",
                )
            )
    return (
        "## Left-out figures, five folds by group\n\nEach figure as predicted by a posterior that has not seen its group. *Informed*: the "
        "kept "
        "figures tell something about it (emulator correlation above 0.3).\n\n"
        + table(("figure", "group", "informed", "prediction", "inside 90 %"), rows)
    )


def _checks(study, found) -> str:
    r, c = found["recovery"], found["confirmation"]
    text = (
        f"## Recovery, confirmation, emulators, scale\n\n{r['truths']} synthetic truths: error {digits(r['error'], '.2f')} prior sd; 50 % intervals "
        "cover "
        f"{digits(r['coverage50'], '.1%')}, 90 % intervals {digits(r['coverage90'], '.1%')} of truths × parameters.\n\n{c['runs']} posterior draws were run: "
        "emulator and "
        f"runs agree within two standard errors for {digits(c['within'], '.0%')} of the figures (farthest: {c['worst_target']}, {digits(c['worst'], '.1f')}); "
        f"{c['refits']} refits. Chain: acceptance {digits(found['chain']['acceptance'], '.2f')}, largest shift between its halves "
        f"{digits(found['chain']['shift_of_halves'], '.2f')} sd.\n\n"
    )
    rows = [
        (e["target"], e["kind"], digits(e["ensemble_sd"]), digits(e["left_out_sd"]), digits(e["noise_sd"]), digits(e["explained"], ".0%"))
        for e in found["emulators"]
    ]
    text += table(("figure", "emulator", "sd of the ensemble", "leave-one-out error", "run noise", "explained"), rows)
    if found.get("scale"):
        s = found["scale"]
        off = [(f["target"], digits(f["difference"]), digits(f["error"]), digits(f["half_noise"])) for f in s["figures"] if not f["within"]]
        text += (
            f"\n\nScale: {s['runs']} draws at scale {digits(s['scale'], 'g')} against {study.scale:g}, same seeds: {digits(s['within'], '.0%')} of the figures "
            "differ by "
            "less than half the run noise (two standard errors allowed)."
        )
        if off:
            text += " The others:\n\n" + table(("figure", "difference", "standard error", "half the run noise"), off)
    return text


def _misfit(study, found) -> str:
    lines = []
    by_id = {t.id: t for t in study.targets}
    for r in found["fit"]:
        t = by_id[r["target"]]
        if not r["inside90"]:
            way = "the claim rarely holds" if r["ordering"] else f"the model is {'above' if r['z'] < 0 else 'below'} the target"
            pull = "other figures pull the other way" if r["fitted"] else "it was not fitted"
            reach = f"{digits(r['met_by_prior'], '.0%')} of prior draws meet it: {pull}"
            if r["met_by_prior"] < 0.01:
                reach = "no prior draw reaches it: a mechanism or a match of definitions is missing"
            lines.append(f"- **{r['target']}**: {way} ({reach}). Note of the target: {t.reason}")
        elif not r["counts"]:
            lines.append(f"- {r['target']}: met by {digits(r['met_by_prior'], '.0%')} of prior draws, so it tells nothing and does not count.")
    return "## What does not fit, what does not count, and why\n\n" + ("\n".join(lines) or "Everything fits.")
