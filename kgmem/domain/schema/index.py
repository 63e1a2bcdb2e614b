"""Named indexes and constraints of a schema, beside the flags of single properties."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kgmem.domain.schema.document import Section, read_names, read_ordered, read_text, read_type

INDEXES = ("range", "text", "point", "fulltext", "vector")
CONSTRAINTS = ("unique", "key", "required", "typed")
INDEX_KEYS = ("index", "of", "to", "properties", "type", "dimension", "similarity", "description")
SIMILARITIES = ("cosine", "euclidean")
LARGEST_VECTOR = 4000  # Dimensions that an index of Postgres can hold.
_MOST_PROPERTIES = 16


@dataclass(frozen=True, slots=True)
class NamedIndex:
    """An index or a constraint on properties.

    `of` contains labels, `to` kinds of relationships; one of them is empty. A fulltext index covers any of its labels
    and any of its properties; every other one has one label and covers all its properties together. A key is unique and
    required.
    """

    name: str
    index: str  # One of INDEXES or CONSTRAINTS.
    of: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    type: str = "any"  # What a typed property holds.
    dimension: int = 0  # Of the vectors; 0 in all other indexes.
    similarity: str = ""  # One of SIMILARITIES, in a vector index.
    description: str = ""

    @property
    def constrains(self) -> bool:
        """Whether it is a constraint."""
        return self.index in CONSTRAINTS

    @property
    def unique(self) -> bool:
        """Whether its values are unique within a scope."""
        return self.index in {"unique", "key"}

    @property
    def about(self) -> tuple[str, ...]:
        """The labels, or the kinds of relationships."""
        return self.of or self.to

    def equals(self, other: "NamedIndex") -> bool:
        """Return whether another one is the same, whatever its name."""
        told = ("index", "of", "to", "properties", "type", "dimension", "similarity")
        return all(getattr(self, part) == getattr(other, part) for part in told)


def read_index(name: str, part: Section) -> NamedIndex:
    """Return the index that a table of a schema's document describes. Raises InvalidInput."""
    kind, labels, kinds = read_text(part, "index"), read_names(part, "of"), read_names(part, "to")
    known = (*INDEXES, *CONSTRAINTS)
    if kind not in known:
        raise part.wrong("index", f"{kind!r} is not a kind of index", f"Kinds are {', '.join(known)}.")
    if bool(labels) == bool(kinds):
        raise part.wrong(
            "of", "an index needs either labels (`of`) or kinds of relationships (`to`)", "Set one of them."
        )
    if kind != "fulltext" and len(labels or kinds) > 1:
        raise part.wrong("of", "only a fulltext index can have several labels", "Give one.")
    properties = read_ordered(part, "properties")
    if not 1 <= len(properties) <= _MOST_PROPERTIES:
        raise part.wrong(
            "properties", f"it has {len(properties)} properties", f"Give 1 to {_MOST_PROPERTIES} properties."
        )
    if kind in {"text", "point", "vector", "required", "typed"} and len(properties) > 1:
        raise part.wrong("properties", f"this kind has exactly one property: {kind}", "Declare one for each.")
    dimension, similarity = _vectors(kind, part)
    type_ = read_type(part, "type")
    return NamedIndex(
        name, kind, labels, kinds, properties, type_, dimension, similarity, read_text(part, "description")
    )


def _vectors(kind: str, part: Section) -> tuple[int, str]:
    dimension, similarity = part.values.get("dimension", 0), read_text(part, "similarity")
    if kind != "vector":
        for key in ("dimension", "similarity"):
            if part.values.get(key):
                raise part.wrong(key, "only a vector index can have this", "Leave it out.")
        return 0, ""
    if type(dimension) is not int or not 1 <= dimension <= LARGEST_VECTOR:
        raise part.wrong("dimension", f"{dimension!r} is not a valid dimension", f"Give 1 to {LARGEST_VECTOR:,}.")
    if (similarity or "cosine") not in SIMILARITIES:
        raise part.wrong(
            "similarity", f"{similarity!r} is not known", f"Similarities are {' and '.join(SIMILARITIES)}."
        )
    return dimension, similarity or "cosine"


def demanded(indexes: Iterable[NamedIndex], names: Iterable[str]) -> Mapping[str, tuple[bool, str]]:
    """Return, by property, whether constraints on these labels (or kinds) require it, and its type."""
    wanted: dict[str, tuple[bool, str]] = {}
    held = set(names)
    for index in indexes:
        if index.index not in {"key", "required", "typed"} or held.isdisjoint(index.about):
            continue
        for name in index.properties:
            required, type_ = wanted.get(name, (False, "any"))
            wanted[name] = (required or index.index != "typed", index.type if index.index == "typed" else type_)
    return wanted
