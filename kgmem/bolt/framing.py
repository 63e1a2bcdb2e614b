"""The replies of a session: messages are collected in one buffer, and sent when it is full or the session waits."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.bolt.backend import Row
from kgmem.bolt.messages import Tag, framed
from kgmem.bolt.packstream import Packer
from kgmem.bolt.transport import Wire
from kgmem.query.values.elements import is_much
from kgmem.tasks import Turn

_FULL = 1 << 16


@dataclass(frozen=True, slots=True)
class _Packed:
    """Packed messages of rows up to an index, and the error of the row that cannot be packed."""

    data: bytearray
    end: int
    error: Exception | None = None


class ReplyWriter:
    """Writes messages to a connection."""

    def __init__(self, wire: Wire, packer: Packer) -> None:
        """Take the connection, and the packer of its protocol version."""
        self.packer = packer
        self._wire = wire
        self._out = bytearray()
        self._turn = Turn()

    def success(self, facts: Mapping[str, Any]) -> None:
        """Reply that a request succeeded."""
        self._say(Tag.SUCCESS, facts)

    def failure(self, facts: Mapping[str, Any]) -> None:
        """Reply that a request failed."""
        self._say(Tag.FAILURE, facts)

    def ignored(self) -> None:
        """Reply that a request was ignored."""
        self._out += b"\x00\x02\xb0\x7e\x00\x00"

    async def records(self, rows: Sequence[Row]) -> None:
        """Send rows, waiting for a slow client. Raises BadPackStream and Closed."""
        at = 0
        while at < len(rows):
            # Others speak too while a thread packs, such as what says that the server is at work: it has its own bytes.
            many = is_much(rows[at:])
            packed = await asyncio.to_thread(self._packed, rows, at) if many else self._packed(rows, at)
            if len(packed.data) > _FULL:
                await self.flush()
                await self._send(packed.data)
            else:
                self._out += packed.data
                if len(self._out) >= _FULL:
                    await self.flush()
            if packed.error:
                raise packed.error
            at = packed.end
            await self._turn.over()

    def _packed(self, rows: Sequence[Row], first: int) -> "_Packed":
        """Pack rows from an index on, until the buffer is full, or one cannot be packed."""
        record, out = self.packer.record, bytearray()
        at = first
        while at < len(rows) and len(out) < _FULL:
            start = len(out)
            out += b"\x00\x00"
            try:
                record(rows[at], out)
            except Exception as error:
                del out[start:]
                return _Packed(out, at, error)
            framed(out, start)
            at += 1
        return _Packed(out, at)

    async def flush(self) -> None:
        """Send the buffer. Raises Closed."""
        if self._out:
            data, self._out = self._out, bytearray()
            await self._send(data)

    async def alive(self) -> None:
        """Send a no-op chunk as a heartbeat. Raises Closed."""
        await self.flush()
        await self._wire.send(b"\x00\x00")

    async def _send(self, data: bytearray) -> None:
        """Send bytes in parts, so that others have their turn while many are copied. Raises Closed."""
        view = memoryview(data)
        for at in range(0, len(data), _FULL):
            await self._wire.send(view[at : at + _FULL])
            await self._turn.over()

    def _say(self, tag: Tag, facts: Mapping[str, Any]) -> None:
        start = len(self._out)
        self._out += bytes((0, 0, 0xB1, tag))
        self.packer.pack(dict(facts), self._out)
        framed(self._out, start)
