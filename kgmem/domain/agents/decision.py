"""Decision records: what an agent decided, what it considered and rests on, what it expected, and what came about.

A record is an entity of the label Decision. Everything it states is in the properties of that entity, so that exports,
Cypher and recall know it; relationships join it to what it rests on and to what it caused.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from kgmem.domain.agents.state import check_name
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.expiry import expiry_of
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.time.interval import parse_time

LABEL: Final = "Decision"
RESTS_ON: Final = "RESTS_ON"  # From a decision to what it rests on.
GROUNDS: Final = "CONTRIBUTES_TO"  # From what a decision rests on to the decision, as the causal retriever follows it.
FACT_IDS: Final = "facts"  # The property with the ids of facts and claims, for Cypher.
EVIDENCE_IDS: Final = "evidence_ids"  # The property with the id of each evidence, null for what has none.
FACT_ID: Final = "fact"  # The property of RESTS_ON with the id of the fact.
# Properties of a decision whose transaction the ledger of its graph has: what every copy of the ledger finds it by, and
# its number in this one.
TRANSACTION_KEY: Final = "transaction_key"
TRANSACTION_ID: Final = "transaction_id"
_IDS: Final = frozenset({FACT_IDS, EVIDENCE_IDS, TRANSACTION_ID})
MOST_OPTIONS: Final = 100
MOST_EVIDENCE: Final = 200
MOST_CAUSED: Final = 200
MOST_OUTCOMES: Final = 100  # Changes of the outcome that a record keeps.
LONGEST_NAME: Final = 2_000
LONGEST_RATIONALE: Final = 20_000
_LONGEST: Final = 2_000  # Of notes, options and reasons.
_AMOUNT: Final = re.compile(r"-?\d{1,18}(\.\d{1,12})?")

EvidenceType = Literal["episode", "fact", "claim", "entity", "decision"]
EvidenceState = Literal["current", "past", "unverified", "contested", "superseded", "retracted", "gone"]
# What makes a decision one to look at again.
DOUBTFUL: Final[tuple[EvidenceState, ...]] = ("contested", "superseded", "retracted", "gone")
STATES: Final[tuple[EvidenceState, ...]] = ("current", "past", "unverified", *DOUBTFUL)
YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class Considered:
    """An option that was considered, with its score, and the probability that it turns out to be right."""

    name: str
    score: float | None = None
    probability: float | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a decision rests on.

    An episode, entity or decision is named by `key`; a fact by the id of a fact or a relationship, a claim by its id.
    As stored, a fact or claim says what it states, since ids differ between graphs; `state` is what became of it. Its
    id is stored apart from the rest, in a property that exports omit.
    """

    type: EvidenceType
    key: str | None = None
    id: int | None = None
    note: str | None = None
    subject: str | None = None
    predicate: str | None = None
    object: str | None = None
    value: Any = None
    about: str | None = None  # The other end of the relationship that a value belongs to.
    valid_from: str | None = None
    source: str | None = None  # Of a claim: the key of who states it.
    relationship_key: str | None = None  # Of a relationship: what tells it from others of its kind and ends.
    state: EvidenceState | None = None


@dataclass(frozen=True, slots=True)
class Caused:
    """What a decision caused: the key of an entity, by a causal kind of relationship."""

    to: str
    kind: str = "CAUSES"
    strength: float | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """An exact amount in a unit, such as 0.25 USD or 1200 tokens."""

    unit: str
    amount: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came about: yes or no (the expected outcome), or the name of an option."""

    outcome: str
    at: str  # ISO 8601.
    by: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class EvidenceReview:
    """A reviewer looked at a decision whose evidence changed: who, when, why, and the states of the evidence then."""

    by: str
    reason: str
    at: str
    states: Sequence[str]


@dataclass(frozen=True, slots=True)
class Booked:
    """A transaction in the ledger of the graph: its number there, and the key that it has in copies of the ledger."""

    id: int
    key: str


@dataclass(frozen=True, slots=True)
class DecisionStatement:
    """A decision as an agent records it; nothing of it changes afterwards."""

    decision: str  # What was decided.
    agent: str
    key: str | None = None  # None: one that is not used yet.
    session: str | None = None
    chosen: str | None = None  # The name of an option.
    options: Sequence[Considered] = ()
    rationale: str | None = None
    expected: str | None = None
    probability: float | None = None  # That the expected outcome comes about.
    evidence: Sequence[Evidence] = ()
    caused: Sequence[Caused] = ()
    cost: Sequence[Amount] = ()
    transaction: str | None = None  # Of a ledger; of that of its graph, the number there.
    decided_at: str | None = None  # None: now.
    scope: str = SHARED
    expires_at: str | None = None  # When it is deleted. ISO 8601.
    ttl: str | float | None = None  # How long it lasts, instead: seconds, 30d, PT12H.


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision as it is stored."""

    key: str
    scope: str
    statement: DecisionStatement
    decided_at: str
    outcome: Outcome | None = None
    outcomes: Sequence[Outcome] = ()  # All of them, the first first.
    review: EvidenceReview | None = None
    altered: bool = False  # Somebody changed the entity; the record is no longer what the agent recorded.
    version: int | None = None
    id: int | None = None
    created: bool = False  # In the answer to a write: whether it is new.


