"""Questions as records: what differs from an empty question, in the shape in which REST takes it."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.question import Question, Where

# What says how an answer is shown, or where it is asked, and not what it is.
_OMITTED: Final = frozenset({"scope", "cursor", "explain", "profile"})
_WIRE: Final[Mapping[str, Mapping[str, str]]] = {
    "why": {"start": "from", "end": "to"},
    "graph.hops": {"start": "from", "most": "max", "kinds": "kind"},
}


def record_of(question: Question) -> dict[str, Any]:
    """Return a question as JSON can write it, without its scope and without what has its default."""
    record = _record(question, "")
    return {name: value for name, value in record.items() if name not in _OMITTED}


def question_of(record: Any, field: str = "answer") -> Question:
    """Return the question of a record. Raises InvalidInput with the place in `field` of what no question has."""
    if isinstance(record, Mapping) and (wrong := sorted(_OMITTED & record.keys())):
        raise _wrong(f"{field}.{wrong[0]}", "a part of a stored question")
    question: Question = _part(Question, record, field, "")
    return question


def _record(value: Any, path: str) -> Any:
    if isinstance(value, Where):
        return _record_of_where(value)
    if is_dataclass(value):
        told = {}
        names = _WIRE.get(path, {})
        for each in fields(value):
            one = getattr(value, each.name)
            if one != _default(each):
                told[names.get(each.name, each.name)] = _record(one, f"{path}.{each.name}".lstrip("."))
        return told
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_record(each, path) for each in value]
    return value


def _default(each: Any) -> Any:
    return each.default_factory() if each.default_factory is not MISSING else each.default


def _record_of_where(where: Where) -> dict[str, Any]:
    told = {
        each.name: _record(value, "where")
        for each in fields(where)
        if each.name not in {"near", "km", "nearest"} and (value := getattr(where, each.name)) is not None
    }
    if where.near is not None:
        spot = _record(where.near, "where.near")
        if where.nearest is not None:
            told["nearest"] = {**spot, "n": where.nearest}
        if where.nearest is None or where.km is not None:
            told["near"] = spot if where.km is None else {**spot, "km": where.km}
    return told


def _part(part: type, record: Any, field: str, path: str) -> Any:
    """Return a dataclass of a question from its record."""
    if not isinstance(record, Mapping):
        raise _wrong(field, "a map")
    if part is Where:
        record = _unfolded(record, field)
    names = {wire: name for name, wire in _WIRE.get(path, {}).items()}
    hints, values = _hints(part), {}
    for wire, value in record.items():
        name = names.get(wire, wire)
        if name not in hints or (wire == name and name in names.values()):
            raise _wrong(f"{field}.{str(wire)[:80]}", "a part of a question")
        values[name] = _read(hints[name], value, f"{field}.{wire}", f"{path}.{name}".lstrip("."))
    missing = [each.name for each in fields(part) if _default(each) is MISSING and each.name not in values]
    if missing:
        raise _wrong(f"{field}.{_WIRE.get(path, {}).get(missing[0], missing[0])}", "given")
    return part(**values)


def _unfolded(record: Mapping[str, Any], field: str) -> dict[str, Any]:
    """Return a record of Where with `near`, `km` and `nearest` as the class has them."""
    told = {name: value for name, value in record.items() if name not in {"near", "nearest"}}
    if "km" in told:
        raise _wrong(f"{field}.km", "in near")
    for name, limit in (("near", "km"), ("nearest", "n")):
        spot = record.get(name)
        if spot is None:
            continue
        if not isinstance(spot, Mapping):
            raise _wrong(f"{field}.{name}", "a map")
        own = {key: value for key, value in spot.items() if key != limit}
        if told.get("near", own) != own:
            raise _wrong(f"{field}.nearest", "at the same spot as near")
        told["near"] = own
        if limit in spot:
            told["km" if name == "near" else "nearest"] = spot[limit]
    return told


@cache
def _hints(part: type) -> dict[str, Any]:
    return get_type_hints(part)


def _read(hint: Any, value: Any, field: str, path: str) -> Any:
    """Return a value where it is of a type."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _read(get_args(hint)[0], value, field, path)
    if origin in {Union, UnionType}:
        if value is None and NoneType in get_args(hint):
            return None
        return _read(next(each for each in get_args(hint) if each is not NoneType), value, field, path)
    if isinstance(hint, type) and is_dataclass(hint):
        return _part(hint, value, field, path)
    return _value(hint, value, field, path)


def _value(hint: Any, value: Any, field: str, path: str) -> Any:
    origin = get_origin(hint)
    if origin is Literal:
        if value not in get_args(hint):
            raise _wrong(field, f"one of {', '.join(map(str, get_args(hint)))}")
        return value
    if origin is None:
        return _plain(hint, value, field)
    return (_mapping if issubclass(origin, Mapping) else _list)(hint, value, field, path)


def _mapping(hint: Any, value: Any, field: str, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise _wrong(field, "a map")
    key, of = get_args(hint)
    return {
        _read(key, name, field, path): _read(of, each, f"{field}.{name[:80]}", path) for name, each in value.items()
    }


def _list(hint: Any, value: Any, field: str, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong(field, "a list")
    of = get_args(hint)
    if get_origin(hint) is tuple and len(of) != len(value):
        raise _wrong(field, f"a list of {len(of)}")
    kinds = of if get_origin(hint) is tuple else of * len(value)
    return tuple(
        _read(kind, each, f"{field}[{place}]", path)
        for place, (kind, each) in enumerate(zip(kinds, value, strict=True))
    )


def _plain(hint: Any, value: Any, field: str) -> Any:
    if hint is Any:
        return value
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        names = {str: "a text", bool: "true or false", int: "an integer", float: "a number"}
        raise _wrong(field, names.get(hint, "valid"))
    if hint is str and "\0" in value:
        raise _wrong(field, "without U+0000")
    return value


def _wrong(field: str, wanted: str) -> InvalidInput:
    return InvalidInput(f"{field} is not {wanted}.", hint="Write the question as recall takes it.", field=field)
