"""What yEd draws of a node or an edge: its text and where it stands; colours and shapes are passed over."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from kgmem.domain.errors import InvalidInput
from kgmem.formats.xml_elements import Element
from kgmem.formats.xml_text import said
from kgmem.formats.xml_values import value_of

_TEXTS = frozenset({"NodeLabel", "EdgeLabel"})


@dataclass(frozen=True, slots=True)
class Drawing:
    """The text that yEd shows, and the coordinates of a node's corner on its canvas."""

    text: str | None = None
    position: dict[str, float] = field(default_factory=dict)


def drawing(data: Element) -> Drawing | None:
    """Give what a data element of yEd draws; None when it draws nothing."""
    text: str | None = None
    position: dict[str, float] = {}
    for element in _inside(data):
        if element.name in _TEXTS and text is None:
            text = said(element.text).strip() or None
        elif element.name == "Geometry" and not position:
            position = _position(element)
    return Drawing(text, position) if text or position else None


def _inside(element: Element) -> Iterator[Element]:
    for child in element.children:
        yield child
        yield from _inside(child)


def _position(element: Element) -> dict[str, float]:
    try:
        found = {name: value_of(element.attributes.get(name, ""), "double", name) for name in ("x", "y")}
    except InvalidInput:
        return {}  # A drawing that makes no sense is no reason to refuse the node.
    return {name: value for name, value in found.items() if isinstance(value, float)}
