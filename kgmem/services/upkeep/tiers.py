"""Tiers: what nobody uses gets colder; what is used, pinned or moved by a caller is where it should be."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.graph.tier import (
    MOST_MOVED,
    ItemKind,
    Tier,
    TierChanges,
    TieredItem,
    TierReport,
    TierSettings,
    check_tier,
)
from kgmem.domain.slices import slice_over
from kgmem.services.ports import Ports
from kgmem.services.upkeep.sweeps import defer_where


async def sweep(ports: Ports, graph: str) -> TierChanges:
    """Lower the tiers of items that were not used for long, and archive what is cold; returns how many changed."""
    await ports.tiers.flush(graph)
    mark = await ports.tiers.begin(graph)
    done, active, lowered_to = TierChanges(), False, 0
    while True:
        changed, later, last = await ports.tiers.lower(graph, lowered_to)
        done, active = done + changed, active or later
        if last is None:
            break
        lowered_to = last
        if await slice_over():
            return done  # The next sweep begins anew: what changed already is found as it is.
    after: int | None = None
    while True:
        changed, after = await ports.tiers.archive(graph, after)
        done += changed
        if after is None:
            break
        if await slice_over():
            return done
    await ports.tiers.swept(graph, mark, active=active)
    return done


async def defer_sweeps(ports: Ports) -> int:
    """Enqueue a sweep of every graph where one may find something to do; returns for how many."""
    await ports.tiers.flush()
    return await defer_where(ports, "sweep_tiers", lambda graph: ports.tiers.is_due(graph.name))


class MemoryTiers:
    """Tiers of entities and episodes: hot, warm and cold by their last use, distilled by `move`."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def settings(self, graph: str) -> TierSettings:
        """Return when items change their tier."""
        await self._ports.graphs.get(graph)
        return await self._ports.tiers.settings(graph)

    async def put(self, graph: str, **changes: Any) -> TierSettings:
        """Change settings by name, and return all of them. Raises InvalidInput for an unknown name or a bad value."""
        await self._ports.graphs.get(graph)
        known = [field.name for field in fields(TierSettings)]
        for name in changes:
            if name not in known:
                raise InvalidInput(
                    f"{name!r} is no setting of tiers.", hint=f"Give one of: {', '.join(known)}.", field=name
                )
        settings = replace(await self._ports.tiers.settings(graph), **changes).checked()
        await self._ports.tiers.put_settings(graph, settings)
        return settings

    async def report(self, graph: str, *, scope: str | None = None) -> TierReport:
        """Return the settings, and how many items each tier has: of a graph, or of this scope only."""
        await self._ports.graphs.get(graph)
        if scope is not None:
            check_scope(scope)
        await self._ports.tiers.flush(graph)
        return TierReport(await self._ports.tiers.settings(graph), await self._ports.tiers.counts(graph, scope), scope)

    async def list(
        self,
        graph: str,
        *,
        scope: str = SHARED,
        tier: Tier | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[TieredItem]:
        """Return a page of the items in this scope only, by id, optionally of one tier."""
        await self._ports.graphs.get(graph)
        if tier is not None:
            check_tier(tier)
        return await self._ports.tiers.list(graph, check_scope(scope), tier, cursor, limit)

    async def get(self, graph: str, key: str, *, kind: ItemKind = "entity", scope: str = SHARED) -> TieredItem:
        """Return the tier of an item in this scope, and how it was used. Raises NotFound."""
        await self._ports.graphs.get(graph)
        found = await self._ports.tiers.get(graph, check_scope(scope), _checked(kind), [key])
        if not found:
            raise NotFound(f"There is no {kind} {key!r} here.", hint="Give the key and the scope of an item.")
        return found[0]

    async def move(
        self,
        graph: str,
        items: Sequence[int | str],
        tier: Tier,
        *,
        kind: ItemKind = "episode",
        scope: str | None = None,
    ) -> TierChanges:
        """Move items to a tier: ids, or keys of entities or episodes (`kind`) in this scope only; returns counts.

        A scope also restricts ids; without one they may be of any scope, and keys are of the shared one. What is
        moved to cold stays so until its next use, and what is moved to distilled stays until it is moved again. Pinned
        items stay where they are. Unknown ids and keys are `missing`. Raises InvalidInput.
        """
        check_tier(tier)
        ids, missing = await self._ids(graph, items, kind, scope)
        changed = await self._ports.tiers.move(graph, ids, tier, scope) if ids else TierChanges()
        return replace(changed, missing=(*missing, *changed.missing))

    async def pin(
        self,
        graph: str,
        keys: Sequence[int | str],
        *,
        tier: Tier = "hot",
        kind: ItemKind = "entity",
        scope: str | None = None,
    ) -> int:
        """Pin items: they move to this tier and stay there, whoever uses them or not; returns how many.

        Raises InvalidInput, and NotFound for a key or id that there is not; then nothing is pinned.
        """
        check_tier(tier)
        return await self._ports.tiers.pin(graph, await self._all_ids(graph, keys, kind, scope), tier, scope)

    async def unpin(
        self, graph: str, keys: Sequence[int | str], *, kind: ItemKind = "entity", scope: str | None = None
    ) -> int:
        """Unpin items: from now on their use decides again; returns how many were pinned. Raises NotFound."""
        return await self._ports.tiers.unpin(graph, await self._all_ids(graph, keys, kind, scope), scope)

    async def sweep(self, graph: str) -> TierChanges:
        """Lower the tiers of what nobody uses now, as a job does every few minutes; returns how many changed."""
        await self._ports.graphs.get(graph)
        return await sweep(self._ports, graph)

    async def _all_ids(
        self, graph: str, items: Sequence[int | str], kind: ItemKind, scope: str | None
    ) -> Sequence[int]:
        ids, missing = await self._ids(graph, items, kind, scope)
        if missing:
            raise NotFound(
                f"There is no {kind} {missing[0]!r} here.",
                hint="Give keys of this kind and in this scope.",
                field="keys",
            )
        return ids

    async def _ids(
        self, graph: str, items: Sequence[int | str], kind: ItemKind, scope: str | None
    ) -> tuple[Sequence[int], Sequence[str]]:
        """Return the ids of items, and the keys that there are not."""
        await self._ports.graphs.get(graph)
        if not items or len(items) > MOST_MOVED:
            raise InvalidInput(f"{len(items)} items.", hint=f"Give 1 to {MOST_MOVED} keys or ids.", field="keys")
        check_scope(scope or SHARED)
        keys = [each for each in items if isinstance(each, str)]
        ids = [each for each in items if not isinstance(each, str)]
        if any(type(id_) is not int or not 0 < id_ < 2**63 for id_ in ids):
            raise InvalidInput("An id is no id of an item.", hint="Give ids of hits.", field="ids")
        found = await self._ports.tiers.get(graph, scope or SHARED, _checked(kind), keys) if keys else []
        known = {each.key: each.id for each in found}
        return [*ids, *known.values()], [key for key in keys if key not in known]


def _checked(kind: ItemKind) -> ItemKind:
    if kind not in ("entity", "episode"):
        raise InvalidInput(f"kind is {kind!r}.", hint="Give entity or episode.", field="kind")
    return kind
