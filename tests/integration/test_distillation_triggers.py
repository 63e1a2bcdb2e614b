"""What starts distillation by itself, what is left alone afterwards, and runs that are killed."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.distillation.run import Allowance, DistilRun
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.memory import Memory
from tests.memories import index_schema, new_graph, query

GRAPH = "triggered"
SCOPE = "user/1"
ROOT = Path(__file__).resolve().parents[2]
CHAT = (
    " We talked for hours about nothing in particular, as one does on such days. The coffee was as good as ever. "
    "Somebody should really order more of these biscuits, since they were gone before anybody had asked for them."
)
TALK = ["It is nice to see everybody here again.", "The weather was lovely.", "Well, that was quite a meeting."]


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return memory


async def talk(memory: Memory, texts: list[str] | None = None, *, session: str | None = None) -> None:
    told = [text + CHAT for text in TALK] if texts is None else texts
    await memory.episodes.put(
        GRAPH,
        [Episode(text, f"{session or 't'}{n}", session=session, scope=SCOPE) for n, text in enumerate(told)],
    )


async def age(memory: Memory, seconds: float) -> None:
    """Let all texts be older."""
    schema = await index_schema(memory, GRAPH)
    await query(memory, f"UPDATE \"{schema}\".item SET known_from = now() - $1 * interval '1s'", seconds)


async def due(memory: Memory) -> bool:
    return await memory.tasks.queue_distillation() == 1


async def runs(memory: Memory) -> list[DistilRun]:
    return list((await memory.distillation.list(GRAPH, scope=SCOPE)).items)


@pytest.mark.long
async def test_tokens_above_four_fifths_of_an_allowance_start_a_run(memory: Memory) -> None:
    await talk(memory)
    used = (await memory.distillation.put_allowance(GRAPH, Allowance(SCOPE, tokens=100_000))).used_tokens or 0
    assert used > 100
    assert not await due(memory)
    await memory.distillation.put_allowance(GRAPH, Allowance(SCOPE, tokens=used))
    assert await due(memory)

    await memory.tasks.distil(GRAPH)

    (run,) = await runs(memory)
    assert (run.trigger, run.state) == ("allowance", "done")
    assert ((await memory.distillation.allowance(GRAPH, SCOPE)).used_tokens or 0) < used


@pytest.mark.long
async def test_an_age_starts_a_run_when_enough_texts_or_late_ones_have_it(memory: Memory) -> None:
    await talk(memory)
    await memory.distillation.put_allowance(GRAPH, Allowance(SCOPE, older_than=1000))
    assert not await due(memory)
    await age(memory, 1050)
    assert not await due(memory)  # Three texts wait for others, up to a tenth of the age.
    await age(memory, 1150)
    assert await due(memory)

    await memory.tasks.distil(GRAPH)

    (run,) = await runs(memory)
    assert (run.trigger, run.state, run.episodes) == ("age", "done", 3)
    assert not await due(memory)


@pytest.mark.long
async def test_a_closed_session_starts_a_run_of_its_texts_alone(memory: Memory) -> None:
    await talk(memory)
    for name in ("open", "closed"):
        chat = SessionAddress(name, SCOPE)
        await memory.sessions.open(GRAPH, chat)
        await memory.sessions.append(GRAPH, chat, [Message("user", text + CHAT) for text in TALK])
    await memory.distillation.put_allowance(GRAPH, Allowance(SCOPE, closed_sessions=True))
    assert not await due(memory)
    await memory.sessions.close(GRAPH, SessionAddress("closed", SCOPE))
    assert await due(memory)

    await memory.tasks.distil(GRAPH)

    (run,) = await runs(memory)
    assert (run.trigger, run.state, run.episodes) == ("session", "done", 3)
    assert not await due(memory)


@pytest.mark.long
async def test_what_was_undone_is_tried_again_by_itself_only_once_it_has_changed(memory: Memory) -> None:
    await talk(memory)
    await memory.distillation.put_allowance(GRAPH, Allowance(SCOPE, items=3))
    await memory.tasks.distil(GRAPH)
    (run,) = await runs(memory)
    await memory.distillation.undo(GRAPH, run.id, scope=SCOPE, by="ann")

    assert not await due(memory)
    assert await memory.tasks.distil(GRAPH) == 0
    await talk(memory, ["Something else was said." + CHAT])
    assert await due(memory)
    assert (await memory.distillation.run(GRAPH, scope=SCOPE)).episodes == 3  # An operator may try all of it.


@pytest.mark.long
async def test_texts_that_save_too_little_are_planned_by_a_job_once(memory: Memory) -> None:
    await talk(memory, ["Yes.", "No.", "Fine."])
    await memory.distillation.put_allowance(GRAPH, Allowance(SCOPE, items=3))
    assert await due(memory)

    await memory.tasks.distil(GRAPH)

    (run,) = await runs(memory)
    assert (run.state, run.episodes, run.skipped) == ("done", 0, {"too little to save": 3})
    assert not await due(memory)
    assert (await memory.distillation.run(GRAPH, scope=SCOPE)).id == 0


@pytest.mark.parametrize("wrong", [{"items": 0}, {"tokens": -1}, {"older_than": 1.0}, {}])
async def test_an_allowance_that_means_nothing_is_refused(memory: Memory, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        await memory.distillation.put_allowance(GRAPH, Allowance(SCOPE, **wrong))
    assert caught.value.facts["field"] in {"items", "tokens", "older_than"}


@pytest.mark.parametrize(
    ("what", "field"),
    [
        ({"share": 0.01}, "share"),
        ({"limit": 0}, "limit"),
        ({"episodes": []}, "episodes"),
        ({"older_than": "soon"}, "ttl"),
    ],
)
async def test_a_request_that_is_none_is_refused(memory: Memory, what: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await memory.distillation.plan(GRAPH, scope=SCOPE, **what)
    assert caught.value.facts["field"] == field


@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.parametrize(("name", "turn"), [("to_cold", 2), ("answered", 12), ("write_group", 2)])
async def test_a_run_that_is_killed_goes_on_where_it_was(
    memory: Memory, shared_database_url: str, monkeypatch: pytest.MonkeyPatch, name: str, turn: int
) -> None:
    for session in ("a", "b", "c"):
        facts = [f"{person} paid {n}5 euros in Rome." for n, person in enumerate(("Ada Lund", "Bo Lind", "Cy Lane"))]
        await talk(memory, [text + CHAT for text in facts], session=session)
    await memory.entities.put(GRAPH, [Entity("ada", name="Ada Lund", scope=SCOPE)])
    await memory.claims.put(
        GRAPH,
        [
            ClaimStatement("sam", "ada", "paid", value=f"{n}5 euros", scope=SCOPE, episode=f"{session}{n}")
            for session in ("a", "b", "c")
            for n in range(3)
        ],
    )
    order = [
        sys.executable,
        "-m",
        "tests.integration.distil_worker",
        shared_database_url,
        GRAPH,
        SCOPE,
        name,
        str(turn),
    ]
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'api'}"}
    ended = await asyncio.to_thread(subprocess.run, order, cwd=ROOT, env=env, check=False, timeout=120)
    assert ended.returncode == -9
    (run,) = await runs(memory)
    assert run.state == "running"
    monkeypatch.setattr(memory.ports.distillation, "lease", 0.5)
    await asyncio.sleep(1)

    await memory.tasks.distil(GRAPH)

    (run,) = await runs(memory)
    assert (run.state, run.score, run.episodes) == ("done", 1, 9)
    rows = (await memory.cypher(GRAPH, "MATCH (d)-[:DISTILLED_FROM]->(o) RETURN o.key ORDER BY o.key")).rows
    assert [row[0] for row in rows] == [f"{session}{n}" for session in ("a", "b", "c") for n in range(3)]
