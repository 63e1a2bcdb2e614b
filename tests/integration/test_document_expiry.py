"""Memory blocks, agent states and sessions that expire."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.agents.block import BlockAddress, BlockContent
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.agents.state import StateAddress
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from tests.memories import index_schema, new_graph, query

SCOPE = "team/a"
SHORT = 0.4


class Graphs:
    """The graphs of the running test."""

    old = new = ""


@dataclass(frozen=True)
class Kind:
    """How one kind of document is written, read, listed and deleted."""

    put: Callable[..., Awaitable[Any]]
    get: Callable[[Memory, str], Awaitable[Any]]
    names: Callable[[Memory], Awaitable[list[str]]]
    delete: Callable[[Memory], Awaitable[Any]]


BLOCK, STATE, SESSION = (
    BlockAddress("human", SCOPE),
    StateAddress("planner", "plan", SCOPE),
    SessionAddress("s1", SCOPE),
)


async def _put_block(memory: Memory, text: str = "Likes the sea.", graph: str | None = None, **lasts: Any) -> Any:
    return await memory.blocks.put(graph or Graphs.old, BLOCK, BlockContent(text), **lasts)


async def _put_state(memory: Memory, text: str = "a", graph: str | None = None, **lasts: Any) -> Any:
    return await memory.states.put(graph or Graphs.old, STATE, {"text": text}, **lasts)


async def _put_session(memory: Memory, text: str = "x", graph: str | None = None, **lasts: Any) -> Any:
    opened = await memory.sessions.open(graph or Graphs.old, SESSION, SessionDetails("planner", ("Clara",), **lasts))
    await memory.sessions.append(
        graph or Graphs.old, SESSION, [Message("user", f"I live in {text}.", id=text)], extract=False
    )
    return opened


async def _state(memory: Memory, graph: str) -> Any:
    return (await memory.states.get(graph, STATE)).version


KINDS = {
    "block": Kind(
        _put_block, lambda memory, graph: memory.blocks.get(graph, BLOCK),
        lambda memory: _listed(memory.blocks.list(Graphs.old, scope=SCOPE)),
        lambda memory: memory.blocks.delete(Graphs.old, BLOCK),
    ),
    "state": Kind(
        _put_state, _state, lambda memory: _listed(memory.states.list(Graphs.old, scope=SCOPE)),
        lambda memory: memory.states.delete(Graphs.old, STATE),
    ),
    "session": Kind(
        _put_session, lambda memory, graph: memory.sessions.get(graph, SESSION),
        lambda memory: _listed(memory.sessions.list(Graphs.old, scope=SCOPE)),
        lambda memory: memory.sessions.delete(Graphs.old, SESSION),
    ),
}  # fmt: skip


async def _listed(page: Awaitable[Any]) -> list[str]:
    return [getattr(each, "name", None) or each.id for each in (await page).items]


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    Graphs.old = await new_graph(memory, f"old_{secrets.token_hex(6)}")
    Graphs.new = await new_graph(memory, f"new_{secrets.token_hex(6)}")
    return memory


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def test_it_is_gone_when_its_time_is_over_with_all_that_it_had(memory: Memory, kind: Kind) -> None:
    made = await kind.put(memory, ttl=SHORT)
    assert made.expires_at is not None
    assert (await kind.get(memory, Graphs.old)).expires_at == made.expires_at
    assert len(await kind.names(memory)) == 1
    await asyncio.sleep(SHORT + 0.1)
    assert await kind.names(memory) == []
    with pytest.raises(NotFound):
        await kind.get(memory, Graphs.old)
    schema = await index_schema(memory, Graphs.old)
    assert await query(memory, f"SELECT count(*) FROM {schema}.expiry") == [(0,)]
    assert (await memory.episodes.list(Graphs.old, scope=SCOPE)).items == []


@pytest.mark.long
async def test_the_job_finds_the_graph_and_deletes(memory: Memory, kind: Kind) -> None:
    await kind.put(memory, ttl=SHORT)
    assert await memory.tasks.expire_items(Graphs.old) == 0
    await asyncio.sleep(SHORT + 0.1)
    assert await memory.tasks.queue_expiry() >= 1
    assert await memory.tasks.expire_items(Graphs.old) == 1
    assert await memory.tasks.expire_items(Graphs.old) == 0


@pytest.mark.long
async def test_a_later_write_extends_keeps_or_removes_the_time(memory: Memory, kind: Kind) -> None:
    first = await kind.put(memory, ttl=SHORT)
    assert (await kind.put(memory, "b")).expires_at == first.expires_at  # Says nothing of it.
    extended = await kind.put(memory, "b", ttl=3600)  # The content stays, and the time changes.
    assert datetime.fromisoformat(extended.expires_at) > datetime.fromisoformat(first.expires_at)
    await asyncio.sleep(SHORT + 0.1)
    assert (await kind.get(memory, Graphs.old)).expires_at == extended.expires_at
    assert (await kind.put(memory, "c", expires_at="2990-05-01")).expires_at == "2990-05-01T00:00:00Z"
    assert (await kind.put(memory, "d", ttl=SHORT)).expires_at < extended.expires_at
    assert (await kind.put(memory, "d", expires_at="never")).expires_at is None
    await asyncio.sleep(SHORT + 0.1)
    assert (await kind.get(memory, Graphs.old)).expires_at is None


@pytest.mark.long
@pytest.mark.parametrize("whole_scope", [False, True])
async def test_what_is_deleted_and_made_again_has_no_time(memory: Memory, kind: Kind, whole_scope: bool) -> None:
    await kind.put(memory, ttl=SHORT)
    if whole_scope:
        await memory.scopes.delete(Graphs.old, SCOPE)
    else:
        await kind.delete(memory)
    assert (await kind.put(memory, "b")).expires_at is None
    await asyncio.sleep(SHORT + 0.1)
    assert (await kind.get(memory, Graphs.old)).expires_at is None


@pytest.mark.parametrize(
    "lasts", [{"ttl": "soon"}, {"ttl": 0}, {"expires_at": "2001-01-01"}, {"ttl": "1d", "expires_at": "2990-01-01"}]
)
async def test_a_wrong_time_changes_nothing(memory: Memory, kind: Kind, lasts: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        await kind.put(memory, **lasts)
    assert refused.value.facts["field"] in lasts
    assert await kind.names(memory) == []


@pytest.mark.long
async def test_extended_at_the_last_moment_it_stays(memory: Memory, kind: Kind) -> None:
    """Whoever is told that the time is extended finds what was written, however close that was."""
    for round_ in range(8):
        await kind.put(memory, "a", ttl=0.25)
        await asyncio.sleep(0.24 + round_ * 0.002)
        await asyncio.gather(kind.put(memory, "b", ttl=3600), memory.tasks.expire_items(Graphs.old))
        assert (await kind.get(memory, Graphs.old)).expires_at is not None
        await kind.delete(memory)


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet"])
async def test_a_round_trip_keeps_the_time(memory: Memory, kind: Kind, tmp_path: Path, format_: str) -> None:
    await kind.put(memory, expires_at="2990-05-01")
    target = tmp_path / ("all.jsonl" if format_ == "jsonl" else "folder")
    if format_ != "jsonl":
        target.mkdir()
    await memory.exports.write(Graphs.old, target, ExportOptions(format=format_))
    result = await memory.imports.run(Graphs.new, [target], ImportOptions())
    assert result.rejected == 0
    assert (await kind.get(memory, Graphs.new)).expires_at == "2990-05-01T00:00:00Z"
    again = await memory.imports.run(Graphs.new, [target], ImportOptions())
    assert (again.created, again.rejected) == (0, 0)


async def test_a_file_whose_time_is_over_is_rejected_with_the_reason(
    memory: Memory, kind: Kind, tmp_path: Path
) -> None:
    await kind.put(memory, ttl=SHORT)
    target = tmp_path / "all.jsonl"
    await memory.exports.write(Graphs.old, target, ExportOptions())
    await asyncio.sleep(SHORT + 0.1)
    result = await memory.imports.run(Graphs.new, [target], ImportOptions())
    assert result.rejected > 0
    with pytest.raises(NotFound):
        await kind.get(memory, Graphs.new)


@pytest.mark.long
async def test_a_session_takes_along_what_was_said_in_it(memory: Memory) -> None:
    await _put_session(memory, "Pune", ttl=1.0)
    assert len((await memory.episodes.list(Graphs.old, scope=SCOPE)).items) == 1
    await asyncio.sleep(1.1)
    assert (await memory.episodes.list(Graphs.old, scope=SCOPE)).items == []
    with pytest.raises(NotFound):
        await memory.sessions.messages(Graphs.old, SESSION)


@pytest.mark.long
async def test_the_context_has_no_block_that_has_expired(memory: Memory) -> None:
    await memory.blocks.put(Graphs.old, BLOCK, BlockContent("Likes the sea."), expires_at=soon(1.0))
    await _put_session(memory)
    assert "the sea" in (await memory.sessions.context(Graphs.old, SESSION)).text
    await asyncio.sleep(1.1)
    assert "the sea" not in (await memory.sessions.context(Graphs.old, SESSION)).text


async def test_a_branch_and_an_edit_follow_the_document_and_not_its_origin(memory: Memory) -> None:
    await _put_state(memory, ttl=3600)
    branch = await memory.states.branch(Graphs.old, STATE, StateAddress("planner", "other", SCOPE))
    assert branch.expires_at is None
    block = await _put_block(memory, ttl=3600)
    assert (await memory.blocks.append(Graphs.old, BLOCK, "And mountains.")).expires_at == block.expires_at
