"""The supervisor of several processes: it starts them, starts those again that end, and stops all of them."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from kgmem.domain.errors import ServerError
from kgmem_api import supervisor
from kgmem_api.supervisor import Command, Supervisor, stop_signals

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="file descriptors are not inherited there")
_SOON = 20  # Seconds in which what happens at once has happened on any machine.


def _command(name: str, script: str) -> Command:
    return Command(name, ["/bin/sh", "-c", script])


def _noting(path: Path) -> str:
    """Return a script that notes its process, says that it is ready, and waits for the end of its input."""
    return f'echo $$ >> "{path}"; echo ready; cat > /dev/null'


async def _started(path: Path, count: int) -> list[int]:
    """Wait until so many processes have noted themselves; return their ids."""
    async with asyncio.timeout(_SOON):
        while True:
            noted = _read(path).split()
            if len(noted) >= count:
                return [int(each) for each in noted]
            await asyncio.sleep(0.01)


async def test_processes_run_within_the_block_and_stop_with_it(tmp_path: Path) -> None:
    notes = tmp_path / "started"
    ended: list[int] = []
    commands = [_command("one", _noting(notes)), _command("two", _noting(notes))]
    async with Supervisor(commands, report=_never, ended=ended.append).running():
        started = await _started(notes, 2)
        assert ended == []
    assert sorted(ended) == sorted(started)


async def test_a_process_that_is_killed_is_started_again_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_PAUSE", 0.01)
    notes = tmp_path / "started"
    reports: list[str] = []
    async with Supervisor([_command("one", _noting(notes))], report=reports.append).running():
        (first,) = await _started(notes, 1)
        os.kill(first, signal.SIGKILL)
        second = (await _started(notes, 2))[1]
        assert second != first
    assert reports == ["one ended unexpectedly (SIGKILL); it is started again."]


async def test_a_process_that_never_becomes_ready_is_an_error_and_the_others_stop(tmp_path: Path) -> None:
    notes = tmp_path / "started"
    ended: list[int] = []
    commands = [_command("one", _noting(notes)), _command("two", "exit 3")]
    with pytest.raises(ServerError, match="two ended"):
        async with Supervisor(commands, report=_never, ended=ended.append).running():
            pytest.fail("it is not ready")
    assert set(await _started(notes, 1)) <= set(ended)


async def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ServerError, match="absent"):
        async with Supervisor([Command("absent", ["/nowhere/kgmem"])], report=_never).running():
            pytest.fail("it is not ready")


@pytest.mark.long
async def test_a_process_that_does_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_GRACE", 0.05)
    reports: list[str] = []
    stubborn = _command("one", "echo ready; while :; do sleep 1; done")
    async with asyncio.timeout(_SOON), Supervisor([stubborn], report=reports.append).running():
        pass
    assert len(reports) == 1
    assert "killed" in reports[0]


async def test_the_first_signal_asks_to_stop_and_the_next_one_is_told() -> None:
    second = asyncio.Event()
    async with asyncio.timeout(_SOON), stop_signals(second.set) as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        await asked.wait()
        assert not second.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        await second.wait()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _never(text: str) -> None:
    pytest.fail(f"unexpected report: {text}")
