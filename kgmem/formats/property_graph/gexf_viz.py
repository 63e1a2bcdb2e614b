"""How Gephi draws a node or an edge (viz), as one property of the shape that networkx gives it, and back.

{"position": {"x": 1.5, "y": 2.0, "z": 0.0}, "color": {"r": 255, "g": 0, "b": 0, "a": 0.6}, "size": 4.0}
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from kgmem.domain.errors import InvalidInput
from kgmem.domain.space.place import Place
from kgmem.formats.io.xml_text import attribute
from kgmem.formats.property_graph.xml_elements import Element
from kgmem.formats.property_graph.xml_values import value_of

VIZ: Final = "viz"
_AXES = ("x", "y", "z")
_CHANNELS = ("r", "g", "b")


def viz_of(element: Element, place: Place | None) -> dict[str, Any]:
    """Return how an element is drawn; a position that is its place on the earth is omitted. Raises InvalidInput."""
    found: dict[str, Any] = {}
    for child in element.children:
        told = child.attributes
        if child.name == "position":
            position = _numbers(told, _AXES, "double")
            if position and not _is_place(position, place):
                found["position"] = position
        elif child.name == "color":
            color = {**_numbers(told, _CHANNELS, "integer"), **_numbers(told, ("a",), "double")}
            found["color"] = color | ({"hex": told["hex"]} if "hex" in told else {})
        elif child.name in {"size", "thickness"}:
            found[child.name] = _numbers(told, ("value",), "double").get("value", "")
        elif child.name == "shape":
            found["shape"] = told.get("uri") or told.get("value", "")
    return {name: value for name, value in found.items() if value not in ({}, "")}


def viz_elements(viz: Any, place: Place | None) -> str | None:
    """Return the elements that draw a node so, and at its place where nothing else is said.

    None where elements could not say all of it.
    """
    if viz is None:
        return _tag("position", {"x": place.lon, "y": place.lat, "z": 0.0}) if place else ""
    if not isinstance(viz, Mapping) or not viz or any(not _is_said(name, value) for name, value in viz.items()):
        return None
    if "position" in viz and _is_place(viz["position"], place):
        return None
    tags = [_tag(name, value if isinstance(value, Mapping) else _value(value)) for name, value in viz.items()]
    if "position" not in viz and place:
        tags.append(_tag("position", {"x": place.lon, "y": place.lat, "z": 0.0}))
    return "".join(tags)


def _numbers(told: Mapping[str, str], names: Sequence[str], type_: str) -> dict[str, Any]:
    found = {name: value_of(told[name], type_, f"viz {name}") for name in names if name in told}
    for name, value in found.items():
        if isinstance(value, str):
            raise InvalidInput(f"viz {name} is {value}.", hint="Give a finite number, or leave it out.")
    return {name: value for name, value in found.items() if value is not None}


def _is_place(position: Mapping[str, Any], place: Place | None) -> bool:
    return (
        place is not None and (position.get("x"), position.get("y")) == (place.lon, place.lat) and not position.get("z")
    )


def _is_said(name: str, value: Any) -> bool:
    """Return whether an element reads back as the very value."""
    if name in {"size", "thickness"}:
        return isinstance(value, float)
    if name == "shape":
        return isinstance(value, str) and bool(value) and not value.isspace()
    if not isinstance(value, Mapping) or not value:
        return False
    if name == "position":
        return set(value) <= set(_AXES) and all(isinstance(number, float) for number in value.values())
    if name == "color":
        channels = [value[channel] for channel in _CHANNELS if channel in value]
        return (
            set(value) <= {*_CHANNELS, "a", "hex"}
            and all(
                isinstance(number, int) and 0 <= number <= 255 and not isinstance(number, bool) for number in channels
            )
            and isinstance(value.get("a", 1.0), float)
            and isinstance(value.get("hex", ""), str)
        )
    return False


def _value(value: Any) -> Mapping[str, Any]:
    is_image = isinstance(value, str) and value.startswith(("http:", "https:"))
    return {"value": "image", "uri": value} if is_image else {"value": value}


def _tag(name: str, told: Mapping[str, Any]) -> str:
    return f"<viz:{name}" + "".join(f' {key}="{attribute(str(value))}"' for key, value in told.items()) + "/>"
