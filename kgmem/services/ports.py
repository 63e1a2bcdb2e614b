"""The ports that the services work with, handed in once by the bootstrap."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from kgmem.domain.access import KeyRing
from kgmem.domain.agents.block import BlockStore
from kgmem.domain.agents.presence import PresenceStore
from kgmem.domain.agents.publication import PublicationStore
from kgmem.domain.agents.published_item import PublishedItemStore
from kgmem.domain.agents.session import ContextStore, SessionStore
from kgmem.domain.agents.state import StateStore
from kgmem.domain.agents.tokens import TokenCounter
from kgmem.domain.audit.log import AuditLog
from kgmem.domain.backups.backup import BackupStore
from kgmem.domain.claims.ports import Answers, ClaimStore
from kgmem.domain.cypher import Cypher, NamedQuery
from kgmem.domain.derived.communities import CommunityStore
from kgmem.domain.derived.similarity import SimilarityStore
from kgmem.domain.derived.summaries import SummaryStore, Wording
from kgmem.domain.diagnostics import Inspector
from kgmem.domain.distillation.ports import DistillationStore
from kgmem.domain.distillation.pressure import Gauges
from kgmem.domain.distillation.run import DistilSettings
from kgmem.domain.erasure.erasure import ErasureStore, ReportSigner, ServerFiles
from kgmem.domain.erasure.redis_contents import RedisContents
from kgmem.domain.flows.flow import FlowLog
from kgmem.domain.graph.embedding import Embedder, EmbeddingSpace
from kgmem.domain.graph.expiry import ExpirySchedule
from kgmem.domain.graph.scope_contents import ScopeStore
from kgmem.domain.graph.tier import TierStore
from kgmem.domain.ledger.ports import LedgerStore
from kgmem.domain.ports import (
    DatabaseMetrics,
    GraphCatalog,
    GraphStore,
    ImportStore,
    JobQueue,
    RetrievalIndex,
    UploadFolder,
)
from kgmem.domain.recall.feedback import FeedbackStore
from kgmem.domain.recall.reranking import Reranker
from kgmem.domain.retention.hold import HoldStore
from kgmem.domain.retention.rule import RetentionStore
from kgmem.domain.schema.schema import GraphSchema
from kgmem.domain.streams.stream import StreamStore
from kgmem.domain.subscriptions.answer_store import AnswerStore
from kgmem.domain.subscriptions.subscription import SubscriptionStore
from kgmem.domain.subscriptions.webhook import WebhookSender, WebhookStore
from kgmem.domain.text.extraction import Extractor
from kgmem.domain.text.queue import ExtractionStore
from kgmem.domain.text.resolution import Comparer, MergeStore, NameIndex
from kgmem.services.cache.content import ContentCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One implementation of every port. None stands only for what a memory may be without: models."""

    graphs: GraphCatalog
    store: GraphStore
    index: RetrievalIndex
    claims: ClaimStore
    answers: Answers
    cypher: Cypher
    named_queries: Mapping[str, NamedQuery]
    imports: ImportStore
    uploads: UploadFolder
    extractions: ExtractionStore
    merges: MergeStore
    names: NameIndex
    comparer: Comparer
    similarity: SimilarityStore
    communities: CommunityStore
    summaries: SummaryStore
    distillation: DistillationStore
    distil_settings: DistilSettings
    gauges: Gauges
    states: StateStore
    sessions: SessionStore
    contexts: ContextStore
    blocks: BlockStore
    scopes: ScopeStore
    feedback: FeedbackStore
    publications: PublicationStore
    published_items: PublishedItemStore
    subscriptions: SubscriptionStore
    followed_answers: AnswerStore
    presence: PresenceStore
    streams: StreamStore
    flows: FlowLog
    audit: AuditLog
    webhooks: WebhookStore
    sender: WebhookSender  # Of the requests of webhooks.
    token_counter: TokenCounter
    ledger: LedgerStore
    expiry: ExpirySchedule
    erasures: ErasureStore
    holds: HoldStore
    retention: RetentionStore
    signer: ReportSigner
    server_files: ServerFiles
    tiers: TierStore
    integrity: Inspector
    jobs: JobQueue
    keys: KeyRing
    vitals: DatabaseMetrics
    backups: BackupStore
    open_copy: "OpenCopy"  # Opens the database of a restored copy, without models.
    core_schema: GraphSchema  # What every graph knows before it adds its own.
    embedder: Embedder | None  # None: no embeddings but those that callers give.
    # Returns the embedder of a space that a graph is (still) in, if there is one: questions are embedded in that space.
    embedder_of: Callable[[EmbeddingSpace], Embedder | None]
    extractor: Extractor | None  # None: nothing is extracted from texts.
    word_rarity: Callable[[str], float]  # Returns how rare a word is in its language, from 0 to 1.
    reranker: Reranker | None  # None: no question may ask for one.
    wording: Wording | None  # None: summaries are in the words of the facts.
    cache: ContentCache | None = None  # None: everything is computed.
    redis_contents: RedisContents | None = None  # None: there is no Redis.


OpenCopy = Callable[[str], AbstractAsyncContextManager[Ports]]
