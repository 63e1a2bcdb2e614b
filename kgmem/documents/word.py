"""Word (.docx): sections by heading styles, paragraphs and tables in their order."""

import io
import zipfile
from typing import Final

import docx
from docx.opc.exceptions import PackageNotFoundError
from docx.table import Table

from kgmem.documents.read import Outline, damaged
from kgmem.domain.errors import InvalidInput
from kgmem.domain.text.document import Section

_MOST_UNPACKED: Final = 500_000_000  # Bytes; what unpacks to more is no document.


def sections(name: str, data: bytes) -> list[Section]:
    """Return the sections of a Word file. Raises InvalidInput."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
        if unpacked > _MOST_UNPACKED:
            raise InvalidInput(f"{name} unpacks to {unpacked:,} bytes.", hint="Send it in parts.")
        document = docx.Document(io.BytesIO(data))
    except (zipfile.BadZipFile, PackageNotFoundError, KeyError, ValueError, SyntaxError) as error:
        raise damaged(name, "Word", error) from error
    outline = Outline()
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            for row in block.rows:
                outline.paragraph(" | ".join(dict.fromkeys(cell.text.strip() for cell in row.cells)))
            continue
        style = (block.style.name if block.style is not None else "") or ""
        if style == "Title" or style.startswith("Heading"):
            outline.heading(int(style.split()[-1]) if style.split()[-1].isdigit() else 1, block.text)
        else:
            outline.paragraph(block.text)
    return outline.sections()
