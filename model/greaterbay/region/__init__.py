"""What does not move: cities, fields, jurisdictions, institutes, travel times and borders.

A region is a folder of tables; ``gba`` is the one that ships with the package.
"""

from greaterbay.region.load import Region, RegionError, RegionIndex, load_region, region_index

__all__ = ["Region", "RegionError", "RegionIndex", "load_region", "region_index"]
