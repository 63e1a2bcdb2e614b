"""Resolution: whether what is described is an entity that is known, how sure that is, and what is merged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from kgmem.domain.graph.embedding import Vector
from kgmem.domain.graph.entity import Page

Decision = Literal["same", "candidate", "different"]

# Bounds on the evidence, a logarithm (natural) of odds. From 4 on, one in fifty would be wrong if the evidence of
# different values were independent; below 0 two entities are more likely different than the same.
SAME_FROM = 4.0
CANDIDATE_FROM = 0.0


@dataclass(frozen=True, slots=True)
class Described:
    """An entity as somebody describes it: names, type, values, and its neighbours.

    `values` are typed: numbers, truths, texts (ISO dates among them) or lists of these. `neighbours` name what the
    thing is related to; `place` is (lon, lat); `valid_from` and `valid_to` are ISO times; `text` describes it.
    """

    names: Sequence[str]
    label: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    neighbours: frozenset[str] = frozenset()
    place: tuple[float, float] | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    vector: Vector | None = None
    key: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Similarity:
    """How far two descriptions are of one thing: evidence as a logarithm of odds, and what each part adds to it."""

    evidence: float
    parts: Mapping[str, float] = field(default_factory=dict)
    vetoed: str | None = None  # What keeps two things from being taken for one without a person, whatever the rest.

    @property
    def decision(self) -> Decision:
        """Same, a candidate for review, or different."""
        if self.evidence >= SAME_FROM:
            return "candidate" if self.vetoed else "same"
        return "candidate" if self.evidence >= CANDIDATE_FROM else "different"


@dataclass(frozen=True, slots=True)
class Matched:
    """Two rows of tables that are, or may be, one entity: places in the left and the right table."""

    left: int
    right: int
    similarity: Similarity


@dataclass(frozen=True, slots=True)
class MatchedPair:
    """Two of many descriptions that may be of one thing: their places, and the evidence."""

    one: int
    other: int
    similarity: Similarity


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """What a person decided of a pair: how similar the two were (about 0 to 1), and whether they are one entity."""

    similarity: float
    same: bool


@dataclass(frozen=True, slots=True)
class NewMerge:
    """Two entities of one scope that are one: which stays, which goes, who says so and why."""

    keep: str
    gone: str
    by: str
    reason: str
    scope: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge as it is recorded: what it did, and whether it was undone.

    `moved` counts relationships that lead to the kept entity now, `doubled` those that it had already, `dropped` those
    between the two. `filled` are properties that the kept entity did not have; `contested` are those of which both
    values are kept as claims; `aliases` the names that it is known by besides. `id` is None of a dry run.
    """

    id: int | None
    kept: str
    gone: str
    scope: str
    by: str
    reason: str
    moved: int
    doubled: int
    dropped: int
    aliases: Sequence[str]
    filled: Sequence[str]
    contested: Mapping[str, Any]
    at: str | None = None
    undone_at: str | None = None
    undone_by: str | None = None
    undone_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A merge candidate: two stored entities that may be the same; `one` is the key that sorts first."""

    one: str
    other: str
    evidence: float
    parts: Mapping[str, float]
    vetoed: str | None = None
    scope: str = ""
    id: int | None = None
    at: str | None = None

    @property
    def decision(self) -> Decision:
        """Whether the evidence takes the two for the same, or only for candidates."""
        return Similarity(self.evidence, self.parts, self.vetoed).decision


@dataclass(frozen=True, slots=True)
class Combined:
    """What two entities' stored properties come to as one."""

    stored: Mapping[str, Any]
    aliases: Sequence[str]
    filled: Sequence[str]
    contested: Mapping[str, Any]  # What the one that goes says otherwise.


# Names are put together; what consensus came to is told again.
_NAMING = ("key", "scope", "name", "aliases", "labels", "consensus")
_TIMES = ("valid_from", "valid_to")


def combined(kept: Mapping[str, Any], gone: Mapping[str, Any]) -> Combined:
    """Return the properties of an entity that takes another in: it keeps what it says, and gains what it did not.

    The names of the other become aliases. Of times both ends are one statement, so they are gained together.
    """
    aliases = _aliases(kept, gone)
    after = {**kept, **({"aliases": aliases} if aliases else {})}
    further = [label for stored in (kept, gone) for label in stored.get("labels") or []]
    if further:
        after["labels"] = list(dict.fromkeys(further))
    if not kept.get("name") and gone.get("name"):
        after["name"] = gone["name"]
    timed = any(kept.get(name) is not None for name in _TIMES)
    filled, contested = [], {}
    for name, value in gone.items():
        if name in _NAMING or value is None or (timed and name in _TIMES):
            continue
        if kept.get(name) is None:
            after[name] = value
            filled.append(name)
        elif kept[name] != value and name not in ("text", "place", "source"):
            contested[name] = value
    held = set(_texts(kept.get("aliases")))
    return Combined(after, [name for name in aliases if name not in held], filled, contested)


