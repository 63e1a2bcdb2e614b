"""What a plan is made of: frozen values, one a step."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kgmem.query.analysis.scope import Column, Projected
from kgmem.query.tree.clauses import CallProcedure, RemoveItem, SetItem, Transactions
from kgmem.query.tree.expressions import Expression
from kgmem.query.tree.patterns import Labels, PathPattern
from kgmem.query.types import ProcedureSignature


@dataclass(frozen=True, slots=True)
class NodePart:
    """A node of a pattern: `bound` where the rows have it already; each of `labels` must hold of it."""

    name: str
    bound: bool
    labels: tuple[Labels, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkPart:
    """A relationship of a pattern, or with `repeats` a chain of `least` to `most` of them that repeats none.

    `direction` is out, in or both, as seen from `left`. Without `most` there is no end.
    """

    name: str
    bound: bool
    left: str
    right: str
    direction: str
    types: Labels | None
    repeats: bool = False
    least: int = 1
    most: int | None = 1


@dataclass(frozen=True, slots=True)
class PathPart:
    """A path that a variable names: nodes and links in turn, by their names."""

    name: str
    elements: tuple[str, ...]


NODES_NAME = "\0nodes"  # Of the list of one node that a search asks its conditions of.


@dataclass(frozen=True, slots=True)
class Search:
    """Shortest paths between two nodes that are known, along one link that repeats; no relationship twice.

    `groups` asks for all paths of the `count` least lengths, otherwise for `count` paths; without `count` for one, or
    with `all` for all of the least length. `cycles`: a path may lead from a node back to itself. Each relationship of
    a path meets the `conditions`, each of its nodes the `node_conditions` (lists of one, named `NODES_NAME`), and the
    whole path the `predicates`.
    """

    link: LinkPart
    path: str | None
    count: Expression | None
    all: bool = False
    groups: bool = False
    cycles: bool = False
    conditions: tuple[Expression, ...] = ()
    node_conditions: tuple[Expression, ...] = ()
    predicates: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """The shortest of the paths that a pattern has found, for each row before it and each pair of ends.

    `parts` are the names of the paths, or of the lists of paths, of which each path consists; `count`, `all` and
    `groups` are those of a search. `mark` is the name under which rows keep the number of the row before.
    """

    first: str
    last: str
    parts: tuple[str, ...]
    mark: str
    count: Expression | None
    all: bool = False
    groups: bool = False


# What stands for the name of a property in a lookup by elementId(n) or id(n).
ELEMENT_ID, SMALL_ID = "\0elementid", "\0id"


@dataclass(frozen=True, slots=True)
class Lookup:
    """A predicate that a store may answer: a node's property, compared (= < <= > >= IN) with what is known before.

    For `ELEMENT_ID` and `SMALL_ID` as the property it is which node it is (= IN), as elementId() and id() tell it.
    Where the value is the key of a variable, `key_of` names that; else it is empty.
    """

    name: str
    property: str
    operator: str
    value: Expression
    predicate: Expression
    key_of: str = ""


@dataclass(frozen=True, slots=True)
class JoinKey:
    """An equality of what a pattern binds (`own`) with what is known before it; with `listed` an item of a list.

    Where `known` is the key of a variable, `key_of` names that; else it is empty.
    """

    own: Expression
    known: Expression
    listed: bool
    predicate: Expression
    key_of: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What one MATCH looks for: all of it at once, no relationship twice.

    `predicates` are what inline maps and WHERE ask; all must be true; `lookups` are those that a store may answer, and
    `keys` those by which what the store finds can be joined with the rows.
    `named` are the variables that it binds. Groups that repeat and shortest paths are looked for in `stages`, one after
    another; `wholes` are paths through several of them, by the names of their parts: paths, or lists of paths.
    """

    nodes: tuple[NodePart, ...]
    links: tuple[LinkPart, ...]
    paths: tuple[PathPart, ...]
    predicates: tuple[Expression, ...]
    named: tuple[str, ...]
    lookups: tuple[Lookup, ...] = ()
    keys: tuple[JoinKey, ...] = ()
    stages: "tuple[Stage, ...]" = ()
    wholes: tuple[PathPart, ...] = ()

    @property
    def bound(self) -> tuple[str, ...]:
        """The names that the rows must have."""
        return tuple(part.name for part in self.parts if part.bound)

    @property
    def parts(self) -> "tuple[NodePart | LinkPart, ...]":
        """The nodes, then the links."""
        return (*self.nodes, *self.links)


