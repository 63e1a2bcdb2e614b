"""Properties and labels to write: evaluated from expressions, and checked."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from kgmem.domain.graph.statement import has_control
from kgmem.query.errors import CypherError
from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.executor import Run
from kgmem.query.tree.expressions import Expression
from kgmem.query.tree.patterns import AllLabels, DynamicLabel, LabelName, Labels
from kgmem.query.values import Node, Path, Relationship

# Values that a property may have, whatever they are.
_SIMPLE = frozenset({bool, int, float, str})


async def labels_of(run: Run, labels: Labels | None, row: Row) -> tuple[str, ...]:
    """Return the labels that are given to something, each once."""
    if labels is None:
        return ()
    if isinstance(labels, LabelName):
        return (labels.name,)
    if isinstance(labels, AllLabels):
        found = [name for operand in labels.operands for name in await labels_of(run, operand, row)]
        return tuple(dict.fromkeys(found))
    assert isinstance(labels, DynamicLabel)  # noqa: S101 - the analysis refuses all others
    value = await run.value(labels.value, row)
    names = value if isinstance(value, list) else [value]
    for name in names:
        if not isinstance(name, str) or not name:
            problem = "Expected the name of a label: a string that is not empty."
            raise run.error("InvalidArgumentType", problem, labels.at, type="TypeError")
    return tuple(dict.fromkeys(names))


async def all_labels(run: Run, labels: Labels | None, rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return for each row the labels that are given to something."""
    if labels is None:
        return [()] * len(rows)
    fixed = _is_fixed(labels)
    found = [await labels_of(run, labels, row) for row in ([{}] if fixed else rows)]
    for names in found:
        check_names(run, names, labels.at)
    return found * len(rows) if fixed else found


def check_names(run: Run, names: Iterable[str], at: int) -> None:
    """Refuse labels, types and names of properties that have a control character. Raises CypherError."""
    for name in names:
        if has_control(name):
            raise run.error(
                "InvalidArgumentValue",
                f"The name {name[:80]!r} has a control character.",
                at,
                type="ArgumentError",
                hint="Remove it from the name.",
            )


async def all_properties(
    run: Run, part: Expression | None, rows: Sequence[Row], *, nulls: bool = True
) -> list[dict[str, Any]]:
    """Return for each row the properties of a map, without nulls; nulls are refused unless `nulls`."""
    if part is None:
        return [{} for _ in rows]
    return [_properties(run, value, part.at, nulls=nulls) for value in await run.values(part, rows)]


def _properties(run: Run, value: Any, at: int, *, nulls: bool) -> dict[str, Any]:
    held = as_map(run, value, at)
    check_names(run, held, at)
    if _SIMPLE.issuperset(map(type, held.values())):
        for key, each in held.items():
            if type(each) is float and not math.isfinite(each):
                raise _infinite(run, at, key)
        return dict(held)
    if not nulls and (name := next((name for name, each in held.items() if each is None), None)) is not None:
        problem = f"MERGE cannot use null for {name}."
        raise run.error("MergeReadOwnWrites", problem, at, type="SemanticError", hint="Leave it out.")
    return {name: storable(run, each, at) for name, each in held.items() if each is not None}


def _is_fixed(labels: Labels) -> bool:
    if isinstance(labels, AllLabels):
        return all(map(_is_fixed, labels.operands))
    return isinstance(labels, LabelName)


def as_map(run: Run, value: Any, at: int) -> dict[str, Any]:
    """Return a map, or the properties of a node or relationship."""
    if isinstance(value, dict):
        return value
    if isinstance(value, Node | Relationship):
        return dict(value.properties)
    raise _refused(run, "Expected a map, node or relationship.", at)


def storable(run: Run, value: Any, at: int) -> Any:
    """Return a value back that a property may have. Raises CypherError."""
    if isinstance(value, list):
        for each in value:
            if isinstance(each, dict | list) or each is None:
                raise _refused(run, "A list in a property cannot contain maps, lists or nulls.", at)
            storable(run, each, at)
    if isinstance(value, dict):
        check_names(run, value, at)
    if isinstance(value, Node | Relationship | Path):
        raise _refused(run, "Nodes, relationships and paths cannot be stored in a property.", at)
    if type(value) is float and not math.isfinite(value):
        raise _infinite(run, at)
    return value


def _infinite(run: Run, at: int, name: str = "") -> CypherError:
    what = f"The property {name[:80]!r}" if name else "A property"
    problem = f"{what} cannot store NaN or infinity: JSON and exports have no such numbers."
    hint = "Leave it out, or write null in its place."
    return run.error("InvalidPropertyType", problem, at, type="TypeError", hint=hint)


def _refused(run: Run, problem: str, at: int) -> CypherError:
    return run.error("InvalidPropertyType", problem, at, type="TypeError")
