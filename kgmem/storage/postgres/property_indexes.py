"""Property indexes: what a schema declares as indexed or unique is an index on each label table that it is about.

They stand on the expression with which AGE reads a property, so that every AGE client profits, and is held to unique
values as well.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import asyncpg
import orjson

from kgmem.domain.schema import GraphSchema
from kgmem.domain.statement import EPISODE_LABEL
from kgmem.storage.postgres.layout import EDGE, Label, Layout
from kgmem.storage.postgres.records import stored_name
from kgmem.storage.postgres.statements import statement
from kgmem.storage.postgres.unique_values import UNIQUE, places, taken

_FILE = "property_indexes"
_INDEXED = "kgmem_indexed_"


@dataclass(frozen=True, slots=True)
class PropertyIndex:
    """One index: on which label table, and what of it."""

    label: Label
    declared: str  # The property, as the schema names it.
    stored: str  # The property's name in the label table.
    unique: bool

    @property
    def name(self) -> str:
        """The index's name, which tells the label's number and a hash of the property."""
        digest = blake2b(self.declared.encode(), digest_size=8).hexdigest()
        return f"{_start(self.label, self.unique)}{digest}"


async def sync(
    connection: asyncpg.Connection, layout: Layout, labels: Iterable[Label], schema: GraphSchema, *, lenient: bool
) -> None:
    """Make the indexes that the schema declares for these labels, and drop those that it does not declare any more.

    Raises Conflict where values that shall be unique are not; if lenient, such an index is left out.
    """
    labels = list(labels)
    wanted = {index.name: index for label in labels for index in _declared(schema, label)}
    starts = tuple(_start(label, unique) for label in labels for unique in (True, False))
    rows = await connection.fetch(statement(_FILE, "held"), layout.age_name)
    held = {row["name"] for row in rows if row["name"].startswith(starts)}
    for name in sorted(held - wanted.keys()):
        await connection.execute(statement(_FILE, "drop", graph=layout.age_name, made=name))
    for name in sorted(wanted.keys() - held):
        await _make(connection, layout, wanted[name], lenient=lenient)


def _declared(schema: GraphSchema, label: Label) -> Iterator[PropertyIndex]:
    """Give what the schema declares for a label; a label has what its ancestors have."""
    if label.kind == EDGE:
        kind = schema.kinds.get(label.name)
        properties, what = kind.properties if kind else {}, "relationship"
    else:
        properties, what = schema.properties_of(label.name), "episode" if label.name == EPISODE_LABEL else "entity"
    for declared in properties.values():
        if declared.unique or declared.indexed:
            yield PropertyIndex(label, declared.name, stored_name(declared.name, what), declared.unique)


async def _make(connection: asyncpg.Connection, layout: Layout, index: PropertyIndex, *, lenient: bool) -> None:
    names = {"graph": layout.age_name, "label": index.label.age_name}
    parts = places(index.stored)
    if index.unique:
        await connection.execute(statement(_FILE, "keep_writers_out", **names))
        double = await connection.fetchrow(statement(_FILE, "duplicate", **names) % parts)
        if double and lenient:
            return
        if double:
            raise taken(index.label.name, index.declared, double["value"], [key for key in double["keys"] if key])
    make = statement(_FILE, "make_unique" if index.unique else "make_plain", made=index.name, **names)
    await connection.execute(make % parts)
    told = orjson.dumps({"label": index.label.name, "property": index.declared, "stored": index.stored}).decode()
    literal = "'" + told.replace("'", "''") + "'"
    await connection.execute(statement(_FILE, "describe", graph=layout.age_name, made=index.name) % {"told": literal})


def _start(label: Label, unique: bool) -> str:
    return f"{UNIQUE if unique else _INDEXED}{label.id}_"
