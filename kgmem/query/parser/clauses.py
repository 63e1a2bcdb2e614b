"""Clauses: those that read, and those that write."""

from abc import abstractmethod

from kgmem.query.lexer import Kind
from kgmem.query.parser.expressions import ExpressionParser
from kgmem.query.tree.clauses import (
    Clause,
    Create,
    Delete,
    Finish,
    Foreach,
    Item,
    Match,
    Merge,
    Projection,
    Remove,
    RemoveItem,
    RemoveProperty,
    Return,
    Set,
    SetItem,
    SetLabels,
    SetProperties,
    SetProperty,
    SortKey,
    Unwind,
    Use,
    With,
)
from kgmem.query.tree.expressions import Expression, Index, Property, Variable
from kgmem.query.tree.patterns import HasLabels

# What RETURN, WITH and YIELD have in common: columns, order, skip and limit.


class ProjectionParser(ExpressionParser):
    """Reads projections."""

    def projection(self) -> Projection:
        """Read columns with DISTINCT, ORDER BY, SKIP and LIMIT."""
        at = self.token.at
        plain = self.ahead().upper in {",", "AS", "."} or self.ahead().kind is Kind.END
        distinct = not plain and self.take("DISTINCT")
        star = self.take("*")
        items: tuple[Item, ...] = ()
        if not star or self.take(","):
            items = self.listed(self._item)
        order = self._order() if self.take("ORDER") else ()
        skip = self.expression() if self.take("SKIP") or self.take("OFFSET") else None
        limit = self.expression() if self.take("LIMIT") else None
        return Projection(at, distinct, star, items, order, skip, limit)

    def _order(self) -> tuple[SortKey, ...]:
        self.expect("BY")
        return self.listed(self._sort_key)

    def _item(self) -> Item:
        at = self.token.at
        value = self.expression()
        name = value.name if isinstance(value, Variable) else self.query[at : self.passed]
        if not self.take("AS"):
            return Item(at, value, None, name)
        alias = self.variable("a name for the column")
        return Item(at, value, alias, alias.name)

    def _sort_key(self) -> SortKey:
        at = self.token.at
        value: Expression = self.expression()
        descending = self.token.upper in {"DESC", "DESCENDING"}
        if descending or self.token.upper in {"ASC", "ASCENDING"}:
            self.advance()
        return SortKey(at, value, descending)


