"""Plain text: one section without headings."""

from kgmem.documents.read import decoded
from kgmem.domain.text.document import Section


def sections(name: str, data: bytes) -> list[Section]:
    """Return the text. Raises InvalidInput."""
    return [Section((), decoded(name, data))]
