"""Graph formats as tests use them: written and read in memory, and records compared by all that they say."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import orjson
from hypothesis import strategies as st

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.records import Kind, Located, ReadOptions, Record, Rejected, WriteOptions, kind_of
from kgmem.formats.registry import format_of
from kgmem.formats.wire import to_wire
from tests.records import records

# Names that formats, or what other tools write into them, give a meaning of their own.
TOUCHY = (
    "labels", "label", "kind", "type", "TYPE", "id", "key", "source", "target", "from", "to", "directed", "weight",
    "viz", "start", "end", "spells", "desc", "parent", "labelV", "labelE", "speaker", "mentions", "trust", "properties",
    "x", "lat", "text_", "name__", "scope", "value", "pid",
)  # fmt: skip
EXTREMES = (
    1e308, -0.0, 5e-324, 2**63 - 1, -(2**63), 0, "", " ", " padded ", "\x01\x1f\ufffe", "_x0001_", "_x005F_x0001_",
    "_x005F\x01", "a\r\nb\rc\td", "<&>\"'", "]]>", "🚀", "NaN", "true", "1", [], {}, [""], ["a", "b|c"], [1, 2],
    [1, 1.5], [True], [[1]], [{"a": [None, {"b": 1e-7}]}], {"value": 1}, {"x": 1.0}, True, False,
)  # fmt: skip
# Properties that are more than that in every format of other systems (see test_foreign).
_LIFTED = {"name", "text", "place", "valid_from", "valid_to"}
touchy_properties = st.dictionaries(st.sampled_from(TOUCHY), st.sampled_from(EXTREMES), max_size=4)


@st.composite
def graph_records(draw: st.DrawFn) -> Record:
    """A record without what no graph format tells from a field."""
    record = draw(records)
    if isinstance(record, Entity | Relationship):
        own = {name: value for name, value in record.properties.items() if name not in _LIFTED}
        record = replace(record, properties={**own, **draw(touchy_properties)})
    if isinstance(record, Entity):
        labels = record.labels if record.label else None
        vector = [float(number) for number in record.embedding] if record.embedding else None
        record = replace(record, embedding=vector, labels=labels or None)
    return record


def write(format_: str, items: Iterable[Record], **options: str) -> bytes:
    """The bytes of a file of these records."""
    return written(format_, items, **options)[0]


def written(
    format_: str, items: Iterable[Record], kind: Kind | None = None, **options: str
) -> tuple[bytes, dict[str, int]]:
    """The bytes of a file of these records, or of those of one kind, and what was lost."""
    stream = io.BytesIO()
    make = format_of("", format_).writer
    assert make is not None
    writer = make(stream, WriteOptions(kind, options=options))
    writer.write(items)
    writer.close()
    return stream.getvalue(), dict(writer.lost)


def read(format_: str, data: bytes | str, **options: str) -> list[Located | Rejected]:
    """What a file of these bytes holds."""
    raw = data.encode() if isinstance(data, str) else data
    reader = format_of("", format_).read
    assert reader is not None
    return list(reader(io.BytesIO(raw), ReadOptions(options=options)))


def taken(found: Iterable[Any]) -> list[Any]:
    """The records; fails where one was rejected."""
    items = list(found)
    assert [item for item in items if not isinstance(item, Located)] == []
    return [item.record for item in items]


def said(items: Iterable[Record]) -> Sequence[bytes]:
    """All that records say, exactly (-0.0 is not 0, 1 is not 1.0), in any order."""
    return sorted(
        orjson.dumps([kind_of(item), to_wire(item)], option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY)
        for item in items
    )
