"""The options of the RDF formats, as callers state them."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, Literal, cast

from kgmem.domain.errors import InvalidInput
from kgmem.formats.rdf.names import NAMESPACE, Keys, Names, Vocabulary, is_iri, is_prefix, names
from kgmem.formats.records import ReadOptions, WriteOptions
from kgmem.resources import resource

Multivalued = Literal["list", "first", "overwrite"]
NamedGraphs = Literal["source", "drop", "property"]
_VOCABULARIES: Final = ("shorten", "keep", "local", "map")

READ: Final[Mapping[str, str]] = {
    "vocabulary": "shorten (schema__Person; IRIs without a known prefix stay whole), keep (whole IRIs), local "
    "(Person; cannot be written back), map (names by graph_schema/rdf and the mapping file)",
    "keys": "keep (an entity's key is its whole IRI), shorten, or local (cannot be written back)",
    "prefixes": "more prefixes for shorten and map: ex=http://example.org/,... (give the same when writing), or file: "
    "the file's own, which become sources of the kind prefix, so that writing knows them",
    "multivalued": "list (several values become a list), first, or overwrite (the last)",
    "languages": "all, or those that are kept: en,de,none",
    "datatypes": "keep (what a plain value does not tell stands in NAME@), or drop",
    "named_graphs": "source (a graph's IRI is the source), drop, or property (it becomes the property graph)",
    "blank_nodes": "the name by which blank nodes are known; else made from the file's content",
    "base": "the IRI that relative ones are resolved against",
    "namespace": f"the namespace of what did not come from RDF; by default {NAMESPACE}",
}
WRITE: Final[Mapping[str, str]] = {
    "vocabulary": "map: names become IRIs by graph_schema/rdf; else as they were read",
    "keys": "shorten: keys such as schema__Person are IRIs; give it when writing what was read so",
    "prefixes": "more prefixes than the graph's sources tell: ex=http://example.org/,...",
    "namespace": READ["namespace"],
}


@dataclass(frozen=True, slots=True)
class RDFOptions:
    """What the options say."""

    names: Names = field(default_factory=Names)
    multivalued: Multivalued = "list"
    languages: frozenset[str] | None = None  # None: all; "" stands for literals without one.
    datatypes: bool = True
    named_graphs: NamedGraphs = "source"
    own_prefixes: bool = False  # Those of the file are used, too.
    blank_nodes: str | None = None
    base: str | None = None

    @property
    def lifts(self) -> bool:
        """Whether properties may become fields, because they have names as kgmem's own fields do."""
        return self.names.vocabulary in {"local", "map"}


def read_options(options: ReadOptions) -> RDFOptions:
    """Return what the options of a reader say. Raises InvalidInput."""
    given = options.options
    _check(given, READ)
    languages = given.get("languages", "all")
    base = given.get("base")
    if base is not None and not is_iri(base):
        raise InvalidInput(f"base={base!r} is no absolute IRI.", hint="Give one such as http://example.org/data.")
    return RDFOptions(
        names=_names(given, options.mapping),
        multivalued=cast(Multivalued, _one_of(given, "multivalued", ("list", "first", "overwrite"))),
        languages=None if languages == "all" else frozenset(_languages(languages)),
        datatypes=_one_of(given, "datatypes", ("keep", "drop")) == "keep",
        own_prefixes=given.get("prefixes") == "file",
        named_graphs=cast(NamedGraphs, _one_of(given, "named_graphs", ("source", "drop", "property"))),
        blank_nodes=given.get("blank_nodes"),
        base=base,
    )


def write_options(options: WriteOptions) -> RDFOptions:
    """Return what the options of a writer say. Raises InvalidInput."""
    _check(options.options, WRITE)
    return RDFOptions(names=_names(options.options, {}))


def _names(given: Mapping[str, str], mapping: Mapping[str, Any]) -> Names:
    """Return the names of the vocabulary that options and a mapping file ask for."""
    told = _mapped(mapping.get("rdf", {}))
    vocabulary = _one_of(given, "vocabulary", _VOCABULARIES, "map" if told["names"] else "shorten")
    namespace = given.get("namespace", NAMESPACE)
    if not is_iri(namespace + "name/x") or namespace[-1] not in ":/#":
        raise InvalidInput(f"namespace={namespace!r} is no namespace.", hint="Give an IRI that ends with / or # or :.")
    asked = given.get("prefixes", "")
    more = {**told["prefixes"], **(_prefixes(asked) if asked != "file" else {})}
    table: dict[str, str] = {}
    if vocabulary == "map":
        known = names("shorten", namespace, more)
        table = {**common_names(), **{known.short(iri): name for iri, name in told["names"].items()}}
    keys = cast(Keys, _one_of(given, "keys", ("keep", "shorten", "local")))
    return names(cast(Vocabulary, vocabulary), namespace, more, table, keys)


@cache
def common_names() -> Mapping[str, str]:
    """Return kgmem's names of common vocabularies: an IRI's short name -> name (graph_schema/rdf/*.toml)."""
    found: dict[str, str] = {}
    for path in sorted(resource("graph_schema/rdf").glob("*.toml")):
        found |= _mapped(tomllib.loads(path.read_text(encoding="utf-8")))["names"]
    return found


def _mapped(mapping: Any) -> dict[str, dict[str, str]]:
    """Return the tables `prefixes` and `names` of the part `rdf` of a mapping file."""
    if not isinstance(mapping, Mapping):
        raise InvalidInput("The mapping's rdf is no table.", hint="It may have the tables prefixes and names.")
    told: dict[str, dict[str, str]] = {}
    for name in ("prefixes", "names"):
        table = mapping.get(name, {})
        if not isinstance(table, Mapping) or not all(isinstance(value, str) and value for value in table.values()):
            raise InvalidInput(
                f"The mapping's {name} is no table of texts.", hint='Give lines such as ex = "http://…".'
            )
        told[name] = dict(table)
    unknown = [name for name in mapping if name not in told]
    if unknown:
        raise InvalidInput(
            f"The mapping has {unknown[0]!r}, which RDF has no use for.", hint="It may have prefixes and names."
        )
    return told


def _prefixes(text: str) -> dict[str, str]:
    """Return the prefixes of a text such as ex=http://example.org/,foo=urn:foo:."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        prefix, sign, iri = part.partition("=")
        if not sign or not is_prefix(prefix, iri) or not is_iri(iri):
            raise InvalidInput(
                f"{part!r} is no prefix.", hint="Give prefixes=ex=http://example.org/,... Namespaces end with / or #."
            )
        found[prefix] = iri
    return found


def _languages(text: str) -> list[str]:
    return ["" if part.strip() == "none" else part.strip().lower() for part in text.split(",") if part.strip()]


def _check(given: Mapping[str, str], known: Mapping[str, str]) -> None:
    for name, value in given.items():
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            raise InvalidInput(
                f"RDF has no option {str(name)[:80]!r}.",
                hint=f"Did you mean {near[0]!r}?" if near else f"Options are {', '.join(known)}.",
                option=name,
            )
        if not isinstance(value, str) or not value:
            raise InvalidInput(f"The option {name} is {value!r}.", hint=f"It is {known[name]}.", option=name)


def _one_of(given: Mapping[str, str], name: str, choices: Sequence[str], usual: str = "") -> str:
    value = given.get(name, usual or choices[0])
    if value not in choices:
        near = get_close_matches(value, choices, n=1)
        raise InvalidInput(
            f"{name}={value!r} is none of its values.",
            hint=f"Did you mean {near[0]!r}?" if near else f"Give one of {', '.join(choices)}.",
            option=name,
        )
    return value
