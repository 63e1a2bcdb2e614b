"""What the files of an import state by key, in a temporary database on disk: memory stays small however many they are.

SQLite keeps its file under no name, so that nothing is left of it when the process dies.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import Any

import orjson

from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.errors import Unavailable
from kgmem.domain.graph.batch import Columns
from kgmem.domain.graph.scope import SHARED, NamedShared
from kgmem.domain.imports import DuplicateKey, Duplicates, EntityState
from kgmem.formats.records import KINDS, Kind, Located, Rejected, kind_of

_INTERRUPTED = 0.001  # Seconds between two attempts to end the statement of another thread.
_SHOWN = 10  # Duplicates of one file and kind that are named by line and key.
# 16,384 KiB are kept in memory; the rest is on disk.
_TABLES = """
PRAGMA cache_size = -16384;
PRAGMA journal_mode = off;
PRAGMA synchronous = off;
PRAGMA temp_store = file;
CREATE TABLE stated (hash INTEGER, file INTEGER, kind INTEGER, scope TEXT, key TEXT, line INTEGER);
CREATE TABLE present (kind INTEGER, scope TEXT, key TEXT, label TEXT, PRIMARY KEY (kind, scope, key)) WITHOUT ROWID;
CREATE TABLE said (scope TEXT, key TEXT, record TEXT);
CREATE INDEX said_of ON said (scope, key);
CREATE TABLE state (
    scope TEXT, key TEXT, version INTEGER, label TEXT, stored TEXT, PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE TABLE held_value (
    label TEXT, properties TEXT, scope TEXT, value TEXT, key TEXT, PRIMARY KEY (label, properties, scope, value)
) WITHOUT ROWID;
CREATE INDEX held_by ON held_value (scope, key);
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
_STATE = "SELECT version, label, stored FROM state WHERE scope = ? AND key = ?"
_HOLDER = "SELECT key FROM held_value WHERE label = ? AND properties = ? AND scope = ? AND value = ?"

Found = tuple[str, Columns | Located | Rejected]  # With the name of its file.
Place = tuple[str, str]  # Scope and key.
Spooled = tuple[str, int, Kind, str]  # File, line, kind and record.


class StatedKeys:
    """The keys that were read so far. Its methods block; any thread may call them, one at a time gets in.

    A caller that is cancelled leaves its thread at work: `close` waits for that thread, since SQLite crashes the
    process when a connection is closed under a running statement. Every method raises Unavailable when the disk for
    temporary files is full, and after `close`.
    """

    def __init__(self, scope: str = SHARED) -> None:
        """Take the scope of records that name none, and make the temporary database."""
        self._scope = scope
        self._files: dict[str, int] = {}
        self._lock = threading.Lock()
        with _translating():
            self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
            self._database.executescript(_TABLES)
            self._database.execute("BEGIN")

    def close(self) -> None:
        """Remove the temporary database; a statement that runs in another thread is interrupted first."""
        while not self._lock.acquire(timeout=_INTERRUPTED):
            self._database.interrupt()  # Again and again: a statement that has not begun yet does not notice it.
        try:
            self._database.close()
        finally:
            self._lock.release()

    def take(self, chunk: Sequence[Found]) -> None:
        """Note the keys that a chunk of records states, each with its file and line."""
        with self._use() as database:
            database.executemany("INSERT INTO stated VALUES (?, ?, ?, ?, ?, ?)", self._stated(chunk))

    def duplicates(self) -> Sequence[Duplicates]:
        """Return which files state a key more than once: by file and kind how often, and the first of them."""
        names = {number: name for name, number in self._files.items()}
        with self._use() as database:
            database.execute("DROP TABLE IF EXISTS duplicate")
            database.execute(_DUPLICATES)
            return [
                Duplicates(names[file], KINDS[kind], count, self._first(database, file, kind))
                for file, kind, count in database.execute(_COUNTS).fetchall()
            ]

    def add_present(self, kind: Kind, items: Iterable[tuple[str, str, str | None]]) -> None:
        """Note what the import would store: scope, key, and the label where one is stated."""
        number = KINDS.index(kind)
        with self._use() as database:
            database.executemany(_PRESENT, ((number, *item) for item in items))

    def present(self, kind: Kind, wanted: Sequence[Place]) -> Mapping[Place, str | None]:
        """Return the labels of those of the wanted items that the import would store."""
        found: dict[Place, str | None] = {}
        with self._use() as database:
            for place in wanted:
                for (label,) in database.execute(_LABEL_OF_PRESENT, (KINDS.index(kind), *place)):
                    found[place] = label
        return found

    def say(self, place: Place, record: str) -> None:
        """Note what is stated of an entity, as its state is not worked out."""
        with self._use() as database:
            database.execute("INSERT INTO said VALUES (?, ?, ?)", (*place, record))

    def said(self, place: Place) -> Sequence[str]:
        """Return what was stated of an entity, in its order."""
        with self._use() as database:
            rows = database.execute("SELECT record FROM said WHERE scope = ? AND key = ? ORDER BY rowid", place)
            return [record for (record,) in rows]

    def put_state(self, place: Place, state: tuple[int, str, str]) -> None:
        """Note what an entity is by now: its version, label and stored properties."""
        with self._use() as database:
            database.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?)", (*place, *state))

    def states(self, places: Sequence[Place]) -> Mapping[Place, EntityState]:
        """Return what those entities are by now of which the state was worked out."""
        found: dict[Place, EntityState] = {}
        with self._use() as database:
            for place in places:
                for version, label, stored in database.execute(_STATE, place):
                    found[place] = EntityState(version, label, orjson.loads(stored))
        return found

    def hold_values(self, place: Place, values: Sequence[tuple[str, str, str, str]]) -> None:
        """Note the unique values that an entity has by now: label, properties, scope and value of each."""
        with self._use() as database:
            database.execute("DELETE FROM held_value WHERE scope = ? AND key = ?", place)
            rows = [(*value, place[1]) for value in values]
            database.executemany("INSERT OR REPLACE INTO held_value VALUES (?, ?, ?, ?, ?)", rows)

    def holder_of(self, value: tuple[str, str, str, str]) -> str | None:
        """Return the key of the entity of the files that has a unique value by now."""
        with self._use() as database:
            row = database.execute(_HOLDER, value).fetchone()
        return None if row is None else row[0]

    def spool(self, records: Iterable[Spooled]) -> None:
        """Keep records on disk until all files are read."""
        with self._use() as database:
            database.executemany("INSERT INTO waiting (file, line, kind, record) VALUES (?, ?, ?, ?)", records)

    def spooled(self, kind: Kind, most: int) -> Iterator[Sequence[Spooled]]:
        """Return the records of a kind that were kept, in their order, at most so many at a time."""
        after = 0
        while True:
            with self._use() as database:
                rows = database.execute(
                    "SELECT id, file, line, kind, record FROM waiting WHERE id > ? AND kind = ? ORDER BY id LIMIT ?",
                    (after, kind, most),
                ).fetchall()
            if not rows:
                return
            yield [row[1:] for row in rows]
            after = rows[-1][0]

    @contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _translating():
            yield self._database

    def _first(self, database: sqlite3.Connection, file: int, kind: int) -> Sequence[DuplicateKey]:
        return [DuplicateKey(*row) for row in database.execute(_FIRST, (file, kind, _SHOWN))]

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
            hint="Free space on the disk for temporary files, or set TMPDIR to another folder; then import again.",
        ) from error
