"""Agent states: write with a condition, read any version, compare, restore, branch, keep some and prune the rest."""

import asyncio
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kgmem.domain.agents.state import (
    AgentState,
    Checkpoint,
    NewVersion,
    PruneResult,
    RetentionRule,
    StateAddress,
    StateContent,
    StateOrigin,
    StateVersion,
    VersionChoice,
    WriteCondition,
    check_name,
    check_rules,
)
from kgmem.domain.errors import Conflict, InvalidInput, OnHold, VersionConflict
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.expiry import expiry_of
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.log import EventLog
from kgmem.services.cache.values import state_through_cache, write_state_through
from kgmem.services.ports import Ports
from kgmem.services.upkeep.sweeps import defer_where

log = EventLog(__name__)

CURRENT: Final = VersionChoice()
_CONTENTS = "kgmem.services.agents.contents"


@dataclass(frozen=True, slots=True)
class State:
    """A version of a state: its description, its content as it was written, and what that holds."""

    version: StateVersion
    content: bytes
    value: Any  # Of JSON and msgpack; the bytes themselves otherwise.


class AgentStates:
    """The states of agents: documents by agent and name, in versions that never change.

    A state is found in the scope of its address only.
    """

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def put(
        self,
        graph: str,
        address: StateAddress,
        value: Any,
        *,
        media_type: str | None = None,
        if_version: int | None = None,
        expires_at: str | None = None,
        ttl: str | float | None = None,
    ) -> StateVersion:
        """Write a state as a new version, unless the current one has the same content; returns the current version.

        Bytes are stored as they are, as `media_type` or application/octet-stream; any other value becomes JSON, or
        msgpack where `media_type` says so. `if_version`: write only where this is the current version, 0 for none.
        `expires_at` (ISO 8601, or `never`) or `ttl` (seconds, 30d, PT12H): when the state is deleted with all versions;
        without them, a time that is stored stays. At most 16 MB. Raises VersionConflict, InvalidInput, TooLarge,
        NotFound.
        """
        until = expiry_of(expires_at, ttl)
        contents = await asyncio.to_thread(importlib.import_module, _CONTENTS)
        content, kind = await asyncio.to_thread(contents.to_bytes, value, media_type)
        new = NewVersion(content, kind, expires_at=until)
        version = await self._ports.states.put(graph, address.checked(), new, WriteCondition(if_version))
        await write_state_through(self._ports, graph, address)
        return version

    async def get(self, graph: str, address: StateAddress, choice: VersionChoice = CURRENT) -> State:
        """Return a state with its value: the current version, or that of a number, a checkpoint, or a time.

        Raises NotFound, InvalidInput, and ChecksumMismatch where the database has damaged it.
        """
        contents = await asyncio.to_thread(importlib.import_module, _CONTENTS)
        held = await self.read(graph, address, choice)
        value = await asyncio.to_thread(contents.value_of, held.content, held.version.media_type)
        return State(held.version, held.content, value)

    async def read(self, graph: str, address: StateAddress, choice: VersionChoice = CURRENT) -> StateContent:
        """Return a version and its content, byte for byte, without parsing it. Raises as `get`."""
        return await state_through_cache(self._ports, graph, address.checked(), choice.checked())

    async def versions(
        self, graph: str, address: StateAddress, *, cursor: str | None = None, limit: int = 100
    ) -> Page[StateVersion]:
        """Return a page of a state's versions, the newest first. Raises NotFound."""
        return await self._ports.states.versions(graph, address.checked(), cursor, limit)

    async def diff(self, graph: str, address: StateAddress, before: int, after: int) -> Sequence[Mapping[str, Any]]:
        """Return the JSON Patch (RFC 6902) from one version to another; numbers that no float holds are Decimals.

        Items of lists that occur once keep their places as far as their order allows; the time grows with the size of
        the versions alone. Raises NotFound, and InvalidInput for bytes and for what JSON cannot say.
        """
        contents = await asyncio.to_thread(importlib.import_module, _CONTENTS)
        one = await self.read(graph, address, VersionChoice(before))
        two = await self.read(graph, address, VersionChoice(after))
        patch: Sequence[Mapping[str, Any]] = await asyncio.to_thread(
            contents.patch_between, (one.content, one.version.media_type), (two.content, two.version.media_type)
        )
        return patch

    async def restore(
        self, graph: str, address: StateAddress, choice: VersionChoice, *, if_version: int | None = None
    ) -> StateVersion:
        """Write the content of an earlier version as a new one. Raises NotFound, VersionConflict."""
        if choice == CURRENT:
            raise InvalidInput("No version is named.", hint="Give version, checkpoint or at.")
        held = await self.read(graph, address, choice)
        origin = StateOrigin(restored_from=held.version.version)
        new = NewVersion(held.content, held.version.media_type, origin)
        return await self._ports.states.put(graph, address, new, WriteCondition(if_version))

    async def branch(
        self, graph: str, address: StateAddress, to: StateAddress, choice: VersionChoice = CURRENT
    ) -> StateVersion:
        """Begin a new state with the content of a version; both go their own ways from there.

        Raises NotFound, and Conflict where there is such a state.
        """
        held = await self.read(graph, address, choice)
        origin = StateOrigin(branched_from=f"{address.agent}/{address.name}@{held.version.version}")
        new = NewVersion(held.content, held.version.media_type, origin)
        try:
            return await self._ports.states.put(graph, to.checked(), new, WriteCondition(0))
        except VersionConflict as error:
            raise Conflict(
                f"The agent {to.agent!r} has a state {to.name!r} already.",
                hint="Branch to another name, or delete that state first.",
                field="name",
            ) from error

    async def delete(self, graph: str, address: StateAddress, *, if_version: int | None = None) -> int:
        """Delete a state with all its versions and checkpoints; returns how many versions it had.

        A later state of this name goes on with the next number. Raises NotFound, VersionConflict.
        """
        return await self._ports.states.delete(graph, address.checked(), WriteCondition(if_version))

    async def set_checkpoint(
        self, graph: str, address: StateAddress, checkpoint: str, *, version: int | None = None
    ) -> Checkpoint:
        """Name a version, by default the current one: no retention rule deletes it. An existing name moves to it."""
        check_name("checkpoint", checkpoint)
        choice = VersionChoice(version).checked()
        return await self._ports.states.set_checkpoint(graph, address.checked(), checkpoint, choice)

    async def checkpoints(self, graph: str, address: StateAddress) -> Sequence[Checkpoint]:
        """Return the checkpoints of a state, by version. Raises NotFound."""
        return await self._ports.states.checkpoints(graph, address.checked())

    async def delete_checkpoint(self, graph: str, address: StateAddress, checkpoint: str) -> None:
        """Take a name from its version, which retention may then delete. Raises NotFound."""
        await self._ports.states.delete_checkpoint(graph, address.checked(), checkpoint)

    async def set_retention(
        self, graph: str, agent: str, rules: Sequence[RetentionRule], *, scope: str = SHARED
    ) -> tuple[RetentionRule, ...]:
        """Set which versions of an agent's states are kept; a job applies it every hour. Returns the rules in order.

        What no rule keeps is deleted, but never the current version, and none with a checkpoint. Raises InvalidInput.
        """
        ordered = check_rules(rules)
        await self._ports.states.set_rules(graph, check_scope(scope), check_name("agent", agent), ordered)
        return ordered

    async def retention(self, graph: str, agent: str, *, scope: str = SHARED) -> Sequence[RetentionRule]:
        """Return the retention rules of an agent; none where all versions are kept."""
        return await self._ports.states.rules(graph, check_scope(scope), check_name("agent", agent))

    async def delete_retention(self, graph: str, agent: str, *, scope: str = SHARED) -> None:
        """Keep all versions from now on."""
        await self._ports.states.set_rules(graph, check_scope(scope), check_name("agent", agent), ())

    async def prune(
        self, graph: str, agent: str, *, scope: str = SHARED, dry_run: bool = False
    ) -> Sequence[PruneResult]:
        """Apply the retention rules of an agent now; with a dry run, only tell what they delete."""
        return await self._ports.states.prune(graph, check_scope(scope), check_name("agent", agent), dry_run=dry_run)

    async def list(
        self, graph: str, *, scope: str = SHARED, agent: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[AgentState]:
        """Return a page of the states in this scope only, by agent and name; of all agents or of one."""
        if agent is not None:
            check_name("agent", agent)
        return await self._ports.states.list(graph, check_scope(scope), agent, cursor, limit)


def check_content(content: bytes, media_type: str) -> None:
    """Raise InvalidInput for content that is not what its media type says."""
    importlib.import_module(_CONTENTS).check(content, media_type)


def patch_text(patch: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a JSON Patch as JSON, with numbers of any size and exactness."""
    text: bytes = importlib.import_module(_CONTENTS).patch_text(patch)
    return text


async def prune_all(ports: Ports, graph: str) -> int:
    """Apply every retention rule of a graph; returns how many versions were deleted."""
    deleted = 0
    for scope, agent in await ports.states.with_rules(graph):
        try:
            deleted += sum(len(each.deleted) for each in await ports.states.prune(graph, scope, agent, dry_run=False))
        except OnHold as error:  # The rest goes on; these versions go once the hold is released.
            log.info("pruning_held", graph=graph, error=error)
    return deleted


async def defer_pruning(ports: Ports) -> int:
    """Enqueue the pruning of every graph with retention rules; returns of how many."""
    return await defer_where(ports, "prune_states", lambda graph: ports.states.with_rules(graph.name))
