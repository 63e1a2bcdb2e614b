"""Views: the part of a graph that a viewer shows, as JSON or as a file of a format for viewers."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.view import Subgraph
from kgmem.services.recall.view import drawn
from kgmem_api.access import Reads
from kgmem_api.bodies import JSONBody
from kgmem_api.media_types import media_type
from kgmem_api.parameters import GraphName, gives
from kgmem_api.replies import reply
from kgmem_api.wire.view import NeighbourhoodAsked, ViewIn, ViewOut, view_out

router = APIRouter(tags=["views"])


@router.get("/v1/graphs/{graph}/neighbourhood", responses=gives(ViewOut))
async def neighbourhood(graph: GraphName, access: Reads, asked: Annotated[NeighbourhoodAsked, Query()]) -> Response:
    """Give what lies around entities: other entities, the nearest first, and the relationships between all of them."""
    return await _given(await access.memory.views.neighbourhood(graph, asked.neighbourhood(access.key)), asked.format)


@router.post("/v1/graphs/{graph}/view", responses=gives(ViewOut))
async def view(graph: GraphName, access: Reads, asked: Annotated[ViewIn, Depends(JSONBody(ViewIn))]) -> Response:
    """Give what lies around entities, or around what a question finds or a query gives."""
    around = asked.neighbourhood(access.key)
    if sum(each is not None for each in (asked.keys or None, asked.recall, asked.cypher)) != 1:
        problem = "A view is of entities, or of what a question finds, or of what a query gives."
        raise InvalidInput(problem, mend="Give either keys or recall or cypher.")
    if asked.cypher is not None:
        query = asked.cypher.asked(access.key, around.scope)
        return await _given(await access.memory.views.of_cypher(graph, query, around), asked.format)
    if asked.recall is None:
        return await _given(await access.memory.views.neighbourhood(graph, around), asked.format)
    question = asked.recall.question(access.key)
    return await _given(await access.memory.views.of_recall(graph, question, around), asked.format)


async def _given(seen: Subgraph, form: str) -> Response:
    if form == "json":
        return reply(view_out(seen))
    return Response(await drawn(seen, form), media_type=media_type(form, several=False, compression=None))
