"""Primary expressions: what stands between operators. Literals, calls, CASE, comprehensions, subqueries, patterns."""

from abc import abstractmethod
from collections.abc import Callable

from kgmem.query.lexer import Kind
from kgmem.query.parser.calls import CallParser
from kgmem.query.tree.clauses import Query, Subquery
from kgmem.query.tree.expressions import (
    BooleanLiteral,
    Branch,
    Case,
    Expression,
    ListComprehension,
    NullLiteral,
)
from kgmem.query.tree.patterns import PathPattern, PatternComprehension, PatternPredicate

_SUBQUERIES = {"EXISTS", "COUNT", "COLLECT"}
# Words that begin or continue a clause or an operator. They are names all the same where no value follows them, so that
# RETURN a AS end ORDER BY end is understood, and MATCH (n) WHERE RETURN n still gets an error at RETURN.
_WORDS = """
AND AS ASC ASCENDING BY CONTAINS CREATE DELETE DESC DESCENDING DETACH DISTINCT ELSE END ENDS FOREACH IN IS LIMIT MATCH
MERGE OPTIONAL OR ORDER REMOVE RETURN SET SKIP STARTS THEN UNION UNWIND WHEN WHERE WITH XOR YIELD
"""
_STRUCTURE = frozenset(_WORDS.split())
_SYMBOLS = ") ] } , . : ; = <> != < <= > >= =~ + - * / % ^ || | .. ::"
_AFTER_NAME = frozenset(_SYMBOLS.split()) | _STRUCTURE


class PrimaryParser(CallParser):
    """Reads primary expressions."""

    @abstractmethod
    def subquery_body(self) -> Query:
        """Read the query inside the braces of a subquery."""

    def primary(self) -> Expression:
        """Read one primary expression. Raises CypherError where none stands."""
        token = self.token
        read = _READERS.get(token.upper) if token.kind is Kind.SYMBOL else _READERS.get(token.kind)
        if read is None:
            self.unexpected("an expression")
        return read(self)

    def _quoted(self) -> Expression:
        return self.call() if self.call_stands() else self.variable()

    def _word(self) -> Expression:
        token = self.token
        word = token.upper
        after = self.ahead()
        if word == "NULL":
            self.advance()
            return NullLiteral(token.at)
        if word in {"TRUE", "FALSE"}:
            self.advance()
            return BooleanLiteral(token.at, word == "TRUE")
        if word in _SUBQUERIES and after.upper == "{":
            self.advance()
            return Subquery(token.at, word, self.subquery_body())
        plain = after.kind is Kind.END or after.upper in _AFTER_NAME
        if word == "CASE" and (not plain or after.upper in {"WHEN", "-", "+"}):
            return self._case()
        if word in _STRUCTURE and not plain:
            self.unexpected("an expression")
        return self.call() if self.call_stands() else self.variable()

    def _parenthesis(self) -> Expression:
        if self.pattern_stands():
            at = self.token.at
            return PatternPredicate(at, self.bare_pattern())
        self.advance()
        found = self.expression()
        self.expect(")")
        return found

    def _case(self) -> Case:
        at = self.advance().at
        subject = None if self.token.upper == "WHEN" else self.expression()
        branches = []
        while self.token.upper == "WHEN":
            start = self.advance().at
            tests = self.listed(self.expression)
            self.expect("THEN")
            branches.append(Branch(start, tests, self.expression()))
        if not branches:
            self.unexpected("WHEN", ("WHEN",))
        otherwise = self.expression() if self.take("ELSE") else None
        self.expect("END")
        return Case(at, subject, tuple(branches), otherwise)

    def _bracket(self) -> Expression:
        after = self.ahead()
        named = after.kind is Kind.WORD or after.kind is Kind.QUOTED
        if named and self.ahead(2).upper == "IN":
            return self._list_comprehension()
        if self._pattern_behind(3 if named and self.ahead(2).upper == "=" else 1):
            return self._pattern_comprehension()
        return self.list_literal()

    def _pattern_behind(self, count: int) -> bool:
        # [(a)-->(b) | b.x] and [(a) - x, 1] begin alike, and only a comprehension has a | in its own brackets.
        return self.ahead(count).upper == "(" and self.pattern_stands(count) and self.last_bar(1) is not None

    def _list_comprehension(self) -> Expression:
        bar = self.last_bar(1)
        at = self.advance().at
        variable = self.variable()
        self.expect("IN")
        divider, self.divider = self.divider, bar
        source = self.expression()
        where = self.where()
        self.divider = divider
        result = self.expression() if self.take("|") else None
        self.expect("]")
        return ListComprehension(at, variable, source, where, result)

    def _pattern_comprehension(self) -> Expression:
        bar = self.last_bar(1)
        at = self.advance().at
        variable = None
        if self.named():
            variable = self.variable()
            self.advance()
        bare = self.bare_pattern()
        pattern = PathPattern(bare.at, variable, None, bare.elements)
        divider, self.divider = self.divider, bar
        where = self.where()
        self.divider = divider
        self.expect("|")
        result = self.expression()
        self.expect("]")
        return PatternComprehension(at, pattern, where, result)


_READERS: dict[Kind | str, Callable[[PrimaryParser], Expression]] = {
    Kind.WORD: PrimaryParser._word,
    Kind.QUOTED: PrimaryParser._quoted,
    Kind.STRING: PrimaryParser.string,
    Kind.PARAMETER: PrimaryParser.parameter,
    Kind.INTEGER: PrimaryParser.number,
    Kind.FLOAT: PrimaryParser.number,
    Kind.MALFORMED_NUMBER: PrimaryParser.number,
    "(": PrimaryParser._parenthesis,
    "[": PrimaryParser._bracket,
    "{": PrimaryParser.map_literal,
}
