"""Reading the files of an import: one after the other, ahead of what is being stored, and how far it is."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from kgmem.domain.batch import Columns
from kgmem.formats.files import STANDARD, OpenFile, Paths, open_file, sizes
from kgmem.formats.records import Located, Origin, ReadOptions, Rejected
from kgmem.formats.registry import reader_of
from kgmem.formats.stretches import pieces, weight_of
from kgmem.services.importing import ImportOptions

_END = 64 * 1024  # Bytes at the beginning and at the end of a file by which it is known again.
Found = tuple[str, Columns | Located | Rejected]  # With the name of its file.


class Reading:
    """The files being read, and how far."""

    def __init__(self, files: Paths, options: ImportOptions, *, columns: bool) -> None:
        """Take the files, and whether columns may be given of what is plain; nothing is opened yet."""
        self._columns = columns
        self._total = sizes(files)
        self._files = files
        self._options = options
        self._before = 0
        self._open: OpenFile | Origin | None = None
        self.records = self._read()

    @property
    def total(self) -> int | None:
        """How many bytes the files have, or records another system that is read alone; None where that is not known."""
        if len(self._files) == 1 and isinstance(self._open, Origin):
            return self._open.progress()[1]
        return self._total

    def position(self) -> int:
        """Give how many bytes of the files were read, or records of another system."""
        if isinstance(self._open, Origin):
            return self._open.progress()[0]
        return self._before + (self._open.position() if self._open else 0)

    def close(self) -> None:
        """Close the file that is open."""
        self.records.close()

    def _read(self) -> Generator[Found, None, None]:
        """Give what the files hold, one after the other, each with its file's name."""
        told = self._options
        for number, file in enumerate(self._files, start=1):
            if isinstance(file, Origin):
                self._open = file
                with closing(file.read(self._options_of(file.name))) as records:
                    for record in records:
                        yield file.name, record
                continue
            with open_file(file) as self._open:
                named = told.format or (None if isinstance(file, Path | str) else "jsonl")
                read = reader_of(file if isinstance(file, Path | str) else "", named, columns=self._columns)
                label = self._label(number, file, self._open.name)
                for found in read(self._open.stream, self._options_of(self._open.name)):
                    yield label, found
                self._before += self._open.size or 0
            self._open = None

    def _label(self, number: int, file: Path | str | BinaryIO, name: str) -> str:
        """Give a file's name for people; of several files of one name, what tells it apart."""
        if not isinstance(file, Path | str):
            return name if number == 1 else f"{name} {number}"
        others = [other for other in self._files if isinstance(other, Path | str) and other is not file]
        return str(file) if any(Path(other).name == Path(file).name for other in others) else name

    def _options_of(self, name: str) -> ReadOptions:
        told = self._options
        return ReadOptions(told.kind, name, told.mapping, told.format_options)


def identity(files: Paths) -> Sequence[Mapping[str, Any]]:
    """Give what tells the files of an import from others: names, sizes, and what they begin and end with."""
    told: list[Mapping[str, Any]] = []
    for file in files:
        if isinstance(file, Origin):
            told.append(file.identity())
        elif not isinstance(file, Path | str):
            told.append({"name": "stream", "size": None})
        elif str(file) == STANDARD or not Path(file).is_file():
            told.append({"name": str(file), "size": None})
        else:
            size = Path(file).stat().st_size
            told.append({"name": Path(file).name, "size": size, "digest": _digest(Path(file), size)})
    return told


def _digest(path: Path, size: int) -> str:
    """Give a hash of a file's size and ends; all of it would take longer to read than some imports take."""
    with path.open("rb") as file:
        digest = blake2b(f"{size} ".encode() + file.read(_END), digest_size=12)
        if size > _END:
            file.seek(max(_END, size - _END))
            digest.update(file.read(_END))
    return digest.hexdigest()


async def ahead(items: Iterable[Found], size: int) -> AsyncGenerator[list[Found], None]:
    """Give chunks of about `size` records, each made in a thread while the one before is being worked on."""
    iterator = pieces(items, size)
    task = asyncio.create_task(asyncio.to_thread(_chunk, iterator, size))
    try:
        while chunk := await task:
            task = asyncio.create_task(asyncio.to_thread(_chunk, iterator, size))
            yield chunk
    finally:
        # A thread cannot be stopped; the file that it reads may be closed only when it is done.
        await asyncio.gather(task, return_exceptions=True)


def count_of(chunk: Iterable[Found]) -> int:
    """Give how many records a chunk holds."""
    return sum(len(found) if isinstance(found, Columns) else 1 for _, found in chunk)


def _chunk(pieces_: Iterator[list[Found]], size: int) -> list[Found]:
    taken: list[Found] = []
    weight = 0.0
    for piece in pieces_:
        taken += piece
        weight += sum(weight_of(found) for _, found in piece)
        if weight >= size:
            break
    return taken
