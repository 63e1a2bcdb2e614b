"""The form of a cached value as bytes: a version, whether it is compressed, a checksum, and the value.

The checksum covers the place too, so that a value is not taken for that of another place. It finds damage, not malice:
who may write to Redis is trusted, as whoever may write to the database is.
"""

from hashlib import blake2b
from typing import Final

import zstandard

from kgmem.domain.cache.ports import CachePlace

_VERSION: Final = b"KC1"
_PLAIN, _ZSTD = b"\x00", b"\x01"
_DIGEST: Final = 8
_HEAD: Final = len(_VERSION) + 1 + _DIGEST
_LARGEST: Final = 64 * 1024 * 1024  # Bytes that a value unpacks to.


def framed(place: CachePlace, value: bytes, compress: int) -> bytes:
    """Return a value in its form; from `compress` bytes on compressed, unless that is 0."""
    kind = _PLAIN
    if compress and len(value) >= compress:
        kind, value = _ZSTD, zstandard.ZstdCompressor(level=1).compress(value)
    return b"".join((_VERSION, kind, _digest(place, kind, value), value))


def unframed(place: CachePlace, frame: bytes) -> bytes | None:
    """Return the value; None where the bytes are damaged, of another place or of another version."""
    kind, value = frame[len(_VERSION) : len(_VERSION) + 1], frame[_HEAD:]
    if not frame.startswith(_VERSION) or frame[len(_VERSION) + 1 : _HEAD] != _digest(place, kind, value):
        return None
    return value if kind == _PLAIN else _unpacked(value)


def content_of(frame: bytes) -> bytes | None:
    """Return the value, of whatever place it is; None for bytes of another form."""
    if not frame.startswith(_VERSION):
        return None
    kind, value = frame[len(_VERSION) : len(_VERSION) + 1], frame[_HEAD:]
    return value if kind == _PLAIN else _unpacked(value)


def _unpacked(value: bytes) -> bytes | None:
    try:
        return zstandard.ZstdDecompressor().decompress(value, max_output_size=_LARGEST)
    except zstandard.ZstdError:
        return None


def _digest(place: CachePlace, kind: bytes, value: bytes) -> bytes:
    where = f"{place.kind}:{place.graph}:{place.digest}:".encode()
    return blake2b(where + kind + value, digest_size=_DIGEST).digest()