@dataclass(frozen=True, slots=True)
class DecisionFilter:
    """Which decisions are listed."""

    scope: str = SHARED
    agent: str | None = None
    session: str | None = None
    rests_on: str | None = None  # A key, or the id of a fact, relationship or claim.
    evidence: Sequence[EvidenceState] = ()  # Some evidence has one of these states.
    waiting: bool = False  # Only those whose evidence changed since a reviewer last looked.
    cursor: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Consequence:
    """What followed from a decision: an entity, by which relationship it was reached, and after how many steps."""

    key: str
    label: str
    name: str | None
    depth: int
    kind: str
    after: str  # The key that it followed from.
    outcome: str | None = None  # Of a decision.


@dataclass(frozen=True, slots=True)
class Consequences:
    """What followed from a decision, nearest first; `cut` where there is more than was looked at."""

    items: Sequence[Consequence]
    cut: bool


def check_statement(stated: DecisionStatement) -> DecisionStatement:
    """Return a decision unchanged where it is valid. Raises InvalidInput with the name of the field."""
    check_scope(stated.scope)
    _text("decision", stated.decision, LONGEST_NAME, needed=True)
    _field("agent", lambda: check_name("agent", stated.agent))
    if stated.key is not None:
        check_key(stated.key)
    _text("session", stated.session, 500)
    _text("rationale", stated.rationale, LONGEST_RATIONALE)
    _text("expected", stated.expected, LONGEST_NAME)
    _text("transaction", stated.transaction, 500)
    _fraction("probability", stated.probability)
    if stated.decided_at is not None and parse_time(stated.decided_at).start is None:
        raise _wrong("decided_at", "Give a date and a time.")
    expiry_of(stated.expires_at, stated.ttl)
    _check_options(stated)
    _most("evidence", stated.evidence, MOST_EVIDENCE)
    for place, each in enumerate(stated.evidence):
        _check_evidence(f"evidence[{place}]", each)
    _most("caused", stated.caused, MOST_CAUSED)
    for place, caused in enumerate(stated.caused):
        _text(f"caused[{place}].to", caused.to, 500, needed=True)
        _text(f"caused[{place}].kind", caused.kind, 200, needed=True)
        _fraction(f"caused[{place}].strength", caused.strength)
    _most("cost", stated.cost, MOST_OPTIONS)
    for place, amount in enumerate(stated.cost):
        _text(f"cost[{place}].unit", amount.unit, 100, needed=True)
        if not _AMOUNT.fullmatch(amount.amount):
            raise _wrong(f"cost[{place}].amount", "Give an exact decimal as a text, such as 0.25.")
    return stated


def check_key(key: str) -> str:
    """Return the key of a decision unchanged. Raises InvalidInput."""
    _field("key", lambda: check_name("decision", key))
    return key


def check_outcome(record: DecisionRecord, outcome: str) -> str:
    """Return an outcome unchanged: yes, no, or the name of an option. Raises InvalidInput."""
    names = [each.name for each in record.statement.options]
    if outcome in {YES, NO, *names}:
        return outcome
    options = f", or an option: {', '.join(names[:10])}" if names else ""
    raise _wrong("outcome", f"Give yes or no{options}.", outcome)


