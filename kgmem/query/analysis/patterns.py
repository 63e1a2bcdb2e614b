"""Analysis of patterns in MATCH: the variables that they bind, and their kinds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kgmem.query.analysis.base import Handler
from kgmem.query.analysis.expressions import CallAnalyser
from kgmem.query.analysis.scope import NOTHING, Scope
from kgmem.query.tree.expressions import IntegerLiteral, Parameter, Variable
from kgmem.query.tree.patterns import (
    GroupPattern,
    NodePattern,
    PathElement,
    PathPattern,
    PatternComprehension,
    PatternPredicate,
    RelationshipPattern,
    ShortestPath,
)
from kgmem.query.types import ANY, BOOLEAN, NODE, PATH, RELATIONSHIP, Type, can_be, list_of

RELATIONSHIPS = list_of(RELATIONSHIP)
_FUNCTIONS = {"shortestPath": PATH, "allShortestPaths": list_of(PATH)}
_KINDS = {"NODE": "a node", "RELATIONSHIP": "a relationship", "PATH": "a path", "LIST": "a list of relationships"}


@dataclass(slots=True)
class _Binding:
    """The state of one MATCH: the growing scope, its relationships, and variables inside quantified groups."""

    scope: Scope
    relationships: set[str] = field(default_factory=set)
    groups: dict[int, Scope] = field(default_factory=dict)


class PatternAnalyser(CallAnalyser):
    """Analyses patterns."""

    def match_patterns(self, patterns: Iterable[PathPattern], scope: Scope) -> Scope:
        """Return the scope after the patterns of one MATCH."""
        binding = _Binding(scope)
        for pattern in patterns:
            self._bind_path(pattern, binding)
        # What is asked of one part of a pattern may name what a later part binds.
        for pattern in patterns:
            self._contents(pattern.elements, binding.scope, binding)
        return binding.scope

    def _bind_path(self, pattern: PathPattern, binding: _Binding) -> None:
        self._check_selector(pattern)
        self._bind_elements(pattern.elements, binding)
        if pattern.variable is not None:
            binding.scope = self.bind_new(pattern.variable, PATH, binding.scope)

    def _check_selector(self, pattern: PathPattern) -> None:
        selector = pattern.selector
        if selector is None:
            return
        if isinstance(selector.count, IntegerLiteral) and selector.count.value < 1:
            self.fail("NumberOutOfRange", "The number of paths must be at least 1.", selector.count.at)
        if selector.count is not None:
            self.type_of(selector.count, NOTHING)
        if selector.kind not in _FUNCTIONS:
            return
        shape = [type(element) for element in pattern.elements]
        single = len(shape) == 3 and isinstance(pattern.elements[1], RelationshipPattern)
        if not single or pattern.elements[1].quantifier is not None:  # type: ignore[union-attr]
            problem = f"{selector.kind} takes two nodes and one relationship between them: (a)-[*]-(b)."
            self.fail("InvalidRelationshipPattern", problem, pattern.at)

    def bind_new(self, variable: Variable, kind: Type, scope: Scope) -> Scope:
        """Return the scope with a new variable. Raises CypherError where it already exists."""
        if variable.name in scope:
            hint = "Choose another name, or end its scope with a WITH that omits it."
            problem = f"Variable {variable.name} is already defined."
            self.fail("VariableAlreadyBound", problem, variable.at, hint=hint)
        self.types[id(variable)] = kind
        return scope.bound(variable.name, kind)

    def bind(self, variable: Variable, kind: Type, scope: Scope) -> Scope:
        """Return the scope with a new or existing variable. Raises CypherError for one of another kind."""
        found = scope.get(variable.name)
        if found is not None and not self._is_kind(found, kind):
            problem = f"Variable {variable.name} is {found} and cannot be used as {_KINDS[kind.name]}."
            self.fail("VariableTypeConflict", problem, variable.at)
        self.types[id(variable)] = kind
        return scope if found == kind else scope.bound(variable.name, kind)

    def _is_kind(self, found: Type, kind: Type) -> bool:
        if not can_be(found, frozenset({kind.name})):
            return False
        return kind.element is None or can_be(found.element or ANY, frozenset({kind.element.name}))

    def _bind_elements(self, elements: Iterable[PathElement], binding: _Binding) -> None:
        for element in elements:
            if isinstance(element, GroupPattern):
                self._bind_group(element, binding)
            elif element.variable is None:
                continue
            elif isinstance(element, NodePattern):
                binding.scope = self.bind(element.variable, NODE, binding.scope)
            else:
                self._bind_relationship(element, element.variable, binding)

    def _bind_relationship(self, element: RelationshipPattern, variable: Variable, binding: _Binding) -> None:
        if element.quantifier is not None:
            binding.scope = self.bind_new(variable, RELATIONSHIPS, binding.scope)
            return
        kind = RELATIONSHIP if element.length is None else RELATIONSHIPS
        binding.scope = self.bind(variable, kind, binding.scope)
        if variable.name in binding.relationships:
            problem = f"Relationship {variable.name} cannot be used twice in one pattern."
            self.fail("RelationshipUniquenessViolation", problem, variable.at)
        binding.relationships.add(variable.name)

    def _bind_group(self, group: GroupPattern, binding: _Binding) -> None:
        if group.quantifier is None:
            self._bind_elements(group.elements, binding)
            if group.variable is not None:
                binding.scope = self.bind_new(group.variable, PATH, binding.scope)
            return
        # Inside, a variable is one node or relationship; outside, the list of those of all repetitions.
        inner = _Binding(Scope(), binding.relationships, binding.groups)
        self._bind_elements(group.elements, inner)
        if group.variable is not None:
            inner.scope = self.bind_new(group.variable, PATH, inner.scope)
        for name, kind in inner.scope.items():
            binding.scope = self.bind_new(Variable(group.at, name), list_of(kind), binding.scope)
        binding.groups[id(group)] = inner.scope

    def _contents(self, elements: Iterable[PathElement], scope: Scope, binding: _Binding) -> None:
        for element in elements:
            if isinstance(element, GroupPattern):
                inner = Scope(binding.groups.get(id(element)), scope)
                self._contents(element.elements, inner, binding)
                if element.where is not None:
                    self.predicate(element.where, inner)
                continue
            if isinstance(element.properties, Parameter):
                self._refuse_parameter(element.properties)
            self.contents(element, scope)

    def _refuse_parameter(self, parameter: Parameter) -> None:
        hint = f"List the properties: {{name: ${parameter.name}.name}}."
        problem = "A parameter cannot replace the property map of a pattern to match."
        self.fail("InvalidParameterUse", problem, parameter.at, hint=hint)

    def contents(self, element: NodePattern | RelationshipPattern, scope: Scope) -> None:
        """Analyse labels, properties and WHERE of a node or relationship."""
        self.labels(element.labels if isinstance(element, NodePattern) else element.types, scope)
        if element.properties is not None:
            self.type_of(element.properties, scope)
        if element.where is None:
            return
        if isinstance(element, RelationshipPattern):
            if element.length is not None:
                hint = "Put the condition after the pattern: WHERE all(x IN r WHERE ...)."
                problem = "A variable-length relationship cannot contain WHERE."
                self.fail("InvalidRelationshipPattern", problem, element.at, hint=hint)
            if element.quantifier is not None and element.variable is not None:
                scope = scope.local(element.variable.name, RELATIONSHIP)
        self.predicate(element.where, scope)

    def pattern_predicate(self, part: PatternPredicate, scope: Scope) -> Type:
        """Analyse a pattern as a predicate: it binds nothing."""
        for element in part.pattern.elements:
            if element.variable is not None:
                self.variable(element.variable, scope)
        self.match_patterns((part.pattern,), scope.inner())
        return BOOLEAN

    def _pattern_comprehension(self, part: PatternComprehension, scope: Scope) -> Type:
        inner = self.match_patterns((part.pattern,), scope.inner())
        self.alone_predicate(part.where, inner)
        return list_of(self.alone(part.result, inner))

    def _shortest_path(self, part: ShortestPath, scope: Scope) -> Type:
        self.match_patterns((part.pattern,), scope.inner())
        selector = part.pattern.selector
        return PATH if selector is None else _FUNCTIONS[selector.kind]


HANDLERS: Mapping[type, Handler] = {
    PatternComprehension: PatternAnalyser._pattern_comprehension,
    ShortestPath: PatternAnalyser._shortest_path,
}
