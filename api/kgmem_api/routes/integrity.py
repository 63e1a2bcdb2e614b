"""Integrity: whether what a graph stores is what it is derived from; for admins."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.diagnostics import IntegrityReport
from kgmem.domain.errors import NotFound
from kgmem_api.access import Administers
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import GraphName, gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT
from kgmem_api.wire.shapes import copied, many, shape

# The wire models of integrity checks.


class IntegrityCheckRequest(BaseModel):
    """What an integrity check may change: nothing unless `repair` is set."""

    model_config = STRICT

    repair: Annotated[bool, Field(description="Repair what can be derived from what is not damaged.")] = False


IntegrityReportShape = copied(
    IntegrityReport,
    "IntegrityReport",
    "What one check found: damage that is left, damage that was repaired, and what could not be checked and why.",
    graph="Null for the database as a whole.",
)


IntegrityReportList = shape(
    "IntegrityReportList",
    "The newest reports, oldest first.",
    reports=many(IntegrityReportShape),
)


router = APIRouter(tags=["integrity"])
_ONE = "/v1/graphs/{graph}/integrity-checks"
_Asked = Annotated[IntegrityCheckRequest, Depends(JSONBody(IntegrityCheckRequest, optional=True))]


@router.post(_ONE, responses=gives(IntegrityReportShape))
async def post_integrity_check(graph: GraphName, access: Administers, asked: _Asked) -> Response:
    """Check a graph for damage, and repair derived data with `repair`. It reads all of the graph: for a large one queue
    the job `check_integrity` instead, and read its report here.
    """
    (report,) = await access.memory.index.check_integrity(graph, repair=asked.repair)
    return reply(report)


@router.get(_ONE, responses=gives(IntegrityReportShape))
async def get_integrity_check(graph: GraphName, access: Administers) -> Response:
    """Return the newest report of a graph; a job makes one every day."""
    await access.memory.graphs.get(graph)
    reports = await access.memory.index.integrity_reports(graph)
    if not reports:
        raise NotFound(f"The graph {graph!r} was not checked yet.", hint="POST to the same address checks it.")
    return reply(reports[-1])


@router.get("/v1/integrity-checks", responses=gives(IntegrityReportList))
async def list_integrity_checks(access: Administers) -> Response:
    """List the newest report of every graph and of the database, oldest first."""
    return reply({"reports": await access.memory.index.integrity_reports()})
