"""What the parts of a search share: the question as the index sees it, and what a dimension adds to the statement."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

from kgmem.domain.errors import KgmemError
from kgmem.domain.graph.embedding import Vector
from kgmem.domain.recall.question import Question
from kgmem.store.db.sql import NOTHING, SQL, compose, join, parameter, replaced

_PLACE = re.compile(r"\$\d+")
_WITH = SQL("WITH RECURSIVE ")
STANDS = 0  # What a candidate is told to be when nothing holds it back.


@dataclass(slots=True)
class Parameters:
    """The values of a statement under construction, each with its place in the text."""

    values: list[Any] = field(default_factory=list)
    texts: list[SQL] = field(default_factory=list)

    def add(self, value: Any, type_: LiteralString) -> SQL:
        """Bind a value; return the text that stands for it."""
        self.values.append(value)
        self.texts.append(parameter(len(self.values), type_))
        return self.texts[-1]

    def complete(self, sql: SQL) -> SQL:
        """A statement (WITH RECURSIVE ...) with a place for each value: Postgres takes none that has no place."""
        used = set(_PLACE.findall(sql))
        unused = [text for text in self.texts if text.partition("::")[0] not in used]
        if not unused:
            return sql
        return replaced(sql, _WITH, compose("{}unused AS (SELECT {}), ", _WITH, join(", ", unused)), most=1)


@dataclass(frozen=True, slots=True)
class ArchiveNumbers:
    """What a search knows of the archive: the number of the graph's space there, its dimension, and how many it has."""

    space: int
    dimension: int
    archived: int  # About so many passages.
    passages: int  # And about so many in the indexes.
    enough: float  # The relevance of the best hit from which on the archive need not be searched.


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A question as the index sees it: with its vector, and the labels whose past is never superseded."""

    question: Question
    vector: Vector | None
    occurrences: Sequence[str]
    words: bool  # Whether pg_textsearch indexes the words.
    archive: ArchiveNumbers | None = None  # Of the archive, where it is searched too.


@dataclass(frozen=True, slots=True)
class Dimension:
    """What a dimension (where, when, why, ...) adds to the candidate statement, in SQL without any text of callers.

    `condition` and `value` speak of a row `i` of the item table. A greater value is better, and null is none at all.
    """

    name: str  # Of the retriever.
    tables: Sequence[SQL] = ()  # Entries of WITH, "name AS (...)", which the rest refers to.
    condition: SQL = NOTHING  # What every candidate must meet.
    candidates: SQL = NOTHING  # A query that gives (item, value, stands): what the dimension finds by itself.
    value: SQL = NOTHING  # The retriever's value of a candidate, whichever retriever found it.
    # A query for the ids (id) of at least all that can meet the condition, by an index. It is read as far as it
    # counts (prefilter.py): where it gives few, retrievers compare just these, so that HNSW loses nothing by a filter.
    reads: SQL = NOTHING
    # A query (item) that chooses few out of what meets every condition of the question; only these are candidates. It
    # has the pieces that `candidates` has; its %(filters)s tell what stands, too.
    chooses: SQL = NOTHING
    refusals: Sequence[tuple[SQL, KgmemError]] = ()  # Conditions under which the question ends in an error.
    # Queries (retriever, item, value, stands, ids) for what else is told; they may read `found`, all that the
    # retrievers found.
    notes: Sequence[SQL] = ()
    # A query (item, retriever) over `notes`, the rows of all notes, for candidates beside what was found.
    beside: SQL = NOTHING
