"""What the files of an import state by key, in a temporary database on disk: memory stays small however many they are.

SQLite keeps its file under no name, so that nothing is left of it when the process dies.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import Any

from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.errors import Unavailable
from kgmem.domain.graph.batch import Columns
from kgmem.domain.graph.scope import SHARED, NamedShared
from kgmem.domain.imports import DuplicateKey, Duplicates
from kgmem.formats.records import KINDS, Kind, Located, Rejected, kind_of

_SHOWN = 10  # Duplicates of one file and kind that are named by line and key.
# 16,384 KiB are kept in memory; the rest is on disk.
_TABLES = """
PRAGMA cache_size = -16384;
PRAGMA journal_mode = off;
PRAGMA synchronous = off;
PRAGMA temp_store = file;
CREATE TABLE stated (hash INTEGER, file INTEGER, kind INTEGER, scope TEXT, key TEXT, line INTEGER);
CREATE TABLE present (kind INTEGER, scope TEXT, key TEXT, label TEXT, PRIMARY KEY (kind, scope, key)) WITHOUT ROWID;
CREATE TABLE waiting (id INTEGER PRIMARY KEY, file TEXT, line INTEGER, kind TEXT, record TEXT);
"""
_DUPLICATES = """
CREATE TABLE duplicate AS SELECT hash, file, kind, scope, key, min(rowid) AS first, count(*) - 1 AS further
FROM stated GROUP BY hash, file, kind, scope, key HAVING count(*) > 1
"""  # The hash first, since SQLite sorts whole numbers several times faster than texts.
_COUNTS = "SELECT file, kind, sum(further) FROM duplicate GROUP BY file, kind ORDER BY file, kind"
_FIRST = """
SELECT s.line, s.key, f.line FROM stated s
JOIN duplicate d ON d.hash = s.hash AND d.file = s.file AND d.kind = s.kind AND d.scope = s.scope AND d.key = s.key
    AND s.rowid > d.first
JOIN stated f ON f.rowid = d.first
WHERE s.file = ? AND s.kind = ? ORDER BY s.rowid LIMIT ?
"""
_PRESENT = """
INSERT INTO present VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET label = coalesce(excluded.label, label)
"""
_LABEL_OF_PRESENT = "SELECT label FROM present WHERE kind = ? AND scope = ? AND key = ?"

Found = tuple[str, Columns | Located | Rejected]  # With the name of its file.
Place = tuple[str, str]  # Scope and key.
Spooled = tuple[str, int, Kind, str]  # File, line, kind and record.


class StatedKeys:
    """The keys that were read so far; its methods block, and are called from one thread at a time.

    Every method raises Unavailable when the disk for temporary files is full.
    """

    def __init__(self, scope: str = SHARED) -> None:
        """Take the scope of records that name none, and make the temporary database."""
        self._scope = scope
        self._files: dict[str, int] = {}
        with _translating():
            self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
            self._database.executescript(_TABLES)
            self._database.execute("BEGIN")

    def close(self) -> None:
        """Remove the temporary database."""
        self._database.close()

    def take(self, chunk: Sequence[Found]) -> None:
        """Note the keys that a chunk of records states, each with its file and line."""
        with _translating():
            self._database.executemany("INSERT INTO stated VALUES (?, ?, ?, ?, ?, ?)", self._stated(chunk))

    def duplicates(self) -> Sequence[Duplicates]:
        """Give which files state a key more than once: by file and kind how often, and the first of them."""
        names = {number: name for name, number in self._files.items()}
        with _translating():
            self._database.execute("DROP TABLE IF EXISTS duplicate")
            self._database.execute(_DUPLICATES)
            return [
                Duplicates(names[file], KINDS[kind], count, self._first(file, kind))
                for file, kind, count in self._database.execute(_COUNTS).fetchall()
            ]

    def add_present(self, kind: Kind, items: Iterable[tuple[str, str, str | None]]) -> None:
        """Note what the import would store: scope, key, and the label where one is stated."""
        number = KINDS.index(kind)
        with _translating():
            self._database.executemany(_PRESENT, ((number, *item) for item in items))

    def present(self, kind: Kind, wanted: Sequence[Place]) -> Mapping[Place, str | None]:
        """Give the labels of those of the wanted items that the import would store."""
        found: dict[Place, str | None] = {}
        with _translating():
            for place in wanted:
                for (label,) in self._database.execute(_LABEL_OF_PRESENT, (KINDS.index(kind), *place)):
                    found[place] = label
        return found

    def spool(self, records: Iterable[Spooled]) -> None:
        """Keep records on disk until all files are read."""
        with _translating():
            self._database.executemany("INSERT INTO waiting (file, line, kind, record) VALUES (?, ?, ?, ?)", records)

    def spooled(self, kind: Kind, most: int) -> Iterator[Sequence[Spooled]]:
        """Give the records of a kind that were kept, in their order, at most so many at a time."""
        after = 0
        while True:
            with _translating():
                rows = self._database.execute(
                    "SELECT id, file, line, kind, record FROM waiting WHERE id > ? AND kind = ? ORDER BY id LIMIT ?",
                    (after, kind, most),
                ).fetchall()
            if not rows:
                return
            yield [row[1:] for row in rows]
            after = rows[-1][0]

    def _first(self, file: int, kind: int) -> Sequence[DuplicateKey]:
        return [DuplicateKey(*row) for row in self._database.execute(_FIRST, (file, kind, _SHOWN))]

    def _stated(self, chunk: Sequence[Found]) -> Iterator[tuple[int, int, int, str, str, int]]:
        for name, found in chunk:
            file = self._files.setdefault(name, len(self._files))
            if isinstance(found, Columns):
                yield from self._in_columns(file, found)
            elif isinstance(found, Located) and not isinstance(found.record, BeliefRecord):
                record = found.record
                if record.key:
                    scope = getattr(record, "scope", SHARED)
                    given = SHARED if isinstance(scope, NamedShared) else str(scope) or self._scope
                    yield hash(record.key), file, KINDS.index(kind_of(record)), given, str(record.key), found.line

    def _in_columns(self, file: int, columns: Columns) -> Iterator[tuple[int, int, int, str, str, int]]:
        keys: Any = columns.fields.get("key")
        if keys is None or keys.null_count == len(columns):
            return
        kind = KINDS.index(columns.kind)
        named: Any = columns.fields.get("scope")
        scopes = (each or self._scope for each in named.to_pylist()) if named is not None else repeat(self._scope)
        for scope, key, line in zip(scopes, keys.to_pylist(), columns.lines.to_pylist(), strict=False):
            if key:
                yield hash(key), file, kind, scope, key, line


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(
            f"The temporary file for the keys of the import cannot be written: {error}.",
            mend="Free space on the disk for temporary files, or name another folder by TMPDIR; then import again.",
        ) from error
