"""Links wait in a temporary file until all entities were given, so that a relationship's ends are there before it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from kgmem.domain.graph.batch import Columns
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.records import Located
from kgmem.formats.tables.columns import plain_columns

_BATCH: Final = 50_000
_SCHEMA: Final = pa.schema(
    {"line": pa.int64(), "kind": pa.string(), "from": pa.string(), "to": pa.string(), "key": pa.string()}
    | {"source": pa.string()}
)


class Links:
    """Relationships that are nothing but links, column by column."""

    def __init__(self, folder: Path) -> None:
        """Take where they may wait."""
        self.lines: list[int] = []
        self.kinds: list[str] = []
        self.starts: list[str] = []
        self.ends: list[str] = []
        self._named: dict[int, tuple[str | None, str]] = {}  # Of those in a named graph: their keys and sources.
        self._path = folder / "links"
        self._file: Any = None

    def add(self, line: int, kind: str, ends: tuple[str, str], key: str | None, source: str | None) -> None:
        """Add a link that may stand in a named graph."""
        if source is not None:
            self._named[len(self.lines)] = (key, source)
        self.lines.append(line)
        self.kinds.append(kind)
        self.starts.append(ends[0])
        self.ends.append(ends[1])

    def settle(self) -> None:
        """Put links into the file when there are many."""
        if len(self.lines) >= _BATCH:
            if self._file is None:
                self._file = pa.ipc.new_stream(str(self._path), _SCHEMA)
            self._file.write_batch(self._taken())

    def given(self, *, in_columns: bool) -> Iterator[Columns | Located]:
        """Return all links."""
        if self._file is not None:
            self._file.close()
            with pa.OSFile(str(self._path)) as file:
                for batch in pa.ipc.open_stream(file):
                    yield from _records(batch, in_columns=in_columns)
        yield from _records(self._taken(), in_columns=in_columns)

    def _taken(self) -> Any:
        keys: list[str | None] = [None] * len(self.lines)
        sources: list[str | None] = [None] * len(self.lines)
        for place, (key, source) in self._named.items():
            keys[place], sources[place] = key, source
        columns = (self.lines, self.kinds, self.starts, self.ends, keys, sources)
        batch = pa.record_batch([pa.array(c, f.type) for c, f in zip(columns, _SCHEMA, strict=True)], schema=_SCHEMA)
        self.lines, self.kinds, self.starts, self.ends, self._named = [], [], [], [], {}
        return batch


def _records(batch: Any, *, in_columns: bool) -> Iterator[Columns | Located]:
    """Return links as columns, or each by itself where that is not plain or not wanted."""
    if in_columns and len(batch):
        fields = {name: batch.column(name) for name in _SCHEMA.names[1:] if batch.column(name).null_count < len(batch)}
        columns, plain = plain_columns("relationship", batch.column("line"), fields, ())
        if len(columns):
            yield columns
        if len(columns) == len(batch):
            return
        batch = batch.filter(pa.compute.invert(plain))
    names = ("line", "kind", "from", "to", "key", "source")
    for line, kind, start, end, key, source in zip(*(batch.column(name).to_pylist() for name in names), strict=True):
        yield Located(line, Relationship(kind, start, end, key=key, source=source))
