"""The app: routes, middleware, error handlers and the memory behind them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response

from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem_api import problems
from kgmem_api.access import Demand
from kgmem_api.bodies import JSONBody, Room
from kgmem_api.descriptions import describe
from kgmem_api.examples import PATH, PATHS, QUERIES, QUERY, REQUESTS
from kgmem_api.mcp_endpoint import MCPEndpoint
from kgmem_api.metrics import Metrics
from kgmem_api.operations import OPERATIONS
from kgmem_api.query_sessions import Sessions
from kgmem_api.requests import Requests
from kgmem_api.routes import (
    adjudications,
    agent_states,
    changes,
    claims,
    communities,
    cypher,
    entities,
    episodes,
    export,
    extraction,
    facts,
    graphs,
    health,
    imports,
    integrity,
    keys,
    merges,
    query_api,
    recall,
    relationships,
    schema,
    sessions,
    sources,
    view,
)
from kgmem_api.routes.agents import (
    blocks,
    decisions,
    distillation,
    events,
    feedback,
    named_streams,
    presence,
    publications,
    scopes,
    streams,
    subscriptions,
    tiers,
    webhooks,
)
from kgmem_api.routes.ledger import routes as ledger_routes
from kgmem_api.routes.lifecycle import erasures, holds, retention
from kgmem_api.routes.operations import audit, backups, cache, flows, jobs
from kgmem_api.routes.query_api import QueryProblem
from kgmem_api.security_headers import allow_origins
from kgmem_api.siblings import Share, Siblings
from kgmem_api.wire.answers import Problem

# The OpenAPI document: what FastAPI knows of the routes, and the bodies, rights and problems that it does not see.

_PLACE = "#/components/schemas/{model}"
_DESCRIPTION = """The REST API of kgmem, a knowledge-memory server.

