"""Writes one JSON document with a list of nodes and a list of edges, in constant memory."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast

import orjson

from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import Place
from kgmem.formats.property_graph.elements import Edge, Flattening, Vertex
from kgmem.formats.records import Record, WriteOptions, kind_of

_KEPT_IN_MEMORY: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class JSONGraph:
    """How a format says it: what stands before, between and after the two lists, and the shapes of their items."""

    head: bytes
    between: bytes
    tail: bytes
    node: Callable[[Vertex, Place | None], Mapping[str, Any]]
    edge: Callable[[Edge, int], Mapping[str, Any]]  # With the edge's number in the file, from 1.


class JSONGraphWriter:
    """Writes nodes as they come; edges wait in a temporary file, because episodes come after relationships."""

    def __init__(self, stream: BinaryIO, options: WriteOptions, form: JSONGraph) -> None:
        """Take the stream to write to, and how the format says it."""
        self._stream = stream
        self._kind = options.kind
        self._form = form
        self._flattening = Flattening()
        self.lost: Mapping[str, int] = self._flattening.lost
        self._written = {"nodes": 0, "edges": 0}
        self._edges = tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY)  # noqa: SIM115  # closed by close()
        stream.write(form.head)

    def write(self, records: Iterable[Record]) -> None:
        """Write some records."""
        for record in records:
            if self._kind not in {None, kind_of(record)}:
                continue
            if isinstance(record, Relationship):
                number = self._written["edges"] + 1
                shape = self._form.edge(self._flattening.edge(record), number)
                self._item("edges", cast(BinaryIO, self._edges), shape)
            else:
                shape = self._form.node(self._flattening.vertex(record), getattr(record, "place", None))
                self._item("nodes", self._stream, shape)

    def close(self) -> None:
        """Write the edges and the end; the stream stays open."""
        self._stream.write(self._form.between)
        self._edges.seek(0)
        shutil.copyfileobj(cast(BinaryIO, self._edges), self._stream)
        self._edges.close()
        self._stream.write(self._form.tail)

    def _item(self, group: str, stream: BinaryIO, shape: Mapping[str, Any]) -> None:
        stream.write((b",\n" if self._written[group] else b"\n") + orjson.dumps(shape))
        self._written[group] += 1
