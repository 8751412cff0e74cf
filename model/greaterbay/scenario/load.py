"""A scenario from its files: catalogue default < parent < mixins < the file itself < ``--set``.

Every file is taken apart into single settings (``flatten``); a stronger file replaces a weaker one's
settings one by one, lists as a whole. What remains is checked and made into a ``Scenario`` (``resolve``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from greaterbay.scenario import schema
from greaterbay.scenario.files import (
    COMMAND_LINE,
    ID,
    Place,
    Setting,
    Source,
    dotted,
    find_id,
    find_scenario,
    ids_in,
    library_folder,
    read,
    read_overrides,
)
from greaterbay.scenario.flatten import Flattening
from greaterbay.scenario.problems import Problem, ScenarioError, did_you_mean
from greaterbay.scenario.resolve import Resolution
from greaterbay.scenario.schema import Scenario
from greaterbay.scenario.sweep import Point, Sweep, read_sweep, settings_of

Settings = dict[tuple[str, ...], Setting]


class _Loading:
    """One scenario being put together; problems gather in ``problems``, files in ``chain``."""

    def __init__(self) -> None:
        from greaterbay import parameters
        from greaterbay.policy import catalogue

        self.lever_ids = tuple(catalogue.levers())
        self.parameter_ids = tuple(parameters.table())
        self.problems: list[Problem] = []
        self.bad: set[Place] = set()
        self.chain: list[str] = []
        self.missing = 0  # parents and mixins that could not be read: what they hold is not called absent

    def flatten(self, source: Source) -> Flattening:
        flat = Flattening(source, self.lever_ids, self.parameter_ids)
        self.problems += flat.problems
        self.bad |= flat.bad
        return flat

    def layered(self, source: Source, trail: tuple[tuple[str, Path], ...], head: Source) -> Settings:
        """Settings of a file over those of its mixins over those of its parent.

        ``trail`` holds id and path of the files that led here, ``head`` is the file that was asked for.
        """
        flat = self.flatten(source)
        own = flat.settings
        for key in schema.REQUIRED_TOP:
            if (key,) not in own and (key,) not in flat.bad:
                self.problems.append(Problem(source.shown, 1, f"{key} is missing"))
        merged: Settings = {}
        if ("extends",) in own:
            merged.update(self.parent(own["extends",], trail, head))
        if ("mixins",) in own:
            merged.update(self.mixins(own["mixins",]))
        self.chain.append(source.shown)
        merged = {place: setting for place, setting in merged.items() if place[0] not in schema.OWN_KEYS}
        return merged | own

    def parent(self, setting: Setting, trail: tuple[tuple[str, Path], ...], head: Source) -> Settings:
        source, name = setting.source, setting.value
        self.missing += 1  # until the parent is read
        if not ID.fullmatch(name):
            is_path = "/" in name or "\\" in name or name.endswith(".toml")
            what = (
                "is a path; a parent lies in the file's folder or in the library"
                if is_path
                else "is not an id"
            )
            self.problems.append(
                source.problem(("extends",), f'"{name}" {what}', "an id found in one of the two")
            )
            return {}
        path = find_id(name, source.folder) or find_id(name, library_folder())
        if path is None:
            known = {*ids_in(source.folder), *ids_in(library_folder())} - {trail[-1][0]}
            self.problems.append(
                source.problem(
                    ("extends",),
                    f'no scenario "{name}" in the file\'s folder or in the library',
                    "an id found in one of the two",
                    did_you_mean(name, known),
                )
            )
            return {}
        path = Path(os.path.abspath(path))
        ids = [*(step for step, _ in trail), name]
        if path in (earlier for _, earlier in trail):
            self.problems.append(head.problem(("extends",), f"circle of parents: {' → '.join(ids)}"))
            return {}
        if len(trail) > schema.MOST_PARENTS:
            self.problems.append(
                head.problem(
                    ("extends",),
                    f"too many parents: {' → '.join(ids)}",
                    f"at most {schema.MOST_PARENTS} above a file",
                )
            )
            return {}
        parent, problems = read(path)
        self.problems += problems
        if parent is None:
            return {}
        self.missing -= 1
        return self.layered(parent, (*trail, (name, path)), head)

    def mixins(self, setting: Setting) -> Settings:
        merged: Settings = {}
        given: dict[Path, int] = {}
        for index, name in enumerate(setting.value):
            place = ("mixins", index)
            path = self.mixin_path(setting.source, place, name)
            if path is None:
                self.missing += 1
                continue
            if path in given:
                self.problems.append(setting.source.problem(place, f'"{name}" is listed twice'))
                continue
            given[path] = index
            source, problems = read(path)
            self.problems += problems
            if source is None:
                self.missing += 1
                continue
            self.chain.append(source.shown)
            settings = self.flatten(source).settings
            for key in ("extends", "mixins"):
                if (key,) in settings:
                    self.problems.append(source.problem((key,), "a mixin takes nothing from other files"))
            if ("sweep",) in settings:
                self.problems.append(source.problem(("sweep",), "a mixin sweeps nothing", "in the scenario itself"))
            settings = {key: value for key, value in settings.items() if key[0] not in schema.OWN_KEYS}
            for key in settings:
                if key not in merged or settings[key].value is None:
                    continue
                both = f"{merged[key].origin} and {settings[key].origin}"
                self.problems.append(setting.source.problem(place, f"two mixins set {dotted(key)}: {both}"))
            merged.update(settings)
        return merged

    def mixin_path(self, source: Source, place: Place, name: str) -> Path | None:
        if Path(name).is_absolute():
            self.problems.append(
                source.problem(
                    place, f'"{name}" is an absolute path', "a path from the file or from the library"
                )
            )
            return None
        for folder in (source.folder, library_folder()):
            path = Path(os.path.abspath(folder / name))
            if os.path.isfile(path):
                return path
        known = [
            path.relative_to(folder).as_posix()
            for folder in (source.folder, library_folder())
            for path in sorted([*folder.glob("*.toml"), *folder.glob("mixins/*.toml")])
        ]
        self.problems.append(
            source.problem(
                place,
                f'no file "{name}" below the file\'s folder or the library',
                "",
                did_you_mean(name, known),
            )
        )
        return None

    def overridden(self, overrides: Sequence[str]) -> Settings:
        merged: Settings = {}
        sources, problems = read_overrides(tuple(overrides))
        self.problems += problems
        for source in sources:
            settings = self.flatten(source).settings
            for key in ("schema", "extends", "mixins", "sweep"):
                if (key,) in settings:
                    self.problems.append(Problem(COMMAND_LINE, 0, f"{key}: only a file can say this"))
            merged.update(settings)
        return merged


class _Loaded:
    """A file put together from its layers: its one scenario, or the points of its sweep."""

    def __init__(self, path_or_id: str | os.PathLike[str], overrides: Sequence[str]) -> None:
        self.head: Source | None = None  # None: the file could not be read, and ``problems`` say why
        self.warnings: list[Problem] = []
        self.sweep: Sweep | None = None
        self.singles: list[Point] = []  # of a sweep that cannot be used: what of it can be judged by itself
        path, self.problems = find_scenario(path_or_id)
        if path is None:
            return
        self.head, self.problems = read(path)
        if self.head is None:
            return
        loading = self.loading = _Loading()
        own_id = self.head.data.get("id")
        trail = ((own_id if isinstance(own_id, str) else path.stem, Path(os.path.abspath(path))),)
        over = loading.overridden(overrides)
        self.settings = loading.layered(self.head, trail, self.head) | over
        self.chain = tuple(dict.fromkeys(loading.chain))
        if ("sweep",) in self.settings and self.settings["sweep",].source is self.head:
            self._read_sweep(self.head, over)
        self.problems = loading.problems

    def _read_sweep(self, head: Source, over: Settings) -> None:
        loading = self.loading
        from greaterbay.policy import catalogue

        integer = [name for name, lever in catalogue.levers().items() if lever.integer]
        reading = read_sweep(head, loading.lever_ids, integer, loading.parameter_ids)
        loading.problems += reading.problems
        self.sweep, self.singles = reading.sweep, reading.singles()
        if self.sweep is None:
            loading.bad |= set(reading.given)
        for path in self.sweep.paths if self.sweep else ():
            if path in over:
                loading.problems.append(
                    Problem(COMMAND_LINE, 0, f"{dotted(path)}: {head.shown} sweeps this", "another key")
                )

    def scenario(self) -> Scenario | None:
        """The file's own scenario, its sweep left aside; problems with it are noted."""
        return self._resolved(self.settings)

    def judge(self) -> Scenario | None:
        """Note all problems; the scenario of a file without a sweep."""
        if self.head is None:
            return None
        if self.sweep is not None:
            self.points(self.head, self.sweep, self.sweep.corners())
            return None
        for point in self.singles:
            self._resolved(self.settings | settings_of(point, self.head))
        return self.scenario()

    def points(self, head: Source, sweep: Sweep, points: Iterable[Point]) -> list[Scenario]:
        """A scenario for each point; problems are noted, each once."""
        found, count = [], sweep.count
        width = max(3, len(str(count)))
        for place, point in enumerate(points, start=1):
            scenario = self._resolved(self.settings | settings_of(point, head))
            if scenario is None:
                continue
            title_zh = f"{scenario.title_zh}({place}/{count})" if scenario.title_zh else ""
            title = f"{scenario.title} ({place} of {count})"
            found.append(replace(scenario, id=f"{scenario.id}_{place:0{width}d}", title=title, title_zh=title_zh))
        return found

    def _resolved(self, settings: Settings) -> Scenario | None:
        assert self.head is not None
        resolution = Resolution(settings, self.loading.bad, self.loading.missing == 0, self.head)
        scenario = resolution.scenario(self.chain)
        self.problems = list(dict.fromkeys(self.problems + resolution.problems))
        self.warnings = list(dict.fromkeys(self.warnings + resolution.warnings))
        return scenario

    def sorted_problems(self) -> list[Problem]:
        """All problems, the file's own first, by line."""
        first = [self.head.shown] if self.head else []
        files = [*first, *sorted({problem.path for problem in self.problems} - set(first))]
        return sorted(self.problems, key=lambda problem: (files.index(problem.path), problem.line))


