"""Health, metrics, and what this server is. Health and the documentation are open; metrics need a key."""

import asyncio
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from kgmem.domain.errors import DatabaseUnavailable, NotFound, Unavailable
from kgmem_api.access import ReadsWhole
from kgmem_api.replies import reply
from kgmem_api.routes.query_api import NEO4J_VERSION

# The documentation page: Swagger UI over the OpenAPI document. Its files come with kgmem; nothing is loaded
# elsewhere.
# The folder swagger_ui holds swagger-ui-dist 5.35.0 (Apache-2.0), unchanged but for a reference to a source map, and
# index.html and start.js, which are kgmem's own.

_FOLDER: Final = Path(__file__).parents[1] / "swagger_ui"
_PAGE: Final = "index.html"
_TYPES: Final = {
    _PAGE: "text/html; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_KEPT: Final = "max-age=3600"  # A browser may keep the scripts for an hour; another version has other ones.


def docs_file(name: str = _PAGE) -> FileResponse:
    """Return a file of the documentation page, the page itself without a name. Raises NotFound for any other file."""
    kind = _TYPES.get(name)
    if kind is None:
        raise NotFound(f"The documentation has no file {name!r}.", hint="Open /docs.")
    kept = "no-cache" if name == _PAGE else _KEPT
    return FileResponse(_FOLDER / name, media_type=kind, headers={**_HEADERS, "Cache-Control": kept})


router = APIRouter(tags=["server"])
_PROBE_SECONDS = 2.0


@router.get("/")
async def root() -> Response:
    """Return name, version and links of the server."""
    return reply(
        {
            "name": "kgmem",
            "what": "A knowledge-memory server.",
            "docs": "/docs",
            "openapi": "/openapi.json",
            "api": "/v1",
            # What Neo4j's drivers ask for first: where its Query API is, and of which version the server behaves.
            "query": "/db/{databaseName}/query/v2",
            "neo4j_version": NEO4J_VERSION,
            "neo4j_edition": "community",
        }
    )


@router.get("/health/live")
async def get_live() -> Response:
    """Return 200 while the process answers."""
    return reply({"status": "live"})


@router.get("/health/ready")
async def get_ready(request: Request) -> Response:
    """Return 200 while the database is reachable too; 503 while it is not, and once the server is stopping.

    The status is `degraded`, with `reasons`, while questions are answered and writes are not: on a full disk.
    """
    state = request.app.state
    if state.stopping.is_set():
        raise Unavailable("The server is stopping.", hint="Ask another one.")
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            health = await state.memory.server.health()
    except TimeoutError as error:
        raise DatabaseUnavailable(hint="Try again; the server's log says more.") from error
    return reply({"status": health.status, **({"reasons": health.reasons} if health.reasons else {})})


@router.get("/metrics", responses={200: {"description": "Figures.", "content": {"text/plain": {}}}})
async def get_metrics(request: Request, access: ReadsWhole) -> Response:
    """Return figures for Prometheus; needs a key of no graph and no scope, since they tell of all."""
    text = await request.app.state.metrics.text(access.memory)
    return Response(text, media_type="text/plain; version=0.0.4")


@router.get("/openapi.json", include_in_schema=False)
async def get_openapi(request: Request) -> Response:
    """Return the OpenAPI document."""
    return reply(await asyncio.to_thread(request.app.openapi))  # Made at the first request, in some 0.3 s.


@router.get("/docs", include_in_schema=False)
async def get_docs() -> Response:
    """Return the documentation as a page that sends requests; it loads nothing from elsewhere."""
    return docs_file()


@router.get("/docs/{file}", include_in_schema=False)
async def get_docs_file(file: str) -> Response:
    """Return a script, style or image of the documentation page."""
    return docs_file(file)
