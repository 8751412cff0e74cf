"""From the tables of a region to arrays, with checks of ranges, sums and symmetry."""

from __future__ import annotations

import math

import numpy as np

from greaterbay.region.gaps import border_gap, language_gap, legal_gap, tax_gap
from greaterbay.region.institutes import institute_numbers, institute_tiers, listed_institutes
from greaterbay.region.tables import MATRICES, OUTSIDE_IDS, RegionIndex, Tables, nearest

SUM_TOLERANCE = 1e-6


def build(tables: Tables, index: RegionIndex) -> dict:
    """Values of all attributes of a ``Region``; problems are noted in ``tables``."""
    values = {name: getattr(index, name) for name in index.__dataclass_fields__}
    values |= _cities(tables, index)
    values |= _fields(tables, index)
    values |= _travel(tables, index)
    values |= _pairs(tables, index)
    values |= _joint(tables, index)
    values |= institute_tiers(tables)
    listed = listed_institutes(tables, index, values["tier_ids"])
    region = tables.rows("region")
    graduates = tables.number("region", region[0], "graduates_per_rd_person", 0, 1) if region else math.nan
    # The numbers of single institutes can only be worked out from tables that are sound.
    tables.check()
    values |= institute_numbers(tables, listed, values, graduates)
    return values


def _column(
    tables: Tables,
    table: str,
    rows: list,
    name: str,
    low: float = 0.0,
    high: float = math.inf,
    integer: bool = False,
) -> np.ndarray:
    return np.array(
        [math.nan if row is None else tables.number(table, row, name, low, high, integer) for row in rows]
    )


def _cities(tables: Tables, index: RegionIndex) -> dict:
    cities = index.city_ids
    rows = tables.by_key("cities", "id", cities, "city")
    out = {
        "jurisdiction_city": np.array(
            [
                -1
                if r is None
                else tables.one_of("cities", r, "jurisdiction", index.jurisdiction_ids, "jurisdiction")
                for r in rows
            ],
            dtype=np.int8,
        ),
        "core_city": np.array([r is not None and tables.yes("cities", r, "core") for r in rows], dtype=bool),
        "latitude_city": _column(tables, "cities", rows, "latitude", -90, 90),
        "longitude_city": _column(tables, "cities", rows, "longitude", -180, 180),
    }
    for name in ("area", "population", "output", "employment"):
        out[f"{name}_city"] = _column(tables, "cities", rows, name)

    rows = tables.by_key("research", "city", cities, "city")
    rd = _column(tables, "research", rows, "rd")
    shares = np.column_stack(
        [
            _column(tables, "research", rows, f"rd_{who}_share", 0, 1)
            for who in ("firm", "university", "institute")
        ]
    ).reshape(-1, 3)
    for row, total in zip(rows, shares.sum(axis=1), strict=True):
        if row is not None and abs(total - 1) > SUM_TOLERANCE:
            tables.problem("research", row.line, f"the shares of R&D add to {total:g}, they must add to 1")
    out |= {
        "rd_city": rd,
        "rd_firm_city": rd * shares[:, 0],
        "rd_university_city": rd * shares[:, 1],
        "rd_institute_city": rd * shares[:, 2],
        "rd_people_city": _column(tables, "research", rows, "rd_people"),
        "rd_people_institute_share_city": shares[:, 1] + shares[:, 2],
        "science_budget_city": _column(tables, "research", rows, "science_budget"),
        "overseas_links_city": _column(tables, "research", rows, "overseas_links", 0, 1),
    }

    rows = tables.by_key("firms", "city", cities, "city")
    out |= {
        "firms_city": _column(tables, "firms", rows, "firms", 1, integer=True),
        "leaders_city": _column(tables, "firms", rows, "leaders", 0, integer=True),
        "startup_share_city": _column(tables, "firms", rows, "startup_share", 0, 1),
    }
    for row, firms, leaders in zip(rows, out["firms_city"], out["leaders_city"], strict=True):
        if row is not None and leaders > firms:
            tables.problem("firms", row.line, f"{leaders:g} leaders among {firms:g} firms")
    mix = _matrix(tables, "field_mix", cities, index.field_ids, 0, 1)
    _rows_add_to_one(tables, "field_mix", cities, mix)
    out["field_mix_city"] = mix

    rows = tables.by_key("living", "city", cities, "city")
    out |= {
        "schooling_city": _column(tables, "living", rows, "schooling", 0, 1),
        "medical_city": _column(tables, "living", rows, "medical", 0, 1),
        "housing_elasticity_city": _column(tables, "living", rows, "housing_elasticity", 0, 10),
        "rent_level_city": _column(tables, "living", rows, "rent_level", 0.01, 100),
    }
    rows = tables.by_key("parks", "city", cities, "city")
    out["park_quality_city"] = _column(tables, "parks", rows, "park_quality", 0, 1)
    for kind in ("incubators", "makerspaces"):
        out[f"{kind}_city"] = np.column_stack(
            [
                _column(tables, "parks", rows, f"{kind}_{tier}", integer=True)
                for tier in ("national", "provincial", "other")
            ]
        )
    return out


