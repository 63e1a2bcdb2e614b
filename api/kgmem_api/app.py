"""The app: routes, middleware, error handlers and the memory behind them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response

from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem_api import problems
from kgmem_api.bodies import Room
from kgmem_api.document import document
from kgmem_api.metrics import Metrics
from kgmem_api.query_sessions import Sessions
from kgmem_api.requests import Requests
from kgmem_api.routes import (
    causality,
    changes,
    claims,
    communities,
    cypher,
    decisions,
    entities,
    episodes,
    export,
    facts,
    graphs,
    health,
    imports,
    integrity,
    jobs,
    keys,
    merges,
    query_api,
    reading,
    recall,
    relationships,
    schema,
    sources,
    summaries,
    view,
)

Opener = Callable[[], AbstractAsyncContextManager[Memory]]

# The busiest first: addresses are tried in this order.
_ROUTERS = (
    entities.router,
    relationships.router,
    recall.router,
    cypher.router,
    causality.router,
    view.router,
    episodes.router,
    reading.router,
    claims.router,
    facts.router,
    decisions.router,
    merges.router,
    communities.router,
    summaries.router,
    sources.router,
    changes.router,
    imports.router,
    export.router,
    schema.router,
    graphs.router,
    integrity.router,
    jobs.router,
    keys.router,
    query_api.router,
    health.router,
)
_GZIP_FROM = 1024  # Bytes; below, packing costs more than it saves.
_GZIP_LEVEL = 4
_LARGEST_BODIES = 8  # So many of the largest size may be under way at once.


def create_app(memory: Memory | Opener | None, *, settings: Settings) -> FastAPI:
    """Give the app over a memory that is open, or over one that it opens when it starts and closes when it ends.

    Without a memory the app only tells its OpenAPI document.
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
    state.metrics = Metrics()
    state.stopping = asyncio.Event()
    state.streams = state.exports = 0
    state.sessions = Sessions(settings.transaction_idle)
    state.room = Room(settings.max_body * _LARGEST_BODIES)
    if isinstance(memory, Memory):
        state.memory = memory
    app.add_middleware(GZipMiddleware, minimum_size=_GZIP_FROM, compresslevel=_GZIP_LEVEL)
    app.add_middleware(Requests, settings=settings, metrics=state.metrics)
    for router in _ROUTERS:
        # Taken over rather than included, so that app.routes lists every address.
        app.router.routes.extend(router.routes)
    app.openapi = partial(_openapi, app)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    return app


@asynccontextmanager
async def _lifespan(opener: Opener, app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        app.state.memory = await stack.enter_async_context(opener())
        yield
        app.state.stopping.set()
        await app.state.sessions.aclose()


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
