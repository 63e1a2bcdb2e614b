"""Parquet: tables of nodes and of edges, and kgmem's own, read in batches; written as one file for each kind of record.

What a table's rows are shows in the names of its columns: kgmem's own (`key`; `from`, `to`, `kind`), neo4j-admin's or
Gremlin's (see neo4j_header), or the usual words for a node's id and an edge's ends. A mapping may tell it instead.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, Final, TypeAlias

import orjson

from kgmem.domain.errors import EmbeddingMismatch, InvalidInput
from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.formats.io.json_values import read_json
from kgmem.formats.kgmem.parquet_file import open_parquet, read_batches
from kgmem.formats.kgmem.parquet_values import json_values
from kgmem.formats.kgmem.parquet_writer import AS_JSON, KIND, PREFIX, SPACE, ParquetWriter
from kgmem.formats.property_graph.neo4j_header import Role, TableColumn, TableHeader, read_table_header
from kgmem.formats.property_graph.neo4j_rows import record_maker
from kgmem.formats.records import ALL_KINDS, AnyRecord, Format, Kind, Located, ReadOptions, Rejected, rejected
from kgmem.formats.tables.mapped_rows import bind
from kgmem.formats.tables.mapping import Table, table_of
from kgmem.formats.tables.options import GRAPH_OPTIONS, table_options
from kgmem.formats.wire import FIELDS, REQUIRED, from_wire

# What other tools call the columns of nodes and edges, in small letters; the first that is there counts.
_WORDS: Final[Sequence[tuple[str, Sequence[str]]]] = (
    ("start", ("start", "from", "source", "src", "start_id", "from_id", "source_id")),
    ("end", ("end", "to", "target", "dst", "end_id", "to_id", "target_id")),
    ("type", ("type", "kind", "label", "relationship", "predicate")),
    ("id", ("id", "_id", "node_id")),
    ("label", ("label", "labels")),
)

_Make: TypeAlias = Callable[[Sequence[Any]], Sequence[AnyRecord]]


class Rows:
    """What a file's rows are, and the records that they make."""

    def __init__(self, file: Any, options: ReadOptions) -> None:
        """Take an open file. Raises InvalidInput when neither a mapping nor its columns tell what its rows are."""
        table = table_of(options.mapping, options.name) if options.mapping else None
        told = {name: value for name, value in (table.options if table else {}).items() if name in GRAPH_OPTIONS}
        settings = table_options({**told, **options.options}, GRAPH_OPTIONS)
        self.names = _names(file, table)
        mapped = table is not None and bool(table.makes)
        self.settings = settings
        # What they are in a file with kgmem's own columns, or else what another system's columns are for.
        self.kind: Kind | None = None
        self.header: TableHeader | None = None
        if not mapped:
            stated = _stated_kind(file)
            self.header = None if stated else read_table_header(self.names)
            self.kind = stated or (None if self.header else _seen_kind(self.names, options.kind))
            self.header = self.header or (None if self.kind else _usual_header(self.names))
        _check_space(file, options.space)
        self._make = self._maker(table, options.name)

    def records(self, number: int, row: Sequence[Any]) -> Iterator[Located | Rejected]:
        """Return what a row makes, of the number that it has in the file."""
        try:
            records = self._make(row)
        except InvalidInput as error:
            yield rejected(number, str(error), _shown(self.names, row))
        else:
            for record in records:
                yield Located(number, record)

    def _maker(self, table: Table | None, file: str) -> _Make:
        kind = self.kind
        if self.header is not None:
            make_record = record_maker(self.header, self.settings, text=False)
            return lambda row: (make_record(row),)
        if kind is not None:
            fields = [(n, *column_field(name, kind)) for n, name in enumerate(self.names)]
            return lambda row: (from_wire(kind, _shape(fields, row)),)
        assert table is not None  # noqa: S101  # Else the columns would tell what the rows are.
        return bind(table, self.names, self.settings, file, None)


def read(stream: BinaryIO, options: ReadOptions) -> Iterator[Located | Rejected]:
    """Return the records of a stream; the line of a record is the number of its row. Raises InvalidInput, TooLarge."""
    with open_parquet(stream) as file:
        rows, number = Rows(file, options), 0
        for batch in read_batches(file):
            for row in zip(*map(json_values, batch.columns), strict=True):
                number += 1
                yield from rows.records(number, row)


