"""Decisions of agents: record, list by what became of their evidence, resolve, review, follow, and calibrate."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from kgmem.domain.agents.calibration import Calibration, calibration, forecast_of
from kgmem.domain.agents.decision import (
    DOUBTFUL,
    FACT_ID,
    GROUNDS,
    LABEL,
    MOST_OUTCOMES,
    RESTS_ON,
    STATES,
    Consequence,
    Consequences,
    DecisionFilter,
    DecisionRecord,
    DecisionStatement,
    Evidence,
    NewOutcome,
    Outcome,
    check_key,
    check_new_outcome,
    check_outcome,
    check_review,
    check_statement,
    content_hash,
    from_entity,
    said,
    to_entity,
)
from kgmem.domain.agents.state import check_name
from kgmem.domain.errors import Conflict, InvalidInput, NotFound, VersionConflict
from kgmem.domain.graph.entity import Entity, Page
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.time.interval import iso, now
from kgmem.services.agents.booked import booked
from kgmem.services.agents.evidence import EvidenceReader, found_entity
from kgmem.services.ports import Ports
from kgmem.services.texts import remember as remembering
from kgmem.services.texts.remember import schema_of

MOST_DEPTH: Final = 20
_LOOKED_AT: Final = 2000  # Decisions that one page of a list looks at; the cursor leads on from there.
_PAGE: Final = 200
_MOST_CALIBRATED: Final = 100_000
_MOST_EDGES: Final = 1000  # Of one entity that the way to consequences follows.
_TRIES: Final = 5


class Decisions:
    """Decisions of agents: entities of the label Decision, joined to what they rest on and what they caused."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def record(self, graph: str, stated: DecisionStatement) -> DecisionRecord:
        """Store a decision; the same statement under the same key again changes nothing.

        Evidence and what was caused have to be there, in the view of the decision's scope. Raises InvalidInput,
        Conflict where the key is taken by another statement or entity, SchemaViolation, NotFound.
        """
        check_statement(stated)
        key = stated.key or f"decision-{secrets.token_hex(8)}"
        for _ in range(_TRIES):
            stored = await self._own(graph, key, stated.scope)
            try:
                return await self._recorded(graph, key, stated, stored)
            except VersionConflict:  # Another writer came first: compare with what it wrote.
                continue
        raise Conflict(f"The decision {key!r} changes too fast.", hint="Try again in a moment.")

    async def get(self, graph: str, key: str, *, scope: str = SHARED) -> DecisionRecord:
        """Return the decision that a scope sees under a key, with the state of its evidence. Raises NotFound."""
        record = await self._seen(graph, check_key(key), check_scope(scope))
        return await EvidenceReader(self._ports, graph, scope).with_states(record)

    async def list(self, graph: str, asked: DecisionFilter) -> Page[DecisionRecord]:
        """Return a page of the decisions that a scope sees, by id, with the state of their evidence.

        One call looks at 2,000 decisions at most, so that a page may be short, or empty, and yet have a cursor.
        """
        check_scope(asked.scope)
        if asked.agent is not None:
            check_name("agent", asked.agent)
        for state in asked.evidence:
            if state not in STATES:
                raise InvalidInput(
                    f"{state[:80]!r} is no state of evidence.", hint=f"Give {', '.join(STATES)}.", field="evidence"
                )
        reader, found, cursor, looked = EvidenceReader(self._ports, graph, asked.scope), [], asked.cursor, 0
        named = frozenset() if asked.rests_on is None else await reader.names(asked.rests_on)
        while looked < _LOOKED_AT:
            page = await self._ports.store.list_entities(
                graph, scope=asked.scope, label=LABEL, cursor=cursor, limit=_PAGE
            )
            for entity in page.items:
                looked += 1
                record = await self._matching(entity, asked, reader, named)
                if record is not None:
                    found.append(record)
                if len(found) == asked.limit:
                    last = entity is page.items[-1] and page.cursor is None
                    return Page(found, None if last else str(entity.id))
            cursor = page.cursor
            if cursor is None:
                break
        return Page(found, cursor)

    async def resolve(self, graph: str, key: str, new: NewOutcome, *, scope: str = SHARED) -> DecisionRecord:
        """Record what came about: yes, no, or an option. A changed outcome keeps the earlier ones.

        The outcome that a decision has is not recorded again. Raises NotFound, InvalidInput.
        """
        check_new_outcome(new)

        def change(record: DecisionRecord) -> dict[str, Any] | None:
            outcome = Outcome(check_outcome(record, new.outcome), new.at or iso(now()), new.by, new.note)
            before = record.outcome
            if before and (before.outcome, before.note) == (outcome.outcome, outcome.note):
                return None
            if len(record.outcomes) >= MOST_OUTCOMES:
                raise InvalidInput("The outcome changed too often.", hint=f"At most {MOST_OUTCOMES} are kept.")
            outcomes = [_told(each) for each in (*record.outcomes, outcome)]
            return {"outcome": outcome.outcome, "outcome_at": outcome.at, "outcomes": outcomes}

        return await self._change(graph, key, scope, change)

    async def review(self, graph: str, key: str, *, by: str, reason: str, scope: str = SHARED) -> DecisionRecord:
        """Note that a reviewer looked at a decision: it waits again only when its evidence changes further."""
        check_review(by, reason)

        def change(record: DecisionRecord) -> dict[str, Any]:
            return {"review": {"by": by, "reason": reason, "at": iso(now()), "states": _states(record)}}

        return await self._change(graph, key, scope, change)

    async def consequences(
        self, graph: str, key: str, *, scope: str = SHARED, depth: int = 5, limit: int = 100
    ) -> Consequences:
        """Return what followed from a decision: what it caused, decisions that rest on it, and so on. Raises NotFound.

        At most `depth` steps (1 to 20) and `limit` entities, nearest first; each once, as it is reached first.
        """
        if not 1 <= depth <= MOST_DEPTH:
            raise InvalidInput(f"depth is {depth}.", hint=f"Give 1 to {MOST_DEPTH}.", field="depth")
        if not 1 <= limit <= _MOST_EDGES:
            raise InvalidInput(f"limit is {limit}.", hint=f"Give 1 to {_MOST_EDGES}.", field="limit")
        record = await self._seen(graph, check_key(key), check_scope(scope))
        causal = await self._causal(graph)
        seen, level, cut = {record.key}, [record.key], False
        found: list[Consequence] = []
        for step in range(1, depth + 1):
            reached: list[str] = []
            for at in level:
                page = await self._ports.store.list_relationships(
                    graph, scope=scope, kind=None, entity=at, cursor=None, limit=_MOST_EDGES
                )
                cut |= page.cursor is not None
                # By kind, so that what two lead to is told of the same one whatever their ids are.
                for edge in sorted(page.items, key=lambda each: each.kind):
                    end = _next(edge, at, causal)
                    if end is None or end in seen:
                        continue
                    if len(found) == limit:
                        return Consequences(found, cut=True)
                    entity = await found_entity(self._ports, graph, end, scope)
                    seen.add(end)
                    if entity is not None:
                        reached.append(end)
                        found.append(_consequence(entity, step, edge.kind, at))
            level = reached
        return Consequences(found, cut)

    async def calibration(self, graph: str, agent: str, *, scope: str = SHARED, bins: int = 10) -> Calibration:
        """Return how well the probabilities of an agent's decisions, as a scope sees them, fit their outcomes."""
        check_name("agent", agent)
        empty = calibration(agent, 0, (), bins)
        forecasts, count, looked, cursor = [], 0, 0, None
        while True:
            page = await self._ports.store.list_entities(
                graph, scope=check_scope(scope), label=LABEL, cursor=cursor, limit=_MOST_EDGES
            )
            records = [from_entity(entity) for entity in page.items]
            own = [record for record in records if record.statement.agent == agent]
            count += len(own)
            forecasts += [forecast for record in own if (forecast := forecast_of(record)) is not None]
            looked, cursor = looked + len(records), page.cursor
            if cursor is None:
                return calibration(agent, count, forecasts, bins) if count else empty
            if looked >= _MOST_CALIBRATED:
                raise InvalidInput(
                    f"The scope sees more than {_MOST_CALIBRATED:,} decisions.", hint="Name a smaller scope."
                )

    async def _recorded(
        self, graph: str, key: str, stated: DecisionStatement, stored: DecisionRecord | None
    ) -> DecisionRecord:
        """Store a decision where there is none of its key yet, and its relationships. Raises Conflict, InvalidInput."""
        reader = EvidenceReader(self._ports, graph, stated.scope)
        known = stored.statement.evidence if stored else ()
        evidence = []
        for place, each in enumerate(stated.evidence):
            before = known[place] if place < len(known) else None
            evidence.append(before if before and _same(before, each) else await reader.resolved(place, each))
        whole = replace(stated, evidence=evidence, decided_at=stated.decided_at or iso(now()))
        if stored is not None:
            other = stated.decided_at is not None and stated.decided_at != stored.statement.decided_at
            if other or content_hash(whole) != content_hash(stored.statement):
                raise Conflict(
                    f"The key {key!r} is that of another decision.",
                    hint="A decision does not change: record a new one under a key of its own.",
                )
            await self._relate(graph, key, stored.statement, strict=False)
            return await reader.with_states(replace(stored, created=False))
        await self._check_caused(graph, whole)
        transaction = await booked(self._ports, graph, stated.scope, stated.transaction)
        await remembering.put_entities(self._ports, graph, [to_entity(key, whole, transaction)])
        await self._relate(graph, key, whole, strict=True)
        written = await self._seen(graph, key, stated.scope)
        return await reader.with_states(replace(written, created=True))

    async def _check_caused(self, graph: str, stated: DecisionStatement) -> None:
        causal = await self._causal(graph) if stated.caused else ()
        for place, each in enumerate(stated.caused):
            if each.kind not in causal:
                raise InvalidInput(
                    f"caused[{place}].kind is {each.kind[:80]!r}, which is not causal.",
                    hint=f"Give one of {', '.join(sorted(causal))}, or declare it causal in the graph's schema.",
                    field=f"caused[{place}].kind",
                )
            if await found_entity(self._ports, graph, each.to, stated.scope) is None:
                raise InvalidInput(
                    f"caused[{place}].to: there is no entity {each.to[:80]!r}.",
                    hint="Write the entity first.",
                    field=f"caused[{place}].to",
                )

    async def _relate(self, graph: str, key: str, stated: DecisionStatement, *, strict: bool) -> None:
        """Write the relationships of a decision; with `strict` all of them, else those whose ends are still there."""
        wanted = _relationships(key, stated)
        ends = sorted({end for edge in wanted for end in (edge.start, edge.end)} - {key})
        there = {key}
        for end in ends:
            if await found_entity(self._ports, graph, end, stated.scope) is not None:
                there.add(end)
        # A fact may be about a subject that no entity has: then the record alone names it.
        edges = [edge for edge in wanted if {edge.start, edge.end} <= there]
        if edges and (strict or len(edges) == len(wanted)):
            await remembering.put_relationships(self._ports, graph, edges)

    async def _causal(self, graph: str) -> frozenset[str]:
        schema = schema_of(self._ports.core_schema, await self._ports.graphs.get(graph))
        return frozenset(name for name, kind in schema.kinds.items() if kind.causal)

    async def _own(self, graph: str, key: str, scope: str) -> DecisionRecord | None:
        """Return the decision of a key in this scope only. Raises Conflict where it is another entity's."""
        try:
            entity = await self._ports.store.get_entity(graph, key, scope)
        except NotFound:
            return None
        if entity.scope != scope:
            return None
        if entity.label != LABEL:
            raise Conflict(f"The key {key!r} is that of another entity.", hint="Give the decision another key.")
        return from_entity(entity)

    async def _seen(self, graph: str, key: str, scope: str) -> DecisionRecord:
        """Return the decision that a scope sees under a key. Raises NotFound."""
        entity = await found_entity(self._ports, graph, key, scope)
        if entity is None or entity.label != LABEL:
            raise NotFound(f"There is no decision {key!r} in this scope.", hint="List the decisions.")
        return from_entity(entity)

    async def _change(self, graph: str, key: str, scope: str, change: Any) -> DecisionRecord:
        """Change properties of a decision of this scope, again where another writer came first."""
        reader = EvidenceReader(self._ports, graph, check_scope(scope))
        for _ in range(_TRIES):
            record = await self._own(graph, check_key(key), scope)
            if record is None:
                raise NotFound(f"There is no decision {key!r} in this scope.", hint="A change names its own scope.")
            record = await reader.with_states(record)
            properties = change(record)
            if properties is None:
                return record
            try:
                entity = Entity(record.key, properties=properties, scope=scope, version=record.version)
                await remembering.put_entities(self._ports, graph, [entity])
            except VersionConflict:
                continue
            return await self.get(graph, key, scope=scope)
        raise Conflict(f"The decision {key!r} changes too fast.", hint="Try again in a moment.")

    async def _matching(
        self, entity: Entity, asked: DecisionFilter, reader: EvidenceReader, named: frozenset[str]
    ) -> DecisionRecord | None:
        """Return the decision that an entity is, with the state of its evidence, where it is one of those wanted.

        `named` are the names of what it is to rest on; none: anything.
        """
        record = from_entity(entity)
        stated = record.statement
        if (asked.agent, asked.session) != (asked.agent and stated.agent, asked.session and stated.session):
            return None
        if named and not any(_is_named(each, asked.rests_on, named) for each in stated.evidence):
            return None
        record = await reader.with_states(record)
        states = _states(record)
        if asked.evidence and not set(asked.evidence) & set(states):
            return None
        return record if not asked.waiting or _waits(record, states) else None


