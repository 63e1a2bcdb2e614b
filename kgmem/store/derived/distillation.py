"""Runs of distillation in the tables of each graph, and the texts that they are about."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.distillation.material import Original
from kgmem.domain.distillation.material import digest_of as material_digest
from kgmem.domain.distillation.ports import Candidate, Quotation, Written
from kgmem.domain.distillation.probes import Probe, Score, Unit
from kgmem.domain.distillation.run import (
    DISTILLED_FROM,
    DistilGroup,
    DistilRequest,
    DistilRun,
    GroupState,
    MeasuredProbe,
    NewGroup,
    OpenGroup,
    RunState,
)
from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.domain.time.interval import iso
from kgmem.store.agents.session_rows import scope_number
from kgmem.store.derived.distillation_material import read_originals
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import EDGE, Layout, ensure_labels, scope_ids
from kgmem.store.graph.records import dumps
from kgmem.store.graph.subsystems import Subsystem
from kgmem.store.read.items import episodes_of
from kgmem.store.write.edges import write_edges
from kgmem.store.write.episodes import digest_of
from kgmem.store.write.passages import Passages

FILE: Final = "distillation"
READS: Final[tuple[Subsystem, ...]] = ("distillation", "extraction", "claims", "communities", "sessions")
_HIGHEST: Final = 2**62
_AT_ONCE: Final = 200
_DISTILLED: Final = 3  # The tier, as the table `item` numbers it.
_WRITTEN: Final = frozenset({"stored", "moved", "done"})  # States of groups that have a text.
LEASE: Final = 60.0


class PostgresDistillation:
    """Runs, groups, questions and allowances, and the texts themselves."""

    def __init__(self, catalog: PostgresCatalog, *, lease: float = LEASE) -> None:
        """Take the catalog, which knows the database, and how long the executor of a run may be silent."""
        self.catalog = catalog
        self.database = catalog.database
        self.lease = lease

    async def candidates(
        self, graph: str, request: DistilRequest, only: Sequence[int] | None = None
    ) -> Sequence[Candidate]:
        """Return the texts that a request is about and no run has yet, the oldest first; `only` some, by id."""
        async with self.catalog.on(graph, reads=READS) as layout, self.database.connection() as connection:
            number = await scope_number(connection, layout, request.scope)
            ids = only
            if request.session is not None:
                quoted = dumps({"s": request.session})[len('{"s":') : -1]
                sql = layout.sql(FILE, "of_session", label=EPISODE_LABEL)
                rows = await connection.fetch(sql, number, quoted, 100_000)
                ids = [row["id"] for row in rows if only is None or row["id"] in only]
            keys = list(request.episodes) if request.episodes is not None else None
            rows = await connection.fetch(
                layout.sql(FILE, "candidates"), number, keys, request.older_than, None if ids is None else list(ids),
                request.limit, request.is_automatic,
            )  # fmt: skip
        return [Candidate(row["id"], row["key"], row["extracted"]) for row in rows]

    async def queue_extraction(self, graph: str, ids: Sequence[int]) -> int:
        """Queue texts for extraction that were never extracted; returns how many."""
        async with self.catalog.on(graph, reads=READS) as layout:
            await layout.ensure("extraction")
            async with self.database.connection() as connection:
                rows = await connection.fetch(layout.sql("extraction", "episodes"), list(ids))
                texts = await episodes_of(connection, layout, rows)
                digests = [digest_of(each) for each in texts]
                sql = layout.sql("extraction", "ask")
                await connection.execute(sql, [each.id for each in texts], digests, [""] * len(texts))
        return len(texts)

    async def originals(self, graph: str, ids: Sequence[int]) -> Sequence[Original]:
        """Return texts with what they state, by id."""
        found: list[Original] = []
        async with self.catalog.on(graph, reads=READS) as layout:
            for first in range(0, len(ids), _AT_ONCE):
                async with self.database.connection() as connection:
                    found += await read_originals(connection, layout, ids[first : first + _AT_ONCE])
        return found

    async def add(
        self,
        graph: str,
        request: DistilRequest,
        threshold: float,
        groups: Sequence[NewGroup],
        skipped: Mapping[str, int],
    ) -> int:
        """Store a planned run; returns its id. Raises Conflict where another run has one of the texts meanwhile."""
        async with self.catalog.on(graph, reads=READS) as layout:
            await layout.ensure("distillation")

            async def work(connection: asyncpg.Connection) -> int:
                scope = (await scope_ids(connection, layout, [request.scope], make=True))[request.scope]
                await connection.execute(layout.sql(FILE, "lock_plans"))
                await _refuse_taken(connection, layout, groups)
                run: int = await connection.fetchval(
                    layout.sql(FILE, "add_run"), scope, "running", request.reason, request.share, threshold,
                    orjson.dumps(dict(skipped)).decode(), None,
                )  # fmt: skip
                await _add_groups(connection, layout, run, groups)
                return run

            return await self.database.transact(work)

    async def add_request(self, graph: str, request: DistilRequest, threshold: float) -> int:
        """Store a run that is planned when it is executed; returns its id."""
        async with self.catalog.on(graph, reads=READS) as layout:
            await layout.ensure("distillation")
            async with self.database.connection() as connection:
                scope = (await scope_ids(connection, layout, [request.scope], make=True))[request.scope]
                run: int = await connection.fetchval(
                    layout.sql(FILE, "add_run"), scope, "running", request.reason, request.share, threshold, "{}",
                    orjson.dumps(request).decode(),
                )  # fmt: skip
        return run

    async def request_of(self, graph: str, run: int) -> DistilRequest | None:
        """Return what a run that is not planned yet is to distil; None where it is planned."""
        told = await self._value(graph, "request_of", run)
        return None if told is None else DistilRequest(**orjson.loads(told))

    async def fill(self, graph: str, run: int, groups: Sequence[NewGroup], skipped: Mapping[str, int]) -> None:
        """Store the plan of such a run. Raises Conflict where another run has one of the texts meanwhile."""
        async with self.catalog.on(graph, reads=READS) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                await connection.execute(layout.sql(FILE, "lock_plans"))
                await _refuse_taken(connection, layout, groups)
                told = orjson.dumps(dict(skipped)).decode()
                await connection.execute(layout.sql(FILE, "set_planned"), run, told)
                if groups:
                    await _add_groups(connection, layout, run, groups)

            await self.database.transact(work)

    async def runs(
        self, graph: str, scope: str | None, state: RunState | None, cursor: str | None, limit: int
    ) -> Page[DistilRun]:
        """Return runs in this scope only (None: in all), the newest first, without their groups."""
        if cursor is not None and not (cursor.isdecimal() and cursor.isascii() and len(cursor) < 19):
            raise InvalidInput(f"{cursor[:40]!r} is not a cursor.", hint="Send the cursor of the last page.")
        below = int(cursor) if cursor else _HIGHEST
        async with self.catalog.on(graph, reads=READS) as layout, self.database.connection() as connection:
            number = None if scope is None else await scope_number(connection, layout, scope)
            rows = await connection.fetch(layout.sql(FILE, "runs"), number, state, below, None, limit + 1)
        more = str(rows[limit - 1]["id"]) if len(rows) > limit else None
        return Page([_run(row) for row in rows[:limit]], more)

    async def get(self, graph: str, id_: int, scope: str | None) -> DistilRun:
        """Return a run with its groups. Raises NotFound, also for one of another scope."""
        async with self.catalog.on(graph, reads=READS) as layout, self.database.connection() as connection:
            number = None if scope is None else await scope_number(connection, layout, scope)
            row = await connection.fetchrow(layout.sql(FILE, "runs"), number, None, _HIGHEST, id_, 1)
            if row is None:
                raise NotFound(f"There is no run {id_} of distillation here.", hint="List the runs.", field="id")
            groups = await connection.fetch(layout.sql(FILE, "groups"), id_)
        return _run(row, [_group(each) for each in groups])

    async def open_groups(
        self, graph: str, run: int, states: Sequence[GroupState], limit: int = 1000
    ) -> Sequence[OpenGroup]:
        """Return the groups of a run that are in these states, in order."""
        async with self.catalog.on(graph, reads=READS) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(FILE, "open_groups"), run, list(states), limit)
        return [
            OpenGroup(
                row["run"], row["number"], row["state"], row["key"], row["item"],
                dict(zip(row["episodes"] or (), row["versions"] or (), strict=True)),
                dict(zip(row["episodes"] or (), row["tiers"] or (), strict=True)), row["attempts"],
            )
            for row in rows
        ]  # fmt: skip

    async def take(self, graph: str, run: int, holder: int) -> bool:
        """Take a run, or show that it goes on; False where another executor has it."""
        return await self._value(graph, "take", run, holder, self.lease) is not None

    async def release(self, graph: str, run: int, holder: int) -> None:
        """Release a run, so that others may take it."""
        await self._execute(graph, "release", run, holder)

    async def unfinished(self, graph: str) -> Sequence[tuple[int, str]]:
        """Return the runs (id, scope) that nobody executes any more and that are not finished."""
        rows = await self._fetch(graph, "unfinished", self.lease)
        return [(row["id"], row["scope"]) for row in rows]

    async def set_run(
        self, graph: str, run: int, state: RunState, *, problem: str | None = None, by: str | None = None
    ) -> None:
        """Store what became of a run."""
        await self._execute(graph, "set_run", run, state, problem, by)

    async def set_bytes(self, graph: str, run: int, before: int, after: int) -> None:
        """Store how many bytes the texts of a run took, and what replaces them takes."""
        await self._execute(graph, "set_bytes", run, before, after)

    async def set_group(self, graph: str, run: int, number: int, state: GroupState) -> None:
        """Store the state of a group."""
        await self._execute(graph, "set_group", run, number, state)

    async def set_groups(self, graph: str, run: int, state: GroupState, other: GroupState) -> int:
        """Bring all groups in one state into another; returns how many."""
        return len(await self._fetch(graph, "set_groups", run, state, other))

    async def verify_again(self, graph: str, run: int, but: Sequence[int]) -> None:
        """Mark the groups of a run that have questions as moved, to be verified again, but not these."""
        await self._execute(graph, "verify_again", run, list(but))

    async def set_score(
        self, graph: str, run: int, number: int, score: Score, lost: Sequence[tuple[str, Unit]]
    ) -> None:
        """Store the score of a group, and what was not found again: the questions and what they asked for."""
        told = [{"question": question, "kind": unit.kind, "word": unit.word} for question, unit in lost]
        await self._execute(graph, "set_score", run, number, score.had, score.kept, orjson.dumps(told).decode())

    async def put_probes(
        self, graph: str, run: int, number: int, probes: Sequence[tuple[Probe, Sequence[bool]]]
    ) -> None:
        """Store the questions of a group with what was found, and mark the group as measured."""
        async with self.catalog.on(graph, reads=READS) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                await connection.execute(layout.sql(FILE, "drop_probes"), run, number)
                await connection.execute(
                    layout.sql(FILE, "add_probes"), run, number, [probe.question for probe, _ in probes],
                    [orjson.dumps(list(probe.units)).decode() for probe, _ in probes],
                    [",".join(map(str, probe.texts)) for probe, _ in probes],
                    [",".join(map(str, before)) for _, before in probes],
                )  # fmt: skip
                await connection.execute(layout.sql(FILE, "set_group"), run, number, "measured")

            await self.database.transact(work)

    async def probes(self, graph: str, run: int, number: int) -> Sequence[MeasuredProbe]:
        """Return the questions of a group."""
        rows = await self._fetch(graph, "probes", run, number)
        return [
            MeasuredProbe(
                row["id"],
                Probe(row["question"], [Unit(**each) for each in orjson.loads(row["units"])], row["texts"]),
                row["before"],
            )
            for row in rows
        ]

    async def drop_probes(self, graph: str, run: int) -> None:
        """Delete the questions of a run."""
        await self._execute(graph, "drop_probes", run, None)

    async def link(self, graph: str, group: OpenGroup, scope: str, written: Written) -> bool:
        """Make a stored text the distilled one of a group, linked to its originals; False where one of them is gone."""
        async with self.catalog.on(graph, reads=READS) as layout:
            await ensure_labels(self.database, layout, EDGE, [DISTILLED_FROM])

            async def work(connection: asyncpg.Connection) -> bool:
                wanted = [*group.members, written.item]
                if len(await connection.fetch(layout.sql(FILE, "lock_members"), wanted)) < len(wanted):
                    return False
                await scope_ids(connection, layout, [scope], make=False)
                edges = [Relationship(DISTILLED_FROM, "", "", scope=scope) for _ in group.members]
                passages = Passages(layout)
                await write_edges(
                    connection, passages, edges, starts=[written.item] * len(edges), ends=list(group.members)
                )
                await connection.execute(layout.sql(FILE, "set_tier"), [written.item], _DISTILLED)
                await connection.execute(
                    layout.sql(FILE, "set_written"), group.run, group.number, written.item, written.tokens,
                    written.maker, written.problem, written.digest,
                )  # fmt: skip
                await connection.execute(
                    layout.sql(FILE, "renew_members"),
                    group.run,
                    list(written.versions),
                    list(written.versions.values()),
                )
                await passages.store(connection)
                return True

            return await self.database.transact(work)

    async def quoting(self, graph: str, keys: Sequence[str], scope: str) -> Sequence[Quotation]:
        """Return the distilled texts that were made of texts in this scope only. Without runs it is free."""
        async with self.catalog.on(graph, reads=("distillation",), expires=False) as layout:
            if "distillation" not in layout.subsystems.made:
                return []
            async with self.database.connection() as connection:
                ids = await self._ids(connection, layout, keys, scope)
                rows = await connection.fetch(layout.sql(FILE, "quoting"), ids)
        return [Quotation(row["run"], row["number"], row["key"], row["scope"]) for row in rows]

    async def leave(self, graph: str, keys: Sequence[str], scope: str, quotations: Sequence[Quotation]) -> None:
        """Take texts out of their groups for good, and mark these as stale, without what they quote."""
        async with self.catalog.on(graph, reads=READS, expires=False) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                ids = await self._ids(connection, layout, keys, scope)
                for each in quotations:
                    place = (each.run, each.number)
                    await connection.execute(layout.sql(FILE, "mark_stale"), *place)
                    await connection.execute(layout.sql(FILE, "forget_losses"), *place)
                    await connection.execute(layout.sql(FILE, "drop_probes"), *place)
                await connection.execute(layout.sql(FILE, "leave"), ids)

            await self.database.transact(work)

    async def drop_members(self, graph: str, run: int, ids: Sequence[int]) -> None:
        """Take texts that are gone out of the groups of a run."""
        await self._execute(graph, "drop_members", run, list(ids))

    async def stale_groups(self, graph: str) -> Sequence[tuple[int, int, str]]:
        """Return (run, number, scope) of groups that have to be written again."""
        rows = await self._fetch(graph, "stale_groups", 0, 0, _AT_ONCE)
        return [(row["run"], row["number"], row["scope"]) for row in rows]

    async def note_changes(self, graph: str) -> int:
        """Mark the groups as stale of which a text or a fact has changed; returns how many."""
        changed, after = 0, (0, 0)
        async with self.catalog.on(graph, reads=READS, expires=False) as layout:
            if "distillation" not in layout.subsystems.made:
                return 0
            while True:
                async with self.database.connection() as connection:
                    rows = await connection.fetch(layout.sql(FILE, "suspects"), *after, _AT_ONCE)
                    for row in rows:
                        changed += await _looked_at(connection, layout, row)
                        after = (row["run"], row["number"])
                if len(rows) < _AT_ONCE:
                    return changed

    async def closed_session_texts(self, graph: str, scope: str, limit: int) -> Sequence[int]:
        """Return texts of closed sessions that are not distilled yet."""
        async with self.catalog.on(graph, reads=READS) as layout, self.database.connection() as connection:
            number = await scope_number(connection, layout, scope)
            rows = await connection.fetch(layout.sql(FILE, "closed_sessions"), number, limit)
        return [row["item"] for row in rows]

    async def least_used(self, graph: str, least: int, limit: int) -> Sequence[tuple[str, int]]:
        """Return the scopes with at least so many texts to distil, those first that were written to longest ago."""
        rows = await self._fetch(graph, "least_used", least, limit)
        return [(row["scope"], row["items"]) for row in rows]

    @staticmethod
    async def _ids(connection: asyncpg.Connection, layout: Layout, keys: Sequence[str], scope: str) -> list[int]:
        rows = await connection.fetch(layout.sql("extraction", "episode_ids"), scope, list(keys))
        return [row["id"] for row in rows]

    async def _fetch(self, graph: str, name: str, *arguments: Any) -> Sequence[Any]:
        async with self.catalog.on(graph, reads=READS) as layout, self.database.connection() as connection:
            found: Sequence[Any] = await connection.fetch(layout.sql(FILE, name), *arguments)
            return found

    async def _value(self, graph: str, name: str, *arguments: Any) -> Any:
        rows = await self._fetch(graph, name, *arguments)
        return rows[0][0] if rows else None

    async def _execute(self, graph: str, name: str, *arguments: Any) -> None:
        async with self.catalog.on(graph, reads=READS) as layout, self.database.connection() as connection:
            await connection.execute(layout.sql(FILE, name), *arguments)


async def _looked_at(connection: asyncpg.Connection, layout: Layout, row: Any) -> bool:
    """Mark a group as stale where what it is made of differs; returns whether it does."""
    rows = await connection.fetch(layout.sql(FILE, "open_groups"), row["run"], ["done"], _HIGHEST)
    members = next((each["episodes"] or () for each in rows if each["number"] == row["number"]), ())
    originals = await read_originals(connection, layout, list(members))
    stale = row["gone"] or len(originals) < len(members) or material_digest(originals) != row["digest"]
    name = "put_stale" if stale else "set_checked"
    await connection.execute(layout.sql(FILE, name), row["run"], row["number"])
    return bool(stale)


async def _refuse_taken(connection: asyncpg.Connection, layout: Layout, groups: Sequence[NewGroup]) -> None:
    ids = [each.id for group in groups for each in group.originals]
    if await connection.fetch(layout.sql(FILE, "taken"), ids):
        raise Conflict("Another run distils some of these texts.", hint="Plan again.")


async def _add_groups(connection: asyncpg.Connection, layout: Layout, run: int, groups: Sequence[NewGroup]) -> None:
    numbers = list(range(1, len(groups) + 1))
    await connection.execute(
        layout.sql(FILE, "add_groups"), run, numbers, [_first_state(each) for each in groups],
        [each.key for each in groups], [each.tokens_before for each in groups], [each.tokens_after for each in groups],
        [each.facts for each in groups], [each.critical for each in groups], [each.digest for each in groups],
    )  # fmt: skip
    members = [
        (number, each.id, place, each.version, each.tier)
        for number, group in zip(numbers, groups, strict=True)
        for place, each in enumerate(group.originals)
    ]
    await connection.execute(layout.sql(FILE, "add_members"), run, *map(list, zip(*members, strict=True)))


def _first_state(group: NewGroup) -> GroupState:
    return "kept" if group.left else "waiting" if group.critical else "planned"


def _run(row: Any, groups: Sequence[DistilGroup] = ()) -> DistilRun:
    return DistilRun(
        id=row["id"], scope=row["scope"], state=row["state"], trigger=row["trigger"], share=round(row["share"], 4),
        threshold=round(row["threshold"], 4), episodes=row["episodes"], groups=groups,
        tokens_before=row["tokens_before"], tokens_after=row["tokens_after"], bytes_before=row["bytes_before"],
        bytes_after=row["bytes_after"], had=row["had"], kept=row["kept"], started_at=iso(row["started"]),
        finished_at=iso(row["finished"]) if row["finished"] is not None else None, problem=row["problem"],
        skipped=orjson.loads(row["skipped"]), by=row["by"], stale=row["stale"], dropped=row["dropped"],
    )  # fmt: skip


def _group(row: Any) -> DistilGroup:
    has_text = row["item"] is not None and row["state"] in _WRITTEN
    return DistilGroup(
        number=row["number"], state=row["state"], episodes=row["episodes"],
        distilled=row["key"] if has_text else None, tokens_before=row["tokens_before"],
        tokens_after=row["tokens_after"], facts=row["facts"], critical=row["critical"], had=row["had"],
        kept=row["kept"], maker=row["maker"], problem=row["problem"], lost=orjson.loads(row["losses"]),
        stale=row["stale"],
    )  # fmt: skip
