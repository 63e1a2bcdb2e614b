"""Reading the files of an import: one after the other, ahead of what is being stored, and how far it is."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from kgmem.domain.batch import Columns
from kgmem.domain.source import Source
from kgmem.formats.files import STANDARD, OpenFile, Paths, open_file, sizes
from kgmem.formats.records import Located, Origin, ReadOptions, Rejected
from kgmem.formats.registry import reader_of
from kgmem.services.importing import ImportOptions

_IN_COLUMNS = 4  # So many plain records in columns take the room of one that is an object.
_LONG = 4000  # So many characters take it too.
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
        for file in self._files:
            if isinstance(file, Origin):
                self._open = file
                with closing(file.read(self._options_of(file.name))) as records:
                    for record in records:
                        yield file.name, record
                continue
            with open_file(file) as self._open:
                named = told.format or (None if isinstance(file, Path | str) else "jsonl")
                read = reader_of(file if isinstance(file, Path | str) else "", named, columns=self._columns)
                for found in read(self._open.stream, self._options_of(self._open.name)):
                    yield self._open.name, found
                self._before += self._open.size or 0
            self._open = None

    def _options_of(self, name: str) -> ReadOptions:
        told = self._options
        return ReadOptions(told.kind, name, told.mapping, told.format_options)


def identity(files: Paths) -> Sequence[Mapping[str, Any]]:
    """Give what tells the files of an import from others: their names and sizes."""
    told: list[Mapping[str, Any]] = []
    for file in files:
        if isinstance(file, Origin):
            told.append(file.identity())
        elif not isinstance(file, Path | str):
            told.append({"name": "stream", "size": None})
        elif str(file) == STANDARD or not Path(file).is_file():
            told.append({"name": str(file), "size": None})
        else:
            told.append({"name": Path(file).name, "size": Path(file).stat().st_size})
    return told


async def ahead(items: Iterable[Found], size: int) -> AsyncGenerator[list[Found], None]:
    """Give chunks of about `size` records, each made in a thread while the one before is being worked on."""
    iterator = _pieces(items, size * _IN_COLUMNS)
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


def _pieces(items: Iterable[Found], most: int) -> Iterator[Found]:
    """Give the items, columns in pieces of at most so many records."""
    for file, found in items:
        if isinstance(found, Columns) and len(found) > most:
            for first in range(0, len(found), most):
                yield file, found.piece(first, most)
        else:
            yield file, found


def _chunk(items: Iterator[Found], size: int) -> list[Found]:
    taken: list[Found] = []
    weight = 0.0
    for item in items:
        taken.append(item)
        weight += _weight(item[1])
        if weight >= size:
            break
    return taken


def _weight(found: Columns | Located | Rejected) -> float:
    """Give as how many records something counts, so that a batch of long texts takes no more memory than others."""
    if isinstance(found, Columns):
        return len(found) / _IN_COLUMNS
    if isinstance(found, Rejected) or isinstance(found.record, Source):
        return 1.0
    record = found.record
    characters = len(record.text or "") + sum(len(v) for v in record.properties.values() if isinstance(v, str))
    return 1.0 + characters / _LONG
