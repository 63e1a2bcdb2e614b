"""Claims, facts and decisions on the wire."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from kgmem.domain.access import Key as AccessKey
from kgmem.domain.claims.claim import (
    MOST_CLAIMS,
    Adjudication,
    ClaimFilter,
    ClaimResult,
    ClaimStatement,
    Correlated,
    FactFilter,
    NewAdjudication,
    StoredFact,
    Verification,
    Withdrawn,
)
from kgmem.services.claims.why import Explanation
from kgmem_api.wire.fields import (
    STRICT,
    Fraction,
    Key,
    Label,
    Name,
    Scope,
    Text,
    Time,
    within_limits,
)
from kgmem_api.wire.shapes import CURSOR, answer, copied, many, shape, shown, stated, statement_of

Value = Annotated[
    Any,
    AfterValidator(within_limits),
    Field(description="Any JSON value; an amount as a number, or as a text with its unit, such as 3 km."),
]
FactId = Annotated[int, Field(ge=0, le=2**63 - 1)]
FactState = Literal["verified", "contested", "unverified", "superseded", "invalidated"]


ClaimStatementShape = statement_of(
    ClaimStatement,
    "ClaimStatement",
    "One source's statement of a relationship (`object`), of a property (`value`), or of a relationship's value.",
)


class ClaimBatch(BaseModel):
    """Claims to store in one transaction."""

    model_config = STRICT

    claims: Annotated[
        list[Annotated[ClaimStatement, stated(ClaimStatement, ClaimStatementShape)]], Field(max_length=MOST_CLAIMS)
    ]


_Subject = Annotated[Key | None, Field(description="The key of the entity that is spoken of.")]
_Predicate = Annotated[Label | None, Field(description="A kind of relationship, or a property.")]
_KnownAt = Annotated[Time | None, Field(description="As it was known then.")]


class Listing(BaseModel):
    """What both listings take."""

    scope: Annotated[str | None, Field(max_length=400, description="The scope to act in; default: the key's.")] = None
    subject: _Subject = None
    predicate: _Predicate = None
    known_at: _KnownAt = None
    cursor: Annotated[str | None, Field(max_length=1000, description="Where the last page ended.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most items of a page.")] = 100


class ClaimQuery(Listing):
    """Which claims to list."""

    source: Annotated[Key | None, Field(description="Who says so.")] = None
    withdrawn: Annotated[bool, Field(description="Withdrawn claims too.")] = False
    derived: Annotated[bool, Field(description="Only claims that repeat what another states.")] = False

    def asked(self, key: AccessKey) -> ClaimFilter:
        """Return it as the domain knows it. Raises Forbidden for a scope that the key does not reach."""
        scope = key.demand_scope(self.scope)
        return ClaimFilter(
            scope,
            self.subject,
            self.predicate,
            self.source,
            self.withdrawn,
            self.known_at,
            self.cursor,
            self.limit,
            self.derived,
        )


class FactQuery(Listing):
    """Which facts to list."""

    state: Annotated[list[FactState], Field(max_length=5, description="May be given repeatedly.")] = []
    valid_at: Annotated[Time | None, Field(description="What holds at that moment in the world.")] = None

    def asked(self, key: AccessKey) -> FactFilter:
        """Return it as the domain knows it. Raises Forbidden for a scope that the key does not reach."""
        scope = key.demand_scope(self.scope)
        return FactFilter(
            scope, self.subject, self.predicate, self.state, self.known_at, self.valid_at, self.cursor, self.limit
        )


ClaimResultShape = copied(
    ClaimResult,
    "ClaimResult",
    "What a batch of claims did: the claims in the order of the request, and the facts that they speak of.",
)


WithdrawResult = copied(
    Withdrawn,
    "WithdrawResult",
    "How many claims were withdrawn, ids that were not found, and the relationships that were deleted with them.",
)


ClaimShape = answer(ClaimStatement, "Claim", "A claim as stored; fields without a value are omitted.")

ClaimPage = shape("ClaimPage", "Claims by id; `cursor` continues the listing.", claims=many(ClaimShape), cursor=CURSOR)


class FactOption(BaseModel):
    """One value of a fact: how probable it is, who claims it, and how many of these are independent."""

    value: Any
    probability: float
    sources: list[str]
    independent: float
    claims: list[int]
    chosen: bool


class AdjudicationSummary(BaseModel):
    """An entry of the audit trail; fields without a value are omitted."""

    id: int
    action: str
    by: str
    reason: str
    at: str
    scope: str | None = None
    fact: int | None = None
    subject: str | None = None
    predicate: str | None = None
    value: Any = None
    claims: list[int] | None = None
    detail: dict[str, Any] | None = None
    ended: str | None = None
    ended_by: int | None = None


class Fact(BaseModel):
    """A fact with all of its values; fields without a value are omitted."""

    id: int
    subject: str
    predicate: str
    about: str | None = None
    value: Any = None
    state: FactState
    probability: float
    trust: float
    supporting: float
    opposing: float
    method: str
    reason: str
    options: list[FactOption]
    unknown: Annotated[float, Field(description="The probability of a value that nobody claims.")]
    valid_from: str | None = None
    valid_to: str | None = None
    known_from: str
    scope: str | None = None
    critical: bool
    relationships: list[int]
    adjudication: AdjudicationSummary | None = None


class FactPage(BaseModel):
    """Facts by id; `cursor` continues the listing."""

    facts: list[Fact]
    cursor: str | None


class SourceKey(BaseModel):
    """An API key by which claims of a source came."""

    id: str
    name: str | None
    first_seen: str


class SourceTrust(BaseModel):
    """How far a source is trusted, why, and its earlier trust."""

    source: str
    trust: float
    prior: float
    claims: int
    checked: int
    domains: dict[str, float]
    reason: str
    known_from: str | None
    parent: str | None
    domain: str | None
    reported_changes: float | None
    reporting_delay: float | None
    copies: list[dict[str, Any]]
    history: list[dict[str, Any]]
    keys: list[SourceKey]


class FactExplanation(Fact):
    """A fact with the claims for and against it, what is known of their sources, and the copies among these."""

    claims: dict[Literal["for", "against"], list[ClaimShape]]  # type: ignore[valid-type]  # a model made at run time
    sources: list[SourceTrust]
    copies: list[dict[str, Any]]
    echoes: list[ClaimShape]  # type: ignore[valid-type]
    published: list[dict[str, Any]]


class VerifiedClaim(BaseModel):
    """A claim without a source, which is compared with the graph."""

    model_config = STRICT

    subject: Key
    predicate: Label
    object: Key | None = None
    value: Value = None

    def claim(self) -> ClaimStatement:
        """Return it as the domain knows it."""
        return ClaimStatement("verify", self.subject, self.predicate, self.object, self.value)


class VerificationRequest(BaseModel):
    """A claim, or a text, to hold against the graph."""

    model_config = STRICT

    claim: VerifiedClaim | None = None
    text: Text | None = None
    scope: Scope | None = None


class VerificationResult(BaseModel):
    """Whether the graph supports it, contradicts it, or knows nothing of it; and by which facts."""

    verdict: Literal["supports", "contradicts", "unknown"]
    probability: float | None
    reason: str
    claim: dict[str, Any] | None
    evidence: list[Fact]


class AdjudicationRequest(BaseModel):
    """A decision on facts."""

    model_config = STRICT

    action: Literal["accept", "reject", "defer", "collapse", "observe"]
    facts: Annotated[list[FactId], Field(min_length=1, max_length=1000)]
    value: Annotated[Value, Field(description="The value; default: the current one.")] = None
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    by: Annotated[Name, Field(description="Who decides; default: the name of the key.")] | None = None
    rule: Literal["most_probable", "threshold", "margin", "observed", "sample"] | None = None
    level: Annotated[Fraction, Field(description="Of a collapse: the threshold or the margin; default 0.7.")] = 0.7
    seed: Annotated[int, Field(ge=0, le=2**63 - 1, description="Of a sample: the same seed draws the same.")] = 0
    dry_run: bool = False
    scope: Scope | None = None

    def ruling(self, key: AccessKey) -> NewAdjudication:
        """Return it as the domain knows it, by the key's name unless somebody is named."""
        detail: dict[str, Any] = {"key": key.id}
        if self.action == "collapse":
            detail |= {"rule": self.rule or "most_probable", "level": self.level, "seed": self.seed}
        return NewAdjudication(
            self.action, self.facts, self.by or key.name, self.reason, self.value, detail, dry_run=self.dry_run
        )


