"""Properties as RDF: what `rdf_entities` made of literals becomes the same literals again, and any other value one.

A property's values are triples of their own, so that every tool understands them. What triples cannot say, such as the
order of a list, stands in one JSON literal besides, kgmem's field `exact`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pyoxigraph import BlankNode, NamedNode, RdfFormat, parse

from kgmem.formats.rdf.entities import GRAPHS, LABEL_GRAPHS, MORE
from kgmem.formats.rdf.names import Names
from kgmem.formats.rdf.values import (
    DEEPEST_TERM,
    MARK,
    Literals,
    escaped,
    is_scalar,
    json_term,
    marks_for,
    plain_term,
    term_text,
)

# A predicate's IRI, a term, and the sources in whose graphs it stands ("": the default graph; None: the node's).
Pair = tuple[str, str, Sequence[str] | None]
LOST_NULLS: Final = "properties that are null"


@dataclass(slots=True)
class Told:
    """What a node says of itself, and what triples cannot say of that."""

    pairs: list[Pair] = field(default_factory=list)
    exact: dict[str, Any] = field(default_factory=dict)


class Properties:
    """Writes properties as predicates and terms."""

    def __init__(self, names: Names, iris: "IRIs", lost: Counter[str]) -> None:
        """Take the names of the vocabulary, what remembers their IRIs, and where to count what is lost."""
        self._names = names
        self._iris = iris
        self._literals = Literals(names)
        self._lost = lost

    def tell(self, properties: Mapping[str, Any]) -> Told:
        """Return what properties say."""
        told = Told()
        exact: dict[str, Any] = {}
        taken = {LABEL_GRAPHS} if graphs_of_labels(properties) else set()
        # What stands beside a property has a longer name. If it does not belong to the value, it is one of its own.
        beside = any(MARK in name for name in properties)
        for name in sorted(properties, key=len) if beside else properties:
            if not beside and type(properties[name]) is str:
                told.pairs.append((self._iris[name], f'"{escaped(properties[name])}"', None))
            elif name not in taken:
                taken |= self._tell(told, exact, name, properties)
        if exact:
            told.exact["properties"] = exact
        return told

    def _tell(self, told: Told, exact: dict[str, Any], name: str, properties: Mapping[str, Any]) -> set[str]:
        """Write one property; gives the names of those that were used up besides."""
        value = properties[name]
        if value is None:
            self._lost[LOST_NULLS] += 1
            return set()
        if name == MORE and (more := _more(value, self._names)) is not None:
            told.pairs += more
            return set()
        predicate = self._iris[name]
        mark = properties.get(name + MARK)
        terms, used = self._terms(value, mark), {name + MARK}
        if terms is None:
            terms, mark, used = self._terms(value, None) or [], None, set()
        graphs = _graphs(properties.get(name + GRAPHS), len(terms))
        if graphs is not None:
            used.add(name + GRAPHS)
        for n, term in enumerate(terms):
            told.pairs.append((predicate, term, graphs.get(str(n)) if graphs else None))
        if isinstance(value, list) and terms and is_scalar_list(value):
            in_order = [value[terms.index(term)] for term in sorted(set(terms), key=term_order)]
            if (in_order != value or len(value) == 1) and (mark is None or len(mark) == 1):
                exact[name] = value
        return used

    def _terms(self, value: Any, mark: Any) -> list[str] | None:
        """Return the terms of a value, None for a mark that does not belong to it."""
        if isinstance(value, list) and is_scalar_list(value):
            marks = marks_for(len(value), mark)
            terms = [self._literals.term(one, of) for one, of in zip(value, marks, strict=True)] if marks else [None]
            return None if None in terms else [term for term in terms if term is not None]
        if mark is None:
            term = plain_term(value)
            return [json_term(value) if term is None else term]
        marks = marks_for(1, mark) if is_scalar(value) else None
        term = self._literals.term(value, marks[0]) if marks and marks[0] else None
        return None if term is None else [term]


class IRIs(dict[str, str]):
    """The IRIs of the names that were used."""

    def __init__(self, names: Names) -> None:
        """Take the names of the vocabulary."""
        super().__init__()
        self._names = names

    def __missing__(self, name: str) -> str:
        """Return the IRI of a name that is used for the first time."""
        self[name] = self._names.iri(name)
        return self[name]


def is_scalar_list(value: Sequence[Any]) -> bool:
    """Return whether a list becomes one literal an item."""
    return bool(value) and all(map(is_scalar, value))


def term_order(term: str) -> tuple[str, str]:
    """Return what the reader orders several values by: what follows the text, and the text as it is written."""
    if not term.startswith('"'):
        return ("<<>>", term) if term.startswith("<<") else ("<>", term[1:-1])
    end = term.rindex('"')
    return term[end + 1 :], term[1:end]


def graphs_of_labels(properties: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    """Return the sources whose graphs a label stands in, by label."""
    told = properties.get(LABEL_GRAPHS)
    return told if isinstance(told, Mapping) and all(map(_are_sources, told.values())) else {}


def _graphs(value: Any, count: int) -> Mapping[str, Sequence[str]] | None:
    """Return the sources of each value's graphs, by its place; None for what is no such table."""
    if not isinstance(value, Mapping) or not all(map(_are_sources, value.values())):
        return None
    return value if value.keys() <= {str(n) for n in range(count)} else None


def _are_sources(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _more(value: Any, names: Names) -> list[Pair] | None:
    """Return what had no name of its own as it stood in its file; None for any other value."""
    if not isinstance(value, list):
        return None
    pairs = [_pair(line, names) for line in value]
    return None if None in pairs else [pair for pair in pairs if pair is not None]


def _pair(line: Any, names: Names) -> Pair | None:
    """Return predicate, term and the sources of one N-Quads line that has no subject; None for any other text."""
    if not isinstance(line, str) or line.count("<<") > DEEPEST_TERM or "\n" in line:
        return None
    try:
        quads = list(parse(f"<a:a> {line}\n", format=RdfFormat.N_QUADS))
    except SyntaxError:
        return None
    if len(quads) != 1:
        return None
    graph, term = quads[0].graph_name, term_text(quads[0].object)
    source = {NamedNode: lambda: [names.source(graph.value)], BlankNode: lambda: [str(graph)]}.get(type(graph))
    told = "" if source is None else f" {graph}"
    if f"{quads[0].predicate} {term}{told} ." != line:
        return None
    return quads[0].predicate.value, term, source() if source else [""]