def _fields(tables: Tables, index: RegionIndex) -> dict:
    rows = tables.by_key("fields", "id", index.field_ids, "field")
    limits = {
        "duration_years": (0.25, 50),
        "conversion": (0, 1),
        "market_growth": (-0.5, 2),
        "market_share": (0, 1),
        "export_share": (0, 1),
        "rest_of_china_share": (0, 1),
        "import_dependence": (0, 1),
        "rd_intensity": (0, 100),
        "adoption_gain": (0, 100),
        "chain_position": (0, 1),
        "frontier_growth": (-0.5, 0.5),
    }
    out = {f"{name}_field": _column(tables, "fields", rows, name, *limit) for name, limit in limits.items()}
    if rows and abs(out["market_share_field"].sum() - 1) > SUM_TOLERANCE:
        tables.problem(
            "fields", 1, f"market_share adds to {out['market_share_field'].sum():g}, it must add to 1"
        )
    for row, abroad, china in zip(
        rows, out["export_share_field"], out["rest_of_china_share_field"], strict=True
    ):
        if row is not None and abroad + china > 1 + SUM_TOLERANCE:
            tables.problem(
                "fields",
                row.line,
                f"export_share and rest_of_china_share add to {abroad + china:g}, at most 1",
            )
    out["lead_field"] = np.array(
        [
            -1 if r is None else tables.one_of("fields", r, "lead_field", index.field_ids, "field")
            for r in rows
        ],
        dtype=np.int8,
    )
    related = _matrix(tables, "field_relatedness", index.field_ids, index.field_ids, 0, 1)
    _symmetric(tables, "field_relatedness", index.field_ids, related)
    _diagonal(tables, "field_relatedness", index.field_ids, related, 1.0)
    out["relatedness_field"] = related
    return out


def _matrix(
    tables: Tables,
    table: str,
    rows: tuple[str, ...],
    columns: tuple[str, ...],
    low: float,
    high: float = math.inf,
) -> np.ndarray:
    """(rows, columns) numbers of a table whose column heads are ids."""
    first, what = MATRICES[table]
    known = tables.by_key(table, first, rows, "jurisdiction" if first == "recognising" else first)
    head = tables.head(table)
    if head:
        for name in columns:
            if name not in head:
                tables.problem(table, 1, f"column {name!r} is missing")
        for name in head[1:]:
            if name not in columns:
                tables.problem(table, 1, f"unknown {what} {name!r}{nearest(name, columns)}")
    matrix = np.full((len(rows), len(columns)), math.nan)
    for i, row in enumerate(known):
        for j, name in enumerate(columns):
            if row is not None:
                matrix[i, j] = tables.number(table, row, name, low, high)
    return matrix


def _line(tables: Tables, table: str, name: str) -> int:
    for row in tables.rows(table):
        if name in list(row.cells.values())[:1]:
            return row.line
    return 1


def _rows_add_to_one(tables: Tables, table: str, names: tuple[str, ...], matrix: np.ndarray) -> None:
    for name, total in zip(names, matrix.sum(axis=1), strict=True):
        if abs(total - 1) > SUM_TOLERANCE:
            tables.problem(table, _line(tables, table, name), f"the row adds to {total:g}, it must add to 1")


def _symmetric(tables: Tables, table: str, names: tuple[str, ...], matrix: np.ndarray) -> None:
    for i, j in zip(*np.nonzero(np.abs(matrix - matrix.T) > SUM_TOLERANCE), strict=True):
        if i > j:
            tables.problem(
                table,
                _line(tables, table, names[i]),
                f"{names[i]}–{names[j]} is {matrix[i, j]:g} one way and {matrix[j, i]:g} the other",
            )


def _diagonal(tables: Tables, table: str, names: tuple[str, ...], matrix: np.ndarray, value: float) -> None:
    for i in np.nonzero(np.diag(matrix) != value)[0]:
        if math.isfinite(matrix[i, i]):
            tables.problem(
                table,
                _line(tables, table, names[i]),
                f"{names[i]} with itself is {matrix[i, i]:g}, it must be {value:g}",
            )


