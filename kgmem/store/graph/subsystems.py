"""Tables of a graph that are made when they are first needed: an empty graph costs little.

A statement that reads or deletes where the tables are not made yet takes the empty tables of the schema kgm_0 in their
place, which the whole server shares: it finds nothing, and makes nothing. A writer calls `Layout.ensure` first. One
that does not is refused, since the tables of kgm_0 take no row.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import asyncpg

from kgmem.domain.graph.graph import no_such_graph
from kgmem.store.db.database import Database
from kgmem.store.db.sql import SQL, fill, literal, number
from kgmem.store.db.statements import statement
from kgmem.store.graph.epoch import track_epoch

Subsystem = Literal[
    "history",
    "claims",
    "merges",
    "names",
    "extraction",
    "communities",
    "similarity",
    "summaries",
    "agent_states",
    "sessions",
    "session_parts",
    "ledger",
    "blocks",
    "subscriptions",
    "expiry",
    "feedback",
    "publications",
    "streams",
    "webhooks",
    "tiers",
    "presence",
    "distillation",
    "cache",
    "answers",
    "archive",
    "retention",
]

# What makes the tables of each (SQL file, statements), and their names.
MAKE: Final[Mapping[Subsystem, tuple[str, tuple[str, ...]]]] = {
    "history": ("as_of", ("create", "create_asof")),
    "claims": ("consensus", ("create", "create_asof")),
    "merges": ("merge", ("create",)),
    "names": ("names", ("create",)),
    "extraction": ("extraction", ("create",)),
    "communities": ("communities", ("create",)),
    "similarity": ("similarity", ("create",)),
    "summaries": ("summaries", ("create",)),
    "agent_states": ("agent_states", ("create",)),
    "sessions": ("sessions", ("create",)),
    "session_parts": ("session_parts", ("create",)),
    "ledger": ("ledger", ("create",)),
    "blocks": ("blocks", ("create",)),
    "subscriptions": ("subscriptions", ("create",)),
    "expiry": ("expiry", ("create",)),
    "feedback": ("feedback", ("create",)),
    "publications": ("publications", ("create",)),
    "streams": ("streams", ("create",)),
    "webhooks": ("webhooks", ("create",)),
    "tiers": ("tiers", ("create",)),
    "presence": ("presence", ("create",)),
    "distillation": ("distillation", ("create",)),
    "cache": ("epoch", ("create",)),
    "answers": ("answers", ("create",)),
    "archive": ("archive", ("create",)),
    "retention": ("retention", ("create",)),
}
TABLES: Final[Mapping[Subsystem, tuple[str, ...]]] = {
    "history": ("past_item", "past_passage", "past_vector", "past_edge", "past_source", "lexeme"),
    "claims": (
        "topic",
        "claim",
        "claim_origin",
        "answered",
        "fact",
        "relationship_state",
        "source_reliability",
        "past_fact",
        "past_relationship_state",
        "past_source_reliability",
        "predicate_parameters",
        "source_dependence",
        "consensus_run",
        "source_origin",
        "source_key",
        "correlation",
        "adjudication",
    ),
    "merges": ("merge", "merge_candidate"),
    "names": ("entity_name", "entity_name_position"),
    "extraction": ("extraction_queue", "extraction_run", "provenance"),
    "communities": ("community_scope", "community", "community_member"),
    "similarity": ("similarity_settings", "similarity_done"),
    "summaries": ("summary", "summary_of"),
    "agent_states": ("agent_state", "agent_state_version", "agent_state_checkpoint", "agent_retention"),
    "sessions": ("session", "session_message"),
    "session_parts": ("session_part",),
    "ledger": ("ledger_record", "ledger_entry", "ledger_account", "ledger_hold", "ledger_head"),
    "blocks": ("memory_block", "memory_block_version"),
    "subscriptions": ("subscription", "subscription_group", "erased_scope"),
    "expiry": ("expiry",),
    "feedback": ("feedback",),
    "publications": ("publication", "published_claim", "published_item"),
    "streams": ("work_stream", "work_message", "work_group", "work_delivery", "work_dead"),
    "webhooks": ("webhook", "webhook_secret", "webhook_waiting", "webhook_attempt"),
    "tiers": ("tier_settings", "item_use", "item_pin"),
    "presence": ("presence",),
    "distillation": ("distil_run", "distil_group", "distil_member", "distil_probe", "distil_allowance"),
    "cache": ("epoch", "boundary"),
    "answers": ("followed_answer", "answer_event"),
    "archive": ("archived", "archive_word", "archive_space"),
    "retention": ("retention_rule", "retention_run", "retention_item", "retention_final"),
}
SUBSYSTEMS: Final[tuple[Subsystem, ...]] = tuple(TABLES)
AS_OF: Final = "_asof"  # Ends the name of the schema in which an index is seen as it was known earlier.


@dataclass(slots=True)
class MadeSubsystems:
    """Which subsystems of a graph have tables, as far as the process knows: more may be made, but none goes."""

    made: frozenset[str] = frozenset(SUBSYSTEMS)
    absent_tables: frozenset[str] = frozenset()
    looked_at: float = 0.0  # When the register was last read, by time.monotonic().

    @classmethod
    def of(cls, made: Iterable[str]) -> "MadeSubsystems":
        """Return what the register of graphs says."""
        found = cls(frozenset(), looked_at=time.monotonic())
        found.learn(made)
        return found

    def learn(self, made: Iterable[str]) -> None:
        """Know of these, too."""
        self.made = self.made.union(made)
        self.absent_tables = frozenset(
            table for subsystem, tables in TABLES.items() if subsystem not in self.made for table in tables
        )


@dataclass(frozen=True, slots=True)
class IndexPlace:
    """Where the index of a graph is: the graph's number, the schema, and the tables of vectors."""

    graph_id: int
    schema: str
    vectors: tuple[str, ...] = ()

    def sql(self, file: str, name: str, **names: str) -> SQL:
        """Return a statement with the schemas filled in."""
        return statement(file, name, index=self.schema, asof=self.schema + AS_OF, **names)


