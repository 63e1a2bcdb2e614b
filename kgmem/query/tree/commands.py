"""Commands about the database itself, and the statement that a query or a command is."""

from dataclasses import dataclass

from kgmem.query.tree.clauses import Projection, Query, Return
from kgmem.query.tree.expressions import Expression, TypeName
from kgmem.query.tree.located import Located


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
