"""Records set aside until those that they name are stored: in memory while they are few, else in a temporary file."""

import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import orjson

from kgmem.formats.records import Kind, Record
from kgmem.formats.wire import from_wire, to_wire

_KEPT_IN_MEMORY = 16 * 1024 * 1024


class Spool:
    """Records of one kind in the order in which they came, each with its file and line."""

    def __init__(self, kind: Kind) -> None:
        """Take the kind of its records."""
        self.kind: Kind = kind
        self.count = 0
        self._file = tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY, prefix="kgmem-")  # noqa: SIM115

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the temporary file."""
        self._file.close()

    def add(self, file: str, line: int, record: Record) -> None:
        """Set a record aside."""
        self._file.write(orjson.dumps([file, line, to_wire(record)], default=list, option=orjson.OPT_APPEND_NEWLINE))
        self.count += 1

    def read(self) -> Iterator[tuple[str, int, Record]]:
        """Give all records with their file and line."""
        self._file.seek(0)
        for raw in self._file:
            shape: Any
            file, line, shape = orjson.loads(raw)
            yield file, line, from_wire(self.kind, shape)
