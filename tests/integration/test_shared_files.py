"""Subscriptions and feedback in exports and imports: a round trip loses nothing, damage is refused."""

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.feedback import Feedback
from kgmem.domain.recall.question import Hops, Links, Question, What
from kgmem.domain.subscriptions.subscription import (
    EventFilter,
    GroupRead,
    SubscriptionAddress,
    SubscriptionRequest,
)
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from tests.memories import new_graph

NEWS, MINE = SubscriptionAddress("news"), SubscriptionAddress("mine", "user/1")
BEST = SubscriptionAddress("best", "user/1")


class Graphs:
    """The graphs of the running test: the one that is exported, and an empty one."""

    old = new = ""


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    Graphs.old = await new_graph(memory, f"old_{secrets.token_hex(6)}")
    Graphs.new = await new_graph(memory, f"new_{secrets.token_hex(6)}")
    return memory


async def fill(memory: Memory) -> None:
    """Write subscriptions of two scopes, with groups, and verdicts on an entity, a text and a relationship."""
    ids = (await memory.entities.put(Graphs.old, [Entity("a", "Ship", "Aurora"), Entity("b", "Port", "Kiel")])).ids
    text = (await memory.episodes.put(Graphs.old, [Episode("The Aurora left Kiel.", "n1", scope="user/1")])).ids
    link = (await memory.relationships.put(Graphs.old, [Relationship("CALLS_AT", "a", "b")])).ids
    about = EventFilter(kinds=("fact.*",), keys=("a",), question="Where is the Aurora?", min_relevance=0.7)
    await memory.subscriptions.put(Graphs.old, NEWS, SubscriptionRequest("entity", about, below=False))
    await memory.subscriptions.put(Graphs.old, MINE)
    asked = Question(What("Where is the Aurora?", labels=("Ship",)), graph=Links(hops=Hops(("a",), 2)), k=3)
    await memory.subscriptions.put(Graphs.old, BEST, SubscriptionRequest("answer", answer=asked))
    await memory.subscriptions.read(Graphs.old, BEST, GroupRead("planner"))
    await memory.subscriptions.read(Graphs.old, NEWS, GroupRead("planner"))
    for verdict in (
        Feedback(ids[0], "useful", "Where is the Aurora?", "It is."),
        Feedback(text[0], "wrong", scope="user/1"),
        Feedback(link[0], "wrong", "Which port?"),
    ):
        await memory.feedback.give(Graphs.old, verdict)


async def told(memory: Memory, graph: str) -> list[Any]:
    """Return what a graph holds of both, without numbers and cursors."""
    found: list[Any] = []
    for scope in ("", "user/1"):
        found += [
            (replace(each, id=0, start="", groups=()), [group.name for group in each.groups])
            for each in (await memory.subscriptions.list(graph, scope=scope)).items
        ]
        found += [replace(each, item=0) for each in (await memory.feedback.list(graph, scope=scope)).items]
    return found


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "format_"),
    [("all.jsonl", None), ("all.zip", "csv"), ("csv/", "csv"), ("parquet/", "parquet"), ("all.nq", None)],
)
async def test_a_round_trip_loses_nothing_and_again_changes_nothing(
    memory: Memory, tmp_path: Path, name: str, format_: str | None
) -> None:
    await fill(memory)
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir()

    written = await memory.exports.write(Graphs.old, path, ExportOptions(format=format_))
    done = await memory.imports.run(Graphs.new, [path], ImportOptions())

    assert (written.records["subscription"], written.records["feedback"]) == (3, 3)
    assert not done.rejections
    assert await told(memory, Graphs.new) == await told(memory, Graphs.old)
    again = await memory.imports.run(Graphs.new, [path], ImportOptions())
    assert (again.created, again.updated, len(again.rejections)) == (0, 0, 0)
    assert await told(memory, Graphs.new) == await told(memory, Graphs.old)


