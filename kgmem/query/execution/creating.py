"""CREATE: nodes of all rows first, then the relationships between them."""

from collections.abc import Iterable, Sequence
from typing import Any

from kgmem.query.evaluation.setting import Row
from kgmem.query.execution.graph import NewNode, NewRelationship
from kgmem.query.execution.matching import build_path
from kgmem.query.execution.properties import labels_of, properties_of
from kgmem.query.execution.run import Rows, Run
from kgmem.query.planning.steps import Create
from kgmem.query.tree.patterns import NodePattern, PathPattern, RelationshipPattern
from kgmem.query.values import Node


async def create(run: Run, step: Create, rows: Rows) -> Rows:
    """Give each row with what was made for it."""
    made = [dict(row) for row in rows]
    for number, pattern in enumerate(step.patterns):
        await make(run, pattern, made, f"\0{number}.")
    return [{name: value for name, value in row.items() if name[:1] != "\0"} for row in made]


async def make(run: Run, pattern: PathPattern, rows: Rows, prefix: str, *, merging: bool = False) -> None:
    """Make what a pattern says for each row, and put it into the row; what is not named gets a hidden name."""
    names = [
        element.variable.name if element.variable is not None else f"{prefix}{n}"
        for n, element in enumerate(pattern.elements)
    ]
    for name, element in zip(names, pattern.elements, strict=True):
        if isinstance(element, NodePattern):
            fresh = [row for row in rows if name not in row]
            await _make_nodes(run, element, name, fresh, merging=merging)
    for n, element in enumerate(pattern.elements):
        if isinstance(element, RelationshipPattern):
            await _make_relationships(run, element, names[n - 1 : n + 2], rows, merging=merging)
    if pattern.variable is not None:
        for row in rows:
            row[pattern.variable.name] = build_path(row, names, {})


async def _make_nodes(run: Run, element: NodePattern, name: str, rows: Rows, *, merging: bool) -> None:
    wanted = [
        NewNode(
            await labels_of(run, element.labels, row),
            await properties_of(run, element.properties, row, nulls=not merging),
        )
        for row in rows
    ]
    if not wanted:
        return
    for row, node in zip(rows, await run.transaction.create_nodes(wanted), strict=True):
        row[name] = node
    run.counters.nodes_created += len(wanted)
    _count(run, (each.properties for each in wanted), sum(len(each.labels) for each in wanted))


async def _make_relationships(
    run: Run, element: RelationshipPattern, names: Sequence[str], rows: Rows, *, merging: bool
) -> None:
    left, name, right = names
    wanted = []
    for row in rows:
        (kind,) = await labels_of(run, element.types, row)
        start, end = _end(run, row, left, element.at), _end(run, row, right, element.at)
        if element.direction == "in":
            start, end = end, start
        held = await properties_of(run, element.properties, row, nulls=not merging)
        wanted.append(NewRelationship(kind, start.id, end.id, held))
    if not wanted:
        return
    for row, made in zip(rows, await run.transaction.create_relationships(wanted), strict=True):
        row[name] = made
    run.counters.relationships_created += len(wanted)
    _count(run, (each.properties for each in wanted), 0)


def _end(run: Run, row: Row, name: str, at: int) -> Node:
    held = row.get(name)
    if not isinstance(held, Node):
        problem = "An end of this relationship is null, or no node."
        raise run.error("InvalidArgumentType", problem, at, type="TypeError", mend="Leave such rows out by a WHERE.")
    if held.id in run.gone:
        problem = "An end of this relationship was deleted by the same query."
        raise run.error("DeletedEntityAccess", problem, at, type="EntityNotFound")
    return held


def _count(run: Run, properties: Iterable[dict[str, Any] | Any], labels: int) -> None:
    run.counters.properties_set += sum(map(len, properties))
    run.counters.labels_added += labels
