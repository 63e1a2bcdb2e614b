"""Correct: take a fact out of the answers by one call, with who and why; what it said stays in the history."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from kgmem.domain.claims.claim import (
    ClaimStatement,
    Correction,
    Decision,
    FactTarget,
    NewAdjudication,
    Option,
    StoredFact,
)
from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.time.interval import iso, now, parse_time
from kgmem.services import merged_keys
from kgmem.services.claims import claim as claiming
from kgmem.services.claims import review
from kgmem.services.claims.verify import same_value
from kgmem.services.ports import Ports

T = TypeVar("T")
_TRIES, _PAUSE = 3, 0.05  # Times that a fact is looked for again, and the seconds between.
_TRAIL = 1000  # Entries of the audit trail among which a retraction is looked for.
_RELATIONSHIPS = 1000  # Of one kind and entity, among which a statement is looked for.


async def retract(ports: Ports, graph: str, target: FactTarget, told: tuple[str, str], scope: str) -> Correction:
    """Invalidate a fact, whatever is claimed; the pair is by whom and why. Raises NotFound, InvalidInput."""
    _check(told)

    async def work() -> Correction:
        return await _retracted(ports, graph, await _found(ports, graph, target, scope), told, scope)

    return await _again(target, work)


async def expire(
    ports: Ports, graph: str, target: FactTarget, told: tuple[str, str], scope: str, *, valid_to: str | None = None
) -> Correction:
    """End a fact at a time, or now: it was true until then. Raises NotFound, InvalidInput."""
    _check(told)
    end = parse_time(valid_to).start if valid_to is not None else now()

    async def work() -> Correction:
        return await _expired(ports, graph, await _found(ports, graph, target, scope), told, scope, end=end or 0)

    return await _again(target, work)


async def _expired(
    ports: Ports, graph: str, meant: tuple[StoredFact, Option], told: tuple[str, str], scope: str, *, end: int
) -> Correction:
    (fact, option), last = meant, iso(end)
    begins = await _begins(ports, graph, fact, scope)
    if begins is not None and (parse_time(begins).start or 0) >= end:
        raise InvalidInput(f"It would end at {last}, before it begins at {begins}.", hint="Retract what never was so.")
    by, reason = told
    if fact.method == "none":
        await ports.claims.correct_unclaimed(graph, fact.id, scope, told, valid_to=last)
        return Correction("expire", fact.id, _short(fact, option), {"valid_to": last})
    ruling = NewAdjudication("expire", [fact.id], by, reason, value=option.value, detail={"valid_to": last})
    (done,) = await review.decide(ports, graph, ruling, scope)
    return Correction("expire", fact.id, _short(fact, option), {**done.after, "valid_to": last}, done.adjudication)


async def correct(
    ports: Ports, graph: str, target: FactTarget, told: tuple[str, str], scope: str, *, right: ClaimStatement
) -> Correction:
    """Put another value in a fact's place, claimed and decided by who corrects it. Raises NotFound, InvalidInput.

    Of `right` the object or the value counts, and its times where they are set; else it is valid when the fact is.
    """
    _check(told)
    fact, option = await _found(ports, graph, target, scope)
    wanted = right.value if right.value is not None else right.object
    if wanted is None:
        raise InvalidInput("The correction has no value.", hint="Give the right object or value.", field="value")
    about = await merged_keys.kept_keys(ports, graph, [(scope, right.object)])
    if right.value is not None and about.or_none(scope, right.object) not in {None, fact.about}:
        raise InvalidInput(
            "The correction has both an object and a value.",
            hint=f"Give one of them{f', or the object {fact.about!r} that the value is about' if fact.about else ''}.",
            field="value",
        )
    if same_value(wanted, option.value):
        raise InvalidInput("The correction says what the fact says.", hint="Give another object or value.")
    (claim,) = await merged_keys.of_claims(ports, graph, [_claim(right, fact, told[0], scope)])
    if fact.method == "none":
        facts = await ports.claims.correct_unclaimed(graph, fact.id, scope, told, right=claim)
        for new in facts[:1]:
            await ports.publications.move(graph, fact.id, new)
        await claiming.follow(ports, graph)
        return Correction("correct", fact.id, _short(fact, option), {}, replaced_by=next(iter(facts), None))

    async def work() -> Correction:
        rejected, accepted = await ports.claims.correct(graph, claim, option.claims, told)
        await ports.publications.move(graph, fact.id, accepted.fact)
        await review.learn(ports, graph)
        after = rejected.after if rejected is not None else {"state": "superseded"}
        number = (rejected or accepted).adjudication
        return Correction("correct", fact.id, _short(fact, option), after, number, accepted.fact)

    return await _again(target, work)


def _claim(right: ClaimStatement, fact: StoredFact, by: str, scope: str) -> ClaimStatement:
    """Return what is claimed in a fact's place: for its time, unless the correction has times of its own."""
    timed = right.valid_from is not None or right.valid_to is not None
    return replace(
        right,
        source=by,
        subject=fact.subject,
        predicate=fact.predicate,
        object=right.object or (fact.about or None),
        scope=scope,
        valid_from=right.valid_from if timed else fact.valid_from,
        valid_to=right.valid_to if timed else fact.valid_to,
    )


