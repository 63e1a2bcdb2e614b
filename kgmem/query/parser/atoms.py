"""What expressions are made of at the bottom: literals, parameters, names, property keys."""

from abc import abstractmethod

from kgmem.query.lexer import Kind
from kgmem.query.parser.cursor import Cursor
from kgmem.query.tree.expressions import (
    Expression,
    FloatLiteral,
    IntegerLiteral,
    ListLiteral,
    MapLiteral,
    Parameter,
    StringLiteral,
)

_MOST = 2**63 - 1
_DIGITS = 40  # No number of 64 bits has more, in any base.


class AtomParser(Cursor):
    """Reads literals and parameters."""

    @abstractmethod
    def expression(self) -> Expression:
        """Read a whole expression."""

    def parameter(self) -> Parameter:
        """Read $name."""
        if self.token.kind is not Kind.PARAMETER:
            self.unexpected("a parameter")
        token = self.advance()
        return Parameter(token.at, token.text)

    def string(self, what: str = "a string") -> StringLiteral:
        """Read a string."""
        if self.token.kind is not Kind.STRING:
            self.unexpected(what)
        token = self.advance()
        return StringLiteral(token.at, token.text)

    def number(self, *, negative: bool = False, at: int | None = None) -> IntegerLiteral | FloatLiteral:
        """Read a number; with `negative` the sign stood before it, at `at`."""
        token = self.token
        at = token.at if at is None else at
        if token.kind is Kind.FLOAT:
            self.advance()
            value = float(token.text.replace("_", ""))
            if value == float("inf"):
                raise self.error("FloatingPointOverflow", f"{token.text} is too large for a number.", token.at)
            return FloatLiteral(at, -value if negative else value)
        if token.kind is Kind.MALFORMED_NUMBER:
            problem = f"{token.text[:_DIGITS]} is no number."
            hint = "A number is written 12, 1.5, 1e-5, 0x1F or 0o17."
            raise self.error("InvalidNumberLiteral", problem, token.at, hint=hint)
        if token.kind is not Kind.INTEGER:
            self.unexpected("a number")
        return IntegerLiteral(at, self._integer(negative=negative))

    def count(self, what: str) -> int:
        """Read an integer that counts something: how often, how many."""
        if self.token.kind is not Kind.INTEGER:
            self.unexpected(what)
        return self._integer(negative=False)

    def _integer(self, *, negative: bool) -> int:
        token = self.advance()
        text = token.text.replace("_", "").lower()
        digits = text[2:].lstrip("0") if text[:2] in {"0x", "0o"} else text
        value = _MOST + 2 if len(digits) > _DIGITS else int(text, 0)
        if value > _MOST + negative:
            sign = "-" if negative else ""
            problem = f"{sign}{token.text[:_DIGITS]} is outside of what an integer of 64 bits can be."
            raise self.error("IntegerOverflow", problem, token.at)
        return -value if negative else value

    def list_literal(self) -> ListLiteral:
        """Read [a, b]; the bracket stands here."""
        at = self.expect("[").at
        if self.take("]"):
            return ListLiteral(at, ())
        items = self.listed(self.expression)
        self.expect("]")
        return ListLiteral(at, items)

    def map_literal(self) -> MapLiteral:
        """Read {key: value}; the brace stands here."""
        at = self.expect("{").at
        if self.take("}"):
            return MapLiteral(at, ())
        entries = self.listed(self._entry)
        self.expect("}")
        return MapLiteral(at, entries)

    def _entry(self) -> tuple[str, Expression]:
        name = self.any_name("a key")
        self.expect(":")
        return name, self.expression()

    def map_or_parameter(self) -> Expression:
        """Read what may stand for the properties of a pattern, and for options."""
        return self.parameter() if self.token.kind is Kind.PARAMETER else self.map_literal()

    def dotted(self, what: str) -> str:
        """Read a name with its namespace: date.truncate."""
        parts = [self.any_name(what)]
        while self.take("."):
            parts.append(self.any_name(what))
        return ".".join(parts)
