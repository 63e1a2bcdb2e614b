"""The implementation of every port."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from kgmem.bootstrap.cache import content_cache
from kgmem.bootstrap.databases import Pools, connect_redis, open_pools
from kgmem.bootstrap.models import Embedders, extractor_of, reranker_of
from kgmem.cache.frame import content_of
from kgmem.consensus.engine import NumpyConsensus
from kgmem.domain.access import KeyRing, RateLimit, TokenVerifier
from kgmem.domain.agents.tokens import ESTIMATE, TokenCounter
from kgmem.domain.audit.log import AuditLog
from kgmem.domain.backups.backup import BackupStore
from kgmem.domain.derived.summaries import Wording
from kgmem.domain.distillation.run import DistilSettings
from kgmem.domain.erasure.erasure import ReportSigner, ServerFiles
from kgmem.domain.erasure.redis_contents import RedisContents
from kgmem.domain.flows.flow import FlowLog
from kgmem.domain.graph.embedding import Embedder, EmbeddingSpace
from kgmem.domain.graph.graph import Graph
from kgmem.domain.ledger.model_calls import NO_METER
from kgmem.domain.ledger.ports import LedgerStore
from kgmem.domain.ports import DatabaseMetrics, JobQueue, UploadFolder
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Question
from kgmem.domain.recall.reranking import Reranker
from kgmem.domain.schema.schema import GraphSchema
from kgmem.domain.streams.stream import StreamStore
from kgmem.domain.subscriptions.webhook import WebhookSender
from kgmem.domain.text.extraction import Extractor
from kgmem.embedding.tokenizer import make_token_counter
from kgmem.embedding.word_rarity import word_rarity
from kgmem.formats.named_queries import load_named_queries
from kgmem.formats.toml_schema import load_schema
from kgmem.query.answers import IDLE, GraphCypher
from kgmem.query.execution.limits import Limits
from kgmem.query.procedures.context import ProcedureContext
from kgmem.redis.opening import redis_contents, redis_presence, redis_streams
from kgmem.resolution.comparer import Comparer
from kgmem.resources import resource
from kgmem.services.agents.states import check_content
from kgmem.services.cache.content import ContentCache
from kgmem.services.imports.import_reader import describe
from kgmem.services.ledger.model_calls import LedgerMeter
from kgmem.services.ports import Ports
from kgmem.services.recall.recall import recall
from kgmem.services.texts.remember import schema_of
from kgmem.services.upkeep.expire import expire_due
from kgmem.settings import Settings
from kgmem.store.agents.blocks import PostgresBlocks
from kgmem.store.agents.feedback import PostgresFeedback
from kgmem.store.agents.presence import PostgresPresence
from kgmem.store.agents.publications import PostgresPublications
from kgmem.store.agents.published_items import PostgresPublishedItems
from kgmem.store.agents.scopes import PostgresScopes
from kgmem.store.agents.session_context import PostgresContexts
from kgmem.store.agents.sessions import PostgresSessions
from kgmem.store.agents.states import PostgresStates
from kgmem.store.audit.audit_log import PostgresAuditLog
from kgmem.store.backup.store import BackupSettings, PostgresBackups
from kgmem.store.claims.claim_store import PostgresClaims
from kgmem.store.cypher.graphs import PostgresGraphs
from kgmem.store.db.database import Database
from kgmem.store.db.extensions import read_capabilities
from kgmem.store.db.migrate import require_current
from kgmem.store.db.replicas import ReadPool
from kgmem.store.derived.communities import PostgresCommunities
from kgmem.store.derived.distil_allowances import PostgresAllowances
from kgmem.store.derived.extraction_queue import LEASE, PostgresExtractionStore
from kgmem.store.derived.similarity import PostgresConnections
from kgmem.store.derived.summaries import PostgresSummaries
from kgmem.store.erasure.erasures import PostgresErasures
from kgmem.store.erasure.files import HomeFiles
from kgmem.store.erasure.signature import Ed25519Signer
from kgmem.store.flows.flow_log import FlowRetention, PostgresFlows
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph_store import AgeGraphStore
from kgmem.store.integrity.reports import PostgresInspector
from kgmem.store.jobs.gauges import MachineGauges, size_by
from kgmem.store.jobs.keys import PostgresKeyRing
from kgmem.store.jobs.metrics import PostgresMetrics
from kgmem.store.jobs.queue import ProcrastinateQueue, open_queue
from kgmem.store.jobs.rate_limits import AccessLimits
from kgmem.store.ledger.ledger import PostgresLedger
from kgmem.store.load.imports import PostgresImports
from kgmem.store.load.uploads import Uploads
from kgmem.store.resolution.merge_store import PostgresMerges
from kgmem.store.resolution.names import PostgresNames
from kgmem.store.retention.holds import PostgresHolds
from kgmem.store.retention.rules import PostgresRetention
from kgmem.store.streams.streams import PostgresStreams
from kgmem.store.subscriptions.answers import PostgresAnswers
from kgmem.store.subscriptions.subscriptions import PostgresSubscriptions
from kgmem.store.subscriptions.webhooks import PostgresWebhooks
from kgmem.store.sync.expiry import PostgresExpiry
from kgmem.store.sync.retrieval_index import PostgresIndex
from kgmem.store.tiers.tiers import PostgresTiers
from kgmem.webhooks.address import AllowedAddresses
from kgmem.webhooks.registry import LazySender

if TYPE_CHECKING:
    from kgmem.redis.connection import RedisConnection


OCCURRENCE = "Event"  # What descends from this label happened: that it is over does not make it untrue.


async def open_ports(
    settings: Settings, url: str, redis: str | None, stack: AsyncExitStack, *, shared: Path | None = None
) -> tuple[Ports, ProcrastinateQueue]:
    """Return the ports over an up-to-date database, and Redis where there is one; the stack closes what is opened.

    `shared` is a folder of the processes that answer requests of one server.
    """
    pools = await open_pools(settings, url, stack, shared)
    connected = await connect_redis(settings, redis, pools.main, stack) if redis else None
    queue = await stack.enter_async_context(open_queue(url))
    return await _ports(settings, url, pools, queue, stack, redis=connected, shared=shared), queue


@asynccontextmanager
async def open_copy(url: str) -> AsyncIterator[Ports]:
    """Return the ports over the database of a restored copy, without models and Redis."""
    settings = Settings(database_url=SecretStr(url), embedder="none", extractor="none", reranker="none")
    async with AsyncExitStack() as stack:
        await require_current(url)
        ports, _ = await open_ports(settings, url, None, stack)
        yield ports


def _access_limits(settings: Settings, shared: Path | None) -> AccessLimits:
    most = settings.requests_per_minute
    return AccessLimits(RateLimit(most, most) if most else None, settings.login_failures, shared)


def _tokens(settings: Settings) -> TokenVerifier | None:
    """Return what checks tokens of an identity provider; its libraries are loaded where there is one."""
    if settings.oidc_issuer is None:
        return None
    tokens, keys = import_module("kgmem.oidc.tokens"), import_module("kgmem.oidc.key_set")
    mapped = tokens.Mapped(
        role_claim=settings.oidc_role_claim,
        graph_claim=settings.oidc_graph_claim,
        scope_claim=settings.oidc_scope_claim,
        roles=tokens.roles_of(settings.oidc_roles),
        scope=settings.oidc_scope,
    )
    verifier: TokenVerifier = tokens.BearerTokens(
        settings.oidc_issuer,
        [each.strip() for each in (settings.oidc_audience or "").split(",") if each.strip()],
        keys.KeySet(settings.oidc_issuer, settings.oidc_jwks),
        algorithms=[each.strip() for each in settings.oidc_algorithms.split(",") if each.strip()],
        mapped=mapped,
    )
    return verifier


async def _ports(
    settings: Settings,
    url: str,
    pools: Pools,
    queue: ProcrastinateQueue,
    stack: AsyncExitStack,
    *,
    redis: "RedisConnection | None",
    shared: Path | None,
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
    if pools.replicas:
        catalog.on_news = pools.replicas.freshness.seen_primary
    stack.push_async_callback(catalog.expiry.aclose)
    stack.push_async_callback(catalog.usage.aclose)
    ledger = PostgresLedger(catalog)
    meter = LedgerMeter(ledger, PostgresSessions(catalog)) if settings.model_booking else NO_METER
    embedders = Embedders(settings, stack, meter, redis)
    embedder = embedders.named(settings.embedder, settings.embedder_dimension)
    keys = await stack.enter_async_context(
        PostgresKeyRing(database, _access_limits(settings, shared), _tokens(settings))
    )
    searches = ReadPool(pools.search, pools.replicas, "search")
    index = PostgresIndex(catalog, searches, occurrences=_occurrences(core), guard=pools.guard)
    named = {"main": pools.main, "search": pools.search, "transaction": pools.transaction}
    vitals = PostgresMetrics(database, named, pools.replicas)
    limits = Limits(seconds=settings.statement_timeout, length=settings.cypher_length)
    retention = FlowRetention(settings.flows_kept, settings.flows_days)
    flows = PostgresFlows(database, enabled=settings.flows, tracer=pools.tracer, retention=retention)
    stack.push_async_callback(flows.close)
    audit = PostgresAuditLog(database, default=settings.audit, days=settings.audit_days)
    await audit.open()
    stack.push_async_callback(audit.aclose)
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
            distil=distil_settings(settings),
            cache=content_cache(settings, catalog, redis, stack, pools.replicas),
            streams=(lambda streams: redis_streams(redis, streams, stack)) if redis else _as_it_is,
            audit=audit,
            reads=ReadPool(pools.main, pools.replicas),
            redis_contents=redis_contents(redis, content_of, stack) if settings.redis_url_text else None,
        ),
        models=Models(
            embedder,
            embedders.of,
            extractor_of(settings, stack, meter),
            reranker_of(settings, stack, meter),
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


def _as_it_is(streams: PostgresStreams) -> StreamStore:
    """Return streams that are all in Postgres."""
    return streams


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
    cache: ContentCache | None = None
    streams: Callable[[PostgresStreams], StreamStore] = _as_it_is  # Where some streams may be elsewhere.
    redis_contents: RedisContents | None = None
    reads: ReadPool | None = None  # For Cypher queries that read, and exports; None: the catalog's connections.
    audit: AuditLog | None = None  # None: one that notes nothing unless a graph says so.


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
    reads = infrastructure.reads or ReadPool(catalog.database)
    graphs = PostgresGraphs(catalog, reads=reads)
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
        store=AgeGraphStore(catalog, reads),
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
        gauges=MachineGauges(size_by(catalog.database), infrastructure.distil),
        states=PostgresStates(catalog),
        sessions=PostgresSessions(catalog),
        contexts=PostgresContexts(catalog),
        blocks=PostgresBlocks(catalog),
        scopes=PostgresScopes(catalog),
        feedback=PostgresFeedback(catalog),
        publications=PostgresPublications(claims),
        published_items=PostgresPublishedItems(catalog),
        subscriptions=subscriptions,
        followed_answers=PostgresAnswers(catalog, subscriptions),
        presence=redis_presence(shared, catalog) if (shared := infrastructure.redis) else PostgresPresence(catalog),
        streams=infrastructure.streams(PostgresStreams(catalog)),
        flows=infrastructure.flows or PostgresFlows(catalog.database),
        webhooks=PostgresWebhooks(catalog, subscriptions),
        sender=infrastructure.sender or LazySender(AllowedAddresses()),
        expiry=PostgresExpiry(catalog),
        tiers=PostgresTiers(catalog),
        token_counter=models.token_counter,
        ledger=infrastructure.ledger or PostgresLedger(catalog),
        erasures=PostgresErasures(catalog),
        holds=PostgresHolds(catalog),
        retention=PostgresRetention(catalog),
        signer=infrastructure.signer,
        server_files=infrastructure.files,
        integrity=PostgresInspector(index),
        jobs=infrastructure.jobs,
        keys=infrastructure.keys,
        audit=infrastructure.audit or PostgresAuditLog(catalog.database),
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
        cache=infrastructure.cache,
        redis_contents=infrastructure.redis_contents,
    )
    ports.expiry.on_due(partial(expire_due, ports))
    return ports


def distil_settings(settings: Settings) -> DistilSettings:
    """Return what the operator has set of distillation."""
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


def _occurrences(core: GraphSchema) -> Callable[[Graph], Sequence[str]]:
    """Return what names the labels of a graph whose past is not superseded."""
    return lambda graph: schema_of(core, graph).with_descendants(OCCURRENCE)