async def make_subsystem(connection: asyncpg.Connection, subsystem: Subsystem, place: IndexPlace) -> None:
    """Make the tables of a subsystem in the schema of a graph's index."""
    file, names = MAKE[subsystem]
    for name in names:
        sql = place.sql(file, name)
        if subsystem == "history" and name == "create":
            sql = fill(sql, {"graph_id": number(place.graph_id)})
        await connection.execute(sql)
    if subsystem == "history":
        await connection.execute(place.sql("graph", "create_secondary"))
        await connection.execute(place.sql("lexemes", "create"))
        for table in place.vectors:
            await keep_vectors(connection, place, table)


async def keep_vectors(connection: asyncpg.Connection, place: IndexPlace, table: str) -> None:
    """Make the triggers by which the history keeps changed and deleted vectors of a table."""
    await connection.execute(fill(place.sql("as_of", "create_vectors", table=table), {"vectors": literal(table)}))


async def learn_subsystems(connection: asyncpg.Connection, graph_id: int, known: MadeSubsystems) -> None:
    """Read which subsystems another process has made since this one last looked.

    A statement that deletes what belongs to locked rows calls this after it has the locks.
    """
    if known.absent_tables:
        known.learn(await connection.fetchval(statement("catalog", "subsystems"), graph_id) or ())
        known.looked_at = time.monotonic()


async def ensure_subsystem(
    database: Database,
    graph_id: int,
    graph: str,
    known: MadeSubsystems,
    subsystem: Subsystem,
    *,
    patience: str = "10s",
) -> None:
    """Make the tables of a subsystem that a graph does not have yet, in a transaction of its own.

    So a transaction that is rolled back later leaves them, empty, and no other writer waits for its end. Whoever comes
    second waits for the first, and finds them made. `patience` is how long locks are waited for. Raises NotFound when
    the graph was dropped.
    """
    if subsystem in known.made:
        return

    async def make(connection: asyncpg.Connection) -> None:
        await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
        await connection.execute(SQL("SELECT set_config('lock_timeout', $1, true)"), patience)
        row = await connection.fetchrow(statement("catalog", "add_subsystem"), graph_id, subsystem)
        if row is not None:
            tables = tuple(table for table in (row["space_table"], row["next_space_table"]) if table)
            await make_subsystem(connection, subsystem, IndexPlace(graph_id, row["index_name"], tables))
            await connection.execute(statement("holds", "guard"), graph_id, row["index_name"])
            await track_epoch(connection, row["index_name"])
        elif await connection.fetchval(statement("catalog", "subsystems"), graph_id) is None:
            raise no_such_graph(graph)

    await database.transact(make)
    known.learn([subsystem])