@dataclass(frozen=True, slots=True)
class Repeat:
    """A group of a pattern, gone through `least` to `most` times (None: no end), from the node `start` to `end`.

    Each repetition is what `inner` finds from `first`, which is where the one before ended, to `last`. `path` is the
    name of its path in there, and outside that of the list of all; `lists` are the variables that become lists, unless
    the group has no quantifier, and so stands there `once`. With `backwards` the group is gone through from right to
    left: its last repetition is found first.
    """

    at: int
    start: str
    end: str
    first: str
    last: str
    inner: Pattern
    path: str
    lists: tuple[str, ...]
    least: int
    most: int | None
    once: bool = False
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """What of a pattern is looked for after other parts of it, in the order of its fields.

    That is: a group that repeats and a plain pattern behind it, shortest paths between nodes that are known, the
    shortest of the paths found since `mark` was set; what is left must meet the predicates.
    """

    repeat: Repeat | None = None
    pattern: Pattern | None = None
    search: Search | None = None
    selection: Selection | None = None
    predicates: tuple[Expression, ...] = ()
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What comes first of what a MATCH finds: by a property of one of its nodes."""

    name: str
    property: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan; `at` is where its clause stands in the query."""

    at: int = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Match(Step):
    """MATCH: each row with each way in which the pattern matches; with `optional` at least once, with nulls.

    No more rows are requested than the sum of `most`, where that is not empty: with `order` those that come first by
    it, and all that come level with the last of them. `needs` is what is needed of what the pattern binds (None:
    everything), and `shown` what the rows must have of it; where the store answers all lookups,
    `lean` is enough. `folded`: rows that are the same in what is needed may come as one, with how many they are.
    """

    pattern: Pattern
    optional: bool
    most: tuple[Expression, ...] = ()
    needs: Mapping[str, frozenset[str]] | None = None
    lean: Mapping[str, frozenset[str]] | None = None
    shown: frozenset[str] = frozenset()
    folded: bool = False
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class Use(Step):
    """USE: what follows runs on a graph, by its name or what gives that; `writes`: it changes something there."""

    graph: Expression | str
    writes: bool


@dataclass(frozen=True, slots=True)
class Unwind(Step):
    """UNWIND: each row with each item of a list; no more are requested than the sum of `most`, if that is not empty."""

    source: Expression
    name: str
    most: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Project(Step):
    """WITH and RETURN: rows of columns, grouped, distinct, ordered, cut and filtered; `outer` variables stay."""

    projected: Projected
    distinct: bool
    skip: Expression | None
    limit: Expression | None
    outer: frozenset[str]


@dataclass(frozen=True, slots=True)
class Finish(Step):
    """FINISH: no rows."""


@dataclass(frozen=True, slots=True)
class Create(Step):
    """CREATE of patterns; what `bound` names is there already."""

    patterns: tuple[PathPattern, ...]
    bound: frozenset[str]


@dataclass(frozen=True, slots=True)
class Merge(Step):
    """MERGE: `pattern` is what is looked for, `made` what is created where it is not found."""

    pattern: Pattern
    made: PathPattern
    bound: frozenset[str]
    on_create: tuple[SetItem, ...]
    on_match: tuple[SetItem, ...]


@dataclass(frozen=True, slots=True)
class Set(Step):
    """SET."""

    items: tuple[SetItem, ...]


@dataclass(frozen=True, slots=True)
class Remove(Step):
    """REMOVE."""

    items: tuple[RemoveItem, ...]


@dataclass(frozen=True, slots=True)
class Delete(Step):
    """DELETE and DETACH DELETE."""

    values: tuple[Expression, ...]
    detach: bool


@dataclass(frozen=True, slots=True)
class Foreach(Step):
    """FOREACH: the steps run for each item of a list, and leave the rows as they are."""

    name: str
    source: Expression
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Call(Step):
    """CALL of a procedure; `yields` maps its columns to variables."""

    clause: CallProcedure
    signature: ProcedureSignature
    yields: tuple[tuple[str, str], ...]
    alone: bool


@dataclass(frozen=True, slots=True)
class Subcall(Step):
    """CALL { }: the plan runs for each row, which goes on with what it returns."""

    plan: "Plan"
    imports: frozenset[str]
    optional: bool
    transactions: Transactions | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of each part of a query, joined by UNION, or with `all` UNION ALL. Without columns it gives no rows."""

    parts: tuple[tuple[Step, ...], ...]
    all: bool
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)
