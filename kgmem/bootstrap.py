"""Bootstrap: builds the facade from the settings. The one module that names implementations."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version as version_of
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from kgmem.consensus.engine import NumpyConsensus
from kgmem.domain.access import KeyRing
from kgmem.domain.agents.tokens import ESTIMATE, TokenCounter
from kgmem.domain.backups.backup import BackupStore
from kgmem.domain.derived.summaries import Wording
from kgmem.domain.distillation.run import DistilSettings
from kgmem.domain.erasure.erasure import ReportSigner, ServerFiles, SignedReport
from kgmem.domain.errors import InvalidInput, KgmemError, Unavailable
from kgmem.domain.flows.flow import FlowLog
from kgmem.domain.graph.embedding import Embedder, EmbeddingSpace
from kgmem.domain.graph.graph import Graph
from kgmem.domain.ledger.model_calls import NO_METER, Booking, CallMeter, Prices
from kgmem.domain.ledger.ports import LedgerStore
from kgmem.domain.ports import DatabaseMetrics, JobQueue, UploadFolder
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Question
from kgmem.domain.recall.reranking import Reranker
from kgmem.domain.schema.schema import GraphSchema
from kgmem.domain.subscriptions.webhook import WebhookSender
from kgmem.domain.text.extraction import Extractor
from kgmem.embedding.cached import CachedEmbedder
from kgmem.embedding.registry import make_embedder
from kgmem.embedding.reranker import RerankerChoice, make_reranker
from kgmem.embedding.tokenizer import make_token_counter
from kgmem.embedding.word_rarity import word_rarity
from kgmem.extraction.registry import ExtractorChoice, make_extractor
from kgmem.formats.named_queries import load_named_queries
from kgmem.formats.toml_schema import load_schema
from kgmem.log import EventLog
from kgmem.memory import Memory
from kgmem.query.answers import IDLE, GraphCypher
from kgmem.query.execution.limits import Limits
from kgmem.query.procedures.context import ProcedureContext
from kgmem.redis.opening import RedisChoice, redis_connection, redis_server, shared_vectors
from kgmem.resolution.comparer import Comparer
from kgmem.resources import resource
from kgmem.services.agents.states import check_content
from kgmem.services.backups import BackupPorts, Backups
from kgmem.services.imports.import_reader import describe
from kgmem.services.ledger.model_calls import LedgerMeter
from kgmem.services.ports import Ports
from kgmem.services.recall.recall import recall
from kgmem.services.texts.remember import schema_of
from kgmem.services.upkeep.expire import expire_due
from kgmem.settings import Settings, TelemetrySettings
from kgmem.store.agents.blocks import PostgresBlocks
from kgmem.store.agents.feedback import PostgresFeedback
from kgmem.store.agents.presence import PostgresPresence
from kgmem.store.agents.publications import PostgresPublications
from kgmem.store.agents.scopes import PostgresScopes
from kgmem.store.agents.session_context import PostgresContexts
from kgmem.store.agents.sessions import PostgresSessions
from kgmem.store.agents.states import PostgresStates
from kgmem.store.backup.store import BackupSettings, PostgresBackups
from kgmem.store.claims.claim_store import PostgresClaims
from kgmem.store.cypher.graphs import PostgresGraphs
from kgmem.store.db.database import SEARCH_SETTINGS, ConnectionShare, Database
from kgmem.store.db.extensions import read_capabilities
from kgmem.store.db.identity import database_identity
from kgmem.store.db.migrate import migrate, require_current, revision_state
from kgmem.store.derived.communities import PostgresCommunities
from kgmem.store.derived.distil_allowances import PostgresAllowances
from kgmem.store.derived.extraction_queue import LEASE, PostgresExtractionStore
from kgmem.store.derived.similarity import PostgresConnections
from kgmem.store.derived.summaries import PostgresSummaries
from kgmem.store.embedded.lifecycle import EmbeddedPostgres
from kgmem.store.erasure.erasures import PostgresErasures
from kgmem.store.erasure.files import HomeFiles
from kgmem.store.erasure.signature import Ed25519Signer, verify
from kgmem.store.flows.flow_log import FlowRetention, PostgresFlows
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph_store import AgeGraphStore
from kgmem.store.integrity.reports import PostgresInspector
from kgmem.store.jobs.gauges import MachineGauges
from kgmem.store.jobs.keys import PostgresKeyRing
from kgmem.store.jobs.metrics import PostgresMetrics
from kgmem.store.jobs.queue import ProcrastinateQueue, open_queue
from kgmem.store.jobs.worker import WorkerOptions
from kgmem.store.ledger.ledger import PostgresLedger
from kgmem.store.load.imports import PostgresImports
from kgmem.store.load.uploads import Uploads
from kgmem.store.resolution.merge_store import PostgresMerges
from kgmem.store.resolution.names import PostgresNames
from kgmem.store.retention.holds import PostgresHolds
from kgmem.store.streams.streams import PostgresStreams
from kgmem.store.subscriptions.subscriptions import PostgresSubscriptions
from kgmem.store.subscriptions.webhooks import PostgresWebhooks
from kgmem.store.sync.expiry import PostgresExpiry
from kgmem.store.sync.keyword_index_repair import KeywordIndexGuard
from kgmem.store.sync.retrieval_index import PostgresIndex
from kgmem.store.tiers.tiers import PostgresTiers
from kgmem.tasks import before_sigterm, told_to_stop
from kgmem.telemetry.registry import ExportingTracer, TelemetryChoice, make_tracer

if TYPE_CHECKING:
    from kgmem.redis.connection import RedisConnection
from kgmem.webhooks.address import AllowedAddresses
from kgmem.webhooks.registry import LazySender

log = EventLog(__name__)

OCCURRENCE = "Event"  # What descends from this label happened: that it is over does not make it untrue.
Report = Callable[[str], None]
_REMOTE = ("ollama", "openai")
_CONNECTIONS = 100  # What the embedded Postgres takes unless more are needed.
_OTHER_CONNECTIONS = 30  # For commands and for clients of kgmem's Postgres.
_TENDED_EVERY = 600.0  # Seconds between looks at the uploads.
_WATCHED_EVERY = 1.0  # Seconds between looks for what webhooks must send.
_BACKUPS_EVERY = 30.0  # Seconds between looks at the schedule of backups.


def _silent(text: str) -> None:
    """Report nothing."""


@asynccontextmanager
async def open_database(settings: Settings, *, owner: bool = False, report: Report = _silent) -> AsyncIterator[str]:
    """Return the URL of the database: the external one, or the embedded one, started if necessary."""
    if settings.database_url_text:
        yield settings.database_url_text
        return
    async with EmbeddedPostgres(
        settings.home,
        port=settings.postgres_port,
        report=report,
        settings=_connection_settings(settings),
        attach=not owner,
    ) as postgres:
        watch = asyncio.create_task(postgres.keep_running()) if owner else None
        try:
            with before_sigterm(postgres.stop):
                yield postgres.url
        finally:
            if watch:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)


@asynccontextmanager
async def open_redis(settings: Settings, *, owner: bool = False, report: Report = _silent) -> AsyncIterator[str | None]:
    """Return the URL of Redis where the settings name one; the embedded one is started if need be."""
    if settings.redis_url_text is None:
        yield None
        return
    choice = RedisChoice(settings.redis_url_text, settings.home, settings.redis_memory)
    async with redis_server(choice, owner=owner, report=report) as url:
        yield url


def _connection_settings(settings: Settings) -> dict[str, str]:
    """Return how many connections the embedded Postgres takes, where several processes need more than it always has."""
    # Each process has both pools and a connection that listens; one more runs background jobs.
    needed = (settings.server_processes + 1) * (settings.pool_size + settings.transaction_pool_size + 1)
    most = needed + _OTHER_CONNECTIONS
    return {"max_connections": str(most)} if settings.server_processes > 1 and most > _CONNECTIONS else {}


@asynccontextmanager
async def open_memory(
    settings: Settings,
    *,
    worker: bool = False,
    owner: bool = False,
    migrating: bool = False,
    report: Report = _silent,
) -> AsyncIterator[Memory]:
    """Return a memory over the database of the settings.

    `owner` claims the embedded Postgres (one per data folder) and keeps it running; `worker` runs background jobs in
    this process; `migrating` brings the database up to date first, where otherwise an outdated one is refused
    (DatabaseOutdated).
    """
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(open_database(settings, owner=owner, report=report))
        if migrating:
            # The steps of a new database tell its first user nothing.
            new = (await revision_state(url)).state == "empty"
            await migrate(url, report=None if new else report)
        else:
            await require_current(url)
        redis = await stack.enter_async_context(open_redis(settings, owner=owner, report=report))
        memory, queue = await _build(settings, url, redis, stack)
        if worker:
            await stack.enter_async_context(queue.worker(handlers(memory), _options(memory)))
            await stack.enter_async_context(_tending(memory))
        yield memory


async def open_worker(settings: Settings, *, report: Report = _silent) -> None:
    """Run background jobs until cancelled."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(open_database(settings, report=report))
        await require_current(url)
        redis = await stack.enter_async_context(open_redis(settings, report=report))
        memory, queue = await _build(settings, url, redis, stack)
        await stack.enter_async_context(_tending(memory))
        await queue.work(handlers(memory), _options(memory))


