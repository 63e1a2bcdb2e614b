"""Forget: episodes with everything that was extracted only from them, with a report; on request in the history too."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from kgmem.domain.distillation.ports import Quotation
from kgmem.domain.errors import VersionConflict
from kgmem.domain.flows.trace import count, step
from kgmem.domain.graph.entity import DeleteResult
from kgmem.domain.text.queue import MOST_NAMES, Forgotten, Provenance
from kgmem.services.claims.supersede import succeed
from kgmem.services.ports import Ports
from kgmem.services.texts.withdraw_extracted import is_ours, take_back, withdraw
from kgmem.services.tracing import traced

_MOST_TOLD: Final = 1_000_000  # Things that an episode brought.


async def provenance(
    ports: Ports, graph: str, keys: Sequence[str], scope: str, *, limit: int = 1000
) -> Sequence[Provenance]:
    """Return what was extracted from episodes in this scope only, and its places in their texts."""
    await ports.graphs.get(graph)
    told = await ports.extractions.told(graph, keys, scope, limit)
    return [each for each in told if each.span[0] >= 0]


def _scope_of(_keys: Sequence[str], scope: str, **_: object) -> str:
    return scope


@traced("forget", _scope_of)
async def forget(
    ports: Ports,
    graph: str,
    keys: Sequence[str],
    scope: str,
    *,
    dry_run: bool = False,
    erase: bool = False,
    version: int | None = None,
) -> Forgotten:
    """Delete episodes in this scope only, with what was extracted only from them.

    A claim that somebody else states by such a text cites another text that states the same, or is withdrawn.
    `erase` takes what went out of the history as well, so that no earlier time shows it. A dry run only counts. What is
    broken off is completed by a second call: the episodes go last, and until then their provenance is there. Raises
    VersionConflict where one is stored in another `version`.
    """
    wanted = list(dict.fromkeys(keys))
    await ports.graphs.get(graph)
    told = await ports.extractions.told(graph, wanted, scope, _MOST_TOLD)
    things = {(each.kind, each.key): each for each in told}.values()  # Each once, however many texts mention it.
    own = [each for each in things if not each.shared]
    removed = {
        kind: [each.key for each in own if each.kind == kind][:MOST_NAMES]
        for kind in ("entity", "relationship", "claim")
    }
    kept = {each.kind: 0 for each in things} | {"entity": 0, "relationship": 0}
    for each in things:
        kept[each.kind] += each.shared
    claims = [int(each.key) for each in own if each.kind == "claim"]
    if dry_run:
        held = await ports.extractions.there(graph, wanted, scope)
        going = await ports.extractions.would_go(graph, own, wanted, scope)
        entities = {key for key in going.lonely if await is_ours(ports, graph, key, scope)}
        removed["entity"] = sorted(entities)[:MOST_NAMES]
        return Forgotten(
            episodes=len(held), passages=going.passages, vectors=going.vectors, entities=len(entities),
            relationships=_count(own, "relationship"),
            claims=len(claims) + await _uncite(ports, graph, wanted, scope, spared=claims, dry_run=True),
            kept_entities=kept["entity"] + _count(own, "entity") - len(entities),
            kept_relationships=kept["relationship"],
            missing=[key for key in wanted if key not in held], dry_run=True, removed=removed,
        )  # fmt: skip
    await ports.holds.refuse_texts(graph, wanted, scope)
    await ports.holds.refuse_claims(graph, claims)
    if erase:  # Else they follow by themselves, and the history keeps them.
        await erase_published(ports, graph, wanted, scope)
    ids = await ports.extractions.ids(graph, own, wanted, scope)
    derived = await _derived(ports, graph, ids)
    with step("unquote"):
        quoting = await _unquote(ports, graph, wanted, scope, erase=erase)
        count(distilled=len(quoting))
    with step("withdraw_claims"):
        await succeed(ports, graph, await withdraw(ports, graph, claims, scope))
        uncited = await _uncite(ports, graph, wanted, scope)
    with step("undo_extraction"):
        settled = await ports.extractions.drop(graph, wanted, scope)
        taken, went = await take_back(ports, graph, settled)
        removed["entity"] = sorted(went)[:MOST_NAMES]
    with step("delete"):
        erased = await ports.extractions.erase(graph, ids) if erase else 0
        await ports.extractions.expect_no_more(graph, wanted, scope)
        deleted = await ports.store.delete_episodes(graph, wanted, scope, version)
        count(episodes=deleted.episodes, entities=taken.entities, passages=deleted.passages)
    with step("resolve"):
        uncited += await _uncite(ports, graph, wanted, scope)  # What was claimed meanwhile.
        await ports.claims.weigh_stale(graph)
        communities, summaries = await _undone(ports, graph, ids, derived)
    if erase:
        with step("erase_history"):
            erased += await ports.extractions.erase(graph, ids)
            erased += await ports.extractions.erase_claims(graph, wanted, scope)
            count(versions=erased)
    if quoting:
        await ports.jobs.defer("distil", graph=graph)
    return Forgotten(
        episodes=deleted.episodes, passages=deleted.passages, vectors=deleted.vectors, entities=taken.entities,
        relationships=settled.created + deleted.relationships, claims=len(claims) + uncited,
        similarity_links=taken.relationships, communities=communities, summaries=summaries,
        kept_entities=kept["entity"] + _count(own, "entity") - taken.entities,
        kept_relationships=kept["relationship"],
        kept_in_history=0 if erase else deleted.kept_in_history, erased_from_history=erased,
        missing=deleted.missing, removed=removed,
    )  # fmt: skip


async def erase_published(ports: Ports, graph: str, keys: Sequence[str], scope: str) -> None:
    """Erase texts where they were published; what other scopes stored themselves since stays there."""
    for each in await ports.publications.of_texts(graph, keys, scope):
        version = await ports.published_items.unchanged_text(graph, each)
        if version is not None and each.key is not None:
            with suppress(VersionConflict):  # The other scope has just stored words of its own.
                await forget(ports, graph, [each.key], each.to, erase=True, version=version)
    await ports.published_items.erase_texts(graph, scope, keys)


async def _unquote(ports: Ports, graph: str, keys: Sequence[str], scope: str, *, erase: bool) -> Sequence[Quotation]:
    """Delete the distilled texts that quote these texts; a job writes them again, of the texts that are left."""
    quoting = await ports.distillation.quoting(graph, keys, scope)
    if quoting:
        await ports.distillation.leave(graph, keys, scope, quoting)
        for each in quoting:
            await forget(ports, graph, [each.key], each.scope, erase=erase)
    return quoting


async def _uncite(
    ports: Ports, graph: str, keys: Sequence[str], scope: str, *, spared: Sequence[int] = (), dry_run: bool = False
) -> int:
    """Remove citations of these texts from claims; return how many claims without another text are withdrawn."""
    return await ports.claims.uncite(graph, keys, scope, spared=spared, dry_run=dry_run)


async def _derived(ports: Ports, graph: str, ids: Sequence[int]) -> tuple[set[tuple[int, int]], Sequence[int]]:
    """Return what is derived of things: who is in which community, and the summaries."""
    return await ports.communities.derived(graph, ids)


async def _undone(
    ports: Ports, graph: str, ids: Sequence[int], before: tuple[set[tuple[int, int]], Sequence[int]]
) -> tuple[int, int]:
    """Return how many communities have lost one of these things, and how many summaries are gone."""
    memberships, _ = await ports.communities.derived(graph, ids)
    left = await ports.communities.there(graph, before[1])
    return len({community for _, community in before[0] - memberships}), len(before[1]) - left


async def delete_episodes(ports: Ports, graph: str, keys: Sequence[str], scope: str) -> DeleteResult:
    """Delete episodes in this scope only with all that was extracted only from them, and count it."""
    gone = await forget(ports, graph, keys, scope)
    return DeleteResult(
        gone.entities, gone.episodes, gone.relationships, gone.passages, gone.vectors, gone.missing,
        gone.kept_in_history,
    )  # fmt: skip


def _count(told: Sequence[Provenance], kind: str) -> int:
    return sum(each.kind == kind for each in told)
