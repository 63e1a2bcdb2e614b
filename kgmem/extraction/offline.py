"""The offline rules, run where they disturb nobody: in processes of their own, begun when the first text comes."""

import asyncio
import importlib
import pickle
import struct
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import Any, Final

from kgmem.domain.errors import ExtractorUnavailable
from kgmem.domain.text.extraction import Extraction, TextToRead
from kgmem.extraction.registry import RULES

LENGTH: Final = struct.Struct(">Q")  # Before each message between the processes.
_TRIES: Final = 2
Work = TextToRead | tuple[TextToRead, Extraction]  # A text to read, or one to check what a model found in it.


class OfflineExtractor:
    """Finds what rules find: the same every time, without a model of language and without a network."""

    def __init__(self, processes: int = 0) -> None:
        """Take how many processes read texts; 0: this one, on a thread. Nothing is loaded yet."""
        self._children = [_Child() for _ in range(processes)]

    @property
    def name(self) -> str:
        """The value of `extractor`."""
        return RULES

    async def extract(self, texts: Sequence[TextToRead]) -> list[Extraction]:
        """Return what was found in each text, in their order. Raises ExtractorUnavailable."""
        return await self._shared(list(texts))

    async def check(self, texts: Sequence[TextToRead], found: Sequence[Extraction]) -> list[Extraction]:
        """Return what a model found in each text, with what the text denies or leaves open marked so.

        Raises ExtractorUnavailable.
        """
        return await self._shared(list(zip(texts, found, strict=True)))

    async def _shared(self, work: Sequence[Work]) -> list[Extraction]:
        """Do work, shared out among the processes; return each one's result, in their order."""
        if not work:
            return []
        if not self._children:
            return await asyncio.to_thread(_done, list(work))
        size = -(-len(work) // len(self._children))
        parts = [list(work[at : at + size]) for at in range(0, len(work), size)]
        children = sorted(self._children, key=lambda child: child.busy)
        answers = await asyncio.gather(*(child.ask(part) for child, part in zip(children, parts, strict=False)))
        return [each for answer in answers for each in answer]

    async def aclose(self) -> None:
        """End the processes."""
        await asyncio.gather(*(child.aclose() for child in self._children))


class _Child:
    """One process that reads texts, started by the first request."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self.busy = 0

    async def ask(self, work: list[Work]) -> list[Extraction]:
        """Return what was found in each text. Raises ExtractorUnavailable."""
        self.busy += 1
        try:
            async with self._turn:
                return await self._answer(work)
        finally:
            self.busy -= 1

    async def _answer(self, work: list[Work]) -> list[Extraction]:
        for _ in range(_TRIES):
            process = self._process = self._process or await _begin()
            try:
                told = await _exchange(process, pickle.dumps(work))
            except (OSError, asyncio.IncompleteReadError):
                # It died, or was killed for the memory that it took; a new one tries once more.
                await self._end()
                continue
            except BaseException:
                # An answer that nobody waited for would be taken for the next one.
                await self._end()
                raise
            if isinstance(told, Exception):
                raise told
            found: list[Extraction] = told
            return found
        raise ExtractorUnavailable(
            "The process that reads texts ended unexpectedly.",
            hint="Look whether the machine is short of memory; KGMEM_EXTRACTOR_PROCESSES=0 reads in this process.",
        )

    async def aclose(self) -> None:
        """End the process."""
        await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _begin() -> Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "kgmem.extraction.child", stdin=PIPE, stdout=PIPE)


async def _exchange(process: Process, message: bytes) -> Any:
    if process.stdin is None or process.stdout is None:
        raise BrokenPipeError
    process.stdin.write(LENGTH.pack(len(message)) + message)
    await process.stdin.drain()
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    # Both ends are this program; nobody else writes into the pipe.
    return pickle.loads(await process.stdout.readexactly(length))  # noqa: S301


def _done(work: list[Work]) -> list[Extraction]:
    found: list[Extraction] = importlib.import_module("kgmem.extraction.rules").done(work)
    return found
