"""Calls of models that kgmem makes itself are booked in the ledger, and stop at its limits; nothing is lost by that."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from kgmem.bootstrap import open_memory
from kgmem.domain.agents.decision import DecisionStatement
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.errors import DatabaseUnavailable, LimitReached, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.ledger.ledger import AccountLimits, AccountSpec, LedgerNote, Request, StatementQuery
from kgmem.domain.ledger.model_calls import ModelCall, Payer, Prices, Usage, shares
from kgmem.domain.ledger.ports import Outcome
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.services.ledger.model_calls import HOLD_SECONDS, LedgerMeter
from kgmem.settings import Settings
from tests.embedding_server import EmbeddingServer, Scripted, embedding_server
from tests.embedding_server import Request as Sent
from tests.memories import until

Opened = Callable[..., AbstractAsyncContextManager[tuple[Memory, EmbeddingServer]]]
GRAPH = "paid"
D = Decimal


def answer(request: Sent) -> Scripted | None:
    """Answer as the model of the extraction, as TEI, and leave embeddings to the server."""
    if request.path == "/rerank":
        return Scripted(body=[{"index": n, "score": 0.5} for n, _ in enumerate(request.body["texts"])])
    if request.path != "/v1/chat/completions":
        return None
    content = orjson.dumps({"entities": [], "facts": [], "causes": []}).decode()
    usage = {"prompt_tokens": 300, "completion_tokens": 20}
    return Scripted(body={"choices": [{"message": {"content": content}}], "usage": usage})


@pytest.fixture
def opened(shared_database_url: str, tmp_path: Path) -> Opened:
    @asynccontextmanager
    async def open_(**more: Any) -> AsyncIterator[tuple[Memory, EmbeddingServer]]:
        async with embedding_server(64) as server:
            server.rule = answer
            values = {"extractor": "none", "embedder": "hash", "embedder_dimension": 64, "home": tmp_path, **more}
            for name in ("extractor", "embedder", "reranker"):
                if ":" in values.get(name, "") or values.get(name) == "tei":
                    values[f"{name}_url"] = server.url if values[name] == "tei" else f"{server.url}/v1"
            settings = Settings(database_url=SecretStr(shared_database_url), **values)
            async with open_memory(settings) as memory:
                await memory.graphs.create(GRAPH)
                try:
                    yield memory, server
                finally:
                    await memory.graphs.delete(GRAPH)

    return open_


async def balances(memory: Memory, scope: str = "") -> Mapping[str, str]:
    page = await memory.ledger.accounts(GRAPH, scope=scope)
    assert all(not each.balance.held for each in page.items)
    return {each.spec.name: str(each.balance.posted) for each in page.items}


async def opened_holds(memory: Memory, graph: str, count: int) -> bool:
    return len((await memory.ledger.holds(graph, state="open")).items) == count


async def limit(memory: Memory, unit: str, least: int, scope: str = "") -> None:
    spec = AccountSpec(f"models.budget.{unit}", "budget", unit, 0, AccountLimits(hard_min=D(least)))
    await memory.ledger.put_account(GRAPH, spec, scope=scope)


@pytest.mark.long
async def test_each_extraction_is_booked_in_the_scope_of_its_text(opened: Opened) -> None:
    async with opened(extractor="openai:org/small", extractor_price_in=D("0.15"), extractor_price_out=D("0.6")) as of:
        memory, _ = of
        await memory.remember(GRAPH, [Episode("Ada moved.", "a", scope="u/1", session="talk 7")])
        await memory.remember(GRAPH, [Episode("Bo works.", "b", scope="u/2", session="s2"), Episode("No.", "c")])
        one = {
            "models.budget.USD": "-0.000057", "models.budget.requests": "-1", "models.budget.tokens": "-320",
            "models.extraction.USD": "0.000057", "models.extraction.requests": "1", "models.extraction.tokens": "320",
        }  # fmt: skip
        for scope in ("u/1", "u/2", ""):
            assert await balances(memory, scope) == one
        query = StatementQuery(session="s2", account="models.extraction.tokens")
        (line,) = (await memory.ledger.statement(GRAPH, query, scope="u/2")).lines
        assert list(line.note.tags) == ["model-call", "extraction", "model:openai:org_small"]
        used = {key: line.note.metadata[key] for key in ("model", "input_tokens", "output_tokens", "estimated")}
        assert used == {"model": "openai:org/small", "input_tokens": 300, "output_tokens": 20, "estimated": False}
        # An id with a space is no name of the ledger.
        (line, *_) = (await memory.ledger.statement(GRAPH, scope="u/1")).lines
        assert (line.note.session, line.note.metadata["session"]) == (None, "talk 7")
        assert (await memory.ledger.verify(GRAPH)).ok


@pytest.mark.long
async def test_a_hard_limit_refuses_the_call_before_it_is_made_and_the_text_waits(opened: Opened) -> None:
    async with opened(extractor="openai:small") as (memory, server):
        await limit(memory, "requests", -1, "u/1")
        await memory.remember(GRAPH, [Episode("Ada moved.", "a", scope="u/1")])
        made = len(server.requests)
        with pytest.raises(LimitReached, match="openai:small is not called for extraction") as refused:
            await memory.remember(GRAPH, [Episode("Bo works.", "b", scope="u/1")])
        assert (refused.value.facts["account"], refused.value.facts["scope"]) == ("models.budget.requests", "u/1")
        assert len(server.requests) == made
        assert (await memory.ledger.account(GRAPH, "models.budget.tokens", scope="u/1")).balance.held == 0
        # Another scope pays for itself, also in the same batch.
        await memory.remember(GRAPH, [Episode("Cleo sings.", "c", scope="u/2")])
        waits = await memory.extraction.pending(GRAPH)
        assert (waits.waiting, waits.free, waits.refused) == (1, 1, 0)
        assert (await memory.extraction.run(GRAPH)).episodes == 0
        with pytest.raises(LimitReached):
            await memory.extraction.preview(GRAPH, [Episode("Dan.", scope="u/1")])
        assert (await memory.episodes.get(GRAPH, "b", scope="u/1")).text == "Bo works."
        await limit(memory, "requests", -2, "u/1")
        assert (await memory.extraction.run(GRAPH)).episodes == 1
        assert (await memory.extraction.pending(GRAPH)).waiting == 0


async def test_embedding_is_booked_by_scope_and_passages_beyond_a_limit_wait(opened: Opened) -> None:
    async with opened(embedder="openai:vectors", embedder_price=D("0.02")) as (memory, server):
        await limit(memory, "tokens", 0, "poor")
        texts = [Episode(f"The river {n} rose.", f"e{n}", scope="poor" if n % 2 else "rich") for n in range(6)]
        await memory.episodes.put(GRAPH, texts)
        assert await memory.embeddings.run(GRAPH) == 3
        assert [len(texts) for texts in server.inputs] == [3]
        assert await memory.embeddings.run(GRAPH) == 0
        rich = await balances(memory, "rich")
        assert (rich["models.embedding.requests"], rich["models.budget.requests"]) == ("1", "-1")
        (line, *_) = (await memory.ledger.statement(GRAPH, scope="rich")).lines
        assert "estimated" in line.note.tags
        assert D(rich["models.embedding.USD"]) == D(rich["models.embedding.tokens"]) * D("0.02") / 1_000_000
        assert not await memory.embeddings.refused(GRAPH)
        # A question of a scope without budget is answered from words alone.
        found = await memory.recall(GRAPH, Question(What("river 1"), scope="poor"))
        assert found.hits
        assert found.suppressed["meaning_retriever_off_limit_reached"] == 1
        await limit(memory, "tokens", -1000, "poor")
        assert await memory.embeddings.run(GRAPH) == 3
        assert D((await balances(memory, "poor"))["models.budget.tokens"]) < 0


async def test_the_usage_of_the_endpoint_counts_and_what_exceeds_the_hold_is_booked_too(opened: Opened) -> None:
    async with opened(embedder="openai:vectors") as (memory, server):
        vector = [1.0] + [0.0] * 63
        body = {"data": [{"index": 0, "embedding": vector}], "usage": {"prompt_tokens": 500, "total_tokens": 500}}
        server.rule = lambda _: Scripted(body=body)
        await memory.episodes.put(GRAPH, [Episode("A short text.", "e")])
        assert await memory.embeddings.run(GRAPH) == 1
        assert (await balances(memory))["models.embedding.tokens"] == "500"
        assert (await memory.ledger.verify(GRAPH)).ok


@pytest.mark.long
async def test_a_call_that_fails_costs_nothing(opened: Opened) -> None:
    async with opened(extractor="openai:small") as (memory, server):
        server.rule = lambda _: Scripted(403, {"error": "no"})
        await memory.remember(GRAPH, [Episode("Ada moved.", "a")])
        assert server.requests
        assert set((await balances(memory)).values()) == {"0"}
        assert {each.state for each in (await memory.ledger.holds(GRAPH)).items} == {"released"}


async def test_reranking_is_booked_and_without_budget_hits_keep_their_order(opened: Opened) -> None:
    async with opened(reranker="tei", reranker_budget_ms=5000) as (memory, _):
        await memory.episodes.put(GRAPH, [Episode("The river Rhine is long.", "e")])
        question = Question(What("river"), rerank=True)
        assert (await memory.recall(GRAPH, question)).hits
        assert (await balances(memory))["models.reranking.requests"] == "1"
        await limit(memory, "requests", -1)
        kept = await memory.recall(GRAPH, question)
        assert kept.hits
        assert kept.suppressed["rerank_off_limit_reached"] == 1


async def test_a_summary_is_booked_and_without_budget_it_consists_of_the_facts(opened: Opened) -> None:
    async with opened(extractor="openai:small") as (memory, server):
        await memory.entities.put(GRAPH, [Entity(key, "Person", {"name": key}) for key in ("Ada", "Bo", "Cleo")])
        links = [Relationship(kind="KNOWS", start="Ada", end=end, text=f"Ada knows {end}.") for end in ("Bo", "Cleo")]
        await memory.relationships.put(GRAPH, links)
        await memory.summaries.create(GRAPH, "Ada")
        assert (await balances(memory))["models.summary.requests"] == "1"
        await limit(memory, "requests", -1)
        summary = await memory.summaries.create(GRAPH, "Bo")
        assert len(server.requests) == 1
        assert "Bo" in summary.text
        assert "models.budget.requests" in (summary.problem or "")


@pytest.mark.long
async def test_nothing_is_booked_without_an_endpoint_or_where_it_is_switched_off(opened: Opened) -> None:
    for more in (
        {"extractor": "rules", "extractor_processes": 0},
        {"extractor": "openai:small", "model_booking": False},
    ):
        async with opened(**more) as (memory, _):
            await memory.remember(GRAPH, [Episode("Ada moved to Rome.", "a")])
            assert (await memory.ledger.head(GRAPH)).records == 0
            with pytest.raises(NotFound):
                await memory.ledger.account(GRAPH, "models.budget.tokens")


async def test_scopes_that_share_a_request_share_its_tokens(memory: Memory, graph: str) -> None:
    meter = LedgerMeter(memory.ports.ledger)
    call = ModelCall("embedding", "m", Prices(D("1")))
    reserve = {Payer(graph, "a"): Usage(10), Payer(graph, "b"): Usage(30)}
    async with meter.metered(call, reserve) as opened:
        assert (await memory.ledger.account(graph, "models.budget.tokens", scope="b")).balance.held == 30
        opened.usage = Usage(21)
    tokens = [(await memory.ledger.account(graph, "models.embedding.tokens", scope=s)).balance.posted for s in "ab"]
    assert tokens == [5, 16]
    assert shares(10, [0, 0, 0]) == [3, 3, 4]


@pytest.mark.long
async def test_a_booking_is_made_once_although_the_database_loses_the_answer(memory: Memory, graph: str) -> None:
    class Forgetful:
        """Stores each request and loses the first answer to it."""

        def __init__(self) -> None:
            self.seen = set[str]()

        async def submit(self, name: str, request: Request) -> Outcome:
            outcome = await memory.ports.ledger.submit(name, request)
            if repr(request) not in self.seen:
                self.seen.add(repr(request))
                raise DatabaseUnavailable
            return outcome

    meter = LedgerMeter(Forgetful())  # type: ignore[arg-type]
    async with meter.metered(ModelCall("embedding", "m"), {Payer(graph): Usage(10)}) as opened:
        opened.usage = Usage(25)
    balance = (await memory.ledger.account(graph, "models.embedding.tokens")).balance
    assert (balance.posted, balance.incoming) == (25, 0)


async def test_a_call_that_is_cut_off_leaves_its_hold_and_a_cancelled_one_does_not(memory: Memory, graph: str) -> None:
    meter = LedgerMeter(memory.ports.ledger)
    payer = {Payer(graph): Usage(10)}

    async def call() -> None:
        async with meter.metered(ModelCall("embedding", "m"), payer):
            await asyncio.sleep(60)

    task = asyncio.create_task(call())
    await until(lambda: opened_holds(memory, graph, 2))
    holds = (await memory.ledger.holds(graph, state="open")).items
    # This is all that kill -9 would leave: what was to be spent, by which call, until when it counts.
    assert {each.unit for each in holds} == {"requests", "tokens"}
    assert all(each.expires_at and each.note.metadata["call"] for each in holds)
    assert HOLD_SECONDS == 86_400
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: opened_holds(memory, graph, 0))
    assert (await memory.ledger.account(graph, "models.embedding.tokens")).balance.posted == 0


async def test_accounts_that_are_there_keep_their_limits(memory: Memory, graph: str) -> None:
    limits = AccountLimits(hard_min=D(-5))
    await memory.ledger.put_account(graph, AccountSpec("models.budget.requests", "asset", "requests", limits=limits))
    meter = LedgerMeter(memory.ports.ledger)
    async with meter.metered(ModelCall("embedding", "m"), {Payer(graph): Usage(1)}) as opened:
        opened.usage = Usage(1)
    found = await memory.ledger.account(graph, "models.budget.requests")
    assert (found.spec.kind, found.spec.limits, found.balance.posted) == ("asset", limits, -1)


@pytest.mark.long
async def test_bookings_name_the_session_and_the_agent_that_a_call_was_made_for(opened: Opened) -> None:
    paid = {"extractor": "openai:org/small", "extractor_price_in": D("0.15"), "extractor_price_out": D("0.6")}
    async with opened(**paid, embedder="openai:vectors", embedder_price=D("0.02"), distil_wording=True) as (memory, _):
        scope = "u/7"
        for name, agent in (("talk", "planner"), ("walk", "guide")):
            chat = SessionAddress(name, scope)
            await memory.sessions.open(GRAPH, chat, SessionDetails(agent, ("Clara",)))
            said = [Message("user", f"I moved to {city} for {name}.") for city in ("Hamburg", "Lisbon")]
            await memory.sessions.append(GRAPH, chat, said)
        await memory.decisions.record(
            GRAPH, DecisionStatement("Take the train.", "judge", "d1", session="talk", scope=scope)
        )
        await memory.episodes.put(GRAPH, [Episode("Nobody opened this session.", "e", scope=scope, session="unknown")])
        await memory.extraction.run(GRAPH)
        await memory.embeddings.run(GRAPH)

        async def entries(purpose: str, unit: str, **which: str) -> list[LedgerNote]:
            query = StatementQuery(account=f"models.{purpose}.{unit}", **which)
            return [line.note for line in (await memory.ledger.statement(GRAPH, query, scope=scope)).lines]

        for name, agent in (("talk", "planner"), ("walk", "guide")):
            for purpose in ("extraction", "embedding"):
                notes = await entries(purpose, "tokens", session=name, agent=agent)
                assert notes, (purpose, name)
                assert await entries(purpose, "tokens", agent=agent, tag="model-call") == notes
        # The decision has the agent that decided, which is not the session's.
        (decided,) = await entries("embedding", "tokens", agent="judge")
        assert decided.session == "talk"
        (alone,) = await entries("embedding", "tokens", session="unknown")
        assert alone.agent is None

        # A request for vectors of several sessions is one request of their scope.
        requests = await memory.ledger.account(GRAPH, "models.embedding.requests", scope=scope)
        calls = {note.metadata["call"] for note in await entries("embedding", "tokens")}
        assert requests.balance.posted == len(calls) < len(await entries("embedding", "tokens"))

        # The question of a session's context is the session's.
        before = len(await entries("embedding", "tokens", session="walk"))
        await memory.sessions.context(GRAPH, SessionAddress("walk", scope))
        await memory.recall(GRAPH, Question(What("Who moved to Lisbon?"), scope=scope))
        assert len(await entries("embedding", "tokens", session="walk")) == before + 1
        assert (await entries("embedding", "tokens"))[-1].session is None

        # So is the wording of what its texts are distilled to.
        long = [
            f"The boat left at {n}. The weather was fine, as it often is. We drank coffee at {n}." for n in range(9)
        ]
        await memory.sessions.append(GRAPH, SessionAddress("talk", scope), [Message("user", " ".join(long))] * 3)
        await memory.extraction.run(GRAPH)
        assert (await memory.distillation.run(GRAPH, scope=scope, session="talk")).groups
        (worded, *_) = await entries("summary", "tokens")
        assert (worded.session, worded.agent) == ("talk", "planner")
        assert (await memory.ledger.verify(GRAPH)).ok