AdjudicationResult = copied(
    Adjudication,
    "AdjudicationResult",
    "What a decision does to a fact: before and after; `adjudication` is null in a dry run.",
)


AdjudicationResultList = shape(
    "AdjudicationResultList",
    "What a decision does, fact by fact.",
    dry_run=(bool, ...),
    facts=many(AdjudicationResult),
)


class UndoRequest(BaseModel):
    """Why an adjudication is undone."""

    model_config = STRICT

    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    by: Name | None = None
    scope: Scope | None = None


class AdjudicationList(BaseModel):
    """The audit trail, the newest first; ask again with `before` set to the last id."""

    adjudications: list[AdjudicationSummary]


class CorrelationRequest(BaseModel):
    """Correlated facts, each with a value (null: the current one)."""

    model_config = STRICT

    kind: Literal["exclusion", "implication", "same_origin"]
    facts: Annotated[list[FactId], Field(min_length=2, max_length=50)]
    values: Annotated[list[Value], Field(max_length=50)] | None = None
    strength: Fraction = 0.9
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    by: Name | None = None
    scope: Scope | None = None

    def correlated(self, key: AccessKey) -> Correlated:
        """Return it as the domain knows it. Raises Forbidden for a scope that the key does not reach."""
        values = self.values if self.values is not None else [None] * len(self.facts)
        return Correlated(
            self.kind,
            self.facts,
            values,
            self.reason,
            self.by or key.name,
            self.strength,
            key.demand_scope(self.scope),
        )


