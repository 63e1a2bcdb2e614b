"""Neo4j's Query API v2, so that its drivers work over HTTP: GraphDatabase.driver("http://...").

The name of the database is that of the graph. A key is sent as the password of any user, or as a bearer token.
"""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from kgmem.domain.access import Key
from kgmem.domain.cypher import CypherAnswer, CypherQuery, Mode
from kgmem.domain.errors import Forbidden
from kgmem.query.values.elements import is_much
from kgmem.query.values.query_api import typed, untyped
from kgmem.query.values.wire import to_json
from kgmem_api.access import Access, ReadsDatabase
from kgmem_api.bodies import JSONBody, in_turn
from kgmem_api.context import note_answer, note_writing
from kgmem_api.parameters import GraphName, gives
from kgmem_api.query_sessions import Session, Sessions
from kgmem_api.replies import reply
from kgmem_api.wire.answers import Problem
from kgmem_api.wire.cypher import demanded_scope

LENIENT = ConfigDict(extra="ignore", strict=True)


def _capitalized(value: Any) -> Any:
    """Write a mode as the document does: drivers write it in any case."""
    return value.capitalize() if isinstance(value, str) else value


class QueryRequest(BaseModel):
    """A statement, its parameters in typed JSON, and whether it only reads."""

    model_config = LENIENT

    statement: Annotated[str, Field(max_length=1_000_000)] = ""
    parameters: dict[str, Any] = {}
    access_mode: Annotated[
        Literal["Read", "Write"] | None, BeforeValidator(_capitalized), Field(alias="accessMode")
    ] = None
    include_counters: Annotated[bool, Field(alias="includeCounters")] = False
    bookmarks: list[str] = []

    def mode(self, allowed: Mode) -> Mode:
        """Return what it may do: write, unless it says that it reads, or its key can only read."""
        return "read" if self.access_mode == "Read" else allowed


class QueryResult(BaseModel):
    """Fields and values, in typed JSON where it was requested."""

    data: dict[str, Any]
    counters: dict[str, Any] | None = None
    bookmarks: list[str] = []
    transaction: dict[str, str] | None = None


class QueryError(BaseModel):
    """One error by its code in Neo4j's terms."""

    code: str
    message: str


class QueryProblem(Problem):
    """A problem (RFC 9457) whose errors have Neo4j's codes, by which its clients know what to do."""

    errors: list[QueryError] | None = None  # type: ignore[assignment]


NEO4J_VERSION = "5.26.0"  # The version whose behaviour drivers may expect.
TYPED = "application/vnd.neo4j.query"

router = APIRouter(tags=["query api"])
Asked = Annotated[QueryRequest, Depends(JSONBody(QueryRequest, optional=True, free="parameters"))]


@router.post("/db/{graph}/query/v2", status_code=202, responses=gives(QueryResult, 202))
async def query_api_run(graph: GraphName, request: Request, access: ReadsDatabase, asked: Asked) -> Response:
    """Answer a query in a transaction of its own."""
    graph = access.graph or graph
    await access.memory.server.check_bookmarks(asked.bookmarks)
    mode = asked.mode(_most(access.key, graph))
    if mode == "write":
        note_writing()
    answer = await access.memory.cypher(
        graph,
        asked.statement,
        await in_turn(request, untyped, asked.parameters),
        mode=mode,
        scope=demanded_scope(access.key, None),
        asker=access.key,
    )
    note_answer(answer.graphs, writes=answer.writes)
    return await _told(request, asked, answer, bookmarks=[await access.memory.server.bookmark()])


@router.post("/db/{graph}/query/v2/tx", status_code=202, responses=gives(QueryResult, 202))
async def query_api_begin(graph: GraphName, request: Request, access: ReadsDatabase, asked: Asked) -> Response:
    """Begin a transaction, with its first query where there is one."""
    graph = access.graph or graph
    await access.memory.server.check_bookmarks(asked.bookmarks)
    mode = asked.mode(_most(access.key, graph))
    scope = demanded_scope(access.key, None)
    session = await _sessions(request).begin(access.memory, graph, access.key, mode, scope)
    return await _next(request, access, session, asked)


