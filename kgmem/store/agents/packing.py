"""How a version's content is compressed: by itself, or as its difference from an earlier version of the same state."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Final

import zstandard

RUN: Final = 64  # Versions after which one is stored by itself again.
_WORTH: Final = 0.7  # A difference that takes more than this share of the content by itself is not stored.
_LARGE: Final = 512 * 1024  # Bytes from which on the usual levels look back too little to find an earlier version.
_MOST_HASHED: Final = 23  # Two to this power are the positions that are remembered in a large version: 32 MB.
_WIDEST: Final = 1 << 27  # Bytes that unpacking may look back.
_QUICK: Final = 32 * 1024  # Bytes that take less than a millisecond; with more it is done in a thread.


def checksum(content: bytes) -> bytes:
    """Return the SHA-256 of content."""
    return hashlib.sha256(content).digest()


def base_place(place: int) -> int:
    """Return the place in its run of the version from which the one at `place` is stored as the difference.

    Its number has one bit less, the lowest, so that reading unpacks at most six versions of a run of 64,
    and most differences are from the version just before.
    """
    return place & (place - 1)


def base_of(run: Sequence[tuple[int, int]], place: int) -> int | None:
    """Return the version that one at `place` is the difference from; None where it is stored by itself.

    `run` has the (version, place) of what there is of the run, the newest first. Retention may have deleted the
    version that is meant: then it is the one before.
    """
    if not place:
        return None
    for version, of_version in run:
        if of_version <= base_place(place):
            return version
        if not of_version:
            break
    return None


def pack(content: bytes, base: bytes | None) -> tuple[bytes, bool]:
    """Return the compressed content, and whether it is the difference from `base`."""
    if base is not None:
        difference = _difference(content, base)
        if len(difference) < 100:
            return difference, True
        alone = zstandard.ZstdCompressor(level=3).compress(content)
        return (difference, True) if len(difference) <= _WORTH * len(alone) else (alone, False)
    return zstandard.ZstdCompressor(level=3).compress(content), False


def unpack(chain: Sequence[bytes], before: bytes | None = None) -> bytes:
    """Return the content of the last of a chain: each is the difference from the one before it.

    The first is stored by itself, or is the difference from `before`.
    """
    content = before
    for packed in chain:
        known = None
        if content is not None:
            known = zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        content = zstandard.ZstdDecompressor(dict_data=known, max_window_size=_WIDEST).decompress(packed)
    return content or b""


def _difference(content: bytes, base: bytes) -> bytes:
    known = zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    both = len(content) + len(base)
    if both < _LARGE:
        parameters = zstandard.ZstdCompressionParameters.from_level(3, source_size=len(content), dict_size=len(base))
    else:
        bits = both.bit_length()
        parameters = zstandard.ZstdCompressionParameters(
            strategy=zstandard.STRATEGY_FAST, min_match=7, window_log=bits, search_log=1, target_length=1,
            hash_log=min(bits, _MOST_HASHED), chain_log=min(bits, _MOST_HASHED),
        )  # fmt: skip
    return zstandard.ZstdCompressor(dict_data=known, compression_params=parameters).compress(content)


async def packed_from(content: bytes, base: bytes | None) -> tuple[bytes, bool]:
    """Do what `pack` does, in a thread where it takes long."""
    if len(content) < _QUICK:
        return pack(content, base)
    return await asyncio.to_thread(pack, content, base)


async def unpacked(chain: Sequence[bytes]) -> bytes:
    """Do what `unpack` does, in a thread where it may take long."""
    if sum(map(len, chain)) < _QUICK // 8:
        return unpack(chain)
    return await asyncio.to_thread(unpack, chain)