async def test_an_imported_subscription_delivers_what_comes_then(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    await memory.exports.write(Graphs.old, tmp_path / "all.jsonl", ExportOptions())
    await memory.imports.run(Graphs.new, [tmp_path / "all.jsonl"], ImportOptions())
    before = await memory.subscriptions.read(Graphs.new, MINE, GroupRead("all"))
    assert before.events == []

    await memory.entities.put(Graphs.new, [Entity("c", "Ship", "Borea", scope="user/1")])

    after = await memory.subscriptions.read(Graphs.new, MINE, GroupRead("all"))
    assert [(each.kind, each.key) for each in after.events] == [("entity.created", "c")]


async def test_an_imported_answer_is_evaluated_in_its_new_graph(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    await memory.exports.write(Graphs.old, tmp_path / "all.jsonl", ExportOptions())
    await memory.imports.run(Graphs.new, [tmp_path / "all.jsonl"], ImportOptions())

    found = await memory.subscriptions.read(Graphs.new, BEST, GroupRead("planner"))

    assert [(each.kind, each.key, each.rank) for each in found.events] == [("answer.entered", "a", 1)]


async def test_one_scope_is_exported_alone(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    written = await memory.exports.write(Graphs.old, tmp_path / "own.jsonl", ExportOptions(scope="user/1"))
    assert (written.records["subscription"], written.records["feedback"]) == (2, 1)


@pytest.mark.parametrize(
    ("record", "named"),
    [
        ({"type": "feedback", "item": "entity", "key": "none", "verdict": "useful"}, "not there"),
        ({"type": "feedback", "item": "entity", "verdict": "useful"}, "key"),
        ({"type": "feedback", "item": "relationship", "start": "a", "verdict": "useful"}, "relation"),
        ({"type": "feedback", "item": "path", "key": "a", "verdict": "useful"}, "item"),
        ({"type": "feedback", "item": "entity", "key": "a", "verdict": "good"}, "verdict"),
        ({"type": "subscription", "subscription": "a b"}, "subscription"),
        ({"type": "subscription", "subscription": "a", "what": "entity"}, "filter.keys"),
        ({"type": "subscription", "subscription": "a", "filter": {"more": 1}}, "filter"),
        ({"type": "subscription", "subscription": "a", "filter": {"keys": "a"}}, "filter.keys"),
        ({"type": "subscription", "subscription": "a", "filter": {"question": 1}}, "filter.question"),
        ({"type": "subscription", "subscription": "a", "below": "yes"}, "below"),
        ({"type": "subscription", "subscription": "a", "what": "answer"}, "answer"),
        ({"type": "subscription", "subscription": "a", "what": "answer", "answer": {"k": "3"}}, "answer.k"),
        ({"type": "subscription", "subscription": "a", "groups": [1]}, "groups"),
    ],
)
async def test_a_damaged_record_is_rejected_with_its_reason(
    memory: Memory, tmp_path: Path, record: dict[str, Any], named: str
) -> None:
    when = {"at": "2026-01-01T00:00:00Z"} | ({"what": "scope"} if record["type"] == "subscription" else {})
    sound = {"type": "entity", "key": "z", "label": "Ship"}
    (tmp_path / "bad.jsonl").write_bytes(b"\n".join(map(orjson.dumps, (when | record, sound))))

    done = await memory.imports.run(Graphs.new, [tmp_path / "bad.jsonl"], ImportOptions())

    (why,) = done.rejections
    assert named in why.reason
    assert await told(memory, Graphs.new) == []
    assert (await memory.entities.get(Graphs.new, "z")).label == "Ship"


@pytest.mark.parametrize(("of", "seen"), [("", True), ("user/1", True), ("user/1/a", True), ("user/2", False)])
async def test_an_import_that_is_restricted_to_a_scope_rates_only_what_it_sees(
    memory: Memory, tmp_path: Path, of: str, seen: bool
) -> None:
    await memory.entities.put(Graphs.new, [Entity("vault", "Thing", scope=of)])
    record = {"type": "feedback", "item": "entity", "key": "vault", "verdict": "useful", "scope": "user/1"}
    lines = [
        record | ({"of_scope": each} if each else {}) | {"key": key} for each, key in ((of, "vault"), (of, "none"))
    ]
    (tmp_path / "own.jsonl").write_text(
        "".join(orjson.dumps(each | {"at": "2026-01-01T00:00:00Z"}).decode() + "\n" for each in lines)
    )
    done = await memory.imports.run(
        Graphs.new, [tmp_path / "own.jsonl"], ImportOptions(scope="user/1", within="user/1")
    )
    assert done.created == (1 if seen else 0)
    if not seen:  # Whether it is there is not told.
        assert len({str(each.reason) for each in done.rejections}) == 1
