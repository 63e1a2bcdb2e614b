"""From a file's name and bytes to its sections; what a kind of file needs is loaded when such a file comes."""

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


def suffixes() -> list[str]:
    """Return the ends of the names of files that are read."""
    return sorted(_MODULES)


def is_document(name: str) -> bool:
    """Say whether a file is of a kind that is read, by its name."""
    return PurePath(name).suffix.lower() in _MODULES


def sections_of(name: str, data: bytes) -> Sequence[Section]:
    """Return the sections of a file. Raises InvalidInput for a kind that is not read, and for a damaged file."""
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
