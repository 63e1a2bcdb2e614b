"""Recall: one question, ranked hits that say why."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from kgmem_api.access import Reads
from kgmem_api.bodies import JSONBody
from kgmem_api.direct import DirectRoute
from kgmem_api.parameters import GraphName, gives
from kgmem_api.replies import reply
from kgmem_api.wire.recall import RecallRequest, RecallResult

router = APIRouter(tags=["recall"], route_class=DirectRoute)


@router.post("/v1/graphs/{graph}/recall", responses=gives(RecallResult, text="The hits, best first."))
async def recall(
    graph: GraphName, access: Reads, asked: Annotated[RecallRequest, Depends(JSONBody(RecallRequest))]
) -> Response:
    """Answer a question. It sees its scope, the scopes above it, and what is shared.

    Parts of a question that this release does not answer are refused by name.
    """
    return reply(await access.memory.recall(graph, asked.question(access.key)))
