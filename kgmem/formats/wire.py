"""Between the wire's shapes (the keys that REST uses) and the domain: strict about names, types and sizes."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from kgmem.domain.claims.records import BELIEF_KINDS, BeliefKind, BeliefRecord
from kgmem.domain.claims.source import PRIOR_TRUST, Source
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import NamedShared, check_scope
from kgmem.domain.time.interval import parse_time, valid_interval
from kgmem.formats import claims, fields
from kgmem.formats.records import AnyRecord, Kind, Record

_Read = Callable[[Any, str], Any]
_KEY, _LABEL, _NAME = fields.text(1, 500), fields.text(1, 200), fields.text(0, 2000)
_TEXT, _TIME = fields.text(0, 1_000_000), fields.text(1, 50)

# Per kind: the wire's name of a field -> the domain's name of it, and how it is read.
FIELDS: Final[dict[Kind, dict[str, tuple[str, _Read]]]] = {
    "entity": {
        "key": ("key", _KEY),
        "label": ("label", _LABEL),
        "labels": ("labels", fields.texts(_LABEL, 100)),
        "name": ("name", _NAME),
        "properties": ("properties", fields.properties),
        "text": ("text", _TEXT),
        "embedding": ("embedding", fields.vector),
        "place": ("place", fields.place),
        "valid_from": ("valid_from", _TIME),
        "valid_to": ("valid_to", _TIME),
        "source": ("source", _KEY),
        "scope": ("scope", fields.text(0, 400)),
        "version": ("version", fields.version),
    },
    "relationship": {
        "kind": ("kind", _LABEL),
        "from": ("start", _KEY),
        "to": ("end", _KEY),
        "key": ("key", _KEY),
        "properties": ("properties", fields.properties),
        "text": ("text", _TEXT),
        "valid_from": ("valid_from", _TIME),
        "valid_to": ("valid_to", _TIME),
        "strength": ("strength", fields.fraction),
        "confidence": ("confidence", fields.fraction),
        "source": ("source", _KEY),
        "scope": ("scope", fields.text(0, 400)),
    },
    "episode": {
        "text": ("text", fields.text(1, 1_000_000)),
        "key": ("key", _KEY),
        "occurred_at": ("occurred_at", _TIME),
        "source": ("source", _KEY),
        "session": ("session", _KEY),
        "speaker": ("speaker", _NAME),
        "title": ("title", _NAME),
        "mentions": ("mentions", fields.texts(_KEY, 1000)),
        "properties": ("properties", fields.properties),
        "scope": ("scope", fields.text(0, 400)),
        "extract": ("extract", fields.no_extraction),
    },
    "source": {
        "key": ("key", _KEY),
        "name": ("name", _NAME),
        "kind": ("kind", _NAME),
        "trust": ("trust", fields.fraction),
        "note": ("note", _NAME),
        "parent": ("parent", _KEY),
        "domain": ("domain", _NAME),
    },
    **{kind: {name: (name, read) for name, read in known.items()} for kind, known in claims.FIELDS.items()},
}
REQUIRED: Final[dict[Kind, tuple[str, ...]]] = {
    "entity": ("key",),
    "relationship": ("kind", "from", "to"),
    "episode": ("text",),
    "source": ("key",),
    **dict(claims.REQUIRED.items()),
}
_BUILD: Final[dict[Kind, Callable[..., Record]]] = {
    "entity": Entity,
    "relationship": Relationship,
    "episode": Episode,
    "source": Source,
}
# What a statement says. A held version would make it one that only this very graph can take.
_TYPES: Final[dict[Kind, type[Any]]] = {
    "entity": Entity,
    "relationship": Relationship,
    "episode": Episode,
    "source": Source,
}
_ATTRIBUTES: Final = {
    _TYPES[kind]: [(name, told[0]) for name, told in known.items() if name not in {"version", "extract"}]
    for kind, known in FIELDS.items()
    if kind in _TYPES
}
# Fields that only one kind has, so that one of them tells the kind of a record that does not say it.
_OFTEN_EMPTY: Final = frozenset({"properties", "mentions", "scope"})
_TELLING: Final[tuple[tuple[Kind, frozenset[str]], ...]] = (
    ("relationship", frozenset({"from", "to"})),
    ("episode", frozenset({"occurred_at", "session", "speaker", "title", "mentions", "extract"})),
    ("entity", frozenset({"label", "labels", "place", "embedding"})),
    ("source", frozenset({"trust", "note", "kind"})),
    ("entity", frozenset({"key"})),
    ("episode", frozenset({"text"})),
)


def from_wire(kind: Kind, shape: Mapping[str, Any]) -> AnyRecord:
    """Give the record that a wire shape states; null is the same as left out. Raises InvalidInput."""
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
            raise InvalidInput(f"{_a(kind)} needs {name}.", mend=f"Give {' and '.join(REQUIRED[kind])}.")
    _check_together(stated)
    for belief in BELIEF_KINDS:
        if belief == kind:
            return _belief(belief, stated)
    return _BUILD[kind](**stated)


def to_wire(record: AnyRecord) -> dict[str, Any]:
    """Give the wire shape of a record as a statement: what has no value, and what only a store knows, is left out."""
    if isinstance(record, BeliefRecord):
        return {name: value for name, value in record.told.items() if value is not None}
    shape: dict[str, Any] = {}
    for name, attribute in _ATTRIBUTES[type(record)]:
        value = getattr(record, attribute)
        if value is not None and _says_something(name, value):
            shape[name] = dict(value.geometry) if name == "place" else _plain(value)
    return shape


def tell_kind(shape: Mapping[str, Any]) -> Kind:
    """Give the kind that a record's fields tell. Raises InvalidInput when they tell none."""
    for kind, names in _TELLING:
        if not names.isdisjoint(shape):
            return kind
    raise InvalidInput(
        "Its fields do not tell what it is.", mend='Say it: "type": "entity", "relationship", "episode" or "source".'
    )


def _belief(kind: BeliefKind, told: Mapping[str, Any]) -> BeliefRecord:
    """Give a record of what a graph believes. Raises InvalidInput for a claim that claims nothing."""
    if kind == "claim" and told.get("object") is None and told.get("value") is None:
        raise InvalidInput("A claim needs object or value.", mend="Give what it claims.")
    return BeliefRecord(kind, told)


def _says_something(name: str, value: Any) -> bool:
    """Say whether a value that is there is more than what holds without it."""
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
    return InvalidInput(f"{_a(kind)} has no field {name[:80]!r}.", mend=hint + own, field=name)


def _a(kind: Kind) -> str:
    return f"{'An' if kind[0] in 'ae' else 'A'} {kind}"
