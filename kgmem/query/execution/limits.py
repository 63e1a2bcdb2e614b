"""Limits of a statement (time, rows, memory), and the watch that stops a statement which exceeds them."""

import os
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from kgmem.domain.errors import TimedOut
from kgmem.query.errors import ValueProblem
from kgmem.query.execution.thread_bridge import Beside


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` for the whole statement; `rows` that any of its steps may hold; `depth` of queries in queries.

    `length` is that of the text, in characters; `memory` is by how many bytes the process may grow while expressions
    are computed.
    """

    seconds: float = 30.0
    rows: int = 1_000_000
    depth: int = 20
    memory: int = 1 << 30
    length: int = 1_000_000


_EVERY = 0.02  # Seconds between two looks at the memory.
_STATM = Path("/proc/self/statm")  # On Linux: what the process holds now, in pages.
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # Of ru_maxrss, in bytes.


class Watch:
    """Looks at the clock and the memory when it is called, as long computations do every so often."""

    __slots__ = ("_beside", "_deadline", "_limits", "_look", "_start")

    def __init__(self, limits: Limits, beside: Beside) -> None:
        """Begin with the statement. The memory is the whole process's: what others take meanwhile counts as well."""
        self._limits, self._beside = limits, beside
        self._deadline = time.monotonic() + limits.seconds
        self._look = 0.0
        self._start: int | None = None

    def __call__(self) -> None:
        """Go on, or raise TimedOut, or ValueProblem where too much memory is taken."""
        self._beside.give_way()
        now = time.monotonic()
        if now > self._deadline or self._beside.ended:
            raise out_of_time(self._limits.seconds)
        if now < self._look:
            return
        self._look = now + _EVERY
        held = _resident()
        if self._start is None:
            self._start = held
        elif held - self._start > self._limits.memory:
            problem = f"The query needs more than {self._limits.memory >> 20:,} MiB of memory."
            hint = "Shorten lists and texts, or add a LIMIT."
            raise ValueProblem(problem, type="ResourceExhausted", detail="TooMuchMemory", hint=hint)


def out_of_time(seconds: float) -> TimedOut:
    """Return the error for a statement that took longer."""
    problem = f"The query took longer than {seconds:g} seconds and was stopped."
    return TimedOut(problem, hint="Narrow the query, or raise its time limit.")


def _resident() -> int:
    """Return the resident memory of the process in bytes; its maximum where the system reports nothing else."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT
