"""The cursor over tokens, and the smallest expressions: literals, parameters, names, property keys."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import NoReturn, TypeVar

from kgmem.query.errors import CypherError, closest
from kgmem.query.lexer import Kind, Token, tokens
from kgmem.query.tree.expressions import (
    Expression,
    FloatLiteral,
    IntegerLiteral,
    ListLiteral,
    MapLiteral,
    Parameter,
    StringLiteral,
    Variable,
)

# How deep parentheses, lists, calls and subqueries may stand in each other, and how high an expression's tree may be:
# both well within what Python's stack bears in whatever walks the tree later.
MAX_NESTING = 60
MAX_HEIGHT = 150

_OPENING = {"(": ")", "[": "]", "{": "}"}
T = TypeVar("T")


class Cursor:
    """A cursor over the tokens of one query. `token` is the one that comes next."""

    def __init__(self, query: str) -> None:
        """Read the query's tokens and stand before the first. Raises CypherError."""
        self.query = query
        self._tokens = tokens(query)
        self._position = 0
        self.token = self._tokens[0]
        self.passed = 0  # Where the token before this one ends.
        self._nesting = 0
        self._closings: dict[int, int] | None = None

    def advance(self) -> Token:
        """Return the token that stands here, and go on to the next."""
        token = self.token
        if token.kind is not Kind.END:
            self._position += 1
            self.token = self._tokens[self._position]
            self.passed = token.end
        return token

    def ahead(self, count: int = 1) -> Token:
        """Return a token further on; the end when there is none."""
        at = self._position + count
        return self._tokens[at] if at < len(self._tokens) else self._tokens[-1]

    def after_closing(self, count: int = 0) -> int | None:
        """Return how far ahead the token stands that follows the bracket which closes the one `count` ahead."""
        if self._closings is None:
            self._closings = _closings(self._tokens)
        closing = self._closings.get(self._position + count)
        return None if closing is None else closing + 1 - self._position

    def take(self, word: str) -> bool:
        """Go past a symbol or keyword if it stands here."""
        if self.token.upper == word:
            self.advance()
            return True
        return False

    def stands(self, *words: str) -> bool:
        """Whether these symbols and keywords come next, in this order."""
        return all(self.ahead(count).upper == word for count, word in enumerate(words))

    def take_all(self, *words: str) -> bool:
        """Go past several symbols and keywords if all stand here."""
        if not self.stands(*words):
            return False
        for _ in words:
            self.advance()
        return True

    def expect(self, word: str, *more: str) -> Token:
        """Go past a symbol or keyword, and those after it. Raises CypherError where another stands."""
        if self.token.upper != word:
            self.unexpected(word, [word] if word.isalpha() else ())
        token = self.advance()
        for other in more:
            self.expect(other)
        return token

    def one_of(self, *words: str) -> str:
        """Go past one of several keywords, and give which."""
        if self.token.upper not in words:
            self.unexpected(_either(words), words)
        return self.advance().upper

    def any_name(self, what: str) -> str:
        """Go past a name of any kind, keywords included, and give it."""
        if self.token.kind is not Kind.WORD and self.token.kind is not Kind.QUOTED:
            self.unexpected(what)
        return self.advance().text

    def variable(self, what: str = "a variable") -> Variable:
        """Go past a variable's name."""
        at = self.token.at
        return Variable(at, self.any_name(what))

    def named(self) -> bool:
        """Whether a name stands here."""
        return self.token.kind is Kind.WORD or self.token.kind is Kind.QUOTED

    def listed(self, part: Callable[[], T]) -> tuple[T, ...]:
        """Return one or more parts with commas between."""
        found = [part()]
        while self.take(","):
            found.append(part())
        return tuple(found)

    def enter(self) -> None:
        """Note that a nested part begins. Raises CypherError where that is too deep."""
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            self.too_deep(f"is nested more than {MAX_NESTING} levels deep")

    def leave(self) -> None:
        """Note that a nested part has ended."""
        self._nesting -= 1

    def too_deep(self, how: str) -> NoReturn:
        """Raise the error of an expression that later steps could not walk."""
        hint = "Compute a part of it in an earlier WITH, or compare with a list: x IN [...]."
        raise self.error("TooDeeplyNested", f"The query {how} here.", self.token.at, hint=hint)

    def unexpected(self, expected: str, known: Iterable[str] = ()) -> NoReturn:
        """Raise the error that shows what is here and what was expected; `known` words may have been misspelt."""
        token = self.token
        hint = closest(token.text, known) if token.kind is Kind.WORD else ""
        shown = "end of the query" if token.kind is Kind.END else repr(_shown(token, self.query))
        raise self.error(_detail(token), f"Unexpected {shown}: expected {expected}.", token.at, hint=hint)

    def error(self, detail: str, problem: str, at: int, *, hint: str = "") -> CypherError:
        """Return an error of this query, to be raised."""
        return CypherError(detail, problem, query=self.query, at=at, hint=hint)


def _detail(token: Token) -> str:
    return "InvalidUnicodeCharacter" if token.kind is Kind.FOREIGN else "UnexpectedSyntax"


def _shown(token: Token, query: str) -> str:
    text = query[token.at : token.end]
    return text if len(text) <= 40 else f"{text[:40]}..."


def _either(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _closings(found: list[Token]) -> dict[int, int]:
    closings: dict[int, int] = {}
    opened: list[tuple[int, str]] = []
    for index, token in enumerate(found):
        if token.upper in _OPENING:
            opened.append((index, _OPENING[token.upper]))
        elif opened and token.upper == opened[-1][1]:
            closings[opened.pop()[0]] = index
    return closings


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
            problem = f"Invalid number {token.text[:_DIGITS]}."
            hint = "Write numbers as 12, 1.5, 1e-5, 0x1F or 0o17."
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
            problem = f"{sign}{token.text[:_DIGITS]} does not fit into a 64-bit integer."
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
