"""MERGE: match, or else create. Of several rows that need the same, the first creates it and the others match it."""

from collections.abc import Hashable, Sequence
from typing import Any

from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.candidates import MatchOptions
from kgmem.query.execution.executor import Rows, Run
from kgmem.query.execution.match import matches
from kgmem.query.execution.properties import all_labels, all_properties, storable
from kgmem.query.execution.writes.create import More, make
from kgmem.query.execution.writes.update import changed
from kgmem.query.planning.steps import Merge
from kgmem.query.tree.clauses import SetProperties, SetProperty
from kgmem.query.tree.expressions import Expression, Property, Variable
from kgmem.query.tree.patterns import NodePattern, RelationshipPattern
from kgmem.query.tree.traversal import names_in, nested_in
from kgmem.query.values import Node
from kgmem.query.values.comparison import group_key


async def merge(run: Run, step: Merge, rows: Rows) -> Rows:
    """Return each row with each match of the pattern, or with what was created for it."""
    if not rows:
        return []
    identities = await _identities(run, step, rows)
    await run.transaction.lock(repr(identity) for identity in dict.fromkeys(identities))
    if _is_plain(step) and await _keeps(run, step, rows):
        return await _merge(run, step, rows, identities)
    result: Rows = []
    for row, identity in zip(rows, identities, strict=True):
        result += await _merge(run, step, [row], [identity])
    return result


async def _merge(run: Run, step: Merge, rows: Rows, identities: list[Hashable]) -> Rows:
    groups = await matches(run, MatchOptions(step.pattern), rows, step.at)
    makers: dict[Hashable, Row] = {}
    for row, found, identity in zip(rows, groups, identities, strict=True):
        if not found and identity not in makers:
            makers[identity] = dict(row)
    making = list(makers.values())
    told = await _told_before(run, step, making)
    await make(run, [step.made], making, merging=True, more=told)
    names = step.pattern.named
    result: Rows = []
    created: list[int] = []
    matched: list[int] = []
    seen: set[Hashable] = set()
    for row, found, identity in zip(rows, groups, identities, strict=True):
        if found:
            matched += range(len(result), len(result) + len(found))
            result += found
            continue
        (matched if identity in seen else created).append(len(result))
        seen.add(identity)
        result.append({**row, **{name: makers[identity][name] for name in names}})
    on_create = step.on_create if told is None else ()
    for places, items in ((created, on_create), (matched, step.on_match)):
        if items and places:
            result = await changed(run, items, result, places=places)
    return result


async def _told_before(run: Run, step: Merge, rows: Rows) -> More | None:
    """Return what ON CREATE sets, where it is known before anything is made; None where that depends on it."""
    made = {each.variable.name for each in step.made.elements if each.variable is not None} - step.bound
    plain: list[tuple[str, str, Expression]] = []
    for item in step.on_create:
        target = item.target if isinstance(item, SetProperty) else None
        subject = target.subject if isinstance(target, Property) else None
        if not (isinstance(item, SetProperty) and isinstance(target, Property) and isinstance(subject, Variable)):
            return None
        if subject.name not in made or names_in(item.value) & made or any(nested_in(item.value)):
            return None
        plain.append((subject.name, target.name, item.value))
    if len({each[:2] for each in plain}) < len(plain):
        return None
    found: dict[str, list[dict[str, Any]]] = {}
    for subject_name, name, expression in plain:
        held = found.setdefault(subject_name, [{} for _ in rows])
        for each, value in zip(held, await run.values(expression, rows), strict=True):
            if value is not None:
                each[name] = storable(run, value, expression.at)
    return found


async def _identities(run: Run, step: Merge, rows: Rows) -> list[Hashable]:
    """For each row what distinguishes what rows ask for: labels, types, properties, and the ids of what is bound."""
    columns: list[Sequence[Any]] = []
    for element in step.made.elements:
        variable = element.variable
        if variable is not None and variable.name in step.bound:
            columns.append([_bound_id(run, row[variable.name], variable.name, element.at) for row in rows])
            continue
        assert isinstance(element, NodePattern | RelationshipPattern)  # noqa: S101 - groups are refused
        labels = await all_labels(run, element.labels if isinstance(element, NodePattern) else element.types, rows)
        held = await all_properties(run, element.properties, rows, nulls=False)
        keys = [tuple((name, group_key(each[name])) for name in sorted(each)) for each in held]
        columns.append(list(zip(labels, keys, strict=True)))
    elements = step.made.elements
    found = list(zip(*columns, strict=True))
    if len(elements) == 3 and elements[1].direction == "both":  # type: ignore[union-attr]
        return [(link, *sorted((left, right), key=repr)) for left, link, right in found]
    return list(found)


def _bound_id(run: Run, value: Any, name: str, at: int) -> int:
    if not isinstance(value, Node):
        problem = f"MERGE cannot use {name}: it is null."
        raise run.error("InvalidArgumentType", problem, at, type="TypeError")
    return run.own(value.id, at)


async def _keeps(run: Run, step: Merge, rows: Rows) -> bool:
    """Whether maps that are set (n += map) leave what the pattern asks of nodes and relationships as it is."""
    asked = _asked(step)
    for item in (*step.on_create, *step.on_match):
        if not isinstance(item, SetProperties):
            continue
        if names_in(item.value) & frozenset(step.pattern.named) or any(nested_in(item.value)):
            return False
        maps = await run.values(item.value, rows)
        if any(not isinstance(each, dict) for each in maps):
            return False
        of_others = {name for name, parts in asked.items() if item.variable.name not in parts}
        if any(not of_others.isdisjoint(each) for each in maps):
            return False
        own = {name: parts[item.variable.name] for name, parts in asked.items() if item.variable.name in parts}
        for name, expression in own.items():
            for held, value in zip(maps, await run.values(expression, rows), strict=True):
                if (name in held or not item.merge) and group_key(held.get(name)) != group_key(value):
                    return False
    return True


def _asked(step: Merge) -> dict[str, dict[str, Expression]]:
    """Return the properties that the pattern asks for: by name, the value that each part has, by its variable."""
    found: dict[str, dict[str, Expression]] = {}
    for element in step.made.elements:
        variable = element.variable.name if element.variable is not None else ""
        for name, value in getattr(element.properties, "entries", ()):  # type: ignore[union-attr]
            found.setdefault(name, {})[variable] = value
    return found


def _is_plain(step: Merge) -> bool:
    """Whether what one row makes can be found by another only if both ask for the same."""
    elements = step.made.elements
    undirected = [each for each in elements if isinstance(each, RelationshipPattern) and each.direction == "both"]
    if len(undirected) > (1 if len(elements) == 3 else 0):
        return False
    items = (*step.on_create, *step.on_match)
    asked = _asked(step).keys()
    return all(
        isinstance(item.target, Property) and item.target.name not in asked
        for item in items
        if isinstance(item, SetProperty)
    )
