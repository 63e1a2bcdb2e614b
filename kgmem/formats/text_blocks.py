"""The text of a byte stream in blocks of whole lines: many lines at once are read much faster than one by one."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from kgmem.domain.errors import InvalidInput
from kgmem.formats.lines import LONGEST_LINE

_BLOCK = 1024 * 1024
_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class LineTooLong(Exception):
    """A line is longer than any record may be; it was not read to its end."""


class TextBlocks:
    """Gives a stream's text in blocks of whole lines, in memory bounded by the longest line.

    Bytes that are not UTF-8 stay in the text as surrogates, and `clean` is False from then on.
    """

    def __init__(self, stream: BinaryIO, longest: int = LONGEST_LINE) -> None:
        """Take the stream, and the length in bytes beyond which a line ends the reading with LineTooLong."""
        self.clean = True
        self._stream = stream
        self._longest = longest

    def __iter__(self) -> Iterator[str]:
        """Give the blocks. Raises InvalidInput for UTF-16."""
        begun = self._stream.read(_BLOCK)
        if begun.startswith(_OTHER_ENCODINGS):
            raise InvalidInput("The file is encoded in UTF-16.", mend="Save it as UTF-8.")
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
