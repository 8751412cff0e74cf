"""What every key of a scenario file means; the schema says the rest. A key without words stops the build."""

from __future__ import annotations

TOP = {
    "schema": "version of this format",
    "id": "name of the scenario and of its results: small letters, digits and `_`",
    "title": "one line of text for tables and pictures",
    "title_zh": "the same in Chinese",
    "extends": "id of the parent whose settings this file changes; looked for in the file's folder, then in the library",
    "mixins": "parts that several scenarios take: paths, seen from the file, then from the library",
    "financing": "where money for levers comes from: on top of other programmes, or taken from the same payer's other programmes",
    "budget": "`same_as:ID`: `greaterbay compare` scales the costly levers until they spend as much as that scenario",
    "run": "what is simulated; see below",
    "levers": "one table `[levers.ID]` for each policy lever; see below",
    "probes": "one table `[probes.NAME]` for each technology that is launched to watch it spread; see below",
    "events": "one table `[[events]]` for each dated change of the world; see below",
    "parameters": "values of model parameters by name, as in `\"partnering.border_weight\" = 1.2`",
    "mechanisms": "mechanisms that are switched off, as in `learning_on_ties = \"off\"` (`greaterbay mechanisms` lists them)",
    "expects": "sign of the effect on an output against the baseline, written before the first run, as in `conversions = \"+\"`",
    "sweep": "many scenarios in one file: `[sweep.grid]`, `[sweep.zip]`, `[sweep.latin_hypercube]`",
}
RUN = {
    "region": "a built-in region, or a folder of tables seen from the file",
    "start": "first day of the first quarter",
    "end": "last day of the last quarter",
    "scale": "share of firms and people that is simulated, above 0, at most 1",
    "replicates": "number of replicates",
    "seed": "seed of all random draws",
    "cut": "what is cut apart from the first reported quarter on",
    "posterior": "draws of the parameters: an id of `calibration/posteriors`, a folder, or `none` for central values",
}
LEVER = {
    "value": "strength in the unit of the catalogue",
    "start": "first day of the quarter in which the lever begins to act; without it the lever acts for the whole run",
    "ramp": "how long it takes to grow to its full value, as in `8 quarters` or `2 years`",
    "end": "last day of its last quarter",
    "exit": "how it ends: at once, or fading as long as the ramp lasted",
    "cities": "cities that it reaches; without it all",
    "fields": "fields of technology that it reaches; without it all",
    "kinds": "kinds of actors that it reaches; without it all",
    "payer": "who pays: a level (`city`, `jurisdiction`, `nation`) or a jurisdiction for its own cities; without it as the catalogue says",
    "reference": "its source: `lever:L20`, `figure:ID`, `paper:KEY`, `assumption:ID`; needed unless the value is neutral",
    "terms": "single terms of a preset that differ from the document's",
}
PROBE = {
    "field": "field of the technology",
    "city": "city of its launch",
    "start": "first day of the quarter of its launch",
    "title": "its name in tables and pictures",
    "title_zh": "the same in Chinese",
}
EVENT = {
    "date": "first day of the quarter from which it holds",
    "travel_minutes": "new travel times in minutes between pairs of cities",
}
