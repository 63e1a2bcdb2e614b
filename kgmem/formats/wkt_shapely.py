"""WKT read by shapely."""

from typing import Any

import orjson
import shapely


def geojson_of(text: str) -> Any:
    """Return the GeoJSON geometry that a WKT text tells. Raises ValueError when it tells none."""
    try:
        return orjson.loads(shapely.to_geojson(shapely.from_wkt(text)))
    except shapely.errors.GEOSException as error:
        raise ValueError(str(error)) from error
