"""Reading the tables of a region folder, with the line of every problem.

Only the standard library is used here, so that ``check`` stays quick. A table is read once into cells
that remember their line; whatever is wrong is collected and reported together.
"""

from __future__ import annotations

import csv
import difflib
import math
import os
from dataclasses import dataclass
from pathlib import Path

BUILT_IN = Path(__file__).resolve().parent
OUTSIDE_IDS = ("rest_of_china", "abroad")

# Columns of every table. The first column (or the first two, for tables of pairs) is the key of a row.
COLUMNS: dict[str, tuple[str, ...]] = {
    "region": ("id", "name", "name_zh", "graduates_per_rd_person"),
    "cities": (
        "id",
        "name",
        "name_zh",
        "jurisdiction",
        "core",
        "latitude",
        "longitude",
        "area",
        "population",
        "output",
        "employment",
    ),
    "research": (
        "city",
        "rd",
        "rd_firm_share",
        "rd_university_share",
        "rd_institute_share",
        "rd_people",
        "science_budget",
        "overseas_links",
    ),
    "firms": ("city", "firms", "leaders", "startup_share"),
    "living": ("city", "schooling", "medical", "housing_elasticity", "rent_level"),
    "parks": (
        "city",
        "park_quality",
        "incubators_national",
        "incubators_provincial",
        "incubators_other",
        "makerspaces_national",
        "makerspaces_provincial",
        "makerspaces_other",
    ),
    "fields": (
        "id",
        "name",
        "name_zh",
        "duration_years",
        "conversion",
        "market_growth",
        "market_share",
        "export_share",
        "rest_of_china_share",
        "import_dependence",
        "rd_intensity",
        "adoption_gain",
        "lead_field",
        "chain_position",
        "frontier_growth",
    ),
    "travel": ("city", "city_2", "minutes", "basis"),
    "travel_outside": ("city", *OUTSIDE_IDS),
    "jurisdictions": (
        "id",
        "name",
        "name_zh",
        "inside",
        "customs_territory",
        "customs_control",
        "currency",
        "capital_controls",
        "legal_family",
        "profit_tax",
        "personal_tax_top",
        "personal_tax_talent",
        "languages",
    ),
    "outside": ("id", "wage", "people_response"),
    "zones": (
        "id",
        "name",
        "name_zh",
        "city",
        "partners",
        "relief_technology",
        "relief_talent",
        "relief_finance",
    ),
    "roles": ("city", "role"),
    "agreements": ("id", "name", "name_zh", "city", "city_2"),
    "alliances": ("id", "name", "name_zh", "fields", "jurisdictions"),
    "institute_tiers": (
        "id",
        "name",
        "name_zh",
        "researcher_weight",
        "size_slope",
        "focus",
        "facility_per_researcher",
        "teaches",
        "state_lab",
    ),
    "institutes": ("id", "name", "name_zh", "tier", "city", "city_2", "city_3", "fields", "count"),
    # Where each number comes from; read by people and by the tests, not by the model.
    "sources": ("table", "column", "rows", "reference"),
}
# Square or rectangular tables whose columns are ids: first column's name, what the columns are.
MATRICES = {
    "field_mix": ("city", "field"),
    "field_relatedness": ("field", "field"),
    "distances": ("city", "city"),
    "recognition": ("recognising", "jurisdiction"),
}
# A region may have none of these.
MAY_BE_EMPTY = frozenset({"zones", "roles", "agreements", "alliances", "institutes"})


class RegionError(ValueError):
    """The tables of a region are wrong; ``problems`` lists all of them as ``file:line: message``."""

    def __init__(self, problems: list[str]):
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class Row:
    """One line of a table: its line number in the file and its cells by column name."""

    line: int
    cells: dict[str, str]


