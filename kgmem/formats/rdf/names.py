"""Between RDF's IRIs and the names that kgmem's graphs have: keys, labels, kinds, names of properties.

A vocabulary's IRI is shortened with a prefix that kgmem knows (`schema__Person`) or kept whole, so that it can be
written again. What did not come from RDF gets an IRI in kgmem's own namespace, percent-encoded, and is read back from
it. Terms are texts as N-Triples writes them: `<iri>` and `_:label`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import quote, unquote

from pyoxigraph import BlankNode, NamedNode

from kgmem.domain.graph.statement import EPISODE_LABEL

Vocabulary = Literal["shorten", "keep", "local", "map"]
Keys = Literal["keep", "shorten", "local"]
NAMESPACE: Final = "urn:kgmem:"
RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XSD: Final = "http://www.w3.org/2001/XMLSchema#"
RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
PREFIX_KIND: Final = "prefix"  # The kind of the sources that say what a file's prefixes stand for.
LONGEST_NAME: Final = 190  # Leaves room for what is put behind a property's name.

# These never change their meaning, or what was imported could no longer be written as it was.
PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "rdf": RDF,
        "rdfs": RDFS,
        "xsd": XSD,
        "owl": "http://www.w3.org/2002/07/owl#",
        "skos": "http://www.w3.org/2004/02/skos/core#",
        "schema": "http://schema.org/",
        "sdo": "https://schema.org/",
        "foaf": "http://xmlns.com/foaf/0.1/",
        "dc": "http://purl.org/dc/elements/1.1/",
        "dcterms": "http://purl.org/dc/terms/",
        "dcat": "http://www.w3.org/ns/dcat#",
        "prov": "http://www.w3.org/ns/prov#",
        "sh": "http://www.w3.org/ns/shacl#",
        "time": "http://www.w3.org/2006/time#",
        "wgs84": "http://www.w3.org/2003/01/geo/wgs84_pos#",
        "geosparql": "http://www.opengis.net/ont/geosparql#",
        "sf": "http://www.opengis.net/ont/sf#",
        "gn": "http://www.geonames.org/ontology#",
        "vcard": "http://www.w3.org/2006/vcard/ns#",
        "org": "http://www.w3.org/ns/org#",
        "void": "http://rdfs.org/ns/void#",
        "sioc": "http://rdfs.org/sioc/ns#",
        "vann": "http://purl.org/vocab/vann/",
        "cc": "http://creativecommons.org/ns#",
        "odrl": "http://www.w3.org/ns/odrl/2/",
        "qb": "http://purl.org/linked-data/cube#",
        "sosa": "http://www.w3.org/ns/sosa/",
        "ssn": "http://www.w3.org/ns/ssn/",
        "dbo": "http://dbpedia.org/ontology/",
        "dbp": "http://dbpedia.org/property/",
        "wdt": "http://www.wikidata.org/prop/direct/",
        "wikibase": "http://wikiba.se/ontology#",
        "yago": "http://yago-knowledge.org/resource/",
        "gr": "http://purl.org/goodrelations/v1#",
        "bibo": "http://purl.org/ontology/bibo/",
        "obo": "http://purl.obolibrary.org/obo/",
    }
)
_BY_NAMESPACE: Final[Mapping[str, str]] = MappingProxyType({iri: prefix for prefix, iri in PREFIXES.items()})
# What begins so, behind the namespace, is no name, or no node, of its own.
_NAMES: Final = ("name/", "field/", "mentions", "Entity", "Relationship", "Episode", "Source")
_NODES: Final = ("entity/", "scope/", "relationship/", "episode/", "source/", "unnamed/")
_LOCAL = re.compile(r"[^/#\s<>\"{}|\\^`]+")
_BLANK_KEY = re.compile(r"_:kg-[0-9a-f]{12}-\S+")
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`]*")


@dataclass(frozen=True, slots=True)
class Names:
    """How IRIs become names, and names IRIs again."""

    vocabulary: Vocabulary = "shorten"
    namespace: str = NAMESPACE
    table: Mapping[str, str] = field(default_factory=dict)  # Of vocabulary "map": an IRI's short name -> name.
    prefixes: Mapping[str, str] = field(default_factory=lambda: PREFIXES)
    keys: Keys = "keep"
    _by_namespace: Mapping[str, str] = field(default_factory=lambda: _BY_NAMESPACE)
    _back: Mapping[str, str] = field(default_factory=dict)

    def name(self, iri: str) -> str:
        """Return the name of a label, kind or property that an IRI stands for."""
        own = self._own(iri, "name/")
        if own is not None:
            return own
        short = self.short(iri) if self.vocabulary != "keep" else iri
        if self.vocabulary == "map":
            return self.table.get(short, short)
        if self.vocabulary == "local":
            local = _local(iri)
            return local if local and local != EPISODE_LABEL else short
        return short

    def short(self, iri: str) -> str:
        """Return an IRI with its prefix as `prefix__local`, or whole where no prefix is known."""
        local = _local(iri)
        prefix = self._by_namespace.get(iri[: len(iri) - len(local)]) if local else None
        return f"{prefix}__{local}" if prefix else iri

    def iri(self, name: str) -> str:
        """Return the IRI that a name stands for; one that is no IRI's name is percent-encoded in the namespace."""
        name_ = self._back.get(name, name)
        whole = self.whole(name_)
        return whole if whole is not None else f"{self.namespace}name/{quote(name, safe='')}"

    def whole(self, short: str) -> str | None:
        """Return the IRI that was shortened or kept; None where it is none."""
        prefix, _, local = short.partition("__")
        if prefix in self.prefixes and _LOCAL.fullmatch(local):
            found = self.prefixes[prefix] + local
            return found if is_iri(found) else None
        return short if is_iri(short) and not self._means_more(short, _NAMES) else None

    def key(self, iri: str) -> str:
        """Return the key of the entity that an IRI stands for."""
        scoped = self.scoped(iri)
        if scoped is not None:
            return scoped[1]
        own = self._own(iri, "entity/") if iri.startswith(self.namespace) else None
        if own is not None or self.keys == "keep":
            return own if own is not None else iri
        return self.short(iri) if self.keys == "shorten" else _local(iri) or iri

    def node(self, key: str) -> str:
        """Return the term that stands for an entity's key."""
        if key.startswith("_:") and is_blank_key(key):
            return key
        if self.keys == "shorten" and (found := self.whole(key)) is not None:
            return f"<{found}>"
        if is_iri(key) and not self._means_more(key, _NODES):
            return f"<{key}>"
        return self.own_node(key)

    def scoped_node(self, scope: str, key: str) -> str:
        """Return the term that stands for a key in a scope."""
        return f"<{self.namespace}scope/{quote(scope, safe='')}/{quote(key, safe='')}>"

    def scoped(self, iri: str) -> tuple[str, str] | None:
        """Return the scope and key that an IRI stands for; None for one without a scope."""
        begin = self.namespace + "scope/"
        if not iri.startswith(begin):
            return None
        scope, _, key = iri[len(begin) :].partition("/")
        parts = decoded(scope), decoded(key)
        return (parts[0], parts[1]) if parts[0] is not None and parts[1] is not None else None

    def own_node(self, key: str, part: str = "entity/") -> str:
        """Return the term in kgmem's own namespace that stands for a key, even if that is an IRI."""
        return f"<{self.namespace}{part}{quote(key, safe='')}>"

    def graph(self, source: str) -> str:
        """Return the term that names the graph of what a source says."""
        if is_blank_key(source):
            return source
        return f"<{source}>" if self.is_graph(source) else self.own_node(source, "source/")

    def is_graph(self, source: str) -> bool:
        """Return whether a source's key is an IRI or a blank node, as those of named graphs are."""
        return is_blank_key(source) or (is_iri(source) and not self._means_more(source, ("source/",)))

    def source(self, graph: str) -> str:
        """Return the source that a graph's IRI stands for."""
        own = self._own(graph, "source/")
        return own if own is not None else graph

    def _means_more(self, iri: str, parts: tuple[str, ...]) -> bool:
        """Return whether an IRI of kgmem's own namespace would be read as something else than itself."""
        return iri.startswith(self.namespace) and iri.startswith(parts, len(self.namespace))

    def _own(self, iri: str, part: str) -> str | None:
        """What an IRI of kgmem's own namespace encodes; None for any other, and for one that kgmem never wrote."""
        if not iri.startswith(self.namespace) or not iri.startswith(part, len(self.namespace)):
            return None
        return decoded(iri[len(self.namespace) + len(part) :])


