"""Cypher: queries of any kind, and those that came with kgmem."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from kgmem.domain.cypher import CypherAnswer
from kgmem.query.values.elements import is_much
from kgmem.query.values.wire import from_json, to_json
from kgmem_api.access import Access, Reads, ReadsAnywhere
from kgmem_api.bodies import JSONBody, in_turn
from kgmem_api.context import context_of, note_answer, note_writing
from kgmem_api.direct import DirectRoute
from kgmem_api.parameters import GraphName, gives
from kgmem_api.replies import reply
from kgmem_api.wire.cypher import CypherRequest, CypherResult, NamedQueryList

router = APIRouter(tags=["cypher"], route_class=DirectRoute)
_LINES = "application/x-ndjson"
_AT_ONCE = 1_000  # Rows of one chunk of JSON Lines.


@router.post("/v1/graphs/{graph}/cypher", responses=gives(CypherResult, text="Columns, rows and counters."))
async def cypher(
    graph: GraphName,
    request: Request,
    access: Reads,
    asked: Annotated[CypherRequest, Depends(JSONBody(CypherRequest, free="parameters"))],
) -> Response:
    """Answer a Cypher query. It reads only, unless the mode is write, which needs a key with the role writer.

    With `Accept: application/x-ndjson` the answer comes as JSON Lines: the columns, a line for each row, the counters.
    """
    parameters = await in_turn(request, _parameters, asked.parameters)
    answer = await _answered(graph, access, asked, parameters)
    if _LINES in request.headers.get("accept", ""):
        context_of(request).unlimited()
        return StreamingResponse(_lines(answer), media_type=_LINES)
    if is_much(answer.rows):
        return await asyncio.to_thread(_whole, answer)
    return _whole(answer)


@router.get("/v1/queries", responses=gives(NamedQueryList))
async def list_queries(access: ReadsAnywhere) -> Response:
    """Return the queries that came with kgmem: what each answers, its parameters and its columns."""
    return reply({"queries": list(access.memory.queries.all().values())})


def _parameters(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {name: from_json(value) for name, value in plain.items()}


async def _answered(graph: str, access: Access, asked: CypherRequest, parameters: dict[str, Any]) -> CypherAnswer:
    if asked.mode == "write":
        note_writing()
        access.key.demand("writer", graph)
    text = asked.query or ""
    if asked.named is not None:
        named = access.memory.queries.get(asked.named)
        text, parameters = named.text, named.filled(parameters)
    answer = await access.memory.cypher(
        graph,
        text,
        parameters,
        mode=asked.mode,
        scope=asked.asked_scope(access.key, graph),
        seconds=asked.timeout,
        asker=access.key,
    )
    note_answer(answer.graphs, writes=answer.writes)
    return answer


def _whole(answer: CypherAnswer) -> Response:
    rows = [[to_json(value) for value in row] for row in answer.rows]
    told: dict[str, Any] = {"columns": answer.columns, "rows": rows, "counters": answer.counters}
    return reply(told if answer.plan is None else {**told, "plan": answer.plan})


def _written(rows: Sequence[Sequence[Any]]) -> bytes:
    return b"".join(orjson.dumps([to_json(value) for value in row]) + b"\n" for row in rows)


async def _lines(answer: CypherAnswer) -> AsyncIterator[bytes]:
    yield orjson.dumps({"columns": answer.columns}) + b"\n"
    for start in range(0, len(answer.rows), _AT_ONCE):
        part = answer.rows[start : start + _AT_ONCE]
        yield await asyncio.to_thread(_written, part) if is_much(part) else _written(part)
        await asyncio.sleep(0)  # Lets other requests go on between two chunks.
    plan = {} if answer.plan is None else {"plan": answer.plan}
    yield orjson.dumps({"rows": len(answer.rows), "counters": answer.counters, **plan}) + b"\n"
