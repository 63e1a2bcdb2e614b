"""What is between a file and pyoxigraph's parsers, whose stack and memory some files would exhaust.

Measured with pyoxigraph 0.5.13: 100,000 triple terms inside of each other crash the process, 10,000 nested elements of
RDF/XML take seconds and 100,000 minutes, and XML entities grow without bound.
"""

import codecs
import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, BinaryIO, Final, Protocol
from xml.parsers import expat

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.formats.rdf.values import DEEPEST_TERM

DEEPEST_ELEMENT: Final = 500
LONGEST_TOKEN: Final = 16 * 1024 * 1024  # As long as pyoxigraph's other parsers take.
_LONGEST_ENTITY, _MOST_ENTITIES = 1000, 1000  # Entities stand for namespaces in OWL files, and for nothing else.
_CHUNK: Final = 256 * 1024
_ENCODINGS: Final = ((codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))
_PREDEFINED: Final = frozenset({"amp", "lt", "gt", "apos", "quot"})
# What may hold << or >> without meaning a triple term: comments, IRIs and strings; long strings may span chunks.
_TOKENS = re.compile(
    rb"""\#[^\n]*|<[^<>"{}|^`\\\s]*>|(\"{3}|'{3})|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|(<<)|(>>)|\\.""", re.DOTALL
)
_LONG_ENDS: Final = {
    b'"""': re.compile(rb'[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""', re.DOTALL),
    b"'''": re.compile(rb"[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''", re.DOTALL),
}


class Check(Protocol):
    """Looks at the bytes of a file before the parser does."""

    def feed(self, chunk: bytes, last: bool) -> None:
        """Take the next bytes. Raises InvalidInput and TooLarge."""


