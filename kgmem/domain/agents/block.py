"""Memory blocks: named texts of limited size that agents keep in their prompts, in versions that never change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from kgmem.domain.agents.state import WriteCondition, check_name
from kgmem.domain.errors import Conflict, InvalidInput, TooLarge
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope

DEFAULT_LIMIT: Final = 5_000
LARGEST_LIMIT: Final = 100_000
MOST_AGENTS: Final = 100
MOST_EDITS: Final = 100


@dataclass(frozen=True, slots=True)
class BlockAddress:
    """Where a block is: its name, and the scope that owns it."""

    name: str
    scope: str = SHARED

    def checked(self) -> "BlockAddress":
        """Return itself where both are valid. Raises InvalidInput."""
        check_name("name", self.name)
        check_scope(self.scope)
        return self


@dataclass(frozen=True, slots=True)
class BlockContent:
    """What a version of a block holds: the text, what it is for, its limit, and the agents that have it."""

    text: str = ""
    description: str = ""
    limit: int = DEFAULT_LIMIT  # Characters of the text.
    agents: Sequence[str] = ()  # None: every agent of the scope.

    def checked(self) -> "BlockContent":
        """Return itself where all of it is valid. Raises InvalidInput, TooLarge."""
        if not 1 <= self.limit <= LARGEST_LIMIT:
            raise InvalidInput(
                f"limit is {self.limit}.", hint=f"Give 1 to {LARGEST_LIMIT:,} characters.", field="limit"
            )
        if len(self.agents) > MOST_AGENTS:
            raise InvalidInput(
                f"agents has {len(self.agents)} items.", hint=f"Give at most {MOST_AGENTS}.", field="agents"
            )
        for agent in self.agents:
            check_name("agent", agent)
        if len(self.description) > 1000:
            raise InvalidInput("description is too long.", hint="Give at most 1,000 characters.", field="description")
        if "\0" in self.text or "\0" in self.description:
            raise InvalidInput("A text contains a NUL character.", hint="Remove U+0000 from it.", field="text")
        if len(self.text) > self.limit:
            raise TooLarge(
                f"text has {len(self.text):,} characters, and the limit of the block is {self.limit:,}.",
                hint="Shorten it, or raise the limit.",
                field="text",
            )
        return self

    def appended(self, text: str) -> "BlockContent":
        """Return it with a text behind its own, on a line of its own. Raises TooLarge."""
        return replace(self, text=f"{self.text}\n{text}" if self.text else text).checked()

    def edited(self, edits: Sequence["BlockEdit"]) -> "BlockContent":
        """Return it with parts of its text replaced, one edit after the other.

        Raises Conflict where what is to be replaced is not there exactly once, InvalidInput, TooLarge.
        """
        if not 1 <= len(edits) <= MOST_EDITS:
            raise InvalidInput(f"{len(edits)} edits were sent.", hint=f"Give 1 to {MOST_EDITS}.", field="edits")
        text = self.text
        for place, edit in enumerate(edits):
            if not edit.old:
                raise InvalidInput(
                    f"edits[{place}].old is empty.", hint="Give the text to replace.", field=f"edits[{place}].old"
                )
            found = text.count(edit.old)
            if found != 1:
                raise Conflict(
                    f"edits[{place}].old is {found} times in the block.",
                    hint="Read the block again, and give a text that is there once.",
                    field=f"edits[{place}].old",
                )
            text = text.replace(edit.old, edit.new)
        return replace(self, text=text).checked()


@dataclass(frozen=True, slots=True)
class BlockEdit:
    """A part of a block's text that is there once, and what replaces it."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Block:
    """A block in its current version, or an earlier version of it."""

    name: str
    scope: str
    version: int
    text: str
    description: str
    limit: int
    agents: Sequence[str]
    at: str  # When this version was written.
    author: str | None  # The id of the API key that wrote it.
    created: bool = True  # False in the answer to a write that changed nothing.
    expires_at: str | None = None  # When the block is deleted, with all versions.

    def content(self) -> BlockContent:
        """Return what it holds."""
        return BlockContent(self.text, self.description, self.limit, tuple(self.agents))


class BlockStore(Protocol):
    """Stores memory blocks; every write is one transaction."""

    async def put(
        self,
        graph: str,
        address: BlockAddress,
        content: BlockContent,
        condition: WriteCondition,
        *,
        expires_at: str | None = None,
    ) -> Block:
        """Write a version, unless the current one is the same. Raises VersionConflict.

        `expires_at`: when the block is deleted, NEVER for no time; None leaves what is stored.
        """

    async def get(self, graph: str, address: BlockAddress, version: int | None) -> Block:
        """Return a block: the current version, or an earlier one. Raises NotFound."""

    async def list(self, graph: str, scope: str, agent: str | None, cursor: str | None, limit: int) -> Page[Block]:
        """Return the blocks in this scope only, by name; of all agents or those that one has."""

    async def versions(self, graph: str, address: BlockAddress, cursor: str | None, limit: int) -> Page[Block]:
        """Return the versions of a block, the newest first. Raises NotFound."""

    async def delete(self, graph: str, address: BlockAddress, condition: WriteCondition) -> int:
        """Delete a block with all versions; returns how many. Raises NotFound, VersionConflict."""

    async def of_agent(self, graph: str, scope: str, agent: str | None) -> Sequence[Block]:
        """Return the blocks that an agent has in a scope, in those above it, and shared; of one name the nearest."""
