"""Statements: a whole text, with the words that may stand before the query."""

from kgmem.query.lexer import Kind
from kgmem.query.parser.subqueries import QueryParser
from kgmem.query.tree.clauses import Command, CreateConstraint, CreateIndex, Drop, Show, Statement
from kgmem.query.tree.expressions import Expression, TypeName

# Commands about the database itself: SHOW, and CREATE and DROP of indexes and constraints.

_SHOWN = {
    "DATABASE": "DATABASES",
    "INDEX": "INDEXES",
    "CONSTRAINT": "CONSTRAINTS",
    "PROCEDURE": "PROCEDURES",
    "FUNCTION": "FUNCTIONS",
}
_SHOWN |= {plural: plural for plural in _SHOWN.values()}
_WORDS = """
ALL RANGE TEXT POINT FULLTEXT VECTOR LOOKUP UNIQUE UNIQUENESS NODE RELATIONSHIP REL KEY EXISTENCE EXIST PROPERTY TYPE
BUILT IN USER DEFINED DEFAULT HOME
"""
_WHICH = frozenset(_WORDS.split())
_KINDS = {"RANGE", "TEXT", "POINT", "FULLTEXT", "VECTOR", "LOOKUP", "BTREE"}


class CommandParser(QueryParser):
    """Reads commands."""

    def command_stands(self) -> bool:
        """Whether a command begins here, and not a query."""
        first, second = self.token.upper, self.ahead().upper
        if first == "CREATE":
            return second in {"INDEX", "CONSTRAINT"} or (second in _KINDS and self.ahead(2).upper == "INDEX")
        return first in {"SHOW", "DROP"}

    def command(self) -> Command:
        """Read a command."""
        at = self.token.at
        word = self.advance().upper
        if word == "SHOW":
            return self._show(at)
        if word == "DROP":
            return self._drop(at)
        if self.take("CONSTRAINT"):
            return self._create_constraint(at)
        kind = self.advance().upper if self.token.upper in _KINDS else "RANGE"
        self.expect("INDEX")
        return self._create_index(at, kind)

    def _show(self, at: int) -> Show:
        which: list[str] = []
        if self.take_all("CURRENT", "USER"):
            what = "CURRENT USER"
        else:
            while self.token.upper in _WHICH:
                which.append(self.advance().upper)
            what = _SHOWN[self.one_of(*_SHOWN)]
        name = self.any_name("a name") if what == "DATABASES" and self._database_named() else None
        if self.take("EXECUTABLE") and self.take("BY"):
            self.any_name("a user")
            self.take("USER")
        yielded = self.projection() if self.take("YIELD") else None
        where = self.where()
        returned = self.read_return() if self.token.upper == "RETURN" else None
        return Show(at, what, " ".join(which) or None, name, yielded, where, returned)

    def _database_named(self) -> bool:
        return self.named() and self.token.upper not in {"YIELD", "WHERE", "RETURN"}

    def _drop(self, at: int) -> Drop:
        what = self.one_of("INDEX", "CONSTRAINT")
        return Drop(at, what, self._name(), self.take_all("IF", "EXISTS"))

    def _name(self) -> Expression | str:
        return self.parameter() if self.token.kind is Kind.PARAMETER else self.any_name("a name")

    def _name_if_any(self) -> Expression | str | None:
        if self.stands("IF", "NOT", "EXISTS") or (self.token.upper in {"FOR", "ON"} and self.ahead().upper == "("):
            return None
        return self._name()

    def _create_index(self, at: int, kind: str) -> CreateIndex:
        name = self._name_if_any()
        lenient = self.take_all("IF", "NOT", "EXISTS")
        self.one_of("FOR", "ON")
        on_relationships, variable, labels = self._of_what()
        self.expect("ON")
        each = self.take("EACH")
        if kind == "LOOKUP":
            self.one_of("LABELS", "TYPE")
            self.expect("(")
            self._same(variable)
            self.expect(")")
            return CreateIndex(at, kind, name, lenient, on_relationships, (), (), self._options())
        properties = self._properties_of(variable, "[" if each else "(")
        return CreateIndex(at, kind, name, lenient, on_relationships, labels, properties, self._options())

    def _create_constraint(self, at: int) -> CreateConstraint:
        name = self._name_if_any()
        lenient = self.take_all("IF", "NOT", "EXISTS")
        self.one_of("FOR", "ON")
        on_relationships, variable, labels = self._of_what()
        if len(labels) != 1:
            self.unexpected("one label or type")
        self.one_of("REQUIRE", "ASSERT")
        properties = self._properties_of(variable, "(")
        self.expect("IS")
        kind, type_name = self._requirement()
        return CreateConstraint(
            at, kind, name, lenient, on_relationships, labels[0], properties, type_name, self._options()
        )

    def _requirement(self) -> tuple[str, TypeName | None]:
        if self.take_all("NOT", "NULL"):
            return "NOT NULL", None
        if self.take("::") or self.take("TYPED"):
            return "TYPED", self.type_name()
        if self.token.upper in {"NODE", "RELATIONSHIP", "REL"}:
            self.advance()
        return self.one_of("UNIQUE", "KEY"), None

    def _of_what(self) -> tuple[bool, str, tuple[str, ...]]:
        """Read (n:A|B) or ()-[r:T]-(): whether it is the latter, the variable, and the labels or types."""
        self.expect("(")
        on_relationships = self.take(")")
        if on_relationships:
            self.take("<")
            self.expect("-", "[")
        variable = self.variable().name
        labels: list[str] = []
        if self.take(":"):
            labels.append(self.any_name("a label or type"))
            while self.take("|"):
                labels.append(self.any_name("a label or type"))
        self.expect("]" if on_relationships else ")")
        if on_relationships:
            self.expect("-")
            self.take(">")
            self.expect("(", ")")
        return on_relationships, variable, tuple(labels)

    def _properties_of(self, variable: str, bracket: str) -> tuple[str, ...]:
        if bracket == "(" and self.token.upper != "(":
            return (self._property_of(variable),)
        self.expect(bracket)
        found = self.listed(lambda: self._property_of(variable))
        self.expect(")" if bracket == "(" else "]")
        return found

    def _property_of(self, variable: str) -> str:
        self._same(variable)
        self.expect(".")
        return self.any_name("a property's name")

    def _same(self, variable: str) -> None:
        found = self.variable()
        if found.name != variable:
            problem = f"Variable {found.name} is not defined; the pattern defines {variable}."
            raise self.error("UndefinedVariable", problem, found.at)

    def _options(self) -> Expression | None:
        return self.map_or_parameter() if self.take("OPTIONS") else None


class StatementParser(CommandParser):
    """Reads a statement."""

    def statement(self) -> Statement:
        """Read the text to its end."""
        at = self.token.at
        mode = None
        while True:
            if self.token.upper in {"EXPLAIN", "PROFILE"}:
                mode = self.advance().upper
            elif not self.take("CYPHER"):
                break
            else:
                self._options_of_cypher()
        body = self.command() if self.command_stands() else self.read_query()
        self.ends_here()
        return Statement(at, mode, body)

    def _options_of_cypher(self) -> None:
        """Go past the version and the options of CYPHER: they steer another engine's planner and runtime."""
        if self.token.kind in {Kind.INTEGER, Kind.FLOAT}:
            self.advance()
        while self.named() and self.ahead().upper == "=":
            self.advance()
            self.advance()
            self.advance()


def parse(query: str) -> Statement:
    """Return the tree of a query or command. Raises CypherError with the place of what is not understood."""
    return StatementParser(query).statement()
