"""Memories for tests: the real store and index over one database, with parts that a test may replace."""

import asyncio
import os
import tempfile
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg

from kgmem.bootstrap import Infrastructure, Models, postgres_ports
from kgmem.cache.layered import LayeredCache
from kgmem.domain.cache.policy import DEFAULTS
from kgmem.domain.cache.ports import CacheStore
from kgmem.domain.errors import EmbedderUnavailable, NotFound
from kgmem.domain.graph.embedding import Embedder, EmbeddingSpace, Role, Vector
from kgmem.domain.graph.graph import Change
from kgmem.domain.ports import Job
from kgmem.domain.recall.reranking import Reranker
from kgmem.domain.subscriptions.subscription import SubscriptionAddress
from kgmem.domain.text.extraction import Extractor
from kgmem.embedding.registry import make_embedder
from kgmem.formats.toml_schema import load_schema
from kgmem.memory import Memory
from kgmem.resources import resource
from kgmem.services.cache.content import ContentCache
from kgmem.services.texts.remember import schema_of
from kgmem.store.backup.store import BackupSettings, PostgresBackups
from kgmem.store.db.codecs import set_codecs
from kgmem.store.db.database import SEARCH_SETTINGS, Database
from kgmem.store.db.extensions import read_capabilities
from kgmem.store.db.replicas import ReadPool
from kgmem.store.derived.extraction_queue import LEASE
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.jobs.keys import PostgresKeyRing
from kgmem.store.jobs.metrics import PostgresMetrics
from kgmem.store.load.uploads import Uploads
from kgmem.store.read.epochs import PostgresEpochs
from kgmem.store.sync.retrieval_index import PostgresIndex
from tests.graph_pool import pool_of
from tests.postgres import run_on

DIMENSION = 64  # Small, so that building HNSW indexes takes no time.
CORE = load_schema(resource("graph_schema"))


class RecordedJobs:
    """A queue that runs nothing and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []

    async def defer(self, task: str, *, graph: str | None = None, **arguments: Any) -> int | None:
        self.asked.append((task, graph))
        return len(self.asked)

    async def get(self, id_: int) -> Job:
        raise NotFound(f"There is no job {id_}.")

    async def list(self, *, graph: str | None, status: str | None, limit: int) -> Sequence[Job]:
        return []


@dataclass
class SwitchableEmbedder:
    """An embedder whose provider can be away, be slow, and belong to another space; `before` runs before documents."""

    inner: Embedder
    name: str = ""
    away: bool = False
    pause: float = 0.0
    refuses: str = ""  # What no text may hold.
    before: Callable[[], Awaitable[None]] | None = None
    seen: list[str] = field(default_factory=list)

    @property
    def space(self) -> EmbeddingSpace:
        return replace(self.inner.space, revision=self.name) if self.name else self.inner.space

    async def embed(self, texts: Sequence[str], role: Role = "document") -> list[Vector]:
        if self.away:
            raise EmbedderUnavailable
        if self.before and role == "document":
            await self.before()
        await asyncio.sleep(self.pause)
        if self.refuses and any(self.refuses in text for text in texts):
            raise EmbedderUnavailable(f"It refuses {self.refuses}.")
        self.seen += texts
        return await self.inner.embed(texts, role)

    async def aclose(self) -> None:
        await self.inner.aclose()

    def reset(self) -> None:
        """Be as a new one is."""
        self.away, self.pause, self.refuses, self.before = False, 0.0, "", None
        self.seen.clear()


def hashing(dimension: int = DIMENSION, name: str = "") -> SwitchableEmbedder:
    """A hash embedder that can be switched off; embedders of different names are of different spaces."""
    inner = make_embedder("hash", dimension=dimension)
    assert inner is not None
    return SwitchableEmbedder(inner, name)


@asynccontextmanager
async def opened_memory(
    url: str,
    *,
    embedder: Embedder | None = None,
    words: bool | None = None,
    size: int = 10,
    extractor: Extractor | None = None,
    reranker: Reranker | None = None,
    lease: float = LEASE,
    cache: CacheStore | None = None,
    wait: float = 0,
) -> AsyncIterator[Memory]:
    """A memory over a database; `words` is whether to use pg_textsearch, by default where the database has it.

    `wait`: the seconds in which its transactions follow to a new primary.
    Without a `cache` everything is computed, unless KGMEM_TEST_CACHE is set.
    """
    if cache is None and os.environ.get("KGMEM_TEST_CACHE"):
        cache = LayeredCache(DEFAULTS, 64 * 1024 * 1024)
    pools = Database(url, size=size, wait=wait), Database(url, size=size, settings=SEARCH_SETTINGS, wait=wait)
    async with pools[0] as database, pools[1] as searches:
        async with database.connection() as connection:
            capabilities = await read_capabilities(connection)
        words = capabilities.bm25 if words is None else words
        latched = words and capabilities.bm25_latches
        catalog = PostgresCatalog(
            database, words=words, latched=latched, schema_of=lambda graph: schema_of(CORE, graph)
        )
        index = PostgresIndex(
            catalog, ReadPool(searches), occurrences=lambda graph: schema_of(CORE, graph).with_descendants("Event")
        )
        beside = Infrastructure(
            PostgresKeyRing(database),
            RecordedJobs(),
            PostgresMetrics(database, {"main": database, "search": searches}),
            Uploads(Path(tempfile.gettempdir()) / f"kgmem-uploads-{os.getpid()}"),
            PostgresBackups(
                BackupSettings(Path(tempfile.gettempdir()) / f"kgmem-home-{os.getpid()}", url, embedded=True)
            ),
        )
        epochs = PostgresEpochs(catalog)
        content = None if cache is None else ContentCache(cache, epochs, "test")
        beside = replace(beside, cache=content)
        models = Models(embedder=embedder, extractor=extractor, reranker=reranker)
        memory = Memory(postgres_ports(catalog, index, CORE, beside, models=models, lease=lease))
        try:
            yield memory
        finally:
            if content is not None:
                await content.aclose()
            await epochs.aclose()
            await memory.ports.flows.close()


async def new_graph(memory: Memory, name: str, **settings: Any) -> str:
    """Make a graph, or take one of the memory's pool, and give its name."""
    pool = None if settings else pool_of(memory)
    if pool:
        return await pool.take(name)
    await memory.graphs.create(name, **settings)
    return name


