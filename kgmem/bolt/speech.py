"""What a session says: messages gathered in one buffer, and sent when it is full or nobody else is speaking."""

from collections.abc import Mapping, Sequence
from typing import Any

from kgmem.bolt.backend import Row
from kgmem.bolt.messages import Tag, framed
from kgmem.bolt.packstream import Packer
from kgmem.bolt.transport import Wire

_FULL = 1 << 16


class Speech:
    """Writes messages onto a wire."""

    def __init__(self, wire: Wire, packer: Packer) -> None:
        """Take the wire, and what writes values in the connection's version."""
        self.packer = packer
        self._wire = wire
        self._out = bytearray()

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
        record, out = self.packer.record, self._out
        for row in rows:
            start = len(out)
            out += b"\x00\x00"
            try:
                record(row, out)
            except Exception:
                del out[start:]
                raise
            framed(out, start)
            if len(out) >= _FULL:
                await self.flush()

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
