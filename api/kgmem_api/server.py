"""The server: uvicorn, run by kgmem itself, on loopback by default."""

import asyncio
import gc
import logging
import math
import os
import re
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from typing import Any, TextIO

import orjson
import structlog
import uvicorn
from fastapi import FastAPI
from structlog.typing import EventDict, Processor

from kgmem.certificates import HANDSHAKE_SECONDS, certificate_of
from kgmem.domain.errors import ServerError
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem.web_names import listed_in
from kgmem_api.app import Opener, create_app
from kgmem_api.connections import limited
from kgmem_api.siblings import Share

# Structured logs: JSON lines for machines, text for people; never a secret, never a body.

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
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, own_fields],
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
    for name in ("httpx", "alembic.runtime.plugins", "procrastinate", "mcp", "sse_starlette"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def own_fields(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Show an event of kgmem's own (kgmem/log.py) by its key and fields rather than as one text."""
    record = event["_record"]
    if not hasattr(record, "kgmem_event"):
        return event
    return {**event, **record.kgmem_fields, "event": record.kgmem_event}


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


Beside = Callable[[Memory], AbstractAsyncContextManager[object]]
# Thresholds of the garbage collector's generations. A round of the second one stops every thread: after 50,000 new
# objects it takes about 10 ms, after 400,000 it takes 30 ms and, on a loaded machine, 200.
COLLECTOR = (5_000, 10, 200)
# Seconds after which a thread that computes lets another have its turn. The event loop has to wait so long each time it
# wakes beside such a thread, and a request makes it wake ten times and more.
TURN = 0.0005
GRACE = 10  # Seconds that requests under way have when the server is asked to stop.


async def serve(
    settings: Settings,
    memory: Memory | Opener,
    *,
    ready: Callable[[str], None] | None = None,
    beside: Beside | None = None,
    share: Share | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then finish requests in progress and close the memory that was opened.

    `ready` is called with the address once requests are accepted; port 0 takes any free port. `beside` is another
    interface to the same memory, open as long. With a `share`, this is one process of several: it accepts connections
    from their common socket, and stops at the end of `share.control`, too. Raises ServerError when the address is not
    free, and what opening the memory raises.
    """
    configure(settings)
    certificate = certificate_of(
        settings.tls_certificate, settings.tls_key, setting="KGMEM_TLS_CERTIFICATE", key_setting="KGMEM_TLS_KEY"
    )
    async with AsyncExitStack() as stack:
        # Bound first, so that a second server says so at once, and opened here, so that its errors reach the caller.
        bound = stack.enter_context(
            socket.socket(fileno=share.rest) if share else bound_socket(settings.host, settings.port)
        )
        held = memory if isinstance(memory, Memory) else await stack.enter_async_context(memory())
        app = create_app(held, settings=settings, share=share)
        if beside:
            await stack.enter_async_context(beside(held))
        stack.enter_context(_tuned_interpreter())
        server = _Server(app, ready, share, certificate.context if certificate else None)
        try:
            await server.serve(sockets=[bound])
        finally:
            # Cancelled, uvicorn leaves its sockets in the event loop, which would take another file for them.
            for listening in getattr(server, "servers", ()):
                listening.close()
            await app.state.mcp.aclose()


@contextmanager
def _tuned_interpreter() -> Iterator[None]:
    """Tune how often threads take turns and garbage is collected while the server runs.

    Garbage collection skips objects that live as long as the server. An answer of thousands of rows allocates so many
    objects at once that the collector would search all of them again and again, and almost nothing that it finds is
    garbage.
    """
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR)
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)


def run(
    settings: Settings,
    memory: Memory | Opener,
    *,
    ready: Callable[[str], None] | None = None,
    beside: Beside | None = None,
    share: Share | None = None,
) -> None:
    """Serve in an event loop of its own: uvloop where it is installed."""
    factory = uvicorn.Config(app="", loop="auto").get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(settings, memory, ready=ready, beside=beside, share=share))


def bound_socket(host: str, port: int, *, setting: str = "KGMEM_PORT") -> socket.socket:
    """Return a socket that is bound to the address and does not listen yet. Raises ServerError if it is in use."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, proto)
    except OSError as error:
        raise ServerError(f"{host!r} is no address of this machine.", hint="Set KGMEM_HOST.") from error
    try:
        if sys.platform != "win32":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise ServerError(
            f"The address {host}:{port} cannot be taken: {error.strerror}.",
            hint=f"Stop what uses it, or set {setting} (0 takes any free port).",
        ) from error
    return bound


def address_of(bound: socket.socket, *, tls: bool = False) -> str:
    """Return the address of a socket: http://, or with TLS https://."""
    host, port = bound.getsockname()[:2]
    return f"http{'s' * tls}://{f'[{host}]' if ':' in host else host}:{port}"


class _Server(uvicorn.Server):
    """A uvicorn server that reports when it is ready, and ends its event streams when it stops."""

    def __init__(
        self, app: FastAPI, ready: Callable[[str], None] | None, share: Share | None, tls: ssl.SSLContext | None
    ) -> None:
        settings: Settings = app.state.settings
        connection = limited(most=settings.max_connections, header_seconds=settings.header_timeout)
        super().__init__(
            uvicorn.Config(
                app,
                http=connection,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,  # kgmem writes its own line for each request.
                server_header=False,
                proxy_headers=settings.proxies is not None,
                forwarded_allow_ips=listed_in(settings.proxies),
                timeout_keep_alive=math.ceil(settings.idle_timeout),
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._stopping: asyncio.Event = app.state.stopping
        self._ready = ready
        self._share = share
        self._tls = tls

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then tell the address."""
        await super().startup([])
        loop = asyncio.get_running_loop()
        tls = self._tls
        for listening in sockets or []:
            made = await loop.create_server(
                self._connection,
                sock=listening,
                ssl=tls,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if tls else None,
                backlog=self.config.backlog,
            )
            self.servers.append(made)
        if self._share:
            # Processes of one server speak over a socket of this machine's, which needs no TLS.
            self.servers.append(await loop.create_unix_server(self._connection, sock=self._share.listening()))
        if sockets and self._ready:
            self._ready(address_of(sockets[0], tls=tls is not None))

    def _connection(self) -> asyncio.Protocol:
        """Return the protocol of a connection."""
        make: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals without raising them again afterwards, so that whoever called serve() ends in its own way."""
        if sys.platform == "win32":
            with super().capture_signals():
                yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        if self._share:
            loop.add_reader(self._share.control, self._hear, loop, self._share.control)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
            if self._share:
                loop.remove_reader(self._share.control)

    def _hear(self, loop: asyncio.AbstractEventLoop, control: int) -> None:
        """Stop at the end of the file through which the process that started this one controls it."""
        if not os.read(control, 64):
            loop.remove_reader(control)
            self._stop()

    def _stop(self) -> None:
        # One process of several may be told by a signal and by its control; who waits too long for it kills it.
        self.force_exit = self.should_exit and self._share is None
        self.should_exit = True
        self._stopping.set()