def to_entity(key: str, stated: DecisionStatement, booked: Booked | None = None) -> Entity:
    """Return the entity that a new decision is. Raises InvalidInput where it is too long."""
    listed = [each for each in stated.evidence if each.key is not None]
    facts = [each for each in stated.evidence if each.subject is not None]
    properties: dict[str, Any] = {
        "agent": stated.agent, "session": stated.session, "chosen": stated.chosen, "rationale": stated.rationale,
        "expected": stated.expected, "probability": stated.probability, "transaction": stated.transaction,
        "decided_at": stated.decided_at, "options": _maps(stated.options),
        "caused": _maps(stated.caused), "cost": _maps(stated.cost),
        "episodes": [each.key for each in listed if each.type == "episode"],
        "decisions": [each.key for each in listed if each.type == "decision"],
        "statements": [said(each) for each in facts],
        "content_hash": content_hash(stated),
        **stored_evidence(stated.evidence), **evidence_ids(stated.evidence),
        TRANSACTION_KEY: booked and booked.key, TRANSACTION_ID: booked and booked.id,
    }  # fmt: skip
    return Entity(
        key, LABEL, stated.decision, {name: value for name, value in properties.items() if value not in (None, [])},
        text=_worded(stated), valid_from=stated.decided_at, scope=stated.scope, version=0,
        expires_at=expiry_of(stated.expires_at, stated.ttl),
    )  # fmt: skip


def from_entity(entity: Entity, *, created: bool = False) -> DecisionRecord:
    """Return the decision that an entity is; `altered` where it is not what an agent recorded."""
    stored = entity.properties
    try:
        stated = DecisionStatement(
            entity.name or "", str(stored.get("agent") or ""), entity.key, stored.get("session"), stored.get("chosen"),
            [Considered(**each) for each in stored.get("options") or ()], stored.get("rationale"),
            stored.get("expected"), stored.get("probability"),
            _with_ids([Evidence(**each) for each in stored.get("evidence") or ()], stored.get(EVIDENCE_IDS)),
            [Caused(**each) for each in stored.get("caused") or ()],
            [Amount(**each) for each in stored.get("cost") or ()], stored.get("transaction"), stored.get("decided_at"),
            entity.scope, entity.expires_at,
        )  # fmt: skip
        outcomes = [Outcome(**each) for each in stored.get("outcomes") or ()]
        review = EvidenceReview(**stored["review"]) if stored.get("review") else None
        altered = stored.get("content_hash") != content_hash(stated)
        stated = replace(stated, transaction=_transaction_here(stored))
    except (TypeError, AttributeError):  # Another client wrote what no record has.
        stated = DecisionStatement(entity.name or "", str(stored.get("agent") or ""), entity.key, scope=entity.scope)
        outcomes, review, altered = [], None, True
    return DecisionRecord(
        entity.key, entity.scope, stated, stated.decided_at or entity.known_from or "",
        outcomes[-1] if outcomes else None, outcomes, review, altered, entity.version, entity.id, created,
    )  # fmt: skip


def stored_evidence(evidence: Sequence[Evidence]) -> dict[str, Any]:
    """Return the property that says what a decision rests on, without ids."""
    return {"evidence": _maps([replace(each, id=None) for each in evidence])}


def evidence_ids(evidence: Sequence[Evidence]) -> dict[str, Any]:
    """Return the properties that name evidence by id: facts and claims for Cypher, and all in the order of evidence."""
    ids = [each.id if each.subject is not None else None for each in evidence]
    known = [each for each in ids if each is not None]
    return {FACT_IDS: known, EVIDENCE_IDS: ids} if any(each.subject is not None for each in evidence) else {}


