"""Uploads: files that clients sent, in folders below the data folder, until a worker of this machine imports them."""

import asyncio
import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from kgmem.domain.errors import InvalidInput, KgmemError, OutOfSpace, TooLarge, Unavailable

_PLACE = re.compile(r"uploads-[0-9a-f]{12}")
_NAME = re.compile(rf"({_PLACE.pattern})\.[0-9a-f]{{24}}")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')
_LONGEST = 200  # Bytes of a file's name; folders take 255.
_FORGOTTEN = 3600.0  # Seconds after which an upload that nobody writes to and nobody needs is removed.
_CHUNK = 1024 * 1024  # Bytes that are written at a time.
_KEPT_FREE = 256 * 1024 * 1024  # Bytes of the disk that uploads leave free: the database may stand on it too.
_LOOK_EVERY = 32 * 1024 * 1024  # Bytes after which it is looked again how much is free.


class Uploads:
    """The folder of uploads of one data folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made when it is needed."""
        self._folder = folder

    @property
    def place(self) -> str:
        """What names this folder among those of other machines: a name that it got when it was made."""
        path = self._folder / "place"
        try:
            if not path.exists():
                self._name(path)
            place = path.read_text()
        except OSError as error:
            raise _away(error) from error
        if not _PLACE.fullmatch(place):
            raise Unavailable(f"{path} does not hold the name of a place.", hint="Remove that file.")
        return place

    @asynccontextmanager
    async def receive(self, most: int) -> AsyncIterator["IncomingUpload"]:
        """Take an upload of at most so many bytes; nothing of it stays when the block is left by an error."""
        folder = await asyncio.to_thread(self._create)
        incoming = IncomingUpload(folder, most)
        try:
            yield incoming
        except BaseException:
            incoming.abandon()
            # Not in a thread: whoever was cancelled may not wait any more.
            shutil.rmtree(folder, ignore_errors=True)
            raise
        incoming.abandon()

    def files(self, upload: str) -> Sequence[Path]:
        """Return the files of an upload, in their order. Raises InvalidInput when they are gone."""
        found = [file for folder in sorted(self._path(upload).glob("[0-9]*")) for file in folder.iterdir()]
        if not found:
            raise InvalidInput("The uploaded files are gone.", hint="Send them again.")
        return found

    def place_of(self, upload: str) -> str:
        """Return the place where an upload lies, which may be another machine's."""
        found = _NAME.fullmatch(upload)
        if not found:
            raise InvalidInput(f"{upload[:40]!r} is no upload.", hint="Send the files again.")
        return found[1]

    def holds(self, upload: str) -> bool:
        """Return whether the upload is on this machine."""
        return self._path(upload).is_dir()

    def size(self, upload: str) -> int:
        """Return the bytes of an upload's files; 0 where it is not here."""
        return sum(path.stat().st_size for path in self._path(upload).rglob("*") if path.is_file())

    def remove(self, upload: str) -> None:
        """Remove an upload."""
        shutil.rmtree(self._path(upload), ignore_errors=True)

    def sweep(self, needed: Collection[str]) -> int:
        """Remove uploads that nobody needs and to which nobody wrote for an hour; return how many."""
        if not self._folder.is_dir():
            return 0
        found = [path for path in self._folder.iterdir() if _NAME.fullmatch(path.name) and path.name not in needed]
        gone = [path for path in found if time.time() - _written(path) > _FORGOTTEN]
        for path in gone:
            shutil.rmtree(path, ignore_errors=True)
        return len(gone)

    def _create(self) -> Path:
        folder = self._folder / f"{self.place}.{secrets.token_hex(12)}"
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise _away(error) from error
        return folder

    def _path(self, upload: str) -> Path:
        self.place_of(upload)
        return self._folder / upload

    def _name(self, path: Path) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._folder / f".{secrets.token_hex(6)}"
        beside.write_text(f"uploads-{secrets.token_hex(6)}")
        try:
            os.link(beside, path)  # The first one counts, should two processes do this at once.
        except FileExistsError:
            pass
        finally:
            beside.unlink()


