"""Publications: what an agent knows becomes known to its team, and follows its origin from then on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from kgmem.domain.agents.publication import (
    STATES,
    DuePublication,
    Publication,
    PublicationRequest,
    PublicationState,
)
from kgmem.domain.errors import Conflict, InvalidInput, NotFound, OnHold
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.log import EventLog
from kgmem.services.claims import claim as claiming
from kgmem.services.ports import Ports
from kgmem.services.texts import remember
from kgmem.services.texts.forget import forget

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
        if held.kind == "text":
            await _forget_copy(self._ports, graph, held, erase=False)
        done = await self._ports.publications.end(graph, id_, scope)
        await claiming.follow(self._ports, graph)
        return done


async def bring_up_to_date(ports: Ports, graph: str) -> int:
    """Bring publications whose origin has changed in line with it; returns how many."""
    count = 0
    for _ in range(_ROUNDS):
        due = await ports.publications.due(graph)
        if not due:
            break
        followed = sum([await _follow(ports, graph, each) for each in due])
        count += followed
        if not followed:  # Legal holds keep what is left.
            break
    if count:
        await claiming.follow(ports, graph)
    return count


async def withdraw_all(ports: Ports, graph: str, scope: str, *, erase: bool) -> None:
    """Withdraw what is published from a scope, which is about to be deleted; `erase` copies from the history."""
    copies: list[int] = []
    while found := await ports.publications.from_scope(graph, scope):
        for each in found:
            if each.kind == "text":
                await _forget_copy(ports, graph, each, erase=erase)
            else:
                copies += each.copies
            await ports.publications.end(graph, each.id, scope)
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
        missing = await ports.publications.missing_entities(graph, due)
        if missing:
            await remember.put_entities(ports, graph, missing)
        await ports.publications.follow(graph, due)
    except OnHold:
        raise
    except (InvalidInput, NotFound, Conflict) as error:
        # What is refused here would be refused again, and must not stop whoever uses the graph.
        log.warning("publication_refused", graph=graph, publication=due.publication.id, error=error)
        if due.publication.kind == "text":
            await _forget_copy(ports, graph, due.publication, erase=False)
            await ports.publications.settle(graph, due, "refused", [], error.message)
        else:
            await ports.publications.refuse(graph, due, error.message)


async def _follow_text(ports: Ports, graph: str, due: DuePublication) -> None:
    held = due.publication
    text, missing = await ports.publications.origin_text(graph, due)
    if text is None:
        await _forget_copy(ports, graph, held, erase=False)
        await ports.publications.settle(graph, due, "withdrawn", [], "The text is gone.")
        return
    await _check_replaces_own(ports, graph, held, text)
    if missing:
        await remember.put_entities(ports, graph, missing)
    copy = replace(
        text,
        scope=held.to,
        session=None,
        extract=False,
        expires_at=None,
        ttl=None,
        version=None,
        id=None,
        known_from=None,
    )
    written = await remember.put_episodes(ports, graph, [copy])
    await ports.publications.settle(graph, due, "published", written.ids)


async def _check_replaces_own(ports: Ports, graph: str, held: Publication, text: Episode) -> None:
    """Raise Conflict where the other scope has another text under the key that this publication has not stored."""
    there = await ports.publications.text_there(graph, held)
    if there is None or there in held.copies:
        return
    other = await ports.store.get_episode(graph, held.key or "", held.to)
    if (other.text, other.source) != (text.text, text.source):  # Else it was stored just before a crash.
        raise Conflict(
            f"There is another text {held.key!r} in {held.to!r}.", hint="Publish it under another key.", field="key"
        )


async def _forget_copy(ports: Ports, graph: str, held: Publication, *, erase: bool) -> None:
    """Forget the text that a publication has stored, and not what somebody else stored under its key since."""
    if held.key is not None and await ports.publications.text_there(graph, held) in held.copies:
        await forget(ports, graph, [held.key], held.to, erase=erase)
