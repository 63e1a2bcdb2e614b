"""What an entity's RDF properties tell of it besides: a name and a place, in addition to the properties themselves."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kgmem.domain.place import Place
from kgmem.formats import foreign
from kgmem.formats.rdf_values import MARK, marks_for

_NAMES: Final = (
    "rdfs__label", "skos__prefLabel", "schema__name", "sdo__name", "foaf__name", "vcard__fn", "gn__name",
    "dcterms__title", "dc__title", "label", "prefLabel", "title",
)  # fmt: skip
_COORDINATES: Final = (
    ("wgs84__long", "wgs84__lat"), ("schema__longitude", "schema__latitude"), ("sdo__longitude", "sdo__latitude"),
)  # fmt: skip
_GEOMETRIES: Final = ("geosparql__asWKT", "geosparql__asGeoJSON")
_LONGEST_NAME: Final = 2000
# Of the ways in which GeoSPARQL says in which system coordinates are, this one means lon, lat in WGS 84.
_CRS84 = re.compile(r"\s*<https?://www\.opengis\.net/def/crs/OGC/1\.3/CRS84>\s*")


def derived_name(properties: Mapping[str, Any]) -> str | None:
    """Give the name that properties tell: the first of the usual ones, without a language, in English, or in any."""
    for name in _NAMES:
        if name in properties:
            found = _best(properties[name], properties.get(name + MARK))
            if found:
                return found
    return None


def derived_place(properties: Mapping[str, Any]) -> Place | None:
    """Give the place that properties tell: latitude and longitude, or a GeoSPARQL geometry."""
    for pair in _COORDINATES:
        if pair[0] in properties and pair[1] in properties:
            lon, lat = (_number(properties[name]) for name in pair)
            if lon is not None and lat is not None:
                return _place({"lon": lon, "lat": lat})
    for name in _GEOMETRIES:
        value = properties.get(name)
        if isinstance(value, str):
            return _place({"place": _CRS84.sub("", value)})
    return None


def _place(properties: Mapping[str, Any]) -> Place | None:
    return foreign.entity("place", (), properties).place


def _best(value: Any, mark: Any) -> str | None:
    if isinstance(value, str):
        return value if 0 < len(value) <= _LONGEST_NAME and mark != "<>" else None
    if not isinstance(value, list):
        return None
    marks: Sequence[str | None] = marks_for(value, mark) or [None] * len(value)
    told = [
        (_rank(one), text)
        for text, one in zip(value, marks, strict=True)
        if isinstance(text, str) and 0 < len(text) <= _LONGEST_NAME and one != "<>"
    ]
    return min(told)[1] if told else None


def _rank(mark: str | None) -> int:
    if mark is None:
        return 0
    if mark == "@en":
        return 1
    return 2 if mark.startswith("@en-") else 3


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
