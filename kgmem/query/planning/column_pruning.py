"""What later steps need of what a MATCH binds: all of it, some properties, or only which one it is.

A need is a set of property names, with IDENTITY where it matters which node or relationship it is, and with ALL where
everything may be asked. What is in no map of needs is not needed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from kgmem.query.planning import steps as plan
from kgmem.query.planning.steps import Plan, Step
from kgmem.query.tree.clauses import RemoveProperty, SetLabels, SetProperties, SetProperty
from kgmem.query.tree.expressions import Call, Comparison, Expression, Index, IsNull, Located, Property, Variable
from kgmem.query.tree.patterns import NodePattern, PathPattern, RelationshipPattern
from kgmem.query.tree.traversal import children

Needs = dict[str, frozenset[str]]
IDENTITY, ALL = "\0identity", "\0all"
_NOTHING: frozenset[str] = frozenset()
_IDENTITY, _ALL = frozenset({IDENTITY}), frozenset({ALL})
_IDENTIFYING = frozenset({"id", "elementid"})


def merged(needs: Needs, others: Mapping[str, frozenset[str]]) -> Needs:
    """Return what both need."""
    found = dict(needs)
    for name, need in others.items():
        found[name] = found.get(name, _NOTHING) | need
    return found


def uses(part: Located | None) -> Needs:
    """Return what an expression, or another part of a query, needs of variables."""
    if part is None:
        return {}
    found = _little(part)
    if found is not None:
        return found
    found = {}
    pattern = isinstance(part, NodePattern | RelationshipPattern | PathPattern)
    for child in children(part):
        if not (pattern and child is part.variable):  # type: ignore[attr-defined]
            found = merged(found, uses(child))
        elif not isinstance(part, PathPattern) and isinstance(child, Variable):
            found = merged(found, {child.name: _IDENTITY})
    if isinstance(part, PathPattern) and (part.variable is not None or part.selector is not None):
        # A path shows all that it goes through.
        along = (element.variable for element in part.elements)
        found = merged(found, {each.name: _ALL for each in along if each is not None})
    return found


def _little(part: Located) -> Needs | None:
    """Return what a part needs that needs no more than a variable or one of its properties; None for all others."""
    if isinstance(part, Variable):
        return {part.name: _ALL}
    if isinstance(part, Property) and isinstance(part.subject, Variable):
        return {part.subject.name: frozenset({part.name})}
    if isinstance(part, IsNull) and isinstance(part.operand, Variable):
        return {part.operand.name: _NOTHING}
    if isinstance(part, Comparison) and all(operator in {"=", "<>"} for operator, _ in part.rest):
        operands = (part.first, *(each for _, each in part.rest))
        found: Needs = {}
        for each in operands:
            found = merged(found, {each.name: _IDENTITY} if isinstance(each, Variable) else uses(each))
        return found
    return _of_call(part) if isinstance(part, Call) else None


def _of_call(part: Call) -> Needs | None:
    if len(part.arguments) != 1 or not isinstance(part.arguments[0], Variable):
        return None
    if part.name.lower() == "count":
        return {part.arguments[0].name: _IDENTITY if part.distinct else _NOTHING}
    return {part.arguments[0].name: _IDENTITY} if part.name.lower() in _IDENTIFYING else None


def of_all(parts: Iterable[Located | None]) -> Needs:
    """Return what several parts need together."""
    found: Needs = {}
    for part in parts:
        found = merged(found, uses(part))
    return found


def with_needs(made: Plan) -> Plan:
    """Return a plan of which each MATCH knows what is needed of what it binds."""
    return replace(made, parts=tuple(_annotated(part, {})[0] for part in made.parts))


def _folded(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Make each MATCH before an aggregation that counts how often, but not which, return equal rows as one."""
    return tuple(
        replace(step, folded=True)
        if isinstance(step, plan.Match)
        and not step.optional
        and not step.pattern.stages
        and isinstance(after, plan.Project)
        and (after.projected.grouped or (after.distinct and not after.projected.order))
        and all(_can_be_folded(column.value) for column in after.projected.columns)
        else step
        for step, after in zip(steps, (*steps[1:], None), strict=True)
    )


def _can_be_folded(part: Located) -> bool:
    """Whether it is the same for equal rows in any order: a list that is collected has an order, and so is not."""
    if isinstance(part, Call) and part.name.lower() == "collect":
        return False
    return all(map(_can_be_folded, children(part)))


def _annotated(steps: tuple[Step, ...], needs: Needs) -> tuple[tuple[Step, ...], Needs]:
    """Return steps that know what is needed, and what they need of the rows that they begin with."""
    found: list[Step] = []
    for step in reversed(steps):
        new, needs = _step(step, needs)
        found.append(new)
    return _folded(tuple(reversed(found))), needs