@router.post("/db/{graph}/query/v2/tx/{id}", status_code=202, responses=gives(QueryResult, 202))
async def query_api_continue(
    graph: GraphName,
    id: str,  # noqa: A002 - the name in the address
    request: Request,
    access: ReadsDatabase,
    asked: Asked,
) -> Response:
    """Answer one more query of a transaction."""
    return await _next(request, access, _sessions(request).get(id, access.graph or graph, access.key), asked)


@router.post("/db/{graph}/query/v2/tx/{id}/commit", status_code=202, responses=gives(QueryResult, 202))
async def query_api_commit(
    graph: GraphName,
    id: str,  # noqa: A002 - the name in the address
    request: Request,
    access: ReadsDatabase,
    asked: Asked,
) -> Response:
    """Keep what a transaction wrote, after a last query where there is one."""
    sessions = _sessions(request)
    session = sessions.get(id, access.graph or graph, access.key)
    async with session.lock:
        try:
            answer = await _run(request, access, session, asked)
            await session.transaction.commit()
        finally:
            await sessions.end(session)
    return await _told(request, asked, answer, bookmarks=[await access.memory.server.bookmark()])


@router.delete("/db/{graph}/query/v2/tx/{id}", responses=gives(QueryResult))
async def query_api_roll_back(graph: GraphName, id: str, request: Request, access: ReadsDatabase) -> Response:  # noqa: A002
    """Undo what a transaction wrote."""
    sessions = _sessions(request)
    await sessions.end(sessions.get(id, access.graph or graph, access.key))
    return reply({})


async def _next(request: Request, access: Access, session: Session, asked: QueryRequest) -> Response:
    async with session.lock:
        try:
            answer = await _run(request, access, session, asked)
        except BaseException:
            await _sessions(request).end(session)
            raise
        _sessions(request).keep(session)
    expires = datetime.fromtimestamp(session.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return await _told(request, asked, answer, transaction={"id": session.id, "expires": expires})


async def _run(request: Request, access: Access, session: Session, asked: QueryRequest) -> CypherAnswer | None:
    if not asked.statement:
        return None
    parameters = await in_turn(request, untyped, asked.parameters)
    query = CypherQuery(asked.statement, parameters, session.mode, asker=access.key)
    if session.mode == "write":
        note_writing()
    answer = await session.transaction.run(query)
    note_answer(answer.graphs, writes=answer.writes)
    return answer


def _most(key: Key, graph: str) -> Mode:
    """Return the most that a key may do with a graph."""
    try:
        key.demand("writer", graph)
    except Forbidden:
        return "read"
    return "write"


def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


async def _told(request: Request, asked: QueryRequest, answer: CypherAnswer | None, **members: Any) -> Response:
    as_typed = TYPED in request.headers.get("accept", "")
    told: dict[str, Any] = dict(members)
    if answer is not None:
        encode = _values if not is_much(answer.rows) else None
        values = encode(answer, as_typed) if encode else await asyncio.to_thread(_values, answer, as_typed)
        told["data"] = {"fields": answer.columns, "values": values}
        if asked.include_counters:
            told["counters"] = _counters(answer)
        told["queryType"] = "rw" if answer.writes else "r"
    response = reply(told, 202)
    response.headers["Content-Type"] = TYPED if as_typed else "application/json"
    return response


def _values(answer: CypherAnswer, as_typed: bool) -> list[list[Any]]:
    if as_typed:
        return [[typed(value, str) for value in row] for row in answer.rows]
    return [[to_json(value) for value in row] for row in answer.rows]


def _counters(answer: CypherAnswer) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, count in answer.counters.items():
        first, *rest = name.split("_")
        found[first + "".join(word.title() for word in rest)] = count
    updates = any(answer.counters.values())
    return {**found, "containsUpdates": updates, "systemUpdates": 0, "containsSystemUpdates": False}
