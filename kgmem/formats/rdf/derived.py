"""What an entity's RDF properties tell of it besides: a name and a place, in addition to the properties themselves."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kgmem.domain.space.place import Place
from kgmem.formats.property_graph import elements
from kgmem.formats.rdf.names import PREFIXES
from kgmem.formats.rdf.values import IRI_MARK, MARK, marks_for

_NAMES: Final = (
    "rdfs__label", "skos__prefLabel", "schema__name", "sdo__name", "foaf__name", "vcard__fn", "gn__name",
    "dcterms__title", "dc__title", "label", "prefLabel", "title",
)  # fmt: skip
_COORDINATES: Final = (
    ("wgs84__long", "wgs84__lat"), ("schema__longitude", "schema__latitude"), ("sdo__longitude", "sdo__latitude"),
)  # fmt: skip
_GEOMETRIES: Final = ("geosparql__asWKT", "geosparql__asGeoJSON")


def _whole(short: str) -> str:
    """Return the IRI that a short name stands for, as it is called where IRIs are kept."""
    prefix, _, local = short.partition("__")
    return PREFIXES.get(prefix, "") + (local or short)


# What tells a name, with its rank among them.
_RANKS: Final = {name: rank for rank, short in enumerate(_NAMES) for name in (short, _whole(short))}
_TWINS: Final = {
    lon: lat for pair in _COORDINATES for lon, lat in (pair, (_whole(pair[0]), _whole(pair[1])))
}  # Longitude -> latitude.
_SHAPES: Final = {name for short in _GEOMETRIES for name in (short, _whole(short))}
_LONGEST_NAME: Final = 2000
# Of the ways in which GeoSPARQL says in which system coordinates are, this one means lon, lat in WGS 84.
_CRS84 = re.compile(r"\s*<https?://www\.opengis\.net/def/crs/OGC/1\.3/CRS84>\s*")


def derived_name(properties: Mapping[str, Any]) -> str | None:
    """Return the name that properties tell: the first of the usual ones, without a language, in English, or in any."""
    named = [name for name in properties if name in _RANKS]
    for name in sorted(named, key=_RANKS.__getitem__) if len(named) > 1 else named:
        found = best(properties[name], properties.get(name + MARK))
        if found:
            return found
    return None


def derived_place(properties: Mapping[str, Any]) -> Place | None:
    """Return the place that properties tell: longitude and latitude, or a GeoSPARQL geometry."""
    for name in properties:
        if name in _TWINS and _TWINS[name] in properties:
            lon, lat = number(properties[name]), number(properties[_TWINS[name]])
            return _place({"lon": lon, "lat": lat}) if lon is not None and lat is not None else None
        if name in _SHAPES and isinstance(properties[name], str):
            return _place({"place": in_crs84(properties[name])})
    return None


def rank_of(name: str) -> int | None:
    """Return the rank of a property among what names an entity; None for what does not."""
    return _RANKS.get(name)


def is_geographic(name: str) -> bool:
    """Return whether a property may tell a place."""
    return name in _SHAPES or name in _TWINS or name in _TWINS.values()


def in_crs84(geometry: str) -> str:
    """Return a geometry without the name of the system that kgmem's coordinates are in anyway."""
    return _CRS84.sub("", geometry)


def _place(properties: Mapping[str, Any]) -> Place | None:
    return elements.entity("place", (), properties).place


def best(value: Any, mark: Any) -> str | None:
    """Return the text among a property's values that has no language, or an English one, or any; None for no text."""
    if isinstance(value, str):
        return value if 0 < len(value) <= _LONGEST_NAME and mark != [IRI_MARK] else None
    if not isinstance(value, list):
        return None
    marks: Sequence[str | None] = marks_for(len(value), mark) or [None] * len(value)
    told = [
        (_rank(one), text)
        for text, one in zip(value, marks, strict=True)
        if isinstance(text, str) and 0 < len(text) <= _LONGEST_NAME and one != IRI_MARK
    ]
    return min(told)[1] if told else None


def _rank(mark: str | None) -> int:
    if mark is None:
        return 0
    if mark == "@en":
        return 1
    return 2 if mark.startswith("@en-") else 3


def number(value: Any) -> float | None:
    """Return a number, or one that a text spells."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
