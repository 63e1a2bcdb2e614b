"""Who uses a data folder: three lock files, which the kernel frees when their holder dies.

owner   exclusive, of the kgmem that serves
users   shared, of every kgmem that uses the running Postgres; who gets it exclusively is the last user
change  exclusive, while Postgres is started or stopped
"""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from kgmem.domain.errors import ServerError
from kgmem.store.embedded.access import open_private

if sys.platform != "win32":
    import fcntl


class LockFile:
    """One lock file: taken alone or shared, and never by waiting in the kernel."""

    def __init__(self, path: Path) -> None:
        """Name the file; it is made when the lock is first tried."""
        self.path = path
        self._descriptor: int | None = None

    def take(self, *, shared: bool = False) -> bool:
        """Acquire the lock, shared or exclusive, or convert an acquired one; return False where others exclude it."""
        if self._descriptor is None:
            self._descriptor = self._open()
        try:
            fcntl.flock(self._descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            # A failed change of mode gives the old lock up, so what is held now is nothing.
            self.release()
            return False
        return True

    def _open(self) -> int:
        try:
            return open_private(self.path, os.O_RDWR)
        except PermissionError as exc:
            if not os.path.exists(self.path):  # noqa: PTH110 (Path.exists raises where a folder is closed)
                raise ServerError(
                    f"The data folder {self.path.parent} cannot be written to.",
                    hint="Give its user the right to write there, or set KGMEM_HOME to a folder that you may write to.",
                ) from exc
            raise ServerError(
                f"{self.path} belongs to another user of this machine.",
                hint="Run kgmem as that user, or set KGMEM_HOME to a folder of your own.",
                path=str(self.path),
            ) from exc

    async def wait(self, waiting: Callable[[], None]) -> None:
        """Take the lock alone as soon as it is free; `waiting` is called once when that takes a while."""
        tries = 0
        while not self.take():
            tries += 1
            if tries == 50:
                waiting()
            await asyncio.sleep(0.02)

    def note(self, text: str) -> None:
        """Write who holds the lock, for the messages of others."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, text.encode(), 0)

    def holder(self) -> int | None:
        """The process that holds the lock alone, by what it noted; None when nobody does."""
        if not self.held:
            probe = LockFile(self.path)
            free = not self.path.exists() or probe.take(shared=True)
            probe.release()
            if free:
                return None
        text = self.path.read_text().strip()
        return int(text) if text.isdigit() else None

    def release(self) -> None:
        """Release the lock; without effect where it is not acquired."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None


class Change:
    """`async with`: nobody else starts or stops this server meanwhile."""

    def __init__(self, path: Path, report: Callable[[str], None], *, server: str = "Postgres") -> None:
        """Name the lock file and where to say that another kgmem is waited for."""
        self._lock = LockFile(path)
        self._report = report
        self._server = server

    async def __aenter__(self) -> Self:
        """Wait for the lock."""
        await self._lock.wait(
            lambda: self._report(f"Waiting for another kgmem that starts or stops {self._server} ...")
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the lock `change`."""
        self._lock.release()
