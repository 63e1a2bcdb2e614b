"""Exports of several files: into a folder, or packed into one zip file; they appear when all of them are complete."""

import io
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from kgmem.domain.errors import InvalidInput
from kgmem.formats.io.files import create_file, names_folder
from kgmem.formats.records import OpenPart

# The oldest date a zip file can hold, so that the same files make the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)
_PACKED = frozenset({".parquet", ".gz", ".xz", ".zst"})  # Packing these again gains nothing.


@contextmanager
def create_parts(target: Path | str | BinaryIO, *, alone: bool = False) -> Iterator[OpenPart]:
    """Return what opens the files of an export, one after the other, by their names; the caller closes each.

    A target that is a folder, or ends with a slash, gets the files; any other file or stream a zip file of them, or
    the only one itself where it is `alone`. Raises InvalidInput when the target cannot be written.
    """
    if isinstance(target, Path | str) and names_folder(target):
        with _folder(Path(target)) as folder:
            yield lambda name: cast(BinaryIO, (folder / name).open("xb"))
        return
    with create_file(target) as stream:
        if alone:
            yield lambda _: cast(BinaryIO, _Told(_Open(stream)))
            return
        archive = zipfile.ZipFile(stream, "w")
        try:
            yield lambda name: _member(archive, name)
            archive.close()
        finally:
            archive.fp = None  # So that one that was broken off is not completed when it is thrown away.


@contextmanager
def _folder(target: Path) -> Iterator[Path]:
    """Return a folder to write into, whose files move to the target at the end."""
    beside = target.parent / f".{target.name}.{os.getpid()}.part"
    try:
        beside.mkdir(parents=True)
    except OSError as error:
        raise InvalidInput(
            f"{target} cannot be written: {error.strerror}.", hint="Name a folder you may write."
        ) from error
    try:
        yield beside
        if target.is_dir():
            for file in sorted(beside.iterdir()):
                file.replace(target / file.name)
        else:
            beside.replace(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _member(archive: zipfile.ZipFile, name: str) -> BinaryIO:
    info = zipfile.ZipInfo(name, _DATE)
    info.external_attr = 0o644 << 16
    info.compress_type = zipfile.ZIP_STORED if Path(name).suffix in _PACKED else zipfile.ZIP_DEFLATED
    return cast(BinaryIO, _Told(archive.open(info, "w", force_zip64=True)))


class _Open:
    """A stream that stays open when it is closed, as who opened it closes it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.write = stream.write

    def close(self) -> None:
        """Leave it open."""


class _Told(io.RawIOBase):
    """A stream that knows how far it was written, which writers of Parquet ask."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written += len(data)
        return int(self._stream.write(data))

    def tell(self) -> int:
        return self._written

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()
