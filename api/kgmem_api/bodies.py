"""Bodies: read within limits, parsed straight from bytes by pydantic, big ones beside the event loop."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Callable
from typing import Generic, TypeVar

from starlette.requests import Request

from kgmem.domain.errors import InvalidInput, TooLarge, Unavailable
from kgmem.settings import Settings
from kgmem_api.context import context_of
from kgmem_api.parsing import BodyParser
from kgmem_api.problems import MalformedBody

M = TypeVar("M")
A = TypeVar("A")
T = TypeVar("T")

_GZIP = 16 + zlib.MAX_WBITS
_UNPACKED_AT_ONCE = 256 * 1024  # Bytes of a packed body; less than a millisecond of work.


class Room:
    """The memory that bodies in progress may take together, so that many large ones at once do not take it all."""

    def __init__(self, most: int) -> None:
        """Take the most bytes."""
        self._most = most
        self._taken = 0

    def take(self, size: int) -> None:
        """Take some bytes. Raises Unavailable when there are not so many."""
        if self._taken + size > self._most:
            raise Unavailable("The server is at its limit of large requests.", hint="Try again in a moment.")
        self._taken += size

    def give_back(self, size: int) -> None:
        """Return back what was taken."""
        self._taken -= size


class JSONBody(Generic[M]):
    """A dependency that gives a request's body as a model; the OpenAPI document shows the model as the body."""

    def __init__(self, model: type[M], *, optional: bool = False, free: str = "") -> None:
        """Take the model, whether the body may be empty, and which member holds values of any kind."""
        self.optional = optional
        self.parser: BodyParser[M] = BodyParser(model, free=free)

    async def __call__(self, request: Request) -> M:
        """Read and parse the body. Raises TooLarge, MalformedBody, InvalidInput, and Forbidden for its scopes."""
        state = request.app.state
        settings: Settings = state.settings
        taken: list[int] = []
        try:
            raw = await _read(request, settings.max_body, state.room, taken)
            if self.optional and not raw:
                raw = b"{}"
            context = context_of(request)
            key = context.key
            if self.parser.is_quick(raw):
                return self.parser.parse(raw, key, settings.max_batch)
            context.large = True
            return await asyncio.to_thread(self.parser.parse, raw, key, settings.max_batch)
        finally:
            state.room.give_back(sum(taken))


class RawBody:
    """A dependency that gives a request's body as it was sent, unpacked, up to a limit in bytes."""

    def __init__(self, limit: int, what: str = "", hint: str = "") -> None:
        """Take the limit, what has it, and a hint; the server's own limit on bodies holds besides."""
        self.limit = limit
        self.what = what
        self.hint = hint

    async def __call__(self, request: Request) -> AsyncGenerator[bytes, None]:
        """Read the body; its memory counts as taken until the request is answered. Raises TooLarge, MalformedBody."""
        state = request.app.state
        taken: list[int] = []
        try:
            yield await self._content(request, taken)
        finally:
            state.room.give_back(sum(taken))

    async def _content(self, request: Request, taken: list[int]) -> bytes:
        state = request.app.state
        most: int = state.settings.max_body
        try:
            return await _read(request, min(self.limit, most), state.room, taken)
        except TooLarge as error:
            if not self.what or self.limit > most:
                raise
            raise TooLarge(
                f"{self.what} has at most {self.limit:,} bytes; this body has more.", hint=self.hint
            ) from error


async def in_turn(request: Request, convert: Callable[[A], T], value: A) -> T:
    """Convert a part of a body: in a thread where the body is large, so that others have their turn."""
    return await asyncio.to_thread(convert, value) if context_of(request).large else convert(value)


async def _read(request: Request, limit: int, room: Room, taken: list[int]) -> bytes:
    """Read a body of at most `limit` bytes, unpacked; what is over the limit is not read. Notes what it takes."""
    packing = request.headers.get("content-encoding", "identity").lower()
    if packing not in {"identity", "gzip"}:
        raise InvalidInput(f"Content-Encoding {packing!r} is not known here.", hint="Send gzip, or plain JSON.")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    unpack = zlib.decompressobj(_GZIP) if packing == "gzip" else None
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        part = _unpack(unpack, chunk) if unpack else chunk
        while part:
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            room.take(len(part))
            taken.append(len(part))
            parts.append(part)
            if unpack is None or len(part) < _UNPACKED_AT_ONCE:
                break
            await asyncio.sleep(0)  # A small chunk may hold a large body: others have their turn.
            part = _unpack(unpack, unpack.unconsumed_tail)
    if unpack and size and (not unpack.eof or unpack.unused_data):
        raise MalformedBody("The body is not one whole gzip member.", hint="Send all of it, and nothing after it.")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unpack(unpack: "zlib._Decompress", chunk: bytes) -> bytes:
    """Unpack a bit of a chunk, so that a small body cannot become a huge one before it is refused."""
    try:
        return unpack.decompress(chunk, _UNPACKED_AT_ONCE)
    except zlib.error as error:
        raise MalformedBody("The body is not gzip.", hint="Leave Content-Encoding out for plain JSON.") from error


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The body is larger than {limit} bytes.", hint="Send several requests; KGMEM_MAX_BODY sets the limit."
    )
