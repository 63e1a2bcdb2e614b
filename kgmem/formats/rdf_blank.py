"""Blank nodes: keys that stay the same for the same file, and are no other file's."""

import re
from typing import Final

from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple, parse

from kgmem.formats.rdf_names import digest_of, is_blank_key
from kgmem.formats.rdf_quads import NAMELESS, Numbering
from kgmem.formats.rdf_values import term_text

_MADE = re.compile(r"b+[0-9]+")  # What numbers look like, and labels that do are told from them by one b more.
_KEPT = re.compile(r"kg-[0-9a-f]{12}-.+")
_LONGEST: Final = 400


class BlankNodes:
    """Gives keys to blank nodes: `_:kg-`, what stands for the file, and the label, or a number where it has none.

    A label that is of this form already is the key of a node that kgmem wrote, and stays.
    """

    def __init__(self, numbering: Numbering, scope: str | None, digest: str) -> None:
        """Take the numbers of nameless nodes, the scope that was asked for, and the digest of the file's content."""
        self._numbering = numbering
        self._scope = digest if scope is None else digest_of(scope)[:12]

    def key(self, label: str) -> str:
        """Give the key of the node with this label."""
        if _KEPT.fullmatch(label) and is_blank_key(f"_:{label}"):
            return f"_:{label}"
        number = self._numbering.number(label) if NAMELESS.fullmatch(label) else None
        if number is not None:
            return f"_:kg-{self._scope}-b{number}"
        made = f"_:kg-{self._scope}-{'b' if _MADE.fullmatch(label) else ''}{label}"
        if len(made) > _LONGEST or not is_blank_key(made):
            return f"_:kg-{self._scope}-h{digest_of(label)}"
        return made

    def relabelled(self, term: str) -> str:
        """Give a term with the blank nodes in it named by their keys."""
        if term.startswith("_:"):
            return self.key(term[2:])
        if not term.startswith("<<"):
            return term
        quad = next(iter(parse(f"<a:a> <a:a> {term} .", format=RdfFormat.N_TRIPLES)))
        return term_text(self._inside(quad.object))

    def _inside(self, term: NamedNode | BlankNode | Literal | Triple) -> NamedNode | BlankNode | Literal | Triple:
        if isinstance(term, BlankNode):
            return BlankNode(self.key(term.value)[2:])
        if isinstance(term, Triple):
            subject = self._inside(term.subject)
            return Triple(subject, term.predicate, self._inside(term.object))  # type: ignore[arg-type]
        return term
