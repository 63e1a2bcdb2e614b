"""Bodies: read within limits, parsed straight from bytes by pydantic, big ones beside the event loop."""

import asyncio
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json
from starlette.requests import Request

from kgmem.domain.access import Key
from kgmem.domain.errors import InvalidInput, TooLarge, Unavailable
from kgmem.settings import Settings
from kgmem_api.context import context_of
from kgmem_api.invalid import wrong
from kgmem_api.problems import InvalidBody, MalformedBody

M = TypeVar("M")

# A body of this size takes about as long to parse as a thread takes to be handed one (0.2 ms).
IN_THREAD = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class Room:
    """The memory that bodies under way may take together, so that many large ones at once do not take it all."""

    def __init__(self, most: int) -> None:
        """Take the most bytes."""
        self._most = most
        self._taken = 0

    def take(self, size: int) -> None:
        """Take some bytes. Raises Unavailable when there are not so many."""
        if self._taken + size > self._most:
            raise Unavailable("The server is at its limit of large requests.", mend="Try again in a moment.")
        self._taken += size

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        self._taken -= size


class JSONBody(Generic[M]):
    """A dependency that gives a request's body as a model; the OpenAPI document shows the model as the body."""

    def __init__(self, model: type[M], *, optional: bool = False) -> None:
        """Take the model, and whether the body may be empty."""
        self.optional = optional
        self.adapter: TypeAdapter[M] = TypeAdapter(model)

    async def __call__(self, request: Request) -> M:
        """Read and parse the body. Raises TooLarge, MalformedBody, InvalidInput, and Forbidden for its scopes."""
        state = request.app.state
        settings: Settings = state.settings
        taken: list[int] = []
        try:
            raw = await _read(request, settings.max_body, state.room, taken)
            if self.optional and not raw:
                raw = b"{}"
            key = context_of(request).key
            if len(raw) > IN_THREAD:
                return await asyncio.to_thread(self._parse, raw, key, settings.max_batch)
            return self._parse(raw, key, settings.max_batch)
        finally:
            state.room.give_back(sum(taken))

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """The body's JSON Schema."""
        return self.adapter.json_schema()

    def _parse(self, raw: bytes, key: Key | None, max_batch: int) -> M:
        try:
            model = self.adapter.validate_json(raw, context=key)
        except ValidationError as error:
            raise wrong(error, raw, self.schema) from error
        if b"\\u0000" in raw:
            _refuse_nul(from_json(raw))
        for name, value in model if isinstance(model, BaseModel) else ():
            if isinstance(value, list) and len(value) > max_batch:
                raise TooLarge(
                    f"{name} has {len(value)} items, and {max_batch} is the most in one request.",
                    mend="Send several requests; KGMEM_MAX_BATCH sets the limit.",
                )
        return model


async def _read(request: Request, limit: int, room: Room, taken: list[int]) -> bytes:
    """Read a body of at most `limit` bytes, unpacked; what is over the limit is not read. Notes what it takes."""
    packing = request.headers.get("content-encoding", "identity").lower()
    if packing not in {"identity", "gzip"}:
        raise InvalidInput(f"Content-Encoding {packing!r} is not known here.", mend="Send gzip, or plain JSON.")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    unpack = zlib.decompressobj(_GZIP) if packing == "gzip" else None
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        part = _unpack(unpack, chunk, limit - size) if unpack else chunk
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        room.take(len(part))
        taken.append(len(part))
        parts.append(part)
    if unpack and size and (not unpack.eof or unpack.unused_data):
        raise MalformedBody("The body is not one whole gzip member.", mend="Send all of it, and nothing after it.")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unpack(unpack: "zlib._Decompress", chunk: bytes, room: int) -> bytes:
    """Unpack at most one byte more than there is room for, so that a small body cannot become a huge one."""
    try:
        return unpack.decompress(chunk, room + 1)
    except zlib.error as error:
        raise MalformedBody("The body is not gzip.", mend="Leave Content-Encoding out for plain JSON.") from error


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The body is larger than {limit} bytes.", mend="Send several requests; KGMEM_MAX_BODY sets the limit."
    )


def _refuse_nul(data: Any) -> None:
    """Raise InvalidBody when a text has a NUL character, which Postgres cannot hold."""
    for path in _nul_paths(data, ()):
        pointer = "".join(f"/{part}" for part in path)
        detail = "A text holds the character U+0000, which kgmem cannot keep."
        raise InvalidBody(f"{pointer}: {detail}", mend="Remove it.", errors=[{"pointer": pointer, "detail": detail}])


def _nul_paths(data: Any, path: Sequence[str | int]) -> Iterator[Sequence[str | int]]:
    if isinstance(data, str):
        if "\0" in data:
            yield path
        return
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for name, part in parts:
        if isinstance(name, str) and "\0" in name:
            yield path
        yield from _nul_paths(part, (*path, name))