class IncomingUpload:
    """An upload that is being written, file by file."""

    def __init__(self, folder: Path, most: int) -> None:
        """Take the folder for it, and the most bytes that all files may have together."""
        self.name = folder.name
        self._folder = folder
        self._most = most
        self._names: set[str] = set()
        self._file: BinaryIO | None = None
        self._waiting: list[bytes] = []
        self._gathered = 0
        self._size = 0
        self._looked_at = -_LOOK_EVERY

    async def begin(self, name: str) -> None:
        """Begin the next file, under its name without folders and without what systems do not take in names."""
        await self._close()
        safe = _safe_name(name)
        while safe.casefold() in self._names:
            safe = f"{len(self._names) + 1}-{safe}"
        self._names.add(safe.casefold())
        self._file = await asyncio.to_thread(_open, self._folder / f"{len(self._names):06}", safe)

    async def write(self, data: bytes) -> None:
        """Write more of the file that was begun. Raises TooLarge, and OutOfSpace when the disk is nearly full."""
        self._size += len(data)
        if self._size > self._most:
            raise TooLarge(
                f"The upload is larger than {self._most} bytes.",
                hint="Send its files one by one, or import them with kgmem import; KGMEM_MAX_UPLOAD sets the limit.",
            )
        self._waiting.append(data)
        self._gathered += len(data)
        if self._gathered >= _CHUNK:
            await self._write()

    async def end(self) -> None:
        """Flush all that was written to disk."""
        await self._close()
        await asyncio.to_thread(_sync_folder, self._folder)

    def abandon(self) -> None:
        """Close what is open."""
        if self._file is not None:
            self._file.close()
            self._file = None

    async def _write(self) -> None:
        data, self._waiting, self._gathered = b"".join(self._waiting), [], 0
        assert self._file is not None  # noqa: S101 - a file is begun before it is written
        look = self._size - self._looked_at >= _LOOK_EVERY
        if look:
            self._looked_at = self._size
        await asyncio.to_thread(_write, self._file, data, look)

    async def _close(self) -> None:
        if self._file is not None:
            await self._write()
            await asyncio.to_thread(_close, self._file)
            self._file = None


def _safe_name(name: str) -> str:
    """Return the last part of a name as every system takes it; of a long one its end, which tells the format."""
    bare = _UNSAFE.sub("_", re.split(r"[/\\]", name.encode(errors="replace").decode())[-1]).rstrip(" .")
    bare = bare.encode()[-_LONGEST:].decode(errors="ignore")
    return bare if bare.strip(". ") else "upload"


def _open(folder: Path, name: str) -> BinaryIO:
    try:
        folder.mkdir(mode=0o700)
        return (folder / name).open("xb", buffering=0)
    except OSError as error:
        raise _away(error) from error


def _write(file: BinaryIO, data: bytes, look: bool) -> None:
    """Write all of it; with `look`, only if that leaves enough of the disk free."""
    try:
        if look and shutil.disk_usage(Path(file.name).parent).free < _KEPT_FREE + _LOOK_EVERY:
            raise _out_of_space()
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]
    except OSError as error:
        raise _away(error) from error


def _close(file: BinaryIO) -> None:
    try:
        os.fsync(file.fileno())
        file.close()
        _sync_folder(Path(file.name).parent)
    except OSError as error:
        raise _away(error) from error


def _sync_folder(folder: Path) -> None:
    """Flush the entries of a folder to disk, where the system can do so."""
    if os.name == "nt":
        return
    for path in (folder, folder.parent):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _away(error: OSError) -> KgmemError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return _out_of_space()
    return Unavailable(
        f"The folder for uploads cannot be written: {error.strerror}.", hint="Look at KGMEM_HOME and its rights."
    )


def _out_of_space() -> OutOfSpace:
    return OutOfSpace(
        "There is no room for uploads left on the server's disk.",
        hint="Whoever runs the server frees disk, or moves KGMEM_HOME to a larger one.",
        retry_after=60,
    )


def _written(path: Path) -> float:
    """Return when something below a folder was last written."""
    times = []
    for each in (path, *path.rglob("*")):
        try:
            times.append(each.stat().st_mtime)
        except FileNotFoundError:  # Removed meanwhile.
            continue
    return max(times, default=0.0)
