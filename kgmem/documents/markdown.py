"""Markdown (CommonMark with tables): sections by headings, text without its marks; code stays as it is."""

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from kgmem.documents.read import Outline, decoded
from kgmem.domain.text.document import Section

_CODE = frozenset({"fence", "code_block"})


def sections(name: str, data: bytes) -> list[Section]:
    """Return the sections of a Markdown text. Raises InvalidInput."""
    outline = Outline()
    tokens = MarkdownIt("commonmark").enable("table").parse(_without_front_matter(decoded(name, data)))
    row: list[str] = []
    for at, token in enumerate(tokens):
        opener = tokens[at - 1] if at else None
        if token.type in _CODE:
            outline.paragraph(token.content)
        elif token.type == "tr_close":
            outline.paragraph(" | ".join(row))
            row = []
        elif token.type == "inline" and opener is not None:
            text = _plain(token.children or [])
            if opener.type == "heading_open":
                outline.heading(int(opener.tag[1:]), text)
            elif opener.type in {"td_open", "th_open"}:
                row.append(text)
            else:
                outline.paragraph(text)
    return outline.sections()


def _plain(tokens: Sequence[Token]) -> str:
    return "".join(
        "\n" if token.type in {"softbreak", "hardbreak"} else "" if token.type == "html_inline" else token.content
        for token in tokens
    )


def _without_front_matter(text: str) -> str:
    """Return the text behind a block of YAML at its top."""
    if text.startswith("---\n") and (end := text.find("\n---\n", 3)) > 0:
        return text[end + 5 :]
    return text
