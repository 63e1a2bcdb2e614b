"""Files that are wrong, or made to do harm: each ends in a clear error, and never in the end of the process."""

import io
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.formats.rdf import parse, quads, subjects
from kgmem.formats.rdf.formats import FORMATS
from kgmem.formats.rdf.guard import TripleTerms
from kgmem.formats.records import ReadOptions
from tests.rdf import in_columns, read, records

RDFXML = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:p="http://p/">'


def refused(data: str | bytes, syntax: str, **options: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read(data, syntax, **options)
    return caught.value


@pytest.mark.parametrize(
    ("syntax", "data", "line"),
    [
        ("turtle", "<http://a/b> <http://a/c> 1 .\n\n<http://a/b> <http://a/c> x .\n", 3),
        ("trig", "<http://a/g> {\n <http://a/b> <http://a/c> }", 2),
        ("ntriples", '# c\n<http://a/b> <http://a/c> "x" .\n<http://a/b> <http://a/c> .\n', 3),
        ("ntriples", "<http://a/b> <http://a/c> <http://a/d> <http://a/e> .\n", 1),
        ("nquads", '<http://a/b> <http://a/c> "x"@toolongatag .\n', 1),
        ("rdfxml", f"{RDFXML}\n<p:a>\n<p:b></p:a></rdf:RDF>", 3),
        ("jsonld", '{"@id":\n"http://a/b",\n}', 3),
        ("sparql", "PREFIX a: <http://a/>\nINSERT DATA { a:b a:c\n}", 3),
    ],
)
def test_a_syntax_error_tells_its_line_and_nothing_is_given_before_it(syntax: str, data: str, line: int) -> None:
    given = FORMATS[syntax].read(io.BytesIO(data.encode()), ReadOptions())
    with pytest.raises(InvalidInput) as caught:
        next(given)
    assert caught.value.facts["line"] == line
    assert str(line) in str(caught.value)


def test_an_error_in_the_last_of_many_lines_is_told_before_the_first_record() -> None:
    data = '<http://a/b> <http://a/c> "x" .\n' * 100_000 + "<http://a/b> .\n"
    assert refused(data, "ntriples").facts["line"] == 100_001


def test_relative_iris_ask_for_a_base() -> None:
    assert "base=IRI" in str(refused("<a> <http://a/b> 1 .", "turtle"))
    assert records("<a> <http://a/b> 1 .", "turtle", base="http://x/")[0].key == "http://x/a"


def test_remote_contexts_are_never_fetched() -> None:
    for context in (
        '"https://schema.org"',
        '["https://schema.org"]',
        '{"@version":1.1,"@import":"https://schema.org"}',
    ):
        assert "never fetched" in str(refused(f'{{"@context": {context}, "name": "x"}}', "jsonld"))


@pytest.mark.parametrize("syntax", ["turtle", "ntriples", "rdfxml", "jsonld", "sparql"])
def test_other_encodings_are_refused(syntax: str) -> None:
    text = {"rdfxml": f"{RDFXML}</rdf:RDF>", "jsonld": "{}"}.get(syntax, '<http://a/b> <http://a/c> "é" .\n')
    assert "UTF-16" in str(refused(text.encode("utf-16"), syntax))
    refused(b"\xff\xfe\xff" if syntax != "sparql" else b"INSERT DATA { <http://a/b> <http://a/c> '\xff' }", syntax)


def test_a_byte_order_mark_is_no_part_of_the_file() -> None:
    assert records('\ufeff<http://a/b> <http://a/c> "é" .\n', "ntriples")[0].properties == {"http://a/c": "é"}


def test_bytes_that_are_no_utf_8_are_told_with_their_line() -> None:
    data = b'<http://a/b> <http://a/c> "x" .\n<http://a/b> <http://a/c> "\xff" .\n'
    assert refused(data, "ntriples").facts["line"] == 2
    assert refused(data, "turtle").facts["line"] == 2


def test_latin_1_in_rdf_xml_is_refused_and_not_misread() -> None:
    refused(f'<?xml version="1.0" encoding="ISO-8859-1"?>{RDFXML}<p:a p:b="é"/></rdf:RDF>'.encode("latin-1"), "rdfxml")


@pytest.mark.long
def test_deep_nesting_is_refused_or_read() -> None:
    depth = 50_000
    subject = "<http://a/b> <http://a/c> "
    assert len(records(f"{subject}{'[<http://a/c> ' * depth}1{']' * depth} .", "turtle")) == 2 * depth + 1
    terms = "<<( <http://a/b> <http://a/c> " * depth + '"x"' + " )>>" * depth
    for syntax in ("turtle", "trig", "ntriples", "nquads"):
        assert isinstance(refused(f"{subject}{terms} .\n", syntax), TooLarge)
    assert isinstance(refused(f"{RDFXML}{'<p:a><p:b>' * depth}{'</p:b></p:a>' * depth}</rdf:RDF>", "rdfxml"), TooLarge)
    refused('{"http://a/b":' * 100_000 + "1" + "}" * 100_000, "jsonld")
    refused("[" * 100_000, "jsonld")
    assert isinstance(
        refused("INSERT DATA { " + subject + "<<( <http://a/b> <http://a/c> " * depth, "sparql"), InvalidInput
    )


def test_triple_terms_in_strings_and_comments_are_none() -> None:
    text = '<http://a/b> <http://a/c> "<< << <<", """<<\n<<""", \'<<\' . # <<\n' * 200
    assert len(records(text, "turtle")) == 1
    guard = TripleTerms()
    for chunk in (b'<a:a> <a:b> """<<\n', b'<<\\"""\n' * 500, b'""" .\n', b"<<(\n" * 100):
        guard.feed(chunk, last=False)
    with pytest.raises(TooLarge):
        guard.feed(b"<<(\n", last=True)


def test_entities_of_xml_stand_for_namespaces_alone() -> None:
    head = '<?xml version="1.0"?><!DOCTYPE rdf:RDF [{}]>' + RDFXML
    owl = '<!ENTITY ex "http://example.org/">'
    data = head.format(owl) + '<rdf:Description rdf:about="&ex;a"><p:b>&amp;&#65;</p:b></rdf:Description></rdf:RDF>'
    assert records(data, "rdfxml")[0].key == "http://example.org/a"
    bomb = '<!ENTITY a "xxxxxxxxxx">' + "".join(
        f'<!ENTITY {n} "{f"&{o};" * 10}">' for o, n in zip("abcdef", "bcdefg", strict=True)
    )
    assert "made of others" in str(refused(head.format(bomb) + "<p:a><p:b>&g;</p:b></p:a></rdf:RDF>", "rdfxml"))
    external = '<!ENTITY x SYSTEM "file:///etc/passwd">'
    assert "external" in str(refused(head.format(external) + "<p:a><p:b>&x;</p:b></p:a></rdf:RDF>", "rdfxml"))
    parameter = '<!ENTITY % x "y">'
    assert "parameter" in str(refused(head.format(parameter) + "</rdf:RDF>", "rdfxml"))
    long = f'<!ENTITY x "{"y" * 5000}">'
    assert isinstance(refused(head.format(long) + "</rdf:RDF>", "rdfxml"), TooLarge)


class _Endless(io.RawIOBase):
    """A file of a beginning, and then so many times the same."""

    def __init__(self, begin: bytes, times: int, again: bytes = b"x" * (1 << 20)) -> None:
        self._parts = iter([begin, *[again] * times])
        self._held = b""

    def read(self, size: int | None = -1) -> bytes:
        self._held = self._held or next(self._parts, b"")
        end = len(self._held) if size is None or size < 0 else size
        part, self._held = self._held[:end], self._held[end:]
        return part


@pytest.mark.long
@pytest.mark.parametrize(
    ("syntax", "begin"),
    [
        ("ntriples", b'<http://a/b> <http://a/c> "'),
        ("turtle", b'<http://a/b> <http://a/c> """'),
        ("turtle", b"<http://a/"),
        ("rdfxml", RDFXML.encode() + b"<p:a><p:b>"),
        ("rdfxml", RDFXML.encode() + b'<p:a p:b="'),
        ("jsonld", b'{"http://a/b": "'),
        ("sparql", b'INSERT DATA { <http://a/b> <http://a/c> "'),
    ],
)
def test_a_text_without_an_end_is_refused_before_it_fills_the_memory(syntax: str, begin: bytes) -> None:
    with pytest.raises(InvalidInput):
        list(FORMATS[syntax].read(_Endless(begin, 100), ReadOptions()))  # type: ignore[arg-type]


def test_a_prefix_that_makes_much_of_few_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "_LEAST_SWELL", 1000)
    text = f"@prefix p: <http://{'x' * 5000}/> .\n" + "p:a p:b p:c .\n" * 10_000
    assert isinstance(refused(text, "turtle"), TooLarge)


