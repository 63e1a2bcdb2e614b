"""Calls: functions, and what looks like one: list predicates, reduce, shortestPath, trim; and the names of types."""

from kgmem.query.lexer import Kind, Token
from kgmem.query.parser.patterns import PatternParser
from kgmem.query.tree.expressions import (
    Call,
    CountAll,
    Expression,
    ListPredicate,
    Reduce,
    TypeName,
)
from kgmem.query.tree.patterns import ShortestPath

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
