"""Erasures of persons and scopes: dry runs, signed reports, and the search that finds no trace."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.erasure.erasure import ErasureRequest
from kgmem_api.access import Administers
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT

_Texts = Annotated[list[str], Field(max_length=20, description="In any letters; 3 to 500 characters each.")]


class ErasureRequestBody(BaseModel):
    """Whom or what to erase: a scope, or a person by keys of entities and by texts."""

    model_config = STRICT

    scope: Annotated[str | None, Field(default=None, max_length=400, description="With everything in it.")]
    below: Annotated[bool, Field(default=True, description="The scopes below it as well.")]
    entities: Annotated[
        list[str], Field(default=[], max_length=100, description="Keys of entities that are the person.")
    ]
    keys_in: Annotated[str, Field(default="", max_length=400, description="The scope of these entities.")]
    texts: Annotated[_Texts, Field(default=[], description="Names, addresses of e-mail and the like.")]
    whole_words: Annotated[
        bool, Field(default=False, description="They count only where no letter or digit is beside them.")
    ]
    reason: Annotated[str, Field(default="", max_length=1000, description="It is in the report, without the texts.")]
    dry_run: Annotated[bool, Field(default=False, description="Only return what would go, with samples.")]


class ErasureVerifyRequest(BaseModel):
    """Texts to search for again."""

    model_config = STRICT

    texts: Annotated[_Texts, Field(min_length=1, description="Those that were erased.")]
    report: Annotated[str | None, Field(default=None, max_length=100, description="The id of the erasure's report.")]


class SignedErasureReport(BaseModel):
    """A report with its signature."""

    report: Annotated[dict[str, Any], Field(description="What was removed and kept, with keyed hashes.")]
    algorithm: Annotated[str, Field(description="Ed25519, over the report as JSON with sorted keys and no spaces.")]
    public_key: Annotated[str, Field(description="In base64.")]
    signature: Annotated[str, Field(description="In base64.")]


class ErasurePlanResult(BaseModel):
    """What an erasure would take."""

    counts: Annotated[dict[str, int], Field(description="By kind.")]
    rows: Annotated[dict[str, int], Field(description="Rows that have one of the texts, by table.")]
    samples: Annotated[dict[str, list[str]], Field(description="Some of each kind.")]
    names: Annotated[list[str], Field(description="Texts that are searched for, names of the entities among them.")]
    common_names: Annotated[
        list[str], Field(description="Names of the entities that others may bear: only searched for as `texts`.")
    ]
    kept: Annotated[list[dict[str, Any]], Field(description="What would stay, and why.")]
    dry_run: bool


class ErasureVerification(BaseModel):
    """Where the texts are still."""

    clean: Annotated[bool, Field(description="They are nowhere but in what the report keeps.")]
    tables: Annotated[int, Field(description="How many were searched.")]
    found: Annotated[list[dict[str, Any]], Field(description="Tables that have one, with numbers of rows.")]
    files: Annotated[list[str], Field(description="Files of the server that have one.")]
    kept: Annotated[list[dict[str, Any]], Field(description="Tables that the report says it keeps.")]
    keys: Annotated[int, Field(description="How many keys of Redis were searched.")]
    unsearched: Annotated[
        list[str],
        Field(description="`redis`: it is away, or something waits to be erased there."),
    ]


class ErasureReportPage(BaseModel):
    """Reports of erasures."""

    reports: Annotated[list[SignedErasureReport], Field(description="The newest first.")]
    cursor: str | None


router = APIRouter(tags=["graphs"])
_ALL = "/v1/graphs/{graph}/erasures"


@router.post(
    _ALL,
    responses={**gives(SignedErasureReport, 201, "It is erased."), **gives(ErasurePlanResult, 200, "A dry run.")},
)
async def erase(
    graph: GraphName, access: Administers, asked: Annotated[ErasureRequestBody, Depends(JSONBody(ErasureRequestBody))]
) -> Response:
    """Erase a person or a scope, in the history and copies as well; returns a signed report.

    Texts that mention a person go as a whole; entities, blocks and states of others stay, without what names it. What
    is broken off is completed by the same request.
    """
    request = ErasureRequest(
        asked.scope, asked.below, asked.entities, asked.keys_in, asked.texts, asked.whole_words, asked.reason,
        access.key.id,
    )  # fmt: skip
    whole = access.key.graph is None  # Else the server's tables and files are not the key's.
    if asked.dry_run:
        return reply(asdict(await access.memory.erasures.plan(graph, request, server=whole)))
    return reply(asdict(await access.memory.erasures.erase(graph, request, server=whole)), status=201)


@router.get(_ALL, responses=gives(ErasureReportPage))
async def list_erasures(
    graph: GraphName, access: Administers, *, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the reports of erasures, the newest first."""
    page = await access.memory.erasures.reports(graph, cursor=cursor, limit=limit)
    return reply({"reports": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.post("/v1/graphs/{graph}/erasure-verifications", responses=gives(ErasureVerification))
async def verify_erasure(
    graph: GraphName,
    access: Administers,
    asked: Annotated[ErasureVerifyRequest, Depends(JSONBody(ErasureVerifyRequest))],
) -> Response:
    """Search every table, what Redis has, and the server's files for erased texts again."""
    whole = access.key.graph is None
    found = await access.memory.erasures.verify(graph, asked.texts, report=asked.report, server=whole)
    return reply(asdict(found))


@router.get(f"{_ALL}/{{report}}", responses=gives(SignedErasureReport))
async def get_erasure(
    graph: GraphName, access: Administers, report: Annotated[str, Path(max_length=100, description="Its id.")]
) -> Response:
    """Return the report of an erasure."""
    return reply(asdict(await access.memory.erasures.report(graph, report)))
