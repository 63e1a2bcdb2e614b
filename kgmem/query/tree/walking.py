"""Walks over trees, whatever their parts."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

from kgmem.query.tree.located import Located

_NAMES: dict[type, tuple[str, ...]] = {}


def _names(kind: type[Located]) -> tuple[str, ...]:
    found = _NAMES.get(kind)
    if found is None:
        found = _NAMES[kind] = tuple(each.name for each in fields(kind) if each.name != "at")
    return found


def children(part: Located) -> Iterator[Located]:
    """Return the parts that a part is made of, in the order in which they are written."""
    for name in _names(type(part)):
        yield from _located(getattr(part, name))


def _located(value: object) -> Iterator[Located]:
    if isinstance(value, Located):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _located(each)


def rebuilt(part: Located, change: Callable[[Any], Any]) -> Any:
    """Return a part with each part that it is made of changed; the part itself where nothing changes."""
    changed = {}
    for name in _names(type(part)):
        value = getattr(part, name)
        new = _changed(value, change)
        if new is not value:
            changed[name] = new
    return replace(part, **changed) if changed else part


def _changed(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, Located):
        return change(value)
    if isinstance(value, tuple):
        new = tuple(_changed(each, change) for each in value)
        return value if all(a is b for a, b in zip(new, value, strict=True)) else new
    return value
