"""The log of the embedded Postgres: a bounded file, its last lines, and what it says about a start in progress."""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

LIMIT = 16 * 1024 * 1024

# The lines that tell how far a start has come, as `%m [%p] LOG:  text` writes them.
_PROGRESS = re.compile(
    rb"LOG:\s+((?:database system was (?:interrupted|not properly)|redo |syncing data|resetting unlogged|"
    rb"still waiting|entering standby|consistent recovery)[^\n]*)"
)


def bound(path: Path, limit: int = LIMIT) -> None:
    """Move a log that has outgrown its limit to `<name>.1` (replacing that) and go on with an empty one.

    Postgres keeps the file open in append mode, so the file is copied and cut rather than renamed.
    """
    if size_of(path) > limit:
        shutil.copyfile(path, path.with_name(path.name + ".1"))
        os.truncate(path, 0)


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of the log, oldest first; empty when there is none."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        # 400 bytes a line is far more than Postgres writes on average.
        file.seek(max(0, path.stat().st_size - 400 * count - 4096))
        lines = file.read().decode(errors="replace").splitlines()
    return lines[-count:] if count else []


def size_of(path: Path) -> int:
    """The size of the log in bytes; 0 when there is none."""
    return path.stat().st_size if path.exists() else 0


def follow(path: Path, offset: int) -> Iterator[str]:
    """The lines that come to a log after the first `offset` bytes, without end."""
    while True:
        # A log that was cut goes on from its beginning.
        offset = offset if offset <= size_of(path) else 0
        whole, offset = _whole_lines(path, offset)
        yield from whole.decode(errors="replace").splitlines()
        time.sleep(0.2)


def _whole_lines(path: Path, offset: int) -> tuple[bytes, int]:
    """The bytes up to the last end of a line, and where they end."""
    if not path.exists():
        return b"", 0
    with path.open("rb") as file:
        file.seek(offset)
        news = file.read()
    whole = news[: news.rfind(b"\n") + 1]
    return whole, offset + len(whole)


class RecoveryProgress:
    """Follows a log from where it ended when this was made, and reports what it says about recovery."""

    def __init__(self, path: Path, report: Callable[[str], None]) -> None:
        """Remember the end of the log."""
        self._path = path
        self._report = report
        self._offset = self._start = size_of(path)

    def look(self) -> None:
        """Report the lines that came since the last look."""
        whole, self._offset = _whole_lines(self._path, self._offset)
        for match in _PROGRESS.finditer(whole):
            self._report("Postgres: " + match.group(1).decode(errors="replace"))

    def tail(self, count: int = 15) -> str:
        """The last lines that came since the beginning."""
        whole, _ = _whole_lines(self._path, self._start)
        return "\n".join(whole.decode(errors="replace").splitlines()[-count:])
