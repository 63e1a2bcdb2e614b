"""HTML: sections by headings, without scripts, styles, navigation and forms."""

from typing import Any, Final

from lxml import html
from lxml.etree import ParserError

from kgmem.documents.read import Outline, damaged, decoded
from kgmem.domain.text.document import Section

_LEFT_OUT: Final = frozenset(
    ("script", "style", "noscript", "nav", "header", "footer", "form", "svg", "template", "iframe", "head", "button")
)
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS: Final = frozenset(
    ("p", "div", "section", "article", "main", "ul", "ol", "li", "table", "tr", "td", "th", "blockquote", "pre", "dl",
     "dt", "dd", "figure", "figcaption", "body", "html", "aside", "tbody", "thead", "br", "hr")
)  # fmt: skip


def sections(name: str, data: bytes) -> list[Section]:
    """Return the sections of a page. Raises InvalidInput."""
    text = decoded(name, data)
    if not text.strip():
        return []
    try:
        page = html.document_fromstring(text.encode(), parser=html.HTMLParser(encoding="utf-8", huge_tree=True))
    except (ParserError, ValueError) as error:
        raise damaged(name, "HTML", error) from error
    outline = Outline()
    body = page.find("body")
    _walk(page if body is None else body, outline)
    return outline.sections()


def _walk(root: Any, outline: Outline) -> None:
    """Add the contents of a page to the outline, in its order; without recursion, since pages nest deeply."""
    words: list[str] = []

    def flush() -> None:
        outline.paragraph(" ".join("".join(words).split()))
        words.clear()

    waiting: list[tuple[Any, bool]] = [(root, False)]
    while waiting:
        element, closing = waiting.pop()
        tag = element.tag if isinstance(element.tag, str) else ""
        if closing:
            if tag in _BLOCKS:
                flush()
            words.append(element.tail or "")
            continue
        if not tag or tag in _LEFT_OUT:
            words.append(element.tail or "")
            continue
        if tag in _HEADINGS:
            flush()
            outline.heading(int(tag[1]), element.text_content())
            words.append(element.tail or "")
            continue
        if tag in _BLOCKS:
            flush()
        words.append(element.text or "")
        waiting.append((element, True))
        waiting += [(child, False) for child in reversed(element)]
    flush()
