"""A Postgres that speaks TLS, in front of one that does not; the embedded one cannot."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")  # SSLRequest of Postgres' protocol.


@dataclass(slots=True)
class TLSPostgres:
    """A proxy: its port, and how many connections were encrypted."""

    url: str
    port: int = 0
    encrypted: int = 0

    def through(self, host: str, **parameters: str) -> str:
        """Return the URL of the same database over this proxy, under a name of this machine."""
        parts = urlsplit(self.url)
        user = f"{quote(parts.username or '')}:{quote(parts.password or '')}".rstrip(":")
        where = f"{user}@{host}:{self.port}"
        return urlunsplit(parts._replace(netloc=where, query=urlencode(parameters)))


@asynccontextmanager
async def tls_postgres(url: str, context: ssl.SSLContext | None) -> AsyncIterator[TLSPostgres]:
    """Serve the Postgres of a URL on a port of loopback, by TLS; without a context as a server that has none."""
    server = TLSPostgres(url)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            first = await reader.readexactly(8)
            if first == _REQUEST:
                writer.write(b"S" if context else b"N")
                await writer.drain()
                if context:
                    await writer.start_tls(context)
                    server.encrypted += 1
                first = b""
            to, out = await _connect(url)
            out.write(first)
            await asyncio.gather(_copy(reader, out), _copy(to, writer))
        writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


async def _connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    told = {name: values[0] for name, values in parse_qs(parts.query).items()}
    host, port = told.get("host", parts.hostname or "127.0.0.1"), int(told.get("port", parts.port or 5432))
    if host.startswith("/"):
        return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
    return await asyncio.open_connection(host, port)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
