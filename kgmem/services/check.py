"""Check: compare what a graph holds with what its schema says."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from kgmem.domain.entity import Entity
from kgmem.domain.relationship import Relationship
from kgmem.domain.schema import check_entity, check_relationship
from kgmem.services.parts import Parts
from kgmem.services.remember import schema_of


@dataclass(frozen=True, slots=True)
class Departure:
    """One way in which a graph departs from its schema, with how often and an example's key."""

    what: str
    count: int
    example: str


async def check_graph(parts: Parts, graph: str) -> Sequence[Departure]:
    """Compare a live graph with its schema as if it were strict; gives departures, the most frequent first."""
    schema = schema_of(parts.core_schema, await parts.graphs.get(graph))
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    labels: dict[str, str] = {}
    async for item in parts.store.export(graph, None):
        if isinstance(item, Entity):
            labels[item.key] = item.label or ""
            stated = {"name": item.name, "text": item.text, **item.properties}
            found = check_entity(schema, True, item.label or "", {k: v for k, v in stated.items() if v is not None})
            key = item.key
        elif isinstance(item, Relationship):
            ends = (labels.get(item.start), labels.get(item.end))
            found = check_relationship(schema, True, item.kind, *ends, item.properties)
            key = f"{item.start} -{item.kind}-> {item.end}"
        else:
            continue
        for violation in found:
            text = f"{item.label if isinstance(item, Entity) else item.kind}: {violation}"
            counts[text] += 1
            examples.setdefault(text, key)
    return [Departure(text, count, examples[text]) for text, count in counts.most_common()]
