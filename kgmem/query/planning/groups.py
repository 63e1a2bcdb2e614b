"""Patterns in stages, one after another: with groups that repeat, shortest paths, or parts joined by equalities."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from kgmem.query.errors import CypherError
from kgmem.query.planning.group_order import Begun, Segment, begun, components, is_backwards, least_of, plain_link
from kgmem.query.planning.patterns import HIDDEN, PatternBuilder, conjuncts, plan_plain
from kgmem.query.planning.selectors import held_to, is_function, is_searched, name_of, search_of, selection_of, selects
from kgmem.query.planning.steps import PathPart, Pattern, Repeat, Stage
from kgmem.query.tree.expressions import And, Expression, Variable
from kgmem.query.tree.patterns import GroupPattern, NodePattern, PathElement, PathPattern
from kgmem.query.tree.traversal import names_in


def plan_pattern(
    patterns: Iterable[PathPattern], where: Expression | None, known: frozenset[str], text: str
) -> Pattern:
    """Return the plan of what one MATCH looks for; `known` are the variables that are there before it."""
    patterns = tuple(map(plain_link, patterns))
    is_plain = not any(_is_staged(pattern) for pattern in patterns)
    if is_plain and (len(patterns) == 1 or len(components(patterns, where, known, text)) == 1):
        return plan_plain(patterns, where, known, text)
    return _Stages(text, known, known).plan(patterns, where)


def separate(
    patterns: Sequence[PathPattern], where: Expression | None, known: frozenset[str], text: str
) -> list[tuple[Sequence[PathPattern], Expression | None]]:
    """Return the parts of a pattern that may be looked for by themselves, each with what of WHERE is known by then.

    None where that would be another pattern: relationships of two parts must not be the same, and what is inside
    of a part may speak of one behind it.
    """
    if len(patterns) == 1 or any(map(_is_staged, patterns)):
        return []
    parts = components(patterns, where, known, text)
    if sum(any(len(path.elements) > 1 for path in part) for part in parts) > 1:
        return []
    own = frozenset(_variables(each for pattern in patterns for each in pattern.elements))
    own |= {pattern.variable.name for pattern in patterns if pattern.variable is not None}
    later = own - known
    waiting = conjuncts(where) if where is not None else []
    found: list[tuple[Sequence[PathPattern], Expression | None]] = []
    for part in parts:
        later -= frozenset(_variables(each for path in part for each in path.elements))
        later -= {path.variable.name for path in part if path.variable is not None}
        if any(not names_in(path).isdisjoint(later) for path in part):
            return []
        asked = [each for each in waiting if names_in(each).isdisjoint(later)]
        waiting = [each for each in waiting if not names_in(each).isdisjoint(later)]
        found.append((part, And(asked[0].at, tuple(asked)) if asked else None))
    return found


def _is_staged(pattern: PathPattern) -> bool:
    if selects(pattern):
        return True
    groups = [each for each in pattern.elements if isinstance(each, GroupPattern)]
    return any(group.quantifier is not None or len(pattern.elements) > 1 for group in groups)


@dataclass(slots=True)
class _Stages:
    """Plans stages; each knows what those before it bind, and a predicate waits for the stage that knows all of it."""

    text: str
    given: frozenset[str]
    known: frozenset[str]
    later: frozenset[str] = frozenset()  # All that the patterns bind, and the paths through groups.
    first: Pattern | None = None
    stages: list[Stage] = field(default_factory=list)
    wholes: list[PathPart] = field(default_factory=list)
    named: dict[str, None] = field(default_factory=dict)
    waiting: list[Expression] = field(default_factory=list)
    count: int = 0

    def plan(self, patterns: Sequence[PathPattern], where: Expression | None) -> Pattern:
        self.waiting = conjuncts(where) if where is not None else []
        wholes = (pattern.variable for pattern in patterns if _is_staged(pattern))
        self.later = frozenset(_variables(each for pattern in patterns for each in pattern.elements))
        self.later |= {each.name for each in wholes if each is not None}
        plain = [pattern for pattern in patterns if not _is_staged(pattern)]
        for part in components(plain, where, self.known, self.text) if plain else ():
            builder = self.builder()
            for pattern in part:
                builder.path(pattern)
            self.add(None, builder)
        for pattern in patterns:
            if _is_staged(pattern):
                self.path(pattern)
        if self.waiting:
            self.stages.append(Stage(predicates=tuple(self.waiting)))
        assert self.first is not None  # noqa: S101 - there is at least one path
        named = tuple(name for name in self.named if name[:1] != HIDDEN and name not in self.given)
        return replace(self.first, named=named, stages=tuple(self.stages), wholes=tuple(self.wholes))

    def hidden(self) -> str:
        self.count += 1
        return f"{HIDDEN}g{self.count}"

    def builder(self) -> PatternBuilder:
        return PatternBuilder(self.text, self.known, f"{self.hidden()}.")

    def path(self, pattern: PathPattern) -> None:
        if not selects(pattern):
            self.groups(pattern)
            return
        pattern = self.unwrapped(pattern)
        before = () if isinstance(pattern.elements[0], NodePattern) else (_node(pattern.at),)
        after = () if isinstance(pattern.elements[-1], NodePattern) else (_node(pattern.at),)
        pattern = replace(pattern, elements=tuple(self.ended((*before, *pattern.elements, *after))))
        if is_searched(pattern, self.known):
            self.search(pattern)
        else:
            self.selected(pattern)

    def unwrapped(self, pattern: PathPattern) -> PathPattern:
        """Return a pattern in parentheses without them, where all conditions inside are on its ends."""
        group = pattern.elements[0]
        if len(pattern.elements) > 1 or not isinstance(group, GroupPattern) or group.quantifier or group.variable:
            return pattern
        ends = {each.variable.name for each in (group.elements[0], group.elements[-1]) if each.variable is not None}
        if group.where is not None:
            if not names_in(group.where) <= self.known | ends:
                return pattern
            self.waiting += conjuncts(group.where)
        return replace(pattern, elements=group.elements)

    def search(self, pattern: PathPattern) -> None:
        """Plan shortest paths along one link: both ends for themselves, then what is between them.

        Ends that are both looked up are few, and found together; else each is matched by its predicates alone.
        """
        first, link, last = pattern.elements
        both = self.builder()
        for end in (first, last):
            both.elements((end,), [])
        if len({each.name for each in both.pattern().lookups if each.operator in {"=", "IN"}}) == len(both.nodes):
            self.add(None, both)
        else:
            for end in (first, last):
                builder = self.builder()
                builder.elements((end,), [])
                self.add(None, builder)
        search = search_of(pattern, self.builder())
        self.named |= {each.name: None for each in (link.variable, pattern.variable) if each is not None}
        self.know(name for name in (search.link.name, search.path) if name is not None)
        asked = self.ready()
        if is_function(pattern):
            own = {search.link.name, search.path}
            search = held_to(search, [each for each in asked if not names_in(each).isdisjoint(own)])
            asked = tuple(each for each in asked if names_in(each).isdisjoint(own))
        self.stages.append(Stage(search=search, predicates=asked))

    def selected(self, pattern: PathPattern) -> None:
        """Plan all paths of a pattern, and then the choice of the shortest.

        What WHERE asks of more than the ends is required of what was chosen, and for the functions before.
        """
        ends = frozenset(map(name_of, (pattern.elements[0], pattern.elements[-1])))
        later = [each for each in self.waiting if not names_in(each) <= self.known | ends]
        if is_function(pattern):
            later = []
        self.waiting = [each for each in self.waiting if each not in later]
        mark = self.hidden()
        if self.first is None:
            self.first = self.builder().pattern()
        self.stages.append(Stage(mark=mark))
        parts = self.groups(pattern)
        self.waiting += later
        self.stages.append(Stage(selection=selection_of(pattern, parts, mark), predicates=self.ready()))

    def ready(self) -> tuple[Expression, ...]:
        """Return the predicates of which everything is known by now, which wait no more."""
        # What no pattern binds is known before, or bound by the predicate itself.
        unknown = self.later - self.known
        found = tuple(each for each in self.waiting if names_in(each).isdisjoint(unknown))
        self.waiting = [each for each in self.waiting if each not in found]
        return found

    def groups(self, pattern: PathPattern) -> tuple[str, ...]:
        """Plan all paths of a pattern, from the end that asks more; returns the names of their parts, left to right."""
        segments = list(self.segments(pattern))
        backwards = is_backwards(segments, self.waiting, self.known, self.later, self.text)
        order = range(len(segments))
        parts: dict[int, str] = {}
        before: list[PathElement] = []
        for place in reversed(order) if backwards else order:
            segment, after = segments[place]
            here = name_of(segment[-1 if backwards else 0])
            group = after if backwards else segments[place - 1][1]
            repeat = None
            if before and group is not None:
                repeat = self.repeat(group, name_of(before[0 if backwards else -1]), here, backwards=backwards)
                parts[2 * place + (1 if backwards else -1)] = repeat.path
                self.know((*repeat.lists, repeat.path, here))
                self.named |= dict.fromkeys((*repeat.lists, here))
            first = None if before else begun(segments, self.known, self.text, backwards=backwards)
            parts[2 * place] = self.segment(segment, repeat, first)
            before = segment
        if pattern.variable is not None:
            # Known when all stages are through, and not before.
            self.named[pattern.variable.name] = None
            self.wholes.append(PathPart(pattern.variable.name, tuple(parts[place] for place in sorted(parts))))
        return tuple(parts[place] for place in sorted(parts))

    def segment(self, elements: Sequence[PathElement], repeat: Repeat | None, first: Begun | None) -> str:
        """Add what is between two groups; returns the name of its path."""
        builder, path = self.builder(), self.hidden()
        names: list[str] = []
        builder.elements(elements, names)
        if first is not None:
            node = builder.nodes[first.name]
            builder.nodes[first.name] = replace(node, labels=(*node.labels, *first.labels))
            builder.predicates += first.predicates
        builder.paths.append(PathPart(path, tuple(names)))
        self.know((path,))
        self.add(repeat, builder)
        return path

    def repeat(self, group: GroupPattern, start: str, end: str, *, backwards: bool) -> Repeat:
        quantifier = group.quantifier
        if any(isinstance(each, GroupPattern) for each in group.elements):
            raise self.refused("NotSupported", "Nested quantified path patterns are not supported.", group.at)
        elements = self.ended(group.elements)
        first, last = name_of(elements[0]), name_of(elements[-1])
        if backwards:
            first, last = last, first
        builder = PatternBuilder(self.text, self.known | {first}, f"{self.hidden()}.")
        names: list[str] = []
        builder.elements(elements, names)
        builder.ask(group.where)
        if not builder.links:
            problem = "A quantified path pattern needs a relationship."
            raise self.refused("InvalidRelationshipPattern", problem, group.at)
        path = self.hidden()
        builder.paths.append(PathPart(path, tuple(names)))
        lists = [name for name in (first, *builder.named) if name[:1] != HIDDEN]
        if group.variable is not None:
            builder.paths.append(PathPart(group.variable.name, tuple(names)))
            lists.append(group.variable.name)
        inner = builder.pattern()
        ahead = self.later - self.known - set(lists)
        for each in inner.predicates:
            if names_in(each) & ahead:
                problem = (
                    "A quantified path pattern can use only its own variables, and variables that are bound before it."
                )
                raise self.refused("UndefinedVariable", problem, each.at)
        least, most = least_of(group), 1 if quantifier is None else quantifier.most
        told = tuple(dict.fromkeys(lists))
        return Repeat(group.at, start, end, first, last, inner, path, told, least, most, quantifier is None, backwards)

    def segments(self, pattern: PathPattern) -> Iterable[Segment]:
        """Return what is between groups, each with the group behind it; a node of no name where nothing stands."""
        segment: list[PathElement] = []
        for element in pattern.elements:
            if isinstance(element, GroupPattern):
                yield self.ended(segment or [_node(element.at)]), element
                segment = []
            else:
                segment.append(element)
        yield self.ended(segment or [_node(pattern.at)]), None

    def ended(self, elements: Sequence[PathElement]) -> list[PathElement]:
        """Return elements of which the first and the last have names."""
        found = list(elements)
        for place in (0, -1):
            if found[place].variable is None:
                found[place] = replace(found[place], variable=Variable(found[place].at, self.hidden()))
        return found

    def add(self, repeat: Repeat | None, builder: PatternBuilder) -> None:
        """Add a stage, with those predicates of which everything is known by then."""
        self.named |= builder.named
        self.know((*builder.named, *builder.nodes, *(link.name for link in builder.links)))
        asked = [*builder.predicates, *self.waiting]
        builder.predicates[:] = [each for each in asked if names_in(each) <= self.known]
        self.waiting = [each for each in asked if not names_in(each) <= self.known]
        pattern = builder.pattern()
        if self.first is None:
            self.first = pattern
        else:
            self.stages.append(Stage(repeat, pattern))

    def know(self, names: Iterable[str]) -> None:
        self.known |= frozenset(names)

    def refused(self, detail: str, problem: str, at: int) -> CypherError:
        return CypherError(detail, problem, query=self.text, at=at)


def _node(at: int) -> NodePattern:
    return NodePattern(at, None, None, None, None)


def _variables(elements: Iterable[PathElement]) -> Iterable[str]:
    for element in elements:
        if element.variable is not None:
            yield element.variable.name
        if isinstance(element, GroupPattern):
            yield from _variables(element.elements)
