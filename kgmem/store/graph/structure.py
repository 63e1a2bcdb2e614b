"""The tables of a graph against those that a new graph gets: tables, columns, indexes, triggers, functions, sequences.

What a new graph gets is made in a schema of another name, read from the catalogue, and undone: so nothing has to be
listed twice, and a definition that is missing can be made from the one that was read.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import asyncpg

from kgmem.domain.diagnostics import Damage
from kgmem.domain.errors import KgmemError
from kgmem.domain.schema.schema import GraphSchema
from kgmem.log import EventLog
from kgmem.store.db.database import Database
from kgmem.store.db.sql import NOTHING, SQL, compose, deparsed, fill, identifier, number
from kgmem.store.db.statements import forget_statements, statement
from kgmem.store.graph import property_indexes, unique_rules
from kgmem.store.graph.catalog import PostgresCatalog, make_tables
from kgmem.store.graph.checks import damage
from kgmem.store.graph.epoch import track_epoch
from kgmem.store.graph.layout import EDGE, Label, Layout, asof_of, learn_labels, learn_subsystems
from kgmem.store.graph.subsystems import SUBSYSTEMS

log = EventLog(__name__)

Renamed = Callable[[str], str]  # From the text about the tables of a new graph to the same about the graph's own.
KEYWORD_INDEX = "passage_words"  # Made by sync/keyword_index_repair.py, checked by keyword_index.


@dataclass(slots=True)
class Structure:
    """What a graph's tables lack; `statements` make what can be made again."""

    missing: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    statements: list[SQL] = field(default_factory=list)
    keyword_index_gone: bool = False

    def lacks(self, check: str, name: str, make: SQL | None = None) -> None:
        """Note what is missing, and the statement that makes it again."""
        self.missing[check].append(name)
        if make:
            self.statements.append(make)

    def damages(self) -> list[Damage]:
        """Return the findings."""
        return [damage(check, len(names), ", ".join(names[:5])) for check, names in self.missing.items()]


@dataclass(frozen=True, slots=True)
class _Expected:
    """What the tables of a new graph have: index name -> row, and so on, with the schema's name as in the graph."""

    columns: frozenset[tuple[str, str, str, bool]]
    indexes: Mapping[str, tuple[str, SQL]]  # Definition without the index's name -> (name, statement).
    code: Mapping[tuple[str, str], str]


async def compare_structure(
    connection: asyncpg.Connection, layout: Layout, schema: GraphSchema, *, words: bool
) -> Structure:
    """Compare a graph's tables with those of a new graph; `words` is whether the database has BM25."""
    found = Structure()
    await learn_subsystems(connection, layout)
    expected = await _expected(connection, layout)
    await _compare_tables(connection, layout, expected, found)
    await _compare_indexes(connection, layout, expected, found, words=words)
    await _compare_code(connection, layout, expected, found)
    await _compare_labels(connection, layout, schema, found)
    for row in await connection.fetch(statement("integrity", "uncaptured"), layout.age_name):
        make = fill(layout.sql("integrity", "repair_capture", table=row["table"]), {"graph_id": number(layout.id)})
        found.lacks("capture", f"{layout.age_name}.{row['table']}", make)
    return found


async def make_missing(catalog: PostgresCatalog, layout: Layout) -> bool:
    """Make the indexes, constraints, triggers and functions that a graph lacks; say whether all could be made."""

    async def compare(connection: asyncpg.Connection) -> Structure:
        await learn_labels(connection, layout)
        return await compare_structure(connection, layout, layout.schema(), words=catalog.words)

    found = await catalog.database.transact(compare)
    return all([await make(catalog.database, sql) for sql in found.statements])


async def make(database: Database, sql: SQL) -> bool:
    """Make one thing that is missing, in a transaction of its own; say whether it could be made."""

    async def work(connection: asyncpg.Connection) -> None:
        await connection.execute(SQL("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '10s'"))
        await connection.execute(sql)

    try:
        await database.transact(work)
    except (KgmemError, asyncpg.PostgresError) as error:
        log.warning("integrity_repair_failed", statement=sql, error=error)
        return False
    return True


async def _expected(connection: asyncpg.Connection, layout: Layout) -> _Expected:
    scratch = f"kgm_check_{secrets.token_hex(6)}"
    rows: dict[str, list[asyncpg.Record]] = {}
    undone = connection.transaction()
    await undone.start()
    try:
        made = [each for each in SUBSYSTEMS if each in layout.subsystems.made]
        await make_tables(connection, scratch, layout.id, layout.graph.space, made)
        await track_epoch(connection, scratch)
        for name in ("columns", "indexes"):
            rows[name] = await connection.fetch(statement("integrity", name), scratch)
        rows["code"] = await connection.fetch(statement("integrity", "code"), scratch, asof_of(scratch))
    finally:
        await undone.rollback()
        forget_statements(scratch)

    def named(text: str) -> str:
        return text.replace(scratch, layout.index_name)

    return _Expected(
        frozenset((row["table"], row["column"], row["type"], row["required"]) for row in rows["columns"]),
        {named(_shape(row)): (row["name"], _making(row, layout, named)) for row in rows["indexes"]},
        {(row["kind"], row["name"]): named(row["definition"]) for row in rows["code"]},
    )


def _shape(row: asyncpg.Record) -> str:
    """Return what an index does, whatever its name: its definition from ON onwards."""
    definition: str = row["definition"]
    return ("UNIQUE" if row["unique"] else "") + definition[definition.index(" ON ") :]