def test_json_ld_in_order_is_streamed_and_any_other_only_held_up_to_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = ",".join(f'{{"@id": "http://a/{n}", "p": {n}}}' for n in range(50))
    first = f'{{"@context": {{"p": "http://a/p"}}, "@graph": [{nodes}]}}'
    last = f'{{"@graph": [{nodes}], "@context": {{"p": "http://a/p"}}}}'
    held = records(first, "jsonld")
    monkeypatch.setattr(parse, "_STREAMED", 10)
    assert records(first, "jsonld") == held
    assert records(last, "jsonld") == held
    monkeypatch.setattr(parse, "LARGEST_HELD", 10)
    assert records(first, "jsonld") == held
    refused(last, "jsonld")


def test_no_temporary_file_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    read("<http://a/b> <http://a/c> 1 .", "turtle")
    refused("<http://a/b> <http://a/c> x .", "turtle")
    given = FORMATS["turtle"].read(io.BytesIO(b"<http://a/b> <http://a/c> 1, 2, <http://a/d> ."), ReadOptions())
    next(given)
    given.close()  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []


def test_large_files_are_read_the_same_in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    data = "".join(
        f'<http://a/s{n % 40}> <http://a/p{n % 3}> "{n}"@en .\n'
        f"<http://a/s{n % 40}> <http://a/q> <http://a/s{n % 50}> .\n"
        for n in range(300)
    )
    whole = read(data, "ntriples")
    monkeypatch.setattr(parse, "_CHUNK", 97)
    monkeypatch.setattr(quads, "_MOST", 10)
    assert read(data, "ntriples") == whole
    monkeypatch.setattr(subjects, "_PART", 100)
    told = read(data, "ntriples")
    assert sorted(map(repr, told)) == sorted(map(repr, whole))
    assert sorted(map(repr, in_columns(data.encode(), "ntriples"))) == sorted(map(repr, whole))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc")
