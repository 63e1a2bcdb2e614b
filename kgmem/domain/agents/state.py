"""Agent state: documents that an agent keeps for itself, by name, in versions that never change."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, Protocol

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.time.interval import parse_time

MOST_BYTES: Final = 16 * 1024 * 1024  # Of the content of one version.
# What helps where it has more.
TOO_LARGE: Final = (
    "Split it over several names of the agent, or write what is long as episodes and keep their keys in the state."
)
MOST_RULES: Final = 20
JSON, MSGPACK, BYTES = "application/json", "application/msgpack", "application/octet-stream"
# How clients name the types of content -> the type that is stored.
MEDIA_TYPES: Final[Mapping[str, str]] = {
    JSON: JSON, MSGPACK: MSGPACK, "application/x-msgpack": MSGPACK, "application/vnd.msgpack": MSGPACK, BYTES: BYTES,
}  # fmt: skip
_NAME = re.compile(r"[^\s/\x00-\x1f\x7f]{1,200}")
_LONGEST_KEPT: Final = 100 * 366 * 86_400  # Seconds that a rule may name.


@dataclass(frozen=True, slots=True)
class StateVersion:
    """One version of an agent state, without its content."""

    version: int
    at: str  # ISO 8601: when it was written.
    media_type: str
    size: int  # Bytes of the content.
    stored: int  # Bytes that it takes compressed.
    sha256: str  # Of the content, as hexadecimal digits.
    author: str | None = None  # The id of the API key that wrote it.
    restored_from: int | None = None  # The version whose content it has again.
    branched_from: str | None = None  # agent/name@version, where the state began as a copy of another.
    checkpoints: Sequence[str] = ()
    created: bool = True  # False in the answer to a write that changed nothing.
    expires_at: str | None = None  # When the state is deleted, with all versions.


@dataclass(frozen=True, slots=True)
class AgentState:
    """A state of an agent: its name, its current version, and what its versions take."""

    agent: str
    name: str
    scope: str
    versions: int
    stored: int  # Bytes of all versions, compressed.
    current: StateVersion


@dataclass(frozen=True, slots=True)
class StateContent:
    """A version with its content, byte for byte as it was written."""

    version: StateVersion
    content: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A name for a version, which no retention rule deletes while it bears the name."""

    name: str
    version: int
    at: str


@dataclass(frozen=True, slots=True)
class StateAddress:
    """Where a state is: the agent, its name, and the scope that owns it."""

    agent: str
    name: str
    scope: str = SHARED

    def checked(self) -> "StateAddress":
        """Return itself where all three are valid. Raises InvalidInput."""
        check_name("agent", self.agent)
        check_name("name", self.name)
        check_scope(self.scope)
        return self


@dataclass(frozen=True, slots=True)
class VersionChoice:
    """Which version is meant: by number, by checkpoint, or as of a time; without any of them the current one."""

    version: int | None = None
    checkpoint: str | None = None
    at: str | None = None

    def checked(self) -> "VersionChoice":
        """Return itself where at most one is given. Raises InvalidInput."""
        if sum(each is not None for each in (self.version, self.checkpoint, self.at)) > 1:
            raise InvalidInput("version, checkpoint and at exclude each other.", hint="Give one of them.")
        if self.version is not None and self.version < 1:
            raise InvalidInput(f"version {self.version} does not exist.", hint="The first version is 1.")
        if self.checkpoint is not None:
            check_name("checkpoint", self.checkpoint)
        if self.at is not None:
            parse_time(self.at)
        return self


@dataclass(frozen=True, slots=True)
class WriteCondition:
    """What has to hold for a write: the current version, 0 for none; None for whatever it is."""

    version: int | None = None
    expired: bool = False  # A deletion: only where its time is over.


@dataclass(frozen=True, slots=True)
class StateOrigin:
    """Where the content of a new version comes from, where it is not new."""

    restored_from: int | None = None
    branched_from: str | None = None


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What a writer gives: the content, where it comes from, and when the state is deleted."""

    content: bytes
    media_type: str
    origin: StateOrigin = StateOrigin()
    expires_at: str | None = None  # NEVER for no time; None leaves what is stored.


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Of versions younger than `within_seconds`, keep the last of every `every_seconds`; 0 keeps all."""

    within_seconds: int
    every_seconds: int = 0


@dataclass(frozen=True, slots=True)
class PruneResult:
    """The result of applying retention rules to one state; with a dry run, what it would be."""

    agent: str
    name: str
    scope: str
    kept: int
    deleted: Sequence[int]  # Versions.
    freed: int  # Bytes.


Of = Literal["agent", "name", "checkpoint", "decision", "subscription", "group", "stream", "consumer", "webhook"]
_OWNERS: Final[Mapping[Of, str]] = {
    "agent": "an agent",
    "name": "a state",
    "checkpoint": "a checkpoint",
    "decision": "a decision",
    "subscription": "a subscription",
    "group": "a consumer group",
    "stream": "a stream",
    "consumer": "a consumer",
    "webhook": "a webhook",
}


