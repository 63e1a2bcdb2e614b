"""Files of the data folder that have texts of a person: uploads that wait for their import, and logs."""

import asyncio
import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from kgmem.domain.erasure.sought import Redactor
from kgmem.store.agents.traces import unpacked_bytes

_CHUNK: Final = 4 * 1024 * 1024
_OVERLAP: Final = 4096  # Bytes of the chunk before, so that a text across both is found.
_UPLOADS: Final = "uploads"
# The database is searched by its tables; models and keys are no texts of callers.
_NOT_SEARCHED: Final = frozenset({"postgres", "models", "run"})
_LARGEST_PACKED: Final = 64 * 1024 * 1024


class HomeFiles:
    """The files of a data folder."""

    def __init__(self, home: Path | None = None) -> None:
        """Take the folder; without one there are no files."""
        self._home = home

    async def having(self, redactor: Redactor) -> Sequence[str]:
        """Return the files that have one of the texts, plain or compressed, by their paths in the folder."""
        return await asyncio.to_thread(lambda: [str(path) for path in self._having(redactor)])

    async def blank(self, redactor: Redactor, files: Sequence[str]) -> Sequence[str]:
        """Remove uploads, and write over the texts in logs; returns the files that still have one."""
        return await asyncio.to_thread(self._blank, redactor, files)

    def _having(self, redactor: Redactor) -> Iterator[Path]:
        if self._home is None or not self._home.is_dir():
            return
        for path in sorted(self._home.rglob("*")):
            inside = path.relative_to(self._home)
            if inside.parts[0] in _NOT_SEARCHED or not path.is_file() or path.is_symlink():
                continue
            try:
                if redactor.finds(path.name) or _has(path, redactor):
                    yield inside
            except FileNotFoundError:  # Removed meanwhile.
                continue

    def _blank(self, redactor: Redactor, files: Sequence[str]) -> Sequence[str]:
        assert self._home is not None or not files  # noqa: S101 - files are in a folder
        for name in files:
            path = (self._home or Path()) / name
            if Path(name).parts[0] == _UPLOADS:
                path.unlink(missing_ok=True)
            elif path.suffix == ".log":
                _write_over(path, redactor)
        return [name for name in files if ((self._home or Path()) / name).exists() and self._still(name, redactor)]

    def _still(self, name: str, redactor: Redactor) -> bool:
        return _has((self._home or Path()) / name, redactor)


def _has(path: Path, redactor: Redactor) -> bool:
    with path.open("rb") as file:
        if any(redactor.finds(text) for text in _texts(file)):
            return True
        if path.stat().st_size > _LARGEST_PACKED:
            return False
        file.seek(0)
        content = file.read()
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(_zipped(archive, each, redactor) for each in archive.infolist())
    plain = unpacked_bytes(content) if content[:2] in {b"\x1f\x8b", b"\x28\xb5"} else None
    return plain is not None and redactor.finds(plain.decode(errors="replace"))


def _zipped(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, redactor: Redactor) -> bool:
    if entry.file_size > _LARGEST_PACKED:
        return False
    return redactor.finds(entry.filename) or redactor.finds(archive.read(entry).decode(errors="replace"))


def _texts(file: BinaryIO) -> Iterator[str]:
    before = b""
    while chunk := file.read(_CHUNK):
        yield (before + chunk).decode(errors="replace")
        before = chunk[-_OVERLAP:]


def _write_over(path: Path, redactor: Redactor) -> None:
    """Replace the lines of a log that have a text by as many marks: who writes to it goes on behind them."""
    with path.open("r+b") as file:
        while True:
            begin = file.tell()
            line = file.readline()
            if not line:
                return
            if redactor.finds(line.decode(errors="replace")):
                file.seek(begin)
                file.write(b"#" * (len(line) - 1) + line[-1:])
