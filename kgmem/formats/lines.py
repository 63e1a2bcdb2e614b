"""The lines of a byte stream, numbered and bounded, whatever its end-of-line and its byte order mark."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from kgmem.domain.errors import InvalidInput

LONGEST_LINE = 16 * 1024 * 1024
_OTHER_ENCODINGS = ((codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))


def numbered_lines(stream: BinaryIO, longest: int = LONGEST_LINE) -> Iterator[tuple[int, bytes | None]]:
    """Give each line with its number, from 1; None for one that is longer than `longest`, which is never held whole.

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
            raise InvalidInput(f"The file is encoded in {name}.", mend="Save it as UTF-8.")
    return line.removeprefix(codecs.BOM_UTF8)


def _skip_rest(stream: BinaryIO, line: bytes, longest: int) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(longest)
