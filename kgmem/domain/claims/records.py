"""Claims, adjudications, facts, source reliability, merges and what agents keep as records of a file.

Unlike entities and relationships these records have no key: a claim is identified by what it states, a decision by what
it decided and when. So they can be imported into any graph, and imported again without duplicates. An import and its
dry run check every record by `check_shape`, so that both reject the same records before anything is stored.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from kgmem.domain.agents.publication_records import check_publication
from kgmem.domain.agents.records import check_retention, check_state, check_version
from kgmem.domain.agents.session_records import (
    check_block,
    check_block_version,
    check_session,
    check_session_message,
)
from kgmem.domain.agents.shared_records import check_feedback, check_subscription
from kgmem.domain.claims.consensus import FactState
from kgmem.domain.distillation.records import check_allowance, check_distillation
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.scope import reaches, visible_from
from kgmem.domain.graph.tier_records import check_tier_record
from kgmem.domain.ledger.records import check_ledger_record
from kgmem.domain.retention.rule_records import check_rule
from kgmem.domain.time.interval import parse_time

BeliefKind = Literal[
    "claim",
    "adjudication",
    "fact",
    "correlation",
    "trust",
    "merge",
    "pair",
    "agent_state",
    "agent_state_version",
    "agent_retention",
    "session",
    "session_message",
    "memory_block",
    "memory_block_version",
    "subscription",
    "feedback",
    "publication",
    "ledger_record",
    "retention_rule",
    "distillation",
    "allowance",
    "tier",
]
# In the order in which they can be stored: adjudications and facts refer to claims, facts to adjudications.
BELIEF_KINDS: tuple[BeliefKind, ...] = (
    "claim", "adjudication", "fact", "correlation", "trust", "merge", "pair", "agent_state", "agent_state_version",
    "agent_retention", "session", "session_message", "memory_block", "memory_block_version",
    "subscription", "feedback", "publication", "ledger_record", "retention_rule", "distillation", "allowance",
    "tier",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BeliefRecord:
    """One record: its kind, and its fields as in files (formats/claims.py lists them)."""

    kind: BeliefKind
    told: Mapping[str, Any]

    @property
    def scope(self) -> str:
        """The scope of the record; empty for what is shared."""
        return str(self.told.get("scope") or "")

    def scope_outside(self, bound: str) -> str | None:
        """Return a scope outside of this one and those below it that it would write to, or names unseen from there."""
        if not reaches(bound, self.scope):
            return self.scope
        other = str(self.told.get({"publication": "to", "feedback": "of_scope"}.get(self.kind, "")) or "")
        if self.kind == "publication":
            return None if reaches(bound, other) else other
        return None if reaches(bound, other) or other in visible_from(bound) else other


_Check: TypeAlias = Callable[[Any, str], None]
_LARGEST = 1e30  # Of a number that is stored in four bytes.
_LARGEST_WHOLE = 2**31 - 1
_STATES = frozenset(state.value for state in FactState)


def check_shape(record: BeliefRecord) -> None:
    """Raise InvalidInput, with the name of the part, for a record that kgmem would not have written."""
    told = record.told
    _PARTS[record.kind](told, "")
    if record.kind == "pair" and told.get("one") == told.get("other"):
        raise InvalidInput(f"A merge candidate names {str(told.get('one'))[:100]!r} twice.", hint="Name two entities.")


def _wrong(name: str, wanted: str) -> InvalidInput:
    return InvalidInput(
        f"{name or 'The record'} is not {wanted}.", hint="Remove the record, or write it as an export does."
    )


def _number(value: Any, name: str) -> None:
    if type(value) not in {int, float} or not math.isfinite(value) or abs(value) > _LARGEST:
        raise _wrong(name, "a number")


def _whole(value: Any, name: str) -> None:
    if type(value) is not int or not 0 <= value <= _LARGEST_WHOLE:
        raise _wrong(name, "a whole number from 0 on")


def _text(value: Any, name: str) -> None:
    if type(value) is not str or "\0" in value:
        raise _wrong(name, "a text")


def _key(value: Any, name: str) -> None:
    if type(value) is not str or "\0" in value or not value or len(value) > 500:
        raise _wrong(name, "a text of 1 to 500 characters")


def _any(value: Any, name: str) -> None:
    """Take whatever JSON has, but for the character that Postgres does not store."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            waiting += [*each, *each.values()]
        elif isinstance(each, list):
            waiting += each
        elif type(each) is str and "\0" in each:
            raise _wrong(name, "without the character U+0000")