async def _again(target: FactTarget, work: Callable[[], Awaitable[T]]) -> T:
    """Do what finds a fact by what it says, again where the fact was resolved again in between and has another id."""
    for _ in range(_TRIES):
        try:
            return await work()
        except NotFound:
            if target.fact is not None:
                raise
            await asyncio.sleep(_PAUSE)
    return await work()


async def _retracted(
    ports: Ports, graph: str, meant: tuple[StoredFact, Option], told: tuple[str, str], scope: str
) -> Correction:
    fact, option = meant
    by, reason = told
    if fact.method == "none":
        await ports.claims.correct_unclaimed(graph, fact.id, scope, told)
        return Correction("retract", fact.id, _short(fact, option), {})
    (done,) = await review.decide(
        ports, graph, NewAdjudication("reject", [fact.id], by, reason, value=option.value), scope
    )
    return Correction("retract", fact.id, _short(fact, option), done.after, done.adjudication)


async def _found(ports: Ports, graph: str, target: FactTarget, scope: str) -> tuple[StoredFact, Option]:
    """Return the fact that is meant, and its value. Raises NotFound, InvalidInput."""
    if target.fact is None:
        fact = await _stated(ports, graph, target, scope)
    else:
        fact = await _of_id(ports, graph, target.fact, scope)
    if fact.method == "none" and await ports.claims.weigh_relationship(graph, fact.id):
        fact = await ports.claims.fact(graph, fact.id, scope)
    wanted = target.value if target.value is not None else target.object
    if wanted is None and target.fact is not None and target.fact in fact.relationships:
        wanted = (await ports.store.get_relationship(graph, target.fact, scope)).end
    if wanted is None:
        chosen = next((option for option in fact.options if option.chosen), None)
        if chosen is None:
            await _check_is_not_retracted(ports, graph, (fact.subject, fact.predicate, None), scope)
            raise Conflict(
                "This fact has no value any more: it was retracted, or all that states it was withdrawn.",
                hint="Its adjudications say why; undo one to bring it back, or name the value that is meant.",
            )
        return fact, chosen
    option = next((each for each in fact.options if same_value(each.value, wanted)), None)
    if option is not None and not option.chosen:
        await _check_is_not_retracted(ports, graph, (fact.subject, fact.predicate, wanted), scope)
    if option is None:
        option = next((each for each in fact.options if each.chosen), fact.options[0])
    return fact, option


