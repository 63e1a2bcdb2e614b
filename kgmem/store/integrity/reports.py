"""The port Inspector on Postgres: integrity checks, repairs, and the newest report of each graph."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import asyncpg
import orjson

from kgmem.domain.diagnostics import Damage, IntegrityReport
from kgmem.domain.errors import DatabaseUnavailable, OutOfSpace
from kgmem.domain.time.interval import iso
from kgmem.store.db.statements import statement
from kgmem.store.graph.checks import damage
from kgmem.store.integrity import pages
from kgmem.store.integrity.inspector import GraphInspection, InspectionResult
from kgmem.store.integrity.repair import Repair
from kgmem.store.sync.retrieval_index import PostgresIndex

_ROUNDS = 3  # Of repair: what depends on something that was damaged itself is found once that is right.
_DATABASE = 0  # In the place of a graph's number: the report about the database.


class PostgresInspector:
    """The integrity checks of the graphs of one database."""

    def __init__(self, index: PostgresIndex) -> None:
        """Take the retrieval index, which knows the catalog and the database."""
        self.index = index
        self.catalog = index.catalog
        self.database = index.database

    async def inspect(self, graph: str) -> IntegrityReport:
        """Check one graph; changes nothing but the stored report. Raises NotFound."""
        started = time.monotonic()
        found = await self._look(graph)
        return await self._note(found.layout.id, _report(graph, found, time.monotonic() - started))

    async def repair(self, graph: str) -> IntegrityReport:
        """Check one graph, repair what is derivable, and check again. Raises NotFound."""
        started = time.monotonic()
        after = await self._look(graph)
        found: dict[str, Damage] = {}
        for _ in range(_ROUNDS):
            found = {each.check: each for each in after.damages()} | found
            if not any(each.repairable for each in after.damages()):
                break
            await Repair(self.index, after).everything()
            self.catalog.forget(graph)
            after = await self._look(graph)
        left = {each.check for each in after.damages()}
        repaired = [each for check, each in found.items() if check not in left]
        report = _report(graph, after, time.monotonic() - started)
        return await self._note(after.layout.id, replace(report, repaired=repaired))

    async def _look(self, graph: str) -> InspectionResult:
        async with self.catalog.on(graph) as layout:
            return await GraphInspection(self.catalog, layout.apart()).everything()

    async def inspect_database(self) -> IntegrityReport:
        """Check the checksums of the database, and that every graph has its tables."""
        started = time.monotonic()
        async with self.database.connection() as connection:
            found, off = await pages.compare_checksums(connection)
            lost = await connection.fetch(statement("integrity", "lost_schemas"))
        if lost:
            names = ", ".join(f"{row['name']} ({'AGE graph' if row['age_gone'] else 'index'})" for row in lost[:5])
            found.append(damage("schemas", len(lost), names))
        checks = ["schemas"] if off else ["schemas", "checksums"]
        report = IntegrityReport(
            None, found, checks, {"checksums": off} if off else {}, seconds=time.monotonic() - started
        )
        return await self._note(_DATABASE, report)

    async def reports(self, graph: str | None = None) -> Sequence[IntegrityReport]:
        """Return the newest report of each graph (or of one), and of the database, oldest first."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(statement("integrity", "reports"), graph)
        return [_stored(row) for row in rows]

    async def due(self, seconds: float) -> Sequence[str]:
        """Return the graphs whose newest report is older than this, or that have none and are as old."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(statement("integrity", "due"), seconds)
        return [row["name"] for row in rows]

    async def _note(self, graph: int, report: IntegrityReport) -> IntegrityReport:
        """Store a report. A database that takes no writes, as a replica or on a full disk, must not hide it."""
        told = orjson.dumps(asdict(replace(report, graph=None, checked_at=None))).decode()

        async def store(connection: asyncpg.Connection) -> Any:
            return await connection.fetchval(statement("integrity", "note"), graph, told)

        try:
            return replace(report, checked_at=iso(await self.database.transact(store)))
        except (DatabaseUnavailable, OutOfSpace):
            return report


def _report(graph: str, found: InspectionResult, seconds: float) -> IntegrityReport:
    return IntegrityReport(graph, found.damages(), found.checks, found.skipped, seconds=round(seconds, 3))


def _stored(row: asyncpg.Record) -> IntegrityReport:
    told = orjson.loads(row["report"])
    lists = {name: [Damage(**each) for each in told.pop(name)] for name in ("damages", "repaired")}
    return IntegrityReport(**{**told, **lists, "graph": row["graph"], "checked_at": iso(row["checked_at"])})