class ClauseParser(ProjectionParser):
    """Reads clauses."""

    @abstractmethod
    def clause(self) -> Clause:
        """Read one clause. Raises CypherError where none begins."""

    @abstractmethod
    def clause_stands(self) -> bool:
        """Whether a clause begins here."""

    def read_match(self) -> Match:
        """Read MATCH or OPTIONAL MATCH."""
        at = self.token.at
        optional = self.take("OPTIONAL")
        self.expect("MATCH")
        self._match_mode()
        patterns = self.listed(self.path_pattern)
        while self.token.upper == "USING":
            self._hint()
        return Match(at, optional, patterns, self.where())

    def _match_mode(self) -> None:
        if self.stands("REPEATABLE", "ELEMENTS") or self.stands("REPEATABLE", "ELEMENT"):
            problem = "REPEATABLE ELEMENTS is not supported: a relationship occurs once in a match."
            raise self.error("NotSupported", problem, self.token.at)
        if self.take("DIFFERENT"):
            self.one_of("RELATIONSHIP", "RELATIONSHIPS")

    def _hint(self) -> None:
        """Go past USING INDEX, SCAN or JOIN: the planner chooses by itself."""
        self.advance()
        if self.one_of("INDEX", "SCAN", "JOIN", "RANGE", "TEXT", "POINT") == "JOIN":
            self.expect("ON")
            self.listed(self.variable)
            return
        self.take("INDEX")
        self.take("SEEK")
        self.variable()
        self.expect(":")
        self.any_name("a label or type")
        if self.take("("):
            self.listed(lambda: self.any_name("a property's name"))
            self.expect(")")

    def read_unwind(self) -> Unwind:
        """Read UNWIND."""
        at = self.advance().at
        source = self.expression()
        self.expect("AS")
        return Unwind(at, source, self.variable())

    def read_with(self) -> With:
        """Read WITH."""
        at = self.advance().at
        projection = self.projection()
        return With(at, projection, self.where())

    def read_return(self) -> Return:
        """Read RETURN."""
        return Return(self.advance().at, self.projection())

    def read_finish(self) -> Finish:
        """Read FINISH."""
        return Finish(self.advance().at)

    def read_create(self) -> Create:
        """Read CREATE."""
        return Create(self.advance().at, self.listed(self.path_pattern))

    def read_merge(self) -> Merge:
        """Read MERGE."""
        at = self.advance().at
        pattern = self.path_pattern()
        on_create: list[SetItem] = []
        on_match: list[SetItem] = []
        while self.take("ON"):
            chosen = on_create if self.one_of("CREATE", "MATCH") == "CREATE" else on_match
            self.expect("SET")
            chosen.extend(self.listed(self._set_item))
        return Merge(at, pattern, tuple(on_create), tuple(on_match))

    def read_set(self) -> Set:
        """Read SET."""
        return Set(self.advance().at, self.listed(self._set_item))

    def _set_item(self) -> SetItem:
        at = self.token.at
        if self.named() and self.ahead().upper in {"=", "+="}:
            variable = self.variable()
            merge = self.advance().upper == "+="
            return SetProperties(at, variable, self.expression(), merge)
        target = self._target()
        if isinstance(target, SetLabels):
            return target
        self.expect("=")
        return SetProperty(at, target, self.expression())

    def read_remove(self) -> Remove:
        """Read REMOVE."""
        return Remove(self.advance().at, self.listed(self._remove_item))

    def _remove_item(self) -> RemoveItem:
        at = self.token.at
        target = self._target()
        return target if isinstance(target, SetLabels) else RemoveProperty(at, target)

    def _target(self) -> Expression | SetLabels:
        at = self.token.at
        if self.named() and self.ahead().upper == "IS":
            variable = self.variable()
            self.advance()
            return SetLabels(at, variable, self.labels())
        target = self.followed()
        if isinstance(target, HasLabels) and isinstance(target.subject, Variable):
            return SetLabels(at, target.subject, target.labels)
        if not isinstance(target, Property | Index):
            self.unexpected("a property or a label (n.name, n[key], n:Label)")
        return target

    def read_delete(self) -> Delete:
        """Read DELETE."""
        at = self.token.at
        detach = self.take("DETACH")
        if not detach:
            self.take("NODETACH")
        self.expect("DELETE")
        return Delete(at, detach, self.listed(self.expression))

    def read_foreach(self) -> Foreach:
        """Read FOREACH."""
        at = self.advance().at
        self.expect("(")
        self.enter()
        variable = self.variable()
        self.expect("IN")
        divider, self.divider = self.divider, self.last_bar()
        source = self.expression()
        self.divider = divider
        self.expect("|")
        updates = [self.clause()]
        while self.clause_stands():
            updates.append(self.clause())
        self.leave()
        self.expect(")")
        return Foreach(at, variable, source, tuple(updates))

    def read_use(self) -> Use:
        """Read USE."""
        at = self.advance().at
        if self.token.kind is Kind.PARAMETER:
            use = Use(at, self.parameter())
        else:
            use = Use(at, self.call() if self.call_stands() else self.dotted("a graph's name"))
        if self.command_stands():
            problem = f"USE cannot be combined with {self.token.upper} of indexes and constraints."
            hint = "Send the command to that graph itself, without USE."
            raise self.error("NotSupported", problem, at, hint=hint)
        return use

    @abstractmethod
    def command_stands(self) -> bool:
        """Whether a command begins here, and not a query."""

    def read_load(self) -> Clause:
        """Refuse LOAD CSV by name."""
        hint = "Import files with kgmem import, or send their rows as a parameter: UNWIND $rows AS row."
        raise self.error("NotSupported", "LOAD CSV is not supported.", self.token.at, hint=hint)