class Guarded:
    """A stream whose bytes are checked and counted, with a digest of them all."""

    def __init__(self, stream: BinaryIO, check: Check | None = None) -> None:
        """Take the stream, and what looks at its bytes."""
        self.read_bytes = 0
        self._stream = stream
        self._check = check
        self._digest = blake2b(digest_size=6)
        self._begun = False
        self._held = b""
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size`, and none at the end."""
        if self._at == len(self._held):
            self._held, self._at = self.chunk(), 0
        end = len(self._held) if size < 0 else min(len(self._held), self._at + size)
        part, self._at = self._held[self._at : end], end
        return part

    def chunk(self, size: int = _CHUNK) -> bytes:
        """Return the next checked bytes as the stream has them."""
        chunk = self._stream.read(size)
        self._digest.update(chunk)
        if not self._begun:
            chunk = self._unmarked(chunk)
        self.read_bytes += len(chunk)
        if self._check:
            self._check.feed(chunk, not chunk)
        return chunk

    def digest(self) -> str:
        """Return twelve hex digits that stand for what was read."""
        return self._digest.hexdigest()

    def _unmarked(self, chunk: bytes) -> bytes:
        """Return the first bytes without the mark of their encoding. Raises InvalidInput for another than UTF-8."""
        self._begun = True
        # One byte more than the mark: nothing at all would be the end.
        while chunk and len(chunk) <= len(codecs.BOM_UTF8) and (more := self._stream.read(_CHUNK)):
            self._digest.update(more)
            chunk += more
        for mark, name in _ENCODINGS:
            if chunk.startswith(mark):
                raise InvalidInput(f"The file is encoded in {name}.", hint="Save it as UTF-8.", line=1)
        return chunk.removeprefix(codecs.BOM_UTF8)


class TripleTerms:
    """Refuses Turtle and TriG with triple terms nested deeper than pyoxigraph's stack is sure to hold."""

    def __init__(self) -> None:
        """Begin outside of everything."""
        self._depth = 0
        self._line = 1
        self._rest = b""
        self._inside: bytes | None = None  # The quotes that end the long string that the last chunk ended in.

    def feed(self, chunk: bytes, last: bool) -> None:
        """Take the next bytes. Raises TooLarge."""
        data = self._rest + chunk
        cut = len(data) if last else data.rfind(b"\n") + 1
        if not cut and len(data) > LONGEST_TOKEN:
            cut = len(data)
        self._rest, data = data[cut:], data[:cut]
        plain = self._inside is None and b'"""' not in data and b"'''" not in data
        # Most files have neither long strings nor triple terms.
        if not plain or b"<<" in data or (self._depth and b">>" in data):
            self._look(data)
        self._line += data.count(b"\n")

    def _look(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            if self._inside:
                end = _LONG_ENDS[self._inside].match(data, at)
                if not end:
                    return
                at, self._inside = end.end(), None
            at = self._outside(data, at)

    def _outside(self, data: bytes, at: int) -> int:
        """Look at what is outside of long strings, and give where that ends."""
        for found in _TOKENS.finditer(data, at):
            if found[1]:
                self._inside = found[1]
                return found.end()
            if found[2]:
                self._depth += 1
                if self._depth > DEEPEST_TERM:
                    line = self._line + data.count(b"\n", 0, found.start())
                    raise TooLarge(
                        f"Triple terms are nested more than {DEEPEST_TERM} deep.", hint="Is this data?", line=line
                    )
            elif found[3] and self._depth:
                self._depth -= 1
        return len(data)


class XMLShape:
    """Refuses XML that is nested too deep, or whose entities are more than names for namespaces."""

    def __init__(self) -> None:
        """Begin before the document."""
        self._parser: Any = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.EntityDeclHandler = self._entity
        self._depth = 0
        self._entities = 0
        self._run = 0  # Bytes since the last tag began.

    def feed(self, chunk: bytes, last: bool) -> None:
        """Take the next bytes. Raises InvalidInput and TooLarge."""
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as error:
            # An undefined entity or a broken tag is told here, with its place, before pyoxigraph sees it.
            raise InvalidInput(
                f"This is not well-formed XML: {expat.ErrorString(error.code)}.",
                hint=f"See line {error.lineno}, column {error.offset + 1}.",
                line=error.lineno,
                column=error.offset + 1,
            ) from error
        except (LookupError, ValueError) as error:  # An encoding that Python does not know.
            raise InvalidInput(f"This XML cannot be read: {error}.", hint="Save it as UTF-8.") from error
        start = chunk.rfind(b"<")
        self._run = len(chunk) - start if start >= 0 else self._run + len(chunk)
        if self._run > LONGEST_TOKEN:
            raise TooLarge(f"A text or tag is longer than {LONGEST_TOKEN} bytes.", hint="Is this data?", line=self.line)

    @property
    def line(self) -> int:
        """The line that was reached."""
        return int(self._parser.CurrentLineNumber)

    def _start(self, _name: str, _attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST_ELEMENT:
            reason = f"Elements are nested more than {DEEPEST_ELEMENT} deep."
            raise TooLarge(reason, hint="Is this RDF/XML?", line=self.line)

    def _end(self, _name: str) -> None:
        self._depth -= 1

    def _entity(self, name: str, is_parameter: bool, value: str | None, *_: Any) -> None:
        self._entities += 1
        hint = "Write out what it stands for."
        if value is None or is_parameter:
            raise InvalidInput(f"The entity {name[:80]!r} is external or a parameter.", hint=hint, line=self.line)
        if "&" in value and name not in _PREDEFINED:
            raise InvalidInput(f"The entity {name[:80]!r} is made of others.", hint=hint, line=self.line)
        if len(value) > _LONGEST_ENTITY or self._entities > _MOST_ENTITIES:
            raise TooLarge(f"The entity {name[:80]!r} is too long, or one of too many.", hint=hint, line=self.line)


CHECKS: Final[dict[str, Callable[[], Check]]] = {"turtle": TripleTerms, "trig": TripleTerms, "rdfxml": XMLShape}
