"""DELETE, and FOREACH."""

from collections.abc import Mapping
from typing import Any

from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.executor import Rows, Run
from kgmem.query.planning.steps import Delete, Foreach
from kgmem.query.values import Node, Path, Relationship

# Rows after a write: wherever a node or relationship stands in them, it is what it has become.

Changed = Mapping[int, Any]  # Nodes and relationships by id.


def renewed(row: Row, changed: Changed) -> Row:
    """Return a row with what has changed in it; the row itself where nothing has."""
    new = {name: now for name, value in row.items() if (now := _now(value, changed)) is not value}
    return {**row, **new} if new else row


def _now(value: Any, changed: Changed) -> Any:
    if isinstance(value, Node | Relationship):
        return changed.get(value.id, value)
    if isinstance(value, Path):
        nodes = tuple(_now(each, changed) for each in value.nodes)
        relationships = tuple(_now(each, changed) for each in value.relationships)
        same = all(a is b for a, b in zip((*nodes, *relationships), (*value.nodes, *value.relationships), strict=True))
        return value if same else Path(nodes, relationships)
    if isinstance(value, list):
        items = [_now(each, changed) for each in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    if isinstance(value, dict):
        entries = {name: _now(each, changed) for name, each in value.items()}
        return value if all(entries[name] is each for name, each in value.items()) else entries
    return value


async def delete(run: Run, step: Delete, rows: Rows) -> Rows:
    """Delete what the values are; a node may keep relationships only until the statement ends."""
    nodes: dict[int, int] = {}
    relationships: dict[int, int] = {}
    for value in step.values:
        for found in await run.values(value, rows):
            _gather(run, found, value.at, nodes, relationships)
    if step.detach and nodes:
        relationships |= dict.fromkeys(await run.transaction.relationships_of(nodes), step.at)
    fresh = nodes.keys() - run.gone
    others = relationships.keys() - run.gone
    await run.transaction.delete(fresh, others)
    run.gone |= fresh | others
    run.deleted_nodes |= {id_: nodes[id_] for id_ in fresh}
    run.counters.nodes_deleted += len(fresh)
    run.counters.relationships_deleted += len(others)
    return rows


def _gather(run: Run, value: Any, at: int, nodes: dict[int, int], relationships: dict[int, int]) -> None:
    if isinstance(value, Node):
        nodes[run.own(value.id, at)] = at
    elif isinstance(value, Relationship):
        relationships[run.own(value.id, at)] = at
    elif isinstance(value, Path):
        for each in value.elements:
            _gather(run, each, at, nodes, relationships)
    elif value is not None:
        problem = "DELETE deletes nodes, relationships and paths."
        raise run.error("InvalidArgumentType", problem, at, type="TypeError")


async def check_deleted(run: Run) -> None:
    """Raise an error where a node was deleted and a relationship of it was not, in any graph."""
    for each in run.runs.values():
        if each is not run:
            await _check_deleted(each)
    await _check_deleted(run)


async def _check_deleted(run: Run) -> None:
    if not run.deleted_nodes:
        return
    left = await run.transaction.relationships_of(run.deleted_nodes)
    if left:
        at = next(iter(run.deleted_nodes.values()))
        raise run.error(
            "DeleteConnectedNode",
            "A node that is deleted has relationships still.",
            at,
            type="ConstraintVerificationFailed",
            hint="Delete them too, or write DETACH DELETE.",
        )


async def foreach(run: Run, step: Foreach, rows: Rows) -> Rows:
    """Run the steps for each item of each row's list, and give the rows as they were."""
    before, run.written = run.written, {}
    for row, items in zip(rows, await run.values(step.source, rows), strict=True):
        if items is None:
            continue
        if not isinstance(items, list):
            raise run.error("InvalidArgumentType", "FOREACH takes a list.", step.source.at, type="TypeError")
        here = renewed(row, run.written) if run.written else row
        await run.steps(step.steps, [{**here, step.name: item} for item in items])
    result = [renewed(row, run.written) for row in rows] if run.written else rows
    run.written = before | run.written
    return result
