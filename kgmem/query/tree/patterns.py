"""Syntax tree: patterns, and label and relationship-type expressions (A|B, !A, A&B, %)."""

from dataclasses import dataclass

from kgmem.query.tree.expressions import Expression, Located, Variable


@dataclass(frozen=True, slots=True)
class Labels(Located):
    """What the labels of a node, or the type of a relationship, may be."""


@dataclass(frozen=True, slots=True)
class LabelName(Labels):
    """One label or type."""

    name: str


@dataclass(frozen=True, slots=True)
class DynamicLabel(Labels):
    """$(expression): labels that a value names; `quantifier` is all or any."""

    value: Expression
    quantifier: str


@dataclass(frozen=True, slots=True)
class AnyLabel(Labels):
    """%: any label at all."""


@dataclass(frozen=True, slots=True)
class NotLabel(Labels):
    """!A."""

    operand: Labels


@dataclass(frozen=True, slots=True)
class AllLabels(Labels):
    """A&B, which is also what :A:B means."""

    operands: tuple[Labels, ...]


@dataclass(frozen=True, slots=True)
class OneLabel(Labels):
    """A|B."""

    operands: tuple[Labels, ...]


@dataclass(frozen=True, slots=True)
class HasLabels(Expression):
    """n:A|B as a predicate."""

    subject: Expression
    labels: Labels


@dataclass(frozen=True, slots=True)
class NodePattern(Located):
    """(n:Person {name: 'Ada'} WHERE n.age > 30); `properties` is a map or a parameter."""

    variable: Variable | None
    labels: Labels | None
    properties: Expression | None
    where: Expression | None


@dataclass(frozen=True, slots=True)
class Length(Located):
    """*1..3 and {1,3}: how often something repeats; an end that is omitted is None."""

    least: int | None
    most: int | None


@dataclass(frozen=True, slots=True)
class RelationshipPattern(Located):
    """-[r:KNOWS {since: 1}]->. `direction` is out, in or both, as seen from the node to its left.

    `length` is that of openCypher's *1..3, which binds a list; `quantifier` that of GQL's -[:KNOWS]->{1,3}.
    """

    variable: Variable | None
    types: Labels | None
    properties: Expression | None
    where: Expression | None
    direction: str
    length: Length | None
    quantifier: Length | None


@dataclass(frozen=True, slots=True)
class GroupPattern(Located):
    """((a)-[:R]->(b) WHERE a.x < b.x){1,3}; without a quantifier the parentheses only group."""

    variable: Variable | None
    elements: tuple["PathElement", ...]
    where: Expression | None
    quantifier: Length | None


PathElement = NodePattern | RelationshipPattern | GroupPattern


@dataclass(frozen=True, slots=True)
class Selector(Located):
    """Which of the matching paths count.

    `kind` is shortestPath or allShortestPaths (the functions), or SHORTEST, ALL SHORTEST, SHORTEST GROUPS, ANY or ALL
    (the keywords); `count` is the k of SHORTEST k, ANY k and SHORTEST k GROUPS.
    """

    kind: str
    count: Expression | None


@dataclass(frozen=True, slots=True)
class PathPattern(Located):
    """p = (a)-[r]->(b): a path, and the variable that it is bound to."""

    variable: Variable | None
    selector: Selector | None
    elements: tuple[PathElement, ...]


@dataclass(frozen=True, slots=True)
class PatternPredicate(Expression):
    """(a)-->(b) as a predicate: whether there is such a path."""

    pattern: PathPattern


@dataclass(frozen=True, slots=True)
class PatternComprehension(Expression):
    """[p = (a)-->(b) WHERE b.x > 1 | b.name]."""

    pattern: PathPattern
    where: Expression | None
    result: Expression


@dataclass(frozen=True, slots=True)
class ShortestPath(Expression):
    """shortestPath((a)-[*]-(b)) or allShortestPaths(...) as an expression."""

    pattern: PathPattern