def check_name(of: Of, name: str) -> str:
    """Return the name of an agent, a state or a checkpoint unchanged. Raises InvalidInput."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name[:80]!r} is no name of {_OWNERS[of]}.",
            hint="Give 1 to 200 characters without spaces and slashes.",
        )
    return name


def check_rules(rules: Sequence[RetentionRule]) -> tuple[RetentionRule, ...]:
    """Return retention rules from the shortest time to the longest. Raises InvalidInput."""
    if not rules or len(rules) > MOST_RULES:
        raise InvalidInput(f"{len(rules)} rules were given.", hint=f"Give 1 to {MOST_RULES}, or delete the rules.")
    for rule in rules:
        if not 1 <= rule.within_seconds <= _LONGEST_KEPT or not 0 <= rule.every_seconds <= rule.within_seconds:
            raise InvalidInput(
                f"A rule keeps every {rule.every_seconds} s within {rule.within_seconds} s.",
                hint="within_seconds is 1 or more, and every_seconds from 0 (all) to within_seconds.",
            )
    ordered = sorted(rules, key=lambda rule: rule.within_seconds)
    for shorter, longer in pairwise(ordered):
        if shorter.within_seconds == longer.within_seconds or shorter.every_seconds > longer.every_seconds:
            raise InvalidInput(
                f"The rules for {shorter.within_seconds} s and {longer.within_seconds} s contradict each other.",
                hint="A longer time keeps the same or fewer versions: give it the same or a larger every_seconds.",
            )
    return tuple(ordered)


def outlived(
    versions: Sequence[tuple[int, int]], named: frozenset[int], rules: Sequence[RetentionRule], now: int
) -> list[int]:
    """Return the versions that rules delete.

    `versions` are (version, time in microseconds), oldest first; `named` bear a checkpoint. The current version is
    kept, and the last of each period, which is what a question as of the end of that period asks for.
    """
    gone: list[int] = []
    kept_periods: set[tuple[int, int]] = set()
    for position in range(len(versions) - 1, -1, -1):
        version, at = versions[position]
        if position == len(versions) - 1 or version in named:
            continue
        rule = next((rule for rule in rules if now - at < rule.within_seconds * 1_000_000), None)
        if rule is None:
            gone.append(version)
        elif rule.every_seconds:
            period = (rule.every_seconds, at // (rule.every_seconds * 1_000_000))
            if period in kept_periods:
                gone.append(version)
            kept_periods.add(period)
    return gone[::-1]


class StateStore(Protocol):
    """Stores the states of agents; every write is one transaction."""

    async def put(self, graph: str, address: StateAddress, new: NewVersion, condition: WriteCondition) -> StateVersion:
        """Write a version, unless the current one has the same content. Raises VersionConflict."""

    async def get(self, graph: str, address: StateAddress, choice: VersionChoice) -> StateContent:
        """Return a version with its content. Raises NotFound, ChecksumMismatch."""

    async def find(self, graph: str, address: StateAddress, choice: VersionChoice) -> StateVersion:
        """Return a version without its content. Raises NotFound."""

    async def list(self, graph: str, scope: str, agent: str | None, cursor: str | None, limit: int) -> Page[AgentState]:
        """Return the states in this scope only, by agent and name."""

    async def versions(self, graph: str, address: StateAddress, cursor: str | None, limit: int) -> Page[StateVersion]:
        """Return the versions of a state, the newest first. Raises NotFound."""

    async def delete(self, graph: str, address: StateAddress, condition: WriteCondition) -> int:
        """Delete a state with all versions and checkpoints; returns how many versions. Raises NotFound."""

    async def set_checkpoint(self, graph: str, address: StateAddress, name: str, choice: VersionChoice) -> Checkpoint:
        """Name a version; a name moves from another version. Raises NotFound."""

    async def checkpoints(self, graph: str, address: StateAddress) -> Sequence[Checkpoint]:
        """Return the checkpoints of a state, by version. Raises NotFound."""

    async def delete_checkpoint(self, graph: str, address: StateAddress, name: str) -> None:
        """Take a name from its version. Raises NotFound."""

    async def set_rules(self, graph: str, scope: str, agent: str, rules: Sequence[RetentionRule]) -> None:
        """Store the retention rules of an agent; none deletes them."""

    async def rules(self, graph: str, scope: str, agent: str) -> Sequence[RetentionRule]:
        """Return the retention rules of an agent; none where all versions are kept."""

    async def with_rules(self, graph: str) -> Sequence[tuple[str, str]]:
        """Return (scope, agent) of those that have retention rules."""

    async def prune(self, graph: str, scope: str, agent: str, *, dry_run: bool) -> Sequence[PruneResult]:
        """Delete the versions that the rules of an agent do not keep; returns one result for each state."""
