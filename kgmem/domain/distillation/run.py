"""Runs of distillation: what is requested, what was planned, what became of it, and allowances that start it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from kgmem.domain.distillation.material import Original
from kgmem.domain.distillation.probes import Probe, Score
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.scope import check_scope

DISTILLED_FROM: Final = "DISTILLED_FROM"
MOST_EPISODES: Final = 2000  # Of one run; what is left is for the next one.
SHARE: Final = 0.3  # Of the tokens of a group, that its distilled text has where its facts need no more.
WORTH_IT: Final = 0.85  # A distilled text of more tokens than this share would save too little.
FULL_AT: Final = 0.8  # Share of an allowance at which distillation starts.
EMPTIED_TO: Final = 0.6  # Share of an allowance that a run aims at.

Trigger = Literal["operator", "allowance", "age", "session", "retention", "emergency", "stale"]
# waiting: for approval. stored: as the episodes are written and the originals are not yet moved. dropped: it kept too
# little, so that its originals came back.
GroupState = Literal[
    "planned", "waiting", "measured", "stored", "moved", "done", "stale", "dropped", "rolled_back", "undone", "kept"
]
RunState = Literal["planned", "waiting", "running", "done", "rolled_back", "undone"]


@dataclass(frozen=True, slots=True)
class DistilSettings:
    """What the operator of a server sets: the threshold of runs, and when memory and disk are short."""

    threshold: float = 0.98
    wording: bool = True  # Let the extractor's model word distilled texts.
    disk: float = 0.9  # Share of the disk of the data folder in use, above which the least used scopes are distilled.
    memory: float = 0.9  # The same of the memory.
    database: int | None = None  # Bytes of the database, above which it is done.
    folder: str = ""  # The data folder.


@dataclass(frozen=True, slots=True)
class DistilRequest:
    """What to distil: episodes of one scope, and how far."""

    scope: str = ""
    episodes: Sequence[str] | None = None  # Keys; None: all that are not distilled yet, the oldest first.
    older_than: float | None = None  # Seconds since they were written.
    session: str | None = None
    share: float = SHARE
    limit: int = MOST_EPISODES
    reason: Trigger = "operator"
    extract: bool = True  # Extract first from texts that were not extracted.

    @property
    def is_automatic(self) -> bool:
        """Whether nobody requested it: then what was tried before is left alone."""
        return self.reason != "operator"

    def checked(self) -> "DistilRequest":
        """Return itself where all of it is valid. Raises InvalidInput."""
        check_scope(self.scope)
        if not 0.05 <= self.share <= 0.8:
            raise InvalidInput(f"share is {self.share!r}.", hint="Give a number from 0.05 to 0.8.", field="share")
        if not 1 <= self.limit <= MOST_EPISODES:
            raise InvalidInput(f"limit is {self.limit!r}.", hint=f"Give 1 to {MOST_EPISODES:,}.", field="limit")
        if self.older_than is not None and self.older_than < 0:
            raise InvalidInput("older_than is negative.", hint="Give seconds, or 30d.", field="older_than")
        if self.episodes is not None and not 1 <= len(self.episodes) <= MOST_EPISODES:
            raise InvalidInput(
                f"{len(self.episodes)} episodes were given.",
                hint=f"Give 1 to {MOST_EPISODES:,} keys.",
                field="episodes",
            )
        return self


@dataclass(frozen=True, slots=True)
class DistilSentence:
    """A sentence of a distilled text, the keys of the texts that say it, and how many facts it carries."""

    text: str
    episodes: Sequence[str]
    facts: int = 0


@dataclass(frozen=True, slots=True)
class DistilGroup:
    """Texts that become one: what represents them, what that saves, and what was found of them again."""

    number: int
    state: GroupState
    episodes: Sequence[str]  # Keys of the originals, in order.
    distilled: str | None  # The key of the distilled text.
    tokens_before: int
    tokens_after: int
    facts: int = 0
    critical: bool = False
    had: int = 0
    kept: int = 0
    maker: str = "rules"
    problem: str | None = None
    text: str | None = None  # In plans: what would be written.
    sentences: Sequence[DistilSentence] = ()
    lost: Sequence[Mapping[str, str]] = ()
    stale: bool = False  # A text of it or one of its facts has changed since.


@dataclass(frozen=True, slots=True)
class DistilRun:
    """A run: its groups, and over all of them what it saved and what it kept."""

    id: int  # 0: of a plan that was not stored.
    scope: str
    state: RunState
    trigger: Trigger
    share: float
    threshold: float
    episodes: int  # Without those of groups that were dropped or kept; so are tokens, bytes, had and kept.
    groups: Sequence[DistilGroup] = ()
    tokens_before: int = 0
    tokens_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    had: int = 0
    kept: int = 0
    started_at: str | None = None
    finished_at: str | None = None
    problem: str | None = None
    skipped: Mapping[str, int] = field(default_factory=dict)  # Why texts stay as they are: how many.
    by: str | None = None  # Who approved, rejected or undid it.
    stale: int = 0  # Groups of which an original or a fact has changed since.
    dropped: int = 0  # Texts of groups that kept too little, and stay as they were.
    missing: Sequence[str] = ()  # Of an undo: originals that are gone.
    dry_run: bool = False

    @property
    def score(self) -> float:
        """The share of what was recalled before that is recalled still."""
        return Score(self.had, self.kept).share

    @property
    def ratio(self) -> float:
        """How many tokens one token stands for."""
        return self.tokens_before / self.tokens_after if self.tokens_after else 1.0


@dataclass(frozen=True, slots=True)
class NewGroup:
    """A group as it is planned: its texts, the key that its distilled text gets, and figures."""

    originals: Sequence[Original]
    key: str
    tokens_before: int
    tokens_after: int
    facts: int
    critical: bool
    digest: int
    left: bool = False  # It would save too little: it is only noted, so that no job plans it again and again.


@dataclass(frozen=True, slots=True)
class OpenGroup:
    """A group of a run that goes on: its state and the ids of its texts with the versions that were planned."""

    run: int
    number: int
    state: GroupState
    key: str
    item: int | None
    members: Mapping[int, int]
    tiers: Mapping[int, int]
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a scope may have of texts that are not cold, and when they are distilled by themselves.

    Above 80 % of `items` or `tokens` the oldest texts are distilled until it has about 60 %.
    """

    scope: str = ""
    items: int | None = None
    tokens: int | None = None
    older_than: float | None = None  # Seconds.
    closed_sessions: bool = False
    used_items: int | None = None
    used_tokens: int | None = None

    def checked(self) -> "Allowance":
        """Return itself where all of it is valid. Raises InvalidInput."""
        check_scope(self.scope)
        for name in ("items", "tokens"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not 1 <= value < 2**53):
                raise InvalidInput(f"{name} is {value!r}.", hint="Give a whole number of at least 1.", field=name)
        if self.older_than is not None and not 60 <= self.older_than < 2**40:
            raise InvalidInput(
                f"older_than is {self.older_than!r}.", hint="Give at least a minute, such as 30d.", field="older_than"
            )
        if self.items is self.tokens is self.older_than is None and not self.closed_sessions:
            raise InvalidInput(
                "An allowance without limits does nothing.",
                hint="Give items, tokens, older_than or closed_sessions; or delete the allowance.",
                field="items",
            )
        return self

    def fullness(self) -> float:
        """Return the larger share of items and tokens that is used."""
        shares = [
            used / most
            for used, most in ((self.used_items, self.items), (self.used_tokens, self.tokens))
            if used is not None and most
        ]
        return max(shares, default=0.0)

    def with_usage(self, items: int, tokens: int) -> "Allowance":
        """Return it with what the scope has."""
        return replace(self, used_items=items, used_tokens=tokens)


@dataclass(frozen=True, slots=True)
class MeasuredProbe:
    """A question of a group as it is stored: what was found before the texts were distilled."""

    id: int
    probe: Probe
    before: Sequence[bool]


def tokens_of_bytes(size: int) -> int:
    """Return about how many tokens a text of so many bytes has."""
    return size // 4
