"""Bulk loading: a batch goes into a temporary table by COPY, and from there by set operations into the graph.

New records are inserted as a whole; records that repeat what is stored count as unchanged; only those that change an
existing one are merged one by one, in the same transaction.

What COPY reads is made of Arrow columns: those that a reader gave, and those that its single records become. Arrow
takes 43 MB of memory and a third of a second to load, so what works on it (arrow_copy.py, record_columns.py) comes in
with the first batch: a server that imports nothing does without.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from io import BytesIO
from typing import Any

import asyncpg
import orjson

from kgmem.domain.graph.batch import Batch, BatchKind, BatchResult, Rejection
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.graph import Graph
from kgmem.domain.graph.relationship import Relationship
from kgmem.store.db.savepoints import in_groups
from kgmem.store.db.sql import SQL
from kgmem.store.db.statements import statement
from kgmem.store.graph.layout import LABEL_SHIFT, Label, Layout
from kgmem.store.graph.records import loads, others_of
from kgmem.store.read.items import kept_keys

Describe = Callable[[Entity | Relationship], str]
_LINE_BITS = 40
_TABLES: Mapping[BatchKind, str] = {"entity": "kgmem_entities", "relationship": "kgmem_relationships"}


@dataclass(slots=True)
class StagedRows:
    """Rows ready for COPY, what must be known before they are loaded, and what is no row at all."""

    texts: list[tuple[Sequence[str], bytes]] = field(default_factory=list)  # Columns, and rows as CSV.
    count: int = 0
    labels: Counter[str] = field(default_factory=Counter)  # Or kinds: how many rows have each.
    scopes: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    worded: int = 0  # Relationships that have a text.
    vectors: int = 0  # Entities that have one.
    expiring: bool = False  # Whether some say when they expire.
    files: dict[str, int] = field(default_factory=dict)  # By name, in the order in which they are read.
    rejections: list[Rejection] = field(default_factory=list)

    def place_of_file(self, file: str) -> int:
        """Return the number that orders what a batch says by file, before its line is added."""
        return self.files.setdefault(file, len(self.files)) << _LINE_BITS


def stage_batch(graph: Graph, batch: Batch, describe: Describe) -> StagedRows:
    """Return the rows of a batch; a record of which nothing can be made is rejected alone, as `describe` writes it."""
    staged = StagedRows(files={file: n for n, file in enumerate(batch.files)})
    arrow_copy = import_module("kgmem.store.load.arrow_copy")
    if batch.records:
        record_columns = import_module("kgmem.store.load.record_columns").record_columns
        columns, staged.rejections = record_columns(graph, batch.kind, batch.records, describe)
        arrow_copy.stage_columns(columns, columns.files, batch, staged)
    for file, columns in batch.columns:
        arrow_copy.stage_columns(arrow_copy.of_lane(columns, batch), file, batch, staged)
    return staged


@dataclass(frozen=True, slots=True)
class BatchIds:
    """Ids for the rows of a batch: by label the one of its row number 0, which the others follow.

    Where writers took some in between, `scattered` tells which number each row of a label has instead.
    """

    bases: dict[str, int] = field(default_factory=dict)
    scattered: dict[str, Sequence[int]] = field(default_factory=dict)


@dataclass(slots=True)
class BatchLoad:
    """One batch on its way in: where it goes, which ids its rows get, and what became of it."""

    connection: asyncpg.Connection
    layout: Layout
    kind: int  # VERTEX or EDGE.
    numbers: BatchIds  # The ids of its rows, by label or kind.
    scopes: Mapping[str, int]
    import_id: int
    describe: Describe
    worded: bool = True  # Whether relationships of it may have texts.
    careful: bool = False  # Each row by itself, since an index refuses one of them.
    result: BatchResult = field(default_factory=BatchResult)

    @property
    def bases(self) -> Mapping[str, int]:
        """Return by label or kind the id that its row number 0 has."""
        return self.numbers.bases

    def sql(self, name: str, **names: str) -> SQL:
        """Return one of the loader's statements."""
        return self.layout.sql("copy_load", name, **names)

    def labels(self) -> list[tuple[Label, int]]:
        """Return the labels of the rows, each with the id that its row number 0 gets."""
        return [(self.layout.labels[self.kind, name], base) for name, base in self.bases.items()]

    async def execute(self, sql: SQL, *arguments: Any) -> int:
        """Run a statement; return how many rows it touched."""
        tag: str = await self.connection.execute(sql, *arguments)
        return int(tag.rpartition(" ")[2])

    def reject(self, row: Any, reason: str, record: Entity | Relationship) -> None:
        """Note a row that is not taken."""
        self.result.rejections.append(Rejection(row["file"], row["line"], reason, self.describe(record)))


