"""What a session says: messages gathered in one buffer, and sent when it is full or nobody else is speaking."""

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
    """Messages of rows up to one that follows, and why that cannot be packed."""

    data: bytearray
    end: int
    error: Exception | None = None


class Speech:
    """Writes messages onto a wire."""

    def __init__(self, wire: Wire, packer: Packer) -> None:
        """Take the wire, and what writes values in the connection's version."""
        self.packer = packer
        self._wire = wire
        self._out = bytearray()
        self._turn = Turn()

    def success(self, facts: Mapping[str, Any]) -> None:
        """Say that a request was done."""
        self._say(Tag.SUCCESS, facts)

    def failure(self, facts: Mapping[str, Any]) -> None:
        """Say that a request failed."""
        self._say(Tag.FAILURE, facts)

    def ignored(self) -> None:
        """Say that a request was not looked at."""
        self._out += b"\x00\x02\xb0\x7e\x00\x00"

    async def records(self, rows: Sequence[Row]) -> None:
        """Send rows; a reader that is slow is waited for. Raises BadPackStream and Closed."""
        at = 0
        while at < len(rows):
            # Others speak too while a thread packs, such as what says that the server is at work: it has its own bytes.
            many = is_much(rows[at:])
            packed = await asyncio.to_thread(self._packed, rows, at) if many else self._packed(rows, at)
            self._out += packed.data
            if len(self._out) >= _FULL:
                await self.flush()
            if packed.error:
                raise packed.error
            at = packed.end
            await self._turn.over()

    def _packed(self, rows: Sequence[Row], first: int) -> "_Packed":
        """Pack rows from one on, until they fill what is sent at once, or one cannot be packed."""
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
        """Send what was said so far. Raises Closed."""
        if self._out:
            data = bytes(self._out)
            self._out.clear()
            await self._wire.send(data)

    async def alive(self) -> None:
        """Send what says nothing but that the server is at work. Raises Closed."""
        await self.flush()
        await self._wire.send(b"\x00\x00")

    def _say(self, tag: Tag, facts: Mapping[str, Any]) -> None:
        start = len(self._out)
        self._out += bytes((0, 0, 0xB1, tag))
        self.packer.pack(dict(facts), self._out)
        framed(self._out, start)
