"""Putting headings and paragraphs, in the order of a document, together as sections."""

from kgmem.domain.text.document import Section

_DEEPEST = 6


class Outline:
    """Sections as they come: a heading ends the section before it, and those of its level and below."""

    def __init__(self) -> None:
        """Begin without headings."""
        self._headings: list[tuple[int, str]] = []
        self._lines: list[str] = []
        self._sections: list[Section] = []

    def heading(self, level: int, text: str) -> None:
        """Begin a section."""
        self._close()
        words = " ".join(text.split())
        if words:
            self._headings = [each for each in self._headings if each[0] < min(level, _DEEPEST)]
            self._headings.append((level, words))

    def paragraph(self, text: str) -> None:
        """Add a paragraph to the section."""
        if text.strip():
            self._lines.append(text.strip())

    def sections(self) -> list[Section]:
        """Return all sections."""
        self._close()
        return self._sections

    def _close(self) -> None:
        if self._lines:
            self._sections.append(Section([text for _, text in self._headings], "\n\n".join(self._lines)))
            self._lines = []