def _relationships(key: str, stated: DecisionStatement) -> Sequence[Relationship]:
    """Return what joins a decision to what it rests on and what it caused."""
    found: list[Relationship] = []
    for place, each in enumerate(stated.evidence):
        name = f"{key}/evidence/{place}"
        properties: dict[str, Any] = {"evidence": place, "type": each.type}
        if each.subject is not None:  # A fact is a relationship itself: the decision is joined to both of its ends.
            properties |= {"statement": said(each)} | ({FACT_ID: each.id} if each.id is not None else {})
            ends = dict.fromkeys(end for end in (each.subject, each.object or each.about) if end is not None)
        else:
            ends = dict.fromkeys([each.key] if each.type in {"entity", "decision"} and each.key else [])
        for end in ends:
            edge = f"{name}/{len(found)}"
            found.append(Relationship(RESTS_ON, key, end, edge, properties, scope=stated.scope))
        if ends and each.subject is None and each.key is not None:
            found.append(Relationship(GROUNDS, each.key, key, f"{name}/cause", properties, scope=stated.scope))
    for place, caused in enumerate(stated.caused):
        edge = f"{key}/caused/{place}"
        found.append(
            Relationship(caused.kind, key, caused.to, edge, strength=caused.strength, scope=stated.scope)
        )  # fmt: skip
    return [each for each in found if each.start != each.end]