class Tables:
    """The tables of one region folder; collects problems instead of stopping at the first."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.problems: list[tuple[str, int, str]] = []
        self._rows: dict[str, list[Row]] = {}
        self._heads: dict[str, tuple[str, ...]] = {}

    def problem(self, table: str, line: int, message: str) -> None:
        """Remember a problem of ``table`` at ``line``."""
        self.problems.append((table, line, message))

    def check(self) -> None:
        """Raise ``RegionError`` with all problems found so far, in the order of file and line."""
        if self.problems:
            ordered = sorted(dict.fromkeys(self.problems), key=lambda p: (p[0], p[1]))
            raise RegionError([f"{self.folder / (t + '.csv')}:{line}: {text}" for t, line, text in ordered])

    def rows(self, table: str) -> list[Row]:
        """Rows of ``table``; a missing file, a missing or unknown column and ragged lines are problems."""
        if table not in self._rows:
            self._heads[table], self._rows[table] = self._read(table)
        return self._rows[table]

    def head(self, table: str) -> tuple[str, ...]:
        """Column names of ``table``."""
        self.rows(table)
        return self._heads[table]

    def _read(self, table: str) -> tuple[tuple[str, ...], list[Row]]:
        path = self.folder / f"{table}.csv"
        try:
            with open(path, encoding="utf-8", newline="") as file:
                reader = csv.reader(file)
                lines = [(reader.line_num, cells) for cells in reader if cells]
        except FileNotFoundError:
            self.problem(table, 1, "the table is missing")
            return (), []
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            self.problem(table, line, "not UTF-8")
            return (), []
        except (OSError, csv.Error) as error:
            self.problem(table, 1, f"cannot be read: {error}")
            return (), []
        if not lines:
            self.problem(table, 1, "the table is empty")
            return (), []
        head = tuple(name.strip().lstrip("\ufeff") for name in lines[0][1])
        for name in sorted({n for n in head if head.count(n) > 1}):
            self.problem(table, 1, f"column {name!r} stands twice")
        if table in COLUMNS:
            for name in COLUMNS[table]:
                if name not in head:
                    self.problem(table, 1, f"column {name!r} is missing")
            for name in head:
                if name not in COLUMNS[table]:
                    self.problem(table, 1, f"unknown column {name!r}{nearest(name, COLUMNS[table])}")
        elif table in MATRICES and head[0] != MATRICES[table][0]:
            self.problem(table, 1, f"the first column is {head[0]!r}, it must be {MATRICES[table][0]!r}")
        rows = []
        for line, cells in lines[1:]:
            if len(cells) != len(head):
                self.problem(table, line, f"{len(cells)} cells, the head has {len(head)}")
                continue
            rows.append(Row(line, {name: cell.strip() for name, cell in zip(head, cells, strict=True)}))
        if not rows and table not in MAY_BE_EMPTY:
            self.problem(table, 1, "the table has no rows")
        return head, rows

    def ids(self, table: str) -> tuple[str, ...]:
        """Ids of a table in file order; an empty or repeated id is a problem."""
        found: list[str] = []
        for row in self.rows(table):
            name = row.cells.get("id", "")
            if not _is_id(name):
                self.problem(
                    table, row.line, f"id {name!r} must be lower-case letters, digits and underscores"
                )
            elif name in found:
                self.problem(table, row.line, f"id {name!r} stands twice")
            else:
                found.append(name)
        return tuple(found)

    def number(
        self,
        table: str,
        row: Row,
        column: str,
        low: float = -math.inf,
        high: float = math.inf,
        integer: bool = False,
    ) -> float:
        """Number in a cell, within [low, high]; ``nan`` where it is not usable (a problem is noted)."""
        if column not in row.cells:
            return math.nan
        text = row.cells[column]
        try:
            value = float(text)
        except ValueError:
            self.problem(table, row.line, f"{column} is {text!r}, not a number")
            return math.nan
        if not math.isfinite(value):
            self.problem(table, row.line, f"{column} is {text}, it must be finite")
            return math.nan
        if integer and value != int(value):
            self.problem(table, row.line, f"{column} is {text}, it must be a whole number")
        if not low <= value <= high:
            self.problem(table, row.line, f"{column} is {text}, allowed is {_range(low, high)}")
        return value

    def yes(self, table: str, row: Row, column: str) -> bool:
        """Truth of a yes/no cell."""
        text = row.cells.get(column, "no")
        if text not in ("yes", "no"):
            self.problem(table, row.line, f"{column} is {text!r}, allowed is yes or no")
        return text == "yes"

    def one_of(
        self, table: str, row: Row, column: str, known: tuple[str, ...], what: str, may_be_empty: bool = False
    ) -> int:
        """Position of the id in a cell among ``known``; -1 where empty or unknown."""
        text = row.cells.get(column, "")
        if not text and may_be_empty or column not in row.cells:
            return -1
        return self._position(table, row, column, text, known, what)

    def some_of(self, table: str, row: Row, column: str, known: tuple[str, ...], what: str) -> list[int]:
        """Positions of the ids in a cell that holds several, divided by semicolons."""
        names = [name.strip() for name in row.cells.get(column, "").split(";") if name.strip()]
        places = [self._position(table, row, column, name, known, what) for name in names]
        return [place for place in places if place >= 0]

    def _position(
        self, table: str, row: Row, column: str, name: str, known: tuple[str, ...], what: str
    ) -> int:
        if name in known:
            return known.index(name)
        self.problem(table, row.line, f"{column}: unknown {what} {name!r}{nearest(name, known)}")
        return -1

    def by_key(self, table: str, key: str, known: tuple[str, ...], what: str) -> list[Row | None]:
        """Rows of ``table`` in the order of ``known``; missing, repeated and unknown keys are problems."""
        found: list[Row | None] = [None] * len(known)
        for row in self.rows(table):
            if key == "id" and not _is_id(row.cells.get(key, "")):
                continue  # noted where the ids were read
            place = self.one_of(table, row, key, known, what)
            if place < 0:
                continue
            if found[place] is not None and key != "id":
                self.problem(table, row.line, f"{what} {known[place]!r} stands twice")
            found[place] = row
        if self._heads[table]:
            for name, row in zip(known, found, strict=True):
                if row is None:
                    self.problem(table, 1, f"{what} {name!r} has no row")
        return found


def _is_id(name: str) -> bool:
    return name.isascii() and name.replace("_", "a").isalnum() and name == name.lower()


def nearest(name: str, known: tuple[str, ...]) -> str:
    """Hint with the nearest known name, or nothing."""
    close = difflib.get_close_matches(name, known, 1, 0.6)
    return f"; nearest is {close[0]!r}" if close else ""


def _range(low: float, high: float) -> str:
    if math.isinf(high):
        return f"at least {low:g}"
    return f"{low:g} to {high:g}"


def region_folder(name_or_folder: str | os.PathLike) -> Path:
    """Folder of a built-in region's name or of a path; an unknown one raises ``RegionError``."""
    name = os.fspath(name_or_folder)
    built_in = sorted(p.parent.name for p in BUILT_IN.glob("*/cities.csv"))
    if name in built_in:
        return BUILT_IN / name
    folder = Path(name)
    if not folder.is_dir():
        raise RegionError(
            [
                f"{name}:1: neither a region's name ({', '.join(built_in)}) nor a folder of tables"
                f"{nearest(name, tuple(built_in))}"
            ]
        )
    return folder


