"""What tables say that were read in columns, record by record."""

from collections.abc import Iterable
from typing import Any

import orjson

from kgmem.domain.graph.batch import Columns
from kgmem.formats.kgmem.jsonl import dump
from kgmem.formats.records import Rejected
from kgmem.formats.wire import from_wire


def told(found: Iterable[Any]) -> dict[int, Any]:
    """Return what each row says: its record, or why it is none."""
    rows: dict[int, Any] = {}
    for item in found:
        if isinstance(item, Columns):
            rows |= {line: dump(from_wire(item.kind, shape)) for line, shape in _shapes(item)}
        else:
            rows[item.line] = item.reason if isinstance(item, Rejected) else dump(item.record)
    return rows


def _shapes(columns: Columns) -> list[tuple[int, dict[str, Any]]]:
    found = []
    for n, line in enumerate(columns.lines.to_pylist()):
        shape: dict[str, Any] = {name: texts[n].as_py() for name, texts in columns.fields.items()}
        for name in ("lon", "lat", "strength", "confidence"):
            if shape.get(name) is not None:
                shape[name] = orjson.loads(shape[name])
        lon, lat = shape.pop("lon", None), shape.pop("lat", None)
        properties = {
            name: orjson.loads(texts[n].as_py()) if literal else texts[n].as_py()
            for name, literal, texts in columns.properties
            if texts[n].is_valid
        }
        place = {} if lon is None else {"place": [lon, lat]}
        found.append((line, {**shape, **place, **({"properties": properties} if properties else {})}))
    return found
