"""Headers that every answer has, so that a browser does not misuse it; and CORS where it is set."""

from typing import Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from kgmem.settings import Settings
from kgmem.web_names import is_name, listed_in

# None of them replaces what a route sets: the page of the documentation has a policy of its own.
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
_SENT: Final = (
    "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID", "X-Request-ID",
)  # fmt: skip
_SHOWN: Final = ("ETag", "Location", "Retry-After", "X-Request-ID", "X-Flow-ID", "RateLimit", "RateLimit-Policy")
_PREFLIGHT_SECONDS: Final = 600

Headers = list[tuple[bytes, bytes]]


def secured(headers: Headers, host: str, *, tls: bool) -> Headers:
    """Return the headers of an answer with those that it lacks.

    A version that a client keeps (ETag) may be kept. Strict-Transport-Security is for names only: on `localhost` it
    would concern every program of this machine.
    """
    names = {name.lower() for name, _ in headers}
    if b"etag" in names:
        names.add(b"cache-control")
    added = [pair for pair in _HEADERS if pair[0] not in names]
    if tls and is_name(host):
        added.append(_HSTS)
    return [*headers, *added]


def allow_origins(app: FastAPI, settings: Settings) -> None:
    """Allow the web pages of KGMEM_ORIGINS to read answers; without it no page of another origin can."""
    origins = listed_in(settings.origins)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[each.rstrip("/") for each in origins],
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=_SENT,
            expose_headers=_SHOWN,
            max_age=_PREFLIGHT_SECONDS,
        )
