"""Causal paths from a cause to its effect, and the causal structure among the entities of a graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.question import When, Why

LABEL = "Path"  # The label of a hit that is a path.
MOST_PATHS = 25_000  # So many are followed for one question; what is cut off is told.
DEEPEST = 20
MOST_KEYS = 100


@dataclass(frozen=True, slots=True)
class FoundPath:
    """A path as the ids of its entities (the cause first) and of its relationships.

    `value` is the product of the strengths, negative where the cause prevents the effect.
    """

    entities: Sequence[int]
    links: Sequence[int]
    value: float


@dataclass(frozen=True, slots=True)
class PathEntity:
    """One entity of a path."""

    id: int
    key: str
    label: str
    name: str | None
    scope: str = ""


@dataclass(frozen=True, slots=True)
class PathLink:
    """One relationship of a path; strength and confidence default to 1."""

    id: int
    kind: str
    strength: float | None
    confidence: float | None
    text: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class CausalPath:
    """A path from a cause to its effect, with one relationship fewer than entities.

    `strength` is the product of strength x confidence of its relationships. It prevents its end where an odd number of
    them prevent.
    """

    entities: Sequence[PathEntity]
    links: Sequence[PathLink]
    strength: float
    prevents: bool

    @property
    def key(self) -> str:
        """Return the identity of the path: the keys of its entities and the kinds between them."""
        return self._joined([entity.key for entity in self.entities])

    @property
    def name(self) -> str:
        """Return the names of its two ends."""
        return f"{_named(self.entities[0])} -> {_named(self.entities[-1])}"

    @property
    def text(self) -> str:
        """Return the path in words: names and kinds."""
        return self._joined([_named(entity) for entity in self.entities])

    def _joined(self, stops: Sequence[str]) -> str:
        steps = (f" -[{link.kind}]-> {stop}" for link, stop in zip(self.links, stops[1:], strict=True))
        return stops[0] + "".join(steps)


def check_why(asked: Why) -> None:
    """Raise InvalidInput for a contradictory or empty `why`, or values out of range."""
    if (asked.start is None) != (asked.end is None):
        raise InvalidInput("why names only one end of a path.", hint="Set both why.from and why.to.")
    if asked.start is not None and (asked.causes_of or asked.effects_of):
        raise InvalidInput("why contains both a path and causes or effects.", hint="Send two questions.")
    if asked.start is not None and asked.start == asked.end:
        raise InvalidInput("why.from and why.to are the same.", hint="Name two entities.")
    if asked != Why() and not (asked.causes_of or asked.effects_of or asked.start is not None):
        raise InvalidInput("why is empty.", hint="Set causes_of, effects_of, or from and to.")
    if not 1 <= asked.depth <= DEEPEST:
        raise InvalidInput(f"why.depth is {asked.depth}.", hint=f"Give 1 to {DEEPEST}.")
    if not 0 <= asked.min_strength <= 1:
        raise InvalidInput(f"why.min_strength is {asked.min_strength}.", hint="Give 0 to 1.")
    if len(asked.causes_of) + len(asked.effects_of) > MOST_KEYS:
        raise InvalidInput("why names too many entities.", hint=f"Name at most {MOST_KEYS}.")


def _named(entity: PathEntity) -> str:
    return entity.name or entity.key


MOST_ENTITIES = 20_000  # Of the part of a graph that a check reads.
MOST_LINKS = 200_000
MOST_ASKED = 1000  # Entities that a check names.
MOST_CYCLES = 100  # That are told of each check.


_NOW = When()


@dataclass(frozen=True, slots=True)
class CausalNode:
    """An entity in a causal structure."""

    id: int
    key: str
    scope: str = ""


@dataclass(frozen=True, slots=True)
class CausalGraph:
    """A part of a causal structure: entities by id, links from cause to effect, and the ids of the request."""

    nodes: Mapping[int, CausalNode] = field(default_factory=dict)
    links: Sequence[tuple[int, int]] = ()
    asked: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Separation:
    """A request: are entities independent of others by the causal structure, given some others?"""

    one: Sequence[str]  # Keys.
    other: Sequence[str]
    given: Sequence[str] = ()
    among: Sequence[str] | None = None  # What a minimal separating set may consist of; None: anything.
    scope: str = ""
    when: When = _NOW  # Which relationships stand: valid_at, between or any_time.


@dataclass(frozen=True, slots=True)
class Separated:
    """Whether the given entities d-separate the two sides, and a minimal set that does."""

    separated: bool
    given_is_minimal: bool  # It separates, and would no longer if any of the given were left out.
    minimal: Sequence[str] | None  # Separates, and no part of it does; None: nothing that may be used separates them.
    entities: int  # How many were looked at: the two sides, the given, and all their causes.


@dataclass(frozen=True, slots=True)
class Ancestry:
    """A request for all causes and all effects of entities."""

    keys: Sequence[str]
    scope: str = ""
    when: When = _NOW


@dataclass(frozen=True, slots=True)
class Lineage:
    """All causes and effects of entities, and the cycles among them (each starts and ends with the same key)."""

    ancestors: Sequence[str]
    descendants: Sequence[str]
    acyclic: bool
    cycles: Sequence[Sequence[str]]


def check_separation(asked: Separation) -> None:
    """Raise InvalidInput for sides that are empty, too large, or overlap."""
    if not asked.one or not asked.other:
        raise InvalidInput("One side of the separation is empty.", hint="Name entities on both sides.")
    check_number((*asked.one, *asked.other, *asked.given, *(asked.among or ())))
    sides = {"one": set(asked.one), "other": set(asked.other), "given": set(asked.given)}
    for first, second in (("one", "other"), ("one", "given"), ("other", "given")):
        if both := sides[first] & sides[second]:
            raise InvalidInput(f"{min(both)!r} is in {first} and in {second}.", hint="Name it on one side.")


def check_number(keys: Sequence[str]) -> None:
    """Raise InvalidInput for no keys or too many."""
    if not 1 <= len(keys) <= MOST_ASKED:
        raise InvalidInput(f"{len(keys)} entities are named.", hint=f"Name 1 to {MOST_ASKED}.")
