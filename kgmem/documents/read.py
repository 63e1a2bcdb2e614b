"""Read a document, by its name and bytes, as sections; the parser of each kind of file is loaded at its first file."""

import importlib
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from kgmem.domain.errors import InvalidInput
from kgmem.domain.text.document import Section

MOST_BYTES: Final = 100_000_000
_MODULES: Final = {
    ".txt": "plain", ".text": "plain", ".log": "plain", ".md": "markdown", ".markdown": "markdown", ".html": "html",
    ".htm": "html", ".xhtml": "html", ".pdf": "pdf", ".docx": "word",
}  # fmt: skip
_MAX_LEVEL = 6  # Of headings; a deeper one counts as of this level.


class Outline:
    """Builds sections from headings and paragraphs, in the order of the document.

    A heading ends the section before it. It replaces the current headings of its level and of the levels below.
    """

    def __init__(self) -> None:
        """Begin without headings."""
        self._headings: list[tuple[int, str]] = []
        self._lines: list[str] = []
        self._sections: list[Section] = []

    def heading(self, level: int, text: str) -> None:
        """Begin a section under a heading; level 1 is the highest."""
        self._close()
        words = " ".join(text.split())
        if words:
            self._headings = [each for each in self._headings if each[0] < min(level, _MAX_LEVEL)]
            self._headings.append((level, words))

    def paragraph(self, text: str) -> None:
        """Add a paragraph to the current section; an empty one is ignored."""
        if text.strip():
            self._lines.append(text.strip())

    def sections(self) -> list[Section]:
        """Return all sections that have text."""
        self._close()
        return self._sections

    def _close(self) -> None:
        if self._lines:
            self._sections.append(Section([text for _, text in self._headings], "\n\n".join(self._lines)))
            self._lines = []


def suffixes() -> list[str]:
    """Return the file name endings of the supported kinds of documents, sorted: .docx, .htm, ..."""
    return sorted(_MODULES)


def is_document(name: str) -> bool:
    """Return whether a file is of a supported kind, by the ending of its name."""
    return PurePath(name).suffix.lower() in _MODULES


def sections_of(name: str, data: bytes) -> Sequence[Section]:
    """Return the sections of a file that have text, in the order of the document.

    Raises InvalidInput for an unsupported kind, a damaged file, and one larger than MOST_BYTES.
    """
    if len(data) > MOST_BYTES:
        raise InvalidInput(f"{name} is larger than {MOST_BYTES // 1_000_000} MB.", hint="Send it in parts.")
    module = _MODULES.get(PurePath(name).suffix.lower())
    if module is None:
        raise InvalidInput(
            f"{name} is of no kind that is read.", hint=f"Give a file that ends in {', '.join(suffixes())}."
        )
    found: Sequence[Section] = importlib.import_module(f"kgmem.documents.{module}").sections(name, data)
    return [section for section in found if section.text.strip()]


def decoded(name: str, data: bytes) -> str:
    """Return a text in UTF-8 (or UTF-16 with its mark). Raises InvalidInput."""
    try:
        marked = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        return data.decode("utf-16" if marked else "utf-8-sig").replace("\r\n", "\n").replace("\x00", "")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{name} is not a text in UTF-8.", hint="Convert it to UTF-8.") from error


def damaged(name: str, kind: str, error: Exception) -> InvalidInput:
    """Return the error for a file that cannot be read."""
    return InvalidInput(
        f"{name} is not a {kind} file that can be read: {str(error)[:200] or type(error).__name__}.",
        hint="Check that it opens elsewhere, is complete, and asks for no password.",
    )
