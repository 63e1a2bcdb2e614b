"""Causal paths: from a cause to its effect, entity by entity."""

from collections.abc import Sequence
from dataclasses import dataclass

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.question import Why

LABEL = "Path"  # The label of a hit that is a path.
MOST_PATHS = 25_000  # So many are followed for one question; what is cut off is told.
DEEPEST = 20
MOST_KEYS = 100


@dataclass(frozen=True, slots=True)
class FoundPath:
    """A path by the ids of its entities (the cause first) and of the relationships between them.

    `value` is the product of the strengths, below zero where the cause keeps the effect from happening.
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
    """One relationship of a path; strength and confidence are 1 where none was told."""

    id: int
    kind: str
    strength: float | None
    confidence: float | None
    text: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class CausalPath:
    """A path from a cause to its effect: one relationship less than entities.

    `strength` is the product of strength x confidence of its relationships. It prevents its end where an odd number of
    them prevent.
    """

    entities: Sequence[PathEntity]
    links: Sequence[PathLink]
    strength: float
    prevents: bool

    @property
    def key(self) -> str:
        """Return what names the path: its entities' keys and what leads from one to the next."""
        return self._joined([entity.key for entity in self.entities])

    @property
    def name(self) -> str:
        """Return its two ends."""
        return f"{_named(self.entities[0])} -> {_named(self.entities[-1])}"

    @property
    def text(self) -> str:
        """Return the path in words: names and kinds."""
        return self._joined([_named(entity) for entity in self.entities])

    def _joined(self, stops: Sequence[str]) -> str:
        steps = (f" -[{link.kind}]-> {stop}" for link, stop in zip(self.links, stops[1:], strict=True))
        return stops[0] + "".join(steps)


def check_why(asked: Why) -> None:
    """Raise InvalidInput for causes and effects that cannot be asked for."""
    if (asked.start is None) != (asked.end is None):
        raise InvalidInput("A path has two ends, and why names one.", hint="Give both why.from and why.to.")
    if asked.start is not None and (asked.causes_of or asked.effects_of):
        raise InvalidInput("why asks for paths and for causes or effects.", hint="Ask for them one after the other.")
    if asked.start is not None and asked.start == asked.end:
        raise InvalidInput("why.from and why.to are the same.", hint="Name two entities.")
    if asked != Why() and not (asked.causes_of or asked.effects_of or asked.start is not None):
        raise InvalidInput("why names nothing.", hint="Give causes_of, effects_of, or from and to.")
    if not 1 <= asked.depth <= DEEPEST:
        raise InvalidInput(f"why.depth is {asked.depth}.", hint=f"Give 1 to {DEEPEST}.")
    if not 0 <= asked.min_strength <= 1:
        raise InvalidInput(f"why.min_strength is {asked.min_strength}.", hint="Give 0 to 1.")
    if len(asked.causes_of) + len(asked.effects_of) > MOST_KEYS:
        raise InvalidInput("why names too many entities.", hint=f"Name at most {MOST_KEYS}.")


def _named(entity: PathEntity) -> str:
    return entity.name or entity.key
