"""Messages: tags, fields, chunks on the wire, and the requests of clients.

A message is a structure, sent in chunks: two bytes of length, then the bytes; a chunk of length 0 ends it. Such a chunk
between messages is a no-op that shows that the other side is alive.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from kgmem.bolt.backend import Credentials, TransactionOptions
from kgmem.bolt.handshake import Version
from kgmem.bolt.packstream import BadPackStream, unpack_message
from kgmem.bolt.structures import hydrate
from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.tasks import Turn

_CHUNK = 0xFFFF
END = b"\x00\x00"


class Tag(IntEnum):
    """The type of a message."""

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
    """Make a message of the bytes in `out` from `start` on, where two bytes are reserved for its length."""
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


async def read_message(read: Callable[[int], Awaitable[bytes]], most: Callable[[], int]) -> bytearray:
    """Read the next message, of at most `most()` bytes. Raises TooLarge, and what `read` raises at the end."""
    message = bytearray()
    turn = Turn()
    while True:
        # What a client has sent ahead is there without a wait, and may be chunks of a byte each, or of none.
        await turn.over()
        length = int.from_bytes(await read(2))
        if not length:
            if message:
                return message
            continue
        if len(message) + length > most():
            raise TooLarge(
                f"A message is larger than {most()} bytes.",
                hint="Send less at once: UNWIND over a smaller list of rows, or use several transactions.",
            )
        message += await read(length)


_NAMES = {tag.value: tag for tag in Tag if tag < Tag.SUCCESS}


@dataclass(frozen=True, slots=True)
class Request:
    """A message of a client: its tag and fields."""

    tag: Tag
    fields: Sequence[Any]

    def map(self, at: int) -> dict[str, Any]:
        """Return a field that is a map; empty where an older version omits it."""
        if at >= len(self.fields):
            return {}
        found: dict[str, Any] = _typed(self.fields[at], dict, f"Field {at + 1} of {self.tag.name}")
        return found


def request_of(message: bytes | bytearray, *, uuids: bool) -> Request:
    """Return the request in a message. Raises BadPackStream."""
    tag, fields = unpack_message(message, hydrate, uuids=uuids)
    if tag not in _NAMES:
        raise BadPackStream(f"There is no request with the tag 0x{tag:02X}.")
    return Request(_NAMES[tag], fields)


def credentials(facts: Mapping[str, Any]) -> Credentials:
    """Return the credentials of a HELLO (before 5.1) or LOGON."""
    scheme, principal, secret = (facts.get(name) or "" for name in ("scheme", "principal", "credentials"))
    for name, value in (("scheme", scheme), ("principal", principal), ("credentials", secret)):
        _typed(value, str, name)
    return Credentials(scheme or "none", principal, secret)


def asked(facts: Mapping[str, Any]) -> TransactionOptions:
    """Return the options of the transaction of a BEGIN, or of a RUN without one."""
    if facts.get("imp_user"):
        raise InvalidInput("kgmem does not support impersonation.", hint="Remove the impersonated user.")
    timeout = facts.get("tx_timeout")
    if timeout is not None and (type(timeout) is not int or timeout < 0):
        raise BadPackStream("tx_timeout must be a number of milliseconds.")
    mode = facts.get("mode", "w")
    if mode not in ("r", "w"):
        raise BadPackStream(f"The mode is {mode!r:.20}, but must be r or w.")
    bookmarks = _typed(facts.get("bookmarks") or [], list, "bookmarks")
    return TransactionOptions(
        database=_typed(facts["db"], str, "db") if facts.get("db") else None,
        write=mode == "w",
        timeout=timeout / 1000 if timeout else None,
        metadata=_typed(facts.get("tx_metadata") or {}, dict, "tx_metadata"),
        bookmarks=[_typed(each, str, "A bookmark") for each in bookmarks],
    )


def amount(request: Request) -> tuple[int, int]:
    """Return how many rows a PULL or DISCARD requests (-1: all), and of which query (-1: the last)."""
    facts = request.map(0)
    number, query = facts.get("n", -1), facts.get("qid", -1)
    if type(number) is not int or number == 0 or number < -1:
        raise BadPackStream(f"{request.tag.name} needs n, a number of rows above 0, or -1 for all.")
    if type(query) is not int:
        raise BadPackStream(f"The qid of {request.tag.name} must be a number.")
    return number, query


def utc(facts: Mapping[str, Any], version: Version) -> bool:
    """Return whether times with zones are sent as UTC seconds: always from 5.0 on, in 4.4 where HELLO requests it."""
    return version.major > 4 or "utc" in (facts.get("patch_bolt") or ())


def _typed(value: Any, kind: type, what: str) -> Any:
    if not isinstance(value, kind):
        raise BadPackStream(f"{what} is a {type(value).__name__}, not a {kind.__name__}.")
    return value