def names(
    vocabulary: Vocabulary,
    namespace: str,
    more: Mapping[str, str] | None = None,
    table: Mapping[str, str] | None = None,
    keys: Keys = "keep",
) -> Names:
    """Return the names of a vocabulary, with more prefixes and a table of names beside kgmem's own."""
    prefixes = {**(more or {}), **PREFIXES}
    by_namespace = {iri: prefix for prefix, iri in reversed(prefixes.items())}
    back: dict[str, str] = {}
    for short, name in (table or {}).items():
        back.setdefault(name, short)
    return Names(vocabulary, namespace, table or {}, prefixes, keys, by_namespace, back)


def with_prefixes(known: Names, more: Mapping[str, str]) -> Names:
    """Return names that know more prefixes; one that is known already keeps its meaning."""
    good = {
        prefix: iri
        for prefix, iri in more.items()
        if is_prefix(prefix, iri) and prefix not in known.prefixes and iri not in known.prefixes.values()
    }
    return names(known.vocabulary, known.namespace, {**good, **known.prefixes}, known.table, known.keys)


def is_prefix(prefix: str, iri: str) -> bool:
    """Return whether a prefix can stand before the names of a namespace."""
    return prefix.isidentifier() and "__" not in prefix and not prefix.endswith("_") and iri[-1:] in {"/", "#"}


def decoded(text: str) -> str | None:
    """Return what a percent-encoded text says; None for one that was not encoded here."""
    plain = unquote(text, errors="replace")
    return plain if plain and quote(plain, safe="") == text else None


def is_iri(text: str) -> bool:
    """Return whether a text is an absolute IRI as RDF takes it."""
    if not _IRI.fullmatch(text):
        return False
    try:
        NamedNode(text)
    except ValueError:
        return False
    return True


def is_blank_key(key: str) -> bool:
    """Return whether a key is one that a reader gave to a blank node."""
    if not _BLANK_KEY.fullmatch(key):
        return False
    try:
        BlankNode(key[2:])
    except ValueError:
        return False
    return ":" not in key[2:]


def digest_of(*parts: str) -> str:
    """Return sixteen hex digits that stand for some texts."""
    return blake2b("\x00".join(parts).encode(), digest_size=8).hexdigest()


def graph_key(kind: str, start: str, end: str, source: str) -> str:
    """Return the key of a link in a named graph, where the same link may stand in others."""
    return "~" + blake2b("\x00".join((kind, start, end, source)).encode(), digest_size=12).hexdigest()


def _local(iri: str) -> str:
    """Return what follows the last # or / of an IRI."""
    return iri[max(iri.rfind("#"), iri.rfind("/")) + 1 :]
