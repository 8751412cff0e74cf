"""A scenario from its files: catalogue default < parent < mixins < the file itself < ``--set``.

Every file is taken apart into single settings (``flatten``); a stronger file replaces a weaker one's
settings one by one, lists as a whole. What remains is checked and made into a ``Scenario`` (``resolve``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

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
            for key in ("schema", "extends", "mixins"):
                if (key,) in settings:
                    self.problems.append(Problem(COMMAND_LINE, 0, f"{key}: only a file can say this"))
            merged.update(settings)
        return merged


def _load(
    path_or_id: str | os.PathLike[str], overrides: Sequence[str]
) -> tuple[Scenario | None, list[Problem]]:
    path, problems = find_scenario(path_or_id)
    if path is None:
        return None, problems
    head, problems = read(path)
    if head is None:
        return None, problems
    loading = _Loading()
    own_id = head.data.get("id")
    trail = ((own_id if isinstance(own_id, str) else path.stem, Path(os.path.abspath(path))),)
    settings = loading.layered(head, trail, head) | loading.overridden(overrides)
    resolution = Resolution(settings, loading.bad, loading.missing == 0, head)
    scenario = resolution.scenario(tuple(dict.fromkeys(loading.chain)))
    found = loading.problems + resolution.problems
    files = [head.shown, *sorted({problem.path for problem in found} - {head.shown})]
    found = sorted(dict.fromkeys(found), key=lambda problem: (files.index(problem.path), problem.line))
    return (None if found else scenario), found


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
        With all problems at once, each with its file and line.
    """
    scenario, problems = _load(path_or_id, overrides)
    if scenario is None:
        raise ScenarioError(problems)
    return scenario


def check_file(path_or_id: str | os.PathLike[str], overrides: Sequence[str] = ()) -> list[Problem]:
    """All problems of a scenario, the file's own first, then those of the files it is made of."""
    return _load(path_or_id, overrides)[1]
