"""Retention rules: how long what is kept, from when on, and what becomes of it then; runs that apply them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import check_scope

# recorded: since kgmem recorded the current version. event: since it happened, or was true no longer. used: since its
# last use.
Clock = Literal["recorded", "event", "used"]
# forget: gone, but for the history. erase: gone there, too. distil: texts become fewer and shorter ones.
Action = Literal["forget", "erase", "distil"]
# originals: of what is distilled, the originals are forgotten; what they state rests on the text that stands for them.
ItemAction = Literal["forget", "erase", "distil", "originals"]
RetentionKind = Literal["episode", "relationship", "claim", "entity"]
RunState = Literal["planned", "running", "done", "failed"]
ItemState = Literal["planned", "taken", "removed", "distilled", "kept"]
Trigger = Literal["operator", "schedule"]
CLOCKS: Final[tuple[Clock, ...]] = ("recorded", "event", "used")
ACTIONS: Final[tuple[Action, ...]] = ("forget", "erase", "distil")
# In this order a run removes: what rests on something goes before it.
KINDS: Final[Mapping[RetentionKind, int]] = {"episode": 2, "relationship": 3, "claim": 5, "entity": 1}
MOST_RULES: Final = 1000  # Of one graph.
MOST_OF_RUN: Final = 100_000
OF_RUN: Final = 10_000  # Items of a run; the next run takes what is left.
LONGEST: Final = 100_000 * 86_400.0  # Seconds.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """A rule for a graph, or for what is in a scope with those below it, bears a label, and comes from a source.

    `keep` is in seconds, counted from `clock`; None keeps for ever, which makes an exception of wider rules. `then`
    says what becomes of it. Of what is distilled, the originals are forgotten after `originals` more seconds; None:
    they stay.
    """

    name: str
    keep: float | None
    scope: str | None = None
    label: str | None = None
    source: str | None = None
    clock: Clock = "recorded"
    then: Action = "forget"
    originals: float | None = None
    reason: str = ""
    by: str = ""
    at: str | None = None

    def checked(self) -> "RetentionRule":
        """Return itself where all of it is valid. Raises InvalidInput."""
        if not _NAME.fullmatch(self.name):
            raise InvalidInput(
                f"{self.name[:100]!r} is no name of a rule.",
                hint="Use 1 to 100 letters, digits, dots, dashes and underscores, a letter or digit first.",
                field="name",
            )
        for name, value, allowed in (("clock", self.clock, CLOCKS), ("then", self.then, ACTIONS)):
            if value not in allowed:
                raise InvalidInput(f"{name} is {value!r}.", hint=f"Give {', '.join(allowed)}.", field=name)
        for name, seconds in (("keep", self.keep), ("originals", self.originals)):
            if seconds is not None and not 0 < seconds <= LONGEST:
                raise InvalidInput(
                    f"{name} is {seconds!r}.", hint="Give a time above zero, of 100000 days at most.", field=name
                )
        if self.originals is not None and (self.then != "distil" or self.keep is None):
            raise InvalidInput(
                "`originals` is given, but nothing is distilled.", hint="Give then=distil and keep.", field="originals"
            )
        for name, text, longest in (("label", self.label, 400), ("source", self.source, 400)):
            if text is not None and not 1 <= len(text) <= longest:
                raise InvalidInput(f"The {name} has {len(text)} characters.", hint=f"Give 1 to {longest}.", field=name)
        if len(self.reason) > 1000:
            raise InvalidInput("The reason is too long.", hint="Give 1000 characters at most.", field="reason")
        return self if self.scope is None else replace(self, scope=check_scope(self.scope))


@dataclass(frozen=True, slots=True)
class RetentionCount:
    """What one rule did to items of one kind in a run."""

    rule: str
    kind: RetentionKind
    then: ItemAction
    planned: int
    removed: int = 0
    distilled: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True)
class RetentionItem:
    """An item that a run takes, by which rule, and what became of it.

    In dry runs, `with_texts` marks what goes since it was extracted from texts that go, and from nothing else.
    """

    kind: RetentionKind
    item: int
    key: str  # Empty for a claim, and for a relationship without a key.
    scope: str
    rule: str
    then: ItemAction
    since: str | None  # From when on its time was counted.
    state: ItemState = "planned"
    run: int = 0
    at: str | None = None
    why: str | None = None  # Why it was kept.
    with_texts: bool = False


@dataclass(frozen=True, slots=True)
class RetentionRun:
    """A run: what it removes of which kinds by which rules, and what legal holds keep."""

    id: int  # 0: a dry run, which is not stored.
    state: RunState
    trigger: Trigger
    by: str
    at: str  # What is due at that time goes.
    limit: int
    more: bool  # More was due than the limit.
    counts: Sequence[RetentionCount] = ()
    on_hold: Mapping[str, int] = field(default_factory=dict)  # By rule: due, and kept by a legal hold.
    effects: Mapping[str, int] = field(default_factory=dict)  # What went with texts, by kind.
    finished_at: str | None = None
    problem: str | None = None
    dry_run: bool = False
    items: Sequence[RetentionItem] = ()  # Of a dry run, as many as were requested.

    @property
    def planned(self) -> int:
        """How many items it takes."""
        return sum(each.planned for each in self.counts)

    @property
    def done(self) -> int:
        """How many of these were removed, distilled or kept."""
        return sum(each.removed + each.distilled + each.kept for each in self.counts)


@dataclass(frozen=True, slots=True)
class RetentionBatch:
    """Items of one kind, scope and action that a run takes next: ids of rows, ids of items, and keys."""

    kind: RetentionKind
    scope: str
    then: ItemAction
    rows: Mapping[int, int]  # The row of each item.
    keys: Mapping[int, str]
    resumed: frozenset[int] = frozenset()  # Items that an executor had begun to remove.


class RetentionStore(Protocol):
    """The rules of graphs, runs, and what they removed."""

    lease: float  # Seconds for which the executor of a run may be silent.

    async def put_rule(self, graph: str, rule: RetentionRule) -> RetentionRule:
        """Store a rule. Raises Conflict where another one is about the same, InvalidInput where there are too many."""

    async def delete_rule(self, graph: str, name: str) -> bool:
        """Delete a rule; returns whether there was one."""

    async def rules(self, graph: str, name: str | None = None) -> Sequence[RetentionRule]:
        """Return the rules, or the one of a name, in the order in which they decide."""

    async def dry_run(self, graph: str, by: str, limit: int, listed: int) -> RetentionRun:
        """Return what a run would take now, and list so many of it; nothing is stored."""

    async def add_run(self, graph: str, trigger: Trigger, by: str, limit: int) -> int:
        """Store a run; returns its id. Raises Conflict where one is not finished."""

    async def unfinished(self, graph: str) -> int | None:
        """Return the run that is not finished."""

    async def is_due(self, graph: str, every: float) -> bool:
        """Return whether a run waits for an executor, or a new one is due."""

    async def take(self, graph: str, run: int, holder: int) -> bool:
        """Take a run, or show that it goes on; False where another executor has it, or it is finished."""

    async def release(self, graph: str, run: int, holder: int) -> None:
        """Release a run, so that others may take it."""

    async def fill(self, graph: str, run: int) -> None:
        """Note what a run takes, all in one transaction; nothing where that is done."""

    async def batch(self, graph: str, run: int, kind: RetentionKind, most: int) -> RetentionBatch | None:
        """Return the next items of a kind; None: there are no more."""

    async def still_due(self, graph: str, run: int, batch: RetentionBatch) -> Sequence[int]:
        """Return the items of a batch that are due and not on hold now, in their planned version."""

    async def existing(self, graph: str, kind: RetentionKind, items: Sequence[int]) -> Sequence[int]:
        """Return those of these items that exist."""

    async def distilled(self, graph: str, items: Sequence[int]) -> Sequence[int]:
        """Return those of these texts that are distilled."""

    async def cited_originals(self, graph: str, items: Sequence[int]) -> Sequence[tuple[int, str, int, int]]:
        """Return the claims that cite the groups of these originals: id, the text that stands for it, and where."""

    async def hand_over(self, graph: str, items: Sequence[int], claims: Mapping[int, int]) -> None:
        """Make what these originals and their groups state rest on their distilled texts, for good."""

    async def is_final(self, graph: str, run: int) -> bool:
        """Return whether originals of a run of distillation are gone for good."""

    async def note(self, graph: str, rows: Sequence[int], state: ItemState, why: str | None = None) -> None:
        """Note what becomes of items."""

    async def add_effects(self, graph: str, run: int, effects: Mapping[str, int]) -> None:
        """Count what went with texts."""

    async def finish(self, graph: str, run: int, state: RunState, problem: str | None = None) -> None:
        """Note the end of a run."""

    async def get(self, graph: str, run: int) -> RetentionRun:
        """Return a run. Raises NotFound."""

    async def runs(self, graph: str, cursor: str | None, limit: int) -> Page[RetentionRun]:
        """Return a page of runs, the newest first."""

    async def items(
        self, graph: str, run: int | None, rule: str | None, cursor: str | None, limit: int
    ) -> Page[RetentionItem]:
        """Return a page of what runs took, the newest first."""
