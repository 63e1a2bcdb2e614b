"""neo4j-csv: a graph as the CSV files that `neo4j-admin database import full` takes, and kgmem reads back unchanged.

`nodes.csv` holds entities, `episodes.csv` and `sources.csv` the nodes that stand for these, `relationships.csv` the
edges. What a record says beyond what the columns can hold stands as JSON in the column `kgmem_record`.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO, Final

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.io.spool import RowSpool
from kgmem.formats.kgmem.csv import read
from kgmem.formats.kgmem.csv_writer import without_formula
from kgmem.formats.kgmem.jsonl import dump
from kgmem.formats.property_graph.elements import KEY, Flattening, edge_record, vertex_record
from kgmem.formats.property_graph.neo4j_cells import write_point
from kgmem.formats.property_graph.neo4j_rows import RECORD
from kgmem.formats.records import Format, Kind, OpenPart, Record, WriteOptions, kind_of
from kgmem.formats.tables.options import CSV_OPTIONS, check_names
from kgmem.formats.wire import FIELDS

# The parts, in the order in which neo4j-admin wants to be told of them.
FILES: Final[Mapping[Kind, str]] = {
    "entity": "nodes.csv",
    "episode": "episodes.csv",
    "source": "sources.csv",
    "relationship": "relationships.csv",
}
# Episodes and sources have id spaces of their own, as their keys may be those of entities.
_SPACES = {"episode": "(kgmem_episode)", "source": "(kgmem_source)"}
_HEADERS: Final[Mapping[bool, Sequence[str]]] = {False: (":ID", ":LABEL"), True: (":START_ID", ":END_ID", ":TYPE")}
_FIXED: Final[Mapping[bool, Sequence[str]]] = {False: ("id", "labels"), True: ("start", "end", "kind")}
_LISTED = ";"
_POINT = "point{crs:WGS-84}"
_SCALARS = {bool: "boolean", int: "long", float: "double", str: "string"}
_WRITE: Final[Mapping[str, Callable[[Any], str]]] = {
    "boolean": lambda value: "true" if value else "false",
    "long": str,
    "double": repr,
    "string": str,
    _POINT: lambda value: write_point(*value["coordinates"]),
}


class Neo4jCSVWriter:
    """Writes the files when all records are there, as only then their columns are known."""

    def __init__(self, open_part: OpenPart, options: WriteOptions) -> None:
        """Take what opens the files. Raises InvalidInput for options: there is one way to write them."""
        check_names(options.options, (), "There is no option")
        self.lost: Mapping[str, int] = {}
        self._open_part = open_part
        self._escape = options.escape_formulas
        self._flattening = Flattening()
        self._spools = {kind: RowSpool(column_type) for kind in FILES if options.kind in {None, kind}}

    def write(self, records: Iterable[Record]) -> None:
        """Take some records; those of other kinds than asked for are passed over."""
        for record in records:
            spool = self._spools.get(kind_of(record))
            if spool is not None:
                fixed, properties = self._flat(record)
                if _is_ambiguous(record):
                    fixed["record"] = _dumped(record)
                spool.add(fixed, properties)

    def close(self) -> None:
        """Write the files."""
        for kind, spool in self._spools.items():
            with self._open_part(FILES[kind]) as stream:
                self._write_part(stream, kind, spool)
            spool.close()

    def _flat(self, record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what every row of the record's kind has, and its properties."""
        if isinstance(record, Relationship):
            edge = self._flattening.edge(record)
            own = {KEY: record.key} if record.key is not None else {}
            return {"start": edge.start, "end": edge.end, "kind": edge.kind}, {**edge.properties, **own}
        vertex = self._flattening.vertex(record)
        own = {KEY: record.key} if isinstance(record, Entity) else {}
        return {"id": vertex.id, "labels": _LISTED.join(vertex.labels)}, {**vertex.properties, **own}

    def _write_part(self, stream: BinaryIO, kind: Kind, spool: RowSpool) -> None:
        edges = kind == "relationship"
        types = {name: type_ for name, type_ in spool.columns().items() if name and name == name.strip()}
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
        rows = csv.writer(text)
        first = [f"{_HEADERS[edges][0]}{_SPACES.get(kind, '')}", *_HEADERS[edges][1:]]
        rows.writerow([*first, *(f"{name}:{type_}" for name, type_ in types.items()), f"{RECORD}:string"])
        for fixed, properties in spool.rows():
            cells = [fixed[name] for name in _FIXED[edges]]
            cells += [_cell(properties.get(name), type_) for name, type_ in types.items()]
            whole = fixed.get("record") or _whole(fixed, properties, types)
            cells.append(whole)
            rows.writerow([without_formula(cell) for cell in cells] if self._escape else cells)
        text.detach()


def column_type(value: Any) -> str | None:
    """Return the type of Neo4j's columns that a value can be written to and read from as the same; None: there is none.

    An empty text or list cannot be distinguished from none at all, and nothing in Neo4j holds maps.
    """
    if isinstance(value, list):
        types = {_SCALARS.get(type(item)) for item in value}
        type_ = types.pop() if len(types) == 1 else None
        if type_ == "string" and not all(item and _LISTED not in item for item in value):
            return None
        return f"{type_}[]" if type_ else None
    if isinstance(value, dict):
        return _POINT if _is_point(value) else None
    return _SCALARS.get(type(value)) if value != "" else None


def _is_point(value: Mapping[str, Any]) -> bool:
    place = value.get("coordinates")
    if value.keys() != {"type", "coordinates"} or value["type"] != "Point" or not isinstance(place, list):
        return False
    return len(place) == 2 and all(type(number) in {int, float} for number in place)


def _cell(value: Any, type_: str) -> str:
    if value is None or column_type(value) != type_:
        return ""
    if type_.endswith("[]"):
        return _LISTED.join(map(_WRITE[type_[:-2]], value))
    return _WRITE[type_](value)


def _whole(fixed: Mapping[str, Any], properties: Mapping[str, Any], types: Mapping[str, str]) -> str:
    """Return the record as JSON when one of its properties has no cell; nothing when the cells say all of it."""
    if all(name in types and column_type(value) == types[name] for name, value in properties.items()):
        return ""
    if "kind" in fixed:
        return _dumped(edge_record(fixed["kind"], (fixed["start"], fixed["end"]), properties, id_=None))
    return _dumped(vertex_record(fixed["id"], fixed["labels"].split(_LISTED), properties))


def _dumped(record: Record) -> str:
    return dump(record).decode().rstrip("\n")


def _is_ambiguous(record: Record) -> bool:
    """Return whether reading the record's columns could make another record than it."""
    if isinstance(record, Entity):
        labels = [record.label or "", *(record.labels or ())]
        odd = any(not label or label != label.strip() or _LISTED in label for label in labels)
        if odd or record.labels == [] or "" in {record.name, record.text}:
            return True
        if {"lat", "latitude"} & record.properties.keys():
            place = record.place.geometry.get("coordinates") if record.place else None
            if not isinstance(place, list) or not all(isinstance(number, float) for number in place):
                return True
    elif isinstance(record, Relationship):
        if record.text == "":
            return True
    elif kind_of(record) == "source":
        return False
    # Names of fields, what begins like kgmem's own, and what is escaped.
    fields = FIELDS[kind_of(record)]
    names = getattr(record, "properties", {})
    return any(name in fields or name.startswith("kgmem_") or name.endswith("_") for name in names)


FORMAT = Format("neo4j-csv", (), read, parts=Neo4jCSVWriter, options=CSV_OPTIONS)
