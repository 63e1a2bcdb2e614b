"""A session: the state machine of requests and replies.

Two tasks serve a connection. One reads messages, so that RESET and a closed connection stop a running query; the other
processes them in order.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from kgmem.bolt import messages
from kgmem.bolt.backend import Backend, Caller
from kgmem.bolt.executor import QueryExecutor
from kgmem.bolt.failures import failure
from kgmem.bolt.framing import ReplyWriter
from kgmem.bolt.handshake import Version
from kgmem.bolt.messages import Request, Tag, read_message, request_of
from kgmem.bolt.packstream import BadPackStream
from kgmem.bolt.shares import CallerShares
from kgmem.bolt.structures import packer
from kgmem.bolt.transport import Closed, Wire
from kgmem.domain.errors import KgmemError, TimedOut, Unauthenticated
from kgmem.tasks import Turn

_MOST_WAITING = 4096  # Messages that a client may send ahead.
_LARGE = 8192  # Bytes of a message that is read outside the event loop; a smaller one takes a few milliseconds at most.
_UNKNOWN_SIZE = 65_536  # Bytes of a message of somebody who is not let in yet.


class State(Enum):
    """The state of a session."""

    CONNECTED = auto()
    AUTHENTICATION = auto()
    READY = auto()
    STREAMING = auto()
    TX_READY = auto()
    TX_STREAMING = auto()
    FAILED = auto()
    DEFUNCT = auto()


_ALLOWED: dict[State, frozenset[Tag]] = {
    State.CONNECTED: frozenset({Tag.HELLO}),
    State.AUTHENTICATION: frozenset({Tag.LOGON}),
    State.READY: frozenset({Tag.RUN, Tag.BEGIN, Tag.ROUTE, Tag.LOGOFF, Tag.TELEMETRY}),
    State.STREAMING: frozenset({Tag.PULL, Tag.DISCARD}),
    State.TX_READY: frozenset({Tag.RUN, Tag.COMMIT, Tag.ROLLBACK}),
    State.TX_STREAMING: frozenset({Tag.RUN, Tag.PULL, Tag.DISCARD, Tag.COMMIT, Tag.ROLLBACK}),
    State.FAILED: frozenset(),
    State.DEFUNCT: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one connection."""

    message: int = 32 * 1024 * 1024  # Bytes.
    admission: float = 30.0  # Seconds until a client has said who it is.
    alive: float = 10.0  # Seconds of work after which the client is told that it goes on.
    transaction: float = 600.0  # Seconds that a transaction may be open, where the client names no shorter time.


