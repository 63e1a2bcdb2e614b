"""Syntax tree: clauses, queries, and commands about the database."""

from dataclasses import dataclass, field

from kgmem.query.tree.expressions import Expression, Located, TypeName, Variable
from kgmem.query.tree.patterns import Labels, PathPattern


@dataclass(frozen=True, slots=True)
class Clause(Located):
    """One step of a query."""


@dataclass(frozen=True, slots=True)
class Match(Clause):
    """MATCH and OPTIONAL MATCH."""

    optional: bool
    patterns: tuple[PathPattern, ...]
    where: Expression | None


@dataclass(frozen=True, slots=True)
class Unwind(Clause):
    """UNWIND list AS x."""

    source: Expression
    variable: Variable


@dataclass(frozen=True, slots=True)
class Item(Located):
    """expression AS alias. `name` is the column's: the alias, or else the text of the expression as it was written."""

    value: Expression
    alias: Variable | None
    name: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class SortKey(Located):
    """One part of ORDER BY."""

    value: Expression
    descending: bool


@dataclass(frozen=True, slots=True)
class Projection(Located):
    """What is after RETURN, WITH and YIELD; `star` is the * that may come first."""

    distinct: bool
    star: bool
    items: tuple[Item, ...]
    order: tuple[SortKey, ...]
    skip: Expression | None
    limit: Expression | None


@dataclass(frozen=True, slots=True)
class With(Clause):
    """WITH ... WHERE."""

    projection: Projection
    where: Expression | None


@dataclass(frozen=True, slots=True)
class Return(Clause):
    """RETURN."""

    projection: Projection


@dataclass(frozen=True, slots=True)
class Finish(Clause):
    """FINISH: the query ends and gives nothing."""


@dataclass(frozen=True, slots=True)
class Create(Clause):
    """CREATE."""

    patterns: tuple[PathPattern, ...]


@dataclass(frozen=True, slots=True)
class SetProperty(Located):
    """n.name = value, n[key] = value; `target` is a Property or an Index."""

    target: Expression
    value: Expression


@dataclass(frozen=True, slots=True)
class SetProperties(Located):
    """n = map, or with `merge` n += map."""

    variable: Variable
    value: Expression
    merge: bool


@dataclass(frozen=True, slots=True)
class SetLabels(Located):
    """n:A:B, in SET and in REMOVE."""

    variable: Variable
    labels: Labels


@dataclass(frozen=True, slots=True)
class RemoveProperty(Located):
    """n.name or n[key], in REMOVE."""

    target: Expression


SetItem = SetProperty | SetProperties | SetLabels
RemoveItem = RemoveProperty | SetLabels


@dataclass(frozen=True, slots=True)
class Merge(Clause):
    """MERGE with what ON CREATE and ON MATCH set."""

    pattern: PathPattern
    on_create: tuple[SetItem, ...]
    on_match: tuple[SetItem, ...]


@dataclass(frozen=True, slots=True)
class Set(Clause):
    """SET."""

    items: tuple[SetItem, ...]


@dataclass(frozen=True, slots=True)
class Remove(Clause):
    """REMOVE."""

    items: tuple[RemoveItem, ...]


@dataclass(frozen=True, slots=True)
class Delete(Clause):
    """DELETE and DETACH DELETE."""

    detach: bool
    values: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Foreach(Clause):
    """FOREACH (x IN list | updates)."""

    variable: Variable
    source: Expression
    updates: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Yielded(Located):
    """name AS alias, after YIELD."""

    name: str
    variable: Variable


@dataclass(frozen=True, slots=True)
class CallProcedure(Clause):
    """CALL name(arguments) YIELD ... WHERE. No parentheses: `arguments` is None. No YIELD: `yielded` is None."""

    optional: bool
    name: str
    arguments: tuple[Expression, ...] | None
    star: bool
    yielded: tuple[Yielded, ...] | None
    where: Expression | None


@dataclass(frozen=True, slots=True)
class Transactions(Located):
    """IN 4 CONCURRENT TRANSACTIONS OF 100 ROWS ON ERROR CONTINUE REPORT STATUS AS s."""

    concurrent: bool
    workers: Expression | None
    rows: Expression | None
    on_error: str | None
    report: Variable | None


@dataclass(frozen=True, slots=True)
class CallSubquery(Clause):
    """CALL (x) { query }. No parentheses: `imports` is None; (*): `star`."""

    optional: bool
    star: bool
    imports: tuple[Variable, ...] | None
    body: "Query"
    transactions: Transactions | None


@dataclass(frozen=True, slots=True)
class Use(Clause):
    """USE graph."""

    graph: Expression | str


@dataclass(frozen=True, slots=True)
class Part(Located):
    """The clauses of one part of a UNION, or of a query without one."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Query(Located):
    """Parts joined by UNION, or with `all` UNION ALL."""

    parts: tuple[Part, ...]
    all: bool


@dataclass(frozen=True, slots=True)
class Subquery(Expression):
    """EXISTS, COUNT or COLLECT (`kind`) { query }; a bare pattern is a query of one MATCH."""

    kind: str
    body: Query


@dataclass(frozen=True, slots=True)
class Show(Located):
    """SHOW DATABASES, INDEXES, CONSTRAINTS, PROCEDURES, FUNCTIONS, CURRENT USER (`what`).

    `which` are the words before that: ALL, VECTOR. `name` is the database's in SHOW DATABASE name.
    """

    what: str
    which: str | None
    name: str | None
    yielded: Projection | None
    where: Expression | None
    returned: Return | None


@dataclass(frozen=True, slots=True)
class CreateIndex(Located):
    """CREATE VECTOR INDEX name IF NOT EXISTS FOR (n:A) ON (n.x). `labels` are types with `on_relationships`.

    A lookup index has no labels and no properties. `name` is a parameter, a text, or None.
    """

    kind: str
    name: Expression | str | None
    lenient: bool
    on_relationships: bool
    labels: tuple[str, ...]
    properties: tuple[str, ...]
    options: Expression | None


@dataclass(frozen=True, slots=True)
class CreateConstraint(Located):
    """CREATE CONSTRAINT name IF NOT EXISTS FOR (n:A) REQUIRE n.x IS UNIQUE.

    `kind` is UNIQUE, KEY, NOT NULL or TYPED.
    """

    kind: str
    name: Expression | str | None
    lenient: bool
    on_relationships: bool
    label: str
    properties: tuple[str, ...]
    type: TypeName | None
    options: Expression | None


@dataclass(frozen=True, slots=True)
class Drop(Located):
    """DROP INDEX or CONSTRAINT (`what`) name IF EXISTS."""

    what: str
    name: Expression | str
    lenient: bool


Command = Show | CreateIndex | CreateConstraint | Drop


@dataclass(frozen=True, slots=True)
class Statement(Located):
    """A query or command with what came before it: EXPLAIN or PROFILE (`mode`), and the options of CYPHER, ignored."""

    mode: str | None
    body: Query | Command
