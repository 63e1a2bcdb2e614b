"""A graph with records of every kind, for tests that no kind is lost on the way to another graph."""

from kgmem.domain.agents.block import BlockAddress, BlockContent
from kgmem.domain.agents.decision import (
    Amount,
    Caused,
    Considered,
    DecisionStatement,
    Evidence,
    NewOutcome,
)
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.publication import PublicationRequest
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.agents.state import MSGPACK, RetentionRule, StateAddress, VersionChoice
from kgmem.domain.claims.claim import (
    ClaimFilter,
    ClaimStatement,
    Correlated,
    FactFilter,
    FactTarget,
    NewAdjudication,
    Source,
)
from kgmem.domain.distillation.run import Allowance
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.ledger.ledger import AccountLimits, AccountSpec, LedgerNote, Reservation
from kgmem.domain.recall.feedback import Feedback
from kgmem.domain.recall.question import Question, What
from kgmem.domain.space.place import parse_place
from kgmem.domain.subscriptions.subscription import (
    EventFilter,
    GroupRead,
    SubscriptionAddress,
    SubscriptionRequest,
)
from kgmem.domain.text.resolution import Candidate, NewMerge
from kgmem.memory import Memory

AGENT, TEAM = "team/ada", "team"
SCOPES = ("", TEAM, AGENT)
PLAN, COPY, NOTES = (StateAddress("planner", name, AGENT) for name in ("plan", "plan-b", "notes"))
CHAT = SessionAddress("chat", AGENT)
_LATER = "2090-01-02T03:04:05Z"
_SMALL_TALK = " We talked for hours about nothing in particular, as one does on such days. The coffee was fine."


