"""The rest of a stream of which the beginning was read already."""

import io
from typing import Any, BinaryIO


class Rest(io.RawIOBase):
    """What was read of a stream already, and then the rest of it."""

    def __init__(self, begun: bytes, stream: BinaryIO) -> None:
        """Take what was read, and the stream."""
        self._begun = io.BytesIO(begun)
        self._stream = stream

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes."""
        data = self._begun.read(len(buffer)) or self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
