"""Files of exports in memory."""

import io
from collections.abc import Iterable
from typing import BinaryIO, cast

from kgmem.formats.records import KINDS, Record, kind_of


class Parts:
    """Keeps the files of an export, each once it is closed."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def open(self, name: str) -> BinaryIO:
        """Open one of them."""
        return cast(BinaryIO, _Part(self, name))


class _Part(io.BytesIO):
    def __init__(self, parts: Parts, name: str) -> None:
        super().__init__()
        self._parts, self._name = parts, name

    def close(self) -> None:
        if not self.closed:
            self._parts.files[self._name] = self.getvalue()
        super().close()


def by_kind(records: Iterable[Record]) -> list[Record]:
    """Return records in the order in which an export gives them."""
    return sorted(records, key=lambda record: KINDS.index(kind_of(record)))