def without_ids(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of an entity of the label Decision without ids, which another graph has no use for."""
    if "content_hash" not in properties or not properties.keys() & {"evidence", *_IDS}:
        return properties
    told = {name: value for name, value in properties.items() if name not in _IDS}
    if isinstance(told.get("evidence"), list):
        told["evidence"] = [
            {name: value for name, value in each.items() if name != "id"} if isinstance(each, Mapping) else each
            for each in told["evidence"]
        ]
    return told


def edge_without_ids(kind: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of a relationship from a decision to what it rests on without the id of a fact."""
    if kind != RESTS_ON or not {"evidence", "statement", FACT_ID} <= properties.keys():
        return properties
    return {name: value for name, value in properties.items() if name != FACT_ID}


def _transaction_here(stored: Mapping[str, Any]) -> Any:
    """Return the number of a transaction in the ledger of this graph; as it was recorded where it is not there."""
    here = stored.get(TRANSACTION_ID)
    return str(here) if type(here) is int else stored.get("transaction")


def _with_ids(evidence: Sequence[Evidence], ids: Any) -> list[Evidence]:
    """Return evidence with the ids that are stored apart; an earlier release stored them with the rest."""
    known = ids if isinstance(ids, list) and len(ids) == len(evidence) else [None] * len(evidence)
    return [each if id_ is None else replace(each, id=id_) for each, id_ in zip(evidence, known, strict=True)]


def content_hash(stated: DecisionStatement) -> str:
    """Return the SHA-256 of what a decision states: without its key, its scope, ids, and the times that were set.

    Statements that differ only in the ids of facts are the same: ids differ between graphs.
    """
    told = asdict(stated)
    for name in ("key", "scope", "decided_at", "expires_at", "ttl"):
        told.pop(name)
    for each in told["evidence"]:
        each["id"] = each["state"] = None
        del each["relationship_key"]
    text = json.dumps(_plain(told), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return a value as any store returns it: without what is absent, and with one kind of numbers."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def said(evidence: Evidence) -> str:
    """Return what a fact states, as one line."""
    what = evidence.object if evidence.object is not None else json.dumps(evidence.value, ensure_ascii=False)
    return f"{evidence.subject} {evidence.predicate} {what}"


def _worded(stated: DecisionStatement) -> str | None:
    """Return the text by which recall finds a decision beside its name."""
    parts = [stated.rationale]
    if stated.expected:
        parts.append(f"Expected: {stated.expected}")
    if stated.options:
        parts.append("Considered: " + "; ".join(each.name for each in stated.options))
    return "\n\n".join(part for part in parts if part) or None


def _maps(items: Sequence[Any]) -> list[dict[str, Any]]:
    return [{name: value for name, value in asdict(each).items() if value is not None} for each in items]


def _check_options(stated: DecisionStatement) -> None:
    _most("options", stated.options, MOST_OPTIONS)
    names: set[str] = set()
    for place, option in enumerate(stated.options):
        where = f"options[{place}]"
        _text(f"{where}.name", option.name, _LONGEST, needed=True)
        _text(f"{where}.note", option.note, _LONGEST)
        _fraction(f"{where}.probability", option.probability)
        if option.name in names or option.name in {YES, NO}:
            raise _wrong(f"{where}.name", "Give each option a name of its own, other than yes and no.", option.name)
        names.add(option.name)
    if stated.chosen is not None and stated.chosen not in names:
        raise _wrong("chosen", "Name one of the options.", stated.chosen)
    stated_p = [option.probability for option in stated.options if option.probability is not None]
    if stated_p and (len(stated_p) != len(names) or abs(sum(stated_p) - 1) > 1e-6):
        raise _wrong("options", "Give no option a probability, or all, which add up to 1.")


def _check_evidence(where: str, each: Evidence) -> None:
    by_id = each.type in {"fact", "claim"}
    if (each.id is None if by_id else each.key is None) or (each.key is not None and each.id is not None):
        raise _wrong(where, "Name facts and claims by id, episodes, entities and decisions by key.")
    if each.id is not None and not 0 <= each.id < 2**63:
        raise _wrong(f"{where}.id", "Give the id of a fact, a relationship or a claim.")
    _text(f"{where}.key", each.key, 500)
    _text(f"{where}.note", each.note, _LONGEST)


def _most(name: str, items: Sequence[Any], most: int) -> None:
    if len(items) > most:
        raise InvalidInput(f"{name} has {len(items)} items.", hint=f"Give at most {most}.", field=name)


def _text(name: str, value: str | None, most: int, *, needed: bool = False) -> None:
    if (value is None or not value.strip()) and (needed or value is not None):
        raise _wrong(name, "Give it a text.")
    if value is not None and (len(value) > most or "\0" in value):
        raise _wrong(name, f"Give at most {most} characters, without U+0000.")


def _fraction(name: str, value: float | None) -> None:
    if value is not None and not 0 <= value <= 1:
        raise _wrong(name, "Give a number from 0 to 1.", value)


def _field(name: str, check: Any) -> None:
    try:
        check()
    except InvalidInput as error:
        raise InvalidInput(error.message, hint=error.hint, field=name) from error


def _wrong(name: str, hint: str, value: object = None) -> InvalidInput:
    shown = f" ({str(value)[:80]!r})" if value is not None else ""
    return InvalidInput(f"{name} is not valid{shown}.", hint=hint, field=name)


@dataclass(frozen=True, slots=True)
class NewOutcome:
    """An outcome to record."""

    outcome: str
    by: str
    at: str | None = None  # None: now.
    note: str | None = None


def check_new_outcome(new: NewOutcome) -> NewOutcome:
    """Return an outcome unchanged where its parts are valid. Raises InvalidInput."""
    _text("outcome", new.outcome, _LONGEST, needed=True)
    _text("by", new.by, 500, needed=True)
    _text("note", new.note, _LONGEST)
    if new.at is not None and parse_time(new.at).start is None:
        raise _wrong("at", "Give a date and a time.")
    return new


def check_review(by: str, reason: str) -> None:
    """Raise InvalidInput unless a review says by whom it is, and why."""
    _text("by", by, 500, needed=True)
    _text("reason", reason, _LONGEST, needed=True)