def _travel(tables: Tables, index: RegionIndex) -> dict:
    cities = index.city_ids
    distance = _matrix(tables, "distances", cities, cities, 0)
    _symmetric(tables, "distances", cities, distance)
    _diagonal(tables, "distances", cities, distance, 0.0)
    minutes = np.full((len(cities), len(cities)), math.nan)
    for row in tables.rows("travel"):
        a = tables.one_of("travel", row, "city", cities, "city")
        b = tables.one_of("travel", row, "city_2", cities, "city")
        if row.cells.get("basis") not in ("recorded", "rule"):
            tables.problem(
                "travel", row.line, f"basis is {row.cells.get('basis')!r}, allowed is recorded or rule"
            )
        value = tables.number("travel", row, "minutes", 1, 6000)
        if a < 0 or b < 0:
            continue
        if not math.isnan(minutes[a, b]):
            tables.problem("travel", row.line, f"the pair {cities[a]}–{cities[b]} stands twice")
        minutes[a, b] = minutes[b, a] = value
    if tables.head("travel"):
        given = {(r.cells.get("city"), r.cells.get("city_2")) for r in tables.rows("travel")}
        for i, a in enumerate(cities):
            for b in cities[i:]:
                if (a, b) not in given and (b, a) not in given:
                    tables.problem("travel", 1, f"the pair {a}–{b} has no row")
    rows = tables.by_key("travel_outside", "city", cities, "city")
    outside = np.column_stack(
        [_column(tables, "travel_outside", rows, name, 1, 6000) for name in OUTSIDE_IDS]
    )
    return {"distance_km": distance, "travel_minutes": minutes, "travel_minutes_outside": outside}


def _pairs(tables: Tables, index: RegionIndex) -> dict:
    places = index.jurisdiction_ids + OUTSIDE_IDS
    rows = tables.by_key("jurisdictions", "id", places, "jurisdiction")
    cells = [{} if row is None else row.cells for row in rows]
    column = {
        name: _column(tables, "jurisdictions", rows, name, 0, 1)
        for name in (
            "customs_control",
            "capital_controls",
            "profit_tax",
            "personal_tax_top",
            "personal_tax_talent",
        )
    }
    recognises = _matrix(tables, "recognition", places, places, 0, 1)
    _diagonal(tables, "recognition", places, recognises, 1.0)
    tables.ids("outside")
    outside = tables.by_key("outside", "id", OUTSIDE_IDS, "outside place")
    return {
        "customs_pair": border_gap([c.get("customs_territory") for c in cells], column["customs_control"]),
        "capital_account_pair": border_gap([c.get("currency") for c in cells], column["capital_controls"]),
        "legal_pair": legal_gap([c.get("legal_family", "") for c in cells]),
        "tax_pair": tax_gap(column["profit_tax"], column["personal_tax_top"]),
        "language_pair": language_gap([c.get("languages", "") for c in cells]),
        "recognition_pair": 1.0 - (recognises + recognises.T) / 2.0,
        "profit_tax_jurisdiction": column["profit_tax"],
        "personal_tax_jurisdiction": column["personal_tax_top"],
        "personal_tax_talent_jurisdiction": column["personal_tax_talent"],
        "outside_wage": _column(tables, "outside", outside, "wage", 0.01, 100),
        "outside_people_response": _column(tables, "outside", outside, "people_response", 0, 10),
    }


ROLES = ("cultivate", "demonstrate", "overseas", "transfer")


def _joint(tables: Tables, index: RegionIndex) -> dict:
    zones, agreements, alliances, roles = [], [], [], []
    for name in ("zones", "agreements", "alliances"):
        tables.ids(name)
    for row in tables.rows("zones"):
        city = tables.one_of("zones", row, "city", index.city_ids, "city")
        partners = tables.some_of("zones", row, "partners", index.city_ids, "city")
        relief = {
            name: tables.number("zones", row, name, 0, 1)
            for name in ("relief_technology", "relief_talent", "relief_finance")
        }
        zones.append(
            {
                "id": row.cells.get("id"),
                "name": row.cells.get("name"),
                "name_zh": row.cells.get("name_zh"),
                "city": index.city_ids[city],
                "partners": [index.city_ids[p] for p in partners],
                **relief,
            }
        )
    for row in tables.rows("agreements"):
        pair = [tables.one_of("agreements", row, name, index.city_ids, "city") for name in ("city", "city_2")]
        agreements.append((index.city_ids[pair[0]], index.city_ids[pair[1]]))
    for row in tables.rows("alliances"):
        fields = tables.some_of("alliances", row, "fields", index.field_ids, "field")
        where = tables.some_of("alliances", row, "jurisdictions", index.jurisdiction_ids, "jurisdiction")
        alliances.append(
            {
                "id": row.cells.get("id"),
                "name": row.cells.get("name"),
                "name_zh": row.cells.get("name_zh"),
                "fields": [index.field_ids[f] for f in fields],
                "jurisdictions": [index.jurisdiction_ids[j] for j in where],
            }
        )
    for row in tables.rows("roles"):
        city = tables.one_of("roles", row, "city", index.city_ids, "city")
        role = tables.one_of("roles", row, "role", ROLES, "role")
        roles.append((index.city_ids[city], ROLES[role]))
    return {
        "zones": tuple(zones),
        "agreements": tuple(agreements),
        "alliances": tuple(alliances),
        "roles": tuple(roles),
    }
