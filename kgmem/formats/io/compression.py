"""Compressed streams, read with bounds: on the memory a decompressor takes, and on what a small file may swell to."""

import gzip
import importlib
import io
import lzma
import zlib
from types import ModuleType
from typing import Any, BinaryIO, cast

from kgmem.domain.errors import InvalidInput, TooLarge

GZIP, XZ, ZSTD = b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"
SUFFIXES = {".gz": GZIP, ".xz": XZ, ".zst": ZSTD}
# Texts shrink to a twentieth, tables of repeated rows to a hundredth; what swells more is made to fill disks.
MOST_SWELLING = 250
_FREE = 64 * 1024 * 1024  # Bytes that any file may swell to.
_XZ_MEMORY = 256 * 1024 * 1024
_CHUNK = 1024 * 1024


def _optional(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


_zstandard = _optional("zstandard")
_DAMAGED: tuple[type[Exception], ...] = (EOFError, OSError, lzma.LZMAError, zlib.error)
if _zstandard is not None:
    _DAMAGED = (*_DAMAGED, _zstandard.ZstdError)


def decompressed(raw: BinaryIO, start: bytes, name: str) -> BinaryIO:
    """Return the stream's plain bytes, by what its `start` shows; a plain stream is given back as it is.

    Reading raises InvalidInput for a damaged or cut file and TooLarge for one that swells beyond reason.
    """
    counted = _Counted(raw)
    if start.startswith(GZIP):
        return _bounded(cast(BinaryIO, gzip.GzipFile(fileobj=counted)), counted, name)
    if start.startswith(XZ):
        return _bounded(cast(BinaryIO, _XZ(counted)), counted, name)
    if start.startswith(ZSTD):
        if _zstandard is None:
            raise InvalidInput(
                f"{name} is compressed with zstd, which this Python cannot read.",
                hint="Install it (pip install zstandard), or pipe it: zstd -dc FILE | kgmem import - --format ...",
            )
        reader = _zstandard.ZstdDecompressor(max_window_size=_XZ_MEMORY // 2).stream_reader(
            counted, read_across_frames=True
        )
        return _bounded(reader, counted, name)
    return raw


def compressing(raw: BinaryIO, suffix: str) -> BinaryIO | None:
    """Return a stream that compresses into `raw` as a file's suffix says; None when it names no compression."""
    if suffix == ".gz":
        return cast(BinaryIO, gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0))
    if suffix == ".xz":
        return cast(BinaryIO, lzma.LZMAFile(raw, mode="wb", preset=3))
    if suffix == ".zst":
        if _zstandard is None:
            raise InvalidInput("This Python cannot write zstd.", hint="Install zstandard, or name the file .gz or .xz.")
        return cast(BinaryIO, _zstandard.ZstdCompressor().stream_writer(raw, closefd=False))
    return None


class _Counted(io.RawIOBase):
    """A stream that counts the bytes read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self.bytes += len(data)
        return len(data)


class _XZ(io.RawIOBase):
    """What lzma.LZMAFile reads, with a bound on memory, which that has not."""

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream
        self._decompressor: lzma.LZMADecompressor | None = None
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._decompressor is None or self._decompressor.eof:
                rest = self._decompressor.unused_data if self._decompressor else b""
                rest = rest or self._stream.read(_CHUNK) or b""
                if not rest.strip(b"\x00"):
                    return 0
                self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
                data = self._decompressor.decompress(rest.lstrip(b"\x00"), len(buffer))
            else:
                more = self._stream.read(_CHUNK) or b"" if self._decompressor.needs_input else b""
                if self._decompressor.needs_input and not more:
                    raise EOFError("it ends in the middle")
                data = self._decompressor.decompress(more, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)


class _Bounded(io.RawIOBase):
    """A decompressed stream that stops when it swells beyond reason, and translates what is wrong with it."""

    def __init__(self, plain: BinaryIO, counted: _Counted, name: str) -> None:
        self._plain = plain
        self._counted = counted
        self._name = name
        self._bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._plain.read(len(buffer))
        except _DAMAGED as error:
            raise InvalidInput(
                f"{self._name} cannot be decompressed: {error}.", hint="Fetch or make the file again."
            ) from error
        self._bytes += len(data)
        if self._bytes > max(_FREE, self._counted.bytes * MOST_SWELLING):
            raise TooLarge(
                f"{self._name} swells to more than {MOST_SWELLING} times its size.",
                hint="If you trust it, decompress it yourself and import the plain file.",
            )
        buffer[: len(data)] = data
        return len(data)


def _bounded(plain: BinaryIO, counted: _Counted, name: str) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Bounded(plain, counted, name), _CHUNK))
