"""Check: compare what a graph holds with what its schema says."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.schema.schema import GraphSchema, check_entity, check_relationship
from kgmem.services.ports import Ports
from kgmem.services.texts.remember import schema_of


@dataclass(frozen=True, slots=True)
class Departure:
    """One way in which a graph departs from its schema, with how often and an example's key."""

    what: str
    count: int
    example: str


async def check_graph(parts: Ports, graph: str) -> Sequence[Departure]:
    """Compare a live graph with its schema as if it were strict; gives departures, the most frequent first.

    Also edges that another client has left without an end: kgmem never answers with them.
    """
    look = _Look(schema_of(parts.core_schema, await parts.graphs.get(graph)))
    async with aclosing(parts.store.export(graph, None)) as pages:
        async for page in pages:
            for item in page:
                if isinstance(item, Entity):
                    look.at_entity(item)
                elif isinstance(item, Relationship):
                    look.at_relationship(item)
    departures = [Departure(text, count, look.examples[text]) for text, count in look.counts.most_common()]
    return departures + [
        Departure(f"{each.kind}: an end is gone, deleted by another client", each.count, f"edge {each.example}")
        for each in await parts.store.dangling(graph)
    ]


class _Look:
    """One look through a graph, entities first."""

    def __init__(self, schema: GraphSchema) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self._schema = schema
        self._labels: dict[tuple[str, str], str] = {}
        self._values: dict[bytes, str] = {}  # Hashes of unique values, and what had each of them first.

    def at_entity(self, entity: Entity) -> None:
        """Compare an entity."""
        label = entity.label or ""
        self._labels[entity.scope, entity.key] = label
        stated = {"name": entity.name, "text": entity.text, **entity.properties}
        properties = {name: value for name, value in stated.items() if value is not None}
        for violation in check_entity(self._schema, True, label, properties):
            self._count(label, str(violation), entity.key)
        for borne in dict.fromkeys((label, *(entity.labels or ()))):
            self._unique((borne, entity.scope), self._schema.unique_of(borne), properties, entity.key)

    def at_relationship(self, item: Relationship) -> None:
        """Compare a relationship, with the labels of its ends."""
        ends = (self._label_of(item.start, item.scope), self._label_of(item.end, item.scope))
        example = f"{item.start} -{item.kind}-> {item.end}"
        for violation in check_relationship(self._schema, True, item.kind, *ends, item.properties):
            self._count(item.kind, str(violation), example)
        self._unique((item.kind, item.scope), self._schema.unique_of_kind(item.kind), item.properties, example)

    def _label_of(self, key: str, scope: str) -> str | None:
        """Return the label of the entity that a scope sees under a key."""
        seen = [self._labels[path, key] for path in visible_from(scope) if (path, key) in self._labels]
        return seen[-1] if seen else None

    def _unique(
        self, among: tuple[str, str], unique: Sequence[tuple[str, ...]], properties: Mapping[str, Any], example: str
    ) -> None:
        """Count values that another one of the same label (or kind) and scope has too."""
        for names in unique:
            values = [properties.get(name) for name in names]
            if None in values:
                continue
            told = json.dumps([*among, names, values], sort_keys=True, default=str)
            first = self._values.setdefault(blake2b(told.encode(), digest_size=16).digest(), example)
            if first != example:
                what = f"{names[0]} is unique" if len(names) == 1 else f"{', '.join(names)} are unique together"
                same = "the same value" if len(names) == 1 else "the same values"
                self._count(among[0], f"{what}, and another has {same}", f"{example}, {first}")

    def _count(self, of: str, what: str, example: str) -> None:
        text = f"{of}: {what}"
        self.counts[text] += 1
        self.examples.setdefault(text, example)
