"""Labels, types, properties and indexes of a graph, from samples and from its schema."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kgmem.domain.schema.index import NamedIndex
from kgmem.domain.schema.schema import GraphSchema
from kgmem.query.errors import ValueProblem, closest
from kgmem.query.execution.executor import Run
from kgmem.query.procedures.context import ProcedureContext
from kgmem.query.values import Value

SAMPLE = 1000  # Nodes of each label, unless a caller asks for another number.
_LINKS = 20_000  # Relationships that are looked at.
_ALL = 20_000  # Up to so many entities, labels are counted by looking at each.
# What apoc calls the types of values.
_TYPES = {"bool": "BOOLEAN", "int": "INTEGER", "float": "FLOAT", "str": "STRING", "list": "LIST", "dict": "MAP"}
_TYPES |= {"Date": "DATE", "DateTime": "DATE_TIME", "LocalDateTime": "LOCAL_DATE_TIME", "Time": "TIME"}
_TYPES |= {"LocalTime": "LOCAL_TIME", "Duration": "DURATION", "Point": "POINT"}


@dataclass(slots=True)
class Overview:
    """Labels and types with their counts, the types of their properties, and triples (label, type, label)."""

    labels: dict[str, int] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    properties: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    kind_properties: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    always: dict[str, set[str]] = field(default_factory=dict)  # Properties that each of the sample has.
    kind_always: dict[str, set[str]] = field(default_factory=dict)
    triples: Counter[tuple[str, str, str]] = field(default_factory=Counter)


def quoted(name: str) -> str:
    """Return a name as a query may hold it."""
    return "`" + name.replace("`", "``") + "`"


def type_of(value: Value) -> str:
    """Return what apoc calls the type of a value."""
    return _TYPES.get(type(value).__name__, "ANY")


async def label_counts(context: ProcedureContext, run: Run) -> Mapping[str, int]:
    """Return how many nodes there are of each label; of a large graph, by the labels of tables alone."""
    if run.scope is None:
        stats = await context.stats(run.graph)
        if stats.entities + stats.episodes > _ALL:
            episodes = {"Episode": stats.episodes} if stats.episodes else {}
            return {**stats.labels, **episodes}
    rows = await context.ask(
        run, "MATCH (n) UNWIND labels(n) AS label RETURN label, count(*) AS count ORDER BY count DESC, label"
    )
    return {str(label): int(count) for label, count in rows}


async def kind_counts(context: ProcedureContext, run: Run) -> Mapping[str, int]:
    """Return how many relationships there are of each type."""
    if run.scope is None:
        stats = await context.stats(run.graph)
        if stats.relationships > _ALL:
            return stats.kinds
    rows = await context.ask(
        run, "MATCH ()-[r]->() RETURN type(r) AS type, count(*) AS count ORDER BY count DESC, type"
    )
    return {str(kind): int(count) for kind, count in rows}


async def overview(context: ProcedureContext, run: Run, sample: int = SAMPLE) -> Overview:
    """Return what a graph is made of, as its scope sees it."""
    found = Overview(labels=dict(await label_counts(context, run)), kinds=Counter(await kind_counts(context, run)))
    for label in found.labels:
        text = f"MATCH (n:{quoted(label)}) RETURN properties(n) AS properties LIMIT $sample"
        rows = [held for (held,) in await context.ask(run, text, sample=sample)]
        _note(found.properties[label], found.always, label, rows)
    text = "MATCH (a)-[r]->(b) RETURN labels(a), type(r) AS type, properties(r) AS properties, labels(b) LIMIT $most"
    links: dict[str, list[Mapping[str, Value]]] = defaultdict(list)
    for starts, kind, held, ends in await context.ask(run, text, most=_LINKS):
        links[kind].append(held)
        found.triples.update((one, kind, other) for one in starts for other in ends)
    for kind, rows in links.items():
        _note(found.kind_properties[kind], found.kind_always, kind, rows)
    return found


def _note(types: dict[str, str], always: dict[str, set[str]], name: str, rows: Sequence[Mapping[str, Value]]) -> None:
    """Note of the properties of a sample their types, and which of them all of it have."""
    for held in rows:
        for each, value in held.items():
            types.setdefault(each, type_of(value))
    always[name] = {each for each in types if all(each in held for held in rows)}


VECTORS, TEXTS = "kgmem_vectors", "kgmem_texts"  # The indexes that every graph has: meaning and words.


def named_index(schema: GraphSchema, asked: Value, kind: str, usual: str) -> NamedIndex | None:
    """Return the index of a kind that is requested; None for the one that every graph has. Raises ValueProblem."""
    if asked == usual:
        return None
    found = schema.indexes.get(str(asked))
    if found is not None and found.index == kind:
        return found
    known = [usual, *(name for name, each in schema.indexes.items() if each.index == kind)]
    hint = closest(str(asked), known) or f"Indexes are {', '.join(known[:10])}."
    raise ValueProblem(f"Unknown index {asked}.", detail="IndexNotFound", type="ProcedureError", hint=hint)


@dataclass(frozen=True, slots=True)
class Declared:
    """A property that a schema declares as indexed or unique, or as required."""

    label: str
    properties: tuple[str, ...]
    unique: bool
    indexed: bool
    required: bool
    of_relationships: bool

    @property
    def name(self) -> str:
        """What the index or constraint is called."""
        return f"{'unique' if self.unique else 'index'}_{self.label}_{'_'.join(self.properties)}".lower()


def declared(schema: GraphSchema) -> Iterator[Declared]:
    """Return what a schema declares of single properties, label by label and then kind by kind."""
    for label, held in schema.labels.items():
        for each in held.properties.values():
            if each.unique or each.indexed or each.required:
                yield Declared(label, (each.name,), each.unique, each.indexed, each.required, False)
    for kind, link in schema.kinds.items():
        for each in link.properties.values():
            if each.unique or each.indexed or each.required:
                yield Declared(kind, (each.name,), each.unique, each.indexed, each.required, True)