def _aliases(kept: Mapping[str, Any], gone: Mapping[str, Any]) -> list[str]:
    called = gone.get("name") or gone.get("key")
    every = [*_texts(kept.get("aliases")), *_texts(called), *_texts(gone.get("aliases"))]
    own = kept.get("name") or gone.get("name")
    return [name for name in dict.fromkeys(every) if name != own]


def _texts(value: Any) -> list[str]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str) and each.strip()]


def pair(one: str, other: str) -> tuple[str, str]:
    """Return two keys in the order in which the review list has them."""
    return (one, other) if one <= other else (other, one)


class MergeStore(Protocol):
    """Merges of entities, and the pairs that may be one; each write is one transaction."""

    async def merge(self, graph: str, asked: NewMerge) -> Merge:
        """Merge one entity into another of the same scope, or, dry, only say what it would do."""

    async def undo(self, graph: str, id_: int, by: str, reason: str, scope: str) -> Merge:
        """Undo a merge: the entity that went is there again, with what led to it."""

    async def merges(self, graph: str, scope: str, before: int | None, limit: int) -> Sequence[Merge]:
        """Return the merges that a scope sees, the newest first."""

    async def put_candidates(self, graph: str, candidates: Sequence[Candidate], scope: str) -> int:
        """Put pairs on the review list, but those that a person has decided; returns how many are there."""

    async def candidates(self, graph: str, scope: str, cursor: str | None, limit: int) -> Page[Candidate]:
        """Return a page of the pairs that wait for a decision, the likeliest first."""

    async def judged(self, graph: str, scope: str) -> Sequence[JudgedPair]:
        """Return what reviewers decided of pairs in this scope only whose similarity is known, the newest first."""

    async def settle(self, graph: str, id_: int, by: str, reason: str, scope: str) -> Candidate:
        """Mark a pair as distinct, for good. Raises NotFound."""


@dataclass(frozen=True, slots=True)
class Alike:
    """An existing entity that may be the one described: its key and label, and the evidence."""

    key: str
    label: str
    similarity: Similarity


@dataclass(frozen=True, slots=True)
class Resolved:
    """Whether something described is known: `key` of the entity that it is, or candidates where that is not sure."""

    decision: Decision
    key: str | None = None
    candidates: Sequence[Alike] = ()


@dataclass(frozen=True, slots=True)
class LookedUp:
    """Existing entities under names like those described, for each; and how common words are among names."""

    found: Sequence[Sequence[Described]]
    common: Mapping[str, float]  # By word: the share of names that have it; what is missing is rare.
    count: int


class NameIndex(Protocol):
    """Finds stored entities by their names, whole or in part."""

    async def look_up(self, graph: str, described: Sequence[Described], scope: str, limit: int) -> LookedUp:
        """Return for each what the scope sees that may be it: by key, name, alias, rare words, trigrams, vector."""

    async def describe(self, graph: str, keys: Sequence[str], scope: str) -> Sequence[Described]:
        """Return descriptions of stored entities in this scope only; deleted ones are missing."""


class Comparer(Protocol):
    """Compares descriptions: two by documented evidence, or many by what their nearness shows."""

    @property
    def least_records(self) -> int:
        """The least number of descriptions from which a cut is chosen."""

    def similarity(self, asked: Described, held: Described, looked_up: LookedUp) -> Similarity:
        """Return how far two descriptions are of one thing."""

    def dedupe(
        self, described: Sequence[Described], may_be_one: Callable[[int, int], bool], judged: Sequence[JudgedPair]
    ) -> Sequence[MatchedPair]:
        """Return the near pairs of one collection, the most similar first; evidence from SAME_FROM on is the same."""

    def link(
        self,
        asked: Sequence[Described],
        held: Sequence[Described],
        pairs: Sequence[tuple[int, int]],
        judged: Sequence[JudgedPair],
    ) -> Sequence[MatchedPair]:
        """Return the evidence of pairs of descriptions and entities (places in both), the most similar first."""
