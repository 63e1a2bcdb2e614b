"""Communities: entities of one scope that are joined more with each other than with others, in levels."""

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
class Grouped:
    """What finding communities did: how many there are, and how many of them are new, changed, or went."""

    communities: int = 0
    made: int = 0
    changed: int = 0
    gone: int = 0


def matched(held: Mapping[int, frozenset[int]], found: Sequence[frozenset[int]]) -> list[int | None]:
    """Return for each community that was found the id of the held one that it goes on from; None where it is new.

    Equal members keep the id; else it goes to the one with the most in common, if that is half of both together.
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


class Communities(Protocol):
    """Keeps the communities of scopes; every write is one transaction."""

    async def ask(self, graph: str, scope: str) -> None:
        """Let the communities of a scope be kept from now on."""

    async def stop(self, graph: str, scope: str) -> int:
        """Keep them no more; returns how many went."""

    async def behind(self, graph: str, least_age: float) -> Sequence[str]:
        """Return the scopes whose communities are kept, and that something was written since they were made."""

    async def links(self, graph: str, scope: str, most: int) -> tuple[str, Sequence[tuple[int, int, float]]]:
        """Return a mark of what is written by now, and the links between entities in this scope only, by weight.

        Raises TooLarge where there are more.
        """

    async def put(self, graph: str, scope: str, levels: Sequence[Sequence[Members]], mark: str) -> Grouped:
        """Store the communities of a scope, the finest level first; what has the same members stays as it is."""

    async def list(
        self, graph: str, scope: str, *, level: int | None, cursor: str | None, limit: int
    ) -> Page[Community]:
        """Return a page of the communities in this scope only, the finest level and the largest first."""

    async def derived(self, graph: str, ids: Sequence[int]) -> tuple[set[tuple[int, int]], Sequence[int]]:
        """Return which of these entities is in which community, and the summaries that are derived of these things."""

    async def there(self, graph: str, summaries: Sequence[int]) -> int:
        """Return how many of these summaries are there."""

    async def get(self, graph: str, id_: int, scope: str, limit: int) -> Community:
        """Return a community in this scope only with its most central members. Raises NotFound."""
