"""Reading the files of an import: one after the other, ahead of what is being stored, and how far it is."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from difflib import get_close_matches
from hashlib import blake2b, file_digest
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.batch import Columns
from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.formats.io.chunks import pieces, weight_of
from kgmem.formats.io.files import STANDARD, OpenFile, Paths, open_file, sizes, unreadable
from kgmem.formats.records import Located, Origin, ReadOptions, Rejected
from kgmem.formats.registry import format_of, reader_of
from kgmem.formats.tables.header_files import with_header_files
from kgmem.services.imports.options import ImportOptions

Mark = tuple[Path, int, int]  # A file, its size, and when it was last written.
Found = tuple[str, Columns | Located | Rejected]  # With the name of its file.


class Reading:
    """The files being read, and the position in them."""

    def __init__(
        self, files: Paths, options: ImportOptions, *, columns: bool, space: EmbeddingSpace | None = None
    ) -> None:
        """Take the files, whether columns may be given of what is plain, and the graph's space; opens nothing yet."""
        self._space = space
        self._columns = columns
        self._total = sizes(files)
        self._files = files
        self._options = options
        self._known = dict(_options_of(file, options) for file in files)
        self._names = Counter(Path(file).name for file in files if isinstance(file, Path | str))
        self._columns_of: Mapping[Path | str, Sequence[str]] = {}  # Of files whose header is another file.
        self._stopped = Event()
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
        """Return how many bytes of the files were read, or records of another system."""
        if isinstance(self._open, Origin):
            return self._open.progress()[0]
        return self._before + (self._open.position() if self._open else 0)

    def stop(self) -> None:
        """Stop waiting for the next bytes of standard input or a pipe; may be called by others."""
        self._stopped.set()

    def close(self) -> None:
        """Close the open file."""
        self.records.close()

    def _read(self) -> Generator[Found, None, None]:
        """Return what the files hold, one after the other, each with its file's name."""
        told = self._options
        if not told.mapping and told.format in {None, "csv", "neo4j-csv"}:
            self._columns_of = with_header_files(self._files, told.format_options)
        for number, file in enumerate(self._files, start=1):
            if isinstance(file, Origin):
                self._open = file
                with closing(file.read(self._read_options(file, file.name))) as records:
                    for record in records:
                        yield file.name, record
                continue
            if isinstance(file, Path | str) and self._columns_of.get(file) == []:
                self._before += Path(file).stat().st_size
                continue
            with open_file(file, self._stopped) as self._open:
                read = reader_of(*_named(file, told), columns=self._columns)
                label = self._label(number, file, self._open.name)
                try:
                    for found in read(self._open.stream, self._read_options(file, self._open.name)):
                        yield label, found
                except InvalidInput as error:
                    if len(self._files) == 1 or label in error.message:
                        raise
                    raise type(error)(f"{label}: {error.message}", hint=error.hint, **error.facts) from error
                except OSError as error:
                    raise unreadable(label, error) from error
                self._before += self._open.size or 0
            self._open = None

    def _label(self, number: int, file: Path | str | BinaryIO, name: str) -> str:
        """Return a file's name for people; of several files of one name, what distinguishes it."""
        if not isinstance(file, Path | str):
            return name if number == 1 else f"{name} {number}"
        return str(file) if self._names[Path(file).name] > 1 else name

    def _read_options(self, file: Path | str | BinaryIO | Origin, name: str) -> ReadOptions:
        """Return how a file is to be read; of the options for formats, those that its own has."""
        told, format_options = self._options, self._options.format_options
        format_, known = _options_of(file, told)
        others = [more for other, more in self._known.items() if other != format_]
        if known is not None:
            format_options = {key: value for key, value in format_options.items() if key in known}
        elsewhere = frozenset().union(*(more for more in others if more))
        columns = self._columns_of.get(file) if isinstance(file, Path | str) else None
        mapping = {"table": [{"header": False, "columns": columns}]} if columns else told.mapping
        return ReadOptions(told.kind, name, mapping, format_options, elsewhere, self._space)


