"""Lexemes: the words of the passages of small scopes, stored so that a recall does not parse each text again.

Where a question sees only a small part of a graph, its words are weighed by that part alone (`words_few`, recall.sql):
the text index could only weigh them by the whole graph. What a recall finds without lexemes it stores first.
"""

import contextlib
import time

from kgmem.domain.errors import OutOfSpace
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.recall.question import Question
from kgmem.store.db.database import Database
from kgmem.store.db.sql import fill, parameter
from kgmem.store.graph.layout import Layout
from kgmem.store.search.retrievers import all_large

_LOOK_EVERY = 2.0  # Seconds between looks at one scope.
_WORTH = 10  # From so many passages on storing is worth a transaction; fewer are parsed in a millisecond.
_MOST = 5_000  # Passages that one recall stores. A small scope of each path element has a thousand.
_MOST_SCOPES = 100_000  # Whose last look is remembered.


class Lexemes:
    """Knows when this process last looked whether the lexemes of a scope are stored."""

    def __init__(self, database: Database) -> None:
        """Take the database that may be written to."""
        self._database = database
        self._looked: dict[tuple[int, str], float] = {}

    async def ensure_stored(self, layout: Layout, question: Question) -> None:
        """Store the lexemes of what a question sees where it is small and many are missing.

        A replica and a full disk store none.
        """
        if all_large(layout, question.scope):
            return
        key, now = (layout.id, question.scope), time.monotonic()
        if now - self._looked.get(key, -_LOOK_EVERY) < _LOOK_EVERY:
            return
        if len(self._looked) >= _MOST_SCOPES:
            self._looked.clear()
        self._looked[key] = now
        paths = list(visible_from(question.scope))
        missing = fill(
            layout.sql("lexemes", "missing"),
            {"seen": fill(layout.sql("recall", "seen"), {"paths": parameter(1, "text[]")})},
        )
        # On a full disk the texts are parsed, as on a replica.
        with contextlib.suppress(OutOfSpace):
            async with self._database.connection() as connection:
                if await connection.fetchval(missing, paths, _WORTH):
                    await connection.execute(layout.sql("lexemes", "store"), paths, _MOST)
