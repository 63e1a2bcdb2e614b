"""SET and REMOVE: row by row as the query says, written at the end of the clause."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.executor import Rows, Run
from kgmem.query.execution.properties import as_map, check_names, labels_of, storable
from kgmem.query.execution.writes.delete import renewed
from kgmem.query.planning.steps import Remove, Set
from kgmem.query.tree.clauses import RemoveItem, RemoveProperty, SetItem, SetLabels, SetProperties, SetProperty
from kgmem.query.tree.expressions import Expression, Index, Property
from kgmem.query.values import Node, Relationship

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
                self._put(element, name, storable(self._run, value, item.value.at))
        elif isinstance(item, RemoveProperty):
            element, name = await self._target(item.target, row)
            if element is not None:
                self._put(element, name, None)
        else:
            await self._all(item, row)

    async def write(self, rows: Rows) -> Rows:
        """Write what has changed; gives the rows as they are now."""
        if not self.now:
            return rows
        nodes = [each for each in self.now.values() if isinstance(each, Node)]
        others = [each for each in self.now.values() if isinstance(each, Relationship)]
        if nodes:
            await self._run.transaction.update_nodes(nodes)
        if others:
            await self._run.transaction.update_relationships(others)
        self._run.written |= self.now
        return [renewed(row, self.now) for row in rows]

    def seen(self, row: Row) -> Row:
        """Return a row as it is after what has changed."""
        return renewed(row, self.now) if self.now else row

    async def _target(self, target: Expression, row: Row) -> tuple[Element | None, str]:
        assert isinstance(target, Property | Index)  # noqa: S101 - nothing else can be parsed
        value = await self._run.value(target.subject, row)
        name: Any = target.name if isinstance(target, Property) else await self._run.value(target.index, row)
        if not isinstance(name, str):
            problem = "A property's name is needed here: a string."
            raise self._run.error("InvalidArgumentType", problem, target.at, type="TypeError")
        return self._element(value, target.at), name

    def _element(self, value: Any, at: int) -> Element | None:
        if value is None:
            return None
        if not isinstance(value, Node | Relationship):
            problem = "A node or relationship is needed here."
            raise self._run.error("InvalidArgumentType", problem, at, type="TypeError")
        if self._run.own(value.id, at) in self._run.gone:
            problem = "What was deleted cannot be changed."
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
            problem = "A map, node or relationship is needed here, and this is null."
            raise self._run.error("InvalidArgumentType", problem, item.value.at, type="TypeError")
        new = {name: storable(self._run, each, item.at) for name, each in as_map(self._run, value, item.at).items()}
        held = dict(element.properties)
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
    return await changes.write(rows)
