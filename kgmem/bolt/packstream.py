"""PackStream, the binary format of values in Bolt, versions 1 and 2.

Values other than null, boolean, number, string, bytes, list and map are structures: a tag and fields. `Packer` takes a
function that makes structures of further types, `unpack` one that makes values of structures.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any
from uuid import UUID

from kgmem.domain.errors import InvalidInput

DEPTH = 200  # Lists, maps and structures inside each other.
MOST_VALUES = 5_000_000  # Of one message: an empty map takes a byte there, and more than sixty in memory.
_LONG = 1 << 16  # Bytes of a value from which on it is read in place.
_INT16, _INT32, _INT64, _FLOAT = Struct(">h"), Struct(">i"), Struct(">q"), Struct(">d")
_TINY = [bytes([number & 0xFF]) for number in range(-16, 128)]
_UUID = 0xE0


class BadPackStream(InvalidInput):
    """Invalid PackStream, or a value that it cannot represent."""

    code = "bad-packstream"


@dataclass(frozen=True, slots=True)
class Structure:
    """A tag, which names its type, and fields."""

    tag: int
    fields: Sequence[Any]


Dehydrate = Callable[[Any], Any]
Hydrate = Callable[[int, list[Any]], Any]


class Packer:
    """Writes the values of one connection."""

    def __init__(self, structures: Mapping[type, Dehydrate], *, uuids: bool = False) -> None:
        """Take what makes values of further types into structures or plain values; `uuids` is PackStream 2."""
        self._others: dict[type, Dehydrate] = dict(structures)
        if not uuids:
            self._others[UUID] = str
        self._writers: dict[type, Callable[[Any, bytearray], None]] = {
            type(None): _null,
            bool: _boolean,
            int: _integer,
            float: _float,
            str: _text,
            bytes: _bytes,
            bytearray: _bytes,
            list: self._list,
            tuple: self._list,
            dict: self._map,
            Structure: self._structure,
            **({UUID: _uuid} if uuids else {}),
        }

    def pack(self, value: Any, out: bytearray) -> None:
        """Append a value. Raises BadPackStream for an unsupported type."""
        write = self._writers.get(type(value))
        if write is not None:
            write(value, out)
        else:
            self._other(value, out)

    def record(self, values: Sequence[Any], out: bytearray) -> None:
        """Append a RECORD message: a structure around the list of its values."""
        out += b"\xb1\x71"
        self._list(values, out)

    def _other(self, value: Any, out: bytearray) -> None:
        for kind in type(value).__mro__:
            if kind in self._others:
                self.pack(self._others[kind](value), out)
                return
        if isinstance(value, Mapping):
            self._map(value, out)
            return
        raise BadPackStream(f"A value of type {type(value).__name__} cannot be sent over Bolt.")

    def _list(self, values: Sequence[Any], out: bytearray) -> None:
        _header(out, len(values), 0x90, 0xD4)
        writers = self._writers
        for value in values:
            write = writers.get(type(value))
            if write is not None:
                write(value, out)
            else:
                self._other(value, out)

    def _map(self, values: Mapping[str, Any], out: bytearray) -> None:
        _header(out, len(values), 0xA0, 0xD8)
        writers = self._writers
        for key, value in values.items():
            _text(key, out)
            write = writers.get(type(value))
            if write is not None:
                write(value, out)
            else:
                self._other(value, out)

    def _structure(self, value: Structure, out: bytearray) -> None:
        fields = value.fields
        out.append(0xB0 + len(fields))
        out.append(value.tag)
        writers = self._writers
        for field in fields:
            write = writers.get(type(field))
            if write is not None:
                write(field, out)
            else:
                self._other(field, out)


def _null(_value: None, out: bytearray) -> None:
    out.append(0xC0)


def _boolean(value: bool, out: bytearray) -> None:
    out.append(0xC3 if value else 0xC2)


def _integer(value: int, out: bytearray) -> None:
    if -16 <= value < 128:
        out += _TINY[value + 16]
    elif -0x8000 <= value < 0x8000:
        if -0x80 <= value < -16:
            out += b"\xc8" + (value & 0xFF).to_bytes()
        else:
            out += b"\xc9" + _INT16.pack(value)
    elif -0x8000_0000 <= value < 0x8000_0000:
        out += b"\xca" + _INT32.pack(value)
    elif -(1 << 63) <= value < 1 << 63:
        out += b"\xcb" + _INT64.pack(value)
    else:
        raise BadPackStream(f"{value} has more than 64 bits.")


def _float(value: float, out: bytearray) -> None:
    out += b"\xc1" + _FLOAT.pack(value)


def _text(value: str, out: bytearray) -> None:
    try:
        data = value.encode()
    except UnicodeEncodeError as error:
        raise BadPackStream("A string contains half of a surrogate pair.") from error
    size = len(data)
    if size < 16:
        out.append(0x80 + size)
    else:
        _long_header(out, size, 0xD0)
    out += data


def _bytes(value: bytes, out: bytearray) -> None:
    _long_header(out, len(value), 0xCC)
    out += value


def _uuid(value: UUID, out: bytearray) -> None:
    out.append(_UUID)
    out += value.bytes


def _header(out: bytearray, size: int, tiny: int, long: int) -> None:
    if size < 16:
        out.append(tiny + size)
    else:
        _long_header(out, size, long)


def _long_header(out: bytearray, size: int, marker: int) -> None:
    """Append a marker for sizes of one byte, or the next for two, or the next for four, and the size."""
    if size < 0x100:
        out += bytes((marker, size))
    elif size < 0x1_0000:
        out.append(marker + 1)
        out += size.to_bytes(2)
    elif size < 0x1_0000_0000:
        out.append(marker + 2)
        out += size.to_bytes(4)
    else:
        raise BadPackStream(f"{size} bytes or items are too many for one value.")


def unpack(data: bytes | bytearray, hydrate: Hydrate, *, uuids: bool = False) -> Any:
    """Read one value from all of the bytes. Raises BadPackStream."""
    reader = _Reader(data, hydrate, uuids=uuids)
    value = reader.value(0)
    reader.end()
    return value


def unpack_message(data: bytes | bytearray, hydrate: Hydrate, *, uuids: bool = False) -> tuple[int, list[Any]]:
    """Read a message: a structure, of which tag and fields are returned. Raises BadPackStream."""
    if len(data) < 2 or data[0] & 0xF0 != 0xB0:
        raise BadPackStream("The message is not a structure.")
    reader = _Reader(data, hydrate, uuids=uuids)
    reader.at = 2
    fields = [reader.value(1) for _ in range(data[0] & 0x0F)]
    reader.end()
    return data[1], fields


class _Reader:
    def __init__(self, data: bytes | bytearray, hydrate: Hydrate, *, uuids: bool) -> None:
        self.data = data
        self.at = 0
        self._values = 0
        self._hydrate = hydrate
        self._uuids = uuids

    def end(self) -> None:
        if self.at != len(self.data):
            raise BadPackStream(f"{len(self.data) - self.at} bytes follow the last value.")

    def value(self, depth: int) -> Any:
        if depth > DEPTH:
            raise BadPackStream(f"Values are nested more than {DEPTH} deep.")
        marker = self._take(1)[0]
        if marker < 0x80:
            return marker
        if marker >= 0xF0:
            return marker - 0x100
        if marker < 0xC0:
            # Texts, lists, maps and structures of fewer than sixteen bytes, items or fields.
            return _SMALL[(marker >> 4) - 8](self, marker & 0x0F, depth)
        return self._marked(marker, depth)

    def _marked(self, marker: int, depth: int) -> Any:
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker in _SIZED:
            power, read = _SIZED[marker]
            return read(self, int.from_bytes(self._take(1 << power)), depth)
        if 0xC8 <= marker <= 0xCB:
            return int.from_bytes(self._take(1 << (marker - 0xC8)), signed=True)
        if marker == 0xC1:
            return _FLOAT.unpack(self._take(8))[0]
        if marker == _UUID and self._uuids:
            return UUID(bytes=bytes(self._take(16)))
        raise BadPackStream(f"0x{marker:02X} is not a marker of PackStream.")

    def _take(self, size: int) -> bytes | bytearray | memoryview:
        end = self.at + size
        if end > len(self.data):
            raise BadPackStream("The message ends in the middle of a value.")
        # A view of what is long: a copy of megabytes keeps all threads waiting where memory is slow.
        taken = self.data[self.at : end] if size < _LONG else memoryview(self.data)[self.at : end]
        self.at = end
        return taken

    def _bytes(self, size: int, _depth: int) -> bytes:
        return bytes(self._take(size))

    def _text(self, size: int, _depth: int) -> str:
        try:
            return str(self._take(size), "utf-8")
        except UnicodeDecodeError as error:
            raise BadPackStream("A string is not valid UTF-8.") from error

    def _list(self, size: int, depth: int) -> list[Any]:
        self._check(size)
        return [self.value(depth + 1) for _ in range(size)]

    def _map(self, size: int, depth: int) -> dict[str, Any]:
        self._check(2 * size)
        found: dict[str, Any] = {}
        for _ in range(size):
            key = self.value(depth + 1)
            if type(key) is not str:
                raise BadPackStream("A key of a map is not a string.")
            if key in found:
                raise BadPackStream(f"A map contains {key[:60]!r} twice.")
            found[key] = self.value(depth + 1)
        return found

    def _structure(self, size: int, depth: int) -> Any:
        tag = self._take(1)[0]
        return self._hydrate(tag, [self.value(depth + 1) for _ in range(size)])

    def _check(self, least: int) -> None:
        """Raise BadPackStream for a size beyond the message or the limit, before anything is allocated."""
        if least > len(self.data) - self.at:
            raise BadPackStream("The message ends in the middle of a value.")
        self._values += least
        if self._values > MOST_VALUES:
            raise BadPackStream(
                f"A message has more than {MOST_VALUES:,} values.",
                hint="Send less at once: UNWIND over a smaller list of rows, or use several transactions.",
            )


_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_SMALL = (_Reader._text, _Reader._list, _Reader._map, _Reader._structure)
_SIZED = {  # How a size is told (in two to this power bytes), and of what.
    first + power: (power, read)
    for first, read in ((0xCC, _Reader._bytes), (0xD0, _Reader._text), (0xD4, _Reader._list), (0xD8, _Reader._map))
    for power in range(3)
}
