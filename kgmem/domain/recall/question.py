"""Questions: the five parts of a recall. Every part is optional; at least one must be set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, Literal, get_args

from kgmem.domain.fields import FRACTION, Field
from kgmem.domain.graph.embedding import Vector
from kgmem.domain.graph.tier import Tier
from kgmem.domain.time.interval import Allen

Fusion = Literal["convex", "rrf"]
HitKind = Literal["entity", "fact", "episode", "path"]
Mode = Literal["must", "should"]  # A part that filters, and one that ranks.
Part = Literal["where", "when", "why", "graph"]
# Past is what ended by itself, superseded what a later statement of a one-valued kind replaced.
TimeState = Literal["current", "past", "superseded", "not_yet_valid"]
# In time; and of facts, what consensus makes of them.
State = Literal[TimeState, "verified", "contested", "unverified", "invalidated"]
TIME_STATES: frozenset[State] = frozenset(get_args(TimeState))
DEFAULT_WEIGHT: Final = 1.0  # Of a retriever for which a question gives none. `trust` only runs with one.
MOST_HITS: Final = 1000  # Of one answer, and of all pages of a question.


@dataclass(frozen=True, slots=True)
class What:
    """Text, vector, labels, kinds and properties of the hits."""

    text: str | None = None
    vector: Vector | None = None
    labels: Sequence[str] = ()
    kinds: Sequence[HitKind] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)  # A value, or {"gte": 5, "lt": 9} and the like.
    start: Sequence[str] = ()  # Keys of entities that graph expansion starts from.
    sources: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Spot:
    """A point on the earth: its own (longitude, latitude in degrees), or that of an entity."""

    point: tuple[float, float] | None = None
    entity: str | None = None  # A key.


@dataclass(frozen=True, slots=True)
class Where:
    """Places: regions that contain the hits, and a point to rank by distance (haversine on the mean sphere, in km)."""

    near: Spot | None = None
    km: float | None = None  # From `near`; None: any distance, so that it only ranks.
    nearest: int | None = None  # Only so many, the nearest to `near` of what meets all else.
    box: tuple[float, float, float, float] | None = None  # West, south, east, north; west > east crosses 180 degrees.
    within: Mapping[str, Any] | None = None  # A GeoJSON Polygon or MultiPolygon.
    place: str | None = None  # Key of an entity: what is located in it, through others too, or lies in its geometry.
    half_km: float | None = None  # The distance at which closeness has fallen to a half.


@dataclass(frozen=True, slots=True)
class Relation:
    """An Allen relation of the valid time of the hits to an interval: its ends, or that of an entity."""

    name: Allen
    of: tuple[str | None, str | None] | None = None
    entity: str | None = None  # A key.


@dataclass(frozen=True, slots=True)
class When:
    """Times: valid time (when it was true in the world), and system time (as of when kgmem knew it)."""

    valid_at: str | None = None
    between: tuple[str | None, str | None] | None = None
    any_time: bool = False  # Whatever its time; the default is what is current or past.
    relation: Relation | None = None
    known_at: str | None = None  # As kgmem knew it then: nothing that it learned later plays any part.
    half_life_days: float | None = None  # Ranks the recent above the old: after so many days by a half.
    in_text: bool = False  # Understand times in what.text, such as "in spring 1969".


@dataclass(frozen=True, slots=True)
class Why:
    """Causes and effects: relationships of causal kinds, in their direction."""

    causes_of: Sequence[str] = ()  # Keys; of several: what is a cause of each of them.
    effects_of: Sequence[str] = ()
    start: str | None = None  # With `end`: paths from one to the other; "from" and "to" on the wire.
    end: str | None = None
    depth: int = 5
    min_strength: float = 0.0  # Of a whole path: the product of the strengths along it.
    any_order: bool = False  # Also where a cause is told to have begun after its effect.


@dataclass(frozen=True, slots=True)
class Hops:
    """A neighbourhood: everything within so many relationships."""

    start: Sequence[str]  # Keys; "from" on the wire.
    most: int  # "max" on the wire.
    kinds: Sequence[str] = ()  # Of relationships; none: any.
    direction: Literal["out", "in", "both"] = "both"


@dataclass(frozen=True, slots=True)
class Links:
    """The graph around the matches: expansion that ranks, and a neighbourhood that filters."""

    # Personalized PageRank from what the other retrievers find, and from what.start; None: where no passage has the
    # question's words.
    expand: bool | None = None
    hops: Hops | None = None
    # Ranks episodes also by what else is found of what was said around them; None: where the hits belong to sessions.
    context: bool | None = None


@dataclass(frozen=True, slots=True)
class Superposed:
    """How an answer shows contested facts: as distributions, as samples of these, or decided by a rule."""

    rule: Annotated[Literal["distribution", "sample", "most_probable", "threshold", "margin"], Field("choice")] = (
        "distribution"
    )
    seed: Annotated[
        int, Field("integer", most=2**53, doc="Seed of the sampling: the same seed gives the same values.")
    ] = 0
    level: Annotated[float, replace(FRACTION, doc="The threshold or margin below which a fact stays undecided.")] = 0.7


@dataclass(frozen=True, slots=True)
class Question:
    """One recall request."""

    what: What = What()
    when: When = When()
    where: Where = Where()
    why: Why = Why()
    graph: Links = Links()
    scope: str = ""
    k: int = 20
    modes: Mapping[Part, Mode] = field(default_factory=dict)  # Must, unless given; what only ranks always should.
    fusion: Fusion | None = None  # None: the graph's setting, and convex where it has none.
    weights: Mapping[str, float] = field(default_factory=dict)  # Per retriever; DEFAULT_WEIGHT unless given.
    recipe: str | None = None  # A named setting of modes, weights and the like; what the question says itself counts.
    min_consensus: float | None = None  # The least trust in a hit, 0 to 1.
    min_score: float | None = None  # The least relevance of a hit to what.text, 0 to 1.
    states: Sequence[State] = ()  # None: current and past, or true at the time asked for; not invalidated.
    tiers: Sequence[Tier] = ()  # None: all.
    superposition: Superposed | None = None  # None: each hit for itself, whatever else is claimed.
    diversity: float = 0.0  # 0: by score alone; towards 1: unlike what stands above it (MMR).
    budget: int | None = None  # Tokens that the texts of the hits may take together.
    rerank: bool = False  # The best hits in the order of the reranker, where it answers in time.
    cursor: str | None = None  # Of an answer: go on behind its last hit.
    explain: bool = False
    profile: bool = False

    def weight(self, retriever: str) -> float:
        """Return the weight of a retriever; 0 disables it."""
        return self.weights.get(retriever, DEFAULT_WEIGHT)

    def mode(self, part: Part) -> Mode:
        """Return whether a part filters or ranks."""
        return self.modes.get(part, "must")


def asks_when(when: When) -> bool:
    """Return whether the times of a question rank, and not only filter."""
    return any(part is not None for part in (when.valid_at, when.between, when.relation, when.half_life_days))


# Every retriever (a ranked list that is fused), and whether a question asks it.
RETRIEVERS: Final[Mapping[str, Callable[[Question], bool]]] = {
    "meaning": lambda question: question.what.text is not None or question.what.vector is not None,
    "words": lambda question: question.what.text is not None,
    "listed": lambda question: question.what.text is None and question.what.vector is None,
    "where": lambda question: question.where != Where(),
    "when": lambda question: asks_when(question.when),
    "recency": lambda question: asks_when(question.when),
    "why": lambda question: question.why != Why(),
    "hops": lambda question: question.graph.hops is not None,
    "expansion": lambda question: bool(question.graph.expand),
    "context": lambda question: question.graph.context is True,
    "trust": lambda _: False,  # Values what the others find, where it has a weight.
}
# Those that only order or value what others find, so that they ask nothing by themselves.
_DEPENDENT: Final = frozenset({"listed", "expansion", "context", "trust"})


def retrievers_of(question: Question) -> frozenset[str]:
    """Return the names of the retrievers that a question uses."""
    return frozenset(name for name, asks in RETRIEVERS.items() if asks(question))


def asks_something(question: Question) -> bool:
    """Return whether a question is not empty."""
    what = question.what
    return bool(what.labels or what.sources or what.properties or what.start or retrievers_of(question) - _DEPENDENT)
