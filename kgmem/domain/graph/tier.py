"""Tiers: how recently an item was used, and what becomes of items that nobody uses.

An item is hot while its last use is recent, then warm, then cold; whoever uses it makes it hot again. `distilled` marks
core knowledge that replaces the items from which it was made; only `move` sets it. A write counts as a use.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Page

Tier = Literal["hot", "warm", "cold", "distilled"]
ItemKind = Literal["entity", "episode"]
TIERS: Final[Mapping[Tier, int]] = {"hot": 0, "warm": 1, "cold": 2, "distilled": 3}
NAMES: Final[Mapping[int, Tier]] = {number: name for name, number in TIERS.items()}
MOST_MOVED: Final = 1000  # Items of one call.
_LONGEST: Final = 100 * 365 * 86_400  # Seconds.


@dataclass(frozen=True, slots=True)
class TierSettings:
    """When the items of a graph change their tier; times are seconds."""

    hot_for: int = 3600
    warm_for: int = 86_400  # Since the last use, like hot_for.
    half_life: int = 7 * 86_400  # After so long a counted use counts half.
    archive: bool = False  # Whether cold episodes leave the vector and text indexes.
    enough: float = 0.6  # The relevance of the best hit from which on recall leaves the archive alone.

    def checked(self) -> "TierSettings":
        """Return itself where all of it is valid. Raises InvalidInput."""
        for name in ("hot_for", "warm_for", "half_life"):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= _LONGEST:
                raise InvalidInput(
                    f"{name} is {value!r}.", hint="Give a whole number of seconds, 0 or more.", field=name
                )
        if type(self.archive) is not bool:
            raise InvalidInput(f"archive is {self.archive!r}.", hint="Give true or false.", field="archive")
        if type(self.enough) not in (int, float) or not 0 <= self.enough <= 1:
            raise InvalidInput(f"enough is {self.enough!r}.", hint="Give a relevance, 0 to 1.", field="enough")
        if self.half_life == 0:
            raise InvalidInput("half_life is 0.", hint="Give a number of seconds above 0.", field="half_life")
        if self.warm_for < self.hot_for:
            raise InvalidInput(
                f"warm_for ({self.warm_for}) is less than hot_for ({self.hot_for}).",
                hint="Both count from the last use: give a warm_for of at least hot_for.",
                field="warm_for",
            )
        return self


@dataclass(frozen=True, slots=True)
class TieredItem:
    """An item with its tier, and how it was used."""

    id: int
    kind: ItemKind
    key: str
    scope: str
    tier: Tier
    pinned: bool
    used_at: str | None  # ISO 8601: its last use that was counted, or else its last write.
    uses: float  # Counted uses, each of which counts half after a half-life.


@dataclass(frozen=True, slots=True)
class TierCounts:
    """How many items of one tier a graph (or a scope) has, and how many of them are archived."""

    items: int = 0
    pinned: int = 0
    archived: int = 0


@dataclass(frozen=True, slots=True)
class TierChanges:
    """The result of a move or a sweep: how many items were looked at and got another tier, and what was moved."""

    raised: int = 0
    lowered: int = 0
    missing: Sequence[str] = ()
    archived: int = 0  # Episodes that left the vector and text indexes.
    restored: int = 0  # Episodes that came back.

    def __add__(self, other: "TierChanges") -> "TierChanges":
        """Return the sum of both."""
        return TierChanges(
            self.raised + other.raised,
            self.lowered + other.lowered,
            (*self.missing, *other.missing),
            self.archived + other.archived,
            self.restored + other.restored,
        )


class TierStore(Protocol):
    """Stores tiers; every step is one transaction."""

    async def settings(self, graph: str) -> TierSettings:
        """Return the settings of a graph; those of a new one are the defaults."""

    async def put_settings(self, graph: str, settings: TierSettings) -> None:
        """Store the settings of a graph."""

    async def counts(self, graph: str, scope: str | None) -> Mapping[Tier, TierCounts]:
        """Return the items of each tier, in this scope only or, without one, in all."""

    async def list(self, graph: str, scope: str, tier: Tier | None, cursor: str | None, limit: int) -> Page[TieredItem]:
        """Return a page of the items in this scope only, by id."""

    async def get(self, graph: str, scope: str, kind: ItemKind, keys: Sequence[str]) -> Sequence[TieredItem]:
        """Return those items of this scope only that there are, in the order of the keys."""

    async def move(self, graph: str, ids: Sequence[int], tier: Tier, scope: str | None) -> TierChanges:
        """Set the tier of items by id, of this scope only or of any; others are missing. Pinned items stay."""

    async def pin(self, graph: str, ids: Sequence[int], tier: Tier, scope: str | None) -> int:
        """Pin items in a tier, of this scope only or of any; return how many."""

    async def unpin(self, graph: str, ids: Sequence[int], scope: str | None) -> int:
        """Unpin items, of this scope only or of any; return how many were pinned."""

    async def flush(self, graph: str | None = None) -> None:
        """Store the uses that this process has counted."""

    async def is_due(self, graph: str) -> bool:
        """Return whether a sweep may find something to do."""

    async def begin(self, graph: str) -> tuple[int, int]:
        """Return a mark of what is written by now, for `swept`."""

    async def lower(self, graph: str, after: int) -> tuple[TierChanges, bool, int | None]:
        """Lower the next items whose last use is long ago; return whether some will be later, and where to go on."""

    async def archive(self, graph: str, after: int | None) -> tuple[TierChanges, int | None]:
        """Archive the next cold episodes, where the settings want it, and restore those that are cold no more.

        `after` is where the last call ended, and None at first. Returns what changed, and where to go on.
        """

    async def swept(self, graph: str, mark: tuple[int, int], *, active: bool) -> None:
        """Note that a sweep has come to its end; `active`: it left what will get colder."""


@dataclass(frozen=True, slots=True)
class TierReport:
    """The tiers of a graph or a scope: settings, and how many items each tier has."""

    settings: TierSettings
    tiers: Mapping[Tier, TierCounts]
    scope: str | None = None


def check_tier(tier: str, *, field: str = "tier") -> None:
    """Raise InvalidInput where it is none of TIERS."""
    if tier not in TIERS:
        raise InvalidInput(f"{field} is {tier!r}.", hint=f"Give one of: {', '.join(TIERS)}.", field=field)
