"""Runs of distillation and allowances in exports and imports: a round trip loses nothing, damage is refused."""

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.distillation.run import Allowance, DistilRun
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from tests.memories import index_schema, new_graph, query

SCOPE = "user/1"
CHAT = " We talked for hours about nothing in particular, as one does on such days. The coffee was as good as ever."
TALK = ["It is nice to see everybody here again.", "The weather was lovely.", "Well, that was quite a meeting."]


class Graphs:
    """The graphs of the running test: the one that is exported, and an empty one."""

    old = new = ""


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    Graphs.old = await new_graph(memory, f"old_{secrets.token_hex(6)}")
    Graphs.new = await new_graph(memory, f"new_{secrets.token_hex(6)}")
    return memory


async def fill(memory: Memory) -> None:
    """Distil two scopes, one of them critically and one of them twice, and undo a run."""
    for scope, critical in ((SCOPE, False), ("user/2", True)):
        await memory.episodes.put(
            Graphs.old,
            [
                Episode(text + CHAT, f"t{n}", scope=scope, properties={"critical": critical})
                for n, text in enumerate(TALK)
            ],
        )
    first = await memory.distillation.run(Graphs.old, scope=SCOPE)
    await memory.distillation.undo(Graphs.old, first.id, scope=SCOPE, by="ann")
    await memory.distillation.run(Graphs.old, scope=SCOPE)
    await memory.distillation.run(Graphs.old, scope="user/2")
    await memory.distillation.put_allowance(Graphs.old, Allowance(SCOPE, items=1000, older_than=86_400.0))
    await memory.distillation.put_allowance(Graphs.old, Allowance("user/2", closed_sessions=True))


async def runs(memory: Memory, graph: str) -> list[DistilRun]:
    """Return the runs of a graph without their numbers."""
    return [
        replace(await memory.distillation.get(graph, each.id, scope=scope), id=0)
        for scope in (SCOPE, "user/2")
        for each in (await memory.distillation.list(graph, scope=scope)).items
    ]


async def tiers(memory: Memory, graph: str) -> dict[tuple[str, str], int]:
    """Return the tier of each text by scope and key: both scopes have the same keys."""
    schema = await index_schema(memory, graph)
    text = f'SELECT s.path, i.key, i.tier FROM "{schema}".item i JOIN "{schema}".scope s ON s.id = i.scope'
    return {(row[0], row[1]): row[2] for row in await query(memory, f"{text} WHERE i.kind = 2 AND i.key <> $1", "")}


async def links(memory: Memory, graph: str) -> list[Any]:
    text = "MATCH (d)-[:DISTILLED_FROM]->(o) RETURN d.key, o.key, o.scope ORDER BY d.key, o.key"
    return list((await memory.cypher(graph, text)).rows)


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "format_"), [("a.jsonl", None), ("a.zip", "csv"), ("parquet/", "parquet"), ("a.nq", None)]
)
async def test_a_round_trip_keeps_runs_allowances_links_and_tiers(
    memory: Memory, tmp_path: Path, name: str, format_: str | None
) -> None:
    await fill(memory)
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir()
    written = await memory.exports.write(Graphs.old, path, ExportOptions(format=format_))
    assert (written.records["distillation"], written.records["allowance"]) == (3, 2)

    for _ in range(2):  # The second time it changes nothing.
        assert not (await memory.imports.run(Graphs.new, [path], ImportOptions())).rejections

    old = await runs(memory, Graphs.old)
    assert sorted(each.state for each in old) == ["done", "undone", "waiting"]
    assert await runs(memory, Graphs.new) == old
    for scope in (SCOPE, "user/2"):
        assert await memory.distillation.allowance(Graphs.new, scope) == await memory.distillation.allowance(
            Graphs.old, scope
        )
    assert await links(memory, Graphs.new) == await links(memory, Graphs.old) != []
    assert await tiers(memory, Graphs.new) == await tiers(memory, Graphs.old)
    assert await memory.tasks.distil(Graphs.new) == 0  # Nothing of it is stale, and nothing is tried again.
    assert await runs(memory, Graphs.new) == old


async def test_what_was_imported_is_approved_and_undone(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    await memory.exports.write(Graphs.old, tmp_path / "a.jsonl", ExportOptions())
    await memory.imports.run(Graphs.new, [tmp_path / "a.jsonl"], ImportOptions())
    (waiting,) = (await memory.distillation.list(Graphs.new, scope="user/2")).items
    approved = await memory.distillation.approve(Graphs.new, waiting.id, scope="user/2", by="bo")
    assert (approved.state, approved.score) == ("done", 1)
    (done,) = (await memory.distillation.list(Graphs.new, scope=SCOPE, state="done")).items

    undone = await memory.distillation.undo(Graphs.new, done.id, scope=SCOPE, by="bo")

    assert undone.missing == []
    asked = Question(What(text="Was the weather lovely?"), scope=SCOPE, tiers=("hot", "warm"))
    assert "t1" in [hit.key for hit in (await memory.recall(Graphs.new, asked)).hits]


@pytest.mark.parametrize(
    ("part", "wrong"),
    [("groups", [{"number": 1}]), ("bytes", [1]), ("trigger", "boredom"), ("skipped", {"a": "b"}), ("state", "odd")],
)
async def test_a_run_that_kgmem_did_not_write_is_refused(
    memory: Memory, tmp_path: Path, part: str, wrong: object
) -> None:
    told = {
        "type": "distillation", "state": "done", "trigger": "operator", "share": 0.3, "threshold": 0.98,
        "started": "2024-01-01T00:00:00Z", "bytes": [1, 1], "groups": [], "scope": SCOPE, part: wrong,
    }  # fmt: skip
    file = tmp_path / "a.jsonl"
    file.write_bytes(orjson.dumps(told))

    done = await memory.imports.run(Graphs.new, [file], ImportOptions())

    assert len(done.rejections) == 1
    assert not (await memory.distillation.list(Graphs.new, scope=SCOPE)).items
