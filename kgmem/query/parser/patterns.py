"""Patterns: nodes, relationships, groups, paths, and which of the paths count."""

from kgmem.query.lexer import DASHES, LEFT_HEADS, RIGHT_HEADS, Kind, Token
from kgmem.query.parser.cursor import AtomParser
from kgmem.query.tree.expressions import Expression, Variable
from kgmem.query.tree.patterns import (
    AllLabels,
    AnyLabel,
    DynamicLabel,
    GroupPattern,
    LabelName,
    Labels,
    Length,
    NodePattern,
    NotLabel,
    OneLabel,
    PathElement,
    PathPattern,
    RelationshipPattern,
    Selector,
)

# Label and type expressions: :A:B, :A|B, :!A&(B|C), :%, :$(name).


class LabelParser(AtomParser):
    """Reads what follows the colon."""

    # The | that divides a comprehension from its result, and so is none between labels.
    divider: Token | None = None

    def labels(self) -> Labels:
        """Read a label expression; what introduces it (a colon or IS) is past."""
        first = self._conjunction()
        if not self._bar():
            return first
        found = [first]
        while self._bar():
            self.advance()
            self.take(":")
            found.append(self._conjunction())
        return OneLabel(first.at, tuple(found))

    def _bar(self) -> bool:
        return self.token.upper == "|" and self.token is not self.divider

    def _conjunction(self) -> Labels:
        first = self._label()
        if self.token.upper not in {"&", ":"}:
            return first
        found = [first]
        while self.take("&") or self.take(":"):
            found.append(self._label())
        return AllLabels(first.at, tuple(found))

    def _label(self) -> Labels:
        token = self.token
        if token.upper not in {"!", "%", "(", "$"} and token.kind is not Kind.PARAMETER:
            return LabelName(token.at, self.any_name("a label or type"))
        self.enter()
        try:
            return self._special(token)
        finally:
            self.leave()

    def _special(self, token: Token) -> Labels:
        if token.kind is Kind.PARAMETER:
            parameter = self.parameter()
            if parameter.name.lower() in {"all", "any"} and self.token.upper == "(":
                return self._dynamic(token.at, parameter.name.lower())
            return DynamicLabel(token.at, parameter, "all")
        self.advance()
        if token.upper == "!":
            return NotLabel(token.at, self._label())
        if token.upper == "%":
            return AnyLabel(token.at)
        if token.upper == "$":
            return self._dynamic(token.at, "all")
        found = self.labels()
        self.expect(")")
        return found

    def _dynamic(self, at: int, quantifier: str) -> DynamicLabel:
        self.expect("(")
        value = self.expression()
        self.expect(")")
        return DynamicLabel(at, value, quantifier)


_ARROWS = {"-": "-", "<": "<", ">": ">"}
_ARROWS |= dict.fromkeys(DASHES, "-") | dict.fromkeys(LEFT_HEADS, "<") | dict.fromkeys(RIGHT_HEADS, ">")
_DIRECTIONS = {(True, False): "in", (False, True): "out", (True, True): "both", (False, False): "both"}
_FUNCTIONS = {"SHORTESTPATH": "shortestPath", "ALLSHORTESTPATHS": "allShortestPaths"}
_SELECTORS = {"SHORTEST", "ALL", "ANY"}
# What may follow a variable inside a pattern's brackets; with another token after them, WHERE and IS are keywords.
_AFTER_VARIABLE = {")", "]", ":", "{", "*", "WHERE", "IS"}


