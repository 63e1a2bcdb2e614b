"""The integrity check of a graph: all checks one after another, and what was found of each."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import asyncpg

from kgmem.domain.diagnostics import Damage
from kgmem.domain.errors import DatabaseOutdated
from kgmem.store.db.database import Database
from kgmem.store.db.sql import SQL
from kgmem.store.db.statements import statement
from kgmem.store.graph import unique_rules
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.checks import damage, of_ids
from kgmem.store.graph.layout import Layout, learn_labels
from kgmem.store.graph.structure import Structure, compare_structure
from kgmem.store.integrity import pages, references
from kgmem.store.integrity.contents import IndexComparison

T = TypeVar("T")
_CONTENTS = (
    "nodes-unindexed", "nodes-differ", "nodes-gone", "relationships-unindexed", "relationships-differ",
    "relationships-gone", "ends-gone", "facts-differ", "passages-differ",
)  # fmt: skip
_VECTORS = ("vectors-missing", "vectors-gone", "waiting-gone")
_STRUCTURE = ("tables", "indexes", "triggers", "capture", "property-indexes")


@dataclass(slots=True)
class InspectionResult:
    """What one look at a graph found, with all that its repair needs."""

    layout: Layout
    structure: Structure = field(default_factory=Structure)
    ids: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    others: list[Damage] = field(default_factory=list)
    btrees: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def damages(self) -> list[Damage]:
        """Return all findings, one a check."""
        listed = [found for check, ids in self.ids.items() for found in of_ids(check, ids)]
        return [*self.structure.damages(), *listed, *self.others]

    def has(self, *checks: str) -> bool:
        """Return whether one of these checks found something."""
        return any(each.check in checks for each in self.damages())


class GraphInspection:
    """One look at one graph."""

    def __init__(self, catalog: PostgresCatalog, layout: Layout) -> None:
        """Take the catalog and the graph's layout, which this look changes: give it a copy."""
        self.catalog = catalog
        self.database: Database = catalog.database
        self.found = InspectionResult(layout)

    async def everything(self) -> InspectionResult:
        """Make all checks. A check that damage elsewhere makes impossible is skipped, with the reason."""
        found = self.found
        await self._attempt(("labels", "nodes-gone", "relationships-gone"), self._labels)
        if await self._attempt((), lambda connection: connection.fetchval(statement("integrity", "replica"))):
            found.skipped |= dict.fromkeys(_STRUCTURE, "a replica: the tables of a new graph cannot be made beside it")
        else:
            await self._attempt(_STRUCTURE, self._structure)
        await self._contents()
        await self._attempt(("relationships-gone",), self._ends)
        await self._attempt(_VECTORS, self._vectors)
        for check in references.LISTS:
            await self._attempt((check,), partial(self._list, check))
        await self._attempt(("topics-unweighed",), self._topics)
        await self._attempt(("properties-differ",), self._properties)
        await self._attempt(("sequences",), self._sequences)
        await self._attempt(("left-indexes",), self._left_indexes)
        await self._attempt(("unique-values", "unique-doubled"), self._unique_values)
        await self._search_indexes()
        await self._amcheck()
        return found

    async def _attempt(
        self, checks: Sequence[str], work: Callable[[asyncpg.Connection], Awaitable[T]], *, snapshot: bool = True
    ) -> T | None:
        """Do some checks in a transaction of their own; damage that stops them is a finding itself.

        They see one `snapshot`, in which writers have written all of what belongs together or nothing.
        """

        async def patient(connection: asyncpg.Connection) -> T:
            await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
            return await work(connection)

        try:
            done = await self.database.transact(patient, isolation="repeatable_read" if snapshot else None)
        except DatabaseOutdated as error:
            self.found.skipped |= dict.fromkeys(checks, f"it needs what is missing: {error.__cause__}")
            return None
        except asyncpg.UndefinedColumnError as error:
            self.found.skipped |= dict.fromkeys(checks, f"it needs what is missing: {error}")
            return None
        except asyncpg.InternalServerError as error:
            self._unreadable(checks, error)
            return None
        self.found.checks += [check for check in checks if check not in self.found.checks]
        return done

    def _unreadable(self, checks: Sequence[str], error: Exception) -> None:
        self.found.skipped |= dict.fromkeys(checks, "pages cannot be read")
        self.found.others.append(damage("pages", 1, str(error)))

    async def _structure(self, connection: asyncpg.Connection) -> None:
        layout = self.found.layout
        words = self.catalog.words
        self.found.structure = await compare_structure(connection, layout, layout.schema(), words=words)

    async def _labels(self, connection: asyncpg.Connection) -> None:
        layout = self.found.layout
        await learn_labels(connection, layout)
        age_labels = await connection.fetch(layout.sql("layout", "age_labels"), layout.age_name)
        self.found.others += await references.compare_labels(connection, layout, age_labels)
        for check, ids in (await references.compare_lost(connection, layout)).items():
            self._add(check, ids)

    async def _contents(self) -> None:
        layout, found = self.found.layout, self.found
        state = await self._attempt(
            (), lambda connection: connection.fetchrow(statement("integrity", "graph_state"), layout.id)
        )
        made = bool(state and state["facts_made"])
        if not made:
            found.skipped["facts-differ"] = "a job is making the facts of the graph"
        contents = IndexComparison(self.database, layout, facts=made)
        for label in sorted(layout.by_id.values(), key=lambda each: (each.kind, each.id)):
            try:
                await contents.compare(label)
            except DatabaseOutdated as error:
                found.skipped |= dict.fromkeys(_CONTENTS, f"it needs what is missing: {error.__cause__}")
                return
            except asyncpg.InternalServerError as error:
                self._unreadable((), error)
        for check, ids in contents.found.items():
            self._add(check, ids)
        found.checks += [check for check in _CONTENTS if check not in (*found.checks, *found.skipped)]

    def _add(self, check: str, ids: Sequence[int]) -> None:
        if ids:
            known = set(self.found.ids[check])
            self.found.ids[check] += [id_ for id_ in ids if id_ not in known]

    async def _ends(self, connection: asyncpg.Connection) -> None:
        self._add("relationships-gone", await references.compare_ends(connection, self.found.layout))

    async def _vectors(self, connection: asyncpg.Connection) -> None:
        for check, ids in (await references.compare_vectors(connection, self.found.layout)).items():
            self._add(check, ids)

    async def _list(self, check: str, connection: asyncpg.Connection) -> None:
        self._add(check, await references.compare_list(connection, self.found.layout, check))

    async def _topics(self, connection: asyncpg.Connection) -> None:
        self._add("topics-unweighed", await references.compare_topics(connection, self.found.layout))

    async def _properties(self, connection: asyncpg.Connection) -> None:
        self._add("properties-differ", await references.compare_properties(connection, self.found.layout))

    async def _sequences(self, connection: asyncpg.Connection) -> None:
        self.found.others += await references.compare_sequences(connection, self.found.layout)

    async def _left_indexes(self, connection: asyncpg.Connection) -> None:
        graph = self.found.layout.graph.name
        if graph in {row["name"] for row in await connection.fetch(statement("deferred_indexes", "left"))}:
            rows = await connection.fetch(statement("integrity", "set_aside"), self.found.layout.id)
            names = ", ".join(row["name"] for row in rows)
            self.found.others.append(damage("left-indexes", len(rows), names))

    async def _unique_values(self, connection: asyncpg.Connection) -> None:
        for check, ids in (await unique_rules.differing(connection, self.found.layout)).items():
            self._add(check, ids)

    async def _search_indexes(self) -> None:
        layout, found = self.found.layout, self.found
        missing = set(found.structure.missing.get("indexes", []))
        if not self.catalog.words:
            found.skipped["keyword-index"] = "Postgres full text keeps it, which cannot be asked what it has"
        elif layout.wordless or found.structure.keyword_index_gone:
            found.skipped["keyword-index"] = "the index is missing"
        else:
            found.others += await self._attempt(("keyword-index",), self._keyword_index, snapshot=False) or []
        if layout.vectors and f"{layout.vectors}_hnsw" not in missing:
            work: Callable[[asyncpg.Connection], Awaitable[list[Damage]]] = self._vector_index
            found.others += await self._attempt(("vector-index",), work) or []

    async def _keyword_index(self, connection: asyncpg.Connection) -> list[Damage]:
        return await pages.compare_keyword_index(connection, self.found.layout)

    async def _vector_index(self, connection: asyncpg.Connection) -> list[Damage]:
        return await pages.compare_vector_index(connection, self.found.layout)

    async def _amcheck(self) -> None:
        layout, found = self.found.layout, self.found
        schema, reason = await self._attempt((), pages.amcheck_schema) or (None, "pages cannot be read")
        if schema is None:
            found.skipped["btrees"] = reason
            return
        schemas = [layout.index_name, layout.age_name]
        failed = await self._attempt(("btrees",), lambda c: pages.damaged_btrees(c, schemas, schema)) or []
        if failed:
            found.btrees = [name for name, _ in failed]
            found.others.append(damage("btrees", len(failed), f"{failed[0][0]}: {failed[0][1]}"))
        broken = await self._attempt(("pages",), lambda c: pages.damaged_tables(c, schemas, schema)) or []
        if broken:
            found.others.append(damage("pages", len(broken), f"{broken[0][0]}: {broken[0][1]}"))
