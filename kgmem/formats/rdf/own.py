"""kgmem's own records in RDF: relationships that say more than their ends, episodes and sources.

Each is a node in kgmem's namespace: `relationship/DIGEST/KEY` (a statement in the sense of RDF's reification; the
digest is of its triple, which is written too), `episode/KEY`, `source/KEY`, and `belief/KIND/DIGEST` for claims,
adjudications and what else a graph believes. Their fields are `field/NAME`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from kgmem.domain.claims.records import BELIEF_KINDS, BeliefKind
from kgmem.domain.errors import InvalidInput
from kgmem.formats.rdf.entities import Entities, Group
from kgmem.formats.rdf.names import RDF, Names, decoded
from kgmem.formats.records import AnyRecord
from kgmem.formats.wire import FIELDS as WIRE
from kgmem.formats.wire import from_wire

RELATIONSHIP, EPISODE, SOURCE, UNNAMED, BELIEF = "relationship/", "episode/", "source/", "unnamed/", "belief/"
PARTS: Final = (RELATIONSHIP, EPISODE, SOURCE, UNNAMED, BELIEF)
TYPES: Final = {RELATIONSHIP: "Relationship", EPISODE: "Episode", SOURCE: "Source"}
# Behind the namespace -> field; `exact` and `labelled` are of entities, and say how the rest is to be read.
FIELDS: Final[Mapping[str, str]] = {
    f"field/{name}": name for name in {name for known in WIRE.values() for name in known} | {"exact", "labelled"}
}


def own_record(
    group: Group, links: Mapping[str, str], entities: Entities, names: Names, key_of: Callable[[str], str | None]
) -> AnyRecord:
    """Return the record that a node of kgmem's own is. Raises InvalidInput."""
    part, _, rest = group.key.partition("/")
    shape = entities.fields(group)
    exact = shape.pop("exact", {})
    properties = entities.properties(group)
    if isinstance(exact, dict):
        properties |= exact.get("properties", {})
    if part == "relationship":
        shape |= {"kind": names.name(_iri(links, "predicate"))}
        shape |= {"from": key_of(_term(links, "subject")), "to": key_of(_term(links, "object"))}
        key = rest.split("/")[1]
        return from_wire("relationship", _with(shape, key, properties))
    if part == "belief":
        return from_wire(_belief_kind(rest.partition("/")[0]), shape)
    if part == "source":
        return from_wire("source", _with(shape, rest, {}))
    return from_wire("episode", _with(shape, rest.partition("/")[0] if part == "episode" else "", properties))


def _belief_kind(name: str) -> BeliefKind:
    for kind in BELIEF_KINDS:
        if kind == name:
            return kind
    raise InvalidInput(f"kgmem writes no {name[:80]!r}.", hint=f"It writes {', '.join(BELIEF_KINDS)}.")


def _with(shape: dict[str, Any], key: str, properties: dict[str, Any]) -> dict[str, Any]:
    if key:
        shape["key"] = decoded(key)
    if properties:
        shape["properties"] = properties
    return shape


def _iri(links: Mapping[str, str], name: str) -> str:
    return _term(links, name)[1:-1]


def _term(links: Mapping[str, str], name: str) -> str:
    found = links.get(RDF + name)
    if found is None:
        raise InvalidInput(f"A statement of kgmem's has no rdf:{name}.", hint="It needs subject, predicate and object.")
    return found
