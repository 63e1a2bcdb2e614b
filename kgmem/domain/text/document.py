"""Documents: texts with headings, cut into episodes that stay the same where the text does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from kgmem.domain.graph.episode import Episode, passages

CHUNK: Final = 3000  # Characters of an episode of a document, at most.
_BETWEEN: Final = " > "


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document under its headings, the outermost first."""

    headings: Sequence[str]
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it arrived: its key, which its episodes have as their session, and what they share."""

    key: str
    sections: Sequence[Section]
    title: str | None = None
    occurred_at: str | None = None
    source: str | None = None
    speaker: str | None = None
    scope: str = ""
    properties: dict[str, Any] = field(default_factory=dict)
    expires_at: str | None = None  # ISO 8601.


@dataclass(frozen=True, slots=True)
class Remembered:
    """What remembering did, counted in episodes; forgotten are parts that the document has no more."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    forgotten: int = 0

    def __add__(self, other: "Remembered") -> "Remembered":
        """Return the counts of both."""
        return Remembered(
            self.created + other.created,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.forgotten + other.forgotten,
        )


def episodes_of(document: Document, *, extract: bool) -> Iterator[Episode]:
    """The episodes of a document, in order. Each is named by its text, so a part that moved stays what it was."""
    seen: dict[str, int] = {}
    number = 0
    for section in document.sections:
        heading = _BETWEEN.join(section.headings)
        for passage in passages(section.text, CHUNK):
            name = blake2b(f"{heading}\x1f{passage.body}".encode(), digest_size=8).hexdigest()
            seen[name] = seen.get(name, 0) + 1
            again = f"-{seen[name]}" if seen[name] > 1 else ""
            yield Episode(
                passage.body,
                f"{document.key}#{name}{again}",
                occurred_at=document.occurred_at,
                source=document.source,
                session=document.key,
                speaker=document.speaker,
                title=_BETWEEN.join(filter(None, (document.title, heading))) or None,
                properties={**document.properties, "part": number},
                scope=document.scope,
                extract=extract,
                expires_at=document.expires_at,
            )
            number += 1
