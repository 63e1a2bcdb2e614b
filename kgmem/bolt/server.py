"""The Bolt server over an open memory, as the settings say: one port for TCP and WebSocket, plain or TLS."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from kgmem.bolt import handshake
from kgmem.bolt.backend import Backend
from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.handshake import Version
from kgmem.bolt.session import Limits, Session
from kgmem.bolt.shares import CallerShares
from kgmem.bolt.transport import HTTP, Closed, Socket, Wire, answer_http
from kgmem.certificates import HANDSHAKE_SECONDS, Certificate, certificate_of
from kgmem.domain.errors import ServerError
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem.web_names import WebNames, web_names

_HANDSHAKE = 10.0  # Seconds until both sides have agreed on a version.
_GRACE = 5.0  # Seconds that connections have to end when the server is asked to stop.


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Address, certificate and limits of the server."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    advertised: str | None = None  # host:port that routing tells to clients, where it is not the one bound.
    connections: int = 500
    connections_per_caller: int | None = None  # None: as many as there are.
    bound: socket.socket | None = None  # A socket that is bound to the address already, which processes may share.
    names: WebNames | None = None  # Under which a browser may call it; None: any.
    limits: Limits = field(default_factory=Limits)


@asynccontextmanager
async def serving(backend: Backend, listening: ServerOptions) -> AsyncIterator[str]:
    """Serve while the context is open; returns the address (host:port). Raises ServerError where it is in use."""
    server = _Server(backend, listening)
    try:
        accepting = await asyncio.start_server(
            server.connected,
            **({"sock": listening.bound} if listening.bound else {"host": listening.host, "port": listening.port}),
            ssl=listening.tls,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if listening.tls else None,
            backlog=512,
        )
    except OSError as error:
        raise ServerError(
            f"The address {listening.host}:{listening.port} cannot be used for Bolt: {error.strerror}.",
            hint="Stop the program that uses it, or set KGMEM_BOLT_PORT (0 takes any free port).",
        ) from error
    host, port = accepting.sockets[0].getsockname()[:2]
    server.bound = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        yield server.bound
    finally:
        accepting.close()
        await server.stop()


class _Server:
    def __init__(self, backend: Backend, listening: ServerOptions) -> None:
        self.bound = ""
        self._backend = backend
        self._listening = listening
        self._tasks: set[asyncio.Task[None]] = set()
        self._names = count(1)
        self._shares = CallerShares(listening.connections_per_caller)

    @property
    def _address(self) -> str:
        return self._listening.advertised or self.bound

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in its own task; refuse it over the limit."""
        if len(self._tasks) >= self._listening.connections:
            writer.close()
            return
        task = asyncio.create_task(self._to_its_end(Socket(reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _to_its_end(self, socket: Socket) -> None:
        try:
            await self._serve(socket)
        except (Closed, TimeoutError):
            pass  # The client went, or never said what it wants.
        except Exception as error:
            self._backend.report(error, socket.peer)
        finally:
            await socket.close()

    async def stop(self) -> None:
        """Close all connections; their transactions are rolled back."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GRACE)

    async def _serve(self, socket: Socket) -> None:
        wire: Wire = socket
        async with asyncio.timeout(_HANDSHAKE):
            begin = await socket.read(4)
            if begin == HTTP:
                upgraded = await answer_http(socket, self._discovery, self._listening.names)
                if upgraded is None:
                    return
                wire = upgraded
                begin = await wire.read(4)
            if begin != handshake.PREAMBLE:
                raise Closed
            version = await _agree(wire)
        if version is None:
            return
        name = f"bolt-{next(self._names)}"
        limits, address = self._listening.limits, self._address
        session = Session(wire, version, self._backend, limits=limits, address=address, name=name, shares=self._shares)
        await session.serve()
        if wire is not socket:
            await wire.close()

    def _discovery(self, host: str) -> dict[str, object]:
        """Return the Bolt address for a client that connects by HTTP, under the host name that it used."""
        secure = "+s" if self._listening.tls else ""
        address = self._listening.advertised or host or self.bound
        agent, _, version = self._backend.agent.partition("/")
        return {
            "bolt_direct": f"bolt{secure}://{address}",
            "bolt_routing": f"neo4j{secure}://{address}",
            "neo4j_version": version,
            "neo4j_edition": "community",
            "server": agent,
        }


async def _agree(wire: Wire) -> Version | None:
    proposed = handshake.proposals(await wire.read(16))
    for each in proposed:
        if each == handshake.MANIFEST:
            await wire.send(handshake.manifest())
            version = handshake.picked(await wire.read(4))
            await _varint(wire.read)
            return version
        if version := handshake.chosen([each]):
            await wire.send(version.wire)
            return version
    await wire.send(handshake.NONE)
    return None


async def _varint(read: Callable[[int], Awaitable[bytes]]) -> None:
    """Read the client's capabilities, which are ignored."""
    for _ in range(10):
        if (await read(1))[0] < 0x80:
            return
    raise Closed


@asynccontextmanager
async def bolt_server(
    settings: Settings, memory: Memory, *, say: Callable[[str], None], bound: socket.socket | None = None
) -> AsyncIterator[None]:
    """Serve Bolt while the context is open, on the socket `bound` where there is one; `say` gets the address.

    Where the default port is in use, Bolt stays off, and `say` gets the reason. Raises ServerError where a port that
    was set is in use, and InvalidInput for an invalid certificate.
    """
    if not settings.bolt:
        yield
        return
    certificate = _certificate(settings)
    listening = ServerOptions(
        host=settings.host,
        port=settings.bolt_port,
        tls=certificate.context if certificate else None,
        advertised=settings.bolt_address,
        connections=settings.bolt_connections,
        connections_per_caller=settings.bolt_connections_per_key or max(1, settings.bolt_connections * 4 // 5),
        limits=Limits(message=settings.max_body),
        bound=bound,
        names=web_names(settings, "bolt"),
    )
    door = serving(MemoryBackend(memory, home=settings.bolt_graph), listening)
    try:
        address = await door.__aenter__()
    except ServerError as error:
        if "bolt_port" in settings.model_fields_set:
            raise
        say(f"Bolt is off. {error}")
        yield
        return
    try:
        say(f"Bolt at bolt{'+s' if listening.tls else ''}://{address}.")
        yield
    finally:
        await door.__aexit__(None, None, None)


def _certificate(settings: Settings) -> Certificate | None:
    """Return the certificate of Bolt, or else that of the whole server."""
    if settings.bolt_certificate or settings.bolt_certificate_key:
        return certificate_of(
            settings.bolt_certificate,
            settings.bolt_certificate_key,
            setting="KGMEM_BOLT_CERTIFICATE",
            key_setting="KGMEM_BOLT_CERTIFICATE_KEY",
        )
    return certificate_of(
        settings.tls_certificate, settings.tls_key, setting="KGMEM_TLS_CERTIFICATE", key_setting="KGMEM_TLS_KEY"
    )
