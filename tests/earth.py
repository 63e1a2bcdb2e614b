"""The earth for tests: cities and countries of the data folder, and distances by brute force."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.data import plain

Numbers = npt.NDArray[np.float64]
RADIUS_KM = 6371.0088


def cities() -> list[dict[str, Any]]:
    """Return the cities of GeoNames: geonameid, name, longitude, latitude and more."""
    return list(json.loads(plain("spatial_geonames/cities15000.json.xz")).values())


def distances(lon: float, lat: float, lons: Numbers, lats: Numbers) -> Numbers:
    """Return the haversine distances in km from a point to many."""
    here, there = np.radians(lat), np.radians(lats)
    squared = np.sin((there - here) / 2) ** 2
    squared += np.cos(here) * np.cos(there) * np.sin(np.radians(lons - lon) / 2) ** 2
    found: Numbers = 2 * RADIUS_KM * np.arcsin(np.minimum(1.0, np.sqrt(squared)))
    return found


def countries(which: str = "countries-50m") -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the countries of Natural Earth, each with its name and its geometry as GeoJSON."""
    topology = json.loads(plain(f"spatial_naturalearth/{which}.json.xz"))
    (kx, ky), (x0, y0) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        steps = np.cumsum(np.array(arc, dtype=np.int64), axis=0)
        arcs.append([(float(x * kx + x0), float(y * ky + y0)) for x, y in steps.tolist()])

    def ring(numbers: Sequence[int]) -> list[list[float]]:
        found: list[tuple[float, float]] = []
        for number in numbers:
            arc = arcs[number] if number >= 0 else arcs[~number][::-1]
            found += arc[1:] if found else arc
        return [[min(180.0, max(-180.0, x)), min(90.0, max(-90.0, y))] for x, y in found]

    for told in topology["objects"]["countries"]["geometries"]:
        if told["type"] == "Polygon":
            coordinates: Any = [ring(numbers) for numbers in told["arcs"]]
        elif told["type"] == "MultiPolygon":
            coordinates = [[ring(numbers) for numbers in part] for part in told["arcs"]]
        else:
            continue
        yield told["properties"]["name"], {"type": told["type"], "coordinates": coordinates}
