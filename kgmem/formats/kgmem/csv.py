"""CSV: kgmem's own columns, neo4j-admin's or Gremlin's header, or any table that a mapping file tells how to read."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, BinaryIO, TypeAlias

import orjson

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.formats.kgmem.csv_header import Column, read_header
from kgmem.formats.kgmem.csv_rows import Row, read_rows
from kgmem.formats.kgmem.csv_writer import CSVFiles, CSVWriter
from kgmem.formats.property_graph.neo4j_header import read_table_header
from kgmem.formats.property_graph.neo4j_rows import record_maker
from kgmem.formats.records import AnyRecord, Format, Located, ReadOptions, Rejected, rejected
from kgmem.formats.tables.cells import guess_cell, guess_type, read_cell
from kgmem.formats.tables.mapped_rows import bind
from kgmem.formats.tables.mapping import Table, table_of
from kgmem.formats.tables.options import CSV_OPTIONS, TableOptions, table_options
from kgmem.formats.tables.types import geometry
from kgmem.formats.wire import from_wire

MOST_COLUMNS = 10_000
# Rows, and characters, by which the type of a column without one is judged.
_SAMPLE_ROWS, _SAMPLE_CHARACTERS = 1000, 8 * 1024 * 1024

Make: TypeAlias = Callable[[list[str]], Sequence[AnyRecord]]  # Raises InvalidInput for a row that makes none.


def read(stream: BinaryIO, options: ReadOptions) -> Iterator[Located | Rejected]:
    """Return the records of a stream; empty cells are values that are not given, empty lines are passed over.

    A mapping tells what a row is, else the header does: neo4j-admin's (`:ID`), Gremlin's (`~id`), or kgmem's own
    (`key`; `from`, `to`). Raises InvalidInput when neither does.
    """
    table = table_of(options.mapping, options.name) if options.mapping else None
    settings = table_options({**(table.options if table else {}), **options.options})
    header, rows = _header(read_rows(stream, settings.dialect), table)
    if header:
        begun, make = _maker(header, rows, table, (settings, options))
        for line, row in chain(begun, rows):
            if isinstance(row, Rejected):
                yield row
            else:
                yield from records_of(make, line, _fitted(row, len(header)) if settings.ragged else row, len(header))


def _header(rows: Iterator[Row], table: Table | None) -> tuple[list[str], Iterator[Row]]:
    """Return the names of the columns (none: the file is empty) and the rows under them. Raises InvalidInput."""
    first = next(rows, None)
    if first is None:
        return [], rows
    line, cells = first
    if isinstance(cells, Rejected):
        raise InvalidInput(f"The header cannot be read: {cells.reason}", hint="Begin the file with a header line.")
    if len(cells) > MOST_COLUMNS:
        raise TooLarge(f"The first line has {len(cells)} cells, and {MOST_COLUMNS} is the most.", hint="Is this CSV?")
    headed = table is None or table.header
    names = list(table.columns) if table and table.columns else None
    if names and len(names) != len(cells):
        raise InvalidInput(
            f"The mapping names {len(names)} columns, and the first line has {len(cells)}.",
            hint="Name each column once, in the order of the file.",
            line=line,
        )
    if headed:
        return names or [cell.strip() for cell in cells], rows
    return names or [f"#{n}" for n in range(1, len(cells) + 1)], chain((first,), rows)


def _maker(
    header: list[str], rows: Iterator[Row], table: Table | None, told: tuple[TableOptions, ReadOptions]
) -> tuple[list[Row], Make]:
    """Return what makes the records of a row, and the rows that had to be looked at for that. Raises InvalidInput."""
    settings, options = told
    mapped = table is not None and bool(table.makes)
    graph = None if mapped else read_table_header(header)
    if graph is not None:
        make_record = record_maker(graph, settings, text=True)
        return [], lambda row: (make_record(row),)
    begun = _sample(rows)
    cells = [row for _, row in begun if not isinstance(row, Rejected)]
    if table is not None and mapped:
        return begun, bind(table, header, settings, options.name, cells)
    kind, columns = read_header(header, options.kind)
    guesses = [column.type or guess_type(row[n] for row in cells if n < len(row)) for n, column in enumerate(columns)]
    return begun, lambda row: (from_wire(kind, shape(columns, guesses, row)),)


def _fitted(row: list[str], width: int) -> list[str]:
    return row[:width] + [""] * (width - len(row))


def records_of(make: Make, line: int, row: list[str], width: int) -> Iterator[Located | Rejected]:
    """Return what a row of so many columns makes."""
    if len(row) != width:
        reason = f"The line has {len(row)} cells, and the header {width}. Quote cells that hold delimiters."
        yield rejected(line, reason, orjson.dumps(row).decode())
        return
    try:
        for record in make(row):
            yield Located(line, record)
    except InvalidInput as error:
        yield rejected(line, str(error), orjson.dumps(row).decode())


def _sample(rows: Iterator[Row]) -> list[Row]:
    taken: list[Row] = []
    characters = 0
    for line, row in rows:
        taken.append((line, row))
        characters += 0 if isinstance(row, Rejected) else sum(map(len, row))
        if len(taken) >= _SAMPLE_ROWS or characters >= _SAMPLE_CHARACTERS:
            break
    return taken


def shape(columns: Sequence[Column], guesses: Sequence[str], row: Sequence[str]) -> dict[str, Any]:
    """Return the wire's shape of what a row states. Raises InvalidInput."""
    told: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for column, guess, cell in zip(columns, guesses, row, strict=True):
        if cell:
            (properties if column.is_property else told)[column.name] = _value(column, guess, cell)
    if "lat" in told or "lon" in told:
        if not {"lat", "lon"} <= told.keys():
            raise InvalidInput("lat and lon belong together, and one is empty.", hint="Give both or none.")
        told["place"] = [told.pop("lon"), told.pop("lat")]
    if properties:
        told["properties"] = {**told.get("properties", {}), **properties}
    return told


def _value(column: Column, guess: str, cell: str) -> Any:
    if column.name == "place" and not column.is_property:
        return geometry(cell)
    return read_cell(cell, column.type, column.name) if column.type else guess_cell(cell, guess)


FORMAT = Format("csv", (".csv", ".tsv"), read, CSVWriter, CSVFiles, CSV_OPTIONS)
