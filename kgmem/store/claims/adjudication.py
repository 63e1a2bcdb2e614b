"""Adjudications: decisions of people, rules and observations on facts, written to the audit trail, and undone."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import orjson

from kgmem.domain.claims import superposition
from kgmem.domain.claims.claim import LASTING, Adjudication, ClaimStatement, NewAdjudication, Option, StoredFact
from kgmem.domain.claims.consensus import Consensus
from kgmem.domain.claims.fact_rules import PARTS
from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.store.claims import fact_queries
from kgmem.store.claims.claim_rows import Topic
from kgmem.store.claims.fact_resolution import weigh_topics
from kgmem.store.claims.joint_inference import option_of
from kgmem.store.graph.layout import Layout
from kgmem.store.graph.records import encoded
from kgmem.store.write.passages import Passages

_RULES = [rule.value for rule in superposition.CollapseRule] + ["sample"]


class DryRun(Exception):
    """The result of a dry run; raised so that its transaction is rolled back."""

    def __init__(self, ruled: Sequence[Adjudication]) -> None:
        """Take what it would do."""
        self.ruled = ruled


async def rule(
    connection: asyncpg.Connection, layout: Layout, consensus: Consensus, ruling: NewAdjudication, scope: str
) -> list[Adjudication]:
    """Store a decision on facts in this scope only. Raises NotFound, InvalidInput, and DryRun to end a dry run."""
    topics = await _lock(connection, layout, ruling.facts, scope)
    before = await fact_queries.facts_by_id(connection, layout, ruling.facts, scope)
    if missing := [asked for asked in ruling.facts if asked not in before]:  # Weighed anew before they were locked.
        raise NotFound(f"There is no fact {missing[0]} any more.", hint="List the facts again.")
    taken = {}
    for asked in dict.fromkeys(ruling.facts):
        taken[asked] = await _decide(connection, layout, ruling, before[asked])
    ruled = await _weigh(connection, layout, consensus, topics, (scope, before, taken))
    if ruling.dry_run:
        raise DryRun([Adjudication(each.fact, each.before, each.after) for each in ruled])
    return ruled


async def correct(
    connection: asyncpg.Connection,
    layout: Layout,
    consensus: Consensus,
    corrected: tuple[ClaimStatement, int, Sequence[int]],
    told: tuple[str, str],
) -> tuple[Adjudication | None, Adjudication]:
    """Reject the value that some claims state, and accept that of another claim (its id); all of one subject.

    Returns both decisions; of a value that nobody states any more there is none. Raises NotFound.
    """
    claim, right, wrong = corrected
    by, reason = told
    rejected = None
    for action, claims in (("reject", set(wrong)), ("accept", {right})):
        facts = await fact_queries.facts_of_subject(connection, layout, claim.scope, claim.subject, claim.predicate)
        meant = [
            (fact.id, option.value)
            for fact in facts
            for option in fact.options
            if claims & set(option.claims) and (action == "accept" or right not in option.claims)
        ]
        for id_, value in meant[:1]:
            ruling = NewAdjudication("accept" if action == "accept" else "reject", [id_], by, reason, value=value)
            (ruled,) = await rule(connection, layout, consensus, ruling, claim.scope)
            if action == "accept":
                return rejected, ruled
            rejected = ruled
    raise NotFound(f"There is no fact {claim.subject} {claim.predicate} any more.", hint="List the facts again.")


async def undo(
    connection: asyncpg.Connection,
    layout: Layout,
    consensus: Consensus,
    asked: tuple[int, str, str],
    scope: str,
) -> list[Adjudication]:
    """Take a decision (id, by whom, why) back. Raises NotFound, and Conflict for one that holds no more."""
    id_, by, reason = asked
    row = await connection.fetchrow(layout.sql("fact_queries", "decision"), id_, scope)
    if row is None or row["topic"] is None:
        raise NotFound(f"There is no decision {id_} in this scope.", hint="List the audit trail.")
    if row["ended"] is not None or row["action"] not in LASTING:
        raise Conflict(f"The decision {id_} does not hold any more.", hint="Look into the audit trail for what does.")
    topics = await connection.fetch(layout.sql("claims", "lock_topics_by_id"), [row["topic"]])
    before = await fact_queries.facts_by_id(connection, layout, [row["fact"]], scope)
    put = layout.sql("fact_queries", "put_decision")
    told = encoded({"undoes": id_}).decode()
    new = await connection.fetchval(
        put, topics[0]["scope"], row["topic"], row["fact"], "undo", None, [], by, reason, told
    )
    await connection.execute(layout.sql("claims", "end_decisions"), [id_], new)
    return await _weigh(connection, layout, consensus, topics, (scope, before, dict.fromkeys(before, new)))


async def _lock(connection: asyncpg.Connection, layout: Layout, facts: Sequence[int], scope: str) -> list[Any]:
    """Lock the topics of facts. Raises NotFound for a fact that the scope has not itself."""
    known = await fact_queries.facts_by_id(connection, layout, facts, scope)
    rows = await connection.fetch(
        layout.sql("fact_queries", "topics_of_facts"), [fact.id for fact in known.values()], scope
    )
    there = {row["id"] for row in rows}
    for asked in facts:
        if asked not in known or known[asked].id not in there:
            raise NotFound(f"There is no fact {asked} in this scope.", hint="A decision names its own scope.")
    topics = sorted({row["topic"] for row in rows})
    return list(await connection.fetch(layout.sql("claims", "lock_topics_by_id"), topics))


async def _decide(connection: asyncpg.Connection, layout: Layout, ruling: NewAdjudication, fact: StoredFact) -> int:
    """Write one decision; what it replaces ends with it."""
    value, detail, action = ruling.value, dict(ruling.detail), ruling.action
    if action == "collapse":
        if _several(fact):
            message = f"The fact {fact.id} has several values at once, which do not exclude each other."
            raise InvalidInput(message, hint="Accept or reject some of them.")
        value, told = _collapsed(fact, detail, value)
        detail |= {"before": {_text(each.value): each.probability for each in fact.options}, "told": told}
    meant = _meant(fact, value)
    if not meant and action in LASTING:
        known = ", ".join(_text(each.value) for each in fact.options[:10])
        raise InvalidInput(f"The fact {fact.id} has no value {_text(value)}.", hint=f"Give one of: {known}.")
    claims = sorted({claim for option in meant for claim in option.claims})
    said: Any = meant[0].value if meant else None
    if _several(fact):
        said = [option.value for option in meant]
        detail[PARTS] = said
    (row,) = await connection.fetch(layout.sql("fact_queries", "topics_of_facts"), [fact.id], fact.scope)
    detail["known"] = await connection.fetchval(layout.sql("fact_queries", "newest_claim"), row["topic"])
    id_: int = await connection.fetchval(
        layout.sql("fact_queries", "put_decision"),
        row["scope"],
        row["topic"],
        fact.id,
        action,
        encoded(said).decode(),
        claims,
        ruling.by,
        ruling.reason,
        encoded(detail).decode(),
    )
    if action in LASTING:
        mine = {claim for each in fact.options for claim in each.claims}
        rows = await connection.fetch(layout.sql("claims", "decisions_of"), [row["topic"]])
        over = [each["id"] for each in rows if each["id"] != id_ and _replaces(action, claims, each, mine)]
        await connection.execute(layout.sql("claims", "end_decisions"), over, id_)
    return id_


def _several(fact: StoredFact) -> bool:
    """Return whether a fact has several values at once, each of them an option; one value may be a list, too."""
    return isinstance(fact.value, list) and not any(option.value == fact.value for option in fact.options)


def _meant(fact: StoredFact, value: Any) -> list[Option]:
    """Return the options that a decision names: of a fact with several values at once all that are named, or chosen."""
    if not _several(fact):
        option = option_of(fact.options, value)
        return [option] if option is not None else []
    named = fact.value if value is None else value if isinstance(value, list) else [value]
    found = [option_of(fact.options, each) for each in named]
    return [each for each in found if each is not None] if all(found) else []


def _replaces(action: str, claims: Sequence[int], held: Any, mine: set[int]) -> bool:
    """Return whether a new decision replaces the current one on the same fact."""
    if not mine & set(held["claims"]):
        return False
    if action == "expire" or held["action"] == "expire":  # That it ended does not say that it was wrong.
        return bool(action == held["action"])
    same = bool(set(claims) & set(held["claims"]))
    return same or (action != "reject" and held["action"] != "reject")


def _collapsed(fact: StoredFact, detail: Mapping[str, Any], observed: Any) -> tuple[Any, str]:
    """What a rule makes of a fact's distribution, and why. Raises InvalidInput, and Conflict where it is open."""
    rule = detail.get("rule", "most_probable")
    if rule not in _RULES:
        raise InvalidInput(f"{rule!r} is no rule of collapse.", hint=f"Give one of {', '.join(_RULES)}.")
    by_name = {_text(option.value): option.value for option in fact.options}
    held = superposition.superposed({_text(option.value): option.probability for option in fact.options})
    if rule == "sample":
        seed = int(detail.get("seed", 0))
        name = superposition.sample(held, seed)
        why = f"Drawn by its probability, with the seed {seed}."
    else:
        seen = _text(observed) if observed is not None else None
        made = superposition.collapse(
            held, superposition.CollapseRule(rule), level=float(detail.get("level", 0.7)), observed=seen
        )
        name, why = made.value, made.reason
    if name is None or name not in by_name:
        raise Conflict(f"The fact {fact.id} stays open: {why}", hint="Take another rule, or a lower level.")
    return by_name[name], why


async def _weigh(
    connection: asyncpg.Connection,
    layout: Layout,
    consensus: Consensus,
    topics: Sequence[Any],
    told: tuple[str, Mapping[int, StoredFact], Mapping[int, int]],
) -> list[Adjudication]:
    """Resolve locked topics again; return their facts."""
    scope, before, taken = told
    scopes = {row["path"]: row["scope"] for row in topics}
    passages = Passages(layout.with_scopes(scopes))
    mine = [Topic(row["id"], row["path"], row["subject"], row["predicate"], row["about"]) for row in topics]
    await weigh_topics(connection, passages, consensus, mine)
    after = await fact_queries.facts_by_id(connection, layout, list(before), scope)
    await passages.store(connection)
    return [
        Adjudication(before[asked].id, _short(before[asked]), _short(after.get(asked)), taken.get(asked))
        for asked in before
    ]


def _short(fact: StoredFact | None) -> dict[str, Any]:
    if fact is None:
        return {}
    return {"value": fact.value, "state": fact.state, "probability": fact.probability}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
