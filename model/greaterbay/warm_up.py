"""Warm-up and release: forty quarters under the conditions of 2020, then nothing is held any more.

The warm-up depends on sources, region, parameters, seed, replicate, scale and start only, so every scenario of a replicate
begins from one kept state: in memory for the last few, and in a folder where one is given.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import zlib
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import numpy as np

from greaterbay import state
from greaterbay.actors.alliance import list_members
from greaterbay.actors.network import city_of_node, see_network, update_degrees
from greaterbay.build import count_stocks
from greaterbay.exchange import diffusion
from greaterbay.exchange.productivity import effective_productivity, mean_by_field, productivity_by_city
from greaterbay.kernels import sources_digest
from greaterbay.measures import value_added
from greaterbay.region import cuts

KEPT_STATES = 2  # in memory, per process
PARTS = (*state.TABLES, "places", "ledger")  # with state() and restore()
_states: OrderedDict[str, dict] = OrderedDict()


def warm_up(bay, folder) -> None:
    """Play the warm-up, or take it from memory or ``folder``; ``bay.warmed_from`` says which."""
    key = warm_key(bay)
    bay.world.people_start = bay.people.state()
    path = Path(folder) / f"{key}.npz" if folder is not None else None
    found = _states.get(key)
    if found is None and path is not None and path.exists():
        found = _read_state(path)
    if found is not None:
        restore(bay, found)
        bay.warmed_from = "cache"
    else:
        while bay.quarter < bay.start:
            bay.play_quarter()
            bay.quarter += 1
        found = collect(bay)
        bay.warmed_from = "run"
        if path is not None:
            _write_state(path, found)
    _states[key] = found
    _states.move_to_end(key)
    while len(_states) > KEPT_STATES:
        _states.popitem(last=False)
    bay.quarter = bay.start


def warm_key(bay) -> str:
    """Digest of all that the warm-up depends on: sources, region, parameters, seed, replicate, scale, start."""
    content = json.dumps([sources_digest(), str(bay.region.folder), sorted(bay.parameters.declared.items()), bay.seed_used,
                          bay.replicate, bay.scale, bay.start, region_digest(bay.region)])
    return hashlib.sha256(content.encode()).hexdigest()[:24]


def region_digest(region) -> str:
    """Digest of the region's tables."""
    total = hashlib.sha256()
    for path in sorted(Path(region.folder).glob("*.csv")):
        total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()


def _kept_members():
    """Groups with the members that are carried over (``kept`` in ``state.csv``)."""
    for group in state.GROUPS:
        for name in state.kept(group):
            yield group, name


def collect(bay) -> dict[str, np.ndarray]:
    """Everything that is carried from the warm-up into the run."""
    found = {f"{part}/{column}": array for part in PARTS for column, array in getattr(bay, part).state().items()}
    for group, name in _kept_members():
        found[f"{group}/{name}"] = np.array(getattr(getattr(bay, group), name))
    tracked = bay.technologies.tracked
    found["technologies"] = np.array([[t.bit, t.field, t.launch, t.gain] for t in tracked if t is not None]).reshape(-1, 4)
    return found


def restore(bay, found: dict[str, np.ndarray]) -> None:
    """Take what ``collect`` gave."""
    for part in PARTS:
        prefix = f"{part}/"
        getattr(bay, part).restore({k[len(prefix):]: v for k, v in found.items() if k.startswith(prefix)})
    for group, name in _kept_members():
        value = found[f"{group}/{name}"]
        setattr(getattr(bay, group), name, value.copy() if value.ndim else float(value))
    for bit, field, launch, gain in found["technologies"]:
        slot = int(bit)
        bay.technologies.tracked[slot] = diffusion.Technology(slot, int(field), int(launch), float(gain), bay.technologies.names[slot],
                                                              "field")
    count_stocks(bay)


def release(bay) -> None:
    """From here on nothing is held: references are taken, books of people and inventions begin."""
    bay.warming = False
    firms, economy, reference, region = bay.firms, bay.economy, bay.reference, bay.region
    cut_apart(bay)
    rows = firms.alive_rows()
    list_members(bay)
    bay.stocks.people_in = bay.stocks.people_out = 0.0
    # productivity is measured from the field's mean at release; what the warm-up added is not growth
    mean = mean_by_field(bay, firms.productivity)
    firms.productivity[rows] -= mean[firms.field[rows]]
    economy.adoption_gain_city[:] = 0.0
    economy.effective = effective_productivity(bay)
    reference.productivity_reference = np.maximum(mean_by_field(bay, np.exp(economy.effective)), 1e-12)
    economy.productivity_city = reference.productivity_city_start = productivity_by_city(bay)
    reference.sales_per_firm_start = float((firms.sales[rows] * firms.weight[rows]).sum() * 4.0 / firms.weight[rows].sum())
    sold = firms.sales[rows] * firms.weight[rows]
    reference.market_start = np.bincount(firms.field[rows], weights=sold, minlength=len(region.field_ids))
    simulated, _ = value_added(bay, start=True)
    reference.rest_start = region.output_city / 4.0 - simulated
    if (reference.rest_start < 0).any():
        c = int(reference.rest_start.argmin())
        raise ValueError(f"{region.city_ids[c]}: simulated firms add {simulated[c] * 4:.0f} million CNY a year, more than the "
                         f"city's output of {region.output_city[c]:.0f}; lower economy.value_added_share")
    reference.output_start = region.output_city / 4.0
    economy.output_ratio = np.ones(len(region.city_ids))
    bay.instruments.forget_notes()
    bay.tally.open_quarter()


def cut_apart(bay) -> None:
    """The scenario may cut jurisdictions apart from here on; ties that cross end."""
    cut, world = bay.scenario.run.cut, bay.world
    world.cut_pairs, world.side_city = cuts.cut_pairs(bay.region, cut), cuts.sides(bay.region, cut)
    if world.cut_pairs is None:
        return
    ties = bay.ties
    rows = ties.alive_rows()
    ties.clear(rows[world.side_city[city_of_node(bay, ties.a[rows])] != world.side_city[city_of_node(bay, ties.b[rows])]])
    update_degrees(ties, bay.institutes, bay.firms)
    see_network(bay)


def _write_state(path: Path, found: dict[str, np.ndarray]) -> None:
    """Keep a warm-up for other scenarios; where it cannot be written they play their own."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **found)
    content = zlib.compress(buffer.getvalue(), 1)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(hashlib.sha256(content).digest() + content)
        os.replace(temporary, path)
    except OSError as error:
        logging.getLogger(__name__).warning("the warm-up is not kept: %s", error)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _read_state(path: Path) -> dict[str, np.ndarray] | None:
    """The state, or None when the file is damaged (then the warm-up is run again)."""
    try:
        content = path.read_bytes()
    except OSError:  # removed meanwhile
        return None
    if len(content) < 33 or hashlib.sha256(content[32:]).digest() != content[:32]:
        return None
    with np.load(io.BytesIO(zlib.decompress(content[32:]))) as file:
        return dict(file)