class PatternParser(LabelParser):
    """Reads patterns."""

    def path_pattern(self) -> PathPattern:
        """Read a path with what may stand before it: its variable and a selector."""
        at = self.token.at
        variable = None
        if self.named() and self.ahead().upper == "=":
            variable = self.variable()
            self.advance()
        if self.token.upper in _FUNCTIONS and self.ahead().upper == "(":
            return self.shortest_path(at, variable)
        selector = self._selector() if self.token.upper in _SELECTORS else None
        return PathPattern(at, variable, selector, self._elements())

    def shortest_path(self, at: int, variable: Variable | None) -> PathPattern:
        """Read shortestPath(...) or allShortestPaths(...)."""
        token = self.advance()
        selector = Selector(token.at, _FUNCTIONS[token.upper], None)
        self.expect("(")
        elements = self._elements()
        self.expect(")")
        return PathPattern(at, variable, selector, elements)

    def bare_pattern(self) -> PathPattern:
        """Read a path without a variable, as predicates and comprehensions have it."""
        at = self.token.at
        return PathPattern(at, None, None, self._elements())

    def _selector(self) -> Selector:
        at = self.token.at
        word = self.advance().upper
        kind = word
        if word in {"ALL", "ANY"} and self.take("SHORTEST"):
            kind = "ALL SHORTEST" if word == "ALL" else "SHORTEST"
        count: Expression | None = None
        if word != "ALL" and self.token.kind is Kind.PARAMETER:
            count = self.parameter()
        elif word != "ALL" and self.token.kind is Kind.INTEGER:
            count = self.number()
        if self.token.upper in {"PATH", "PATHS"}:
            self.advance()
        if kind == "SHORTEST" and self.token.upper in {"GROUP", "GROUPS"}:
            self.advance()
            kind = "SHORTEST GROUPS"
        return Selector(at, kind, count)

    def _elements(self) -> tuple[PathElement, ...]:
        found: list[PathElement] = [self._node_or_group()]
        while True:
            if _ARROWS.get(self.token.text) in {"-", "<"}:
                found.append(self._relationship())
                found.append(self._node_or_group())
            elif self.token.upper == "(" and (self._group_stands() or isinstance(found[-1], GroupPattern)):
                found.append(self._node_or_group())
            else:
                return tuple(found)

    def _group_stands(self) -> bool:
        return self.ahead().upper == "(" or self.ahead(2).upper == "="

    def _node_or_group(self) -> PathElement:
        if self.token.upper != "(":
            self.unexpected("a node: (")
        return self._group() if self._group_stands() else self._node()

    def _group(self) -> GroupPattern:
        self.enter()
        at = self.expect("(").at
        variable = None
        if self.named():
            variable = self.variable()
            self.expect("=")
        elements = self._elements()
        where = self.where()
        self.expect(")")
        self.leave()
        return GroupPattern(at, variable, elements, where, self._quantifier())

    def _node(self) -> NodePattern:
        at = self.expect("(").at
        variable, labels = self._variable_and_labels()
        properties = self._properties()
        where = self.where()
        self.expect(")")
        return NodePattern(at, variable, labels, properties, where)

    def _variable_and_labels(self) -> tuple[Variable | None, Labels | None]:
        variable = self.variable() if self.named() and self._is_variable() else None
        introduced = self.take(":") or self.take("IS")
        return variable, self.labels() if introduced else None

    def _is_variable(self) -> bool:
        after = self.ahead()
        return self.token.upper not in {"IS", "WHERE"} or after.upper in _AFTER_VARIABLE - {"{"}

    def _properties(self) -> Expression | None:
        if self.token.upper == "{" or self.token.kind is Kind.PARAMETER:
            return self.map_or_parameter()
        return None

    def where(self) -> Expression | None:
        """Read WHERE and its predicate, if they stand here."""
        return self.expression() if self.take("WHERE") else None

    def _relationship(self) -> RelationshipPattern:
        at = self.token.at
        left = self._arrow("<")
        self._dash()
        variable = types = properties = where = length = None
        if self.take("["):
            variable, types = self._variable_and_labels()
            length = self._length()
            properties = self._properties()
            where = self.where()
            self.expect("]")
        self._dash()
        direction = _DIRECTIONS[left, self._arrow(">")]
        return RelationshipPattern(
            at, variable, types, properties, where, direction, length, self._quantifier()
        )  # fmt: skip

    def _arrow(self, sign: str) -> bool:
        if _ARROWS.get(self.token.text) != sign or self.token.kind is Kind.STRING:
            return False
        self.advance()
        return True

    def _dash(self) -> None:
        if not self._arrow("-"):
            self.unexpected("a relationship's -")

    def _length(self) -> Length | None:
        at = self.token.at
        if self.token.upper == "..":
            raise self._invalid("Missing * before the length.")
        if not self.take("*"):
            return None
        if self.token.upper == "-":
            raise self._invalid("A length cannot be negative.")
        least = self.count("a length") if self.token.kind is Kind.INTEGER else None
        if not self.take(".."):
            return Length(at, least, least)
        if self.token.upper == "-":
            raise self._invalid("A length cannot be negative.")
        return Length(at, least, self.count("a length") if self.token.kind is Kind.INTEGER else None)

    def _invalid(self, problem: str) -> Exception:
        hint = "Write a length as *, *2, *1..3, *..3 or *1.."
        return self.error("InvalidRelationshipPattern", problem, self.token.at, hint=hint)

    def _quantifier(self) -> Length | None:
        at = self.token.at
        if self.take("+"):
            return Length(at, 1, None)
        if self.take("*"):
            return Length(at, 0, None)
        if not self.take("{"):
            return None
        least = self.count("a number") if self.token.kind is Kind.INTEGER else None
        if least is not None and self.take("}"):
            return Length(at, least, least)
        self.expect(",")
        most = self.count("a number") if self.token.kind is Kind.INTEGER else None
        self.expect("}")
        return Length(at, least or 0, most)

    def pattern_stands(self, count: int = 0) -> bool:
        """Whether the parenthesis `count` tokens ahead begins a path of at least one relationship, not an expression.

        It looks at a fixed number of tokens: inside this parenthesis, behind it, and inside the next node's.
        """
        at = self.after_closing(count)
        if at is None or not self._content_stands(count):
            return False
        at += self._sign(at) == "<"
        if self._sign(at) != "-":
            return False
        at += 1
        if self.ahead(at).upper == "[":
            closed = self.after_closing(at)
            if closed is None or not self._content_stands(at):
                return False
            at = closed
        if self._sign(at) != "-":
            return False
        at += 2 if self._sign(at + 1) == ">" else 1
        return self.ahead(at).upper == "(" and self._content_stands(at)

    def _content_stands(self, opening: int) -> bool:
        first, second = self.ahead(opening + 1), self.ahead(opening + 2)
        if first.upper in {")", "]", ":", "{", "*"}:
            return True
        named = first.kind is Kind.WORD or first.kind is Kind.QUOTED
        is_keyword = first.upper in {"IS", "WHERE"}
        return named and (is_keyword or second.upper in _AFTER_VARIABLE or second.kind is Kind.PARAMETER)

    def _sign(self, count: int) -> str | None:
        token: Token = self.ahead(count)
        return None if token.kind is Kind.STRING else _ARROWS.get(token.text)
