"""Plain text: one section without headings."""

from kgmem.documents.reading import decoded
from kgmem.domain.document import Section


def sections(name: str, data: bytes) -> list[Section]:
    """Give the text. Raises InvalidInput."""
    return [Section((), decoded(name, data))]