class _Filling:
    """Writes one subject after another; the later ones name what the earlier ones wrote."""

    def __init__(self, memory: Memory, graph: str) -> None:
        self.memory, self.graph = memory, graph
        self.edges: list[int] = []
        self.texts: list[int] = []
        self.facts: dict[str, int] = {}
        self.posted = 0

    async def knowledge(self) -> None:
        """Sources, entities, parallel relationships, texts; claims, facts of all states, what was decided on them."""
        memory, graph = self.memory, self.graph
        await memory.sources.put(graph, [Source("press", "The Press", "paper", 0.8, parent="house"), Source("house")])
        ada = Entity(
            "ada", "Person", "Ada", {"born": 1815, "tags": ["a", "b"]}, ("Engineer",), "Ada Lovelace.",
            place=parse_place([-0.12, 51.5]), valid_from="1815-12-10", valid_to="1852-11-27", source="press",
            scope=AGENT,
        )  # fmt: skip
        things = [Entity(key, "Thing", key.title(), scope=AGENT) for key in ("acme", "globex", "acme-ltd", "initech")]
        await memory.entities.put(graph, [ada, *things, Entity("shared", "Thing"), Entity("desk", scope=TEAM)])
        await memory.entities.put(graph, [Entity("brief", "Thing", scope=AGENT, expires_at=_LATER)])
        owns = [
            Relationship("OWNS", "ada", "acme", "first", {"n": 1}, scope=AGENT, strength=0.5, confidence=0.25),
            Relationship("OWNS", "ada", "acme", "second", {"n": 2}, scope=AGENT, expires_at=_LATER),
            Relationship("VISITED", "ada", "acme", valid_from="2020", valid_to="2021", scope=AGENT),
            Relationship("VISITED", "ada", "acme", valid_from="2022", scope=AGENT),
        ]
        self.edges = list((await memory.relationships.put(graph, owns)).ids)
        texts = [
            Episode("Ada runs Acme.", "e1", "2024-05-01", "press", "calls", "Ada", "Call", ("ada",), {"n": 1}, AGENT),
            Episode("A team text.", "e1", scope=TEAM, expires_at=_LATER),
        ]
        self.texts = list((await memory.episodes.put(graph, texts)).ids)
        said = [
            ClaimStatement("press", "ada", "height", value=170, episode="e1", span=(0, 3), scope=AGENT),
            ClaimStatement(
                "web",
                "ada",
                "height",
                value=180,
                confidence=0.5,
                scope=AGENT,
                derived_from=("source:press", "episode:e1"),
            ),
            ClaimStatement("web", "ada", "WORKS_AT", object="acme", valid_from="2020", valid_to="2023", scope=AGENT),
            ClaimStatement("web", "ada", "eyes", value="grey", scope=AGENT, expires_at=_LATER),
            ClaimStatement("web", "ada", "hat", value="red", scope=AGENT),
            ClaimStatement("web", "ada", "coat", value="blue", scope=AGENT),
            ClaimStatement("web", "ada", "shoe", value="brown", scope=AGENT),
        ]
        made = await memory.claims.put(graph, said)
        echoed = (f"claim:{made.ids[0]}", f"hit:{self.edges[1]}", f"hit:{self.texts[0]}")
        echo = ClaimStatement("echo", "ada", "height", value=180, scope=AGENT, derived_from=echoed)
        await memory.claims.put(graph, [echo])
        await memory.episodes.put(graph, [Episode("Ada is tall.", "e2", scope=AGENT, derived_from=echoed)])
        await memory.claims.compute_consensus(graph)
        facts = {each.predicate: each for each in (await memory.facts.list(graph, FactFilter(scope=AGENT))).items}
        self.facts = {name: each.id for name, each in facts.items()}
        coat = (await memory.claims.list(graph, ClaimFilter(scope=AGENT, predicate="coat"))).items[0]
        assert coat.id is not None
        await memory.claims.withdraw(graph, [coat.id], scope=AGENT)
        correlated = Correlated(
            "exclusion", [self.facts["eyes"], self.facts["hat"]], ["grey", "red"], "Never.", "ann", scope=AGENT
        )
        await memory.correlations.create(graph, correlated)
        ruling = NewAdjudication("accept", [self.facts["hat"]], "ann", "She saw it.", "red")
        await memory.adjudications.create(graph, ruling, scope=AGENT)
        await memory.resolution.merge(graph, NewMerge("acme", "acme-ltd", "ann", "The same.", AGENT))
        await memory.resolution.propose(graph, [Candidate("globex", "initech", 0.9, {"name": 0.9})], scope=AGENT)
        (pair,) = (await memory.resolution.candidates(graph, scope=AGENT)).items
        assert pair.id is not None
        await memory.resolution.reject(graph, pair.id, by="ann", reason="Two firms.", scope=AGENT)

    async def states(self) -> None:
        """Versions in all media types, a restored one, a branch, checkpoints, one that expires, retention rules."""
        put = self.memory.states.put
        for step in range(5):
            await put(self.graph, PLAN, {"steps": list(range(step * 20)), "ünï": "😀"})
        await self.memory.states.set_checkpoint(self.graph, PLAN, "begun", version=2)
        await self.memory.states.restore(self.graph, PLAN, VersionChoice(1))
        await self.memory.states.branch(self.graph, PLAN, COPY, VersionChoice(checkpoint="begun"))
        await put(self.graph, NOTES, b"\x00\xff")
        await put(self.graph, NOTES, {"b": b"\x00", 3: 4}, media_type=MSGPACK)
        await put(self.graph, StateAddress("planner", "brief"), {"a": 1}, expires_at=_LATER)
        rules = [RetentionRule(3600), RetentionRule(86_400, 3600)]
        await self.memory.states.set_retention(self.graph, "planner", rules, scope=AGENT)

    async def sessions(self) -> None:
        """A closed session with tool calls, one that is open, and blocks of one agent and of all."""
        sessions, blocks = self.memory.sessions, self.memory.blocks
        call = {"id": "c1", "type": "function", "function": {"name": "trains", "arguments": "{}"}}
        said = [
            Message("user", "I moved to Ulm.", "m1", metadata={"n": 1}),
            Message("assistant", None, "m2", tool_calls=(call,), tokens=7),
            Message("tool", "09:14", "m3", tool_call_id="c1", name="trains"),
        ]
        await sessions.open(self.graph, CHAT, SessionDetails("planner", ("Clara",), {"channel": "web"}))
        await sessions.append(self.graph, CHAT, said)
        await sessions.close(self.graph, CHAT)
        await sessions.open(self.graph, SessionAddress("next", AGENT), SessionDetails("planner"))
        human = BlockAddress("human", AGENT)
        await blocks.put(self.graph, human, BlockContent("Likes tea.", "Who it is.", 900, ("planner",)))
        await blocks.append(self.graph, human, "And trains.")
        await blocks.put(self.graph, BlockAddress("brief"), BlockContent("All."), expires_at=_LATER)

    async def ledger(self) -> None:
        """Accounts with limits and a closed one, a reversal, holds in all states; in two scopes in turn."""
        ledger, graph = self.memory.ledger, self.graph
        for scope in (AGENT, ""):
            limits = AccountLimits(hard_min=-100, soft_min=-2)
            await ledger.put_account(graph, AccountSpec("budget", "budget", "USD", 4, limits), scope=scope)
            await ledger.put_account(graph, AccountSpec("spent", "expense", "USD", 4), scope=scope)
            await ledger.put_account(graph, AccountSpec("old", "asset", "EUR", 2, closed=True), scope=scope)
        note = LedgerNote("A call.", "planner", "chat", ("llm",), {"n": 1})
        posted = [
            await ledger.post(
                graph, {"budget": "-1.25", "spent": "1.25"}, scope=scope, note=note, idempotency_key=f"call-{n}"
            )
            for n in range(2)
            for scope in ("", AGENT)
        ]
        self.posted = posted[3].id
        await ledger.reverse(graph, posted[1].id, scope=AGENT)
        holds = [
            await ledger.hold(graph, Reservation("budget", "spent", "0.5", seconds=3600), scope=AGENT) for _ in range(3)
        ]
        await ledger.settle(graph, holds[0].id, "0.125", scope=AGENT, idempotency_key="settle")
        await ledger.release(graph, holds[1].id, scope=AGENT)

    async def decisions(self) -> None:
        """Decisions with all kinds of evidence, outcomes, costs and effects; a fact that one rests on is retracted."""
        decisions, graph = self.memory.decisions, self.graph
        evidence = [
            Evidence("fact", id=self.facts["height"]), Evidence("fact", id=self.edges[1]),
            Evidence("fact", id=self.facts["shoe"]), Evidence("episode", key="e1", note="The call."),
            Evidence("entity", key="ada"),
        ]  # fmt: skip
        first = DecisionStatement(
            "Hire Ada.", "planner", "d1", "chat", "hire",
            (Considered("hire", 0.7, 0.75, "Good."), Considered("wait", 0.3, 0.25)), "She is good.", "She stays.", 0.8,
            evidence, (Caused("desk", strength=0.5),), (Amount("USD", "1.25"), Amount("tokens", "1200")),
            str(self.posted), "2024-06-01T10:00:00Z", AGENT,
        )  # fmt: skip
        await decisions.record(graph, first)
        then = DecisionStatement("Buy a desk.", "planner", "d2", evidence=[Evidence("decision", key="d1")], scope=AGENT)
        await decisions.record(graph, then)
        await decisions.resolve(graph, "d1", NewOutcome("no", "ann", note="Early."), scope=AGENT)
        await decisions.resolve(graph, "d1", NewOutcome("hire", "bob", "2024-09-01"), scope=AGENT)
        told = FactTarget(self.facts["shoe"])
        await self.memory.facts.retract(graph, told, by="ann", reason="Barefoot.", scope=AGENT)
        await decisions.review(graph, "d1", by="ann", reason="It does not matter.", scope=AGENT)

    async def shared(self) -> None:
        """Subscriptions of each sort with groups, feedback on each sort of item, publications, one of them ended."""
        memory, graph = self.memory, self.graph
        news, best = SubscriptionAddress("news", AGENT), SubscriptionAddress("best", AGENT)
        about = EventFilter(kinds=("fact.*",), keys=("ada",), question="Who is Ada?", min_relevance=0.7)
        await memory.subscriptions.put(graph, news, SubscriptionRequest("entity", about, below=False))
        asked = Question(What("Who is Ada?"), k=3)
        await memory.subscriptions.put(graph, best, SubscriptionRequest("answer", answer=asked))
        for address in (news, best):
            await memory.subscriptions.read(graph, address, GroupRead("planner"))
        ada = await memory.entities.get(graph, "ada", scope=AGENT)
        assert ada.id is not None
        for item, verdict in ((ada.id, "useful"), (self.texts[0], "wrong"), *((each, "wrong") for each in self.edges)):
            await memory.feedback.give(graph, Feedback(item, verdict, "Who is Ada?", "It is.", AGENT))
        for what in ({"item": self.facts["height"]}, {"key": "e2"}):
            asked_ = PublicationRequest(TEAM, "ada", "The team asked.", scope=AGENT, **what)
            await memory.publications.publish(graph, asked_)
        await memory.publications.publish(graph, PublicationRequest("", "ada", "All.", key="e2", scope=AGENT))
        gone = (await memory.publications.list(graph, scope=AGENT)).items[0]
        await memory.publications.withdraw(graph, gone.id, scope=AGENT)

    async def upkeep(self) -> None:
        """Distilled texts, an allowance, tiers and pins, retention rules."""
        memory, graph = self.memory, self.graph
        talk = ["It is nice to see everybody.", "The weather was lovely.", "Well, that was quite a meeting."]
        texts = [Episode(text + _SMALL_TALK, f"t{n}", scope=TEAM) for n, text in enumerate(talk)]
        await memory.episodes.put(graph, texts)
        await memory.distillation.run(graph, scope=TEAM)
        await memory.distillation.put_allowance(graph, Allowance(TEAM, items=1000, older_than=86_400.0))
        await memory.tiers.move(graph, ["e1"], "cold", scope=AGENT)
        await memory.tiers.pin(graph, ["ada"], scope=AGENT)
        await memory.tiers.put(graph, hot_for=7200)
        await memory.retention.put(
            graph, name="calls", keep="30d", scope=TEAM, source="press", reason="Policy.", by="x"
        )


async def fill_everything(memory: Memory, graph: str) -> None:
    """Write records of every kind that a graph stores. A new kind belongs here."""
    filling = _Filling(memory, graph)
    await filling.knowledge()
    await filling.states()
    await filling.sessions()
    await filling.ledger()
    await filling.decisions()
    await filling.shared()
    await filling.upkeep()
