"""Result files with made-up numbers for tests of comparisons: written by the store, with every declared output."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import test_plots

from greaterbay import outputs
from greaterbay.runner.replicate import Result
from greaterbay.runner.store import Store

LEVERS = {"shared_facilities": 0.3, "joint_collaboration_fund": 0.004}


def make(
    folder: Path,
    name: str,
    *,
    effect: float = 0.0,
    noise: float = 0.0,
    replicates: int = 6,
    quarters: int = 16,
    seed: int = 20200101,
    scale: float = 0.05,
    version: str = "0.1.0",
    first: int = 2020 * 4,
    cut: str = "none",
    digest: str = "",
    draw: list[int] | None = None,
    posterior: str = "trial",
    financing: str = "additional",
    levers: bool = True,
) -> Path:
    """A result file of ``draw``s of ``posterior`` (central values without): ``effect`` moves what policy moves
    (conversions, adoption, cost), ``noise`` all flows of a replicate by chance.
    """
    store, span = Store(folder), list(range(first, first + quarters))
    digest = digest or hashlib.sha256(f"{name} {effect} {noise} {seed} {scale}".encode()).hexdigest()
    needed, test_plots.NEEDED = test_plots.NEEDED, list(outputs.table())
    try:
        for replicate in range(replicates):
            arrays, coords = test_plots.made_up(name, replicate, span, effect=effect, probe=test_plots.PROBE)
            chance = 1.0 + noise * np.random.default_rng([replicate, int(1000 * effect), 3]).standard_normal()
            for key in ("inventions", "conversions", "conversions_value"):
                arrays[key] = (arrays[key] * chance).astype(np.float32)
            arrays["conversions_value"] *= np.float32(1.0 + effect)
            arrays["public_cost_present"] = arrays["public_cost"] * np.float32(0.9)
            neutral = np.zeros(len(coords["lever"]))
            value = np.array([LEVERS.get(lever, 0.0) for lever in coords["lever"]]) if effect and levers else neutral
            arrays["lever_value"] = (
                np.broadcast_to(value, (quarters, value.size)) * (np.arange(quarters)[:, None] >= quarters // 2)
            ).astype(np.float32)
            store.write_part(digest, replicate, Result(arrays, coords, {"quarters": 1.0}))
    finally:
        test_plots.NEEDED = needed
    title, title_zh = test_plots.TITLES.get(name, (name, None))
    probe = {"field": "field_1", "city": "shenzhen", "start": "2021-04-01", "title": "", "title_zh": "人形机器人"}
    manifest = {
        "version": version,
        "source_digest": hashlib.sha256(version.encode()).hexdigest(),
        "seed": seed,
        "posterior": None if draw is None else {"id": posterior, "digest": hashlib.sha256(posterior.encode()).hexdigest(), "draws": 40},
        "digest": digest,
        "scenario": {
            "id": name,
            "title": title,
            "title_zh": title_zh,
            "run": {"scale": scale, "cut": cut},
            "probes": {test_plots.PROBE: probe},
            "financing": financing,
            "levers": {},
            "events": [],
            "parameters": {},
        },
    }
    rows = list(test_plots.CITIES.values())
    names = {
        "city_name": ("city", [row[0] for row in rows]),
        "city_name_zh": ("city", [row[1] for row in rows]),
        "city_jurisdiction": ("city", [row[2] for row in rows]),
        "city_role": ("city", [row[3] for row in rows]),
    }
    path = store.assemble(name, digest, list(range(replicates)), manifest, lambda coords: names)
    if draw is not None:
        import h5py

        with h5py.File(path, "r+") as file:
            file["draw"] = np.asarray(draw, np.int32)
            file["draw"].dims[0].attach_scale(file["replicate"])
            file.attrs["coordinates"] = str(file.attrs["coordinates"]) + " draw"
    return path
