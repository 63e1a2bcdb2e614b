"""What sources claim of facts, and what is made of it: trust, probability, state.

Words for the mathematics in `kgmem.consensus`; what the store holds of it stands in `claim` and `held_fact`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from kgmem.domain.claims.claim import PRIOR_TRUST
from kgmem.domain.time.interval import ALWAYS, Interval

__all__ = [
    "PRIOR_TRUST",
    "SUCCESSION",
    "VERIFIED",
    "YOUNG_TRUST",
    "Alternative",
    "Claim",
    "ClaimedSource",
    "ClaimedValue",
    "Consensus",
    "Copying",
    "FactState",
    "KnownSources",
    "Method",
    "Policy",
    "Reporting",
    "Setting",
    "Standing",
    "ValueKind",
    "ValueRule",
    "Verdict",
    "Weighed",
    "groups_of",
]

SUCCESSION = 0.5  # The trust from which a lone later claim ends what began earlier, unless a rule sets another.
YOUNG_TRUST = 0.4  # At most so far is a source without history trusted whose key was made lately.
VERIFIED = 0.7  # The probability from which a fact is verified, unless the graph sets another.


class ValueKind(StrEnum):
    """What a claimed value is, which decides when two are the same and how far they are apart."""

    CATEGORY = "category"
    SET = "set"
    NUMBER = "number"
    DATE = "date"
    TEXT = "text"
    PLACE = "place"


class FactState(StrEnum):
    """The state of a fact."""

    VERIFIED = "verified"
    CONTESTED = "contested"
    UNVERIFIED = "unverified"
    SUPERSEDED = "superseded"
    INVALIDATED = "invalidated"


class Method(StrEnum):
    """How claims are weighed; AUTO looks at their shape and says why it picked what it did."""

    AUTO = "auto"
    MAJORITY = "majority"
    SUMS = "sums"
    AVERAGE_LOG = "average_log"
    INVESTMENT = "investment"
    POOLED_INVESTMENT = "pooled_investment"
    TRUTH_FINDER = "truth_finder"
    ACCU = "accu"
    ACCU_SIM = "accu_sim"
    CRH = "crh"
    CATD = "catd"
    LTM = "ltm"
    DAWID_SKENE = "dawid_skene"


class Policy(StrEnum):
    """Who decides between values that compete."""

    TRUST = "trust"  # The weight of sources.
    RECENCY = "recency"  # What became valid last; of what has no time, what was said last.
    MAJORITY = "majority"  # The number of independent sources.
    MANUAL = "manual"  # A person; until then it stays open.


@dataclass(frozen=True, slots=True)
class ValueRule:
    """How a predicate's values are read and compared: what a graph schema may declare of it."""

    kind: ValueKind | None = None  # None: told by the value itself.
    functional: bool = True  # One value at a time; else values do not compete (a SET is one value).
    unit: str | None = None  # Numbers without a unit are in this one; others are converted to it.
    tolerance: float = 0.0  # How far apart two numbers (in the unit), dates (days) or places (km) may be and be one.
    relative: float = 0.0  # The same, as a share of the larger of two numbers.
    fold: bool = True  # Letter case, accents, punctuation and spaces make no difference to texts.
    names: bool = False  # The parts of a set are names of people: "Knuth, Donald E." is "D. Knuth".
    critical: bool = False  # Contested values are for people to decide.
    method: Method = Method.AUTO
    domain: str | None = None  # Predicates of one domain share the trust that is learned for it.
    policy: Policy = Policy.TRUST
    verified: float = VERIFIED
    succession: float = SUCCESSION  # So far must a lone later claim be trusted to end what began earlier.
    half_life: int | None = None  # Microseconds after which a claim counts half; None: claims do not age.
    held_in: tuple[str, ...] = ()  # Properties of a relationship that hold what is claimed of it.


@dataclass(frozen=True, slots=True)
class Claim:
    """One source's statement of one value of one fact. A value is anything JSON has; `object` names an entity."""

    source: str
    subject: str
    predicate: str
    value: Any = None
    object: str | None = None
    valid: Interval = ALWAYS
    confidence: float = 1.0
    episode: str | None = None
    span: tuple[int, int] | None = None
    id: int | None = None
    known: int | None = None  # When it became known, as an instant; a source's newer claim replaces its older one.
    label: bool | None = None  # What a person decided of its value: accepted, rejected, or nothing.
    derived: bool = False  # It repeats what another states: no support for what somebody states by himself.


@dataclass(frozen=True, slots=True)
class ClaimedSource:
    """What is known of a source before its claims are weighed: how far it is trusted, and whose mirror it is."""

    key: str
    prior: float = PRIOR_TRUST
    parent: str | None = None
    record: int = 0  # Claims of it that others checked, when all claims were resolved last.
    sent_by: str | None = None  # The API key by which its first claims came, unless it is an admin's.
    young: bool = False  # That key was made lately.


