"""Connections to a database that several servers keep: one of them takes writes, and which one changes with a failover.

A URL names them as libpq does: `postgresql://a:5432,b:5432/kgmem`. Drivers ask one after the other, so that a server
that does not answer at all costs the whole time that connecting may take. Here the next one is tried while the first
is silent, and the first that takes writes is it.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import asyncpg
import psycopg
from asyncpg import Connection
from psycopg.conninfo import conninfo_to_dict

_NEXT_AFTER: Final = 0.25  # Seconds that a host may be silent until the next one is asked as well.
_PER_HOST: Final = 4.0  # Seconds that one of several hosts has.
_FAILOVER: Final = 30.0  # Seconds in which usual cluster managers have promoted a standby.
_ATTRIBUTE: Final = "target_session_attrs"
_WRITES: Final = "read-write"
# A server that is cut off answers nothing, and ends nothing: found after so many seconds by asking, and so many
# milliseconds after something was sent that nobody acknowledges.
_IDLE, _EVERY, _TIMES, _UNACKNOWLEDGED = 10, 5, 3, 20_000

Host = tuple[str, int]


class NoPrimary(ConnectionError):
    """None of the hosts takes writes now."""


def refuses_tls(error: BaseException) -> bool:
    """Return whether a server answered, but has no TLS, or a certificate that is not accepted: waiting changes neither.

    A server that goes away while TLS begins is no such case.
    """
    if isinstance(error, ssl.SSLError):
        return not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    return isinstance(error, ConnectionError) and "SSL" in str(error)  # asyncpg's own for a server without TLS.


def hosts_of(url: str) -> list[Host]:
    """Return the hosts (or folders of sockets) and ports that a URL names, at least one; [] where it cannot be read."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return []
    hosts = str(parts.get("host") or "").split(",")
    ports = str(parts.get("port") or "").split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    try:
        return [(host, int(port or 5432)) for host, port in zip(hosts, ports, strict=True)]
    except ValueError:
        return []


def to_primary(url: str) -> str:
    """Return the URL of several hosts with the demand for the one that takes writes; one host's stays as it is."""
    if len(hosts_of(url)) < 2 or _ATTRIBUTE in conninfo_to_dict(url):
        return url
    if "://" not in url:
        return f"{url} {_ATTRIBUTE}={_WRITES}"
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode({_ATTRIBUTE: _WRITES})}"


def usual_wait(url: str) -> float:
    """Return the seconds to wait for a server that takes writes: as long as a failover takes, where one can be."""
    return _FAILOVER if len(hosts_of(url)) > 1 else 0.0


async def connect(url: str, *, timeout: float, only: Host | None = None, **options: Any) -> Any:
    """Connect to the one host of a URL, or to the first of several that takes writes, or to `only` one of them.

    `options` are those of asyncpg.connect. Raises what that raises, and NoPrimary where no host takes writes.
    """
    if only is not None:
        return _watched(await _to(url, only, timeout, {**options, _ATTRIBUTE: "any"}))
    hosts = hosts_of(url)
    if len(hosts) < 2:
        return _watched(await asyncpg.connect(url, timeout=timeout, **options))
    limit = min(timeout, _PER_HOST)

    return _watched(await _first([partial(_to, url, host, limit, options) for host in hosts]))


async def connect_to(url: str, host: Host) -> Connection:
    """Connect to one of the hosts of a URL, whether it takes writes or not. Raises what asyncpg.connect raises."""
    return await _to(url, host, _PER_HOST, {_ATTRIBUTE: "any"})


async def _to(url: str, host: Host, limit: float, options: dict[str, Any]) -> Connection:
    connection: Connection = await asyncpg.connect(url, host=host[0], port=host[1], timeout=limit, **options)
    return connection


async def _first(attempts: list[Callable[[], Awaitable[Connection]]]) -> Connection:
    """Begin one attempt after the other, each when the ones before failed or are silent; return the first result."""
    waiting = list(attempts)
    running: set[asyncio.Task[Connection]] = set()
    failures: list[BaseException] = []
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.ensure_future(waiting.pop(0)()))
            done, running = await asyncio.wait(
                running, timeout=_NEXT_AFTER if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            found = [task.result() for task in done if task.exception() is None]
            if found:
                for other in found[1:]:
                    other.terminate()
                return found[0]
            failures += [error for task in done if (error := task.exception()) is not None]
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_discard)
    raise _worst(failures)


def _discard(task: "asyncio.Task[Connection]") -> None:
    """End a connection that came after another one was chosen."""
    if not task.cancelled() and task.exception() is None:
        task.result().terminate()


def _worst(failures: list[BaseException]) -> BaseException:
    """Return what an operator has to know: a server that refuses this client, rather than one that is away."""
    away = (OSError, TimeoutError, asyncpg.TargetServerAttributeNotMatched, asyncpg.CannotConnectNowError)
    for error in failures:
        if refuses_tls(error) or not isinstance(error, away):
            return error
    known = NoPrimary("None of the database's hosts takes writes.")
    known.__cause__ = failures[-1]
    return known


def _watched(connection: Connection) -> Connection:
    """Have the kernel find out that the server of a connection is cut off; over a Unix socket none can be."""
    transport = connection._transport
    plug = transport.get_extra_info("socket")
    if plug is None or plug.family not in (socket.AF_INET, socket.AF_INET6):
        return connection
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _IDLE), ("TCP_KEEPINTVL", _EVERY), ("TCP_KEEPCNT", _TIMES),
        ("TCP_USER_TIMEOUT", _UNACKNOWLEDGED),
    ):  # fmt: skip
        if hasattr(socket, name):  # Not all systems have all of them.
            with suppress(OSError):
                plug.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection
