"""Zip files: what kgmem's exports of several files are packed into, and any other files that kgmem reads."""

import errno
import io
import lzma
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO, cast

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.domain.graph.batch import Columns
from kgmem.formats.io.compression import MOST_SWELLING
from kgmem.formats.io.files import open_file
from kgmem.formats.records import Format, Located, ReadOptions, Rejected, rejected
from kgmem.formats.registry import format_of

_FREE = 64 * 1024 * 1024  # Bytes that any file may swell to.
_CHUNK = 1024 * 1024
_BROKEN = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, zlib.error, lzma.LZMAError)


def read(stream: BinaryIO, options: ReadOptions) -> Iterator[Located | Rejected]:
    """Return the records of the files in a zip file, one after the other, each read by the format that its name tells.

    Lines are those of the files inside, which a reason names. A file of no format that kgmem reads is rejected. Raises
    InvalidInput for a damaged file and TooLarge for one that swells beyond reason.
    """
    for found in _read(stream, options, columns=False):
        if not isinstance(found, Columns):
            yield found


def read_columns(stream: BinaryIO, options: ReadOptions) -> Iterator[Columns | Located | Rejected]:
    """Return the same records, plain ones in columns where their format can."""
    return _read(stream, options, columns=True)


def _read(stream: BinaryIO, options: ReadOptions, *, columns: bool) -> Iterator[Columns | Located | Rejected]:
    with _opened(stream) as archive:
        for member in archive.infolist():
            if _leads_out(member.filename):
                reason = "Its name leads out of the zip file, so it was not read. Pack it again under a plain name."
                yield rejected(1, f"{member.filename}: {reason}", member.filename)
        members = [(member, _format_of(member.filename)) for member in _members(archive)]
        _check_options([format_ for _, format_ in members if format_], options)
        for member, format_ in members:
            name = member.filename
            reader = (format_.columns if columns and format_.columns else format_.read) if format_ else None
            if reader is None or format_ is None:
                yield rejected(1, f"{name}: kgmem reads no such file.", name)
                continue
            told = {key: value for key, value in options.options.items() if key in format_.options}
            with _plain(archive, member) as plain:
                for found in reader(plain, replace(options, name=name, options=told)):
                    yield replace(found, reason=f"{name}: {found.reason}") if isinstance(found, Rejected) else found


@contextmanager
def _opened(stream: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """Return the zip file of a stream, by way of a temporary file where the stream cannot be read anywhere."""
    with tempfile.TemporaryFile() as spooled:
        source = stream
        if not stream.seekable():
            shutil.copyfileobj(stream, spooled, _CHUNK)
            source = cast(BinaryIO, spooled)
        try:
            archive = zipfile.ZipFile(source)
        except _BROKEN as error:
            raise InvalidInput(f"The file is no zip file: {error}.", hint="Make or fetch it again.") from error
        size, held = source.seek(0, os.SEEK_END), sum(member.file_size for member in archive.infolist())
        if held > max(_FREE, size * MOST_SWELLING):
            raise TooLarge(
                f"The zip file has {size} bytes and would swell to {held}.",
                hint="If you trust it, unpack it yourself and import the files.",
            )
        with archive:
            yield archive


def _leads_out(name: str) -> bool:
    return ".." in re.split(r"[/\\]", name)


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the files, without those that some systems put beside them."""
    return [
        member
        for member in archive.infolist()
        if not member.is_dir() and not any(part.startswith((".", "__MACOSX")) for part in member.filename.split("/"))
    ]


def _format_of(name: str) -> Format | None:
    try:
        found = format_of(name)
    except InvalidInput:
        return None
    # A zip file in a zip file may hold itself.
    return None if found.name == FORMAT.name else found


def _check_options(formats: Sequence[Format], options: ReadOptions) -> None:
    known = {name for format_ in formats for name in format_.options}
    unknown = [name for name in options.options if name not in known | options.elsewhere]
    if unknown:
        raise InvalidInput(
            f"No file in the zip file has an option {unknown[0]!r}.", hint=f"There are {', '.join(sorted(known))}."
        )


@contextmanager
def _plain(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[BinaryIO]:
    """Return the plain bytes of one file, decompressed also where it was compressed before it was packed."""
    name = member.filename
    try:
        with archive.open(member) as packed, open_file(cast(BinaryIO, _Forward(packed))) as opened:
            yield opened.stream
    except _BROKEN as error:
        # What seeks to nowhere is damaged; any other number is an error of this machine, such as a full disk.
        if isinstance(error, OSError) and error.errno not in {None, errno.EINVAL}:
            raise
        raise InvalidInput(f"{name} cannot be unpacked: {error}.", hint="Make or fetch the file again.") from error
    except InvalidInput as error:
        raise type(error)(f"{name}: {error.message}", hint=error.hint, **error.facts) from error


class _Forward(io.RawIOBase):
    """A file in a zip file, read from its beginning to its end: going back in it would read it all again."""

    def __init__(self, packed: Any) -> None:
        self._packed = packed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._packed.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


FORMAT = Format("zip", (".zip",), read, columns=read_columns)
