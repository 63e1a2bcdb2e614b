"""The facade: one object per noun. All interfaces call only this."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from kgmem.domain.access import Key
from kgmem.domain.cypher import CypherAnswer, CypherQuery, CypherTransaction, Mode
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.evaluation import EvaluationCase, Step, Verdict
from kgmem.domain.recall.question import Question, What
from kgmem.domain.text.document import Document
from kgmem.formats.kgmem.sample import Sample
from kgmem.services import ask_cypher
from kgmem.services.agents.blocks import MemoryBlocks
from kgmem.services.agents.decisions import Decisions
from kgmem.services.agents.presence import AgentPresence
from kgmem.services.agents.publications import Publications
from kgmem.services.agents.scopes import Scopes
from kgmem.services.agents.sessions import Sessions
from kgmem.services.agents.states import AgentStates
from kgmem.services.ask_cypher import NamedQueries
from kgmem.services.audit import Audit
from kgmem.services.backups import Backups
from kgmem.services.cache.cache import Cache
from kgmem.services.claims.causality import Causality
from kgmem.services.claims.claims import Claims
from kgmem.services.claims.facts import Facts
from kgmem.services.claims.review import Adjudications, Correlations
from kgmem.services.claims.sources import Sources
from kgmem.services.distillation.distillation import Distillation
from kgmem.services.entities import Entities, Relationships
from kgmem.services.erasure.erasures import Erasures
from kgmem.services.flows import Flows
from kgmem.services.graphs import Graphs
from kgmem.services.imports.exports import Exports
from kgmem.services.imports.imports import Imports
from kgmem.services.ledger.ledger import Ledger
from kgmem.services.ports import Ports
from kgmem.services.recall import evaluate as evaluating
from kgmem.services.recall import recall as recalling
from kgmem.services.recall.feedback import FeedbackOnHits
from kgmem.services.recall.view import Views
from kgmem.services.retention.holds import Holds
from kgmem.services.retention.rules import Retention
from kgmem.services.server import Jobs, Keys, Server
from kgmem.services.streams import Streams
from kgmem.services.subscriptions import Subscriptions
from kgmem.services.texts import remember_text as remembering
from kgmem.services.texts.episodes import Episodes
from kgmem.services.texts.extraction import Extraction
from kgmem.services.texts.remember_text import RememberResult
from kgmem.services.texts.resolution import Resolution
from kgmem.services.upkeep.communities import CommunityDetection
from kgmem.services.upkeep.embed import Embeddings
from kgmem.services.upkeep.index import Index
from kgmem.services.upkeep.link_similar import SimilarityLinks
from kgmem.services.upkeep.summarise import EntitySummaries
from kgmem.services.upkeep.tasks import Tasks
from kgmem.services.upkeep.tiers import MemoryTiers
from kgmem.services.webhooks import Webhooks

DEFAULT_GRAPH = "main"


class Memory:
    """A knowledge memory over one database: graphs, what they store, and recall. Safe to share between tasks.

    A method that takes the name of a graph raises NotFound for an unknown graph.
    """

    def __init__(self, ports: Ports) -> None:
        """Bind to ports; `kgmem.open()` is the way to get a memory."""
        self.ports = ports
        self.graphs = Graphs(ports)
        self.entities = Entities(ports)
        self.relationships = Relationships(ports)
        self.episodes = Episodes(ports)
        self.extraction = Extraction(ports)
        self.resolution = Resolution(ports)
        self.sources = Sources(ports)
        self.claims = Claims(ports)
        self.facts = Facts(ports)
        self.adjudications = Adjudications(ports)
        self.correlations = Correlations(ports)
        self.similarity = SimilarityLinks(ports)
        self.communities = CommunityDetection(ports)
        self.summaries = EntitySummaries(ports)
        self.distillation = Distillation(ports)
        self.states = AgentStates(ports)
        self.decisions = Decisions(ports)
        self.sessions = Sessions(ports)
        self.ledger = Ledger(ports)
        self.blocks = MemoryBlocks(ports)
        self.scopes = Scopes(ports)
        self.erasures = Erasures(ports)
        self.holds = Holds(ports)
        self.retention = Retention(ports)
        self.feedback = FeedbackOnHits(ports)
        self.publications = Publications(ports)
        self.tiers = MemoryTiers(ports)
        self.subscriptions = Subscriptions(ports)
        self.presence = AgentPresence(ports)
        self.streams = Streams(ports)
        self.flows = Flows(ports)
        self.audit = Audit(ports)
        self.webhooks = Webhooks(ports)
        self.imports = Imports(ports)
        self.exports = Exports(ports)
        self.embeddings = Embeddings(ports)
        self.index = Index(ports)
        self.jobs = Jobs(ports)
        self.tasks = Tasks(ports)
        self.keys = Keys(ports)
        self.server = Server(ports)
        self.backups = Backups(ports)
        self.cache = Cache(ports)
        self.causality = Causality(ports)
        self.views = Views(ports)
        self.queries = NamedQueries(ports)

    async def remember(
        self,
        graph: str,
        text: str | Episode | Document | Sequence[Episode | Document],
        *,
        scope: str = SHARED,
        source: str | None = None,
        extract: bool = True,
    ) -> RememberResult:
        """Store a text, extract what it states, and embed it: all of it can be recalled when this returns.

        `scope` and `source` are those of a plain string; an Episode or a Document has its own. `extract=False` only
        stores and embeds, and so does a memory without an extractor; it replaces the `extract` of each Episode. Of the
        texts that wait for extraction only these are extracted; where a worker has begun one, the call waits for it.
        Give large amounts of text to `episodes.put` or `imports.run`, whose extraction is left to jobs. Raises
        NotFound, InvalidInput, ExtractorUnavailable, EmbedderUnavailable; what is stored by then stays, and jobs do the
        rest.
        """
        if isinstance(text, str):
            text = Episode(text, scope=scope, source=source, extract=extract)
        texts = [text] if isinstance(text, Episode | Document) else text
        for each in texts:
            check_scope(each.scope)
        return await remembering.remember(self.ports, graph, texts, extract=extract)

    async def recall(self, graph: str, question: Question | str) -> Answer:
        """Return ranked hits for a question, each with the share of every retriever; a string becomes what.text."""
        asked = Question(What(text=question)) if isinstance(question, str) else question
        check_scope(asked.scope)
        return await recalling.recall(self.ports, graph, asked)

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text takes in the prompt of a model, as KGMEM_TOKENIZER counts them."""
        return self.ports.token_counter.count(text)

    async def evaluate(
        self,
        sample: Sample,
        history: Sequence[Step],
        planted: Sequence[EvaluationCase],
        *,
        progress: evaluating.OnVerdict | None = None,
    ) -> list[Verdict]:
        """Evaluate questions with known answers on a sample, in a temporary graph; returns one verdict per question."""
        return await evaluating.evaluate(self.ports, sample, history, planted, progress=progress)

    async def cypher(
        self,
        graph: str,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        mode: Mode = "read",
        scope: str | None = None,
        seconds: float | None = None,
        asker: Key | None = None,
    ) -> CypherAnswer:
        """Run a Cypher query on a whole graph, or on what a scope sees, and return its rows.

        `mode="read"` refuses queries that write. `seconds` limits the time (default: KGMEM_STATEMENT_TIMEOUT). Raises
        NotFound, TimedOut, and InvalidInput with line and column of what is wrong.
        """
        asked = CypherQuery(query, parameters or {}, mode, scope, seconds, asker=asker)
        return await ask_cypher.ask_cypher(self.ports, graph, asked)

    def transaction(
        self, graph: str, *, mode: Mode = "read", scope: str | None = None
    ) -> AbstractAsyncContextManager[CypherTransaction]:
        """Begin a transaction of several queries; leaving its block without `commit` undoes what they wrote."""
        return ask_cypher.cypher_transaction(self.ports, graph, mode=mode, scope=scope)
