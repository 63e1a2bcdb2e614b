"""Queries: clauses, joined by UNION; and those inside braces and behind CALL."""

from collections.abc import Callable

from kgmem.query.lexer import Kind
from kgmem.query.parser.clauses import ClauseParser
from kgmem.query.tree.clauses import (
    CallProcedure,
    CallSubquery,
    Clause,
    Match,
    Part,
    Query,
    Transactions,
    Yielded,
)
from kgmem.query.tree.expressions import Expression

# What may have been meant by a word that stands where a clause could begin: clauses, their parts, and operators.
_WORDS = """
MATCH OPTIONAL UNWIND WITH RETURN FINISH CREATE MERGE SET REMOVE DELETE DETACH FOREACH CALL USE UNION WHERE ORDER SKIP
LIMIT YIELD SHOW DROP EXPLAIN PROFILE ASCENDING DESCENDING AND OR XOR IN CONTAINS STARTS ENDS AS ON
"""
WORDS = tuple(_WORDS.split())


class QueryParser(ClauseParser):
    """Reads queries."""

    def read_query(self) -> Query:
        """Read clauses and UNIONs as far as they go."""
        at = self.token.at
        parts = [self._part()]
        joined: set[bool] = set()
        while self.token.upper == "UNION":
            union = self.advance()
            joined.add(self.take("ALL"))
            self.take("DISTINCT")
            if len(joined) > 1:
                problem = "UNION and UNION ALL cannot be mixed in one query."
                raise self.error("InvalidClauseComposition", problem, union.at)
            parts.append(self._part())
        return Query(at, tuple(parts), joined == {True})

    def _part(self) -> Part:
        at = self.token.at
        clauses = [self.clause()]
        while self.clause_stands():
            clauses.append(self.clause())
        return Part(at, tuple(clauses))

    def clause(self) -> Clause:
        """Read one clause. Raises CypherError where none begins."""
        read = _READERS.get(self.token.upper)
        if read is None:
            self.unexpected("a clause (MATCH, RETURN, ...)", WORDS)
        return read(self)

    def clause_stands(self) -> bool:
        """Whether a clause begins here."""
        return self.token.upper in _READERS

    def braced_query(self) -> Query:
        """Read a query in braces."""
        self.expect("{")
        self.enter()
        found = self.read_query()
        self.leave()
        self._close()
        return found

    def subquery_body(self) -> Query:
        """Read what is in the braces of EXISTS, COUNT and COLLECT: a query, or patterns with a WHERE."""
        if not self._patterns_stand():
            return self.braced_query()
        self.expect("{")
        self.enter()
        at = self.token.at
        match = Match(at, optional=False, patterns=self.listed(self.path_pattern), where=self.where())
        self.leave()
        self._close()
        return Query(at, (Part(at, (match,)),), all=False)

    def _close(self) -> None:
        if self.token.upper != "}":
            self.unexpected("a clause or }", WORDS)
        self.advance()

    def _patterns_stand(self) -> bool:
        first, second = self.ahead(1), self.ahead(2)
        return first.upper == "(" or second.upper == "=" or first.upper in {"SHORTESTPATH", "ALLSHORTESTPATHS"}

    def read_optional(self) -> Clause:
        """Read OPTIONAL MATCH or OPTIONAL CALL."""
        return self.read_call() if self.ahead().upper == "CALL" else self.read_match()

    def read_call(self) -> Clause:
        """Read CALL: a procedure or a subquery."""
        at = self.token.at
        optional = self.take("OPTIONAL")
        self.expect("CALL")
        if self.token.upper in {"{", "("}:
            return self._subquery(at, optional=optional)
        return self._procedure(at, optional=optional)

    def _subquery(self, at: int, *, optional: bool) -> CallSubquery:
        imports = None
        star = False
        if self.take("("):
            star = self.take("*")
            imports = () if star or self.token.upper == ")" else self.listed(self.variable)
            self.expect(")")
        body = self.braced_query()
        transactions = self._transactions() if self.token.upper == "IN" else None
        return CallSubquery(at, optional, star, imports, body, transactions)

    def _transactions(self) -> Transactions:
        at = self.expect("IN").at
        workers = None
        if self.token.upper not in {"CONCURRENT", "TRANSACTIONS", "TRANSACTION"}:
            workers = self.expression()
        concurrent = self.take("CONCURRENT")
        self.one_of("TRANSACTIONS", "TRANSACTION")
        rows: Expression | None = None
        on_error = report = None
        while self.token.upper in {"OF", "ON", "REPORT"}:
            word = self.advance().upper
            if word == "OF":
                rows = self.expression()
                self.one_of("ROWS", "ROW")
            elif word == "ON":
                self.expect("ERROR")
                on_error = self.one_of("CONTINUE", "BREAK", "FAIL")
            else:
                self.expect("STATUS", "AS")
                report = self.variable()
        return Transactions(at, concurrent, workers, rows, on_error, report)

    def _procedure(self, at: int, *, optional: bool) -> CallProcedure:
        name = self.dotted("a procedure's name")
        arguments: tuple[Expression, ...] | None = None
        if self.take("("):
            arguments = () if self.token.upper == ")" else self.listed(self.expression)
            self.expect(")")
        star, where = False, None
        yielded: tuple[Yielded, ...] | None = None
        if self.take("YIELD"):
            star = self.take("*")
            yielded = () if star or self.take("-") else self.listed(self._yielded)
            where = self.where()
        return CallProcedure(at, optional, name, arguments, star, yielded, where)

    def _yielded(self) -> Yielded:
        at = self.token.at
        variable = self.variable("the name of a column")
        return Yielded(at, variable.name, self.variable() if self.take("AS") else variable)

    def ends_here(self) -> None:
        """Go past a last semicolon to the end of the query. Raises CypherError where something else stands."""
        self.take(";")
        if self.token.kind is not Kind.END:
            self.unexpected("a clause or the end of the query", WORDS)


_READERS: dict[str, Callable[[QueryParser], Clause]] = {
    "MATCH": QueryParser.read_match,
    "OPTIONAL": QueryParser.read_optional,
    "UNWIND": QueryParser.read_unwind,
    "WITH": QueryParser.read_with,
    "RETURN": QueryParser.read_return,
    "FINISH": QueryParser.read_finish,
    "CREATE": QueryParser.read_create,
    "MERGE": QueryParser.read_merge,
    "SET": QueryParser.read_set,
    "REMOVE": QueryParser.read_remove,
    "DELETE": QueryParser.read_delete,
    "DETACH": QueryParser.read_delete,
    "NODETACH": QueryParser.read_delete,
    "FOREACH": QueryParser.read_foreach,
    "CALL": QueryParser.read_call,
    "USE": QueryParser.read_use,
    "LOAD": QueryParser.read_load,
}
