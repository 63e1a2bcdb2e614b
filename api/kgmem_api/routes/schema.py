"""Schema, check and stats: what a graph may hold, whether it does, and how much it holds."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from kgmem.domain.schema.schema import to_mapping
from kgmem.memory import Memory
from kgmem_api.access import Administers, Reads, ReadsWhole
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import GraphName, gives
from kgmem_api.replies import reply
from kgmem_api.wire.answers import GraphSchema, GraphStatsShape, SchemaViolationList
from kgmem_api.wire.graphs import SchemaRequest

router = APIRouter(tags=["schema and figures"])
_SCHEMA = "/v1/graphs/{graph}/schema"


@router.get(_SCHEMA, responses=gives(GraphSchema))
async def get_schema(graph: GraphName, access: Reads) -> Response:
    """Return the schema that holds in a graph: the core and the graph's own."""
    return await _schema(access.memory, graph)


@router.patch(_SCHEMA, responses=gives(GraphSchema))
async def patch_schema(
    graph: GraphName, access: Administers, asked: Annotated[SchemaRequest, Depends(JSONBody(SchemaRequest))]
) -> Response:
    """Extend the graph's own schema; gives the schema that then holds."""
    await access.memory.graphs.update(graph, schema=asked.graph_schema)
    return await _schema(access.memory, graph)


@router.put(_SCHEMA, responses=gives(GraphSchema))
async def put_schema(
    graph: GraphName, access: Administers, asked: Annotated[SchemaRequest, Depends(JSONBody(SchemaRequest))]
) -> Response:
    """Replace the graph's own schema; what comes with kgmem stays. Gives the schema that then holds."""
    await access.memory.graphs.update(graph, schema=asked.graph_schema, replacing=True)
    return await _schema(access.memory, graph)


@router.get("/v1/graphs/{graph}/schema/violations", responses=gives(SchemaViolationList))
async def check_graph(graph: GraphName, access: ReadsWhole) -> Response:
    """Compare the live graph with its schema as if it were strict. Reads all of it."""
    return reply({"violations": [asdict(found) for found in await access.memory.graphs.check_schema(graph)]})


@router.get("/v1/graphs/{graph}/stats", responses=gives(GraphStatsShape))
async def get_stats(graph: GraphName, access: ReadsWhole) -> Response:
    """Count what a graph holds."""
    return reply(await access.memory.graphs.stats(graph))


async def _schema(memory: Memory, graph: str) -> Response:
    held = await memory.graphs.get(graph)
    return reply({"strict": held.strict, "schema": to_mapping(await memory.graphs.schema(graph))})
