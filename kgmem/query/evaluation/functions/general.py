"""Functions of lists, maps, nodes, relationships and paths."""

import uuid
from collections.abc import Callable, Mapping

from kgmem.query.errors import ARGUMENT, TYPE, ValueProblem, shown, wrong_type
from kgmem.query.evaluation.access import deleted
from kgmem.query.evaluation.arithmetic import LONGEST_LIST
from kgmem.query.evaluation.environment import Environment
from kgmem.query.values import Node, Path, Point, Relationship, Value, small_id
from kgmem.query.values.comparison import equals
from kgmem.query.values.components import FIELDS

_Function = Callable[..., Value]


def _items(value: Value) -> list[Value]:
    if type(value) is list:
        return value
    raise wrong_type("a list", value)


def _head(value: Value) -> Value:
    items = _items(value)
    return items[0] if items else None


def _last(value: Value) -> Value:
    items = _items(value)
    return items[-1] if items else None


def _tail(value: Value) -> Value:
    return _items(value)[1:]


def _reverse(value: Value) -> Value:
    return value[::-1] if type(value) is str else _items(value)[::-1]


def _size(value: Value) -> int:
    if type(value) is str or type(value) is list:
        return len(value)
    raise wrong_type("a string or list", value)


def _is_empty(value: Value) -> bool:
    if type(value) in {str, list, dict}:
        return not value
    raise wrong_type("a string, list or map", value)


def _length(value: Value) -> int:
    return len(_path(value).relationships)


def _path(value: Value) -> Path:
    if type(value) is Path:
        return value
    raise wrong_type("a path", value)


def _nodes(value: Value) -> list[Node]:
    return list(_path(value).nodes)


def _relationships(value: Value) -> list[Relationship]:
    return list(_path(value).relationships)


def _element(value: Value) -> Node | Relationship:
    if type(value) is Node or type(value) is Relationship:
        return value
    raise wrong_type("a node or relationship", value)


def _relationship(value: Value) -> Relationship:
    if type(value) is Relationship:
        return value
    raise wrong_type("a relationship", value)


def _range(start: Value, end: Value, step: Value = 1) -> list[int]:
    for each in (start, end, step):
        if type(each) is not int:
            problem = f"range() needs integers, got {shown(each)}."
            raise ValueProblem(problem, type=ARGUMENT, detail="InvalidArgumentType")
    if step == 0:
        raise ValueProblem("The step of range() cannot be 0.", detail="NumberOutOfRange")
    # Not by len(), which has an end where integers of Python have none.
    if (end - start) // step >= LONGEST_LIST:
        raise ValueProblem(f"A list cannot have more than {LONGEST_LIST:,} items.", detail="TooManyItems")
    return list(range(start, end + (1 if step > 0 else -1), step))


def _null_if(value: Value, other: Value) -> Value:
    return None if equals(value, other) else value


def _coalesce(*values: Value) -> Value:
    return next((value for value in values if value is not None), None)


PURE: Mapping[str, _Function] = {
    "elementid": lambda value: _element(value).element_id,
    "head": _head,
    "id": lambda value: small_id(_element(value).id),
    "isempty": _is_empty,
    "last": _last,
    "length": _length,
    "nodes": _nodes,
    "randomuuid": lambda: str(uuid.uuid4()),
    "relationships": _relationships,
    "reverse": _reverse,
    "size": _size,
    "tail": _tail,
    "type": lambda value: _relationship(value).type,
}
WITH_NULLS: Mapping[str, _Function] = {
    "coalesce": _coalesce,
    "exists": lambda value: value is not None,
    "nullif": _null_if,
}


def _held(setting: Environment) -> Callable[[Value], Mapping[str, Value]]:
    def held(value: Value) -> Mapping[str, Value]:
        if type(value) is dict:
            return value
        if type(value) is Node or type(value) is Relationship:
            if value.id in setting.gone:
                raise deleted()
            return value.properties
        fields = FIELDS.get(type(value))
        if fields is None or type(value) is not Point:
            raise wrong_type("a node, relationship or map", value)
        return {name: getter(value) for name, getter in fields.items()}

    return held


def _keys(setting: Environment) -> _Function:
    held = _held(setting)
    return lambda value: list(held(value))


def _properties(setting: Environment) -> _Function:
    held = _held(setting)
    return lambda value: dict(held(value))


def _labels(setting: Environment) -> _Function:
    def labels(value: Value) -> list[str]:
        if type(value) is not Node:
            raise wrong_type("a node", value)
        if value.id in setting.gone:
            raise deleted()
        return list(value.labels)

    return labels


def _ranging(setting: Environment) -> _Function:
    def ranging(start: Value, end: Value, step: Value = 1) -> list[int]:
        setting.check()
        return _range(start, end, step)

    return ranging


def _end(setting: Environment, *, start: bool) -> _Function:
    def end(value: Value) -> Value:
        relationship = _relationship(value)
        found = setting.node(relationship.start if start else relationship.end)
        if found is None:
            raise ValueProblem(
                "The end node of this relationship is not available here.", type=TYPE, detail="NotSupported"
            )
        return found

    return end


SETTLED: Mapping[str, Callable[[Environment], _Function]] = {
    "endnode": lambda setting: _end(setting, start=False),
    "keys": _keys,
    "labels": _labels,
    "properties": _properties,
    "range": _ranging,
    "startnode": lambda setting: _end(setting, start=True),
}
