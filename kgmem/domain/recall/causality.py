"""Causal structure: who causes whom among the entities of a graph, and what separates causes from effects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.question import When

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
    """A part of a causal structure: its entities by id, links from cause to effect, and the ids of what was asked."""

    nodes: Mapping[int, CausalNode] = field(default_factory=dict)
    links: Sequence[tuple[int, int]] = ()
    asked: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Separation:
    """Asks whether entities are independent of others by the causal structure alone, as far as some are given."""

    one: Sequence[str]  # Keys.
    other: Sequence[str]
    given: Sequence[str] = ()
    among: Sequence[str] | None = None  # What a minimal separating set may consist of; None: anything.
    scope: str = ""
    when: When = _NOW  # Which relationships stand: valid_at, between or any_time.


@dataclass(frozen=True, slots=True)
class Separated:
    """Whether the given ones d-separate the two sides, and a smallest set that does."""

    separated: bool
    given_is_minimal: bool  # It separates, and would no longer if any of the given were left out.
    minimal: Sequence[str] | None  # Separates, and no part of it does; None: nothing that may be used separates them.
    entities: int  # How many were looked at: the two sides, the given, and all their causes.


@dataclass(frozen=True, slots=True)
class Ancestry:
    """Asks for all that leads to entities and all that follows from them."""

    keys: Sequence[str]
    scope: str = ""
    when: When = _NOW


@dataclass(frozen=True, slots=True)
class Lineage:
    """All causes and all effects of entities, and the circles among them (each begins and ends with the same key)."""

    ancestors: Sequence[str]
    descendants: Sequence[str]
    acyclic: bool
    cycles: Sequence[Sequence[str]]


def check_separation(asked: Separation) -> None:
    """Raise InvalidInput for sides that are empty, too many, or not apart."""
    if not asked.one or not asked.other:
        raise InvalidInput("A side of the separation is empty.", hint="Name entities on both sides.")
    check_number((*asked.one, *asked.other, *asked.given, *(asked.among or ())))
    sides = {"one": set(asked.one), "other": set(asked.other), "given": set(asked.given)}
    for first, second in (("one", "other"), ("one", "given"), ("other", "given")):
        if both := sides[first] & sides[second]:
            raise InvalidInput(f"{min(both)!r} is in {first} and in {second}.", hint="Name it on one side.")


def check_number(keys: Sequence[str]) -> None:
    """Raise InvalidInput for no keys or too many."""
    if not 1 <= len(keys) <= MOST_ASKED:
        raise InvalidInput(f"{len(keys)} entities are named.", hint=f"Name 1 to {MOST_ASKED}.")