async def let_go(memory: Memory, graph: str) -> None:
    """Be done with a graph before the test is."""
    pool = pool_of(memory)
    if pool and pool.has(graph):
        await pool.give_back(graph)
    else:
        await memory.graphs.delete(graph)


def with_ports(memory: Memory, **changes: Any) -> Memory:
    """A memory with other ports over the same database and the same pool of graphs."""
    changed = Memory(replace(memory.ports, **changes))
    pool = pool_of(memory)
    return pool.serve(changed) if pool else changed


async def index_schema(memory: Memory, graph: str) -> str:
    """The schema of a graph's index tables."""
    catalog: Any = memory.ports.graphs
    return str((await catalog.layout(graph)).index_name)


async def query(memory: Memory, sql: str, *arguments: Any) -> list[Any]:
    """Ask the database of a memory by SQL."""
    catalog: Any = memory.ports.graphs
    async with catalog.database.connection() as connection:
        return list(await connection.fetch(sql, *arguments))


@asynccontextmanager
async def other_client(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A plain AGE client: a connection that knows nothing of kgmem."""
    connection = await asyncpg.connect(
        url, server_settings={"search_path": "ag_catalog,public", "session_preload_libraries": "age"}
    )
    try:
        await set_codecs(connection)
        yield connection
    finally:
        await connection.close()


async def cypher(client: asyncpg.Connection, graph: str, text: str, columns: int = 1) -> list[list[str]]:
    """Run Cypher by AGE's own cypher(); gives the rows as agtype texts."""
    names = [f"c{n}" for n in range(columns)]
    rows = await client.fetch(
        f"SELECT {', '.join(names)} FROM cypher('{graph}', $cypher$ {text} $cypher$) "
        f"AS ({', '.join(f'{n} agtype' for n in names)})"
    )
    return [list(row) for row in rows]


def stable_vector(text: str, dimension: int = DIMENSION) -> list[float]:
    """A vector that depends on the text alone, for vectors that callers give."""
    state = zlib.crc32(text.encode())
    numbers = []
    for _ in range(dimension):
        state = (state * 1_103_515_245 + 12_345) % 2**31
        numbers.append(state / 2**30 - 1.0)
    return numbers


async def truncate(url: str, schema: str, tables: Sequence[str]) -> None:
    """Empty index tables, as a damaged index would be."""
    await run_on(url, f"TRUNCATE {', '.join(f'{schema}.{table}' for table in tables)}")


def by_key(items: Sequence[Any]) -> Mapping[str, Any]:
    """Items by their key."""
    return {item.key: item for item in items}


async def until(holds: Callable[[], Awaitable[Any]], seconds: float = 20.0) -> None:
    """Wait until a condition holds; fails when it does not in time."""
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, "it never came about"
        await asyncio.sleep(0.01)


async def feed_settled(memory: Memory, graph: str) -> None:
    """Wait until the change feed tells all, and goes on telling it.

    A change is told once no transaction of its database is older. Which database a transaction belongs to is not seen
    while it just ends, so the feed may hold back for a moment again: therefore this waits for those of all databases.
    """
    schema = await index_schema(memory, graph)
    waiting = f"SELECT 1 FROM {schema}.change WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()) LIMIT 1"

    async def heard() -> bool:
        return not await query(memory, waiting)

    await until(heard, seconds=60)


async def events_settled(memory: Memory, graph: str) -> None:
    """Wait until what was written so far can be read as events: other tests of the server have transactions, too."""
    address = SubscriptionAddress("settled")
    await memory.subscriptions.put(graph, address)  # Begins behind all that was written, and waits until that is known.
    await memory.subscriptions.delete(graph, address)


async def change_feed(memory: Memory, graph: str) -> list[Change]:
    """All of the change feed, once it tells all."""
    await feed_settled(memory, graph)
    return list(await memory.graphs.changes(graph))
