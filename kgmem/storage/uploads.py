"""Uploads: files that clients sent, in folders below the data folder, until a worker of this machine imports them."""

import os
import re
import secrets
import shutil
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from kgmem.domain.errors import InvalidInput, Unavailable

_NAME = re.compile(r"[0-9a-f]{24}")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:]")
_LONGEST = 150  # Characters of a file's name, which in UTF-8 still fit into a folder.
_FORGOTTEN = 3600.0  # Seconds after which an upload that nobody writes to and nobody needs is removed.
_PLACE = "place"


class Uploads:
    """The folder of uploads of one data folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made when it is needed."""
        self._folder = folder

    @property
    def place(self) -> str:
        """What names this folder among those of other machines: a name that it got when it was made."""
        path = self._folder / _PLACE
        if not path.exists():
            self._make()
            beside = self._folder / f".{secrets.token_hex(6)}"
            beside.write_text(f"uploads-{secrets.token_hex(6)}")
            try:
                os.link(beside, path)  # The first one counts, should two processes do this at once.
            except FileExistsError:
                pass
            finally:
                beside.unlink()
        return path.read_text()

    def create(self) -> str:
        """Make room for an upload; gives its name."""
        name = secrets.token_hex(12)
        self._make()
        (self._folder / name).mkdir(mode=0o700)
        return name

    def file(self, upload: str, number: int, name: str) -> Path:
        """Give the path of a file that is to be written; each lies in a folder of its own, under its own name."""
        bare = _UNSAFE.sub("_", name)[-_LONGEST:]
        folder = self._path(upload) / f"{number:06}"
        folder.mkdir(mode=0o700)
        return folder / (bare if bare.strip(". ") else "upload")

    def files(self, upload: str) -> Sequence[Path]:
        """Give the files of an upload, in their order. Raises InvalidInput when they are gone."""
        found = [file for folder in sorted(self._path(upload).glob("[0-9]*")) for file in folder.iterdir()]
        if not found:
            raise InvalidInput("The uploaded files are gone.", mend="Send them again.")
        return found

    def holds(self, upload: str) -> bool:
        """Say whether the upload is here."""
        return self._path(upload).is_dir()

    def remove(self, upload: str) -> None:
        """Remove an upload."""
        shutil.rmtree(self._path(upload), ignore_errors=True)

    def sweep(self, needed: Collection[str]) -> int:
        """Remove uploads that nobody needs and to which nobody wrote for an hour; gives how many."""
        if not self._folder.is_dir():
            return 0
        found = [path for path in self._folder.iterdir() if _NAME.fullmatch(path.name) and path.name not in needed]
        gone = [path for path in found if time.time() - _written(path) > _FORGOTTEN]
        for path in gone:
            shutil.rmtree(path, ignore_errors=True)
        return len(gone)

    def _path(self, upload: str) -> Path:
        if not _NAME.fullmatch(upload):
            raise InvalidInput(f"{upload[:40]!r} is no upload.", mend="Send the files again.")
        return self._folder / upload

    def _make(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"The folder for uploads cannot be made: {error.strerror}.") from error


def _written(path: Path) -> float:
    """Give when something below a folder was last written."""
    times = [path.stat().st_mtime]
    for below in path.rglob("*"):
        try:
            times.append(below.stat().st_mtime)
        except FileNotFoundError:  # Removed meanwhile.
            continue
    return max(times)