class CorrelationCreated(BaseModel):
    """The correlation that was declared."""

    id: int


class Correlation(BaseModel):
    """Correlations of facts."""

    id: int
    kind: str
    facts: list[int]
    values: list[Any]
    strength: float
    found: bool
    by: str
    reason: str
    scope: str
    known_from: str


class CorrelationList(BaseModel):
    """All correlations that a scope sees."""

    correlations: list[Correlation]


def told(shape: dict[str, Any]) -> dict[str, Any]:
    """Return a shape without what has no value."""
    return {name: value for name, value in shape.items() if value is not None and value != ""}


claim_out = shown(ClaimStatement)


def fact_out(fact: StoredFact) -> dict[str, Any]:
    """Return a fact as answers carry it."""
    shape = told(asdict(fact))
    shape["unknown"] = round(max(0.0, 1.0 - sum(option.probability for option in fact.options)), 4)
    if fact.adjudication is not None:
        shape["adjudication"] = told(asdict(fact.adjudication))
    return shape


def why_out(why: Explanation, *, whole: bool) -> dict[str, Any]:
    """Return an explanation as answers carry it; to a key that is not of the whole graph without what is of all scopes.

    That is by which API keys the claims of a source came, and how right it was on predicates of other facts.
    """
    sources = [asdict(source) for source in why.sources]
    return {
        **fact_out(why.fact),
        "claims": {"for": [claim_out(c) for c in why.supporting], "against": [claim_out(c) for c in why.opposing]},
        "sources": sources if whole else [_of_fact(source, why.fact.predicate) for source in sources],
        "copies": list(why.copies),
        "echoes": [claim_out(each) for each in why.echoes],
        "published": [asdict(each) for each in why.published],
    }


def _of_fact(source: dict[str, Any], predicate: str) -> dict[str, Any]:
    def narrowed(domains: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in domains.items() if name == predicate}

    return {**source, "keys": [], "history": [], "domains": narrowed(source["domains"])}


def judged_out(judged: Verification) -> dict[str, Any]:
    """Return a judgement as answers carry it."""
    return {
        "verdict": judged.verdict,
        "probability": judged.probability,
        "reason": judged.reason,
        "claim": claim_out(judged.claim) if judged.claim else None,
        "evidence": [fact_out(fact) for fact in judged.facts],
    }