def _next(edge: Relationship, at: str, causal: frozenset[str]) -> str | None:
    """Return where an edge leads on from an entity: along causes, and from what a decision rests on to the decision."""
    if edge.kind in causal and edge.start == at:
        return edge.end
    return edge.start if edge.kind == RESTS_ON and edge.end == at else None


def _consequence(entity: Entity, depth: int, kind: str, after: str) -> Consequence:
    record = from_entity(entity) if entity.label == LABEL else None
    outcome = record.outcome.outcome if record and record.outcome else None
    return Consequence(entity.key, entity.label or "", entity.name, depth, kind, after, outcome)


def _same(stored: Evidence, stated: Evidence) -> bool:
    return (stored.type, stored.note) == (stated.type, stated.note) and (
        stored.id == stated.id if stated.id is not None else stored.key == stated.key
    )


def _is_named(each: Evidence, wanted: str | None, ids: frozenset[str]) -> bool:
    if wanted in {each.key, each.subject, each.object}:
        return True
    # A claim may have the number of a fact.
    return each.id is not None and (str(each.id) == wanted if each.type == "claim" else str(each.id) in ids)


def _states(record: DecisionRecord) -> list[str]:
    return [each.state or "" for each in record.statement.evidence]


def _waits(record: DecisionRecord, states: Sequence[str]) -> bool:
    """Return whether a decision waits for a reviewer: its evidence is in doubt, and nobody has looked at that yet."""
    seen = list(record.review.states) if record.review else []
    return any(
        state in DOUBTFUL and (place >= len(seen) or seen[place] != state) for place, state in enumerate(states)
    )  # fmt: skip


def _told(outcome: Outcome) -> dict[str, Any]:
    return {name: value for name, value in asdict(outcome).items() if value is not None}
