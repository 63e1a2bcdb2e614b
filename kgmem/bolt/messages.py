"""Messages: their tags and fields, and how they stand in chunks on the wire.

A message is a structure, cut into chunks: two bytes of length, and so many bytes; a chunk of no length ends it. Such a
chunk between messages says nothing but that the other side is there.
"""

from collections.abc import Awaitable, Callable
from enum import IntEnum

from kgmem.domain.errors import TooLarge
from kgmem.turns import Turn

_CHUNK = 0xFFFF
END = b"\x00\x00"


class Tag(IntEnum):
    """What a message is."""

    HELLO = 0x01
    GOODBYE = 0x02
    RESET = 0x0F
    RUN = 0x10
    BEGIN = 0x11
    COMMIT = 0x12
    ROLLBACK = 0x13
    DISCARD = 0x2F
    PULL = 0x3F
    TELEMETRY = 0x54
    ROUTE = 0x66
    LOGON = 0x6A
    LOGOFF = 0x6B
    SUCCESS = 0x70
    RECORD = 0x71
    IGNORED = 0x7E
    FAILURE = 0x7F


def framed(out: bytearray, start: int) -> None:
    """Make a message of what stands in `out` from `start` on, where two bytes were left free for its length."""
    size = len(out) - start - 2
    if size <= _CHUNK:
        out[start : start + 2] = size.to_bytes(2)
    else:
        body = bytes(memoryview(out)[start + 2 :])
        del out[start:]
        for at in range(0, size, _CHUNK):
            part = body[at : at + _CHUNK]
            out += len(part).to_bytes(2)
            out += part
    out += END


async def read_message(read: Callable[[int], Awaitable[bytes]], most: Callable[[], int]) -> bytes:
    """Read the next message, of at most `most()` bytes. Raises TooLarge, and what `read` raises at the end."""
    message = bytearray()
    turn = Turn()
    while True:
        # What a client has sent ahead is there without a wait, and may be chunks of a byte each, or of none.
        await turn.over()
        length = int.from_bytes(await read(2))
        if not length:
            if message:
                return bytes(message)
            continue
        if len(message) + length > most():
            raise TooLarge(
                f"A message of more than {most()} bytes is not taken.",
                hint="Send less at once: UNWIND over a smaller list of rows, or several transactions.",
            )
        message += await read(length)
