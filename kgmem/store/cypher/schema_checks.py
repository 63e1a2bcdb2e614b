"""What a graph's schema demands of nodes and relationships that Cypher writes."""

from collections.abc import Iterable, Mapping
from functools import cache, partial
from itertools import chain
from typing import Any

from kgmem.domain.errors import InvalidInput
from kgmem.domain.schema.schema import (
    WEIGHED,
    GraphSchema,
    Property,
    Violation,
    asked_of_entity,
    check_entity,
    check_properties,
    check_relationship,
)
from kgmem.query.values import Node, Relationship
from kgmem.query.values.agtype import stored
from kgmem.store.graph.layout import Layout
from kgmem.store.graph.records import OWN_NAMES

_NO_PROPERTIES = OWN_NAMES["entity"] - {"name", "text"}


def check(layout: Layout, items: Iterable[Node | Relationship], ends: Mapping[int, str]) -> None:
    """Raise InvalidInput for nodes and relationships that the graph's schema refuses; `ends` are labels of ends."""
    schema, strict = layout.schema(), layout.graph.strict
    # What is asked of a label, or of a kind that is not declared itself, looked up once.
    of_label = cache(partial(asked_of_entity, schema))
    of_kind = cache(schema.properties_of_kind)
    for item in items:
        if isinstance(item, Relationship):
            if not strict and item.type not in schema.kinds:
                _refuse(_unfit(of_kind(item.type), item.properties, OWN_NAMES["relationship"], item.type))
                continue
            start, end = ends[item.start], ends[item.end]
            held = _plain(item.properties, OWN_NAMES["relationship"])
            _refuse(check_relationship(schema, strict, item.type, start, end, held))
            continue
        unfit = [_unfit(of_label(label), item.properties, _NO_PROPERTIES, label) for label in item.labels]
        _refuse(chain.from_iterable(unfit))
        if strict:
            _refuse(_undeclared(schema, item.labels, _plain(item.properties, _NO_PROPERTIES)))


def _unfit(
    asked: Mapping[str, Property], properties: Mapping[str, Any], own: frozenset[str], of: str
) -> list[Violation]:
    """Return the violations by request; what no request is about is not looked at."""
    held = {name: properties[name] for name in asked if name in properties}
    return check_properties(asked, _plain(held, own), False, of)


def _undeclared(schema: GraphSchema, labels: Iterable[str], held: Mapping[str, Any]) -> Iterable[Violation]:
    """Return what a strict graph refuses of a node: labels that it does not know, properties that no label declares."""
    known = set(WEIGHED)
    for label in labels:
        yield from (found for found in check_entity(schema, True, label, {}) if found.rule == "unknown-label")
        known |= schema.properties_of(label).keys()
    for name in held.keys() - known:
        told = f"the property {name!r} is not declared for {' or '.join(labels) or 'what has no label'}"
        yield Violation("unknown-property", f"properties.{name}", told)


def _plain(properties: Mapping[str, Any], own: frozenset[str]) -> dict[str, Any]:
    """Return the properties that are the caller's own as JSON has them; times as texts, as over REST."""
    return {name: _value(stored(value)) for name, value in properties.items() if name not in own}


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return [_value(each) for each in value]
    return value["value"] if isinstance(value, dict) and isinstance(value.get("value"), str) else value


def _refuse(violations: Iterable[Violation]) -> None:
    found = list(dict.fromkeys(map(str, violations)))
    if found:
        raise InvalidInput(
            f"The graph's schema refuses it: {'; '.join(found)}.",
            hint="Write what it allows, or extend it; kgmem graph schema tells it.",
            type="ConstraintValidationFailed",
        )
