"""The lines of a byte stream, numbered and bounded, whatever its end-of-line and its byte order mark."""

import codecs
import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from kgmem.domain.errors import InvalidInput

# The rest of a stream of which the beginning was read already.


class Rest(io.RawIOBase):
    """What was read of a stream already, and then the rest of it."""

    def __init__(self, begun: bytes, stream: BinaryIO) -> None:
        """Take what was read, and the stream."""
        self._begun = io.BytesIO(begun)
        self._stream = stream

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes."""
        data = self._begun.read(len(buffer)) or self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


LONGEST_LINE = 16 * 1024 * 1024
_OTHER_ENCODINGS = ((codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))


def numbered_lines(stream: BinaryIO, longest: int = LONGEST_LINE) -> Iterator[tuple[int, bytes | None]]:
    """Return each line with its number, from 1; None for one longer than `longest`, which is never whole in memory.

    A byte order mark of UTF-8 is taken off. Raises InvalidInput for UTF-16.
    """
    number = 0
    while line := stream.readline(longest + 1):
        number += 1
        if number == 1:
            line = _without_mark(line)
        if len(line) > longest:
            _skip_rest(stream, line, longest)
            yield number, None
        else:
            yield number, line


def _without_mark(line: bytes) -> bytes:
    for mark, name in _OTHER_ENCODINGS:
        if line.startswith(mark):
            raise InvalidInput(f"The file is encoded in {name}.", hint="Save it as UTF-8.")
    return line.removeprefix(codecs.BOM_UTF8)


def _skip_rest(stream: BinaryIO, line: bytes, longest: int) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(longest)


# The text of a byte stream in blocks of whole lines: many lines at once are read much faster than one by one.

_BLOCK = 1024 * 1024
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class LineTooLong(Exception):
    """A line is longer than any record may be; it was not read to its end."""


class TextBlocks:
    """Reads a stream's text in blocks of whole lines, in memory bounded by the longest line.

    Bytes that are not UTF-8 stay in the text as surrogates, and `clean` is False from then on.
    """

    def __init__(self, stream: BinaryIO, longest: int = LONGEST_LINE) -> None:
        """Take the stream, and the length in bytes beyond which a line ends the reading with LineTooLong."""
        self.clean = True
        self._stream = stream
        self._longest = longest

    def __iter__(self) -> Iterator[str]:
        """Return the blocks. Raises InvalidInput for UTF-16."""
        begun = self._stream.read(_BLOCK)
        if begun.startswith(_UTF16_MARKS):
            raise InvalidInput("The file is encoded in UTF-16.", hint="Save it as UTF-8.")
        begun = begun.removeprefix(codecs.BOM_UTF8)
        while begun:
            end = begun.rfind(b"\n") + 1
            if end:
                yield self._text(begun[:end])
                begun = begun[end:]
            elif len(begun) > self._longest:
                raise LineTooLong
            more = self._stream.read(_BLOCK)
            if not more:
                if begun:
                    yield self._text(begun)
                return
            begun += more

    def _text(self, block: bytes) -> str:
        try:
            return block.decode()
        except UnicodeDecodeError:
            self.clean = False
            return block.decode(errors="surrogateescape")
