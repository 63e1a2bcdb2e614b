"""The sweep of an erasure: no row keeps one of the texts, in whichever table it is, unless a rule says why."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.erasure.erasure import Kept, Progress
from kgmem.domain.erasure.sought import Redactor, Sought
from kgmem.store.agents.traces import SCHEMAS, FoundRow, SearchedTable, TextSearch, schemas_of, tables_of
from kgmem.store.db.database import Database
from kgmem.store.db.sql import SQL, compose, identifier, join, parameter
from kgmem.store.db.statements import statement
from kgmem.store.erasure.rules import LAST, OF_GRAPH, WHOLE, rule_of
from kgmem.store.graph.layout import Layout

_FILE: Final = "erasure"
_AT_ONCE: Final = 200
_PASSES: Final = 4  # What triggers keep of rows that change is found by the pass after.
_JSON: Final = frozenset({"json", "jsonb"})
_TEXT: Final = frozenset({"text", "character varying", "name"})
_TEXTS: Final = frozenset({"text[]", "character varying[]"})


class Sweep:
    """Takes texts out of all tables of a graph, and out of what the server keeps of it."""

    def __init__(self, database: Database, layout: Layout, redactor: Redactor) -> None:
        """Take the graph, and what to take out."""
        self.database = database
        self.layout = layout
        self.redactor = redactor
        renamed = [Sought(name) for name in redactor.renamed]
        self.search = TextSearch(database, [*redactor.texts, *renamed])
        self.done: dict[str, dict[str, int]] = defaultdict(lambda: {"deleted": 0, "redacted": 0})
        self._kept: dict[tuple[str, str], int] = {}
        self._imports: set[int] = set()

    async def run(self, *, server: bool, progress: Progress) -> tuple[Mapping[str, Mapping[str, int]], Sequence[Kept]]:
        """Sweep until a pass finds nothing more to do."""
        async with self.database.connection() as connection:
            tables = await tables_of(connection, schemas_of(self.layout, server=server))
            imports = await connection.fetch(SQL("SELECT id FROM kgmem.import WHERE graph = $1"), self.layout.id)
        self._imports = {row["id"] for row in imports}
        # What is in the label tables, and the index of it, goes with the things themselves.
        tables = [each for each in tables if each.schema != self.layout.age_name and each.name not in WHOLE]
        tables.sort(key=lambda each: LAST.index(each.name) if each.name in LAST else -1)
        for _ in range(_PASSES):
            self._kept, changed = {}, 0
            for place, table in enumerate(tables):
                progress("sweep", place, len(tables))
                changed += await self._table(table)
            if not changed:
                break
        return dict(self.done), [Kept(table, number, why) for (table, why), number in self._kept.items()]

    async def _table(self, table: SearchedTable) -> int:
        """Sweep a table; returns how many rows changed or went."""
        waiting: list[FoundRow] = []
        changed = 0
        async for row in self.search.rows(table):
            if self._is_other(table, row.values) or not self.redactor.finds(row.values):
                continue
            rule = rule_of(table.name, row.values)
            if rule not in {"delete", "redact"}:
                self._kept[table.name, rule] = self._kept.get((table.name, rule), 0) + 1
                continue
            waiting.append(row)
            if len(waiting) >= _AT_ONCE:
                changed += await self._apply(table, waiting)
                waiting = []
        return changed + (await self._apply(table, waiting) if waiting else 0)

    def _is_other(self, table: SearchedTable, values: Mapping[str, Any]) -> bool:
        """Whether a row of the server is of another graph."""
        if table.schema not in SCHEMAS:
            return False
        if table.name in OF_GRAPH:
            return values[OF_GRAPH[table.name]] not in self._imports
        return values.get("graph") not in {None, self.layout.id, self.layout.graph.name}

    async def _apply(self, table: SearchedTable, rows: Sequence[FoundRow]) -> int:
        names = {"schema": table.schema, "table": table.name}

        async def work(connection: asyncpg.Connection) -> tuple[int, int]:
            places = [row.place for row in rows]
            there = await connection.fetch(statement(_FILE, "lock_rows", **names), places)
            deleted, redacted = list[str](), 0
            for row in there:
                values = orjson.loads(row["row"])
                if not self.redactor.finds(values):
                    continue
                if rule_of(table.name, values) == "delete" or not await self._redact(
                    connection, table, row["place"], values
                ):
                    deleted.append(row["place"])
                    await self._forget_derived(connection, table, values)
                else:
                    redacted += 1
                    if table.name == "passage":
                        await self._embed_again(connection, values["id"])
            if deleted:
                await connection.execute(statement(_FILE, "delete_rows", **names), deleted)
            return len(deleted), redacted

        deleted, redacted = await self.database.transact(work)
        if deleted or redacted:
            self.done[table.name]["deleted"] += deleted
            self.done[table.name]["redacted"] += redacted
        return deleted + redacted

    async def _forget_derived(self, connection: asyncpg.Connection, table: SearchedTable, values: Any) -> None:
        if table.name == "past_passage":
            await connection.execute(self.layout.sql(_FILE, "delete_vectors_of"), [values["id"]])
        elif table.name == "work_message":
            await connection.execute(self.layout.sql(_FILE, "forget_message"), values["stream"], values["seq"])
        elif table.name == "work_dead":
            await connection.execute(self.layout.sql(_FILE, "forget_dead_letter"), values["member"], values["seq"])
        elif table.name == "work_stream":
            await connection.execute(self.layout.sql("streams", "delete"), values["id"])
        elif table.name == "work_group":
            await connection.execute(self.layout.sql("streams", "delete_group"), values["id"])

    async def _embed_again(self, connection: asyncpg.Connection, passage: int) -> None:
        """Forget the vector and the words of a passage that has another text now."""
        for vectors in self.layout.vector_tables():
            await connection.execute(self.layout.sql("write", "delete_vectors", table=vectors), [passage])
        await connection.execute(self.layout.sql(_FILE, "delete_vectors_of"), [passage])
        await connection.execute(self.layout.sql(_FILE, "delete_lexemes"), [passage])
        await connection.execute(self.layout.sql("write", "passages_wait"), [passage], self.layout.id)

    async def _redact(
        self, connection: asyncpg.Connection, table: SearchedTable, place: str, values: Mapping[str, Any]
    ) -> bool:
        """Take the texts out of the columns of a row; false where the row cannot be without them."""
        changes = {name: self.redactor.redacted(value) for name, value in values.items() if self.redactor.finds(value)}
        if not changes:
            return False
        if not all(_type_of(table, name) for name in changes):
            return False
        sql = _update(table, list(changes))
        parameters = [
            orjson.dumps(value).decode() if table.types[name] in _JSON else value for name, value in changes.items()
        ]
        try:
            async with connection.transaction():
                await connection.execute(sql, place, *parameters)
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError):
            return False
        return True


def _type_of(table: SearchedTable, column: str) -> SQL | None:
    """Return how a parameter becomes a column's value; None for columns that are not written."""
    kind = table.types[column]
    if kind in _JSON:
        return SQL("text::jsonb")
    if kind in _TEXTS:
        return SQL("text[]")
    return SQL("text") if kind in _TEXT else None


def _update(table: SearchedTable, columns: Sequence[str]) -> SQL:
    """Return the statement that writes these columns of the row at a place ($1)."""
    sets = [
        compose("{} = {}::{}", identifier(column), parameter(at), _type_of(table, column) or SQL("text"))
        for at, column in enumerate(columns, start=2)
    ]
    return compose(
        "UPDATE ONLY {} SET {} WHERE ctid = $1::text::tid", identifier(table.schema, table.name), join(", ", sets)
    )
