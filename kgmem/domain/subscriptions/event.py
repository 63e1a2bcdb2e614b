"""Events of a graph: what changed, in one order, each with a cursor from which reading goes on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from kgmem.domain.errors import InvalidInput

Noun = Literal["entity", "decision", "episode", "message", "relationship", "claim", "fact", "answer"]

# What each kind of item reports.
VERBS: Final[dict[Noun, tuple[str, ...]]] = {
    "entity": ("created", "updated", "deleted"),
    "decision": ("created", "updated", "deleted"),
    "episode": ("created", "updated", "deleted"),
    "message": ("created", "updated", "deleted"),
    "relationship": ("created", "updated", "deleted"),
    "claim": ("created", "withdrawn"),
    "fact": ("verified", "contested", "unverified", "superseded", "retracted", "deleted"),
    "answer": ("entered", "left", "moved"),  # An item, in the answer that a subscription follows.
}
KINDS: Final = frozenset(f"{noun}.{verb}" for noun, verbs in VERBS.items() for verb in verbs)
PATTERNS: Final = KINDS | {f"{noun}.*" for noun in VERBS}

_CURSOR = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,9}))?", re.ASCII)
_LAST: Final = 2**31 - 1  # A place behind all items of a change.


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the events: behind an item of a change, or behind all of them. As a text it is a cursor."""

    change: int
    place: int = _LAST

    @classmethod
    def parse(cls, cursor: str, field: str = "cursor") -> "Position":
        """Return the position that a cursor names: "1042.3", "1042" behind all of the change, "0" before all events."""
        matched = _CURSOR.fullmatch(cursor)
        if not matched:
            raise InvalidInput(
                f"{field} {cursor[:40]!r} is not a cursor.",
                hint='Send the cursor of an event or of the last answer, or "0" for the beginning.',
                field=field,
            )
        change, place = matched.groups()
        return cls(int(change), _LAST if place is None else int(place))

    def __str__(self) -> str:
        """Return the cursor."""
        return str(self.change) if self.place == _LAST else f"{self.change}.{self.place}"


BEGINNING: Final = Position(0)


@dataclass(frozen=True, slots=True)
class Event:
    """A change of one item. It names the item and holds nothing of its content."""

    id: str  # The same however often it is delivered; as a cursor, it is behind this event.
    at: str
    kind: str  # One of KINDS.
    item: int  # The id of the entity, episode or relationship; of a claim or fact its own number.
    scope: str
    key: str | None  # Of an entity, episode or relationship.
    labels: Sequence[str]  # The labels of an entity or episode; the kind of a relationship; of a claim the predicate.
    entities: Sequence[
        str
    ]  # Keys of the entities that it is about: of a relationship its ends, of a claim its subject.
    state: str | None  # Of a fact, since the event.
    previous_state: str | None  # Of a fact, before the event.
    source: str | None  # The source of the item, where it still has one.
    by: str | None  # Who decided the state of a fact.
    # To the question of the subscription: of the item's text now, and of its text before that or before it was deleted.
    relevance: float | None = None
    previous_relevance: float | None = None
    # Of an item in a followed answer, from 1: when the events up to this one are applied, and before this one.
    rank: int | None = None
    previous_rank: int | None = None


def check_kinds(kinds: Sequence[str], field: str) -> tuple[str, ...]:
    """Return kinds of events, such as fact.verified or fact.*, unchanged. Raises InvalidInput."""
    for place, kind in enumerate(kinds):
        if kind not in PATTERNS:
            raise InvalidInput(
                f"{field}[{place}] {kind[:80]!r} is no kind of event.",
                hint=f"Use {', '.join(sorted(KINDS))}, or such as fact.* for all of a noun.",
                field=f"{field}[{place}]",
            )
    return tuple(dict.fromkeys(kinds))
