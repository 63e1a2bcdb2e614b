"""Publications: what an agent knows becomes known to its team, and follows its origin from then on."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from kgmem.domain.agents.publication import (
    STATES,
    DuePublication,
    Publication,
    PublicationRequest,
    PublicationState,
)
from kgmem.domain.agents.published_item import LeavingItem
from kgmem.domain.errors import Conflict, InvalidInput, NotFound, OnHold, VersionConflict
from kgmem.domain.graph.entity import Entity, Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.log import EventLog
from kgmem.services.claims import claim as claiming
from kgmem.services.ports import Ports
from kgmem.services.texts import remember
from kgmem.services.texts.forget import erase_published, forget

log = EventLog(__name__)

_ROUNDS: Final = 1000  # Publications of publications are due one after another.


class Publications:
    """Facts and texts that are published from one scope to another, with their sources."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def publish(self, graph: str, request: PublicationRequest) -> tuple[Publication, bool]:
        """Publish a fact or a text to another scope; tells whether it is new.

        Claims keep their sources, so that consensus there weighs them beside what others say. What changes at its
        origin changes there before the next use of the graph, and what is withdrawn here is withdrawn there. Raises
        InvalidInput, NotFound, and Conflict where scopes would follow each other or a text would replace another.
        """
        checked = request.checked()
        await self._ports.graphs.get(graph)
        publication, created = await self._ports.publications.put(graph, checked)
        await bring_up_to_date(self._ports, graph)
        publication = await self._ports.publications.get(graph, publication.id, checked.scope)
        if created and publication.state != "published":
            await self._ports.publications.end(graph, publication.id, checked.scope)
            raise NotFound(
                f"It cannot be published: {publication.note}", hint="Publish a fact that is believed in its scope."
            )
        return publication, created

    async def get(self, graph: str, id_: int, *, scope: str = SHARED) -> Publication:
        """Return a publication from or to this scope. Raises NotFound."""
        await self._ports.graphs.get(graph)
        return await self._ports.publications.get(graph, id_, check_scope(scope))

    async def list(
        self,
        graph: str,
        *,
        scope: str = SHARED,
        state: PublicationState | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Publication]:
        """Return a page of the publications from or to this scope only, the newest first."""
        await self._ports.graphs.get(graph)
        if state is not None and state not in STATES:
            raise InvalidInput(f"{state!r} is no state.", hint=f"Give one of {', '.join(STATES)}.", field="state")
        return await self._ports.publications.list(graph, check_scope(scope), state, cursor, limit)

    async def withdraw(self, graph: str, id_: int, *, scope: str = SHARED) -> Publication:
        """Withdraw a publication from or to this scope; its origin stays. Raises NotFound."""
        held = await self.get(graph, id_, scope=scope)
        if held.ended is not None:
            raise NotFound(f"The publication {id_} was withdrawn before.", hint="List the publications.")
        if held.key is not None and await self._ports.published_items.unchanged_text(graph, held) is not None:
            await self._ports.holds.refuse_texts(graph, [held.key], held.to)
        done = await self._ports.publications.end(graph, id_, scope)
        await bring_up_to_date(self._ports, graph)
        await claiming.follow(self._ports, graph)
        return done


async def bring_up_to_date(ports: Ports, graph: str) -> int:
    """Bring publications whose origin has changed in line with it, and remove what they do not need any more.

    Returns how many.
    """
    count = 0
    for _ in range(_ROUNDS):
        due = await ports.publications.due(graph)
        followed = sum([await _follow(ports, graph, each) for each in due])
        followed += await _remove_leaving(ports, graph)
        count += followed
        if not followed:  # Nothing is left, or legal holds keep it.
            break
    if count:
        await claiming.follow(ports, graph)
    return count


