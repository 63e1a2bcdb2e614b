"""Writes GraphML that Neo4j (APOC), networkx, Gephi and yEd read, and that kgmem reads back unchanged."""

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, Final, cast

from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.io.xml_text import attribute, text
from kgmem.formats.property_graph.elements import Flattening
from kgmem.formats.property_graph.labels import KIND, LABELS, labels_text
from kgmem.formats.property_graph.xml_values import AS_JSON, LIST, NAMESPACE, ROLE, Columns
from kgmem.formats.records import Record, WriteOptions, kind_of

KEPT_IN_MEMORY: Final = 16 * 1024 * 1024
_CAPTION = "caption"
# The keys that other tools look for, which say what kgmem reads elsewhere: their ids, of whom, names.
_ROLES = ((_CAPTION, "node", "label"), (LABELS, "node", LABELS), (KIND, "edge", KIND))


class GraphMLWriter:
    """Writes a GraphML file. Its keys are known when all records are, so these wait in temporary files until then."""

    def __init__(self, stream: BinaryIO, options: WriteOptions) -> None:
        """Take the stream to write to."""
        self._stream = stream
        self._kind = options.kind
        self._flattening = Flattening()
        self.lost: Mapping[str, int] = self._flattening.lost
        self._columns = Columns()
        self._directed = False  # Some edge is.
        self._nodes = tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY)  # noqa: SIM115  # closed by close()
        self._edges = tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY)  # noqa: SIM115  # closed by close()

    def write(self, records: Iterable[Record]) -> None:
        """Take some records."""
        for record in records:
            if self._kind not in {None, kind_of(record)}:
                continue
            if isinstance(record, Relationship):
                self._edges.write(self._edge(record).encode())
            else:
                self._nodes.write(self._node(record).encode())

    def close(self) -> None:
        """Write the keys, the nodes and the edges; the stream stays open."""
        self._stream.write(self._head().encode())
        for body in (self._nodes, self._edges):
            body.seek(0)
            shutil.copyfileobj(cast(BinaryIO, body), self._stream)
            body.close()
        self._stream.write(b"</graph>\n</graphml>\n")

    def _node(self, record: Any) -> str:
        vertex = self._flattening.vertex(record)
        labels, unsaid = labels_text(vertex.labels)
        properties = {**vertex.properties, **unsaid}
        name = properties.get("name")
        cells = [(LABELS, labels), *([(_CAPTION, name)] if isinstance(name, str) and name else [])]
        stated = f'id="{attribute(vertex.id)}" labels="{attribute(labels)}"'
        return f"<node {stated}>{self._data(cells, 'node', properties)}</node>\n"

    def _edge(self, record: Relationship) -> str:
        edge = self._flattening.edge(record)
        self._directed = self._directed or edge.properties.get("directed") is not False
        names = {"id": edge.id, "source": edge.start, "target": edge.end, "label": edge.kind}
        stated = "".join(f' {name}="{attribute(value)}"' for name, value in names.items())
        return f"<edge{stated}>{self._data([(KIND, edge.kind)], 'edge', edge.properties)}</edge>\n"

    def _data(self, cells: list[tuple[str, str]], owner: str, properties: Mapping[str, Any]) -> str:
        cells = cells + self._columns.of(owner, properties)
        return "".join(f'<data key="{id_}">{text(value)}</data>' for id_, value in cells)

    def _head(self) -> str:
        edges = "directed" if self._directed or not self._edges.tell() else "undirected"
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:kgmem="{NAMESPACE}">',
            *(
                f'<key id="{id_}" for="{owner}" attr.name="{name}" attr.type="string" {ROLE}="{id_}"/>'
                for id_, owner, name in _ROLES
            ),
            *(_key(id_, *column) for column, id_ in self._columns.ids.items()),
            f'<graph id="G" edgedefault="{edges}">\n',
        ]
        return "\n".join(lines)


def _key(id_: str, owner: str, name: str, type_: str) -> str:
    plain = "string" if type_ == "json" or type_.startswith(LIST) else type_
    extra = f' {AS_JSON}="json"' if type_ == "json" else ""
    if type_.startswith(LIST):
        extra = f' attr.list="{type_.removeprefix(LIST)}"'
    return f'<key id="{id_}" for="{owner}" attr.name="{attribute(name)}" attr.type="{plain}"{extra}/>'