class Session:
    """Serves one connection."""

    def __init__(
        self,
        wire: Wire,
        version: Version,
        backend: Backend,
        *,
        limits: Limits,
        address: str,
        name: str,
        shares: CallerShares,
    ) -> None:
        """Take the connection, the version agreed on, its address and the name sent to the client, and the shares.

        `shares` counts the connections of each caller, of all sessions of a server.
        """
        self.version = version
        self.state = State.CONNECTED
        self._wire = wire
        self._backend = backend
        self._limits = limits
        self._address = address
        self._name = name
        self._speech = ReplyWriter(wire, packer(version, backend.element_id, utc=version.major > 4))
        self._waiting: deque[Request | BadPackStream] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._resets = 0
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        self._caller: Caller | None = None
        self._barred = False  # Whether the caller's key is no longer in force.
        self._unwatch: Callable[[], None] = _nothing
        self._shares = shares
        self._release: Callable[[], None] = _nothing
        self._work = QueryExecutor(version, longest=limits.transaction, expire=self._expire)

    async def serve(self) -> None:
        """Process requests until the client disconnects or violates the protocol; then roll back."""
        reading = asyncio.create_task(self._read())
        admission = asyncio.get_running_loop().call_later(self._limits.admission, self._give_up)
        try:
            await self._answer_all()
        except Closed:
            pass  # The client went; there is nobody to tell.
        finally:
            admission.cancel()
            self._leave()
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
            await self._undo()

    def _give_up(self) -> None:
        if self._caller is None:
            self._end()

    def _bar(self) -> None:
        """Stop the current request and close the connection: the caller's key is no longer valid."""
        self._barred = True
        self._arrived.set()
        if self._task:
            self._task.cancel()

    def _end(self) -> None:
        self._closed = True
        self._arrived.set()
        if self._task:
            self._task.cancel()

    async def _read(self) -> None:
        """Read messages ahead; RESET stops the current request."""
        uuids = self.version >= Version(6, 1)
        turn = Turn()
        try:
            while True:
                await self._room.wait()
                await turn.over()
                data = await read_message(self._wire.read, self._most)
                request: Request | BadPackStream
                try:
                    if len(data) > _LARGE:
                        request = await asyncio.to_thread(request_of, data, uuids=uuids)
                    else:
                        request = request_of(data, uuids=uuids)
                except BadPackStream as error:
                    request = error
                self._waiting.append(request)
                if isinstance(request, Request) and request.tag is Tag.RESET:
                    self._resets += 1
                    if self._task:
                        self._task.cancel()
                if len(self._waiting) >= _MOST_WAITING:
                    self._room.clear()
                self._arrived.set()
        except Closed:
            self._end()
        except KgmemError as error:
            self._waiting.append(BadPackStream(error.message, hint=error.hint))
            self._arrived.set()

    def _most(self) -> int:
        return self._limits.message if self._caller else _UNKNOWN_SIZE

    async def _answer_all(self) -> None:
        while self.state is not State.DEFUNCT:
            while not self._waiting:
                await self._speech.flush()
                if self._closed or self._barred:
                    return
                if self._work.expired and self._work.open:
                    await self._undo(late=True)
                self._arrived.clear()
                await self._arrived.wait()
            if self._closed:
                return
            if self._barred:
                await self._fail(_barred())
                break
            request = self._waiting.popleft()
            self._room.set()
            await self._answer(request)
        await self._speech.flush()

    async def _answer(self, request: Request | BadPackStream) -> None:
        if isinstance(request, BadPackStream):
            await self._break(request)
        elif request.tag is Tag.GOODBYE:
            self.state = State.DEFUNCT
        elif request.tag is Tag.RESET:
            await self._reset()
        elif self._resets or self.state is State.FAILED:
            self._speech.ignored()
        elif self._work.expired:
            await self._fail(_too_long())
        elif request.tag not in _ALLOWED[self.state]:
            await self._break(BadPackStream(f"{request.tag.name} is not allowed in the state {self.state.name}."))
        else:
            await self._perform(request)

    async def _break(self, error: BadPackStream) -> None:
        """Report a violation of the protocol, and end."""
        self._speech.failure(failure(error, self.version))
        self.state = State.DEFUNCT

    async def _perform(self, request: Request) -> None:
        """Process a request; a pending RESET stops it."""
        self._task = asyncio.create_task(self._do(request))
        try:
            await self._watched(self._task)
        except asyncio.CancelledError:
            if self._resets or self._closed:
                self._speech.ignored()
            elif self._barred:
                await self._fail(_barred())
            elif self._work.expired:
                await self._fail(_too_long())
            else:
                raise
        except Closed:
            raise
        except Exception as error:
            await self._fail(error)
        finally:
            self._task = None

    async def _watched(self, work: "asyncio.Task[None]") -> None:
        """Wait for a request to finish, with heartbeats to the client."""
        try:
            while not work.done():
                done, _ = await asyncio.wait({work}, timeout=self._limits.alive)
                if not done and self.state is not State.CONNECTED:
                    await self._speech.alive()
            await work
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait({work})

    async def _fail(self, error: Exception) -> None:
        self._speech.failure(failure(error, self.version))
        unknown = self.state in (State.CONNECTED, State.AUTHENTICATION) or isinstance(error, Unauthenticated)
        await self._undo()
        self.state = State.DEFUNCT if unknown else State.FAILED
        if not isinstance(error, KgmemError):
            self._backend.report(error, self._name)

    async def _undo(self, *, late: bool = False) -> None:
        """Roll back the open transaction."""
        try:
            await self._work.rollback(late=late)
        except KgmemError as error:
            # The connection to the database is gone, and with it the transaction.
            self._backend.report(error, self._name)

    async def _reset(self) -> None:
        self._resets -= 1
        if self._resets:
            self._speech.ignored()
            return
        await self._undo()
        if self._caller is None:
            self._speech.failure(failure(Unauthenticated("RESET is not allowed before authentication."), self.version))
            self.state = State.DEFUNCT
            return
        self.state = State.READY
        self._speech.success({})

    async def _do(self, request: Request) -> None:
        await _ACTIONS[request.tag](self, request)

    async def _hello(self, request: Request) -> None:
        facts = request.map(0)
        told: dict[str, Any] = {"server": self._backend.agent, "connection_id": self._name}
        if self.version < Version(5, 1):
            await self._admit(facts)
            if self.version.major == 4 and messages.utc(facts, self.version):
                self._speech.packer = packer(self.version, self._backend.element_id, utc=True)
                told["patch_bolt"] = ["utc"]
        hints: dict[str, Any] = {"connection.recv_timeout_seconds": int(6 * self._limits.alive)}
        if self.version >= Version(5, 4):
            hints["telemetry.enabled"] = False
        if self.version >= Version(5, 8):
            hints["ssr.enabled"] = False
        if self.version >= Version(5, 7):
            told["protocol_version"] = str(self.version)
        self._speech.success({**told, "hints": hints})
        self.state = State.READY if self._caller else State.AUTHENTICATION

    async def _admit(self, facts: Mapping[str, Any]) -> None:
        caller = await self._backend.authenticate(messages.credentials(facts), self._wire.host)
        self._leave()
        self._release = self._shares.take(caller.identity)
        self._caller = caller
        self._unwatch = caller.watch(self._bar)

    def _leave(self) -> None:
        """Release the caller: end the watch of its key, and free its share of connections."""
        self._caller = None
        self._unwatch()
        self._release()
        self._unwatch = self._release = _nothing

    async def _logon(self, request: Request) -> None:
        await self._admit(request.map(0))
        self.state = State.READY
        self._speech.success({"advertised_address": self._address} if self.version >= Version(5, 8) else {})

    async def _logoff(self, _request: Request) -> None:
        self._leave()
        self.state = State.AUTHENTICATION
        asyncio.get_running_loop().call_later(self._limits.admission, self._give_up)
        self._speech.success({})

    async def _telemetry(self, _request: Request) -> None:
        self._speech.success({})

    async def _route(self, request: Request) -> None:
        database = await self._known.home(messages.asked(request.map(2)).database)
        roles = [{"addresses": [self._address], "role": role} for role in ("ROUTE", "READ", "WRITE")]
        self._speech.success({"rt": {"ttl": 300, "db": database, "servers": roles}})

    @property
    def _known(self) -> Caller:
        if self._caller is None:
            raise Unauthenticated
        return self._caller

    async def _begin(self, request: Request) -> None:
        await self._known.check()
        told = await self._work.begin(self._known, messages.asked(request.map(0)), alone=False)
        self._go_on(told)

    def _expire(self) -> None:
        """Stop a transaction that is open for too long; the next request gets the error."""
        if self._task:
            self._task.cancel()
        else:
            self._arrived.set()

    async def _run(self, request: Request) -> None:
        await self._known.check()
        self._known.spend()
        if self.state is State.READY:
            await self._work.begin(self._known, messages.asked(request.map(2)), alone=True)
        query = request.fields[0] if request.fields else None
        self._go_on(await self._work.run(query, request.map(1)))

    async def _pull(self, request: Request) -> None:
        self._go_on(await self._work.pull(request, self._speech))

    async def _discard(self, request: Request) -> None:
        self._go_on(await self._work.discard(request))

    async def _commit(self, _request: Request) -> None:
        await self._known.check()
        self._go_on(await self._work.commit())

    async def _rollback(self, _request: Request) -> None:
        await self._work.rollback()
        self._go_on({})

    def _go_on(self, told: Mapping[str, Any]) -> None:
        """Reply with success, and set the next state."""
        if not self._work.open:
            self.state = State.READY
        elif self._work.alone:
            self.state = State.STREAMING
        else:
            self.state = State.TX_STREAMING if self._work.unread else State.TX_READY
        self._speech.success(told)


_ACTIONS = {
    Tag.HELLO: Session._hello,
    Tag.LOGON: Session._logon,
    Tag.LOGOFF: Session._logoff,
    Tag.TELEMETRY: Session._telemetry,
    Tag.ROUTE: Session._route,
    Tag.BEGIN: Session._begin,
    Tag.RUN: Session._run,
    Tag.PULL: Session._pull,
    Tag.DISCARD: Session._discard,
    Tag.COMMIT: Session._commit,
    Tag.ROLLBACK: Session._rollback,
}


def _nothing() -> None:
    """Do nothing."""


def _barred() -> Unauthenticated:
    return Unauthenticated("The API key is no longer valid: it was revoked, or it has expired.")


def _too_long() -> TimedOut:
    return TimedOut(
        "The transaction was open for too long and was rolled back.", hint="Start it again, with less work in it."
    )