async def _stated(ports: Ports, graph: str, target: FactTarget, scope: str) -> StoredFact:
    """Return the fact that says what a statement says, the latest of several."""
    target = await merged_keys.of_target(ports, graph, target, scope)
    if target.subject is None or target.predicate is None:
        raise InvalidInput("It is not clear which fact is meant.", hint="Give its id, or subject and predicate.")
    wanted = target.value if target.value is not None else target.object
    facts = await ports.claims.facts_of(graph, scope, target.subject, target.predicate)
    alive = [fact for fact in facts if fact.state not in {"superseded", "invalidated"}] or list(facts)
    if wanted is not None:
        alive = [fact for fact in facts if any(same_value(option.value, wanted) for option in fact.options)]
        alive.sort(key=lambda fact: same_value(fact.value, wanted))
    if alive:
        return alive[-1]
    page = await ports.store.list_relationships(
        graph, scope=scope, kind=target.predicate, entity=target.subject, cursor=None, limit=_RELATIONSHIPS
    )
    for each in page.items:
        if each.start == target.subject and wanted in (None, each.end) and each.id is not None:
            return await ports.claims.fact(graph, each.id, scope)
    await _check_is_not_retracted(ports, graph, (target.subject, target.predicate, wanted), scope)
    said = f"{target.subject} {target.predicate}" + (f" {wanted}" if wanted is not None else "")
    raise NotFound(f"There is no fact {said!r}.", hint="List the facts of the subject, or give the fact's id.")


async def _of_id(ports: Ports, graph: str, id_: int, scope: str) -> StoredFact:
    """Return the fact of an id. Raises NotFound, and Conflict for a relationship that a correction took out."""
    try:
        return await ports.claims.fact(graph, id_, scope)
    except NotFound:
        trail = await ports.claims.decisions(graph, scope, before=None, limit=_TRAIL)
        for entry in trail:
            if entry.action == "withdraw" and entry.detail.get("relationship") == id_ and "said" in entry.detail:
                raise _retraction(entry, f"The relationship {id_}") from None
        raise


async def _check_is_not_retracted(ports: Ports, graph: str, said: tuple[str, str, Any], scope: str) -> None:
    """Raise Conflict where a correction retracted what a statement says; its value None: any."""
    subject, predicate, value = said
    trail = await ports.claims.decisions(
        graph, scope, before=None, limit=_TRAIL, subject=subject, predicate=predicate
    )  # fmt: skip
    for entry in trail:
        taken = entry.value if entry.action == "reject" else entry.detail.get("said")
        if entry.action not in {"reject", "withdraw"} or taken is None or entry.ended is not None:
            continue
        if value is None or same_value(taken, value):
            raise _retraction(entry, f"'{subject} {predicate} {taken}'")


def _retraction(entry: Decision, what: str) -> Conflict:
    undoing = f"Undo the adjudication {entry.id} to bring it back" if entry.action == "reject" else "State it again"
    return Conflict(
        f"{what} was retracted at {entry.at} by {entry.by}: {entry.reason}",
        hint=f"{undoing}, or correct the value that counts now.",
        adjudication=entry.id,
        retracted_at=entry.at,
        by=entry.by,
        reason=entry.reason,
    )


async def _begins(ports: Ports, graph: str, fact: StoredFact, scope: str) -> str | None:
    """Return from when a fact holds: of values that do not compete the relationship says it."""
    if fact.valid_from is not None or len(fact.relationships) != 1:
        return fact.valid_from
    return (await ports.store.get_relationship(graph, fact.relationships[0], scope)).valid_from


def _check(told: tuple[str, str]) -> None:
    if not all(each.strip() for each in told):
        raise InvalidInput("A correction says by whom it is, and why.", hint="Give by and reason.")


def _short(fact: StoredFact, option: Option) -> Mapping[str, Any]:
    return {
        "value": option.value,
        "state": fact.state,
        "probability": option.probability,
        "valid_from": fact.valid_from,
        "valid_to": fact.valid_to,
    }
