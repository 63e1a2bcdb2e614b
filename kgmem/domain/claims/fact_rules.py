"""From consensus to the state of a fact: the rule of its predicate, then the decisions of reviewers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from kgmem.domain.claims.claim import Decision, Option
from kgmem.domain.claims.consensus import FactState, Policy, ValueRule, Verdict
from kgmem.domain.time.interval import Interval, parse_time

PARTS: Final = "parts"  # In the detail of a decision: those of several values at once that it is about.
_AGAINST = 0.5  # So much of an independent voice is an objection.


@dataclass(frozen=True, slots=True)
class ClaimTimes:
    """When a claim became valid in the world, and known."""

    valid: int | None
    known: int


@dataclass(frozen=True, slots=True)
class Draft:
    """The state of a fact before it is stored."""

    valid: Interval
    options: Sequence[Option]
    probability: float
    trust: float
    supporting: float
    opposing: float
    state: FactState
    method: str
    reason: str
    several: bool = False  # A set: all that is chosen is true at once.
    decision: int | None = None
    ended: Sequence[int] = ()  # Decisions that new evidence overtakes.

    @property
    def value(self) -> Any:
        """The chosen value, or a list of the values that are true at the same time."""
        chosen = [option.value for option in self.options if option.chosen]
        return chosen if self.several else chosen[0] if chosen else None


def drafted(verdict: Verdict, ids: Sequence[int]) -> Draft:
    """Return the draft of a verdict; `ids` are those of the claims that were weighed, in their order."""
    several = isinstance(verdict.value, tuple)
    chosen = [*verdict.chosen]
    options = [
        Option(each.value, each.probability, each.sources, each.independent, [ids[at] for at in each.claims], here)
        for here, group in ((True, chosen), (False, verdict.alternatives))
        for each in group
    ]
    return Draft(
        verdict.valid,
        options,
        verdict.probability,
        verdict.trust,
        verdict.supporting,
        verdict.opposing,
        verdict.state,
        verdict.method.value,
        verdict.reason,
        several,
    )


def decided(
    draft: Draft, rule: ValueRule, times: Mapping[int, ClaimTimes], decisions: Sequence[Decision] = (), *, now: int
) -> Draft:
    """Return the state of a fact now: by the rule of its predicate, then by the decisions in force, oldest first.

    What ends later is not superseded yet.
    """
    held = _by_policy(replace(draft, state=_state(draft, rule, now)), rule, times)
    mine = {claim for option in draft.options for claim in option.claims}
    for decision in decisions:
        if mine & set(decision.claims):
            held = _by_decision(held, rule, times, decision, now)
    return held


def state_of(probability: float, opposing: float, verified: float) -> FactState:
    """Return the state of a fact by itself: verified from the threshold on, below it contested or merely unverified."""
    if probability >= verified:
        return FactState.VERIFIED
    return FactState.CONTESTED if opposing >= _AGAINST else FactState.UNVERIFIED


def _state(draft: Draft, rule: ValueRule, now: int) -> FactState:
    if draft.state is FactState.SUPERSEDED and (draft.valid.end is None or draft.valid.end <= now):
        return FactState.SUPERSEDED
    return state_of(draft.probability, draft.opposing, rule.verified)


def _by_policy(draft: Draft, rule: ValueRule, times: Mapping[int, ClaimTimes]) -> Draft:
    if draft.state is FactState.SUPERSEDED:
        return draft
    if rule.policy is Policy.MANUAL:
        state = FactState.CONTESTED if draft.opposing >= _AGAINST else FactState.UNVERIFIED
        return replace(
            draft,
            state=state,
            reason=f"{draft.reason} Predicates with the policy {rule.policy.value} are decided by reviewers.",
        )
    if rule.policy is Policy.RECENCY and not draft.several and len(draft.options) > 1:
        newest = max(draft.options, key=lambda option: _newest(option, times))
        told = _chosen(draft, newest)
        reason = f"By recency: the latest claim counts. {draft.reason}"
        return replace(told, state=state_of(told.probability, told.opposing, rule.verified), reason=reason)
    return draft


def _newest(option: Option, times: Mapping[int, ClaimTimes]) -> tuple[int, int]:
    mine = [times[claim] for claim in option.claims if claim in times]
    least = -(2**63)
    return max(((each.valid if each.valid is not None else least, each.known) for each in mine), default=(least, least))


def _chosen(draft: Draft, option: Option) -> Draft:
    """Return the draft with one option chosen, at the probability of the consensus."""
    others = [replace(each, chosen=False) for each in draft.options if each is not option]
    return replace(
        draft,
        options=[replace(option, chosen=True), *others],
        probability=option.probability,
        supporting=option.independent,
        opposing=sum(each.independent for each in others if each.probability > 0),
        several=False,
    )


def _by_decision(draft: Draft, rule: ValueRule, times: Mapping[int, ClaimTimes], decision: Decision, now: int) -> Draft:
    meant = next((option for option in draft.options if set(option.claims) & set(decision.claims)), None)
    if meant is None:
        return draft
    if decision.action == "collapse" and _overtaken(draft, meant, times, decision):
        return replace(draft, ended=[*draft.ended, decision.id])
    if decision.action == "expire":
        return _expired(draft, rule, meant, decision, times=times, now=now)
    told = f"{_WORDS[decision.action]} by {decision.by}: {decision.reason} (Consensus: {meant.probability:.2f}.)"
    if draft.several and PARTS in decision.detail:
        return _by_parts(draft, rule, decision)
    if decision.action == "reject":
        return _rejected(draft, rule, meant, decision, told)
    sure = replace(meant, probability=1.0)
    options = [sure if each is meant else replace(each, probability=0.0) for each in draft.options]
    taken = _chosen(replace(draft, options=options), sure)
    return replace(taken, state=FactState.VERIFIED, reason=told, decision=decision.id)


def _by_parts(draft: Draft, rule: ValueRule, decision: Decision) -> Draft:
    """Return a fact with several values at once, of which some were accepted (no others then) or rejected."""
    named = [each for each in draft.options if each.value in decision.detail[PARTS]]
    told = f"{_WORDS[decision.action]} by {decision.by}: {decision.reason}"
    if decision.action == "reject":
        options = [replace(each, probability=0.0, chosen=False) if each in named else each for each in draft.options]
        held = [each for each in options if each.chosen]
        base = replace(draft, options=options, decision=decision.id, reason=f"{told} {draft.reason}")
        if not held:
            return replace(base, probability=0.0, supporting=0.0, state=FactState.INVALIDATED, reason=told)
        least = min(each.probability for each in held)
        return replace(base, probability=least, state=state_of(least, 0.0, rule.verified))
    options = [replace(each, probability=1.0 if each in named else 0.0, chosen=each in named) for each in draft.options]
    return replace(
        draft, options=options, probability=1.0, state=FactState.VERIFIED, reason=told, decision=decision.id
    )  # fmt: skip


def ended_at(decision: Decision) -> int:
    """Return the instant at which a decision of that kind says that a value ended."""
    return parse_time(str(decision.detail["valid_to"])).start or 0


def _expired(
    draft: Draft, rule: ValueRule, meant: Option, decision: Decision, *, times: Mapping[int, ClaimTimes], now: int
) -> Draft:
    """Return a value with its end, from which on it is superseded; one that is claimed to begin again since stays."""
    end, start = ended_at(decision), draft.valid.start
    again = (times[claim].valid for claim in meant.claims if claim in times)
    renewed = any(valid is not None and valid >= end for valid in again)
    if not meant.chosen or (start is not None and start >= end) or renewed:
        return draft
    valid = draft.valid if rule.functional else Interval(start, end)
    if valid.end is None or valid.end > end:
        return draft
    reason = f"Ended by {decision.by}: {decision.reason} {draft.reason}"
    state = FactState.SUPERSEDED if end <= now else draft.state
    return replace(draft, valid=valid, state=state, reason=reason, decision=decision.id)


_WORDS = {"accept": "Accepted", "reject": "Rejected", "collapse": "Collapsed", "observe": "Observed"}


def _overtaken(draft: Draft, meant: Option, times: Mapping[int, ClaimTimes], decision: Decision) -> bool:
    """Return whether another value was claimed after a distribution was collapsed to this one."""
    at = int(decision.detail.get("known", 0))
    return any(
        times[claim].known > at
        for option in draft.options
        if option is not meant
        for claim in option.claims
        if claim in times
    )


def _rejected(draft: Draft, rule: ValueRule, meant: Option, decision: Decision, told: str) -> Draft:
    left = max(1.0 - meant.probability, 1e-9)
    out = replace(meant, probability=0.0, chosen=False)
    options = [
        out if each is meant else replace(each, probability=min(each.probability / left, 1.0)) for each in draft.options
    ]
    alive = [each for each in options if each is not out and each.probability > 0]
    base = replace(draft, options=options, decision=decision.id, reason=f"{told} {draft.reason}")
    if not alive:
        return replace(base, probability=0.0, supporting=0.0, state=FactState.INVALIDATED, reason=told)
    best = max(alive, key=lambda each: (each.chosen, each.probability))
    taken = _chosen(base, best)
    return replace(taken, state=state_of(best.probability, 0.0, rule.verified))


def moved(draft: Draft, probabilities: Sequence[float], rule: ValueRule, why: str) -> Draft:
    """Return the draft with other probabilities for its options, in their order, and the value chosen by them.

    A fact with several values at once stays as it is: its options do not compete.
    """
    if draft.several:
        return draft
    options = [replace(each, probability=sure) for each, sure in zip(draft.options, probabilities, strict=True)]
    best = max(options, key=lambda each: (each.probability, each.chosen))
    taken = _chosen(replace(draft, options=options), best)
    if draft.decision is not None:
        return replace(taken, state=draft.state)
    return replace(
        taken,
        state=draft.state
        if draft.state is FactState.SUPERSEDED
        else state_of(best.probability, taken.opposing, rule.verified),
        reason=f"{why} {draft.reason}",
    )