async def withdraw_all(ports: Ports, graph: str, scope: str, *, erase: bool) -> None:
    """Withdraw what is published from a scope, which is about to be deleted; `erase` copies from the history."""
    copies: list[int] = []
    while found := await ports.publications.from_scope(graph, scope):
        for each in found:
            if each.kind != "text":
                copies += each.copies
            elif erase and each.key is not None:
                await erase_published(ports, graph, [each.key], scope)
            await ports.publications.end(graph, each.id, scope, erase=erase)
    await bring_up_to_date(ports, graph)
    if copies:
        await erase_copies(ports, graph, copies if erase else ())


async def erase_copies(ports: Ports, graph: str, copies: Sequence[int]) -> None:
    """Follow origins, and take these claims, which they had made, out of the history of other scopes."""
    await bring_up_to_date(ports, graph)
    await ports.claims.weigh_stale(graph)
    if copies:
        edges = await ports.erasures.edges_of(graph, copies)
        await ports.erasures.erase_claims(graph, copies)
        await ports.extractions.erase(graph, edges)


async def _follow(ports: Ports, graph: str, due: DuePublication) -> bool:
    """Follow the origin of a publication; returns False where a legal hold forbids what that would delete."""
    try:
        await _bring_in_line(ports, graph, due)
    except OnHold as error:
        log.info("publication_held", graph=graph, publication=due.publication.id, error=error)
        return False
    return True


async def _bring_in_line(ports: Ports, graph: str, due: DuePublication) -> None:
    try:
        if due.publication.kind == "text":
            await _follow_text(ports, graph, due)
            return
        await _put_entities(ports, graph, due, await ports.publications.missing_entities(graph, due))
        await ports.publications.follow(graph, due)
    except OnHold:
        raise
    except (InvalidInput, NotFound, Conflict) as error:
        # What is refused here would be refused again, and must not stop whoever uses the graph.
        log.warning("publication_refused", graph=graph, publication=due.publication.id, error=error)
        if due.publication.kind == "text":
            await ports.publications.settle(graph, due, "refused", error.message)
        else:
            await ports.publications.refuse(graph, due, error.message)


async def _follow_text(ports: Ports, graph: str, due: DuePublication) -> None:
    text, missing = await ports.publications.origin_text(graph, due)
    if text is None:
        await ports.publications.settle(graph, due, "withdrawn", "The text is gone.")
        return
    await _put_entities(ports, graph, due, missing)
    copy = replace(
        text,
        scope=due.publication.to,
        session=None,
        extract=False,
        expires_at=None,
        ttl=None,
        version=None,
        id=None,
        known_from=None,
    )
    await remember.put_episodes(
        ports, graph, [copy], store=lambda copies: ports.published_items.put_text(graph, due, *copies)
    )


async def _put_entities(ports: Ports, graph: str, due: DuePublication, missing: Sequence[Entity]) -> None:
    """Store the entities that a publication needs and the other scope does not see."""
    if missing:
        await remember.put_entities(
            ports, graph, missing, store=lambda entities: ports.published_items.put_entities(graph, due, entities)
        )


async def _remove_leaving(ports: Ports, graph: str) -> int:
    """Remove what publications stored and do not need any more; what legal holds cover stays until their release."""
    count, last = 0, None
    while items := await ports.published_items.leaving(graph, last):
        for each in items:
            count += await _remove(ports, graph, each)
        last = items[-1]
    return count


async def _remove(ports: Ports, graph: str, item: LeavingItem) -> bool:
    """Remove what a publication stored, if it is unchanged; returns False where a legal hold covers it."""
    try:
        if not item.is_text:
            return await ports.published_items.remove_entity(graph, item)
        version = await ports.published_items.version_of(graph, item)
        if version is not None and item.key is not None:
            with suppress(VersionConflict):  # The scope has just stored words of its own.
                await forget(ports, graph, [item.key], item.scope, erase=item.erase, version=version)
        await ports.published_items.settle(graph, item)
    except OnHold as error:
        log.info("publication_held", graph=graph, publication=item.publication, error=error)
        return False
    return True
