"""What kgmem writes into a vertex or an edge, and how it reads it back, also when another AGE client wrote it.

A vertex carries the caller's properties beside kgmem's own (key, name, text, ...), so that analysts see plain names.
A caller's property that bears one of kgmem's names is stored with an underscore behind it (`source` as `source_`,
`source_` as `source__`), and gets its name back when it is read.
"""

import json
import math
import re
from collections.abc import Collection, Mapping
from operator import attrgetter
from typing import Any, Final

import orjson

from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import FieldType, stored_fields
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.expiry import NEVER
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import Place, parse_place
from kgmem.domain.time.interval import valid_interval
from kgmem.store.graph.labels import as_stated, with_further

CONSENSUS: Final = "consensus"  # The property of an entity that tells how far its others are believed.
_RECORDS: Final[Mapping[str, type[Any]]] = {"entity": Entity, "episode": Episode, "relationship": Relationship}
# The properties that kgmem gives them itself.
_OWN: Final = {what: tuple(field.name for field in stored_fields(record)) for what, record in _RECORDS.items()}
OWN_NAMES: Final = {what: frozenset(names) for what, names in _OWN.items()}
LIFTED: Final = ("name", "text")  # Of an entity: fields that a property of the same name may state too.
# Their values, in the same order.
_OWN_VALUES: Final = {what: attrgetter(*names) for what, names in _OWN.items()}
_JSON_TYPES: Final[Mapping[FieldType, frozenset[type]]] = {
    "text": frozenset({str}),
    "time": frozenset({str}),
    "integer": frozenset({int}),
    "float": frozenset({int, float}),
    "boolean": frozenset({bool}),
}
# Those that hold one text or number, with its types: another client may have written anything.
PLAIN_TYPES: Final[Mapping[str, Mapping[str, frozenset[type]]]] = {
    what: {field.name: _JSON_TYPES[field.type] for field in stored_fields(record) if field.type in _JSON_TYPES}
    for what, record in _RECORDS.items()
}
_NOT_ASKED: Final = frozenset({"source", "strength", "confidence"})
_ANNOTATION = re.compile(r'("(?:[^"\\]|\\.)*")|::(?:vertex|edge|path|numeric)|(-?\b(?:NaN|Infinity)\b)')
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_LARGEST = 2**63 - 1
_DIGIT = re.compile(rb"\d")
_LONG_DIGITS = 19  # Of the least number that 64 bits may not hold.
_LONG = re.compile(rb"\d{%d}" % _LONG_DIGITS)


def stored_name(name: str, what: str) -> str:
    """Return the name under which a property that a schema declares is stored in what bears it."""
    lifted = what == "episode" or (what == "entity" and name in LIFTED)
    return name if lifted else own_name(name, what)


def own_name(name: str, what: str) -> str:
    """Return the name under which a caller's property is stored, which is none of kgmem's own."""
    return name if name.rstrip("_") not in OWN_NAMES[what] else name + "_"


def asked_name(name: str, what: str) -> str:
    """Return the name under which a property is stored that a question asks for, which may be one of kgmem's own."""
    return name if name in PLAIN_TYPES[what] and name not in _NOT_ASKED else stored_name(name, what)


def merge_entity(held: Mapping[str, Any], stated: Entity) -> dict[str, Any]:
    """Return a vertex's properties after a statement is merged into the existing ones (empty for a new vertex)."""
    properties = dict(stated.properties)
    own = _own_values(stated, "entity")
    for name in LIFTED:
        if name not in own and is_text(properties.get(name)):
            own[name] = properties.pop(name)
    if stated.labels is not None:
        own["labels"] = with_further(held, stated.labels)
    if stated.place is not None:
        own["place"] = stated.place.geometry
    return _timed(_merged(held, own, properties, "entity"), stated)


