"""SET, REMOVE, DELETE and FOREACH."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.executor import Rows, Run
from kgmem.query.execution.properties import as_map, check_names, labels_of, storable
from kgmem.query.planning.steps import Delete, Foreach, Remove, Set
from kgmem.query.tree.clauses import RemoveItem, RemoveProperty, SetItem, SetLabels, SetProperties, SetProperty
from kgmem.query.tree.expressions import Expression, Index, Property
from kgmem.query.tree.traversal import KEY
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
        problem = "DELETE takes nodes, relationships and paths."
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
            "Cannot delete a node that still has relationships.",
            at,
            type="ConstraintVerificationFailed",
            hint="Delete the relationships too, or use DETACH DELETE.",
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


Element = Node | Relationship


class Changes:
    """What a clause has changed so far, by id; what follows sees it, and all of it is written at the end."""

    def __init__(self, run: Run) -> None:
        """Take the run."""
        self._run = run
        self.now: dict[int, Element] = {}

    async def apply(self, item: SetItem | RemoveItem, row: Row, *, removing: bool) -> None:
        """Do what one item says for one row."""
        if isinstance(item, SetLabels):
            await self._labels(item, row, removing=removing)
        elif isinstance(item, SetProperty):
            # What is set is computed even where there is nothing to set it on.
            value = await self._run.value(item.value, row)
            element, name = await self._target(item.target, row)
            if element is not None:
                check_names(self._run, (name,), item.target.at)
                stored = storable(self._run, value, item.value.at)
                self._put(element, name, await self._own_key(element, stored) if name == KEY else stored)
        elif isinstance(item, RemoveProperty):
            element, name = await self._target(item.target, row)
            if element is not None:
                self._put(element, name, None)
        else:
            await self._all(item, row)

    async def write(self, rows: Rows) -> Rows:
        """Write what has changed; returns the rows as they are now."""
        if not self.now:
            return rows
        nodes = [each for each in self.now.values() if isinstance(each, Node)]
        others = [each for each in self.now.values() if isinstance(each, Relationship)]
        if nodes:
            await self._run.transaction.update_nodes(nodes)
        if others:
            await self._run.transaction.update_relationships(others)
        self._run.written |= self.now
        changed_rows = []
        for row in rows:
            changed_rows.append(renewed(row, self.now))
            await self._run.turn()
        return changed_rows

    def seen(self, row: Row) -> Row:
        """Return a row as it is after what has changed."""
        return renewed(row, self.now) if self.now else row

    async def _target(self, target: Expression, row: Row) -> tuple[Element | None, str]:
        assert isinstance(target, Property | Index)  # noqa: S101 - nothing else can be parsed
        value = await self._run.value(target.subject, row)
        name: Any = target.name if isinstance(target, Property) else await self._run.value(target.index, row)
        if not isinstance(name, str):
            problem = "Expected the name of a property: a string."
            raise self._run.error("InvalidArgumentType", problem, target.at, type="TypeError")
        return self._element(value, target.at), name

    async def _own_key(self, element: Element, key: Any) -> Any:
        """Return the key that is set; the element's own where it is of a node that was merged into this one."""
        own = element.properties.get(KEY)
        return own if isinstance(element, Node) and key != own and await self._run.redirected([key]) == [own] else key

    def _element(self, value: Any, at: int) -> Element | None:
        if value is None:
            return None
        if not isinstance(value, Node | Relationship):
            problem = "Expected a node or relationship."
            raise self._run.error("InvalidArgumentType", problem, at, type="TypeError")
        if self._run.own(value.id, at) in self._run.gone:
            problem = "A deleted node or relationship cannot be changed."
            raise self._run.error("DeletedEntityAccess", problem, at, type="EntityNotFound")
        return self.now.get(value.id, value)

    def _put(self, element: Element, name: str, value: Any) -> None:
        held = dict(element.properties)
        if value is None and name not in held:
            return
        if value is None:
            del held[name]
        else:
            held[name] = value
        self._run.counters.properties_set += 1
        self.now[element.id] = replace(element, properties=held)

    async def _all(self, item: SetProperties, row: Row) -> None:
        value = await self._run.value(item.value, row)
        element = self._element(await self._run.value(item.variable, row), item.at)
        if element is None:
            return
        if value is None:
            problem = "Expected a map, node or relationship, got null."
            raise self._run.error("InvalidArgumentType", problem, item.value.at, type="TypeError")
        new = {name: storable(self._run, each, item.at) for name, each in as_map(self._run, value, item.at).items()}
        held = dict(element.properties)
        if KEY in new:
            new[KEY] = await self._own_key(element, new[KEY])
        check_names(self._run, new.keys() - held.keys(), item.at)
        touched = new.keys() if item.merge else new.keys() | held.keys()
        now = {**(held if item.merge else {}), **new}
        now = {name: each for name, each in now.items() if each is not None}
        self._run.counters.properties_set += sum(name in now or name in held for name in touched)
        self.now[element.id] = replace(element, properties=now)

    async def _labels(self, item: SetLabels, row: Row, *, removing: bool) -> None:
        element = self._element(await self._run.value(item.variable, row), item.at)
        if element is None:
            return
        assert isinstance(element, Node)  # noqa: S101 - the analysis refuses relationships
        names = await labels_of(self._run, item.labels, row)
        if removing:
            labels = tuple(label for label in element.labels if label not in names)
            self._run.counters.labels_removed += len(element.labels) - len(labels)
        else:
            check_names(self._run, names, item.at)
            labels = tuple(dict.fromkeys((*element.labels, *names)))
            self._run.counters.labels_added += len(labels) - len(element.labels)
        if labels != element.labels:
            self.now[element.id] = replace(element, labels=labels)


async def set_(run: Run, step: Set, rows: Rows) -> Rows:
    """Return the rows after SET."""
    return await changed(run, step.items, rows)


async def remove(run: Run, step: Remove, rows: Rows) -> Rows:
    """Return the rows after REMOVE."""
    return await changed(run, step.items, rows, removing=True)


async def changed(
    run: Run,
    items: Sequence[SetItem | RemoveItem],
    rows: Rows,
    *,
    removing: bool = False,
    places: Iterable[int] | None = None,
) -> Rows:
    """Do what the items say, row by row, each seeing what those before it changed; only for those in some `places`."""
    changes = Changes(run)
    for place in range(len(rows)) if places is None else places:
        for item in items:
            await changes.apply(item, changes.seen(rows[place]), removing=removing)
        await run.turn()
    return await changes.write(rows)
