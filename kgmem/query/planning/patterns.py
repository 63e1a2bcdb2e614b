"""From the patterns of a MATCH to the nodes, links and predicates of which its plan is made."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from kgmem.query.errors import CypherError
from kgmem.query.planning.predicate_pushdown import keys_in, lookups_in, with_kept_keys
from kgmem.query.planning.steps import LinkPart, NodePart, PathPart, Pattern
from kgmem.query.tree.expressions import (
    And,
    Comparison,
    Expression,
    ListPredicate,
    MapLiteral,
    Property,
    Variable,
)
from kgmem.query.tree.patterns import (
    AllLabels,
    DynamicLabel,
    GroupPattern,
    HasLabels,
    Labels,
    Length,
    NodePattern,
    NotLabel,
    OneLabel,
    PathElement,
    PathPattern,
    RelationshipPattern,
)

HIDDEN = "\0"  # Begins the names of what has none in the query.


@dataclass(slots=True)
class PatternBuilder:
    """What is gathered from the parts of one pattern; `mark` begins the names of what has none."""

    text: str
    known: frozenset[str]
    mark: str = HIDDEN
    nodes: dict[str, NodePart] = field(default_factory=dict)
    links: list[LinkPart] = field(default_factory=list)
    paths: list[PathPart] = field(default_factory=list)
    predicates: list[Expression] = field(default_factory=list)
    named: dict[str, None] = field(default_factory=dict)
    hidden: int = 0

    def refuse(self, what: str, at: int) -> CypherError:
        return CypherError("NotSupported", f"{what} is not supported.", query=self.text, at=at)

    def name(self, variable: Variable | None) -> str:
        if variable is None:
            self.hidden += 1
            return f"{self.mark}{self.hidden}"
        if variable.name not in self.known:
            self.named[variable.name] = None
        return variable.name

    def path(self, pattern: PathPattern) -> None:
        names: list[str] = []
        self.elements(pattern.elements, names)
        if pattern.variable is not None:
            self.named[pattern.variable.name] = None
            self.paths.append(PathPart(pattern.variable.name, tuple(names)))

    def elements(self, elements: Sequence[PathElement], names: list[str]) -> None:
        waiting: RelationshipPattern | None = None
        for element in elements:
            if isinstance(element, GroupPattern):
                if element.quantifier is not None or len(elements) > 1:
                    raise self.refuse("A nested quantified path pattern", element.at)
                self.elements(element.elements, names)
                self.ask(element.where)
                if element.variable is not None:
                    self.named[element.variable.name] = None
                    self.paths.append(PathPart(element.variable.name, tuple(names)))
            elif isinstance(element, RelationshipPattern):
                waiting = element
            else:
                node = self.node(element)
                if waiting is not None:
                    names.append(self.link(waiting, names[-1], node))
                    waiting = None
                if not names or len(names) % 2 == 0:
                    names.append(node)

    def node(self, element: NodePattern) -> str:
        name = self.name(element.variable)
        held = self.nodes.get(name) or NodePart(name, name in self.known)
        if element.labels is not None and _is_static(element.labels):
            held = NodePart(name, held.bound, (*held.labels, element.labels))
        elif element.labels is not None:
            self.predicates.append(HasLabels(element.at, Variable(element.at, name), element.labels))
        self.nodes[name] = held
        self.predicates += _entries(name, element.properties, element.at)
        self.ask(element.where)
        return name

    def link(self, element: RelationshipPattern, left: str, right: str) -> str:
        part, conditions = self.part(element, left, right)
        self.links.append(part)
        self.predicates += conditions
        return part.name

    def part(self, element: RelationshipPattern, left: str, right: str) -> tuple[LinkPart, list[Expression]]:
        """Return a relationship of the pattern, and what else is required of it."""
        name = self.name(element.variable)
        types = element.types if element.types is None or _is_static(element.types) else None
        length = element.quantifier or element.length
        bound = name in self.known
        conditions = list(self.asked_of_link(element, name, repeats=length is not None))
        direction = element.direction
        if length is None:
            return LinkPart(name, bound, left, right, direction, types), conditions
        least, most = _ends(length)
        part = LinkPart(name, bound, left, right, direction, types, repeats=True, least=least, most=most)
        return part, conditions

    def asked_of_link(self, element: RelationshipPattern, name: str, *, repeats: bool) -> Iterator[Expression]:
        at = element.at
        own = element.variable.name if element.variable is not None else f"{HIDDEN}each"
        inner = own if repeats else name
        asked = _entries(inner, element.properties, at)
        if element.types is not None and not _is_static(element.types):
            asked.append(HasLabels(at, Variable(at, inner), element.types))
        if element.where is not None:
            asked += conjuncts(element.where)
        for each in asked:
            yield ListPredicate(at, "all", Variable(at, inner), Variable(at, name), each) if repeats else each

    def ask(self, where: Expression | None) -> None:
        if where is not None:
            self.predicates += conjuncts(where)

    def pattern(self) -> Pattern:
        """Return the plan of what was gathered."""
        sought = [node.name for node in self.nodes.values() if not node.bound]
        parts = frozenset(sought).union(link.name for link in self.links if not link.bound)
        own = parts.union(self.named)
        # A node that is bound already is named by its own key, too, but no value may depend on the pattern's nodes.
        self.predicates = [
            with_kept_keys(each, frozenset(self.nodes), own.union(self.nodes)) for each in self.predicates
        ]
        return Pattern(
            tuple(self.nodes.values()),
            tuple(self.links),
            tuple(self.paths),
            tuple(self.predicates),
            tuple(self.named),
            lookups_in(self.predicates, sought, own),
            keys_in(self.predicates, parts, own),
        )


def plan_plain(patterns: Iterable[PathPattern], where: Expression | None, known: frozenset[str], text: str) -> Pattern:
    """Return the plan of what one MATCH looks for in which no group repeats."""
    builder = PatternBuilder(text, known)
    for pattern in patterns:
        builder.path(pattern)
    builder.ask(where)
    return builder.pattern()


def _ends(length: Length) -> tuple[int, int | None]:
    return (1 if length.least is None else length.least), length.most


def _entries(name: str, properties: Expression | None, at: int) -> list[Expression]:
    if not isinstance(properties, MapLiteral):
        return []
    subject = Variable(at, name)
    return [Comparison(at, Property(at, subject, key), (("=", value),)) for key, value in properties.entries]


def conjuncts(part: Expression) -> list[Expression]:
    """Return what must all be true for a condition to be."""
    if isinstance(part, And):
        return [each for operand in part.operands for each in conjuncts(operand)]
    return [part]


def _is_static(labels: Labels) -> bool:
    if isinstance(labels, DynamicLabel):
        return False
    if isinstance(labels, NotLabel):
        return _is_static(labels.operand)
    if isinstance(labels, AllLabels | OneLabel):
        return all(map(_is_static, labels.operands))
    return True
