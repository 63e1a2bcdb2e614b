"""Communities: groups of entities of one scope with more links among themselves than to others, in levels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from kgmem.domain.graph.entity import Page

MOST_LINKS: Final = 200_000  # Of a scope, that are taken into memory at once: some 250 MB while they are parted.
_SAME: Final = 0.5  # The share of members that two states of one community have in common at the least.
Members = Sequence[tuple[int, float]]  # Ids of entities with their centrality, the most central first.


@dataclass(frozen=True, slots=True)
class Member:
    """An entity of a community, and its share of the links inside it."""

    key: str
    label: str
    name: str
    centrality: float


@dataclass(frozen=True, slots=True)
class Community:
    """A community of entities. Level 0 is the finest; `parent` is the community of the next level that contains it."""

    id: int
    level: int
    parent: int | None
    size: int
    made_at: str
    members: Sequence[Member]  # The most central first; in listings only a few.
    scope: str = ""


@dataclass(frozen=True, slots=True)
class CommunityChanges:
    """The result of a detection: the number of communities, and how many are new, changed, or deleted."""

    communities: int = 0
    made: int = 0
    changed: int = 0
    gone: int = 0


def matched(held: Mapping[int, frozenset[int]], found: Sequence[frozenset[int]]) -> list[int | None]:
    """Return for each detected community the id of the stored one that it continues; None where it is new.

    Equal members keep the id; otherwise it goes to the community with most members in common, if these are at least
    half of both together.
    """
    by_members = {members: id_ for id_, members in held.items()}
    ids: list[int | None] = [by_members.get(each) for each in found]
    free = {id_: members for id_, members in held.items() if id_ not in set(ids)}
    of_item: dict[int, list[int]] = {}
    for id_, members in free.items():
        for item in members:
            of_item.setdefault(item, []).append(id_)
    pairs = []
    for at, members in enumerate(found):
        if ids[at] is None:
            rivals = {id_ for item in members for id_ in of_item.get(item, ())}
            pairs += [(-len(members & free[r]) / len(members | free[r]), r, at) for r in rivals]
    for share, id_, at in sorted(pairs):
        if -share >= _SAME and ids[at] is None and id_ in free:
            ids[at] = id_
            del free[id_]
    return ids


class CommunityStore(Protocol):
    """Stores the communities of scopes; every write is one transaction."""

    async def ask(self, graph: str, scope: str) -> None:
        """Keep the communities of a scope up to date from now on."""

    async def stop(self, graph: str, scope: str) -> int:
        """Delete the communities of a scope and stop updating them; returns how many were deleted."""

    async def behind(self, graph: str, least_age: float) -> Sequence[str]:
        """Return the scopes with communities that have changed since the last detection."""

    async def links(self, graph: str, scope: str, most: int) -> tuple[str, Sequence[tuple[int, int, float]]]:
        """Return a mark of the current state, and the weighted links between entities in this scope only.

        Raises TooLarge where there are more.
        """

    async def put(self, graph: str, scope: str, levels: Sequence[Sequence[Members]], mark: str) -> CommunityChanges:
        """Store the communities of a scope, the finest level first; one with the same members stays as it is."""

    async def list(
        self, graph: str, scope: str, *, level: int | None, cursor: str | None, limit: int
    ) -> Page[Community]:
        """Return a page of the communities in this scope only, the finest level and the largest first."""

    async def derived(self, graph: str, ids: Sequence[int]) -> tuple[set[tuple[int, int]], Sequence[int]]:
        """Return which of these entities is in which community, and the summaries derived from these items."""

    async def there(self, graph: str, summaries: Sequence[int]) -> int:
        """Return how many of these summaries exist."""

    async def get(self, graph: str, id_: int, scope: str, limit: int) -> Community:
        """Return a community in this scope only with its most central members. Raises NotFound."""
