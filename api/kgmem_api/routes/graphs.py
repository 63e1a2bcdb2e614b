"""Graphs: create, list, read, change, delete."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from kgmem.domain.errors import Conflict
from kgmem.domain.graph.graph import Graph
from kgmem.domain.schema.schema import from_mapping, to_mapping
from kgmem_api.access import Administers, Reads, ReadsAnywhere
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import GraphName, gives
from kgmem_api.replies import reply
from kgmem_api.wire.answers import GraphList, GraphSettings
from kgmem_api.wire.graphs import GraphRequest, GraphUpdateRequest, graph_out

router = APIRouter(tags=["graphs"])
_ALL = "/v1/graphs"
_ONE = "/v1/graphs/{graph}"


@router.get(_ALL, responses=gives(GraphList))
async def list_graphs(access: ReadsAnywhere) -> Response:
    """List the graphs that the key sees, by name."""
    graphs = [held for held in await access.memory.graphs.list() if access.key.graph in (None, held.name)]
    return reply({"graphs": [graph_out(held) for held in graphs]})


@router.put(
    _ONE, responses={**gives(GraphSettings, text="It was there, as asked."), **gives(GraphSettings, 201, "Created.")}
)
async def put_graph(
    graph: GraphName,
    access: Administers,
    asked: Annotated[GraphRequest, Depends(JSONBody(GraphRequest, optional=True))],
) -> Response:
    """Create a graph. One that is there is left as it is; 409 when it differs from what the body asks for."""
    given: dict[str, Any] = {
        "strict": asked.strict,
        "schema": asked.graph_schema,
        "fusion": asked.fusion,
        "facts": asked.facts,
        "extraction": asked.extraction,
        "recipe": asked.recipe,
    }
    if "embedding" in asked.model_fields_set:
        given["space"] = asked.embedding.space() if asked.embedding else None
    try:
        return reply(graph_out(await access.memory.graphs.create(graph, **given)), 201)
    except Conflict:
        held = await access.memory.graphs.get(graph)
        if departing := _departing(held, asked):
            raise Conflict(
                f"The graph {graph!r} exists with other settings: {', '.join(departing)}.",
                hint=f"PATCH /v1/graphs/{graph} changes settings; jobs (reembed) change the embedding.",
            ) from None
        return reply(graph_out(held))


@router.get(_ONE, responses=gives(GraphSettings))
async def get_graph(graph: GraphName, access: Reads) -> Response:
    """Return a graph and its settings."""
    return reply(graph_out(await access.memory.graphs.get(graph)))


@router.patch(_ONE, responses=gives(GraphSettings))
async def patch_graph(
    graph: GraphName, access: Administers, asked: Annotated[GraphUpdateRequest, Depends(JSONBody(GraphUpdateRequest))]
) -> Response:
    """Change a graph's settings; omitted settings are unchanged, a schema extends the existing one."""
    changed = await access.memory.graphs.update(
        graph,
        strict=asked.strict,
        schema=asked.graph_schema,
        fusion=asked.fusion,
        facts=asked.facts,
        extraction=asked.extraction,
        recipe=asked.recipe,
    )
    return reply(graph_out(changed))


@router.delete(_ONE, status_code=204, responses={204: {"description": "Deleted."}})
async def delete_graph(graph: GraphName, access: Administers) -> Response:
    """Delete a graph with all that it holds, its history too."""
    await access.memory.graphs.delete(graph)
    return Response(status_code=204)


def _departing(held: Graph, asked: GraphRequest) -> list[str]:
    """Name the settings that the body gives and that the graph has otherwise."""
    given = asked.model_fields_set
    space = asked.embedding.space() if asked.embedding else None
    own = to_mapping(from_mapping(asked.graph_schema)) if asked.graph_schema else {}
    differs = {
        "strict": "strict" in given and asked.strict != held.strict,
        "schema": "graph_schema" in given and own != dict(held.schema),
        "embedding": "embedding" in given and (space and space.id) != (held.space and held.space.id),
        "fusion": "fusion" in given and asked.fusion != held.fusion,
        "facts": "facts" in given and asked.facts != held.facts,
        "extraction": "extraction" in given and asked.extraction != held.extraction,
        "recipe": "recipe" in given and asked.recipe != held.recipe,
    }
    return [name for name, departs in differs.items() if departs]