def merge_relationship(held: Mapping[str, Any], stated: Relationship) -> dict[str, Any]:
    """Return an edge's properties after a statement is merged into the existing ones."""
    return _timed(_merged(held, _own_values(stated, "relationship"), stated.properties, "relationship"), stated)


def merge_episode(held: Mapping[str, Any], stated: Episode, key: str) -> dict[str, Any]:
    """Return the vertex properties that hold after an episode was stated (again)."""
    own = {name: value for name, value in _own_values(stated, "episode").items() if value}
    return _merged(held, own | {"key": key}, stated.properties, "episode")


def entity_of(id_: int, label: str, stored: Mapping[str, Any], **held: Any) -> Entity:
    """Return the entity that a vertex's properties tell; `label` is that of its table."""
    main, further = as_stated(label, stored.get("labels"))
    own = {
        "id": id_,
        "label": main,
        "labels": further,
        "properties": others_of(stored, "entity"),
        "place": place_of(stored) if "place" in stored else None,
    }
    return Entity(**{**plain_fields(stored, "entity"), **own, **held})


def relationship_of(id_: int, kind: str, ends: tuple[str, str], stored: Mapping[str, Any], **held: Any) -> Relationship:
    """Return the relationship that an edge's properties tell."""
    own = {
        "id": id_,
        "kind": kind,
        "start": ends[0],
        "end": ends[1],
        "properties": others_of(stored, "relationship"),
    }
    return Relationship(**{**plain_fields(stored, "relationship"), **own, **held})


def _texts(value: Any) -> tuple[str, ...]:
    """Return a stored list of texts; nothing for what another client may have written there."""
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def episode_of(id_: int, stored: Mapping[str, Any], mentions: list[str], **held: Any) -> Episode:
    """Return the episode that a vertex's properties tell."""
    own = {
        "id": id_,
        "text": str(stored.get("text", "")),
        "mentions": mentions,
        "derived_from": _texts(stored.get("derived_from")),
        "properties": others_of(stored, "episode"),
    }
    return Episode(**{**plain_fields(stored, "episode"), **own, **held})