def _options(memory: Memory) -> WorkerOptions:
    """Return the options of a worker on this machine, which does what its data folder is needed for."""
    try:
        return WorkerOptions(places=(memory.imports.uploads.place,))
    except Unavailable as error:
        log.warning("uploads_unavailable", error=error)
        return WorkerOptions()


@asynccontextmanager
async def _tending(memory: Memory) -> AsyncIterator[None]:
    """Look after the uploads and backups of this machine, and each second for what webhooks must send."""

    async def tend_uploads() -> None:
        while not told_to_stop():
            try:
                await memory.tasks.tend_uploads()
            except KgmemError as error:
                log.warning("uploads_check_failed", error=error)
            await asyncio.sleep(_TENDED_EVERY)

    async def watch() -> None:
        while not told_to_stop():
            try:
                await memory.tasks.queue_webhooks()
            except KgmemError as error:
                log.warning("webhooks_check_failed", error=error)
            await asyncio.sleep(_WATCHED_EVERY)

    async def tend_backups() -> None:
        while not told_to_stop():
            try:
                await memory.backups.tend()
            except (KgmemError, OSError) as error:
                log.warning("backups_check_failed", error=error)
            await asyncio.sleep(_BACKUPS_EVERY)

    tasks = [
        asyncio.create_task(tend_uploads(), name="kgmem uploads"),
        asyncio.create_task(tend_backups(), name="kgmem backups"),
        asyncio.create_task(watch(), name="kgmem webhooks"),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def verify_signature(signed: SignedReport) -> bool:
    """Return whether a report of an erasure is as it was signed; it needs no database."""
    return verify(signed)


def handlers(memory: Memory) -> dict[str, Callable[..., Awaitable[Any]]]:
    """Return the handler of each task, by the name of the task."""
    return {
        "embed": memory.embeddings.run,
        "reembed": memory.embeddings.reembed,
        "rebuild": memory.index.rebuild,
        "sync_index": memory.index.sync,
        "queue_embedding": memory.tasks.queue_missing_vectors,
        "build_deferred_indexes": memory.tasks.build_deferred_indexes,
        "index_facts": memory.tasks.index_facts,
        "queue_facts": memory.tasks.queue_missing_facts,
        "compute_consensus": memory.tasks.compute_consensus,
        "extract": memory.extraction.run,
        "queue_extraction": memory.tasks.queue_extraction,
        "link_similar": memory.tasks.update_similarity,
        "detect_communities": memory.tasks.update_communities,
        "summarize": memory.tasks.update_summaries,
        "queue_summaries": memory.tasks.queue_summaries,
        "distil": memory.tasks.distil,
        "queue_distillation": memory.tasks.queue_distillation,
        "relieve_pressure": memory.tasks.relieve_pressure,
        "prune_states": memory.tasks.prune_states,
        "queue_pruning": memory.tasks.queue_pruning,
        "expire_holds": memory.tasks.expire_holds,
        "queue_hold_expiry": memory.tasks.queue_hold_expiry,
        "expire_items": memory.tasks.expire_items,
        "queue_expiry": memory.tasks.queue_expiry,
        "deliver_webhook": memory.tasks.deliver_webhook,
        "trim_streams": memory.tasks.trim_streams,
        "queue_trimming": memory.tasks.queue_trimming,
        "sweep_tiers": memory.tasks.sweep_tiers,
        "queue_tiers": memory.tasks.queue_tiers,
        "queue_communities": memory.tasks.queue_communities,
        "unlink_similar": memory.similarity.unlink,
        "queue_similarity": memory.tasks.queue_similarity,
        "import": memory.tasks.run_upload,
        "undo_import": memory.tasks.run_undo,
        "back_up": memory.backups.run_create,
        "verify_backup": memory.backups.run_verify,
        "check_integrity": memory.tasks.check_integrity,
        "queue_integrity_checks": memory.tasks.queue_integrity_checks,
    }


async def _build(
    settings: Settings, url: str, redis: str | None, stack: AsyncExitStack
) -> tuple[Memory, ProcrastinateQueue]:
    """Build the facade over an up-to-date database, and Redis where there is one; the stack closes what it opens."""
    pools = await _open_pools(settings, url, stack)
    shared = await _redis_connection(settings, redis, pools.main, stack) if redis else None
    queue = await stack.enter_async_context(open_queue(url))
    return Memory(await _ports(settings, url, pools, queue, stack, redis=shared)), queue


async def _redis_connection(
    settings: Settings, url: str, database: Database, stack: AsyncExitStack
) -> "RedisConnection":
    """Return the connection to Redis, whose keys begin with the identity of the database."""
    async with database.connection() as connection:
        namespace = f"kgmem:{await database_identity(connection)}"
    return await stack.enter_async_context(redis_connection(url, settings.redis_timeout, namespace))


@dataclass(frozen=True, slots=True)
class _Pools:
    """Connection pools for requests, for searches, and for interactive transactions, which may be idle."""

    main: Database
    search: Database
    transaction: Database
    guard: KeywordIndexGuard
    tracer: ExportingTracer | None


async def _open_pools(settings: Settings, url: str, stack: AsyncExitStack) -> _Pools:
    size = settings.pool_size
    lending = ConnectionShare(settings.pool_share)
    # Should this process ever lose sight of a transaction, Postgres ends it.
    forgotten = {"idle_in_transaction_session_timeout": str(int(settings.transaction_idle * 2000))}
    guard = KeywordIndexGuard(url)
    stack.push_async_callback(guard.aclose)
    await guard.open()
    tracer = make_tracer(_telemetry(settings.telemetry))
    if tracer:
        stack.push_async_callback(tracer.aclose)
    apart = ConnectionShare(settings.transactions_per_key, patience=30.0, by_graph=False)
    shared: dict[str, Any] = {"statement_timeout": settings.statement_timeout, "guard": guard}
    shared |= {"on_statement": tracer.statement} if tracer else {}
    return _Pools(
        await stack.enter_async_context(Database(url, size=size, lending=lending, **shared)),
        await stack.enter_async_context(Database(url, size=size, settings=SEARCH_SETTINGS, lending=lending, **shared)),
        await stack.enter_async_context(
            Database(url, size=settings.transaction_pool_size, settings=forgotten, lending=apart, probe=False, **shared)
        ),
        guard,
        tracer,
    )


def _telemetry(settings: TelemetrySettings) -> TelemetryChoice | None:
    """Return where spans go; None where nothing is exported."""
    if settings.endpoint is None:
        return None
    return TelemetryChoice(
        settings.endpoint, settings.headers, settings.exporter_otlp_timeout / 1000, settings.service_name,
        settings.traces_sampler, settings.traces_sampler_arg,
    )  # fmt: skip


async def _ports(
    settings: Settings,
    url: str,
    pools: _Pools,
    queue: ProcrastinateQueue,
    stack: AsyncExitStack,
    *,
    redis: "RedisConnection | None",
) -> Ports:
    database = pools.main
    core = load_schema(resource("graph_schema"))
    async with database.connection() as connection:
        capabilities = await read_capabilities(connection)
    catalog = PostgresCatalog(
        database,
        words=capabilities.bm25,
        latched=capabilities.bm25_latches,
        schema_of=lambda graph: schema_of(core, graph),
    )
    stack.push_async_callback(catalog.expiry.aclose)
    stack.push_async_callback(catalog.usage.aclose)
    ledger = PostgresLedger(catalog)
    meter = LedgerMeter(ledger) if settings.model_booking else NO_METER
    embedders = _Embedders(settings, stack, meter, redis)
    embedder = embedders.named(settings.embedder, settings.embedder_dimension)
    keys = await stack.enter_async_context(PostgresKeyRing(database))
    index = PostgresIndex(catalog, pools.search, occurrences=_occurrences(core), guard=pools.guard)
    vitals = PostgresMetrics(database, {"main": pools.main, "search": pools.search, "transaction": pools.transaction})
    limits = Limits(seconds=settings.statement_timeout, length=settings.cypher_length)
    retention = FlowRetention(settings.flows_kept, settings.flows_days)
    flows = PostgresFlows(database, enabled=settings.flows, tracer=pools.tracer, retention=retention)
    stack.push_async_callback(flows.close)
    sender = LazySender(
        AllowedAddresses.parse(settings.webhook_allow or ""), timeout=settings.webhook_timeout,
        product=f"kgmem/{version_of('kgmem')}",
    )  # fmt: skip
    stack.push_async_callback(sender.aclose)
    ports = postgres_ports(
        catalog,
        index,
        core,
        Infrastructure(
            keys,
            queue,
            vitals,
            Uploads(settings.home / "uploads"),
            backup_store(settings, url),
            ledger,
            redis,
            flows,
            sender,
            signer=Ed25519Signer(settings.erasure_key or settings.home / "erasure_key.pem"),
            files=HomeFiles(settings.home),
            distil=_distil_settings(settings),
        ),
        models=Models(
            embedder,
            embedders.of,
            _extractor(settings, stack, meter),
            _reranker(settings, stack, meter),
            make_token_counter(settings.tokenizer),
        ),
        cypher=CypherSettings(limits, pools.transaction, settings.transaction_idle),
    )
    stack.push_async_callback(ports.answers.close)
    stack.push_async_callback(ports.presence.aclose)
    return ports


@dataclass(frozen=True, slots=True)
class CypherSettings:
    """The limits of queries, the graphs for interactive transactions, and the seconds that one may be idle."""

    limits: Limits | None = None
    transactions: Database | None = None
    idle: float = IDLE


def _no_embedder(space: EmbeddingSpace) -> None:
    """Return no embedder: only the current one is known."""


@dataclass(frozen=True, slots=True)
class Models:
    """The embedder, extractor, wording and reranker; each may be None, and the memory then works without it."""

    embedder: Embedder | None = None
    embedder_of: Callable[[EmbeddingSpace], Embedder | None] = _no_embedder
    extractor: Extractor | None = None
    reranker: Reranker | None = None
    token_counter: TokenCounter = ESTIMATE


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """Keys, jobs, metrics, uploads, backups, ledgers where models book their calls, Redis where there is one, flows."""

    keys: KeyRing
    jobs: JobQueue
    vitals: DatabaseMetrics
    uploads: UploadFolder
    backups: BackupStore
    ledger: LedgerStore | None = None
    redis: "RedisConnection | None" = None
    flows: FlowLog | None = None
    sender: WebhookSender | None = None  # None: one that reaches public addresses only.
    signer: ReportSigner = field(default_factory=Ed25519Signer)
    files: ServerFiles = field(default_factory=HomeFiles)
    distil: DistilSettings = field(default_factory=DistilSettings)


def postgres_ports(
    catalog: PostgresCatalog,
    index: PostgresIndex,
    core: GraphSchema,
    infrastructure: Infrastructure,
    *,
    models: Models | None = None,
    cypher: CypherSettings | None = None,
    lease: float = LEASE,
) -> Ports:
    """Return the ports of a memory in Postgres.

    `lease` is the number of seconds after which an extraction that shows no heartbeat is repeated. Cypher's procedures
    call services, so its engine uses the ports that it is part of.
    """

    async def recalled(graph: str, question: Question) -> Answer:
        return await recall(ports, graph, question)

    models, cypher = models or Models(), cypher or CypherSettings()
    graphs = PostgresGraphs(catalog)
    transactions = graphs.on(cypher.transactions or catalog.database)
    claims = PostgresClaims(catalog, NumpyConsensus())
    around = ProcedureContext(
        graphs,
        recalled,
        claims.facts_of,
        catalog.get,
        catalog.list,
        catalog.stats,
        lambda graph: schema_of(core, graph),
        version_of("kgmem"),
    )
    subscriptions = PostgresSubscriptions(catalog)
    ports = Ports(
        graphs=catalog,
        store=AgeGraphStore(catalog),
        index=index,
        claims=claims,
        answers=claims.answers,
        cypher=GraphCypher(graphs, around, limits=cypher.limits, transactions=transactions, idle=cypher.idle),
        named_queries=load_named_queries(resource("cypher")),
        imports=PostgresImports(catalog, describe, check_content),
        uploads=infrastructure.uploads,
        extractions=PostgresExtractionStore(catalog, lease=lease),
        merges=PostgresMerges(catalog),
        names=PostgresNames(catalog),
        comparer=Comparer(),
        similarity=PostgresConnections(catalog),
        communities=PostgresCommunities(catalog),
        summaries=PostgresSummaries(catalog),
        distillation=PostgresAllowances(catalog),
        distil_settings=infrastructure.distil,
        gauges=MachineGauges(catalog.database, infrastructure.distil),
        states=PostgresStates(catalog),
        sessions=PostgresSessions(catalog),
        contexts=PostgresContexts(catalog),
        blocks=PostgresBlocks(catalog),
        scopes=PostgresScopes(catalog),
        feedback=PostgresFeedback(catalog),
        publications=PostgresPublications(claims),
        subscriptions=subscriptions,
        presence=PostgresPresence(catalog),
        streams=PostgresStreams(catalog),
        flows=infrastructure.flows or PostgresFlows(catalog.database),
        webhooks=PostgresWebhooks(catalog, subscriptions),
        sender=infrastructure.sender or LazySender(AllowedAddresses()),
        expiry=PostgresExpiry(catalog),
        tiers=PostgresTiers(catalog),
        token_counter=models.token_counter,
        ledger=infrastructure.ledger or PostgresLedger(catalog),
        erasures=PostgresErasures(catalog),
        holds=PostgresHolds(catalog),
        signer=infrastructure.signer,
        server_files=infrastructure.files,
        integrity=PostgresInspector(index),
        jobs=infrastructure.jobs,
        keys=infrastructure.keys,
        vitals=infrastructure.vitals,
        backups=infrastructure.backups,
        open_copy=open_copy,
        core_schema=core,
        word_rarity=word_rarity,
        embedder=models.embedder,
        embedder_of=models.embedder_of,
        extractor=models.extractor,
        reranker=models.reranker,
        wording=models.extractor if isinstance(models.extractor, Wording) else None,
    )
    ports.expiry.on_due(partial(expire_due, ports))
    return ports


def _distil_settings(settings: Settings) -> DistilSettings:
    return DistilSettings(
        settings.distil_threshold, settings.distil_wording, settings.distil_disk, settings.distil_memory,
        settings.distil_database, str(settings.home),
    )  # fmt: skip


def backup_store(settings: Settings, url: str | None) -> PostgresBackups:
    """Return the port of backups; without the URL of a database it reads, checks and restores them alone."""
    return PostgresBackups(
        BackupSettings(
            home=settings.home.expanduser().resolve(),
            url=url,
            embedded=settings.database_url is None,
            folder=settings.backup_folder,
            identity=settings.backup_identity,
            programs=settings.postgres_programs,
        )
    )


def open_backups(settings: Settings, url: str | None = None) -> Backups:
    """Return the backups of this machine, also where no database runs."""
    return Backups(BackupPorts(backup_store(settings, url), open_copy))


@asynccontextmanager
async def open_copy(url: str) -> AsyncIterator[Ports]:
    """Return the ports over the database of a restored copy, without models."""
    settings = Settings(database_url=SecretStr(url), embedder="none", extractor="none", reranker="none")
    async with open_memory(settings) as memory:
        yield memory.ports


def _extractor(settings: Settings, stack: AsyncExitStack, meter: CallMeter) -> Extractor | None:
    """Return the extractor, closed with the stack; its model is loaded with the first text."""
    choice = ExtractorChoice(
        processes=settings.extractor_processes,
        url=settings.extractor_url,
        key=settings.extractor_key.get_secret_value() if settings.extractor_key else None,
        timeout=settings.extractor_timeout,
        parallel=settings.extractor_parallel,
        per_minute=settings.extractor_per_minute,
        most_tokens=settings.extractor_tokens,
        most_cost=settings.extractor_cost,
        price_in=settings.extractor_price_in,
        price_out=settings.extractor_price_out,
        meter=meter,
    )
    extractor = make_extractor(settings.extractor, choice)
    if extractor:
        stack.push_async_callback(extractor.aclose)
    return extractor


def _reranker(settings: Settings, stack: AsyncExitStack, meter: CallMeter) -> Reranker | None:
    """Return the reranker, closed with the stack; None where the settings name none."""
    key = settings.reranker_key.get_secret_value() if settings.reranker_key else None
    booking = Booking(meter, Prices(settings.reranker_price))
    choice = RerankerChoice(settings.reranker_url, key, settings.reranker_budget_ms, booking)
    reranker = make_reranker(settings.reranker, choice)
    if reranker:
        stack.push_async_callback(reranker.aclose)
    return reranker


class _Embedders:
    """Creates embedders by name or by space, each once, and closes them with the stack."""

    def __init__(
        self, settings: Settings, stack: AsyncExitStack, meter: CallMeter, redis: "RedisConnection | None"
    ) -> None:
        self._settings = settings
        self._shared = shared_vectors(redis) if redis else None
        self._booking = Booking(meter, Prices(settings.embedder_price))
        self._stack = stack
        self._made: dict[str, Embedder | None] = {}

    def named(self, name: str, dimension: int | None) -> Embedder | None:
        """Return the embedder of a name such as minilm or ollama:nomic-embed-text; None for none."""
        settings = self._settings
        key = settings.embedder_key.get_secret_value() if settings.embedder_key else None
        embedder = make_embedder(
            name,
            url=settings.embedder_url,
            key=key,
            dimension=dimension,
            timeout=settings.embedder_timeout,
            folder=settings.home / "models",
            booking=self._booking,
        )
        if embedder:
            self._stack.push_async_callback(embedder.aclose)
        if isinstance(embedder, CachedEmbedder) and self._shared is not None:
            embedder.share(self._shared)
        return embedder

    def of(self, space: EmbeddingSpace) -> Embedder | None:
        """Return the embedder of an embedding space; None where its vectors cannot be made here."""
        if space.id not in self._made:
            remote = space.provider in _REMOTE
            name = f"{space.provider}:{space.model}" if remote else space.provider
            try:
                embedder = self.named(name, space.dimension if remote else None)
            except InvalidInput:  # A provider of vectors that callers give, or one that is no longer installed.
                embedder = None
            self._made[space.id] = embedder if embedder and embedder.space.id == space.id else None
        return self._made[space.id]


def _occurrences(core: GraphSchema) -> Callable[[Graph], Sequence[str]]:
    """Return what names the labels of a graph whose past is not superseded."""
    return lambda graph: schema_of(core, graph).with_descendants(OCCURRENCE)
