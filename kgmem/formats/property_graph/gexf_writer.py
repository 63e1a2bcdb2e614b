"""Writes GEXF that Gephi and networkx read, and that kgmem reads back unchanged."""

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, Final, cast

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.io.xml_text import attribute
from kgmem.formats.property_graph.elements import Flattening, Held
from kgmem.formats.property_graph.gexf_times import days_of, spells_shown
from kgmem.formats.property_graph.gexf_viz import VIZ, viz_elements
from kgmem.formats.property_graph.graphml_writer import KEPT_IN_MEMORY
from kgmem.formats.property_graph.labels import LABELS, labels_text
from kgmem.formats.property_graph.xml_values import AS_JSON, LIST, NAMESPACE, ROLE, Columns
from kgmem.formats.records import Record, WriteOptions, kind_of

_NAMESPACES: Final = {"1.3": "http://gexf.net/1.3", "1.2": "http://www.gexf.net/1.2draft"}


class GEXFWriter:
    """Writes a GEXF file. Its attributes are known when all records are; until then they wait in temporary files."""

    def __init__(self, stream: BinaryIO, options: WriteOptions) -> None:
        """Take the stream to write to. Raises InvalidInput for a version that is none."""
        self._version = options.options.get("version", "1.3")
        if self._version not in _NAMESPACES:
            raise InvalidInput(f"kgmem writes no GEXF {self._version!r}.", hint="Give 1.3 or 1.2.")
        self._stream = stream
        self._kind = options.kind
        self._flattening = Flattening()
        self.lost: Mapping[str, int] = self._flattening.lost
        self._columns = Columns()
        self._is_dynamic = False
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
        """Write the attributes, the nodes and the edges; the stream stays open."""
        self._stream.write(self._head().encode())
        for name, body in (("nodes", self._nodes), ("edges", self._edges)):
            body.seek(0)
            self._stream.write(f"<{name}>\n".encode())
            shutil.copyfileobj(cast(BinaryIO, body), self._stream)
            self._stream.write(f"</{name}>\n".encode())
            body.close()
        self._stream.write(b"</graph>\n</gexf>\n")

    def _node(self, record: Held) -> str:
        vertex = self._flattening.vertex(record)
        labels, unsaid = labels_text(vertex.labels)
        properties = {**vertex.properties, **unsaid}
        place = record.place if isinstance(record, Entity) else None
        drawn = viz_elements(properties.get(VIZ), place)
        if drawn is None:  # It stays an attribute.
            drawn = viz_elements(None, place) or ""
        else:
            properties.pop(VIZ, None)
        name = properties.get("name")
        told = {"id": vertex.id, "label": name if isinstance(name, str) and name else vertex.id}
        times, spells = self._times(record, properties) if isinstance(record, Entity) else ({}, "")
        values = self._values([(LABELS, labels)], "node", properties)
        return f"<node{_stated(told | times)}>{values}{spells}{drawn}</node>\n"

    def _edge(self, record: Relationship) -> str:
        edge = self._flattening.edge(record)
        properties = dict(edge.properties)
        self._directed = self._directed or properties.get("directed") is not False
        told = {"id": edge.id, "source": edge.start, "target": edge.end, "label": edge.kind}
        told |= {"kind": edge.kind} if self._version != "1.2" else {}
        weight = properties.get("weight")
        if isinstance(weight, int | float) and not isinstance(weight, bool):
            told["weight"] = repr(properties.pop("weight"))
        times, spells = self._times(record, properties)
        return f"<edge{_stated(told | times)}>{self._values([], 'edge', properties)}{spells}</edge>\n"

    def _times(self, record: Entity | Relationship, properties: Mapping[str, Any]) -> tuple[dict[str, str], str]:
        """Return the attributes, or else the elements, that tell other tools when it was true."""
        shown = [days for days in spells_shown(properties.get("spells")) if days]
        days = days_of(record.valid_from, record.valid_to)
        self._is_dynamic = self._is_dynamic or bool(shown or days)
        if len(shown) > 1:
            return {}, "<spells>" + "".join(f"<spell{_stated(spell)}/>" for spell in shown) + "</spells>"
        return days, ""

    def _values(self, cells: list[tuple[str, str]], owner: str, properties: Mapping[str, Any]) -> str:
        cells = cells + self._columns.of(owner, properties)
        values = "".join(f'<attvalue for="{id_}" value="{attribute(value)}"/>' for id_, value in cells)
        return f"<attvalues>{values}</attvalues>" if values else ""

    def _head(self) -> str:
        namespace = _NAMESPACES[self._version]
        edges = "directed" if self._directed or not self._edges.tell() else "undirected"
        names = f'xmlns="{namespace}" xmlns:viz="{namespace}/viz" xmlns:kgmem="{NAMESPACE}"'
        times = 'mode="dynamic" timeformat="date"' if self._is_dynamic else 'mode="static"'
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<gexf {names} version="{self._version}">',
            f'<graph defaultedgetype="{edges}" {times}>',
            '<attributes class="node" mode="static">',
            f'<attribute id="{LABELS}" title="{LABELS}" type="string" {ROLE}="{LABELS}"/>',
            *self._attributes("node"),
            "</attributes>",
            '<attributes class="edge" mode="static">',
            *self._attributes("edge"),
            "</attributes>\n",
        ]
        return "\n".join(lines)

    def _attributes(self, owner: str) -> Iterable[str]:
        for (of, title, type_), id_ in self._columns.ids.items():
            if of == owner:
                is_json = type_ == "json" or type_.startswith(LIST)
                plain = "string" if is_json else type_
                # The other types of lists are too new for most readers.
                if type_ == LIST + "string" and self._version != "1.2":
                    plain = "liststring"
                extra = f' {AS_JSON}="json"' if is_json else ""
                yield f'<attribute id="{id_}" title="{attribute(title)}" type="{plain}"{extra}/>'


def _stated(told: Mapping[str, str]) -> str:
    return "".join(f' {name}="{attribute(value)}"' for name, value in told.items())
