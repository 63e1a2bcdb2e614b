"""The ids of all that is to be read, in order, on disk: what was listed once stays listed while the source changes."""

import sqlite3
import weakref
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final, Literal

from kgmem.domain.errors import InvalidInput

Kind = Literal["node", "relationship"]
KINDS: Final[tuple[Kind, ...]] = ("node", "relationship")

_LONGEST = 1000  # Characters of an id.
_PAGE = 10_000


class Ids:
    """Ids of nodes and relationships, each once, in a temporary database that goes with the object."""

    def __init__(self) -> None:
        """Make room for them."""
        # An empty name is a private file that SQLite takes away. One thread at a time uses it.
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        weakref.finalize(self, self._database.close)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE listed (kind TEXT, id TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID")
        self._database.execute("BEGIN")  # Nothing is ever committed, since nobody else reads it.

    def add(self, kind: Kind, id_: object) -> None:
        """Add an id. Raises InvalidInput."""
        text = str(id_)
        if len(text) > _LONGEST or not text.isprintable():
            raise InvalidInput(f"The server gives an id that is none: {text[:40]!r}.", hint="Is it a graph database?")
        self._database.execute("INSERT OR IGNORE INTO listed VALUES (?, ?)", (kind, text))

    def clear(self, kind: Kind) -> None:
        """Forget all ids of a kind."""
        self._database.execute("DELETE FROM listed WHERE kind = ?", (kind,))

    def count(self) -> int:
        """Return how many ids there are."""
        count: int = self._database.execute("SELECT count(*) FROM listed").fetchone()[0]
        return count

    def pages(self, kind: Kind, size: int) -> Iterator[list[str]]:
        """Return the ids of a kind in order, so many at a time."""
        rows = self._database.execute("SELECT id FROM listed WHERE kind = ? ORDER BY id", (kind,))
        while page := rows.fetchmany(size):
            yield [id_ for (id_,) in page]

    def digest(self) -> str:
        """Return a text that is the same for the same ids alone."""
        told = blake2b(digest_size=16)
        for kind in KINDS:
            told.update(kind.encode())
            for page in self.pages(kind, _PAGE):
                told.update("\n".join(["", *page]).encode())
        return told.hexdigest()
