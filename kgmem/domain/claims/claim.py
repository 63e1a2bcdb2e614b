"""Sources, their claims, and the decisions of reviewers on facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from kgmem.domain.claims.echoes import check_origins
from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import (
    DERIVED_FROM,
    EXPIRES_AT,
    FRACTION,
    ID,
    KEY,
    LABEL,
    MOMENT,
    NAME,
    SCOPE,
    SOURCE,
    TTL,
    VALID_FROM,
    VALID_TO,
    Field,
)
from kgmem.domain.graph.scope import check_scope
from kgmem.domain.graph.statement import check_keys, check_labels
from kgmem.domain.time.interval import valid_interval

PRIOR_TRUST = 0.5


@dataclass(frozen=True, slots=True)
class Source:
    """A source of claims. A source that claims only name by its key has the prior trust, 0.5."""

    key: Annotated[str, replace(KEY, role="identity")]
    name: Annotated[str | None, NAME] = None
    kind: Annotated[str | None, NAME] = None
    trust: Annotated[float, FRACTION] = PRIOR_TRUST
    note: Annotated[str | None, NAME] = None
    parent: Annotated[
        str | None, replace(KEY, doc="The source that it is an outlet or mirror of: both count as one source.")
    ] = None
    domain: Annotated[str | None, replace(NAME, doc="The subject that it knows best.")] = None


MOST_CLAIMS = 10_000  # Of one batch.
Action = Literal[
    "accept", "reject", "defer", "collapse", "observe", "expire", "undo", "correlate", "withdraw", "source"
]
ACTIONS: tuple[Action, ...] = (
    "accept", "reject", "defer", "collapse", "observe", "expire", "undo", "correlate", "withdraw", "source",
)  # fmt: skip
LASTING = frozenset({"accept", "reject", "collapse", "observe", "expire"})  # What holds until it is undone.


@dataclass(frozen=True, slots=True)
class ClaimStatement:
    """One statement of one source: a relationship to `object`, or a value of a property (or of a relationship).

    With both, `value` belongs to the relationship to `object`: a figure, a date, a position. The same statement of the
    same source is one claim, however often it is sent.
    """

    source: Annotated[str, replace(SOURCE, role="identity")]
    subject: Annotated[str, replace(KEY, role="identity")]
    predicate: Annotated[str, replace(LABEL, role="identity")]
    object: Annotated[str | None, KEY] = None
    value: Annotated[
        Any, Field("json", doc="Any JSON value; an amount as a number, or as a text with its unit, such as 3 km.")
    ] = None
    valid_from: Annotated[str | None, VALID_FROM] = None
    valid_to: Annotated[str | None, VALID_TO] = None
    confidence: Annotated[float, FRACTION] = 1.0
    episode: Annotated[str | None, KEY] = None
    span: Annotated[tuple[int, int] | None, Field("span", doc="Where in the episode's text: [start, end].")] = None
    scope: Annotated[str, SCOPE] = ""
    derived_from: Annotated[Sequence[str], DERIVED_FROM] = ()
    id: Annotated[int | None, ID] = None
    known_from: Annotated[str | None, replace(MOMENT, always=True)] = None
    known_to: Annotated[str | None, MOMENT] = None
    relationship: Annotated[int | None, replace(ID, always=False)] = None  # As stored: the relationship that says it.
    expires_at: Annotated[str | None, EXPIRES_AT] = None  # Then it is withdrawn.
    ttl: Annotated[str | float | None, TTL] = None

    @property
    def about(self) -> str:
        """The other end of the relationship that a value belongs to; empty otherwise."""
        return self.object or "" if self.value is not None else ""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The result of a withdrawal: the number of claims, unknown ids, and the relationships (ids) deleted with them.

    With `dry_run` nothing was withdrawn; the counts are those of a real run.
    """

    withdrawn: int
    missing: Sequence[int]
    relationships: Sequence[int] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ClaimProvenance:
    """The episode (its id) that a claim was extracted from; `lasting`: the text states no end of it.

    `sentence` states the claim, and `known_from` is when the episode was stored; `named`: it names its speaker.
    """

    episode: int
    lasting: bool
    sentence: str = ""
    known_from: str | None = None
    named: bool = True
    derived_from: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """The result of a batch of claims: how many are new and how many existed, and their ids in the order given."""

    created: int
    unchanged: int
    ids: Sequence[int]
    facts: Sequence[int]  # Those that the claims speak of.


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a fact, with the ids of its claims."""

    value: Any
    probability: float
    sources: Sequence[str]
    independent: float
    claims: Sequence[int]
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class StoredFact:
    """A fact by consensus: the most probable value, its state, and all claimed values.

    `probability` is that of the value, 0 to 1; `options` contains every value with its own probability, that one
    included.
    """

    id: int
    scope: str
    subject: str
    predicate: str
    about: str
    value: Any
    state: str
    probability: float
    trust: float
    supporting: float
    opposing: float
    method: str
    reason: str
    options: Sequence[Option]
    valid_from: str | None
    valid_to: str | None
    known_from: str
    adjudication: "Decision | None" = None
    relationships: Sequence[int] = ()
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """An entry of the audit trail: what a reviewer, a rule or an observation decided."""

    id: int
    action: str
    by: str
    reason: str
    at: str
    scope: str = ""
    fact: int | None = None
    subject: str | None = None
    predicate: str | None = None
    value: Any = None
    claims: Sequence[int] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
    ended: str | None = None
    ended_by: int | None = None


@dataclass(frozen=True, slots=True)
class NewAdjudication:
    """A decision to make: facts, action, value, by whom and why."""

    action: Action
    facts: Sequence[int]
    by: str
    reason: str
    value: Any = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Adjudication:
    """The effect of a decision on one fact: its value and state before and after."""

    fact: int
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    adjudication: int | None = None  # None: nothing was written, since it was a dry run.


@dataclass(frozen=True, slots=True)
class FactTarget:
    """The fact that a correction is about: by its id (or that of a relationship), or by its content.

    Without an object and a value it is the fact with the current value.
    """

    fact: int | None = None
    subject: str | None = None
    predicate: str | None = None
    object: str | None = None
    value: Any = None


@dataclass(frozen=True, slots=True)
class Correction:
    """The result of a correction: the fact before and after, and with `correct` the fact that replaces it.

    A relationship without claims has no `adjudication`: it is deleted or ended, and the audit trail says why.
    """

    action: str
    fact: int
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    adjudication: int | None = None
    replaced_by: int | None = None


@dataclass(frozen=True, slots=True)
class SourceStanding:
    """The reliability of a source in a scope, the reasons, and its earlier values.

    `reported_changes` is its share of the changes that others report, `reporting_delay` the seconds after which changes
    are reported in the mean; both are None where no change is known that it could have reported. `keys` are the API
    keys by which its claims came, the first one first: `id`, `name` (None for a key that this server does not know),
    `first_seen`.
    """

    source: str
    trust: float
    prior: float
    claims: int
    checked: int
    domains: Mapping[str, float]
    reason: str
    known_from: str | None
    parent: str | None = None
    domain: str | None = None
    reported_changes: float | None = None
    reporting_delay: float | None = None
    copies: Sequence[Mapping[str, Any]] = ()
    history: Sequence[Mapping[str, Any]] = ()
    keys: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class FactFilter:
    """Filter of a list of facts: all conditions that are set must hold; without `known_at`, as of now.

    `subject` is the key of an entity, `predicate` a kind of relationship or a property, `limit` the size of a page.
    `valid_at` (ISO 8601) selects what is valid at that moment in the world: the start of a year, month or day.
    """

    scope: str = ""
    subject: str | None = None
    predicate: str | None = None
    states: Sequence[str] = ()
    known_at: str | None = None
    valid_at: str | None = None
    cursor: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class ClaimFilter:
    """Filter of a list of claims: all conditions that are set must hold; without `known_at`, as of now.

    `subject` is the key of an entity, `predicate` a kind of relationship or a property, `source` the key of a source.
    """

    scope: str = ""
    subject: str | None = None
    predicate: str | None = None
    source: str | None = None
    withdrawn: bool = False  # Those too that were taken back.
    known_at: str | None = None
    cursor: str | None = None
    limit: int = 100
    derived: bool = False  # Only those that repeat what another states.


@dataclass(frozen=True, slots=True)
class Correlated:
    """A correlation: facts whose values exclude or imply each other, or are true only together."""

    kind: Literal["exclusion", "implication", "same_origin"]
    facts: Sequence[int]
    values: Sequence[Any]  # Of each fact, the value that is meant.
    reason: str
    by: str
    strength: float = 0.9
    scope: str = ""
    found: bool = False
    id: int | None = None
    known_from: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a graph supports a claim, contradicts it, or knows nothing about it; with the facts that show it."""

    verdict: Literal["supports", "contradicts", "unknown"]
    probability: float | None
    reason: str
    facts: Sequence[StoredFact] = ()
    claim: ClaimStatement | None = None  # What was understood, of a text.


def check_claims(stated: Sequence[ClaimStatement]) -> None:
    """Raise InvalidInput for too many claims, and for claims without content or with values out of range."""
    if len(stated) > MOST_CLAIMS:
        raise InvalidInput(f"{len(stated)} claims are too many for one request.", hint=f"Send at most {MOST_CLAIMS}.")
    check_keys(key for each in stated for key in (each.source, each.subject, each.object) if key is not None)
    check_labels({each.predicate for each in stated})
    for scope in {each.scope for each in stated}:
        check_scope(scope)
    for each in stated:
        if each.object is None and each.value is None:
            raise InvalidInput(
                f"A claim on {each.predicate} of {each.subject!r} has neither object nor value.",
                hint="Set object or value.",
            )
        if not 0 <= each.confidence <= 1:
            raise InvalidInput(f"confidence is {each.confidence}.", hint="Give a number from 0 to 1.")
        check_origins(each.derived_from)
        if each.span is not None and not 0 <= each.span[0] <= each.span[1]:
            raise InvalidInput(
                f"span is {list(each.span)}.", hint="Use [start, end], offsets in the text of the episode."
            )
        if each.valid_from is not None or each.valid_to is not None:
            valid_interval(each.valid_from, each.valid_to)