def _step(step: Step, needs: Needs) -> tuple[Step, Needs]:
    if isinstance(step, plan.Match):
        return _match(step, needs)
    if isinstance(step, plan.Project):
        return step, _project(step, needs)
    if isinstance(step, plan.Foreach):
        inner, before = _annotated(step.steps, needs)
        own = merged(_without(before, [step.name]), uses(step.source))
        return replace(step, steps=inner), merged(needs, own)
    if isinstance(step, plan.Subcall):
        parts = [_annotated(part, {}) for part in step.plan.parts]
        after = _without(needs, step.plan.names)
        for _, before in parts:
            after = merged(after, {name: need for name, need in before.items() if name in step.imports})
        return replace(step, plan=replace(step.plan, parts=tuple(part for part, _ in parts))), after
    return step, merged(_without(needs, _bound_by(step)), _of_step(step))


def _match(step: plan.Match, needs: Needs) -> tuple[Step, Needs]:
    pattern = step.pattern
    if pattern.stages:
        return step, _staged(step, needs)
    looked_up = {id(each.predicate) for each in pattern.lookups}
    lean = _of_pattern(pattern, needs, [each for each in pattern.predicates if id(each) not in looked_up])
    asked = _of_pattern(pattern, needs, pattern.predicates)
    bound = dict.fromkeys(pattern.bound, _IDENTITY)
    new = replace(step, needs=asked, lean=lean, shown=frozenset(needs))
    own = {part.name for part in pattern.parts if not part.bound} | set(pattern.named)
    return new, merged(_without(asked, own), bound)


def _staged(step: plan.Match, needs: Needs) -> Needs:
    """Return what a pattern of several stages needs of the rows before it, all of what it speaks of."""
    pattern = step.pattern
    own = {*pattern.named, *(part.name for part in pattern.parts if not part.bound)}
    speaks = _of_step(step)
    for each in _located_patterns(pattern):
        speaks = merged(speaks, dict.fromkeys(each.bound, _ALL))
    return _without(merged(needs, dict.fromkeys(speaks, _ALL)), own)


def _located_patterns(pattern: plan.Pattern) -> Iterable[plan.Pattern]:
    yield pattern
    for stage in pattern.stages:
        if stage.repeat is not None:
            yield stage.repeat.inner
        if stage.pattern is not None:
            yield stage.pattern


def _of_pattern(pattern: plan.Pattern, needs: Needs, predicates: Iterable[Expression]) -> Needs:
    """Return what is needed of what a pattern binds, for what comes later and for these predicates."""
    asked = merged(needs, of_all(predicates))
    for path in pattern.paths:
        if path.name in asked:
            asked = merged(asked, dict.fromkeys(path.elements, _ALL))
    return asked


def _project(step: plan.Project, needs: Needs) -> Needs:
    projected = step.projected
    final = not needs
    later = merged(needs, of_all([*(key.value for key in projected.order), projected.where]))
    exact = step.distinct or projected.grouped
    names = {column.name for column in projected.columns}
    before: Needs = {}
    for column in projected.columns:
        if isinstance(column.value, Variable):
            need = _ALL if final and not later.get(column.name) else later.get(column.name, _NOTHING)
            need = _ALL if final else need
            before = merged(before, {column.value.name: need | (_IDENTITY if exact else _NOTHING)})
        else:
            before = merged(before, uses(column.value))
    visible = {name: need for name, need in later.items() if name not in names}
    return merged(before, visible)


def _of_step(step: Step) -> Needs:
    """Return what the parts of a step's clause need; what is changed is needed as a whole."""
    found: Needs = {}
    for each in fields(step):
        for part in _located(getattr(step, each.name)):
            if isinstance(part, SetProperty | RemoveProperty):
                target = part.target
                subject = target.subject if isinstance(target, Property | Index) else None
                found = merged(found, dict.fromkeys(uses(subject), _ALL))
            elif isinstance(part, SetProperties | SetLabels):
                found = merged(found, {part.variable.name: _ALL})
            found = merged(found, uses(part))
    if isinstance(step, plan.Delete):
        for value in step.values:
            if isinstance(value, Variable):
                found[value.name] = found.get(value.name, _NOTHING) - _ALL | _IDENTITY
    return found


def _bound_by(step: Step) -> Iterable[str]:
    if isinstance(step, plan.Unwind):
        return [step.name]
    if isinstance(step, plan.Call):
        return [variable for _, variable in step.yields]
    return []


def _located(value: Any) -> Iterable[Located]:
    if isinstance(value, Located):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _located(each)
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from _located(getattr(value, each.name))


def _without(needs: Needs, names: Iterable[str]) -> Needs:
    gone = set(names)
    return {name: need for name, need in needs.items() if name not in gone}