@dataclass(frozen=True, slots=True)
class ClaimedValue:
    """A value as it is compared: values with the same key are the same."""

    kind: ValueKind
    key: str
    shown: Any
    number: float | None = None
    parts: tuple[str, ...] = ()  # Of a set: the keys of its parts, and each as it was written.
    written: tuple[str, ...] = ()
    place: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """One value of a fact: how probable it is, and who claims it. `independent` counts copies as one."""

    value: Any
    probability: float
    sources: Sequence[str]
    independent: float
    claims: Sequence[int] = ()  # Places of its claims among those that were weighed.


@dataclass(frozen=True, slots=True)
class Copying:
    """Two sources that agree more than two that know nothing of each other would."""

    one: str
    other: str
    probability: float
    shared: int  # Facts that both speak of.


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a source is trusted, after `claims` of its claims, `checked` of them by others; and where it differs."""

    source: str
    trust: float
    prior: float
    claims: int
    checked: int
    by_domain: Mapping[str, float] = field(default_factory=dict)
    decided: int = 0  # Claims on what reviewers decided, and those of them that these found right.
    accepted: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the claims of one fact come to. `value` is a tuple where several are true at once."""

    subject: str
    predicate: str
    valid: Interval
    value: Any
    probability: float
    trust: float  # Of the value's sources: that at least one of the independent ones is right, taken by itself.
    supporting: float  # Independent sources for the value and against it.
    opposing: float
    state: FactState
    alternatives: Sequence[Alternative]
    method: Method
    reason: str
    chosen: Sequence[Alternative] = ()  # The value, or the values that are true at once, as alternatives are told.


@dataclass(frozen=True, slots=True)
class Setting:
    """The parameters by which the claims on a predicate were resolved; resolving one fact alone needs them."""

    method: Method = Method.ACCU
    reason: str = "There are too few claims to learn how reliable the sources are: each counts by its trust."
    wrong: float = 10.0  # How many wrong values there are to choose from.
    similarity: float = 0.1  # How alike the errors of sources on one fact are.


@dataclass(frozen=True, slots=True)
class Reporting:
    """How a source tells of changes: of which share of those that others tell of, and how long after in the mean."""

    rate: float
    delay: float  # Microseconds.


@dataclass(frozen=True, slots=True)
class KnownSources:
    """What is known of sources when a fact is weighed alone."""

    trust: Mapping[str, float]
    houses: Mapping[str, str] = field(default_factory=dict)  # Of an outlet: the source that speaks through it.
    copies: Sequence[frozenset[str]] = ()  # Sets of sources that share one voice for the same value.
    reports: Mapping[str, Reporting] = field(default_factory=dict)
    now: int | None = None  # The instant up to which claims age; None: they do not.
    new: frozenset[str] = frozenset()  # Sources without history in a graph where others have one: they share one voice.
    keys: Mapping[str, str] = field(default_factory=dict)  # Of sources without history: the key, which is one voice.

    def voice(self, source: str) -> str | None:
        """Return the voice that a source without history shares with others; None for one that has its own."""
        return self.keys.get(source, "" if source in self.new else None)


@dataclass(frozen=True, slots=True)
class Weighed:
    """The verdicts on all facts, the standing of all sources, and the copies found."""

    verdicts: Sequence[Verdict]
    sources: Sequence[Standing]
    copies: Sequence[Copying]
    reasons: Mapping[str, str]  # Why each method was picked, by predicate or domain.
    settings: Mapping[str, Setting] = field(default_factory=dict)  # By predicate.
    reports: Mapping[str, Reporting] = field(default_factory=dict)  # By source; of those that changes are known of.


def groups_of(pairs: Iterable[tuple[str, str]]) -> list[frozenset[str]]:
    """Return the sets of what is joined by pairs, directly or by way of others."""
    groups: dict[str, set[str]] = {}
    for one, other in pairs:
        whole = groups.get(one, {one}) | groups.get(other, {other})
        groups |= dict.fromkeys(whole, whole)
    return [frozenset(group) for group in {id(each): each for each in groups.values()}.values()]


class Consensus(Protocol):
    """Resolves claims that contradict each other."""

    def weigh(
        self,
        claims: Sequence[Claim],
        *,
        sources: Sequence[ClaimedSource] = (),
        rules: Mapping[str, ValueRule] | None = None,
        verified: float = VERIFIED,
        now: int | None = None,
    ) -> Weighed:
        """Return what the claims come to; `rules` go by predicate, and claims age up to `now`, an instant."""

    def again(
        self, claims: Sequence[Claim], known: KnownSources, rule: ValueRule, setting: Setting
    ) -> Sequence[Verdict]:
        """Return the verdicts on the claims of one subject and predicate, by what is known of their sources."""