def check_files(files: Paths, options: ImportOptions) -> None:
    """Raise InvalidInput for files of unknown formats, and for options that none of their formats has."""
    formats: dict[str, Mapping[str, str] | None] = {}
    for file in files:
        if not isinstance(file, Origin):
            reader_of(*_named(file, options))
        name, formats[name] = _options_of(file, options)
    known = {name: more for name, more in formats.items() if more is not None}
    if len(known) < len(formats) or not formats:
        return  # Zip files say themselves what they do not know, when it is seen what is in them.
    names = sorted({option for more in known.values() for option in more})
    for option in options.format_options:
        if option not in names:
            near = get_close_matches(option, names, n=1)
            there_are = "; ".join(f"{name} has {', '.join(more)}" for name, more in known.items() if more)
            raise InvalidInput(
                f"There is no option {option[:80]!r} of {' or '.join(known)}.",
                hint=f"Did you mean {near[0]!r}?" if near else f"{there_are}." if there_are else "Leave it out.",
                option=option,
            )


def _options_of(file: Path | str | BinaryIO | Origin, options: ImportOptions) -> tuple[str, Mapping[str, str] | None]:
    """Return the name of what a file is, and the options it has; None of a zip file, which may hold anything."""
    if isinstance(file, Origin):
        return file.name, file.options
    format_ = format_of(*_named(file, options))
    return format_.name, None if format_.name == "zip" else format_.options


def _named(file: Path | str | BinaryIO, options: ImportOptions) -> tuple[Path | str, str | None]:
    """Return the path and the format (by name) of a file; the default format of a stream is JSON Lines."""
    if isinstance(file, Path | str):
        return file, options.format
    return "", options.format or "jsonl"


def identity(files: Paths) -> Sequence[Mapping[str, Any]]:
    """Return what tells the files of an import from others: names, sizes, and a hash of what they hold."""
    told: list[Mapping[str, Any]] = []
    for file in files:
        if isinstance(file, Origin):
            told.append(file.identity())
        elif not isinstance(file, Path | str):
            told.append({"name": "stream", "size": None})
        elif str(file) == STANDARD or not Path(file).is_file():
            told.append({"name": str(file), "size": None})
        else:
            told.append({"name": Path(file).name, "size": Path(file).stat().st_size, "digest": _digest(Path(file))})
    return told


def marks_of(files: Paths) -> Sequence[Mark]:
    """Return by what it shows that a file was changed while kgmem read it."""
    paths = [Path(file) for file in files if isinstance(file, Path | str) and str(file) != STANDARD]
    return [(path, *_mark(path)) for path in paths if path.is_file()]


def check_marks(marks: Sequence[Mark]) -> None:
    """Raise InvalidInput for a file that was changed since."""
    for path, *mark in marks:
        if not path.is_file() or _mark(path) != tuple(mark):
            raise InvalidInput(
                f"{path} was changed while kgmem read it.",
                hint="Import it again: records that are stored already count as unchanged.",
                file=str(path),
            )


def _mark(path: Path) -> tuple[int, int]:
    told = path.stat()
    return told.st_size, told.st_mtime_ns


def _digest(path: Path) -> str:
    """Return a hash of all that a file holds, which takes about a hundredth of the time that its import takes."""
    try:
        with path.open("rb") as file:
            return file_digest(file, lambda: blake2b(digest_size=12)).hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error


async def ahead(
    items: Iterable[Found], size: int, stop: Callable[[], None] | None = None
) -> AsyncGenerator[list[Found], None]:
    """Return chunks of about `size` records, each made in a thread while the one before is being worked on.

    At its end, `stop` is called, so that the thread need not wait for bytes that nobody wants any more.
    """
    iterator = pieces(items, size)
    task = asyncio.create_task(asyncio.to_thread(_chunk, iterator, size))
    try:
        # Shielded, since cancelling would end the wait for the thread and not the thread.
        while chunk := await asyncio.shield(task):
            task = asyncio.create_task(asyncio.to_thread(_chunk, iterator, size))
            yield chunk
    finally:
        # A thread cannot be stopped; the file that it reads may be closed only when it is done.
        if stop:
            stop()
        await asyncio.gather(task, return_exceptions=True)


def count_of(chunk: Iterable[Found]) -> int:
    """Return how many records a chunk holds."""
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
