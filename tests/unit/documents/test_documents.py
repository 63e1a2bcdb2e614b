"""Files of text to sections, and sections to episodes."""

import io

import docx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfWriter

from kgmem.documents.read import is_document, sections_of
from kgmem.domain.errors import InvalidInput
from kgmem.domain.text.document import CHUNK, Document, Section, episodes_of

MARKDOWN = """---
layout: page
---
# The *house*

It is [old](http://example.com).

## Rooms

- Kitchen
- Hall

| room | size |
|---|---|
| hall | 20 |

```
code stays
```
"""
HTML = """<html><head><title>x</title><script>evil()</script></head><body><nav>menu</nav><h1>The house</h1>
<p>It is <b>old</b>.</p><div>Loose <br>lines</div><h2>Rooms</h2><ul><li>Kitchen</li><li>Hall</li></ul></body></html>"""


def told(name: str, data: bytes) -> list[tuple[list[str], str]]:
    return [(list(each.headings), each.text) for each in sections_of(name, data)]


def test_markdown_is_read_under_its_headings_without_its_marks() -> None:
    found = told("a.md", MARKDOWN.encode())
    assert found == [
        (["The house"], "It is old."),
        (["The house", "Rooms"], "Kitchen\n\nHall\n\nroom | size\n\nhall | 20\n\ncode stays"),
    ]


def test_page_is_read_without_scripts_and_menus() -> None:
    assert told("a.html", HTML.encode()) == [
        (["The house"], "It is old.\n\nLoose\n\nlines"),
        (["The house", "Rooms"], "Kitchen\n\nHall"),
    ]


def test_deep_page_needs_no_deep_stack() -> None:
    page = "<p>Before.</p>" + "<div>" * 20_000 + "deep" + "</div>" * 20_000
    assert "Before." in "".join(text for _, text in told("a.html", page.encode()))
    page = "<div>" * 200 + "deep" + "</div>" * 200
    assert told("a.html", page.encode()) == [([], "deep")]


def test_word_file_is_read_with_its_tables() -> None:
    document = docx.Document()
    document.add_heading("The house", 1)
    document.add_paragraph("It is old.")
    document.add_heading("Rooms", 2)
    row = document.add_table(rows=1, cols=2).rows[0]
    row.cells[0].text, row.cells[1].text = "hall", "20"
    packed = io.BytesIO()
    document.save(packed)
    assert told("a.docx", packed.getvalue()) == [
        (["The house"], "It is old."),
        (["The house", "Rooms"], "hall | 20"),
    ]


def test_pdf_is_read_page_by_page() -> None:
    assert told("a.pdf", _pdf("It is old. The hall is large.")) == [(["page 1"], "It is old. The hall is large.")]


def test_pdf_of_pictures_is_refused() -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    packed = io.BytesIO()
    writer.write(packed)
    with pytest.raises(InvalidInput, match="only pictures"):
        sections_of("a.pdf", packed.getvalue())


@pytest.mark.parametrize("name", ["a.pdf", "a.docx"])
def test_damaged_file_is_named(name: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        sections_of(name, b"this is no such file")


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html"])
def test_bytes_that_are_no_text_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="UTF-8"):
        sections_of(name, b"\xff\xff\xff")


def test_kind_that_is_not_read_is_refused_with_those_that_are() -> None:
    assert not is_document("a.xyz")
    with pytest.raises(InvalidInput) as refused:
        sections_of("a.xyz", b"")
    assert ".docx" in refused.value.hint


@given(st.binary(max_size=300), st.sampled_from(["a.txt", "a.md", "a.html", "a.pdf", "a.docx"]))
def test_no_file_is_too_odd(data: bytes, name: str) -> None:
    try:
        sections_of(name, data)
    except InvalidInput as refused:
        assert name in refused.message


@given(st.lists(st.text(min_size=1, max_size=60).filter(str.strip), min_size=1, max_size=6))
def test_parts_cover_the_text_and_have_names_of_their_own(texts: list[str]) -> None:
    document = Document("d", [Section(("h",), text) for text in texts])
    episodes = list(episodes_of(document, extract=True))
    assert len({each.key for each in episodes}) == len(episodes)
    assert "".join("".join(each.text.split()) for each in episodes) == "".join("".join(text.split()) for text in texts)
    assert all(each.session == "d" and each.extract for each in episodes)


def test_part_that_moves_keeps_its_name() -> None:
    one = Document("d", [Section((), "First."), Section((), "Second.")])
    other = Document("d", [Section((), "New."), Section((), "Second.")])
    before = {each.text: each.key for each in episodes_of(one, extract=False)}
    after = {each.text: each.key for each in episodes_of(other, extract=False)}
    assert before["Second."] == after["Second."]
    assert before["First."] != after["New."]


def test_long_section_is_cut() -> None:
    document = Document("d", [Section((), "word " * CHUNK)])
    assert all(len(each.text) <= CHUNK for each in episodes_of(document, extract=False))


def _pdf(text: str) -> bytes:
    """A PDF with one line of text."""
    stream = f"BT /F1 12 Tf 9 9 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >>>>",
        b"<< /Length %d >>\nstream\n" % len(stream) + stream + b"\nendstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n" % number + each + b"\nendobj\n"
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return body + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
