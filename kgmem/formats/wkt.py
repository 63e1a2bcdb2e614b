"""WKT texts: which texts are one, and the GeoJSON geometry that they tell.

What reads them (wkt_shapely.py) takes longer to load than most files take to read, so it comes in with the first.
"""

import re
from importlib import import_module
from typing import Any

_WKT = re.compile(r"\s*(SRID=4326;)?\s*(MULTI)?(POINT|LINESTRING|POLYGON)\b", re.IGNORECASE)


def is_wkt(text: str) -> bool:
    """Return whether a text begins as a geometry in WKT does."""
    return _WKT.match(text) is not None


def geojson_of(text: str) -> Any:
    """Return the GeoJSON geometry that a WKT text tells. Raises ValueError when it tells none."""
    return import_module("kgmem.formats.wkt_shapely").geojson_of(text.rpartition(";")[2])
