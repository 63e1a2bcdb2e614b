"""Property indexes: what a schema declares as indexed or unique is an index on each label table that it is about.

They index the expression with which AGE reads a property, so that every AGE client profits, and unique values hold for
it as well. For a node that has a label without being in its table, unique_rules.py enforces them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import asyncpg
import orjson

from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.domain.schema.index import NamedIndex
from kgmem.domain.schema.schema import GraphSchema
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, join, literal, number
from kgmem.store.db.statements import statement
from kgmem.store.db.unique_values import UNIQUE, access, places, taken
from kgmem.store.graph import unique_rules
from kgmem.store.graph.layout import EDGE, VERTEX, Label, Layout
from kgmem.store.graph.records import stored_name
from kgmem.store.graph.unique_rules import UniqueRule

_FILE = "property_indexes"
_INDEXED = "kgmem_indexed_"
_VECTORS = "kgmem_vectors_"
_WORDS = "kgmem_words_"
_HALVED_FROM = 2001  # Dimensions from which an index holds numbers of half the size.


@dataclass(frozen=True, slots=True)
class PropertyIndex:
    """One index: on which label table, and what of it."""

    label: Label
    declared: tuple[str, ...]  # The properties, as the schema names them.
    stored: tuple[str, ...]  # Their names in the label table.
    start: str = _INDEXED
    dimension: int = 0
    similarity: str = ""

    @property
    def name(self) -> str:
        """The index's name, which tells the label's number and a hash of the properties."""
        what = "\0".join(self.declared)
        if self.dimension:
            what += f"\0{self.dimension}\0{self.similarity}"
        digest = blake2b(what.encode(), digest_size=8).hexdigest()
        return f"{self.start}{self.label.id}_{digest}"


async def sync(
    connection: asyncpg.Connection, layout: Layout, labels: Iterable[Label], schema: GraphSchema, *, lenient: bool
) -> None:
    """Make the indexes that the schema declares for these labels, and drop those that it does not declare any more.

    Raises Conflict where values that shall be unique are not; if lenient, such an index is not made.
    """
    labels = list(labels)
    await unique_rules.sync(connection, layout, expected_rules(schema), lenient=lenient)
    wanted = expected(labels, schema)
    starts = tuple(f"{start}{label.id}_" for label in labels for start in (UNIQUE, _INDEXED, _VECTORS, _WORDS))
    rows = await connection.fetch(statement(_FILE, "held"), layout.age_name)
    held = {row["name"] for row in rows if row["name"].startswith(starts)}
    for name in sorted(held - wanted.keys()):
        await connection.execute(statement(_FILE, "drop", graph=layout.age_name, made=name))
    for name in sorted(wanted.keys() - held):
        await _make(connection, layout, wanted[name], lenient=lenient)


def expected(labels: Iterable[Label], schema: GraphSchema) -> dict[str, PropertyIndex]:
    """Return the indexes that the schema declares for these labels, by name."""
    return {index.name: index for label in labels for index in _declared(schema, label)}


def expected_rules(schema: GraphSchema) -> list[UniqueRule]:
    """Return what the schema declares as unique for labels, whether a node has such a label as its first or not."""
    names = {*schema.labels, *(name for index in schema.indexes.values() for name in index.of)}
    return [
        UniqueRule(label, declared, tuple(stored_name(name, _kind_of(label)) for name in declared))
        for label in sorted(names)
        for declared in schema.unique_of(label)
    ]


def _kind_of(label: str) -> str:
    return "episode" if label == EPISODE_LABEL else "entity"


def _declared(schema: GraphSchema, label: Label) -> Iterator[PropertyIndex]:
    """Return what the schema declares for a label; a label has what its ancestors have."""
    if label.kind == EDGE:
        properties, what = schema.properties_of_kind(label.name), "relationship"
    else:
        properties, what = schema.properties_of(label.name), _kind_of(label.name)
    for declared in properties.values():
        if declared.unique or declared.indexed:
            stored = stored_name(declared.name, what)
            yield PropertyIndex(label, (declared.name,), (stored,), UNIQUE if declared.unique else _INDEXED)
    names = {label.name} if label.kind == EDGE else set(schema.line(label.name))
    for index in schema.indexes.values():
        about = index.to if label.kind == EDGE else index.of
        if index.index not in {"required", "typed"} and names & set(about):
            yield _named(label, index, tuple(stored_name(name, what) for name in index.properties))


def _named(label: Label, index: NamedIndex, stored: tuple[str, ...]) -> PropertyIndex:
    start = UNIQUE if index.unique else _STARTS.get(index.index, _INDEXED)
    return PropertyIndex(label, index.properties, stored, start, index.dimension, index.similarity)


_STARTS = {"vector": _VECTORS, "fulltext": _WORDS}


def vector_of(stored: str, dimension: int) -> SQL:
    """Return the SQL of a stored property as a vector, as its index has it; NULL where it is no vector of that size."""
    return compose("kgmem.vector_of({}, {})::{}", access(stored), number(dimension), type_of(dimension))


def type_of(dimension: int) -> SQL:
    """Return the type in which an index has vectors of so many dimensions."""
    kind = SQL("halfvec") if dimension >= _HALVED_FROM else SQL("vector")
    return compose("public.{}({})", kind, number(dimension))


def largest_of(dimension: int) -> float:
    """Return the largest number that a vector of so many dimensions can hold."""
    return 65504.0 if dimension >= _HALVED_FROM else 3.4028234663852886e38


def words_of(stored: Sequence[str]) -> SQL:
    """Return the SQL of the words of stored properties, as their index has them."""
    return compose("kgmem.words_of({})", join(", ", map(access, stored)))


def operator_of(similarity: str) -> SQL:
    """Return the operator by which vectors are compared."""
    return SQL("<->") if similarity == "euclidean" else SQL("<=>")


async def _make(connection: asyncpg.Connection, layout: Layout, index: PropertyIndex, *, lenient: bool) -> None:
    names = {"graph": layout.age_name, "label": index.label.age_name}
    # What has left the label of its table is no duplicate: its own id tells it apart.
    left = SQL(", (CASE WHEN kgmem.left_table(properties) THEN id END)") if index.label.kind == VERTEX else NOTHING
    parts = places(index.stored) | {"left": left}
    if index.start == UNIQUE:
        await connection.execute(statement(_FILE, "keep_writers_out", **names))
        double = await connection.fetchrow(fill(statement(_FILE, "duplicate", **names), parts))
        if double and lenient:
            return
        if double:
            keys = [key for key in double["keys"] if key]
            raise taken(index.label.name, index.declared, double["value"], keys)
    await connection.execute(_making(index, names, parts))
    told = {"label": index.label.name, "property": index.declared, "stored": index.stored}
    await connection.execute(
        fill(
            statement(_FILE, "describe", graph=layout.age_name, made=index.name),
            {"told": literal(orjson.dumps(told).decode())},
        )
    )


def _making(index: PropertyIndex, names: Mapping[str, str], parts: Mapping[str, SQL]) -> SQL:
    if index.start == _WORDS:
        return fill(statement(_FILE, "make_words", made=index.name, **names), {"words": words_of(index.stored)})
    if index.start == _VECTORS:
        kind = "halfvec" if index.dimension >= _HALVED_FROM else "vector"
        operators = f"{kind}_{'l2' if index.similarity == 'euclidean' else 'cosine'}_ops"
        sql = statement(_FILE, "make_vectors", made=index.name, operators=operators, **names)
        return fill(sql, {"vector": vector_of(index.stored[0], index.dimension)})
    make = statement(_FILE, "make_unique" if index.start == UNIQUE else "make_plain", made=index.name, **names)
    return fill(make, parts)
