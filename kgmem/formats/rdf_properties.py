"""Properties as RDF: what `rdf_entities` made of literals becomes the same literals again, and any other value one.

A property's values are triples of their own, so that every tool understands them. What triples cannot say, such as the
order of a list, stands in one JSON literal besides, kgmem's field `exact`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pyoxigraph import RdfFormat, parse

from kgmem.formats.rdf_entities import GRAPHS, MORE, TYPES
from kgmem.formats.rdf_names import Names
from kgmem.formats.rdf_values import (
    DEEPEST_TERM,
    MARK,
    Literals,
    is_scalar,
    json_term,
    marks_for,
    plain_term,
)

LOST_NULLS: Final = "properties that are null"


@dataclass(slots=True)
class Told:
    """What a node says of itself: predicates and terms, each with the sources whose graphs it stands in."""

    pairs: list[tuple[str, str, Sequence[str] | None]] = field(default_factory=list)  # None: where the node stands.
    exact: dict[str, Any] = field(default_factory=dict)


class Properties:
    """Tells properties as predicates and terms."""

    def __init__(self, names: Names, lost: Counter[str]) -> None:
        """Take the names of the vocabulary, and where to count what is lost."""
        self._names = names
        self._literals = Literals(names)
        self._lost = lost

    def tell(self, properties: Mapping[str, Any]) -> Told:
        """Give what properties say."""
        told = Told()
        exact: dict[str, Any] = {}
        taken = {TYPES + GRAPHS} if graphs_of_labels(properties) else set()
        # What stands beside a property has a longer name. If it does not belong to the value, it is one of its own.
        for name in sorted(properties, key=len):
            if name not in taken:
                taken |= self._tell(told, exact, name, properties)
        if exact:
            told.exact["properties"] = exact
        return told

    def _tell(self, told: Told, exact: dict[str, Any], name: str, properties: Mapping[str, Any]) -> set[str]:
        """Tell one property; gives the names of those that were used up besides."""
        value = properties[name]
        if value is None:
            self._lost[LOST_NULLS] += 1
            return set()
        if name == MORE and (more := _more(value)) is not None:
            told.pairs += [(predicate, term, None) for predicate, term in more]
            return set()
        predicate = self._names.iri(name)
        terms, used = self._terms(value, properties.get(name + MARK)), {name + MARK}
        if terms is None:
            terms, used = self._terms(value, None) or [], set()
        graphs = _graphs(properties.get(name + GRAPHS), len(terms))
        if graphs is not None:
            used.add(name + GRAPHS)
        for n, term in enumerate(terms):
            told.pairs.append((predicate, term, graphs.get(str(n)) if graphs else None))
        if isinstance(value, list) and terms and is_scalar_list(value):
            in_order = [value[terms.index(term)] for term in sorted(set(terms), key=term_order)]
            if (in_order != value or len(value) == 1) and not isinstance(properties.get(name + MARK), list):
                exact[name] = value
        return used

    def _terms(self, value: Any, mark: Any) -> list[str] | None:
        """Give the terms of a value, None for a mark that does not belong to it."""
        if isinstance(value, list) and is_scalar_list(value):
            marks = marks_for(value, mark)
            terms = [self._literals.term(one, of) for one, of in zip(value, marks, strict=True)] if marks else [None]
            return None if None in terms else [term for term in terms if term is not None]
        if mark is None:
            term = plain_term(value)
            return [json_term(value) if term is None else term]
        term = self._literals.term(value, mark) if isinstance(mark, str) and is_scalar(value) else None
        return None if term is None else [term]


def is_scalar_list(value: Sequence[Any]) -> bool:
    """Say whether a list becomes one literal an item."""
    return bool(value) and all(map(is_scalar, value))


def term_order(term: str) -> tuple[str, str]:
    """Give what the reader orders several values by: what follows the text, and the text as it is written."""
    if not term.startswith('"'):
        return ("<<>>", term) if term.startswith("<<") else ("<>", term[1:-1])
    end = term.rindex('"')
    return term[end + 1 :], term[1:end]


def graphs_of_labels(properties: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    """Give the sources whose graphs a label stands in, by label."""
    told = properties.get(TYPES + GRAPHS)
    return told if isinstance(told, Mapping) and all(map(_are_sources, told.values())) else {}


def _graphs(value: Any, count: int) -> Mapping[str, Sequence[str]] | None:
    """Give the sources of each value's graphs, by its place; None for what is no such table."""
    if not isinstance(value, Mapping) or not all(map(_are_sources, value.values())):
        return None
    return value if value.keys() <= {str(n) for n in range(count)} else None


def _are_sources(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _more(value: Any) -> list[tuple[str, str]] | None:
    """Give the predicates and terms of what had no name of its own; None for any other value."""
    if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
        return None
    return list(_parsed(value)) if all(map(_is_line, value)) else None


def _parsed(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        predicate, _, rest = line.partition("> ")
        yield predicate[1:], rest.removesuffix(" .")


def _is_line(line: str) -> bool:
    if line.count("<<") > DEEPEST_TERM or "\n" in line:
        return False
    try:
        quads = list(parse(f"<a:a> {line}\n", format=RdfFormat.N_TRIPLES))
    except SyntaxError:
        return False
    return len(quads) == 1 and f"{quads[0].predicate} {quads[0].object} ." == line