def _hash(value: Any, name: str) -> None:
    """Check a hash of 64 bits, which stands as a text."""
    if type(value) is int and -(2**63) <= value < 2**63:
        return
    if type(value) is not str or not value.removeprefix("-").isdecimal() or not value.isascii():
        raise _wrong(name, "a whole number as a text")
    if len(value) > 20 or not -(2**63) <= int(value) < 2**63:
        raise _wrong(name, "a whole number of 64 bits")


def _moment(value: Any, name: str) -> None:
    try:
        known = type(value) is str and parse_time(value).start is not None
    except InvalidInput:
        known = False
    if not known:
        raise _wrong(name, "a moment such as 2026-01-31T12:00:00Z")


def _state(value: Any, name: str) -> None:
    if type(value) is not str or value not in _STATES:
        raise _wrong(name, f"one of {', '.join(sorted(_STATES))}")


def _or_none(check: _Check) -> _Check:
    def apply(value: Any, name: str) -> None:
        if value is not None:
            check(value, name)

    return apply


def _list(check: _Check, count: int | None = None) -> _Check:
    def apply(value: Any, name: str) -> None:
        if type(value) is not list or (count is not None and len(value) != count):
            raise _wrong(name, "a list" if count is None else f"a list of {count}")
        for place, each in enumerate(value):
            check(each, f"{name}[{place}]")

    return apply


def _map(
    required: Mapping[str, _Check] | None = None,
    optional: Mapping[str, _Check] | None = None,
    *,
    then: Callable[[Mapping[str, Any], str], None] | None = None,
) -> _Check:
    """Check a map: what it must have, what it may have besides (null counts as absent), and what goes together."""

    def apply(value: Any, name: str) -> None:
        if not isinstance(value, Mapping):
            raise _wrong(name, "a map")
        before = f"{name}." if name else ""
        for part, check in (required or {}).items():
            if part not in value:
                raise _wrong(before + part, "given")
            check(value[part], before + part)
        for part, check in (optional or {}).items():
            if value.get(part) is not None:
                check(value[part], before + part)
        if then:
            then(value, name)

    return apply


_FREE = _map({}, {}, then=_any)


def _numbers(value: Any, name: str) -> None:
    _FREE(value, name)
    for part, each in value.items():
        _number(each, f"{name}.{part}")


def _in_order(start: Any, end: Any, name: str) -> None:
    """Refuse a time that ends before it begins."""
    if start is not None and end is not None:
        first, last = parse_time(start).start, parse_time(end).start
        if first is not None and last is not None and last < first:
            raise _wrong(name, "in order: it ends before it begins")


def _known(value: Mapping[str, Any], name: str, *, start: str = "known_from", end: str = "known_to") -> None:
    _in_order(value[start], value[end], name)


def _version(value: Mapping[str, Any], name: str) -> None:
    start, end = value["valid"]
    _in_order(start, end, f"{name}.valid")


_OPTION = _map({"claims": _list(_text), "probability": _number})
_FACT: Final[dict[str, _Check]] = {
    "valid": _list(_or_none(_moment), 2), "value": _any, "state": _state, "options": _list(_OPTION),
    **dict.fromkeys(("probability", "trust", "supporting", "opposing"), _number), "method": _text, "reason": _text,
}  # fmt: skip


def _former(value: Any, name: str) -> None:
    _map({**_FACT, "known_from": _moment, "known_to": _moment}, {"adjudication": _text}, then=_version)(value, name)
    _known(value, name)


def _fact(value: Any, name: str) -> None:
    """Check a fact with its former versions; one that is gone has only these."""
    former: dict[str, _Check] = {"past": _list(_former)}
    current = isinstance(value, Mapping) and "state" in value
    more: dict[str, _Check] = {"adjudication": _text, "adjudications": _list(_text)}
    check = _map({**_FACT, "known_from": _moment}, {**more, **former}, then=_version) if current else _map({}, former)
    check(value, name)


