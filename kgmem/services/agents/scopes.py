"""Scopes: list them, summarise them, and delete one with everything in it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from kgmem.domain.agents.session import SessionAddress, SessionFilter
from kgmem.domain.erasure.redis_contents import RedisErasure
from kgmem.domain.erasure.sought import MOST_TEXTS, sought
from kgmem.domain.errors import Conflict, InvalidInput, NotFound, TooLarge
from kgmem.domain.flows.trace import step
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.graph.scope_contents import MOST_SCOPES, ScopeCounts, ScopeDeletion, ScopeItems, ScopeSummary, Traces
from kgmem.services.agents.publications import withdraw_all
from kgmem.services.agents.sessions import Sessions
from kgmem.services.claims import claim as claiming
from kgmem.services.erasure.in_redis import erase_in_redis
from kgmem.services.ports import Ports
from kgmem.services.texts import remember
from kgmem.services.texts.forget import forget

_AT_ONCE: Final = 500  # Items that go in one step, so that others have their turn between steps.
_CLAIMS_AT_ONCE: Final = 1000


class Scopes:
    """Scopes of a graph, such as its users and teams, with what is in them."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def list(
        self, graph: str, *, within: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[ScopeSummary]:
        """Return a page of the scopes that contain something, by path: `within` and those below it."""
        await self._ports.graphs.get(graph)
        return await self._ports.scopes.list(graph, check_scope(within), cursor, limit)

    async def get(self, graph: str, scope: str, *, below: bool = True) -> ScopeSummary:
        """Return what is in a scope, and in those below it. Raises NotFound for one that nothing was written to."""
        paths = await self._paths(graph, check_scope(scope), below=below)
        return replace(await self._ports.scopes.summary(graph, paths), scope=scope)

    async def delete(
        self, graph: str, scope: str, *, below: bool = True, dry_run: bool = False, erase: bool = False
    ) -> ScopeDeletion:
        """Delete everything in a scope, and in those below it; returns a report.

        `erase` removes it from the history as well. A dry run only counts. It goes some items at a time; what is broken
        off is completed by a second call. Ledger accounts and their entries stay. Raises InvalidInput for the shared
        scope, NotFound, TooLarge, and Conflict where something new is written all the time.
        """
        if not check_scope(scope):
            raise InvalidInput(
                "The shared scope cannot be deleted.", hint="Delete the graph, or name a scope.", field="scope"
            )
        paths = await self._paths(graph, scope, below=below)
        held = (await self._ports.scopes.summary(graph, paths)).counts
        elsewhere = await self._ports.scopes.relationships_elsewhere(graph, paths)
        kept = ScopeCounts(ledger_accounts=held.ledger_accounts)
        report = ScopeDeletion(paths, replace(held, ledger_accounts=0), kept, elsewhere, dry_run=dry_run)
        if dry_run:
            return report
        await self._ports.holds.refuse_scopes(graph, paths)
        with self._ports.flows.run("forget", graph):  # Of no scope: what an erasure leaves must not name it.
            for path in paths:
                with step("empty_scope") as emptying:
                    report = await self._emptied(graph, path, report, erase=erase)
                    emptying.count(scopes=1)
        in_redis = await erase_in_redis(self._ports, graph, RedisErasure(scopes=paths, files=erase))
        left = (await self._ports.scopes.summary(graph, paths)).counts
        if left.deletable:
            raise Conflict("Something new was written to the scope meanwhile.", hint="Delete it again.")
        return replace(report, waits_for_redis=in_redis is None)

    async def find_traces(
        self,
        graph: str,
        texts: Sequence[str],
        *,
        server: bool = True,
        whole_words: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Traces:
        """Search every table of a graph for texts in any letters, such as after an erasure; with `server` its own, too.

        It returns tables and numbers of rows, and nothing of their contents. All rows are read, compressed values as
        well. Files, logs and backups are not searched. With `whole_words`, a text counts only where no letter or digit
        is beside it. Raises InvalidInput, NotFound.
        """
        await self._ports.graphs.get(graph)
        if not 1 <= len(texts) <= MOST_TEXTS:
            raise InvalidInput(f"{len(texts)} texts were given.", hint=f"Give 1 to {MOST_TEXTS}.", field="texts")
        wanted = sought(texts, whole=whole_words)
        return await self._ports.scopes.traces(graph, wanted, server=server, progress=progress)

    async def _paths(self, graph: str, scope: str, *, below: bool) -> Sequence[str]:
        await self._ports.graphs.get(graph)
        paths = [each for each in await self._ports.scopes.below(graph, scope) if below or each == scope]
        if not paths:
            raise NotFound(f"Nothing was written to the scope {scope!r}.", hint="List the scopes.", field="scope")
        if len(paths) > MOST_SCOPES:
            raise TooLarge(f"There are more than {MOST_SCOPES:,} scopes below it.", hint="Name one of these.")
        return paths

    async def _emptied(self, graph: str, scope: str, report: ScopeDeletion, *, erase: bool) -> ScopeDeletion:
        """Delete what is in one scope: first what other things rest on it for, and what nothing rests on last."""
        erased = kept = 0
        await withdraw_all(self._ports, graph, scope, erase=erase)
        sessions = Sessions(self._ports)
        for _ in range(MOST_SCOPES):
            page = await self._ports.sessions.list(graph, SessionFilter(scope), None, _AT_ONCE)
            for each in page.items:
                gone = await sessions.delete(graph, SessionAddress(each.id, scope), erase=erase)
                erased, kept = erased + gone.erased_from_history, kept + gone.kept_in_history
            if not page.items:
                break

        async def texts(some: ScopeItems) -> None:
            nonlocal erased, kept
            gone = await forget(self._ports, graph, some.keys, scope, erase=erase)
            erased, kept = erased + gone.erased_from_history, kept + gone.kept_in_history

        async def relationships(some: ScopeItems) -> None:
            nonlocal erased, kept
            gone = await remember.delete_relationships(self._ports, graph, some.ids, scope)
            kept += gone.kept_in_history

        async def entities(some: ScopeItems) -> None:
            nonlocal erased, kept
            gone = await remember.delete_entities(self._ports, graph, some.keys, scope, None)
            kept += gone.kept_in_history
            if erase:
                erased += await self._ports.extractions.erase(graph, some.ids)

        async def claims(some: ScopeItems) -> None:
            await claiming.withdraw(self._ports, graph, some.ids, scope)

        store = self._ports.scopes
        await self._each(graph, scope, store.episodes, texts)
        await self._each(graph, scope, store.entities, entities)
        await self._each(graph, scope, store.relationships, relationships)
        await self._each(graph, scope, store.claims, claims, _CLAIMS_AT_ONCE)
        await store.clear(graph, scope)
        await self._ports.presence.forget(graph, scope)
        await self._ports.flows.forget(graph, scope)
        if erase:
            erased += await store.erase(graph, scope)
            kept = 0
        return replace(
            report,
            erased_from_history=report.erased_from_history + erased,
            kept_in_history=report.kept_in_history + kept,
        )

    @staticmethod
    async def _each(
        graph: str,
        scope: str,
        following: Callable[[str, str, int], Awaitable[ScopeItems]],
        delete: Callable[[ScopeItems], Awaitable[None]],
        size: int = _AT_ONCE,
    ) -> None:
        """Delete until nothing is left. Raises Conflict where deleting some does not make them go."""
        before: ScopeItems | None = None
        while (some := await following(graph, scope, size)).ids:
            if before is not None and set(some.ids) == set(before.ids):
                raise Conflict("Something in the scope is written again and again.", hint="Delete it again.")
            await delete(some)
            before = some