def column_field(name: str, kind: Kind) -> tuple[bool, str]:
    """Return whether a column is a field of the wire, and the name of the field or property that it fills."""
    is_field = name in FIELDS[kind] or (kind == "entity" and name in {"lat", "lon"})
    return is_field, name if is_field else name.removeprefix(PREFIX)


def _names(file: Any, table: Table | None) -> list[str]:
    names = list(table.columns) if table and table.columns else list(file.schema_arrow.names)
    if len(names) != len(file.schema_arrow.names):
        raise InvalidInput(
            f"The mapping names {len(names)} columns, and the file has {len(file.schema_arrow.names)}.",
            hint="Name each column once, in the order of the file.",
        )
    return names


def _stated_kind(file: Any) -> Kind | None:
    """Return what the rows are of a file that kgmem wrote."""
    stated = (file.schema_arrow.metadata or {}).get(KIND, b"").decode(errors="replace")
    return next((kind for kind in ALL_KINDS if kind == stated), None)


def _check_space(file: Any, space: EmbeddingSpace | None) -> None:
    """Raise EmbeddingMismatch for a file that kgmem wrote, whose vectors are of another model than the graph's."""
    told = (file.schema_arrow.metadata or {}).get(SPACE)
    if told is None or space is None:  # A graph that takes no vectors refuses each record that has one.
        return
    stated = read_json(told)
    model, dimension = (stated.get(name) if isinstance(stated, dict) else None for name in ("model", "dimension"))
    if (model, dimension) != (space.model, space.dimension):
        raise EmbeddingMismatch(
            f"The file's embeddings are of {model} ({dimension} dimensions), and the graph's of {space.model} "
            f"({space.dimension}).",
            hint="Export without embeddings, or import into a graph of that model.",
            given=dimension,
            expected=space.dimension,
        )


def _seen_kind(names: Sequence[str], told: Kind | None) -> Kind | None:
    """Return what the rows are of a file with kgmem's own columns: what was given, or what these show."""
    kinds: Sequence[Kind] = (told,) if told else ("relationship", "entity")
    return next((kind for kind in kinds if set(REQUIRED[kind]) <= set(names)), None)


def _shape(fields: Sequence[tuple[int, bool, str]], row: Sequence[Any]) -> dict[str, Any]:
    shape: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for n, is_field, name in fields:
        if row[n] is not None:
            (shape if is_field else properties)[name] = row[n]
    for name in AS_JSON & shape.keys():
        if isinstance(shape[name], str):
            shape[name] = read_json(shape[name].encode(), hint=f"Give {name} as JSON.")
    if "lat" in shape or "lon" in shape:
        if not {"lat", "lon"} <= shape.keys():
            raise InvalidInput("lat and lon belong together, and one is empty.", hint="Give both or none.")
        shape["place"] = [shape.pop("lon"), shape.pop("lat")]
    if properties:
        shape["properties"] = {**properties, **shape.get("properties", {})}
    return shape


def _usual_header(names: Sequence[str]) -> TableHeader:
    """Return what a table is whose columns are called as other tools call them. Raises InvalidInput."""
    small = [name.lower() for name in names]
    places = {role: next((small.index(word) for word in words if word in small), None) for role, words in _WORDS}
    edges = places["start"] is not None and places["end"] is not None
    if not edges and places["id"] is None:
        raise InvalidInput(
            f"The columns ({', '.join(names)[:200]}) do not tell what the rows are.",
            hint="Call a node's id id, an edge's ends start and end and its type type, or give a mapping.",
        )
    wanted: Sequence[tuple[Role, str]] = (("id", "id"), ("label", "label"))
    if edges:
        wanted = (("start", "start"), ("end", "end"), ("label", "type"), ("id", "id"))
    roles = {places[word]: role for role, word in reversed(wanted)}
    columns = [TableColumn(roles[n]) if n in roles else TableColumn("property", name) for n, name in enumerate(names)]
    return TableHeader("relationship" if edges else "entity", columns)


def _shown(names: Sequence[str], row: Sequence[Any]) -> str:
    """Return a row that is rejected as JSON."""
    told = {name: value for name, value in zip(names, row, strict=True) if value is not None}
    return orjson.dumps(told, option=orjson.OPT_NON_STR_KEYS).decode()


FORMAT = Format("parquet", (".parquet", ".pq"), read, parts=ParquetWriter, options=GRAPH_OPTIONS)