def plain_fields(stored: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return the fields that hold one text or number, without those that are not there or hold anything else."""
    return {name: value for name, types in PLAIN_TYPES[what].items() if type(value := stored.get(name)) in types}


def place_of(stored: Mapping[str, Any]) -> Place | None:
    """The place a vertex tells, or None when it has none that can be read (another client may write anything)."""
    try:
        return parse_place(stored["place"], stored=True) if stored.get("place") else None
    except InvalidInput:
        return None


def entity_body(stored: Mapping[str, Any]) -> str:
    """Return the text by which an entity is searched: name (or key), other names, text or else its short properties."""
    aliases, own = stored.get("aliases"), OWN_NAMES["entity"]
    name = stored.get("name")
    named = isinstance(name, str) and name.strip()
    parts = [name if named else stored.get("key"), *(aliases if isinstance(aliases, list) else [aliases])]
    if stored.get("text"):
        parts.append(stored["text"])
    else:
        # In one order, whatever the order in which they were stated, or in which AGE gives them back.
        parts += [stored[k] for k in sorted(stored) if k not in own and k != "aliases" and _is_short(stored[k])]
    return "\n".join(part for part in parts if is_text(part) and part.strip())


def dumps(stored: Mapping[str, Any]) -> str:
    """Return properties as agtype reads them. Raises InvalidInput for what cannot be stored."""
    return encoded(stored).decode()


def encoded(stored: Any, *, sort: bool = False) -> bytes:
    """A value as JSON, which is the same for values of equal types only. Raises InvalidInput for what has none."""
    data = json_bytes(stored, sort=sort)
    if b"\\u0000" in data and _NUL.search(data):
        raise InvalidInput("A text contains a NUL character.", hint="Remove U+0000 from it.")
    # orjson writes NaN and infinity as null, and integers that only fit without a sign.
    if b"null" in data or _has_long_number(data):
        _check_numbers(stored)
    return data


def json_bytes(stored: Any, *, sort: bool = False) -> bytes:
    """Return a value as JSON; whether the store takes it is not checked. Raises InvalidInput if it has none."""
    try:
        return orjson.dumps(stored, default=_plain, option=orjson.OPT_SORT_KEYS if sort else None)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"A property cannot be stored: {error}.", hint="Use JSON values; integers of 64 bits."
        ) from error


def _has_long_number(data: bytes) -> bool:
    """Return whether a text has a run of _LONG_DIGITS digits: only every so many bytes one is looked for."""
    last = _LONG_DIGITS - 1
    return any(
        _LONG.search(data, max(0, at - last), at + _LONG_DIGITS)
        for at in (last + _LONG_DIGITS * digit.start() for digit in _DIGIT.finditer(data[last::_LONG_DIGITS]))
    )


def alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether properties are the same, types included: 1, 1.0 and true are equal in Python."""
    return one == other and encoded(one, sort=True) == encoded(other, sort=True)


def loads(text: str) -> dict[str, Any]:
    """Return the properties in an agtype map: JSON, after suffixes such as ::numeric and NaN were taken out."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        plain = _ANNOTATION.sub(lambda m: m[1] or ("null" if m[2] else ""), text)
        value = json.loads(plain, parse_float=_float, parse_int=_int)
    return value if isinstance(value, dict) else {}


def _check_numbers(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput("A number is not finite.", hint="Leave it out, or give it as text.")
    if isinstance(value, int) and value > _LARGEST:
        raise InvalidInput(f"{value} does not fit into 64 bits.", hint="Give it as text.")
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple | set | frozenset):
        return
    for inner in value:
        _check_numbers(inner)


def _float(text: str) -> float | str:
    """Return a number, or its text where it is a numeric of AGE's that no float can hold."""
    value = float(text)
    return value if math.isfinite(value) else text


def _int(text: str) -> int | str:
    """Return an integer, or its text where it is a numeric of AGE's of more than 64 bits."""
    value = int(text) if len(text) <= 20 else _LARGEST + 1
    return value if -_LARGEST - 1 <= value <= _LARGEST else text


def _timed(merged: dict[str, Any], stated: Entity | Relationship) -> dict[str, Any]:
    """Return the merged properties. Raises InvalidInput where the statement's times do not fit the existing ones."""
    if stated.valid_from is not None or stated.valid_to is not None:
        valid_interval(*(_text(merged.get(name)) for name in ("valid_from", "valid_to")))
    return merged


def _own_values(stated: Entity | Relationship | Episode, what: str) -> dict[str, Any]:
    """Return the properties that kgmem gives them itself, without those that the statement leaves open."""
    pairs = zip(_OWN[what], _OWN_VALUES[what](stated), strict=True)
    own = {name: value for name, value in pairs if value is not None}
    if not stated.scope:
        del own["scope"]
    return own


def _merged(
    held: Mapping[str, Any], own: Mapping[str, Any], properties: Mapping[str, Any], what: str
) -> dict[str, Any]:
    merged = {**held, **own}
    if merged.get("expires_at") == NEVER:
        del merged["expires_at"]
    for name, value in properties.items():
        stored = own_name(name, what)
        if value is None:
            merged.pop(stored, None)
        else:
            merged[stored] = value
    return merged


def others_of(stored: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return the caller's own properties, under the names that the caller gave them."""
    own = OWN_NAMES[what]
    others = {name: value for name, value in stored.items() if name not in own}
    if any(name[-1:] == "_" for name in others):
        return {_unescaped(name, own): value for name, value in others.items()}
    return others


def _unescaped(name: str, own: Collection[str]) -> str:
    return name[:-1] if name.endswith("_") and name.rstrip("_") in own else name


def text_of(stored: Mapping[str, Any], name: str) -> str | None:
    """Return a stored property where it is a text; another client may have written anything."""
    return _text(stored.get(name))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_short(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 200


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")
