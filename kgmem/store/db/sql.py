"""SQL as a type of its own: fragments of literal text, composed, with names quoted in one place.

mypy refuses a plain str where SQL is expected, and f-strings, %, + and format give plain str. So a text of a caller
cannot become SQL: its values are parameters ($1), and its names go through `identifier`. At run time SQL is the str
that asyncpg takes, and its statement cache looks up.
"""

from collections.abc import Iterable, Mapping
from typing import LiteralString, NewType

# A statement or a part of one. It is called with literal text only: mypy takes LiteralString for str, so that a house
# test checks it.
SQL = NewType("SQL", str)
NOTHING = SQL("")


def compose(template: LiteralString, *fragments: SQL, **named: SQL) -> SQL:
    """Return a literal template with its {places} filled by fragments, as str.format does."""
    return SQL(template.format(*fragments, **named))


def fill(statement: SQL, fragments: Mapping[str, SQL]) -> SQL:
    """Return a statement, mostly of a file, with all its %(places)s filled. Raises KeyError where one is missing."""
    return SQL(statement % fragments)


def join(separator: LiteralString, fragments: Iterable[SQL]) -> SQL:
    """Return fragments as one, with a literal separator between them."""
    return SQL(separator.join(fragments))


def stripped(statement: SQL) -> SQL:
    """Return a statement without the space at its ends."""
    return SQL(statement.strip())


def replaced(statement: SQL, fragment: SQL, other: SQL, *, most: int = -1) -> SQL:
    """Return a statement with the first occurrences of a fragment, unless `most` is given all, replaced by another."""
    return SQL(statement.replace(fragment, other, most))


def identifier(*names: str) -> SQL:
    """Return a name as a quoted SQL identifier; of several, such as a schema and its table, with dots between."""
    return SQL(".".join('"' + name.replace('"', '""') + '"' for name in names))


def literal(text: str) -> SQL:
    """Return a text as an SQL string constant, where Postgres takes no parameter."""
    return SQL("'" + text.replace("'", "''") + "'")


def deparsed(text: str) -> SQL:
    """Return SQL that Postgres wrote itself: what pg_get_indexdef and the like, or a catalog, show of a definition."""
    return SQL(text)


def number(value: float) -> SQL:
    """Return a number that is no value of a caller's, such as a limit."""
    return SQL(str(value + 0))


def parameter(place: int, type_: LiteralString = "") -> SQL:
    """Return the placeholder of a statement's parameter at a place, counted from 1: "$1", or with a type "$1::text"."""
    return SQL(f"${place}::{type_}" if type_ else f"${place}")


def later(*places: LiteralString) -> dict[str, SQL]:
    """Return what leaves places of a statement as they are, for a fill that comes later."""
    return {place: SQL(f"%({place})s") for place in places}
