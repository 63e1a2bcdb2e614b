"""Views: the part of a graph around some entities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.recall.question import When

MOST_HOPS = 4
MOST_ENTITIES = 5000
MOST_START = 1000
_EDGES_EACH = 10  # Relationships that are shown for each entity that may be.


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A request for a view: entities, and everything within so many relationships."""

    start: Sequence[str]  # Keys.
    hops: int = 1  # 0: the entities themselves, and what is between them.
    kinds: Sequence[str] = ()  # Of relationships; none: any.
    direction: Literal["out", "in", "both"] = "both"
    when: When = field(default_factory=When)  # Entities and relationships that hold then; left out: now.
    most: int = 200  # Entities, the nearest first.
    scope: str = SHARED

    @property
    def most_relationships(self) -> int:
        """The maximum number of relationships."""
        return self.most * _EDGES_EACH

    def checked(self) -> "Neighbourhood":
        """Return the request unchanged. Raises InvalidInput where it is empty or too large."""
        check_scope(self.scope)
        if not self.start:
            raise InvalidInput("A view needs at least one entity.", hint="Give keys of entities.")
        for name, value, least, most in (
            ("keys", len(self.start), 1, MOST_START),
            ("hops", self.hops, 0, MOST_HOPS),
            ("limit", self.most, 1, MOST_ENTITIES),
        ):
            if not least <= value <= most:
                raise InvalidInput(f"{name} is {value}, but must be from {least} to {most}.", hint=f"Change {name}.")
        return self


@dataclass(frozen=True, slots=True)
class Subgraph:
    """A view: entities, the nearest first, and the relationships between them."""

    entities: Sequence[Entity]
    relationships: Sequence[Relationship]
    hops: Mapping[int, int]  # By the entity's id: how far from the start it is.
    more: bool  # Whether there are entities or relationships that had no room.
