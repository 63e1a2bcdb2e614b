"""Graphs: their settings, schemas and counts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

from kgmem.domain.errors import Conflict
from kgmem.domain.graph.change import Change
from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.domain.graph.graph import Asking, Extraction, Facts, Graph, GraphStats, check_graph_name
from kgmem.domain.recall.recipes import check_recipe
from kgmem.domain.schema.schema import GraphSchema, from_mapping, merge, to_mapping, validate
from kgmem.services import ask_cypher
from kgmem.services import check as checking
from kgmem.services.ports import Ports
from kgmem.services.texts import remember as remembering

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
        extraction: Extraction = "asked",
        **asking: Unpack[Asking],
    ) -> Graph:
        """Create a graph in the embedder's space unless another (or None) is given. Raises Conflict, InvalidInput."""
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
        """Return a graph; where there is none, create it with these settings of `create_graph`.

        A graph that is there keeps its own settings. Raises InvalidInput.
        """
        try:
            return await self.create(name, **settings)
        except Conflict:
            return await self._ports.graphs.get(name)

    async def get(self, name: str) -> Graph:
        """Return a graph. Raises NotFound."""
        return await self._ports.graphs.get(name)

    async def find(self, name: str) -> Graph:
        """Return the graph of a name, whatever the case of its letters. Raises NotFound."""
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
        """Change a graph's settings; a schema extends the graph's own, or takes its place if `replacing`.

        Other `facts` are made by a job, beside readers and writers.

        Raises NotFound, InvalidInput, and Conflict when the graph holds one value twice that shall be unique.
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
        """Delete a graph with all that it holds, and revoke the keys that are bound to it. Raises NotFound."""
        await self._ports.graphs.drop(name)
        for key in await self._ports.keys.list():
            if key.graph == name and key.revoked_at is None:
                await self._ports.keys.revoke(key.id)

    async def schema(self, name: str) -> GraphSchema:
        """Return the schema that holds in a graph: the core and its own."""
        return remembering.schema_of(self._ports.core_schema, await self._ports.graphs.get(name))

    async def check_schema(self, name: str) -> Sequence[checking.Departure]:
        """Compare a live graph with its schema; gives departures, the most frequent first."""
        return await checking.check_graph(self._ports, name)

    async def stats(self, name: str) -> GraphStats:
        """Count what a graph holds."""
        return await self._ports.graphs.stats(name)

    async def changes(self, graph: str, *, after: int = 0, limit: int = 1000) -> Sequence[Change]:
        """Return the changes of a graph after a cursor, in the order in which they may be relied upon."""
        return await self._ports.store.changes(graph, after, limit)
