"""Parts of values: properties, items, slices, projections, labels, as functions of a row."""

from collections.abc import Callable, Mapping
from typing import Any

from kgmem.query.errors import TYPE, ValueProblem, shown, wrong_type
from kgmem.query.evaluation.environment import Compiler, Compute, Handler, Row
from kgmem.query.tree import expressions as tree
from kgmem.query.tree.patterns import (
    AllLabels,
    AnyLabel,
    DynamicLabel,
    HasLabels,
    LabelName,
    Labels,
    NotLabel,
    OneLabel,
)
from kgmem.query.values import Node, Relationship, Value
from kgmem.query.values.components import FIELDS

_LabelTest = Callable[[Row, frozenset[str]], bool]


class AccessCompiler(Compiler):
    """Compiles access to parts of values."""

    def _property(self, part: tree.Property) -> Compute:
        subject, name, setting = self.compile(part.subject), part.name, self.setting

        def run(row: Row) -> Value:
            value = subject(row)
            if type(value) is Node or type(value) is Relationship:
                if value.id in setting.gone:
                    raise setting.error(deleted(), part.at)
                return value.properties.get(name)
            if type(value) is dict:
                return value.get(name)
            try:
                return field_of(value, name)
            except ValueProblem as problem:
                raise setting.error(problem, part.at) from problem

        return run

    def _index(self, part: tree.Index) -> Compute:
        subject, index = self.compile(part.subject), self.compile(part.index)
        return self.guarded(lambda row: self.item(subject(row), index(row)), part.at)

    def item(self, value: Value, index: Value) -> Value:
        """Return value[index]. Raises ValueProblem."""
        if value is None or index is None:
            return None
        if type(value) is list:
            if type(index) is not int:
                raise ValueProblem(
                    f"A list index must be an integer, got {shown(index)}.", type=TYPE, detail="InvalidArgumentType"
                )
            return value[index] if -len(value) <= index < len(value) else None
        if type(value) in _HOLDERS:
            if type(index) is not str:
                problem = f"A map key must be a string, got {shown(index)}."
                raise ValueProblem(problem, type=TYPE, detail="MapElementAccessByNonString")
            return self.entries(value).get(index)
        if type(index) is str:
            return field_of(value, index)
        problem = f"Cannot use [ ] on {shown(value)}.".capitalize()
        raise ValueProblem(problem, type=TYPE, detail="InvalidArgumentType")

    def entries(self, value: Value) -> Mapping[str, Value]:
        """Return the entries of a map, or the properties of a node or relationship. Raises ValueProblem."""
        if type(value) is dict:
            return value
        if value.id in self.setting.gone:
            raise deleted()
        held: Mapping[str, Value] = value.properties
        return held

    def _slice(self, part: tree.Slice) -> Compute:
        subject = self.compile(part.subject)
        start = None if part.start is None else self.compile(part.start)
        stop = None if part.stop is None else self.compile(part.stop)

        def run(row: Row) -> Value:
            items = subject(row)
            ends = [None if end is None else end(row) for end in (start, stop)]
            if items is None or (start and ends[0] is None) or (stop and ends[1] is None):
                return None
            for what in (items, *ends):
                if what is not None and type(what) is not (list if what is items else int):
                    raise ValueProblem(
                        f"A slice bound must be an integer, got {shown(what)}.", type=TYPE, detail="InvalidArgumentType"
                    )
            return items[ends[0] : ends[1]]

        return self.guarded(run, part.at)

    def _projection(self, part: tree.MapProjection) -> Compute:
        subject = self.compile(part.subject)
        steps = tuple(map(self._projected, part.items))

        def run(row: Row) -> Value:
            value = subject(row)
            if value is None:
                return None
            if type(value) not in _HOLDERS:
                raise wrong_type("a node, relationship or map", value)
            held = self.entries(value)
            found: dict[str, Value] = {}
            for step in steps:
                step(found, held, row)
            return found

        return self.guarded(run, part.at)

    def _projected(self, item: tree.ProjectedItem) -> Callable[[dict[str, Value], Mapping[str, Value], Row], None]:
        if isinstance(item, tree.ProjectedAll):
            return lambda found, held, _row: found.update(held)
        name = item.name
        if isinstance(item, tree.ProjectedProperty):
            return lambda found, held, _row: found.__setitem__(name, held.get(name))
        value = self.compile(item if isinstance(item, tree.Variable) else item.value)
        return lambda found, _held, row: found.__setitem__(name, value(row))

    def _has_labels(self, part: HasLabels) -> Compute:
        subject, test = self.compile(part.subject), self._label_test(part.labels)

        def run(row: Row) -> Value:
            value = subject(row)
            if value is None:
                return None
            return test(row, frozenset(self.labels(value)))

        return self.guarded(run, part.at)

    def labels(self, value: Value) -> tuple[str, ...]:
        """Return a node's labels, or a relationship's type alone. Raises ValueProblem."""
        if type(value) is Relationship:
            return (value.type,)
        if type(value) is not Node:
            raise wrong_type("a node or relationship", value)
        if value.id in self.setting.gone:
            raise deleted()
        return value.labels

    def _label_test(self, part: Labels) -> _LabelTest:
        if isinstance(part, LabelName):
            name = part.name
            return lambda _row, labels: name in labels
        if isinstance(part, AnyLabel):
            return lambda _row, labels: bool(labels)
        if isinstance(part, NotLabel):
            operand = self._label_test(part.operand)
            return lambda row, labels: not operand(row, labels)
        if isinstance(part, DynamicLabel):
            value, holds = self.compile(part.value), any if part.quantifier == "any" else all
            return lambda row, labels: holds(name in labels for name in label_names(value(row)))
        if not isinstance(part, AllLabels | OneLabel):
            raise ValueError(f"{type(part).__name__} is no label expression")  # noqa: TRY004 - not of a caller's
        tests = tuple(map(self._label_test, part.operands))
        holds = all if isinstance(part, AllLabels) else any
        return lambda row, labels: holds(test(row, labels) for test in tests)


_HOLDERS = frozenset({dict, Node, Relationship})


def label_names(value: Value) -> list[str]:
    """Return labels from a string or a list of strings. Raises ValueProblem."""
    names = value if type(value) is list else [value]
    for name in names:
        if type(name) is not str:
            raise wrong_type("a label's name", name)
    return names


def field_of(value: Any, name: str) -> Value:
    """Return a component of a temporal value or point by its name; null for null. Raises ValueProblem."""
    if value is None:
        return None
    fields = FIELDS.get(type(value))
    if fields is None:
        problem = f"Expected a node, relationship or map, got {shown(value)}."
        raise ValueProblem(problem, type=TYPE, detail="InvalidArgumentType")
    getter = fields.get(name)
    if getter is None:
        raise ValueProblem(f"{shown(value).capitalize()} has no {name}.", hint=f"It has {', '.join(fields)}.")
    return getter(value)


def deleted() -> ValueProblem:
    """Return the error for the use of a deleted node or relationship."""
    return ValueProblem(
        "The node or relationship was deleted earlier in this query.",
        type="EntityNotFound",
        detail="DeletedEntityAccess",
        hint="Read its properties before DELETE.",
    )


HANDLERS: Mapping[type, Handler] = {
    tree.Property: AccessCompiler._property,
    tree.Index: AccessCompiler._index,
    tree.Slice: AccessCompiler._slice,
    tree.MapProjection: AccessCompiler._projection,
    HasLabels: AccessCompiler._has_labels,
}
