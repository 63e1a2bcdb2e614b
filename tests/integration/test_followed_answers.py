"""Subscriptions by answer: what enters, leaves and moves in the best hits of a question."""

import asyncio
import random
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kgmem.domain.errors import Conflict, CursorExpired, InvalidInput, NotFound, TooLarge
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.feedback import Feedback
from kgmem.domain.recall.question import Question, What, When, Why
from kgmem.domain.subscriptions.answer import replayed
from kgmem.domain.subscriptions.event import Event
from kgmem.domain.subscriptions.subscription import (
    Acknowledgement,
    EventFilter,
    GroupRead,
    Subscription,
    SubscriptionAddress,
    SubscriptionRequest,
)
from kgmem.memory import Memory
from tests.memories import hashing, new_graph, opened_memory, until

GRAPH = "followed"
TEA = SubscriptionAddress("tea", "user/1")
ASKED = Question(What(text="Who drinks tea?"), k=4)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers need not wait between evaluations."""
    monkeypatch.setattr("kgmem.services.follow_answers._QUIET", 0.0)
    monkeypatch.setattr("kgmem.store.subscriptions.answers._PAUSE", 0.0)


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return memory


async def follow(memory: Memory, question: Question = ASKED, start: str = "beginning") -> Subscription:
    request = SubscriptionRequest("answer", answer=question, start=start)  # type: ignore[arg-type]
    return await memory.subscriptions.put(GRAPH, TEA, request)


async def say(memory: Memory, key: str, text: str, scope: str = "user/1") -> None:
    await memory.episodes.put(GRAPH, [Episode(text, key, scope=scope)])


async def events(memory: Memory, after: str = "0") -> list[Event]:
    """All events behind a cursor, read in small pages."""
    found: list[Event] = []
    while True:
        some = await memory.subscriptions.events(GRAPH, TEA, after=after, limit=3)
        found += some.events
        if not some.events:
            return found
        after = some.cursor


def applied(found: list[Event], before: list[int] | None = None) -> list[int]:
    return replayed([(each.kind.removeprefix("answer."), each.item, each.rank) for each in found], before or [])


async def answered(memory: Memory, question: Question = ASKED) -> list[int]:
    return [hit.id for hit in (await memory.recall(GRAPH, replace(question, scope="user/1"))).hits]


def shown(found: list[Event]) -> list[tuple[str, str | None, int | None, int | None]]:
    return [(each.kind, each.key, each.previous_rank, each.rank) for each in found]


async def test_what_enters_moves_and_leaves_is_reported(memory: Memory) -> None:
    question = Question(What(text="Who drinks tea?"), k=2)
    await say(memory, "n1", "Grace drinks tea.")
    made = await follow(memory, question, start="now")
    assert made.answer == replace(question, scope="user/1")
    assert shown(await events(memory)) == [("answer.entered", "n1", None, 1)]

    await say(memory, "n2", "Who drinks tea? Who drinks tea?")
    found = await events(memory, made.start)
    assert ("answer.entered", "n2") in {(each.kind, each.key) for each in found}
    assert applied(await events(memory)) == await answered(memory, question)

    await memory.episodes.delete(GRAPH, ["n1"], scope="user/1")
    last = (await events(memory))[-1]
    assert (last.kind, last.key, last.rank) == ("answer.left", "n1", None)
    assert (last.relevance, last.scope) == (None, "user/1")


WORDS = ("tea", "Grace", "drinks", "coffee", "morning", "ship", "harbour", "Who", "Ada", "cup")
SCOPES = ("user/1", "", "user", "user/2")  # The last is another user's.


async def write_something(memory: Memory, chance: random.Random, number: int) -> None:
    """Write, correct, retract or delete something, in a scope that the question sees or in another."""
    key, scope = f"n{chance.randrange(12)}", chance.choice(SCOPES)
    text = " ".join(chance.choices(WORDS, k=chance.randint(3, 8))).capitalize() + "."
    kind = chance.randrange(7)
    if kind == 6:
        await memory.embeddings.run(GRAPH)
    elif kind < 3:
        await say(memory, key, text, scope)
    elif kind == 3:
        await memory.episodes.delete(GRAPH, [key], scope=scope)
    elif kind == 4:
        await memory.entities.put(GRAPH, [Entity(f"p{number % 4}", "Person", text=text, scope=scope)])
    else:
        ends = [Entity(each, "Person", scope=scope) for each in ("ann", "bob")]
        fact = Relationship("LIKES", "ann", "bob", text=text, scope=scope)
        await memory.entities.put(GRAPH, ends)
        (id_,) = (await memory.relationships.put(GRAPH, [fact])).ids
        if chance.random() < 0.5:
            await memory.facts.retract(GRAPH, id_, by="me", reason="It is not so.", scope=scope)


async def follow_random_writes(memory: Memory, seed: int, writes: int) -> None:
    """Compare the log, as it is read between random writes, with what recall answers then."""
    chance, current, cursor = random.Random(seed), list[int](), "0"
    await follow(memory)
    for number in range(writes):
        await write_something(memory, chance, number)
        if chance.random() < 0.6:
            found = await memory.subscriptions.events(GRAPH, TEA, after=cursor, limit=1000)
            current, cursor = applied(list(found.events), current), found.cursor
            assert current == await answered(memory)
    assert applied(await events(memory)) == await answered(memory)
    assert [each.item for each in (await memory.subscriptions.answer(GRAPH, TEA)).items] == await answered(memory)


async def test_the_log_from_its_beginning_gives_what_recall_answers(memory: Memory) -> None:
    await follow_random_writes(memory, 1, 15)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 8))
async def test_the_log_of_many_writes_gives_what_recall_answers(memory: Memory, seed: int) -> None:
    await follow_random_writes(memory, seed, 60)


async def test_two_groups_get_each_event_once_and_in_order(memory: Memory) -> None:
    await follow(memory)
    for number in range(3):
        await say(memory, f"n{number}", f"Grace drinks tea number {number}.")

    async def consume(group: str, limit: int) -> list[Event]:
        found: list[Event] = []
        while True:
            some = await memory.subscriptions.read(GRAPH, TEA, GroupRead(group, limit))
            if some.lease is None:
                return found
            found += some.events
            told = Acknowledgement(group, some.cursor, some.lease, some.previous)
            await memory.subscriptions.acknowledge(GRAPH, TEA, told)

    one = await consume("one", 1)
    await say(memory, "n3", "Who drinks tea? Ada drinks tea.")
    one += await consume("one", 2)
    other = await consume("other", 100)
    assert one == other == await events(memory)
    assert applied(one) == await answered(memory)
    with pytest.raises(Conflict):
        await memory.subscriptions.acknowledge(GRAPH, TEA, Acknowledgement("one", "999", "x"))


async def test_a_group_seeks_to_the_beginning_and_behind_all(memory: Memory) -> None:
    await say(memory, "n1", "Grace drinks tea.")
    await follow(memory, start="now")
    assert not (await memory.subscriptions.read(GRAPH, TEA, GroupRead("g"))).events
    await memory.subscriptions.seek(GRAPH, TEA, "g", cursor="0")
    assert [each.key for each in (await memory.subscriptions.read(GRAPH, TEA, GroupRead("g"))).events] == ["n1"]
    await memory.subscriptions.seek(GRAPH, TEA, "g")
    assert not (await memory.subscriptions.read(GRAPH, TEA, GroupRead("g"))).events
    with pytest.raises(CursorExpired):
        await memory.subscriptions.seek(GRAPH, TEA, "g", cursor="99")


async def test_a_crash_between_the_evaluation_and_its_commit_loses_and_doubles_nothing(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await follow(memory)
    await say(memory, "n1", "Grace drinks tea.")
    store, crashes = memory.ports.followed_answers, [True, True]

    async def crash(*_: object) -> bool:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(store, "record", crash)
        while crashes.pop() and crashes:
            with pytest.raises(asyncio.CancelledError):
                await memory.subscriptions.events(GRAPH, TEA)
    assert shown(await events(memory)) == [("answer.entered", "n1", None, 1)]


async def test_evaluations_at_the_same_time_are_logged_once(memory: Memory) -> None:
    await follow(memory)
    await say(memory, "n1", "Grace drinks tea.")
    await asyncio.gather(
        *(memory.subscriptions.events(GRAPH, TEA) for _ in range(4)),
        *(memory.tasks.follow_answers(GRAPH) for _ in range(4)),
    )
    assert shown(await events(memory)) == [("answer.entered", "n1", None, 1)]


async def test_the_job_logs_what_nobody_reads(memory: Memory) -> None:
    await follow(memory)
    await say(memory, "n1", "Grace drinks tea.")
    assert await memory.tasks.follow_answers(GRAPH) == 1
    await memory.episodes.delete(GRAPH, ["n1"], scope="user/1")
    assert await memory.tasks.follow_answers(GRAPH) == 1
    assert await memory.tasks.follow_answers(GRAPH) == 0
    assert [each.kind for each in await events(memory)] == ["answer.entered", "answer.left"]


async def test_what_another_scope_writes_evaluates_nothing(memory: Memory) -> None:
    await follow(memory)
    for scope in ("user/2", "user/1/below", "other"):
        await say(memory, "n1", "Grace drinks tea.", scope)
    assert await memory.tasks.follow_answers(GRAPH) == 0
    assert await events(memory) == []
    await say(memory, "n2", "Grace drinks tea.", "user")
    assert [(each.key, each.scope) for each in await events(memory)] == [("n2", "user")]


async def test_what_cannot_enter_the_best_waits_for_other_changes(memory: Memory) -> None:
    question = Question(What(text="Who drinks tea?"), k=1)
    await say(memory, "n1", "Who drinks tea? Grace drinks tea.")
    await follow(memory, question)
    await say(memory, "n2", "The ship sails north.")
    assert await memory.tasks.follow_answers(GRAPH) == 0
    await say(memory, "n3", "Who drinks tea? Who drinks tea?")
    assert await memory.tasks.follow_answers(GRAPH) == 1
    assert applied(await events(memory)) == await answered(memory, question)


@pytest.mark.long
async def test_time_changes_an_answer(memory: Memory) -> None:
    await follow(memory, Question(What(labels=("Cup",)), When(any_time=False), k=4))
    await memory.entities.put(GRAPH, [Entity("one", "Cup", scope="user/1")])
    assert [each.key for each in await events(memory)] == ["one"]
    soon, later = in_seconds(0.5), in_seconds(1.0)
    await memory.entities.put(
        GRAPH,
        [
            Entity("one", "Cup", scope="user/1", expires_at=soon),
            Entity("two", "Cup", scope="user/1", valid_from=later),
        ],
    )

    async def changed() -> bool:
        return len(await events(memory)) == 3

    await until(changed, 20)
    found = await events(memory)
    assert [(each.kind, each.key) for each in found] == [
        ("answer.entered", "one"),
        ("answer.left", "one"),
        ("answer.entered", "two"),
    ]


async def test_feedback_changes_an_answer(memory: Memory) -> None:
    for key in ("n1", "n2"):
        await say(memory, key, "Grace drinks tea.")
    await follow(memory)
    (first, _) = before = await answered(memory)
    await memory.feedback.give(GRAPH, Feedback(first, "wrong", scope="user/1"))
    assert await answered(memory) != before
    assert applied(await events(memory)) == await answered(memory)


@pytest.mark.long
async def test_a_long_log_begins_with_the_answer_that_its_older_half_made(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgmem.store.subscriptions.answer_log.MOST_LOGGED", 8)
    question = Question(What(text="Who drinks tea?"), k=2)
    await follow(memory, question)
    for number in range(12):
        await say(memory, f"n{number}", "Who drinks tea? " * (number + 1))
        last = await events(memory)
        assert applied(last) == await answered(memory, question)
    assert len(last) <= 8
    with pytest.raises(CursorExpired) as raised:
        await memory.subscriptions.events(GRAPH, TEA, after="1")
    oldest = str(raised.value.facts["oldest"])
    rest = await events(memory, oldest)
    kept = [each for each in last if each not in rest]
    assert applied(rest, applied(kept)) == await answered(memory, question)
    assert (await memory.subscriptions.answer(GRAPH, TEA)).cursor == last[-1].id


async def test_an_answer_is_read_with_the_cursor_behind_which_events_change_it(memory: Memory) -> None:
    await say(memory, "n1", "Grace drinks tea.")
    await follow(memory)
    await memory.entities.put(GRAPH, [Entity("ann", "Person", text="Ann drinks tea.", scope="user/1")])
    found = await memory.subscriptions.answer(GRAPH, TEA)
    assert {(each.key, each.kind, tuple(each.labels)) for each in found.items} == {
        ("n1", "episode", ("Episode",)),
        ("ann", "entity", ("Person",)),
    }
    assert [each.rank for each in found.items] == [1, 2]
    assert found.problem is None
    assert await events(memory, found.cursor) == []
    with pytest.raises(NotFound):
        await memory.subscriptions.answer(GRAPH, SubscriptionAddress("tea", "user/2"))


async def test_events_are_filtered_by_their_kinds(memory: Memory) -> None:
    request = SubscriptionRequest("answer", EventFilter(kinds=("answer.left",)), start="beginning", answer=ASKED)
    await memory.subscriptions.put(GRAPH, TEA, request)
    await say(memory, "n1", "Grace drinks tea.")
    assert await events(memory) == []
    await memory.episodes.delete(GRAPH, ["n1"], scope="user/1")
    assert [each.kind for each in await events(memory)] == ["answer.left"]


async def test_the_same_question_again_changes_nothing_and_another_is_refused(memory: Memory) -> None:
    assert (await follow(memory)).created
    assert not (await follow(memory)).created
    with pytest.raises(Conflict):
        await follow(memory, replace(ASKED, k=5))


async def test_answers_of_a_scope_are_limited(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgmem.store.subscriptions.answer_log.MOST_ANSWERS", 1)
    await follow(memory)
    request = SubscriptionRequest("answer", answer=ASKED)
    with pytest.raises(TooLarge):
        await memory.subscriptions.put(GRAPH, SubscriptionAddress("more", "user/1"), request)
    await memory.subscriptions.put(GRAPH, SubscriptionAddress("more", "user/2"), request)


async def test_a_deleted_subscription_leaves_nothing(memory: Memory) -> None:
    await say(memory, "n1", "Grace drinks tea.")
    for delete in (memory.subscriptions.delete(GRAPH, TEA), memory.scopes.delete(GRAPH, "user/1")):
        await follow(memory)
        await delete
        with pytest.raises(NotFound):
            await memory.subscriptions.get(GRAPH, TEA)
        made = await follow(memory, Question(What(text="Who sails?"), k=1))
        assert made.answer is not None
        assert made.answer.k == 1
        await memory.subscriptions.delete(GRAPH, TEA)


async def test_an_erased_item_leaves_without_its_key(memory: Memory) -> None:
    await say(memory, "n1", "Grace drinks tea.", "user")
    await follow(memory)
    assert [each.key for each in await events(memory)] == ["n1"]
    await memory.scopes.delete(GRAPH, "user", below=False, erase=True)
    (entered, left) = await events(memory)
    assert (entered.kind, entered.key, left.kind, left.key) == ("answer.entered", None, "answer.left", None)
    assert left.item == entered.item


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (None, "answer"),
        (Question(), ""),
        (replace(ASKED, k=101), "answer.k"),
        (replace(ASKED, k=0), "answer.k"),
        (replace(ASKED, rerank=True), "answer.rerank"),
        (replace(ASKED, cursor="x"), "answer.cursor"),
        (replace(ASKED, scope="user/2"), "answer.scope"),
        (replace(ASKED, when=When(known_at="2020")), "answer.when.known_at"),
        (replace(ASKED, why=Why(start="a", end="b")), "answer.why.from"),
        (Question(What(vector=[1.0])), "answer.what.vector"),
        (Question(What(text="tea " * 6000)), "answer"),
    ],
)
async def test_a_question_that_cannot_be_followed_is_refused(
    memory: Memory, asked: Question | None, field: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        await memory.subscriptions.put(GRAPH, TEA, SubscriptionRequest("answer", answer=asked))
    assert raised.value.facts.get("field", "") == field
    with pytest.raises(NotFound):
        await memory.subscriptions.get(GRAPH, TEA)


async def test_an_answer_needs_a_subscription_of_its_own(memory: Memory) -> None:
    request = SubscriptionRequest("answer", answer=ASKED)
    with pytest.raises(InvalidInput, match="subscription"):
        await memory.subscriptions.feed(GRAPH, request)
    with pytest.raises(InvalidInput, match="answer"):
        await memory.subscriptions.put(GRAPH, TEA, SubscriptionRequest(answer=ASKED))
    with pytest.raises(InvalidInput, match=r"filter\.question"):
        await memory.subscriptions.put(GRAPH, TEA, replace(request, filter=EventFilter(question="tea")))


def in_seconds(seconds: float) -> str:
    """A time in the near future, as ISO 8601."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


@pytest.mark.crash
@pytest.mark.slow
async def test_a_killed_process_leaves_a_log_that_goes_on(database_url: str) -> None:
    async with opened_memory(database_url, embedder=hashing()) as memory:
        await memory.graphs.create(GRAPH)
        await follow(memory)
        for round_ in range(4):
            worker = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.integration.answer_worker", database_url, GRAPH,
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            assert worker.stdout is not None
            await asyncio.wait_for(worker.stdout.readline(), 60)
            for number in range(20):
                await say(memory, f"n{(round_ * 20 + number) % 15}", f"Grace drinks tea number {number * round_}.")
            worker.kill()
            await worker.wait()
            found = await events(memory)
            assert applied(found) == await answered(memory)
            assert len({each.id for each in found}) == len(found)