@dataclass(frozen=True)
class RegionIndex:
    """The ids and names of a region, enough to check a scenario; no numbers."""

    name: str
    folder: Path
    city_ids: tuple[str, ...]
    city_names: tuple[str, ...]
    city_names_zh: tuple[str, ...]
    city_jurisdictions: tuple[str, ...]
    field_ids: tuple[str, ...]
    field_names: tuple[str, ...]
    field_names_zh: tuple[str, ...]
    jurisdiction_ids: tuple[str, ...]
    jurisdiction_names: tuple[str, ...]
    jurisdiction_names_zh: tuple[str, ...]
    place_ids: tuple[str, ...]
    place_names: tuple[str, ...]
    place_names_zh: tuple[str, ...]


def region_index(name_or_folder: str | os.PathLike) -> RegionIndex:
    """Ids and names of a region (built-in name or folder); raises ``RegionError`` with all problems."""
    tables = Tables(region_folder(name_or_folder))
    index = index_of(tables)
    tables.check()
    return index


def index_of(tables: Tables) -> RegionIndex:
    """Index from tables that are being read; problems are noted in them."""
    cities, fields = tables.ids("cities"), tables.ids("fields")
    jurisdictions = tables.ids("jurisdictions")
    rows = tables.rows("jurisdictions")
    inside = [r for r in rows if r.cells.get("inside") == "yes"]
    outside = [r for r in rows if r.cells.get("inside") != "yes"]
    for row in rows:
        tables.yes("jurisdictions", row, "inside")
    if (
        tables.head("jurisdictions")
        and tuple(r.cells.get("id", "") for r in rows[len(inside) :]) != OUTSIDE_IDS
    ):
        tables.problem(
            "jurisdictions",
            rows[-1].line if rows else 1,
            f"the last rows must be the outside places {' and '.join(OUTSIDE_IDS)}",
        )
    known = (*COLUMNS, *MATRICES)
    for path in sorted(tables.folder.glob("*.csv")):
        if path.stem not in known:
            tables.problem(path.stem, 1, f"unknown table{nearest(path.stem, known)}")
    region = tables.rows("region")
    if len(region) > 1:
        tables.problem("region", region[1].line, "one row only")
    city_rows, field_rows = tables.rows("cities"), tables.rows("fields")
    return RegionIndex(
        name=region[0].cells.get("id", "") if region else "",
        folder=tables.folder,
        city_ids=cities,
        city_names=_texts(city_rows, "name"),
        city_names_zh=_texts(city_rows, "name_zh"),
        city_jurisdictions=_texts(city_rows, "jurisdiction"),
        field_ids=fields,
        field_names=_texts(field_rows, "name"),
        field_names_zh=_texts(field_rows, "name_zh"),
        jurisdiction_ids=jurisdictions[: len(inside)],
        jurisdiction_names=_texts(inside, "name"),
        jurisdiction_names_zh=_texts(inside, "name_zh"),
        place_ids=cities + OUTSIDE_IDS,
        place_names=_texts(city_rows, "name") + _texts(outside, "name"),
        place_names_zh=_texts(city_rows, "name_zh") + _texts(outside, "name_zh"),
    )


def _texts(rows: list[Row], column: str) -> tuple[str, ...]:
    return tuple(row.cells.get(column, "") for row in rows)
