"""The elements of an XML document, one after the other with their lines, in constant memory and from any sender.

Document types and entities are refused (defusedxml), and so are nesting and tags of a size that no graph has.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final
from xml.sax import SAXException, SAXParseException

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from kgmem.domain.errors import InvalidInput, TooLarge

DEEPEST: Final = 100
LARGEST_RECORD: Final = 8 * 1024 * 1024  # Bytes of one record: a text may have a million characters.
# Bytes that the parser may take without finding a tag's end; it holds them, and reads them again with each chunk.
LONGEST_TAG: Final = LARGEST_RECORD
_CHUNK: Final = 256 * 1024
_MEND: Final = "Is this a graph?"


@dataclass(slots=True)
class Element:
    """One element: its name without the name space's prefix, its attributes, the line it begins on, what is in it."""

    name: str
    attributes: dict[str, str]
    line: int
    children: "list[Element] | tuple[()]" = ()
    text: str = ""
    too_large: bool = False  # What is in it was left out.

    def child(self, name: str) -> "Element | None":
        """Return the first child of a name."""
        return next((child for child in self.children if child.name == name), None)


def read_elements(
    stream: BinaryIO, root: str, containers: frozenset[str], skipped: frozenset[str]
) -> Iterator[Element]:
    """Return each element whose parents are all `containers`, with all that is in it; a container is given alone.

    Elements of a `skipped` name inside of another are given empty. Raises InvalidInput, with the line, for a document
    that is not well-formed, has another root or a document type, and TooLarge.
    """
    parser = _Parser(root, containers, skipped)
    given = 0
    try:
        while chunk := stream.read(_CHUNK):
            parser.feed(chunk)
            given += len(chunk)
            if given - parser.position() > LONGEST_TAG:
                reason = f"A tag or comment is longer than {LONGEST_TAG} bytes."
                raise TooLarge(reason, hint=_MEND, line=parser.getLineNumber())
            yield from parser.taken()
        parser.close()
        yield from parser.taken()
    except DefusedXmlException as error:
        raise InvalidInput(
            "The document has a document type (<!DOCTYPE>), which is not read.",
            hint="Take it out; a graph needs none.",
            line=parser.getLineNumber(),
        ) from error
    except SAXParseException as error:
        reason = f"This is not well-formed XML: {error.getMessage()}."
        raise InvalidInput(reason, hint="Make the file again.", line=error.getLineNumber()) from error
    except (SAXException, LookupError, ValueError) as error:  # The last two: an encoding that Python does not know.
        raise InvalidInput(f"This XML cannot be read: {error}.", hint="Save it as UTF-8.") from error
    if not given:
        raise InvalidInput("The file is empty.", hint="Make it again.")


class _Parser(DefusedExpatParser):  # type: ignore[misc]  # defusedxml has no types.
    """Builds elements, straight from the parser's events: by way of SAX handlers it would take half as long again."""

    def __init__(self, root: str, containers: frozenset[str], skipped: frozenset[str]) -> None:
        super().__init__(forbid_dtd=True)
        self._root = root
        self._containers = containers
        self._skipped = skipped
        self._depth = 0
        self._passed_over = 0  # What is this deep or deeper is passed over; 0: nothing is.
        self._record_depth = 0
        self._record_start = 0  # In bytes of the file.
        self._open: list[Element] = []  # The record being built and those open inside of it.
        self._done: list[Element] = []

    def reset(self) -> None:
        """Prepare the parser; called with the first chunk."""
        super().reset()
        self._expat: Any = self._parser
        self._expat.buffer_size = _CHUNK  # Texts come in few pieces.
        self._expat.CharacterDataHandler = self.character_data

    def position(self) -> int:
        """Return how many bytes were understood."""
        return int(self._expat.CurrentByteIndex)

    def taken(self) -> list[Element]:
        """Return what was completed since the last time."""
        done, self._done = self._done, []
        return done

    def start_element(self, name: str, attrs: dict[str, str]) -> None:
        """Begin an element."""
        self._depth += 1
        if self._depth > DEEPEST:
            reason = f"Elements are nested more than {DEEPEST} deep."
            raise TooLarge(reason, hint=_MEND, line=self.getLineNumber())
        if self._passed_over:
            return
        local = name if ":" not in name else name.rpartition(":")[2]
        element = Element(local, attrs, self._expat.CurrentLineNumber)
        if self._open:
            self._add(element)
        elif self._begin(element):
            return
        if not self._passed_over:
            self._open.append(element)

    def character_data(self, content: str) -> None:
        """Take some text."""
        if self._open and not self._passed_over:
            element = self._open[-1]
            element.text = element.text + content if element.text else content
            if self._expat.CurrentByteIndex - self._record_start > LARGEST_RECORD:
                self._leave_out()

    def end_element(self, name: str) -> None:  # noqa: ARG002  # The parser has checked the name.
        """End an element."""
        if self._passed_over and self._depth >= self._passed_over:
            if self._depth == self._passed_over:
                self._passed_over = 0
        elif self._open:
            element = self._open.pop()
            if not self._open:
                self._done.append(element)
                self._passed_over = 0
        self._depth -= 1

    def _begin(self, element: Element) -> bool:
        """Begin a record, or say that it is a container, which is complete as it is."""
        if self._depth == 1 and element.name != self._root:
            reason = f"The document is <{element.name[:80]}> and not <{self._root}>."
            raise InvalidInput(reason, hint="Name its format.", line=element.line)
        if element.name in self._containers:
            self._done.append(element)
            return True
        self._record_depth, self._record_start = self._depth, self._expat.CurrentByteIndex
        return False

    def _add(self, element: Element) -> None:
        """Add an element to the one that it stands in."""
        parent = self._open[-1]
        if parent.children:
            parent.children.append(element)
        else:
            parent.children = [element]
        if element.name in self._skipped:
            self._passed_over = self._depth
        if self._expat.CurrentByteIndex - self._record_start > LARGEST_RECORD:
            self._leave_out()

    def _leave_out(self) -> None:
        """Omit what was read of a record that is too large, and the rest of what is being read of it."""
        record = self._open[0]
        record.too_large, record.children, record.text = True, (), ""
        self._open = [record]
        self._passed_over = self._record_depth + 1
