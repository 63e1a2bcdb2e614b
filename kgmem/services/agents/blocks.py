"""Memory blocks: named texts that agents keep in their prompts, edited with optimistic locking."""

from collections.abc import Callable, Sequence
from typing import Final

from kgmem.domain.agents.block import Block, BlockAddress, BlockContent, BlockEdit
from kgmem.domain.agents.state import WriteCondition
from kgmem.domain.errors import Unavailable, VersionConflict
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.expiry import expiry_of
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.services.ports import Ports

_TRIES: Final = 30


class MemoryBlocks:
    """The memory blocks of agents. A block is found in the scope of its address only."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def put(
        self,
        graph: str,
        address: BlockAddress,
        content: BlockContent,
        *,
        if_version: int | None = None,
        expires_at: str | None = None,
        ttl: str | float | None = None,
    ) -> Block:
        """Write a block as a new version, unless the current one is the same.

        `if_version`: write only where this is the current version, 0 for none. `expires_at` (ISO 8601, or `never`) or
        `ttl` (seconds, 30d, PT12H) says when the block is deleted with all its versions; without them, a time that is
        stored stays. Raises VersionConflict, InvalidInput, TooLarge, NotFound for an unknown graph.
        """
        condition, until = WriteCondition(if_version), expiry_of(expires_at, ttl)
        return await self._ports.blocks.put(graph, address.checked(), content.checked(), condition, expires_at=until)

    async def append(self, graph: str, address: BlockAddress, text: str, *, if_version: int | None = None) -> Block:
        """Add a text at the end of a block, on a line of its own. Raises NotFound, VersionConflict, TooLarge."""
        return await self._changed(graph, address, lambda content: content.appended(text), if_version)

    async def edit(
        self, graph: str, address: BlockAddress, edits: Sequence[BlockEdit], *, if_version: int | None = None
    ) -> Block:
        """Replace parts of a block's text, each of which is there once.

        Raises NotFound, VersionConflict, TooLarge, and Conflict where a part is not there once.
        """
        return await self._changed(graph, address, lambda content: content.edited(edits), if_version)

    async def get(self, graph: str, address: BlockAddress, *, version: int | None = None) -> Block:
        """Return a block: the current version, or an earlier one. Raises NotFound."""
        return await self._ports.blocks.get(graph, address.checked(), version)

    async def list(
        self, graph: str, *, scope: str = SHARED, agent: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[Block]:
        """Return a page of the blocks in this scope only, by name; all, or those that an agent has."""
        return await self._ports.blocks.list(graph, check_scope(scope), agent, cursor, limit)

    async def versions(
        self, graph: str, address: BlockAddress, *, cursor: str | None = None, limit: int = 100
    ) -> Page[Block]:
        """Return a page of a block's versions, the newest first. Raises NotFound."""
        return await self._ports.blocks.versions(graph, address.checked(), cursor, limit)

    async def delete(self, graph: str, address: BlockAddress, *, if_version: int | None = None) -> int:
        """Delete a block with all versions; returns how many it had. Raises NotFound, VersionConflict."""
        return await self._ports.blocks.delete(graph, address.checked(), WriteCondition(if_version))

    async def _changed(
        self,
        graph: str,
        address: BlockAddress,
        change: Callable[[BlockContent], BlockContent],
        if_version: int | None,
    ) -> Block:
        """Write a change of the current version; without a condition again where another writer came first."""
        for _ in range(_TRIES):
            held = await self._ports.blocks.get(graph, address.checked(), None)
            if if_version not in {None, held.version}:
                raise VersionConflict(
                    f"The block {address.name!r} is at version {held.version}, not at version {if_version}.",
                    hint="Read it again, and write with its version.",
                    stored_version=held.version,
                )
            try:
                condition = WriteCondition(held.version)
                return await self._ports.blocks.put(graph, address, change(held.content()), condition)
            except VersionConflict:
                if if_version is not None:
                    raise
        raise Unavailable(f"The block {address.name!r} changes too fast.", hint="Try again in a moment.")
