"""The examples against a live server: each does what it says, whatever the port, the key and the graph are."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from kgmem.domain.claims.claim import ClaimFilter
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem_api.server import serve
from tests.pages import ROOT
from tests.rest import Door

EXAMPLES = ROOT / "examples"
_MOST_LINES = 150
Run = Callable[[str, str], Awaitable[list[str]]]


@pytest.fixture
async def run(door: Door, settings: Settings) -> AsyncIterator[Run]:
    """Runs an example on a graph against a server of this event loop, and returns what it prints."""

    @asynccontextmanager
    async def opening() -> AsyncIterator[Memory]:
        yield door.memory

    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    quiet = settings.model_copy(update={"log_level": "error", "port": 0, "bolt": False, "worker": False})
    server = asyncio.create_task(serve(quiet, opening, ready=address.set_result))
    await asyncio.wait({server, address}, return_when=asyncio.FIRST_COMPLETED)
    _, secret = await door.memory.keys.create("example", "admin")

    async def run_(name: str, graph: str) -> list[str]:
        arguments = (EXAMPLES / name, "--url", address.result(), "--key", secret, "--graph", graph)
        process = await asyncio.create_subprocess_exec(
            sys.executable, *map(str, arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, problems = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0, problems.decode()
        return output.decode().splitlines()

    yield run_
    server.cancel()
    await asyncio.gather(server, return_exceptions=True)


def test_examples_are_short_enough_to_read() -> None:
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= _MOST_LINES, path.name


@pytest.mark.long
async def test_the_agent_loop_remembers_keeps_users_apart_and_stops_at_the_budget(run: Run, door: Door) -> None:
    lines = await run("agent_loop.py", "loop")
    try:
        said = [line.partition(": ")[2] for line in lines if line.startswith("travel-agent: ")]
        assert said[1] == "I found one. The next train to Lisbon departs at 9:40 and costs 120 EUR."
        assert said[2] == "In Lisbon."  # Of another session.
        assert said[3] == "You have not told me."  # Of another user.
        assert any(each.startswith("The budget is used up") for each in said[4:])
        assert not any(each.startswith("The budget is used up") for each in said[:4])
        assert lines[-1].endswith("is intact.")
        spent = await door.memory.ledger.account("loop", "model-calls", scope="user/ada")
        budget = await door.memory.ledger.account("loop", "budget", scope="user/ada")
        assert spent.balance.posted + budget.balance.posted == 3000
        assert not budget.balance.held
        assert f"Ada: 4 calls, {budget.balance.available} tokens left" in lines
        page = await door.memory.sessions.list("loop", scope="user/ada")
        assert {each.id[:5] for each in page.items} == {"ada-1", "ada-2"}
        again = await run("agent_loop.py", "loop")
        assert any(line.startswith("Ada: 4 calls") for line in again)
        assert again[-1].endswith("is intact.")
    finally:
        await door.memory.graphs.delete("loop")


async def test_the_team_disagrees_converges_and_decides_again(run: Run, door: Door) -> None:
    lines = await run("agent_team.py", "team")
    try:
        assert "The team has converged: contested -> verified." in lines
        assert "To decide again, since its evidence was withdrawn: first-clerk of clerk" in lines
        assert not any("first-scout of" in line for line in lines)
        assert any(line.startswith("scout: Brier score 0.16 over 1") for line in lines)
        assert any(line.startswith("clerk: Brier score 0.18 over 2") for line in lines)
        page = await door.memory.claims.list("team", ClaimFilter(scope="team/purchasing"))
        assert {each.source for each in page.items} == {"scout", "clerk", "auditor"}
        again = await run("agent_team.py", "team")
        assert any(line.startswith("clerk: Brier score 0.18 over 2") for line in again)
    finally:
        await door.memory.graphs.delete("team")
