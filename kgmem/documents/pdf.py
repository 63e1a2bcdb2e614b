"""PDF: the text of each page; what is a picture of text has none."""

import io
import re

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from kgmem.documents.read import damaged
from kgmem.domain.errors import InvalidInput
from kgmem.domain.text.document import Section

_MOST_PAGES = 20_000
_HYPHEN = re.compile(r"(?<=\w)-\n(?=[a-z])")
_WRAPPED = re.compile(r"(?<![.!?:])\n(?=\S)")


def sections(name: str, data: bytes) -> list[Section]:
    """Return the text of a PDF's pages. Raises InvalidInput."""
    try:
        pages = PdfReader(io.BytesIO(data)).pages
        if len(pages) > _MOST_PAGES:
            raise InvalidInput(f"{name} has {len(pages)} pages.", hint=f"Send at most {_MOST_PAGES}.")
        texts = [page.extract_text() for page in pages]
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise damaged(name, "PDF", error) from error
    if not any(text.strip() for text in texts):
        raise InvalidInput(
            f"{name} holds no text, only pictures of it.", hint="Recognize its text with another program first."
        )
    return [Section((f"page {number}",), _flowing(text)) for number, text in enumerate(texts, start=1)]


def _flowing(text: str) -> str:
    """Return a page's text with the words and lines put together that the layout parted."""
    return _WRAPPED.sub(" ", _HYPHEN.sub("", text.replace("\x00", "")))
