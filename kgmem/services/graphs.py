"""Graphs: their settings, schemas and counts, and how far they follow their schemas."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Unpack

from kgmem.domain.erasure.redis_contents import RedisErasure
from kgmem.domain.errors import Conflict
from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.graph import Asking, Change, Extraction, Facts, Graph, GraphStats, check_graph_name
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.recall.recipes import check_recipe
from kgmem.domain.schema.schema import (
    GraphSchema,
    check_entity,
    check_relationship,
    from_mapping,
    merge,
    to_mapping,
    validate,
)
from kgmem.services import ask_cypher
from kgmem.services.erasure.in_redis import erase_in_redis
from kgmem.services.ports import Ports
from kgmem.services.texts import remember as remembering
from kgmem.services.texts.remember import schema_of


@dataclass(frozen=True, slots=True)
class SchemaDeparture:
    """One kind of violation of the schema in a graph: how often it occurs, and the key of an example."""

    what: str
    count: int
    example: str


async def check_graph(ports: Ports, graph: str) -> Sequence[SchemaDeparture]:
    """Check a graph against its schema as if it were strict; returns violations, the most frequent first.

    Relationships that another client has left without an end are reported too; kgmem never returns them.
    """
    look = _Look(schema_of(ports.core_schema, await ports.graphs.get(graph)))
    async with aclosing(ports.store.export(graph, None)) as pages:
        async for page in pages:
            for item in page:
                if isinstance(item, Entity):
                    look.at_entity(item)
                elif isinstance(item, Relationship):
                    look.at_relationship(item)
    departures = [SchemaDeparture(text, count, look.examples[text]) for text, count in look.counts.most_common()]
    return departures + [
        SchemaDeparture(
            f"{each.kind}: an end is missing, deleted by another client", each.count, f"edge {each.example}"
        )
        for each in await ports.store.dangling(graph)
    ]


class _Look:
    """One pass over a graph, entities first."""

    def __init__(self, schema: GraphSchema) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self._schema = schema
        self._labels: dict[tuple[str, str], str] = {}
        self._values: dict[bytes, str] = {}  # Hashes of unique values, and what had each of them first.

    def at_entity(self, entity: Entity) -> None:
        """Check an entity."""
        label = entity.label or ""
        self._labels[entity.scope, entity.key] = label
        stated = {"name": entity.name, "text": entity.text, **entity.properties}
        properties = {name: value for name, value in stated.items() if value is not None}
        for violation in check_entity(self._schema, True, label, properties):
            self._count(label, str(violation), entity.key)
        for borne in dict.fromkeys((label, *(entity.labels or ()))):
            self._unique((borne, entity.scope), self._schema.unique_of(borne), properties, entity.key)

    def at_relationship(self, item: Relationship) -> None:
        """Check a relationship, with the labels of its ends."""
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
        """Count duplicates of unique values within one label (or kind) and scope."""
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


_UNSET: Any = object()


class Graphs:
    """Graphs: their settings, schemas and counts."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def create(
        self,
        name: str,
        *,
        strict: bool = False,
        schema: Mapping[str, Any] | None = None,
        space: EmbeddingSpace | None = _UNSET,
        facts: Facts = "text",
        extraction: Extraction = "requested",
        **asking: Unpack[Asking],
    ) -> Graph:
        """Create a graph; its embedding space is that of the embedder, unless another one or None is given.

        Raises Conflict where the name is taken, and InvalidInput.
        """
        own = to_mapping(from_mapping(schema)) if schema else {}
        validate(remembering.extended(self._ports.core_schema, from_mapping(own)))
        if space is _UNSET:
            space = self._ports.embedder.space if self._ports.embedder else None
        return await self._ports.graphs.create(
            Graph(
                check_graph_name(name),
                strict=strict,
                schema=own,
                space=space,
                fusion=asking.get("fusion") or "convex",
                facts=facts,
                extraction=extraction,
                recipe=check_recipe(asking.get("recipe")),
            )
        )

    async def ensure(self, name: str, **settings: Any) -> Graph:
        """Return a graph, or create it with these settings of `create` where it does not exist.

        An existing graph keeps its settings. Raises InvalidInput.
        """
        try:
            return await self.create(name, **settings)
        except Conflict:
            return await self._ports.graphs.get(name)

    async def get(self, name: str) -> Graph:
        """Return a graph. Raises NotFound."""
        return await self._ports.graphs.get(name)

    async def find(self, name: str) -> Graph:
        """Return a graph by its name, ignoring the case of letters. Raises NotFound."""
        return await ask_cypher.graph_named(self._ports, name)

    async def list(self) -> Sequence[Graph]:
        """Return all graphs, by name."""
        return await self._ports.graphs.list()

    async def update(
        self,
        name: str,
        *,
        strict: bool | None = None,
        schema: Mapping[str, Any] | None = None,
        replacing: bool = False,
        facts: Facts | None = None,
        extraction: Extraction | None = None,
        **asking: Unpack[Asking],
    ) -> Graph:
        """Change settings of a graph; a schema extends the stored one, or replaces it with `replacing`.

        A job builds the facts of another setting of `facts`, while readers and writers continue.

        Raises NotFound, InvalidInput, and Conflict where stored values violate a new unique constraint.
        """
        held = await self._ports.graphs.get(name)
        own = held.schema
        if schema is not None:
            own = to_mapping(merge(from_mapping({} if replacing else own), from_mapping(schema)))
            validate(remembering.extended(self._ports.core_schema, from_mapping(own)))
        changed = replace(
            held,
            strict=held.strict if strict is None else strict,
            schema=own,
            fusion=asking.get("fusion") or held.fusion,
            facts=facts or held.facts,
            extraction=extraction or held.extraction,
            recipe=check_recipe(asking.get("recipe")) or held.recipe,
        )
        updated = await self._ports.graphs.update(changed)
        if updated.facts != held.facts:
            await self._ports.jobs.defer("index_facts", graph=name)
        return updated

    async def delete(self, name: str) -> None:
        """Delete a graph with everything in it, and revoke the API keys that are restricted to it.

        Raises NotFound, OnHold.
        """
        await self._ports.holds.refuse_graph(name)
        id_ = (await self._ports.graphs.get(name)).id
        await self._ports.graphs.drop(name)
        if self._ports.cache is not None and id_ is not None:
            await self._ports.cache.clear(id_)
        await erase_in_redis(self._ports, name, RedisErasure(whole=True, files=False), id_=id_)
        for key in await self._ports.keys.list():
            if key.graph == name and key.revoked_at is None:
                await self._ports.keys.revoke(key.id)

    async def schema(self, name: str) -> GraphSchema:
        """Return the effective schema of a graph: the core schema extended by its own."""
        return remembering.schema_of(self._ports.core_schema, await self._ports.graphs.get(name))

    async def check_schema(self, name: str) -> Sequence[SchemaDeparture]:
        """Check a graph against its schema; returns violations, the most frequent first."""
        return await check_graph(self._ports, name)

    async def stats(self, name: str) -> GraphStats:
        """Return counts of what a graph contains."""
        return await self._ports.graphs.stats(name)

    async def changes(self, graph: str, *, after: int = 0, limit: int = 1000) -> Sequence[Change]:
        """Return the changes of a graph after a cursor, in commit order."""
        return await self._ports.store.changes(graph, after, limit)