_STANDING: Final[dict[str, _Check]] = {
    "prior": _number, "claims": _whole, "checked": _whole, "domains": _FREE, "reason": _text
}  # fmt: skip


def _from_0(value: Any, name: str) -> None:
    _number(value, name)
    if value < 0:
        raise _wrong(name, "0 or more")


_REPORTING: Final[dict[str, _Check]] = {"reported_changes": _from_0, "reporting_delay": _from_0}


def _past_standing(value: Any, name: str) -> None:
    _map({**_STANDING, "trust": _number, "from": _moment, "to": _moment}, _REPORTING)(value, name)
    _known(value, name, start="from", end="to")


def _trust(told: Mapping[str, Any], name: str) -> None:
    needed: dict[str, _Check] = {}
    past: dict[str, _Check] = {"past": _list(_past_standing)}
    if told.get("of") == "source":
        learned = told.get("trust") is not None
        needed = {"source": _key, "detail": _map(_STANDING if learned else {}, past | _REPORTING)}
        needed |= {"known_from": _moment} if learned else {}
    elif told.get("of") == "predicate":
        parts: dict[str, _Check] = {"method": _text, "reason": _text, "wrong": _number, "similarity": _number}
        needed = {"predicate": _key, "detail": _map(parts)}
    elif told.get("of") == "copies":
        needed = {"source": _key, "other": _key, "trust": _number, "detail": _map({"shared": _whole})}
    else:
        needed = {"known_from": _moment, "detail": _map({"count": _whole})}
    _map(needed)(told, name)


def _correlated(value: Mapping[str, Any], name: str) -> None:
    if len(value["topics"]) != len(value["claims"]):
        raise _wrong(f"{name}.claims", "a list for each of the topics")


def _span(value: Any, name: str) -> None:
    _list(_whole, 2)(value, name)


def _topic(value: Sequence[Any], name: str) -> None:
    _list(_text, 3)(value, name)


def _adjudication(told: Mapping[str, Any], name: str) -> None:
    inner: dict[str, _Check] = {"detail": _FREE, "claims": _list(_text), "ended": _moment, "ends": _list(_text)}
    needed: dict[str, _Check] = {"predicate": _key} if told.get("subject") else {}
    _map(needed, {"value": _any, "detail": _map({}, inner)})(told, name)


_COUNTS: Final[dict[str, _Check]] = dict.fromkeys(("moved", "doubled", "dropped"), _whole)
_LISTS: Final[dict[str, _Check]] = dict.fromkeys(("aliases", "filled"), _list(_text))
_UNDONE = _map({"at": _moment}, {"by": _text, "reason": _text})
_PARTS: Final[Mapping[BeliefKind, _Check]] = {
    "claim": _map({}, {"value": _any, "span": _span, "relationship": _map({}, {"apart": _hash})}),
    "adjudication": _adjudication,
    "fact": _map({"facts": _list(_fact)}, {"beside": _list(_text)}),
    "correlation": _map(
        {"detail": _map({"topics": _list(_topic), "claims": _list(_list(_text))}, then=_correlated)}
    ),
    "trust": _trust,
    "merge": _map(
        {}, {"detail": _map({}, {"told": _map({}, {**_COUNTS, **_LISTS, "contested": _FREE}), "undone": _UNDONE})}
    ),
    "pair": _map({}, {"detail": _map({}, {"evidence": _number, "parts": _numbers, "vetoed": _text})}),
    "agent_state": check_state,
    "agent_state_version": check_version,
    "agent_retention": check_retention,
    "session": check_session,
    "session_message": check_session_message,
    "memory_block": check_block,
    "memory_block_version": check_block_version,
    "subscription": check_subscription,
    "feedback": check_feedback,
    "retention_rule": check_rule,
    "publication": check_publication,
    "ledger_record": check_ledger_record,
    "distillation": check_distillation,
    "allowance": check_allowance,
    "tier": check_tier_record,
}  # fmt: skip