Send `Authorization: Bearer KEY`. Times are ISO 8601 (a year or a month is an interval), places are GeoJSON, errors
are problem+json (RFC 9457). A key restricted to a graph or to a scope sees nothing of another. Unknown fields and
unknown parameters are refused. Bodies may be gzip. Every answer has an X-Request-ID."""


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an app."""
    whole = get_openapi(title="kgmem", version="v1", description=_DESCRIPTION, routes=app.routes)
    schemas = whole.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    whole["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    _defined(TypeAdapter(Problem), schemas)
    _defined(TypeAdapter(QueryProblem), schemas)
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                _complete(whole["paths"][route.path_format][method.lower()], route, schemas)
    whole["components"]["schemas"] = dict(sorted(schemas.items()))
    describe(whole)
    return whole


def dependencies(dependant: Dependant) -> Iterator[Any]:
    """Return all that a route depends on, however deep."""
    for inner in dependant.dependencies:
        yield inner.call
        yield from dependencies(inner)


def _complete(operation: dict[str, Any], route: APIRoute, schemas: dict[str, Any]) -> None:
    """Add body, right and problems to one operation."""
    operation["operationId"], operation["summary"] = OPERATIONS[route.name]
    _show_parameters(operation, route.name)
    operation["responses"].pop("422", None)
    model = QueryProblem.__name__ if route.path_format.startswith("/db/") else Problem.__name__
    problem = {"application/problem+json": {"schema": {"$ref": _PLACE.format(model=model)}}}
    operation["responses"]["default"] = {"description": "A problem (RFC 9457).", "content": problem}
    for needed in dependencies(route.dependant):
        if isinstance(needed, Demand):
            operation["security"] = [{"key": []}]
            whole = ", of no scope" if needed.whole or needed.role == "admin" else ""
            told = f"Needs a key with the role {' or '.join([needed.role, *needed.also])}{whole}."
            operation["description"] = f"{operation.get('description', '')}\n\n{told}".strip()
        if isinstance(needed, JSONBody):
            schema = _defined(needed.parser.adapter, schemas)
            content = {"application/json": {"schema": schema}}
            content["application/json"]["example"] = REQUESTS[route.name]
            operation["requestBody"] = {"required": not needed.optional, "content": content}


def _show_parameters(operation: dict[str, Any], route: str) -> None:
    """Add examples of the parameters that a request must have; the page would send those of others, too."""
    for parameter in operation.get("parameters", ()):
        if parameter.get("required"):
            examples = PATH | PATHS.get(route, {}) if parameter["in"] == "path" else QUERY | QUERIES.get(route, {})
            found = examples[parameter["name"]]
            parameter["example"] = [found] if parameter["schema"].get("type") == "array" else found


def _defined(adapter: TypeAdapter[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return an adapter's JSON Schema; what it defines goes to the document's schemas."""
    schema = adapter.json_schema(ref_template=_PLACE)
    schemas.update(schema.pop("$defs", {}))
    title = schema.get("title")
    if not title:
        return schema
    schemas[title] = schema
    return {"$ref": _PLACE.format(model=title)}


Opener = Callable[[], AbstractAsyncContextManager[Memory]]

# The busiest first: addresses are tried in this order.
_ROUTERS = (
    entities.router,
    relationships.router,
    recall.router,
    cypher.router,
    view.router,
    episodes.router,
    extraction.router,
    claims.router,
    facts.router,
    adjudications.router,
    merges.router,
    communities.router,
    distillation.router,
    agent_states.router,
    ledger_routes.router,
    decisions.router,
    sessions.router,
    blocks.router,
    feedback.router,
    publications.router,
    scopes.router,
    erasures.router,
    tiers.router,
    holds.router,
    retention.router,
    subscriptions.router,
    events.router,
    streams.router,
    named_streams.router,
    presence.router,
    webhooks.router,
    sources.router,
    changes.router,
    imports.router,
    export.router,
    schema.router,
    graphs.router,
    integrity.router,
    backups.router,
    cache.router,
    jobs.router,
    flows.router,
    keys.router,
    audit.router,
    query_api.router,
    health.router,
)
_GZIP_FROM = 1024  # Bytes; below, packing costs more than it saves.
_GZIP_LEVEL = 4
_LARGEST_BODIES = 8  # So many of the largest size may be under way at once.


def create_app(memory: Memory | Opener | None, *, settings: Settings, share: Share | None = None) -> FastAPI:
    """Return the app over a memory that is open, or over one that it opens when it starts and closes when it ends.

    Without a memory the app only tells its OpenAPI document. With a `share` it is one of several processes.
    """
    app = FastAPI(
        title="kgmem",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=partial(_lifespan, memory) if callable(memory) else None,
        exception_handlers={HTTPException: _http, RequestValidationError: _parameters},
    )
    state = app.state
    state.settings = settings
    state.metrics = Metrics(share.folder if share else None)
    state.stopping = asyncio.Event()
    state.streams = Counter()  # By key.
    state.exports = 0
    state.sessions = Sessions(settings.transaction_idle, process=share.number if share else None)
    state.room = Room(settings.max_body * _LARGEST_BODIES)
    if isinstance(memory, Memory):
        state.memory = memory
    if share:
        app.add_middleware(Siblings, share=share)
    app.add_middleware(GZipMiddleware, minimum_size=_GZIP_FROM, compresslevel=_GZIP_LEVEL)
    app.add_middleware(Requests, settings=settings, metrics=state.metrics)
    allow_origins(app, settings)
    for router in _ROUTERS:
        # Taken over rather than included, so that app.routes lists every address.
        app.router.routes.extend(router.routes)
    state.mcp = MCPEndpoint(settings, share)
    if settings.mcp:
        app.router.routes.append(state.mcp.route)
    app.openapi = partial(_openapi, app)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    return app


@asynccontextmanager
async def _lifespan(opener: Opener, app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        app.state.memory = await stack.enter_async_context(opener())
        yield
        app.state.stopping.set()
        await close(app)


async def close(app: FastAPI) -> None:
    """Close what requests have left open: interactive transactions, and the transport of MCP."""
    await app.state.sessions.aclose()
    await app.state.mcp.aclose()


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = document(app)
    return app.openapi_schema


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette calls it for these only
    return problems.from_http(error, request)


async def _parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - Starlette calls it for these only
    return problems.from_parameters(error, request)
