"""Expressions by precedence climbing, from OR to ^ and signs, and what follows a value: .name, [index], :Label."""

from kgmem.query.lexer import Kind
from kgmem.query.parser.cursor import MAX_HEIGHT
from kgmem.query.parser.primaries import PrimaryParser
from kgmem.query.tree.expressions import (
    And,
    Arithmetic,
    Comparison,
    Expression,
    Index,
    IsNull,
    IsTyped,
    MapProjection,
    Not,
    Or,
    ProjectedAll,
    ProjectedEntry,
    ProjectedItem,
    ProjectedProperty,
    Property,
    Signed,
    Slice,
    Test,
    Variable,
    Xor,
)
from kgmem.query.tree.patterns import HasLabels

# The weakest first; what is not named here ends an expression.
_OR, _XOR, _AND, _NOT, _COMPARISON, _TEST, _SUM, _PRODUCT, _POWER = range(1, 10)
_LEVELS = {"OR": _OR, "XOR": _XOR, "AND": _AND}
_LEVELS |= dict.fromkeys(("=", "<>", "!=", "<", "<=", ">", ">="), _COMPARISON)
_LEVELS |= dict.fromkeys(("IN", "STARTS", "ENDS", "CONTAINS", "=~", "IS", "::"), _TEST)
_LEVELS |= {"+": _SUM, "-": _SUM, "||": _SUM, "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT, "^": _POWER}
_JUNCTIONS: dict[int, type[And] | type[Or] | type[Xor]] = {_OR: Or, _XOR: Xor, _AND: And}
_SECOND_WORDS = {"STARTS": "WITH", "ENDS": "WITH"}
_NUMBERS = {Kind.INTEGER, Kind.FLOAT, Kind.MALFORMED_NUMBER}


class ExpressionParser(PrimaryParser):
    """Reads expressions. Every method that reads one leaves its tree's height in `_height`."""

    _height = 0
    _highest = 0  # The height of the highest whole expression since the innermost primary began.

    def expression(self) -> Expression:
        """Read a whole expression."""
        self.enter()
        found = self._climb(_OR)
        self._highest = max(self._highest, self._height)
        self.leave()
        return found

    def _climb(self, floor: int) -> Expression:
        left = self._negation() if self.token.upper == "NOT" else self._signed()
        while (level := _LEVELS.get(self.token.upper, 0)) >= floor:
            if level == _TEST:
                left = self._test(left)
            elif level <= _AND:
                left = self._junction(left, level)
            elif level == _COMPARISON:
                left = self._comparison(left)
            else:
                left = self._arithmetic(left, level)
        return left

    def _operand(self, floor: int) -> Expression:
        """Read an operand, and leave the greater of both sides' heights."""
        height = self._height
        found = self._climb(floor)
        self._height = max(height, self._height)
        return found

    def _grown(self) -> None:
        self._height += 1
        if self._height > MAX_HEIGHT:
            self.too_deep(f"joins more than {MAX_HEIGHT} operators in one expression")

    def _junction(self, left: Expression, level: int) -> Expression:
        word = self.token.upper
        operands = [left]
        while self.take(word):
            operands.append(self._operand(level + 1))
        self._grown()
        return _JUNCTIONS[level](left.at, tuple(operands))

    def _negation(self) -> Expression:
        at = self.advance().at
        self.enter()
        operand = self._climb(_NOT)
        self.leave()
        self._grown()
        return Not(at, operand)

    def _comparison(self, first: Expression) -> Expression:
        rest: list[tuple[str, Expression]] = []
        while _LEVELS.get(self.token.upper) == _COMPARISON:
            operator = self.advance().upper
            rest.append(("<>" if operator == "!=" else operator, self._operand(_TEST)))
        self._grown()
        return Comparison(first.at, first, tuple(rest))

    def _arithmetic(self, left: Expression, level: int) -> Expression:
        operator = self.advance().upper
        right = self._operand(level + 1)
        self._grown()
        return Arithmetic(left.at, operator, left, right)

    def _test(self, left: Expression) -> Expression:
        word = self.advance().upper
        found: Expression
        if word == "IS":
            negated = self.take("NOT")
            if self.take("NULL"):
                found = IsNull(left.at, left, negated)
            elif self.take("::") or self.take("TYPED"):
                found = IsTyped(left.at, left, self.type_name(), negated)
            elif self.token.upper in {"NORMALIZED", "NFC", "NFD", "NFKC", "NFKD"}:
                raise self.error("NotSupported", "IS NORMALIZED is not supported.", self.token.at)
            else:
                self.unexpected("NULL, NOT NULL or :: and a type", ("NULL",))
        elif word == "::":
            found = IsTyped(left.at, left, self.type_name(), negated=False)
        else:
            if word in _SECOND_WORDS:
                self.expect(_SECOND_WORDS[word])
                word = f"{word} WITH"
            found = Test(left.at, word, left, self._operand(_SUM))
        self._grown()
        return found

    def _signed(self) -> Expression:
        sign = self.token
        if sign.upper not in {"-", "+"}:
            return self.followed()
        self.advance()
        self.enter()
        if sign.upper == "-" and self.token.kind in _NUMBERS:
            self._height = 1
            found = self._followers(self.number(negative=True, at=sign.at))
        else:
            found = Signed(sign.at, sign.upper, self._signed())
            self._grown()
        self.leave()
        return found

    def followed(self) -> Expression:
        """Read a value and what follows it: .name, [index], [from..to], :Label, {projection}."""
        highest, self._highest = self._highest, 0
        found = self.primary()
        self._height, self._highest = self._highest + 1, highest
        return self._followers(found)

    def _followers(self, found: Expression) -> Expression:
        while (symbol := self.token.upper) in {".", "[", ":", "{"}:
            if symbol == ".":
                self.advance()
                found = Property(found.at, found, self.any_name("a property's name"))
            elif symbol == "[":
                found = self._index(found)
            elif symbol == ":":
                self.advance()
                found = HasLabels(found.at, found, self.labels())
            elif isinstance(found, Variable):
                found = self._projection(found)
            else:
                break
            self._grown()
        return found

    def _index(self, subject: Expression) -> Expression:
        height, highest = self._height, self._highest
        self._highest = 0
        self.advance()
        found: Expression
        if self.take(".."):
            found = Slice(subject.at, subject, None, self._end_of_slice())
        else:
            start = self.expression()
            if self.take(".."):
                found = Slice(subject.at, subject, start, self._end_of_slice())
            else:
                found = Index(subject.at, subject, start)
        self.expect("]")
        self._height, self._highest = max(height, self._highest), highest
        return found

    def _end_of_slice(self) -> Expression | None:
        return None if self.token.upper == "]" else self.expression()

    def _projection(self, subject: Variable) -> MapProjection:
        highest, self._highest = self._highest, 0
        self.expect("{")
        items = () if self.token.upper == "}" else self.listed(self._projected)
        self.expect("}")
        self._height, self._highest = self._highest + 1, highest
        return MapProjection(subject.at, subject, items)

    def _projected(self) -> ProjectedItem:
        at = self.token.at
        if self.take("."):
            if self.take("*"):
                return ProjectedAll(at)
            return ProjectedProperty(at, self.any_name("a property's name or *"))
        name = self.any_name("a key, a variable or .")
        if self.take(":"):
            return ProjectedEntry(at, name, self.expression())
        return Variable(at, name)
