"""Between the wire's shapes (the keys that REST uses) and the domain: strict about names, types and sizes."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

from kgmem.domain.claims.claim import PRIOR_TRUST, Source
from kgmem.domain.claims.records import BELIEF_KINDS, BeliefKind, BeliefRecord
from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import FieldType, stated_fields
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import NamedShared, check_scope
from kgmem.domain.time.interval import parse_time, valid_interval
from kgmem.formats import claims
from kgmem.formats.fields import Read, no_duration, no_extraction, reader_of
from kgmem.formats.records import AnyRecord, Kind, Record

# What a line of a file states.
RECORDS: Final[dict[Kind, type[Record]]] = {
    "entity": Entity,
    "relationship": Relationship,
    "episode": Episode,
    "source": Source,
}
# What a record may ask for, which imports do not do.
_ACTIONS: Final[Mapping[str, Read]] = {"extract": no_extraction, "ttl": no_duration}
# Per kind: the wire's name of a field -> the domain's name of it, and how it is read.
FIELDS: Final[dict[Kind, dict[str, tuple[str, Read]]]] = {
    **{
        kind: {
            field.wire: (field.name, _ACTIONS[field.name] if field.role == "action" else reader_of(field))
            for field in stated_fields(record)
        }
        for kind, record in RECORDS.items()
    },
    **{kind: {name: (name, read) for name, read in known.items()} for kind, known in claims.FIELDS.items()},
}
# The type of every field, by its wire name, which means the same in every kind.
TYPES: Final[Mapping[str, FieldType]] = {
    **{field.wire: field.type for record in RECORDS.values() for field in stated_fields(record)},
    **dict.fromkeys(claims.AS_JSON, "json"),
}
REQUIRED: Final[dict[Kind, tuple[str, ...]]] = {
    **{
        kind: tuple(field.wire for field in stated_fields(record) if field.required) for kind, record in RECORDS.items()
    },
    **dict(claims.REQUIRED.items()),
}
# What a statement says. A stored version would make it one that only this very graph can take.
_ATTRIBUTES: Final = {
    record: [(field.wire, field.name) for field in stated_fields(record) if field.role in {"value", "identity"}]
    for record in RECORDS.values()
}
# Fields that only one kind has, so that one of them tells the kind of a record that does not say it.
_OFTEN_EMPTY: Final = frozenset({"properties", "mentions", "derived_from", "scope"})
_TELLING: Final[tuple[tuple[Kind, frozenset[str]], ...]] = (
    ("relationship", frozenset({"from", "to"})),
    ("episode", frozenset({"occurred_at", "session", "speaker", "title", "mentions", "extract"})),
    ("entity", frozenset({"label", "labels", "place", "embedding"})),
    ("source", frozenset({"trust", "note", "kind"})),
    ("entity", frozenset({"key"})),
    ("episode", frozenset({"text"})),
)


def from_wire(kind: Kind, shape: Mapping[str, Any]) -> AnyRecord:
    """Return the record that a wire shape states; null is the same as omitted. Raises InvalidInput."""
    known = FIELDS[kind]
    stated: dict[str, Any] = {}
    for name, value in shape.items():
        if name not in known:
            raise _unknown(kind, name)
        if value is not None:
            attribute, read = known[name]
            stated[attribute] = read(value, name)
    for name in REQUIRED[kind]:
        if shape.get(name) is None:
            raise InvalidInput(f"{_a(kind)} needs {name}.", hint=f"Give {' and '.join(REQUIRED[kind])}.")
    _check_together(stated)
    for belief in BELIEF_KINDS:
        if belief == kind:
            return _belief(belief, stated)
    return RECORDS[kind](**stated)


def to_wire(record: AnyRecord) -> dict[str, Any]:
    """Return the wire shape of a record as a statement: what has no value, and what only a store knows, is omitted."""
    if isinstance(record, BeliefRecord):
        return {name: value for name, value in record.told.items() if value is not None}
    shape: dict[str, Any] = {}
    for name, attribute in _ATTRIBUTES[type(record)]:
        value = getattr(record, attribute)
        if value is not None and _says_something(name, value):
            shape[name] = dict(value.geometry) if name == "place" else _plain(value)
    return shape


def tell_kind(shape: Mapping[str, Any]) -> Kind:
    """Return the kind that a record's fields tell. Raises InvalidInput when they tell none."""
    for kind, names in _TELLING:
        if not names.isdisjoint(shape):
            return kind
    raise InvalidInput(
        "Its fields do not tell what it is.", hint='Say it: "type": "entity", "relationship", "episode" or "source".'
    )


def _belief(kind: BeliefKind, told: Mapping[str, Any]) -> BeliefRecord:
    """Return a record of what a graph believes. Raises InvalidInput for a claim that claims nothing."""
    if kind == "claim" and told.get("object") is None and told.get("value") is None:
        raise InvalidInput("A claim needs object or value.", hint="Give what it claims.")
    return BeliefRecord(kind, told)


def _says_something(name: str, value: Any) -> bool:
    """Return whether a value that is there is more than what holds without it."""
    if name == "trust":
        return bool(value != PRIOR_TRUST)
    return name not in _OFTEN_EMPTY or bool(value)


def _plain(value: Any) -> Any:
    if isinstance(value, str | int | float):
        return value
    return dict(value) if isinstance(value, Mapping) else [_plain(item) for item in value]


def _check_together(stated: dict[str, Any]) -> None:
    if "valid_from" in stated or "valid_to" in stated:
        valid_interval(stated.get("valid_from"), stated.get("valid_to"))
    if "occurred_at" in stated:
        parse_time(stated["occurred_at"])
    if stated.get("scope"):
        check_scope(stated["scope"])
    elif "scope" in stated:
        stated["scope"] = NamedShared()


def _unknown(kind: Kind, name: str) -> InvalidInput:
    near = get_close_matches(name, FIELDS[kind], n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"It may have {', '.join(FIELDS[kind])}."
    own = " Values of your own go into properties." if "properties" in FIELDS[kind] else ""
    return InvalidInput(f"{_a(kind)} has no field {name[:80]!r}.", hint=hint + own, field=name)


def _a(kind: Kind) -> str:
    return f"{'An' if kind[0] in 'ae' else 'A'} {kind}"