def load_scenario(path_or_id: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Scenario:
    """Load a scenario by path or by the id of a library scenario.

    Parameters
    ----------
    path_or_id
        A TOML file, or the id of a scenario of the library.
    overrides
        Values that go over the files, as with ``--set``: ``"levers.shared_facilities.value=0.3"``.

    Raises
    ------
    ScenarioError
        With all problems at once, each with its file and line. A file with a sweep is many scenarios and
        has to be loaded with ``load_scenarios``.
    """
    loaded = _Loaded(path_or_id, overrides)
    scenario = loaded.judge()
    if loaded.head is not None and loaded.sweep is not None and not loaded.problems:
        what = f"this file stands for {loaded.sweep.count} scenarios"
        hint = "`greaterbay run` takes them all, `greaterbay sweep` writes a file for each"
        loaded.problems.append(loaded.head.problem(("sweep",), what, "", hint))
    if loaded.problems or scenario is None:
        raise ScenarioError(loaded.sorted_problems())
    return scenario


def load_scenarios(path_or_id: str | os.PathLike[str], overrides: Sequence[str] = ()) -> list[Scenario]:
    """As ``load_scenario``, in a list; a file with a sweep gives all its points."""
    return load_sweep(path_or_id, overrides)[0]


def load_sweep(
    path_or_id: str | os.PathLike[str], overrides: Sequence[str] = ()
) -> tuple[list[Scenario], list[dict[str, Any]]]:
    """The scenarios of a file and, for each, the swept values by dotted key (none without a sweep)."""
    loaded = _Loaded(path_or_id, overrides)
    if loaded.head is None or loaded.sweep is None or loaded.problems:
        scenario = loaded.judge()
        if loaded.problems or scenario is None:
            raise ScenarioError(loaded.sorted_problems())
        return [scenario], [{}]
    points = list(loaded.sweep.points())
    scenarios = loaded.points(loaded.head, loaded.sweep, points)
    if loaded.problems:
        raise ScenarioError(loaded.sorted_problems())
    return scenarios, [{dotted(path): value.value for path, value in point.items()} for point in points]


def check_file(path_or_id: str | os.PathLike[str], overrides: Sequence[str] = ()) -> list[Problem]:
    """All problems of a scenario, the file's own first, then those of the files it is made of."""
    return check_and_warn(path_or_id, overrides)[0]


def check_and_warn(
    path_or_id: str | os.PathLike[str], overrides: Sequence[str] = ()
) -> tuple[list[Problem], list[Problem]]:
    """As ``check_file``, and the warnings where there are no problems; of a sweep, those of all its points."""
    loaded = _Loaded(path_or_id, overrides)
    loaded.judge()
    return loaded.sorted_problems(), [] if loaded.problems else loaded.warnings
