"""Rows under neo4j-admin's or Gremlin's header as records: ids become keys, typed columns properties of their types."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from kgmem.domain.errors import InvalidInput
from kgmem.formats.io.json_values import read_json
from kgmem.formats.property_graph.elements import KEY, KEYLESS, edge_record, vertex_record
from kgmem.formats.property_graph.neo4j_cells import ReadCell, cell_reader
from kgmem.formats.property_graph.neo4j_header import TableColumn, TableHeader
from kgmem.formats.records import KINDS, AnyRecord
from kgmem.formats.tables.cells import a_value
from kgmem.formats.tables.options import TableOptions
from kgmem.formats.wire import from_wire

# A column of kgmem's own export: the whole record as JSON, where the other columns cannot say all of it.
RECORD: Final = "kgmem_record"

MakeRecord: TypeAlias = Callable[[Sequence[Any]], AnyRecord]


def record_maker(header: TableHeader, options: TableOptions, *, text: bool) -> MakeRecord:
    """Return what makes the record of a row; cells are texts, or values of their own types. Raises InvalidInput.

    What it gives raises InvalidInput for a row that makes none.
    """
    rows = _Rows(header, options, text)
    if header.kind == "relationship":
        if header.place_of("label") is None and options.type is None:
            raise InvalidInput(
                "The header has no column :TYPE.", hint="Add one, or give the type with the option type=...", line=1
            )
        return rows.edge
    if header.place_of("id") is None:
        raise InvalidInput("The header has no column for ids.", hint="Nodes need :ID or ~id.", line=1)
    return rows.node


class _Rows:
    """The columns of one table, by what they are for."""

    def __init__(self, header: TableHeader, options: TableOptions, text: bool) -> None:
        self._options = options
        self._text = text
        self._id, self._label = header.place_of("id"), header.place_of("label")
        self._start, self._end = header.place_of("start"), header.place_of("end")
        self._prefixes = [f"{c.space}:" if c.space and options.prefix else "" for c in header.columns]
        columns = [(n, column) for n, column in enumerate(header.columns) if column.name and column.role != "ignore"]
        self._record = next((n for n, column in columns if column.name == RECORD), None)
        readers = [(n, column.name, self._reader(column)) for n, column in columns if column.name != RECORD]
        self._plain = [(n, name) for n, name, read in readers if read is None]
        self._read = [(n, name, read) for n, name, read in readers if read is not None]

    def node(self, row: Sequence[Any]) -> AnyRecord:
        """Return the entity (of kgmem's own export: also the episode or source) that a row of nodes states."""
        if self._record is not None and row[self._record]:
            return _whole(row[self._record])
        labels = self._labels(row[self._label]) if self._label is not None else []
        return vertex_record(self._id_in(row, self._id, "id"), [*labels, *self._options.labels], self._properties(row))

    def edge(self, row: Sequence[Any]) -> AnyRecord:
        """Return the relationship that a row of edges states."""
        if self._record is not None and row[self._record]:
            return _whole(row[self._record])
        kind = (row[self._label] if self._label is not None else None) or self._options.type
        if not kind:
            raise InvalidInput("The relationship has no type.", hint="Fill its cell, or give the option type=...")
        ends = self._id_in(row, self._start, "start"), self._id_in(row, self._end, "end")
        id_ = row[self._id] if self._id is not None else None
        told = self._properties(row)
        if not self._options.parallel and KEY not in told:
            told[KEYLESS] = True
        named = None if id_ is None or id_ == "" else str(id_)
        return edge_record(str(kind), ends, told, id_=named, ids=self._options.edge_ids)

    def _reader(self, column: TableColumn) -> ReadCell | None:
        """Return what reads the column's cells; None where they are values as they are."""
        if not self._text or (column.type == "string" and not column.listed):
            return None
        read = cell_reader(column.type, column.options, self._options.array_delimiter if column.listed else None)

        def told(cell: str) -> Any:
            try:
                return read(cell)
            except ValueError as error:
                type_ = column.type + ("[]" if column.listed else "")
                raise InvalidInput(
                    f"{column.name} is {cell[:80]!r} and not of type {type_}.",
                    hint=f"Give {a_value(type_)}, or nothing.",
                ) from error

        return told

    def _properties(self, row: Sequence[Any]) -> dict[str, Any]:
        if not self._text:
            return {name: row[n] for n, name in self._plain if row[n] is not None}
        properties: dict[str, Any] = {name: row[n] for n, name in self._plain if row[n]}
        for n, name, read in self._read:
            if row[n]:
                properties[name] = read(row[n])
        return properties

    def _id_in(self, row: Sequence[Any], at: int | None, what: str) -> str:
        cell = row[at] if at is not None else None
        if at is None or cell is None or cell == "":
            raise InvalidInput(f"The {what} is empty.", hint="Fill its cell: nodes need an id, edges both ends.")
        return f"{self._prefixes[at]}{cell}"

    def _labels(self, cell: Any) -> list[str]:
        parts = cell if isinstance(cell, list) else str(cell or "").split(self._options.array_delimiter)
        return [part.strip() for part in parts if part and part.strip()]


def _whole(cell: Any) -> AnyRecord:
    """Return the record that kgmem's own column states. Raises InvalidInput."""
    shape = read_json(cell.encode() if isinstance(cell, str) else b"", hint=f"Leave the column {RECORD} out.")
    kind = shape.pop("type", None) if isinstance(shape, dict) else None
    if kind not in KINDS:
        raise InvalidInput(f"{RECORD} is no record.", hint=f"Leave the column {RECORD} out.")
    return from_wire(kind, shape)
