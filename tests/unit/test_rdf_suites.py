"""W3C's suites for Turtle, N-Triples and N-Quads: what is right is read and written back, what is wrong is refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from rdflib import Graph, Namespace
from rdflib.collection import Collection
from rdflib.namespace import RDF

from kgmem.domain.errors import InvalidInput
from tests.data import FOLDER, members
from tests.rdf import canonical, read, records, write

MANIFEST = Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#")
BASES = {"turtle": "https://w3c.github.io/rdf-tests/rdf/rdf11/rdf-turtle/"}
# Syntax of the suite -> those that its files are written in, too.
OTHERS = {
    "turtle": ("turtle", "trig", "ntriples", "jsonld", "rdfxml"),
    "ntriples": ("ntriples", "turtle", "rdfxml"),
    "nquads": ("nquads", "trig", "jsonld"),
}
COUNTS = {"turtle": (219, 94), "ntriples": (41, 29), "nquads": (53, 34)}


@dataclass(frozen=True)
class Case:
    """One test of a suite."""

    file: Path
    right: bool
    result: Path | None
    base: str | None

    @property
    def options(self) -> dict[str, str]:
        return {"base": self.base} if self.base else {}


@cache
def cases(syntax: str, folder: Path) -> list[Case]:
    """Return the tests of a suite's manifest."""
    manifest = next(members(f"rdf_w3c/rdf11_{syntax}.tar.xz", folder / syntax).rglob("manifest.ttl"))
    return list(_cases(manifest, BASES.get(syntax)))


def _cases(manifest: Path, base: str | None) -> Iterator[Case]:
    graph = Graph()
    graph.parse(manifest, publicID="http://example.org/")
    for entries in graph.objects(None, MANIFEST.entries):
        for test in Collection(graph, entries):
            file = manifest.parent / str(graph.value(test, MANIFEST.action)).rsplit("/", 1)[1]
            result = graph.value(test, MANIFEST.result)
            expected = manifest.parent / str(result).rsplit("/", 1)[1] if result else None
            right = "Negative" not in str(graph.value(test, RDF.type))
            yield Case(file, right, expected, base + file.name if base else None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("w3c")


pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="KGMEM_DATA names no folder with rdf_w3c")


@pytest.mark.parametrize("syntax", list(OTHERS))
def test_every_wrong_file_is_refused_before_any_record_is_given(syntax: str, folder: Path) -> None:
    wrong = [case for case in cases(syntax, folder) if not case.right]
    assert len(wrong) == COUNTS[syntax][1]
    for case in wrong:
        with pytest.raises(InvalidInput):
            read(case.file.read_bytes(), syntax, **case.options)


@pytest.mark.long
@pytest.mark.parametrize("syntax", list(OTHERS))
def test_every_right_file_is_the_expected_graph_when_it_was_read_and_written(syntax: str, folder: Path) -> None:
    right = [case for case in cases(syntax, folder) if case.right]
    assert len(right) == COUNTS[syntax][0]
    for case in right:
        data = case.file.read_bytes()
        expected = canonical(data, syntax, case.base)
        if case.result:
            assert canonical(case.result.read_bytes(), "ntriples") == expected, case.file.name
        found = records(data, syntax, **case.options)
        for other in OTHERS[syntax]:
            written, lost = write(found, other)
            if other != "rdfxml" or not lost:
                assert lost == {}
                assert canonical(written, other) == expected, (case.file.name, other)
                again = records(written, other)
                assert canonical(write(again, other)[0], other) == expected, (case.file.name, other)
