"""Structured logs: JSON lines for machines, text for people; never a secret, never a body."""

import logging
import re
import sys
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor

from kgmem.settings import Settings

_SECRETS = re.compile(
    r"""(?ix) ( authorization['"]?\s*[:=]\s*['"]?(?:bearer\s+)?  # what a header says
              | bearer\s+
              | kgm_[a-z2-7]{12}_                                 # the secret part of an API key
              | (?<=://)[^\s:/@]*:(?=[^\s/]*@)                    # a password in a URL
              ) [^\s'"@]+"""
)
_NAMES = ("authorization", "password", "secret", "token", "api_key")


def configure(settings: Settings, *, stream: TextIO | None = None) -> None:
    """Send kgmem's and all libraries' logs to one stream (stderr), in the form that the settings ask for."""
    out = stream or sys.stderr
    as_text = settings.log_format == "text" or (settings.log_format == "auto" and out.isatty())
    level = getattr(logging, settings.log_level.upper())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    ending: list[Processor] = [structlog.processors.format_exc_info, redact, _renderer(as_text, out)]
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.INFO))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # At info these tell of every request to an embedding provider, every plugin, every minute's periodic job.
    for name in ("httpx", "alembic.runtime.plugins", "procrastinate"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Blot out secrets: named fields, and in texts what follows Authorization, Bearer, or user: in a URL."""
    for name, value in event.items():
        if name.lower() in _NAMES:
            event[name] = "***"
        elif isinstance(value, str) and len(value) > 8 and _SECRETS.search(value):
            event[name] = _SECRETS.sub(r"\1***", value)
    return event


def _renderer(as_text: bool, out: TextIO) -> Processor:
    if as_text:
        return structlog.dev.ConsoleRenderer(colors=out.isatty())
    return structlog.processors.JSONRenderer(serializer=_dump)


def _dump(event: EventDict, **_options: Any) -> str:
    return orjson.dumps(event, default=repr).decode()
