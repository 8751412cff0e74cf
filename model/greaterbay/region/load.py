"""The region: what does not move while the model runs.

Eleven cities, three jurisdictions, twelve fields and some seven hundred institutes for the built-in region
``gba``; any other folder with the same tables gives another region. Numbers come from the tables, whose
columns and units are described in ``gba/README.md`` and whose sources stand in ``gba/sources.csv``.

Suffixes name the index of an array: ``_city`` (C,), ``_field`` (F,), ``_pair`` (J+2, J+2), ``institute_``
(N,). Arrays are made anew at every call and are not to be written to.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greaterbay.region.tables import RegionError, RegionIndex, Tables, index_of, region_folder, region_index

if TYPE_CHECKING:
    from pathlib import Path

    from numpy import ndarray

__all__ = ["Region", "RegionError", "RegionIndex", "load_region", "region_index"]


@dataclass(frozen=True, eq=False)
class Region:
    """Everything a region's tables say, as arrays. C cities, F fields, J jurisdictions, N institutes.

    Places are the cities followed by ``rest_of_china`` and ``abroad`` (P = C + 2); pair attributes of
    jurisdictions have these two as their last rows and columns.
    """

    name: str
    folder: Path
    city_ids: tuple[str, ...]
    city_names: tuple[str, ...]
    city_names_zh: tuple[str, ...]
    city_jurisdictions: tuple[str, ...]
    place_ids: tuple[str, ...]
    place_names: tuple[str, ...]
    place_names_zh: tuple[str, ...]
    field_ids: tuple[str, ...]
    field_names: tuple[str, ...]
    field_names_zh: tuple[str, ...]
    jurisdiction_ids: tuple[str, ...]
    jurisdiction_names: tuple[str, ...]
    jurisdiction_names_zh: tuple[str, ...]

    jurisdiction_city: ndarray
    """(C,) int8: position of the city's jurisdiction."""
    core_city: ndarray
    """(C,) bool: core of the region; the others are the periphery."""
    latitude_city: ndarray
    longitude_city: ndarray
    area_city: ndarray
    """(C,) square kilometres of land."""
    population_city: ndarray
    """(C,) persons."""
    output_city: ndarray
    """(C,) million CNY a year at constant prices of the start year."""
    employment_city: ndarray
    """(C,) persons."""

    rd_city: ndarray
    """(C,) million CNY a year spent on R&D; the next three add to it."""
    rd_firm_city: ndarray
    rd_university_city: ndarray
    rd_institute_city: ndarray
    rd_people_city: ndarray
    """(C,) full-time equivalents."""
    rd_people_institute_share_city: ndarray
    """(C,) share of R&D people who work in universities and institutes."""
    science_budget_city: ndarray
    """(C,) million CNY a year of local government money for science."""
    overseas_links_city: ndarray
    """(C,) 0 to 1, strength of exchange with places abroad."""

    firms_city: ndarray
    """(C,) high-technology firms."""
    leaders_city: ndarray
    """(C,) leader firms among them."""
    startup_share_city: ndarray
    """(C,) share of firms that are start-ups."""
    field_mix_city: ndarray
    """(C, F) share of a city's firms by field; rows add to 1."""

    schooling_city: ndarray
    medical_city: ndarray
    """(C,) 0 to 1, amenity indices, the best city at 1."""
    housing_elasticity_city: ndarray
    """(C,) long-run elasticity of housing supply."""
    rent_level_city: ndarray
    """(C,) rent relative to the city at 1."""
    park_quality_city: ndarray
    """(C,) 0 to 1."""
    incubators_city: ndarray
    makerspaces_city: ndarray
    """(C, 3) number by tier: national, provincial, other."""

    distance_km: ndarray
    """(C, C) between centres, 0 on the diagonal."""
    travel_minutes: ndarray
    """(C, C) symmetric, door to door with border control; mean time inside the city on the diagonal."""
    travel_minutes_outside: ndarray
    """(C, 2) to the rest of China and abroad."""

    customs_pair: ndarray
    capital_account_pair: ndarray
    legal_pair: ndarray
    tax_pair: ndarray
    language_pair: ndarray
    recognition_pair: ndarray
    """(J+2, J+2) each: gaps between jurisdictions in [0, 1], symmetric, 0 on the diagonal."""
    profit_tax_jurisdiction: ndarray
    personal_tax_jurisdiction: ndarray
    personal_tax_talent_jurisdiction: ndarray
    """(J+2,) tax rates: on profits, top rate on persons, rate for talent from outside."""

    duration_years_field: ndarray
    """(F,) years from the laboratory to the market without services."""
    conversion_field: ndarray
    """(F,) total chance that a result reaches the market without services."""
    market_growth_field: ndarray
    """(F,) growth per year at the start."""
    market_share_field: ndarray
    """(F,) share of the sales of high-technology firms; adds to 1."""
    export_share_field: ndarray
    rest_of_china_share_field: ndarray
    """(F,) shares of sales that go abroad and to the rest of China."""
    import_dependence_field: ndarray
    """(F,) share of core parts and technology bought from abroad."""
    rd_intensity_field: ndarray
    adoption_gain_field: ndarray
    """(F,) relative to 1."""
    lead_field: ndarray
    """(F,) int8: field downstream whose leaders are the lead users."""
    chain_position_field: ndarray
    """(F,) 0 upstream to 1 downstream."""
    frontier_growth_field: ndarray
    """(F,) growth per year of the outside frontier."""
    relatedness_field: ndarray
    """(F, F) symmetric, 1 on the diagonal."""

    institute_id: tuple[str, ...]
    institute_name: tuple[str, ...]
    institute_name_zh: tuple[str, ...]
    institute_tier: ndarray
    """(N,) int8: position in ``tier_ids``."""
    institute_state_lab: ndarray
    """(N,) bool: a state key or national laboratory."""
    tier_ids: tuple[str, ...]
    tier_names: tuple[str, ...]
    tier_names_zh: tuple[str, ...]
    institute_city: ndarray
    institute_city_2: ndarray
    institute_city_3: ndarray
    """(N,) int8: city, and second and third city of a joint institute (-1: none)."""
    institute_researchers: ndarray
    """(N,) full-time equivalents; by city they add to R&D people x institute share."""
    institute_field_weights: ndarray
    """(N, F) rows add to 1."""
    institute_graduates_per_year: ndarray
    """(N,) persons; 0 where the tier does not teach."""
    institute_facility: ndarray
    """(N,) places for shared projects at a time."""

    zones: tuple[dict, ...]
    """id, name, name_zh, city (id), partners (ids), relief_technology, relief_talent, relief_finance."""
    agreements: tuple[tuple[str, str], ...]
    """Pairs of cities whose governments have agreed to work together, one per agreement."""
    roles: tuple[tuple[str, str], ...]
    """(city, role) in a division of labour; roles: cultivate, demonstrate, overseas, transfer."""
    alliances: tuple[dict, ...]
    """id, name, name_zh, fields (ids), jurisdictions (ids)."""
    outside_wage: ndarray
    """(2,) wage of skilled people outside relative to the region's mean."""
    outside_people_response: ndarray
    """(2,) responsiveness of people outside relative to people inside."""


def load_region(name_or_folder: str | os.PathLike = "gba") -> Region:
    """The region of a built-in name or of a folder of tables.

    Raises ``RegionError`` with every problem of every table as ``file:line: message``.
    """
    from greaterbay.region.build import build

    tables = Tables(region_folder(name_or_folder))
    region = build(tables, index_of(tables))
    tables.check()
    return Region(**region)
