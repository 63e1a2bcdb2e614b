"""Sessions: open, append messages, page, close; each message is an episode, and what was said is extracted."""

import secrets
from collections.abc import Sequence
from typing import Any, Final

from kgmem.domain.agents.context import DEFAULT_BUDGET, SessionContext
from kgmem.domain.agents.message import NOT_EXTRACTED, Message, StoredMessage, check_messages
from kgmem.domain.agents.presence import AgentAddress
from kgmem.domain.agents.session import (
    Appended,
    NewMessage,
    Session,
    SessionAddress,
    SessionDetails,
    SessionFilter,
)
from kgmem.domain.errors import Conflict, InvalidInput
from kgmem.domain.fields import LONGEST_KEY
from kgmem.domain.flows.trace import step
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.expiry import expiry_of
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.text.queue import Forgotten
from kgmem.domain.time.interval import iso, now
from kgmem.services.agents.context import context as make_context
from kgmem.services.agents.presence import note_work
from kgmem.services.agents.session_summary import MOST_SENTENCES, SessionSummary, summarise_session
from kgmem.services.ports import Ports
from kgmem.services.texts.forget import forget

NOTHING = SessionDetails()
_DELETED_AT_ONCE: Final = 1000  # Messages, with what was extracted from them.


class Sessions:
    """Sessions of agents with users. A session is found in the scope of its address only."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def open(self, graph: str, address: SessionAddress, details: SessionDetails = NOTHING) -> Session:
        """Make a session, or give the one that is there these details; `created` tells which.

        Raises InvalidInput, TooLarge, NotFound for an unknown graph.
        """
        await self._ports.graphs.get(graph)
        return await self._ports.sessions.put(graph, address.checked(), details.checked())

    async def get(self, graph: str, address: SessionAddress) -> Session:
        """Return a session. Raises NotFound."""
        return await self._ports.sessions.get(graph, address.checked())

    async def list(
        self,
        graph: str,
        *,
        scope: str = SHARED,
        agent: str | None = None,
        user: str | None = None,
        is_open: bool | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Session]:
        """Return a page of the sessions in this scope only, the newest first; of an agent, with a user, open or not."""
        which = SessionFilter(check_scope(scope), agent, user, is_open)
        return await self._ports.sessions.list(graph, which, cursor, limit)

    async def close(self, graph: str, address: SessionAddress) -> Session:
        """Close a session: it takes no messages until it is opened again. Raises NotFound."""
        return await self._ports.sessions.set_closed(graph, address.checked(), closed=True)

    async def reopen(self, graph: str, address: SessionAddress) -> Session:
        """Open a closed session again. Raises NotFound."""
        return await self._ports.sessions.set_closed(graph, address.checked(), closed=False)

    async def append(
        self, graph: str, address: SessionAddress, messages: Sequence[Message], *, extract: bool = True
    ) -> Appended:
        """Store messages at the end of a session, in this order, all or none.

        A message whose id is stored with the same content stays as it is. A job extracts soon after from the words of
        users and assistants, with `extract`. Raises NotFound, InvalidInput, TooLarge, and Conflict for a closed session
        and for an id that has another content.
        """
        check_messages(messages)
        held = await self._ports.graphs.get(graph)
        session = await self._ports.sessions.get(graph, address.checked())
        said_at = iso(now())
        ready = [self._ready(session, each, said_at, extract=extract) for each in messages]
        with self._ports.flows.run("remember", graph, scope=session.scope), step("store_messages") as storing:
            appended = await self._ports.sessions.append(graph, address, ready)
            storing.count(created=appended.created)
        if session.agent is not None:
            note_work(self._ports, graph, AgentAddress(session.agent, session.scope), session.id)
        if appended.created:
            if self._ports.embedder and held.space:
                await self._ports.jobs.defer("embed", graph=graph)
            wanted = held.extraction == "all" or any(each.episode.extract for each in ready)
            if self._ports.extractor and wanted and held.extraction != "off":
                await self._ports.jobs.defer("extract", graph=graph)
        return appended

    async def delete(
        self, graph: str, address: SessionAddress, *, dry_run: bool = False, erase: bool = False
    ) -> Forgotten:
        """Delete a session with its messages and everything that was extracted only from them; returns a report.

        `erase` removes it from the history as well. A dry run only counts. A long session goes some messages at a time;
        what is broken off is completed by a second call. Raises NotFound.
        """
        keys = await self._ports.sessions.keys(graph, address.checked())
        if dry_run:
            return (
                await forget(self._ports, graph, keys, address.scope, dry_run=True) if keys else Forgotten(dry_run=True)
            )
        with self._ports.flows.run("forget", graph, scope=address.scope):
            return await self._delete(graph, address, keys, erase=erase)

    async def _delete(self, graph: str, address: SessionAddress, keys: Sequence[str], *, erase: bool) -> Forgotten:
        report = Forgotten()
        if len(keys) > _DELETED_AT_ONCE:  # What stays follows from all messages together.
            whole = await forget(self._ports, graph, keys, address.scope, dry_run=True)
            report = Forgotten(kept_entities=whole.kept_entities, kept_relationships=whole.kept_relationships)
        for at in range(0, len(keys), _DELETED_AT_ONCE):
            some = keys[at : at + _DELETED_AT_ONCE]
            part = await forget(self._ports, graph, some, address.scope, erase=erase)
            report = part if len(keys) <= _DELETED_AT_ONCE else report.with_part(part)
        if not await self._ports.sessions.delete(graph, address):
            raise Conflict(f"The session {address.id!r} got new messages meanwhile.", hint="Delete it again.")
        return report

    async def messages(
        self,
        graph: str,
        address: SessionAddress,
        *,
        newest_first: bool = False,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[StoredMessage]:
        """Return a page of a session's messages, in order or the newest first. Raises NotFound."""
        return await self._ports.sessions.messages(graph, address.checked(), cursor, limit, newest_first=newest_first)

    async def message(self, graph: str, address: SessionAddress, id_: str) -> StoredMessage:
        """Return one message. Raises NotFound."""
        return await self._ports.sessions.message(graph, address.checked(), id_)

    async def context(self, graph: str, address: SessionAddress, *, budget: int = DEFAULT_BUDGET) -> SessionContext:
        """Return what to put into the next prompt, as text and in parts, in at most `budget` tokens.

        In this order: the memory blocks of the agent, current facts, what recall finds with the last turns as its
        question, what was said earlier, and the latest messages, each with the ids of its sources. Raises NotFound,
        InvalidInput.
        """
        return await make_context(self._ports, graph, address, budget)

    async def summary(self, graph: str, address: SessionAddress, *, limit: int = 6) -> SessionSummary:
        """Return a session and the sentences of users and assistants that say most of it, as they were said, in order.

        At most `limit` of them, 1 to 20. No model is called, and the same messages have the same summary. Raises
        NotFound, InvalidInput.
        """
        if not 1 <= limit <= MOST_SENTENCES:
            raise InvalidInput(f"limit is {limit}.", hint=f"Give 1 to {MOST_SENTENCES} sentences.", field="limit")
        return await summarise_session(self._ports, graph, address, limit)

    def _ready(self, session: Session, message: Message, said_at: str, *, extract: bool) -> NewMessage:
        """Return what is stored of a message; when, by whom and under which id where it says none of it."""
        id_ = message.id or f"msg_{secrets.token_hex(8)}"
        key = f"{session.id}/{id_}"
        occurred_at = message.occurred_at or said_at
        body = {
            "episode": key, "role": message.role, "content": message.content, "name": message.name,
            "tool_calls": message.tool_calls, "tool_call_id": message.tool_call_id, "refusal": message.refusal,
            "metadata": message.metadata, "occurred_at": occurred_at,
        }  # fmt: skip
        told = " ".join(each for each in (message.text, *map(str, message.tool_calls)) if each)
        tokens = message.tokens if message.tokens is not None else self._ports.token_counter.count(told)
        speaker, listener = _speakers(session, message)
        properties: dict[str, Any] = {"role": message.role, "message": id_}
        properties |= {"listener": listener} if listener else {}
        properties |= {} if message.is_read else {NOT_EXTRACTED: True}
        episode = Episode(
            message.text, key, occurred_at=occurred_at, session=session.id, speaker=speaker,
            source=_tool(message), properties=properties, scope=session.scope,
            extract=extract and message.is_read, expires_at=expiry_of(message.expires_at, message.ttl),
        )  # fmt: skip
        return NewMessage(id_, message.digest(), tokens, body, episode)


def _speakers(session: Session, message: Message) -> tuple[str | None, str | None]:
    """Return who speaks and who is spoken to: the only user and the agent, where a message names nobody."""
    user = session.users[0] if len(session.users) == 1 else None
    if message.role == "user":
        return message.name or user, session.agent
    if message.role == "assistant":
        return message.name or session.agent, user
    return None, None


def _tool(message: Message) -> str | None:
    """Return the source of what a tool or the system says; of others it is who speaks."""
    if message.role in {"user", "assistant"}:
        return None
    return (message.name or message.role)[:LONGEST_KEY]