def test_a_million_links_of_one_subject_take_little_memory(tmp_path: Path) -> None:
    file = tmp_path / "star.nt"
    with file.open("w") as out:
        out.writelines(f"<http://a/s> <http://a/p> <http://a/o{n}> .\n" for n in range(400_000))
    script = (
        "import re, sys\n"
        "from kgmem.formats.rdf.formats import FORMATS\n"
        "from kgmem.formats.records import ReadOptions\n"
        "count = sum(1 for _ in FORMATS['ntriples'].read(open(sys.argv[1], 'rb'), ReadOptions()))\n"
        # Not ru_maxrss, which a process has from the one that started it.
        "peak = re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())\n"
        "print(count, int(peak[1]) // 1024 if peak else 0)\n"
    )
    told = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=True)
    count, megabytes = map(int, told.stdout.split())
    assert count == 800_001
    assert megabytes < 500


@pytest.mark.parametrize(
    "update",
    [
        "LOAD <http://a/b>",
        "INSERT DATA { <a:a> <a:b> <a:c> } ; LOAD <http://a/b>",
        "DELETE DATA { <a:a> <a:b> <a:c> }",
        "DROP ALL",
        "CLEAR DEFAULT",
        "INSERT { <a:a> <a:b> ?c } WHERE { SERVICE <http://a/b> { ?a ?b ?c } }",
        "SELECT * WHERE { ?a ?b ?c }",
        "INSERT DATA { <a:a> <a:b> ?c }",
        "INSERT DATA { GRAPH <a:g> { GRAPH <a:h> { <a:a> <a:b> <a:c> } } }",
        "INSERT DATA { { <a:a> <a:b> <a:c> } }",
        "INSERT DATA { <a:a> <a:b> <a:c> } }",
        "INSERT DATA { <a:a> <a:b> <a:c>",
        "INSERT DATA <a:a>",
        "WITH <a:g> INSERT DATA { }",
    ],
)
def test_of_sparql_only_insert_data_is_read(update: str) -> None:
    refused(update, "sparql")


def test_the_data_of_updates_may_be_written_in_any_of_sparql_s_ways() -> None:
    update = """# LOAD <http://a/b> ; }
    BASE <http://b/> PREFIX graph: <http://g/>
    prefix a: <http://a/>  insert data { a:b a:c "}", '''{ GRAPH ''' , 1.5 ; a graph:T . GRAPH a:g { a:b a:d <x#y> } .
      graph:x a:c [] # }
      GRAPH <g2> { graph:y a:c (1 2), "\\"}" } } ; INSERT DATA { _:x a:c true } ;
    """
    found: list[Any] = records(update, "sparql")
    assert {one.key for one in found if hasattr(one, "label") and not one.key.startswith("_:")} == {
        "http://a/b", "http://b/x#y", "http://g/x", "http://g/y", "http://www.w3.org/1999/02/22-rdf-syntax-ns#nil"
    }  # fmt: skip
    [held] = [one for one in found if getattr(one, "label", None)]
    assert held.properties["http://a/c"] == ["{ GRAPH ", "}", 1.5]