async def take_numbers(connection: asyncpg.Connection, labels: Mapping[Label, int], *, alone: bool) -> BatchIds:
    """Take as many ids of each label as asked; what is not used is lost.

    `alone` keeps other loads out until the caller's transaction ends, so that the ids follow each other more often.
    All loads lock the labels in one order: two that met in different orders would wait for each other.
    """
    taken = BatchIds()
    for label, count in sorted(labels.items(), key=lambda pair: pair[0].sequence):
        if alone:
            await connection.execute(statement("copy_load", "one_at_a_time"), label.sequence)
        row = await connection.fetchrow(statement("copy_load", "take_numbers"), label.sequence, count)
        first = 0 if row["scattered"] else row["first"]
        taken.bases[label.name] = (label.id << LABEL_SHIFT) + first
        if row["scattered"]:
            taken.scattered[label.name] = row["scattered"]
    return taken


async def renumber(load: BatchLoad, kind: BatchKind) -> None:
    """Return staged rows the numbers that were taken for them, where these do not follow each other."""
    label = "label" if kind == "entity" else "kind"
    for name, numbers in load.numbers.scattered.items():
        await load.connection.execute(load.sql("renumber", table=_TABLES[kind], column=label), name, numbers)


async def copy_staged(connection: asyncpg.Connection, kind: BatchKind, staged: StagedRows) -> None:
    """Put staged rows into the connection's temporary table for their kind."""
    table = _TABLES[kind]
    for columns, text in staged.texts:
        await connection.copy_to_table(table, source=BytesIO(text), columns=columns, format="csv")


async def redirect(load: BatchLoad, kind: BatchKind) -> None:
    """Replace, in staged rows, keys of entities that were merged away by the keys of the kept ones."""
    if "merges" not in load.layout.subsystems.made:
        return
    named = await load.connection.fetch(load.sql(f"{kind}_keys_merged"))
    found = await kept_keys(load.connection, load.layout, ((row["scope"], row["key"]) for row in named))
    if found:
        columns = zip(*((scope, gone, kept) for (scope, gone), kept in found.items()), strict=True)
        await load.connection.execute(load.sql(f"redirect_{kind}"), *map(list, columns))


async def merge_rows(
    load: BatchLoad,
    rows: Sequence[Any],
    merge: Callable[[Sequence[Any]], Awaitable[None]],
    record_at: Callable[[Any], Entity | Relationship],
) -> None:
    """Merge rows in groups, each under a savepoint; a row that cannot be merged costs only itself."""
    await in_groups(load.connection, rows, merge, lambda row, reason: load.reject(row, reason, record_at(row)))


def stated_properties(stored: Mapping[str, Any], removed: str | None, what: str) -> dict[str, Any]:
    """Return the properties that a staged statement names: those it sets, and None for those it removes."""
    names: list[str] = orjson.loads(removed) if removed else []
    return others_of(stored, what) | dict.fromkeys(names)


def origins_at(row: Any) -> Sequence[str]:
    """Return what a staged statement is derived from."""
    return tuple(orjson.loads(row["derived_from"])) if row["derived_from"] else ()


def staged(row: Any) -> dict[str, Any]:
    """Return the properties that stand in a staged row."""
    return loads(row["stored"])