def _making(row: asyncpg.Record, layout: Layout, named: Renamed) -> SQL:
    if row["constraint"] is None:
        return deparsed(named(row["definition"]))
    table = identifier(layout.index_name, row["table"])
    return compose(
        "ALTER TABLE {} ADD CONSTRAINT {} {}", table, identifier(row["constraint"]), deparsed(row["constrained"])
    )


async def _compare_tables(
    connection: asyncpg.Connection, layout: Layout, expected: _Expected, found: Structure
) -> None:
    rows = await connection.fetch(statement("integrity", "columns"), layout.index_name)
    there = {(row["table"], row["column"], row["type"], row["required"]) for row in rows}
    tables = {row["table"] for row in rows}
    gone = {column[0] for column in expected.columns} - tables
    for table in sorted(gone):
        found.lacks("tables", table)
    for table, column, *_ in sorted(expected.columns - there):
        if table not in gone:
            found.lacks("tables", f"{table}.{column}")


async def _compare_indexes(
    connection: asyncpg.Connection, layout: Layout, expected: _Expected, found: Structure, *, words: bool
) -> None:
    rows = await connection.fetch(statement("integrity", "indexes"), layout.index_name)
    aside = {row["name"] for row in await connection.fetch(statement("integrity", "set_aside"), layout.id)}
    there = {_shape(row) for row in rows}
    for shape, (name, make) in expected.indexes.items():
        if shape not in there and name not in aside and not _on_missing(shape, layout, found):
            found.lacks("indexes", name, make)
    _lacks_valid(rows, layout.index_name, found)
    method = "bm25" if words else "gin"
    keyword = [row for row in rows if row["name"] == KEYWORD_INDEX and row["method"] == method and row["valid"]]
    if not keyword and KEYWORD_INDEX not in aside and "passage" not in found.missing.get("tables", []):
        found.keyword_index_gone = True
        found.lacks("indexes", KEYWORD_INDEX)


def _on_missing(shape: str, layout: Layout, found: Structure) -> bool:
    """Return whether an index is on a table that is missing itself."""
    return any(f" ON {layout.index_name}.{table} " in shape for table in found.missing.get("tables", []))


def _lacks_valid(rows: Iterable[asyncpg.Record], schema: str, found: Structure) -> None:
    for row in rows:
        if not row["valid"] and row["name"] != KEYWORD_INDEX:
            make = compose("REINDEX INDEX {}", identifier(schema, row["name"]))
            found.lacks("indexes", f"{row['name']} (not valid)", make)


async def _compare_code(connection: asyncpg.Connection, layout: Layout, expected: _Expected, found: Structure) -> None:
    rows = await connection.fetch(statement("integrity", "code"), layout.index_name, asof_of(layout.index_name))
    there = {(row["kind"], row["name"]): row["definition"] for row in rows}
    disabled = await connection.fetch(statement("integrity", "disabled_triggers"), layout.index_name)
    for row in disabled:
        table = identifier(layout.index_name, row["table"])
        make = compose("ALTER TABLE {} ENABLE TRIGGER {}", table, identifier(row["name"]))
        found.lacks("triggers", f"trigger {row['name']} on {row['table']} (disabled)", make)
    off = {("trigger", f"{row['name']} on {row['table']}") for row in disabled}
    # Functions first, since triggers call them; a view is compared by its presence, since Postgres words it anew.
    order = {"function": 0, "view": 1, "trigger": 2}
    gone = set(found.missing.get("tables", []))
    for key in sorted(expected.code.keys() - off, key=lambda each: (order[each[0]], each[1])):
        kind, name = key
        if key not in there or (kind == "function" and there[key] != expected.code[key]):
            lost = name.rpartition(" on ")[2] in gone
            found.lacks("triggers", f"{kind} {name}", None if lost else deparsed(expected.code[key]))


async def _compare_labels(
    connection: asyncpg.Connection, layout: Layout, schema: GraphSchema, found: Structure
) -> None:
    """Compare the indexes on label tables with those that kgmem and AGE make, and that the schema declares."""
    rows = await connection.fetch(statement("integrity", "indexes"), layout.age_name)
    aside = {row["name"] for row in await connection.fetch(statement("integrity", "set_aside"), layout.id)}
    _lacks_valid(rows, layout.age_name, found)
    names = {row["name"] for row in rows}
    first = {(row["table"], row["first"], row["unique"]) for row in rows if row["keys"] == 1 and row["valid"]}
    for label in layout.by_id.values():
        for column, unique in _wanted(label):
            wanted = {(label.age_name, column, True), (label.age_name, column, unique)}
            if wanted.isdisjoint(first) and not _noted(aside, label, column):
                make = compose(
                    "CREATE {}INDEX ON {} ({})",
                    SQL("UNIQUE ") if unique else NOTHING,
                    layout.table(label),
                    identifier(column),
                )
                found.lacks("indexes", f"{label.name} ({column})", make)
    for name, index in property_indexes.expected(layout.by_id.values(), schema).items():
        if name not in names and name not in aside:
            found.lacks("property-indexes", f"{index.label.name} ({', '.join(index.declared)})")
    for missing in await unique_rules.missing(connection, layout, property_indexes.expected_rules(schema)):
        found.lacks("property-indexes", missing)


def _wanted(label: Label) -> tuple[tuple[str, bool], ...]:
    return (("id", True), ("start_id", False), ("end_id", False)) if label.kind == EDGE else (("id", True),)


def _noted(aside: set[str], label: Label, column: str) -> bool:
    """Return whether a running import builds the index at its end."""
    return any(name.startswith(label.age_name[:20]) and column in name for name in aside)
