"""Files as formats want them: opened, decompressed, counted; and written so that no half of one is ever seen."""

import io
import os
import select
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO, TypeAlias, cast

from kgmem.domain.errors import InvalidInput, KgmemError, NotFound
from kgmem.formats.io.compression import SUFFIXES, compressing, decompressed
from kgmem.formats.records import Origin

STANDARD = "-"  # Standard input or output.
_GLANCE = 0.1  # Seconds after which who waits for the next bytes looks whether they are still wanted.
Paths: TypeAlias = Sequence[Path | str | BinaryIO | Origin]  # What is to be read; a stream is read, and stays open.


@dataclass(slots=True)
class OpenFile:
    """An open file: its name for people, its plain bytes, and how far its own bytes have been read."""

    name: str
    stream: BinaryIO
    raw: BinaryIO
    size: int | None  # Of the file as it lies on the disk; None for a pipe.

    def position(self) -> int:
        """Return how many of the file's own bytes were read; 0 for a pipe."""
        if self.size is None:
            return 0
        try:
            return self.raw.tell()
        except (OSError, ValueError):  # The thread that read it has closed it meanwhile, at its end.
            return self.size


@contextmanager
def open_file(path: Path | str | BinaryIO, stopped: Event | None = None) -> Iterator[OpenFile]:
    """Open a file ("-": standard input), decompressed by what its first bytes show. Raises NotFound, InvalidInput.

    Reading what waits for others to write (standard input, a pipe) raises KgmemError once it was `stopped`.
    """
    if not isinstance(path, Path | str):
        yield _opened("stream", path, None)
        return
    if str(path) == STANDARD:
        yield _opened("standard input", _stoppable(sys.stdin.buffer, stopped), None)
        return
    with _open(Path(path)) as raw:
        if Path(path).is_file():
            yield _opened(Path(path).name, raw, Path(path).stat().st_size)
        else:
            yield _opened(Path(path).name, _stoppable(raw, stopped), None)


def bare_name(path: Path | str) -> str:
    """Return a file's name in small letters, without the suffix of its compression."""
    name = Path(path).name.lower()
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)


def sizes(files: Paths) -> int | None:
    """Return the bytes of all files together; None when one of them is a stream."""
    total = 0
    for file in files:
        if not isinstance(file, Path | str) or str(file) == STANDARD or not Path(file).is_file():
            return None
        total += Path(file).stat().st_size
    return total


def names_folder(path: Path | str | BinaryIO) -> bool:
    """Return whether a target is a folder: one that exists, or a name that ends with a slash."""
    return isinstance(path, Path | str) and (str(path).endswith(("/", os.sep)) or Path(path).is_dir())


@contextmanager
def create_file(path: Path | str | BinaryIO) -> Iterator[BinaryIO]:
    """Write a file ("-": standard output), compressed by its suffix; it appears when all of it is written."""
    if not isinstance(path, Path | str):
        yield path
        return
    if str(path) == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(path)
    if names_folder(path):
        raise InvalidInput(f"{path} is a folder.", hint="Name a file: this format is one file.")
    if target.exists() and not target.is_file():  # A device or a pipe, which nothing may take the place of.
        with _device(target) as device:
            yield device
        return
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        raw = cast(BinaryIO, beside.open("xb"))
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with raw:
            packed = compressing(raw, target.suffix.lower())
            yield packed or raw
            if packed:
                packed.close()
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def check_target(path: Path | str) -> None:
    """Raise InvalidInput for a file that could not be written."""
    target = Path(path)
    if str(path) == STANDARD or (target.exists() and not target.is_file() and not names_folder(path)):
        return
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error
    if names_folder(path):
        raise InvalidInput(f"{path} is a folder.", hint="Name a file.")


def _device(path: Path) -> BinaryIO:
    try:
        return path.open("wb")
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path | str | BinaryIO, error: OSError) -> InvalidInput:
    return InvalidInput(f"{path} cannot be written: {error.strerror}.", hint="Name a folder you may write.")


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {path}.", hint="Check the path.") from error
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path | str, error: OSError) -> InvalidInput:
    """Return what to raise for a file that cannot be read, or not to its end."""
    return InvalidInput(f"{path} cannot be read: {error.strerror or error}.", hint="Name a file that you may read.")


def _stoppable(stream: BinaryIO, stopped: Event | None) -> BinaryIO:
    """Return a stream that can be stopped while it waits for bytes, where it is one that may have to wait."""
    raw = getattr(stream, "raw", None)
    if stopped is None or not isinstance(raw, io.FileIO):
        return stream
    mode = os.fstat(raw.fileno()).st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return stream
    return cast(BinaryIO, io.BufferedReader(_Waiting(raw, stopped)))


class _Waiting(io.RawIOBase):
    """A stream that waits for its next bytes only until it is stopped."""

    def __init__(self, raw: io.FileIO, stopped: Event) -> None:
        self._raw = raw
        self._stopped = stopped

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        while not (self._stopped.is_set() or select.select([self._raw], [], [], _GLANCE)[0]):
            pass
        if self._stopped.is_set():
            raise KgmemError("The reading was stopped.", hint="Import it again.")
        return self._raw.readinto(buffer)


def _opened(name: str, raw: BinaryIO, size: int | None) -> OpenFile:
    buffered = raw if isinstance(raw, io.BufferedReader) else cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, raw)))
    return OpenFile(name, decompressed(buffered, _start(buffered), name), buffered, size)


def _start(stream: BinaryIO) -> bytes:
    """Return the first bytes of a stream without taking them."""
    try:
        return cast(io.BufferedReader, stream).peek(8)[:8]
    except OSError as error:
        raise InvalidInput(f"The input cannot be read: {error.strerror}.", hint="Name a file, not a folder.") from error
