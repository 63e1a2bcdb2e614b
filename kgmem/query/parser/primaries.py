"""Parser of primary expressions: function calls, list predicates, reduce, CASE, lists and maps, type names."""

from abc import abstractmethod
from collections.abc import Callable

from kgmem.query.lexer import Kind, Token
from kgmem.query.parser.patterns import PatternParser
from kgmem.query.tree.clauses import Query, Subquery
from kgmem.query.tree.expressions import (
    BooleanLiteral,
    Branch,
    Call,
    Case,
    CountAll,
    Expression,
    ListComprehension,
    ListPredicate,
    NullLiteral,
    Reduce,
    TypeName,
)
from kgmem.query.tree.patterns import PathPattern, PatternComprehension, PatternPredicate, ShortestPath

_LIST_PREDICATES = {"ALL": "all", "ANY": "any", "NONE": "none", "SINGLE": "single"}
_TRIMS = {"BOTH": "btrim", "LEADING": "ltrim", "TRAILING": "rtrim"}
# Types whose names are several words, by their first.
_LONG_TYPES = {
    "LOCAL": ("TIME", "DATETIME"),
    "ZONED": ("TIME", "DATETIME"),
    "PROPERTY": ("VALUE",),
    "ANY": ("NODE", "RELATIONSHIP", "EDGE", "VERTEX", "MAP", "PROPERTY VALUE", "VALUE"),
    "SIGNED": ("INTEGER",),
}
_TIMESTAMPS = {"TIME": "TIME", "TIMESTAMP": "DATETIME"}


class CallParser(PatternParser):
    """Reads calls."""

    def call_stands(self) -> bool:
        """Whether the name that stands here, with its namespace, is followed by a parenthesis."""
        count = 1
        while self.ahead(count).upper == "." and self.ahead(count + 1).kind in {Kind.WORD, Kind.QUOTED}:
            count += 2
        return self.ahead(count).upper == "("

    def call(self) -> Expression:
        """Read a call; its name stands here."""
        token = self.token
        if self.ahead().upper == "(":
            if token.upper in _LIST_PREDICATES and self.ahead(3).upper == "IN":
                return self._list_predicate()
            if token.upper == "REDUCE" and self.ahead(3).upper == "=":
                return self._reduce()
            if token.upper in {"SHORTESTPATH", "ALLSHORTESTPATHS"}:
                return ShortestPath(token.at, self.shortest_path(token.at, None))
            if token.upper == "TRIM" and (self.ahead(2).upper in _TRIMS or self.ahead(3).upper == "FROM"):
                return self._trim()
            if token.upper == "COUNT" and self.ahead(2).upper == "*":
                self.advance()
                self.expect("(", "*", ")")
                return CountAll(token.at)
        return self._plain_call()

    def _plain_call(self) -> Call:
        at = self.token.at
        name = self.dotted("a function's name")
        self.expect("(")
        distinct = self.token.upper == "DISTINCT" and self.ahead().upper not in {")", ","} and self.take("DISTINCT")
        arguments = () if self.token.upper == ")" else self.listed(self.expression)
        self.expect(")")
        return Call(at, name, arguments, distinct)

    def _list_predicate(self) -> ListPredicate:
        token = self.advance()
        self.expect("(")
        variable = self.variable()
        self.expect("IN")
        source = self.expression()
        where = self.expression() if self.take("WHERE") else None
        self.expect(")")
        return ListPredicate(token.at, _LIST_PREDICATES[token.upper], variable, source, where)

    def _reduce(self) -> Reduce:
        at = self.advance().at
        self.expect("(")
        accumulator = self.variable()
        self.expect("=")
        start = self.expression()
        self.expect(",")
        variable = self.variable()
        self.expect("IN")
        divider, self.divider = self.divider, self.last_bar()
        source = self.expression()
        self.divider = divider
        self.expect("|")
        step = self.expression()
        self.expect(")")
        return Reduce(at, accumulator, start, variable, source, step)

    def _trim(self) -> Call:
        """Read trim(BOTH 'x' FROM text), which is the same as btrim(text, 'x')."""
        at = self.advance().at
        self.expect("(")
        name = _TRIMS[self.advance().upper] if self.token.upper in _TRIMS else "btrim"
        letters = () if self.token.upper == "FROM" else (self.expression(),)
        self.expect("FROM")
        text = self.expression()
        self.expect(")")
        return Call(at, name, (text, *letters))

    def last_bar(self, count: int = 0) -> Token | None:
        """The last | from here on that stands in no further brackets, before the bracket that holds this place."""
        found = None
        while True:
            token = self.ahead(count)
            if token.upper in {"(", "[", "{"}:
                after = self.after_closing(count)
                if after is None:
                    return found
                count = after
                continue
            if token.upper in {")", "]", "}"} or token.kind is Kind.END:
                return found
            if token.upper == "|":
                found = token
            count += 1

    def type_name(self) -> TypeName:
        """Read a type: INTEGER, LIST<STRING NOT NULL>, INTEGER | FLOAT."""
        at = self.token.at
        found = [self._one_type()]
        while self.token.upper == "|" and self.token is not self.divider:
            self.advance()
            found.append(self._one_type())
        return found[0] if len(found) == 1 else TypeName(at, "ANY OF", tuple(found))

    def _one_type(self) -> TypeName:
        at = self.token.at
        self.enter()
        name = self.any_name("a type").upper()
        inner: tuple[TypeName, ...] = ()
        if name in {"LIST", "ARRAY"} and self.take("<"):
            name, inner = "LIST", (self.type_name(),)
            self.expect(">")
        elif name == "ANY" and self.take("<"):
            found = self.type_name()
            name, inner = "ANY OF", found.parts if found.name == "ANY OF" else (found,)
            self.expect(">")
        elif name in _LONG_TYPES and self.token.upper in _LONG_TYPES[name]:
            name = f"{name} {self.advance().upper}"
        elif name in _TIMESTAMPS and self.token.upper in {"WITH", "WITHOUT"}:
            zoned = "ZONED" if self.advance().upper == "WITH" else "LOCAL"
            name = f"{zoned} {_TIMESTAMPS[name]}"
            self._time_zone()
        not_null = self.take_all("NOT", "NULL") or self.take("!")
        self.leave()
        return TypeName(at, name, inner, not_null)

    def _time_zone(self) -> None:
        if self.take("TIMEZONE"):
            return
        self.expect("TIME", "ZONE")


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
