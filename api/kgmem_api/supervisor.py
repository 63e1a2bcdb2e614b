"""Runs the processes of one server: starts them, starts one again that ended, and stops all of them together.

A process is stopped by the end of its standard input, so all of them stop, too, when the supervisor itself was killed.
"""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from kgmem.domain.errors import ServerError

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 30.0
_STABLE: Final = 60.0  # Seconds after which a process that ends is started again at once.
# Seconds that processes have to stop: requests get ten of them, Bolt connections and jobs as many, and some to close.
_GRACE: Final = 25.0


@dataclass(frozen=True, slots=True)
class Command:
    """A process: its name for people, its command line, and the file descriptors that it inherits."""

    name: str
    line: Sequence[str]
    inherited: Sequence[int] = ()


@dataclass(slots=True, eq=False)
class _Child:
    command: Command
    process: Process | None = None
    control: int | None = None  # What the process reads as its input is written here; closing it ends the process.
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    failure: str | None = None

    def let_go(self) -> None:
        """End the input of the process, which stops it."""
        if self.control is not None:
            os.close(self.control)
            self.control = None


class Supervisor:
    """The processes of one server; each prints one line on its standard output when it is ready."""

    def __init__(
        self, commands: Sequence[Command], *, report: Callable[[str], None], ended: Callable[[int], None] | None = None
    ) -> None:
        """Take the commands; `report` gets what people should know, `ended` the id of each process that ended."""
        self._children = [_Child(command) for command in commands]
        self._report = report
        self._ended = ended
        self._stopping = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the processes within the block, which begins when all are ready. Raises ServerError if one is not."""
        keepers = [asyncio.create_task(self._keep(child), name=child.command.name) for child in self._children]
        try:
            for child in self._children:
                await child.ready.wait()
                if child.failure is not None:
                    raise ServerError(
                        f"The server did not start: {child.command.name} ended ({child.failure}).",
                        hint="What it printed before this says why.",
                    )
            yield
        finally:
            await self._stop(keepers)

    def kill(self) -> None:
        """Kill the processes, whatever they do."""
        for child in self._children:
            if child.process and child.process.returncode is None:
                child.process.kill()

    async def _keep(self, child: _Child) -> None:
        """Run one process, again and again, until the server stops."""
        pause = _FIRST_PAUSE
        while not self._stopping:
            started = time.monotonic()
            try:
                reason = _reason(await self._run(child))
            except OSError as error:
                reason = str(error)
            if self._stopping:
                return
            if not child.ready.is_set():
                child.failure = reason
                child.ready.set()
                return
            pause = _FIRST_PAUSE if time.monotonic() - started > _STABLE else min(2 * pause, _LONGEST_PAUSE)
            self._report(f"{child.command.name} ended unexpectedly ({reason}); it is started again.")
            await asyncio.sleep(pause)

    async def _run(self, child: _Child) -> int:
        """Run one process to its end, and return its exit code."""
        # A pipe of asyncio's own would let `wait` wait for what a killed process has started and left behind.
        reading, child.control = os.pipe()
        try:
            process = child.process = await asyncio.create_subprocess_exec(
                *child.command.line,
                stdin=reading,
                stdout=PIPE,
                pass_fds=child.command.inherited,
                # Ctrl-C goes to all processes of a terminal's group; this one decides what it means.
                start_new_session=True,
            )
        finally:
            os.close(reading)
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        if self._stopping:  # The server was told to stop while this was started.
            child.let_go()
        if await process.stdout.readline():
            child.ready.set()
        code = await process.wait()
        child.let_go()
        if self._ended:
            self._ended(process.pid)
        return code

    async def _stop(self, keepers: Sequence[asyncio.Task[None]]) -> None:
        self._stopping = True
        for child in self._children:
            child.let_go()
        if keepers:
            for child, keeper in zip(self._children, keepers, strict=True):
                if child.process is None or child.process.returncode is not None:
                    keeper.cancel()  # It waits to start the process again.
            _, late = await asyncio.wait(keepers, timeout=_GRACE)
            if late:
                self._report(f"{len(late)} processes did not stop within {_GRACE:.0f} s and are killed.")
                self.kill()
                await asyncio.wait(late)


@asynccontextmanager
async def stop_signals(second: Callable[[], None]) -> AsyncIterator[asyncio.Event]:
    """Return an event that is set by SIGINT and SIGTERM within the block; each further signal calls `second`."""
    asked = asyncio.Event()

    def told() -> None:
        if asked.is_set():
            second()
        asked.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)
    try:
        yield asked
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def python(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module with this Python."""
    return [sys.executable, "-m", module, *arguments]


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
