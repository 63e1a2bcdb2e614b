"""Problems: how errors look to a client (RFC 9457). One table says which error has which status."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from kgmem.bolt.failures import failure
from kgmem.bolt.handshake import Version
from kgmem.domain import errors
from kgmem_api.context import context_of
from kgmem_api.hints import hint_of

STATUS: Mapping[type[errors.KgmemError], int] = {
    errors.InvalidInput: 422,
    errors.TooLarge: 413,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.VersionConflict: 412,
    errors.CursorExpired: 410,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.Unavailable: 503,
    errors.TooManyRequests: 429,
    errors.OutOfSpace: 507,
    errors.TimedOut: 504,
    errors.DatabaseOutdated: 503,
    errors.ChecksumMismatch: 500,
}
_FACTS_SHOWN = 100
_PLAIN = Version(5, 0)  # Of which an error is only code and message.
_MOST_IN_JSON = 2**63 - 1  # What orjson writes.
_RETRY_AFTER_OUTDATED = 30  # Seconds: somebody has to migrate first.


class MalformedBody(errors.InvalidInput):
    """The body is not JSON."""

    code = "malformed-body"


class InvalidBody(errors.InvalidInput):
    """The body is not what this address takes."""

    code = "invalid-input"


STATUS = {**STATUS, MalformedBody: 400}


def problem(error: Exception, scope: Scope, request_id: str) -> Response:
    """Return the response for an error: what is wrong and how to fix it, and nothing of kgmem's inside."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), None)
    if status is None or not isinstance(error, errors.KgmemError):
        return _response(
            500,
            "internal-error",
            scope,
            request_id,
            title="kgmem failed.",
            detail="kgmem could not do this because of an error of its own.",
            hint=f"Tell whoever runs this server the request id {request_id}: its log has the cause.",
        )
    # What the facts of other errors name may be another tenant's.
    facts = error.facts if isinstance(error, errors.InvalidInput | errors.Conflict) else {}
    listed = facts.get("errors")
    if scope["path"].startswith("/db/"):
        # Clients of Neo4j's Query API know what to do by its codes.
        told = failure(error, _PLAIN)
        listed = [{"code": told["code"], "message": told["message"]}]
    return _response(
        status,
        error.code,
        scope,
        request_id,
        headers=_headers(error),
        title=(type(error).__doc__ or "").strip(),
        detail=error.message,
        hint=error.hint or None,
        errors=listed,
        facts=_shown({name: value for name, value in facts.items() if name != "errors"}) or None,
    )


def from_http(error: HTTPException, request: Request) -> Response:
    """Return the response for an error of the router: no such address, no such method."""
    status = HTTPStatus(error.status_code)
    hints = {404: "GET /openapi.json lists what there is.", 405: "The Allow header names the methods."}
    return _response(
        error.status_code,
        status.phrase.lower().replace(" ", "-"),
        request.scope,
        context_of(request).id,
        headers={**(error.headers or {}), **_allowed(error.status_code, request)},
        title=status.phrase + ".",
        detail=f"There is no {request.method} {request.url.path} here.",
        hint=hints.get(error.status_code),
    )


def _allowed(status: int, request: Request) -> dict[str, str]:
    """Return the Allow header of an address with all its methods; the router knows those of its first route alone."""
    if status != HTTPStatus.METHOD_NOT_ALLOWED:
        return {}
    methods = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return {"Allow": ", ".join(sorted(methods))}


def from_parameters(error: RequestValidationError, request: Request) -> Response:
    """Return the response for path or query parameters that are not what they must be."""
    # A location is ("query", name), and behind it the place inside of a parameter that is a list.
    found = [{"parameter": str(one["loc"][1]), "detail": one["msg"]} for one in error.errors()]
    told = "; ".join(f"{one['parameter']}: {one['detail']}" for one in found)
    first = error.errors()[0]
    hint = "Give it." if first["type"] == "missing" else hint_of(first["type"], first.get("ctx") or {})
    invalid = errors.InvalidInput(
        f"{told}.", hint=hint or "See /docs for what this address takes.", field=found[0]["parameter"], errors=found
    )
    return problem(invalid, request.scope, context_of(request).id)


def _headers(error: errors.KgmemError) -> dict[str, str]:
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="kgmem"'}
    if isinstance(error, errors.CommitUnknown):
        return {}  # Clients that retry by themselves must not, unless their keys make it safe.
    if isinstance(error, errors.Unavailable):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, errors.DatabaseOutdated):
        return {"Retry-After": str(_RETRY_AFTER_OUTDATED)}
    # What is left of a body that was too large is not read, so the connection cannot be used again.
    return {"Connection": "close"} if isinstance(error, errors.TooLarge) else {}


def _shown(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return those facts that JSON can carry, long lists cut."""
    shown: dict[str, Any] = {}
    for name, value in facts.items():
        if isinstance(value, int) and abs(value) > _MOST_IN_JSON:
            shown[name] = str(value)
        elif isinstance(value, str | int | float | bool):
            shown[name] = value
        elif isinstance(value, Sequence | set | frozenset):
            shown[name] = [str(part) for part in list(value)[:_FACTS_SHOWN]]
    return shown


def _response(
    status: int, code: str, scope: Scope, request_id: str, *, headers: Mapping[str, str] | None = None, **members: Any
) -> Response:
    body = {
        "type": f"urn:kgmem:error:{code}",
        "title": members.pop("title"),
        "status": status,
        "instance": scope["path"],
        **{name: value for name, value in members.items() if value is not None},
        "request_id": request_id,
    }
    return Response(orjson.dumps(body), status, headers, media_type="application/problem+json")
