"""Subjects that stand in several places of a file are gathered in temporary files, each small enough for memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final
from zlib import crc32

from kgmem.formats.rdf_quads import ROW, HashSet, Row

_PART: Final = 16 * 1024 * 1024  # Bytes of quads that are gathered at a time.
_MOST_PARTS: Final = 200  # Open files.


class Scattered:
    """Sets rows of scattered subjects aside, and gives them when all were read."""

    def __init__(self, subjects: HashSet, folder: Path, size: int) -> None:
        """Take the subjects' hashes, where to put rows, and the size of all quads."""
        self._subjects = subjects
        self._folder = folder
        self._parts = min(size // _PART + 1, _MOST_PARTS)
        self._files: dict[int, BinaryIO] = {}

    def take(self, subject: str, rows: Sequence[Row]) -> bool:
        """Set rows aside, if their subject is scattered."""
        if not len(self._subjects) or self._subjects.place(hash(subject)) < 0:
            return False
        part = crc32(subject.encode()) % self._parts
        file = self._files.get(part)
        if file is None:
            file = self._files[part] = (self._folder / f"part-{part}").open("w+b")
        file.write("".join(map(line_of, rows)).encode())
        return True

    def gathered(self) -> Iterator[tuple[str, list[Row]]]:
        """Give each subject that was set aside with all its rows."""
        for part in sorted(self._files):
            groups: dict[str, list[Row]] = {}
            with self._files[part] as file:
                file.seek(0)
                for row in ROW.findall(file.read().decode()):
                    groups.setdefault(row[0], []).append(row)
            yield from groups.items()


def line_of(row: Row) -> str:
    """Give the line of a row."""
    subject, predicate, object_, text, tail, term, graph = row
    end = object_ or term or f'"{text}"{tail}'
    return f"{subject} <{predicate}> {end} {graph} .\n" if graph else f"{subject} <{predicate}> {end} .\n"
