"""A full run: all claims of a scope weighed together, and the facts that change by it written in small transactions."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import asyncpg
import orjson

from kgmem.domain.claims.claim import Decision
from kgmem.domain.claims.consensus import ClaimedSource, Consensus, Reporting, Standing, ValueRule, Verdict
from kgmem.domain.claims.consensus import Weighed as Outcome
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.slices import broken_off, progress, slice_over
from kgmem.domain.time.interval import now
from kgmem.store.claims import correlation_store
from kgmem.store.claims.claim_rows import Topic, rule_for
from kgmem.store.claims.fact_resolution import Given, GivenTopic, claim_of, labelled, weigh_topics
from kgmem.store.db.database import Database
from kgmem.store.db.sql import SQL, fill
from kgmem.store.graph.layout import Layout
from kgmem.store.write.claims_from_edges import weighed_kinds
from kgmem.store.write.passages import Passages
from kgmem.store.write.source_keys import bound_sources

DUE_SHARE = 0.05  # A full run is worth it when so many claims are new.
_SECOND = 1_000_000  # Microseconds.
_BATCH = 200  # Topics that are written in one transaction.


async def run(database: Database, layout: Layout, consensus: Consensus) -> dict[str, Any]:
    """Run consensus on all scopes of a graph, outer ones first; return counts of claims, sources, facts and copies.

    As a job it makes room between scopes, and between the facts of one, and goes on there. What one scope claims is
    computed in one piece, from one state of it.
    """
    begun_at = progress()
    async with database.connection() as connection:
        scopes = await connection.fetch(layout.sql("batch_consensus", "scopes"), begun_at.get("scope", ""))
    told = {"scopes": 0, "claims": 0, "sources": 0, "facts": 0, "copies": 0} | dict(begun_at.get("counts", {}))
    for position, scope in enumerate(scopes):
        here = begun_at if scope["path"] == begun_at.get("scope") else {}
        if position and await slice_over({"scope": scope["path"], "counts": told}):
            break
        counts = await _run_scope(
            database, layout, consensus, (scope["id"], scope["path"]), _ScopeOrder(here.get("topic", 0), told)
        )
        if broken_off():
            break
        told = {name: count + counts[name] for name, count in told.items()}
    return told


class _ScopeOrder:
    """When a scope makes room, of which the topics up to one are written already.

    Who goes on computes all of the scope again, so at least as much time is spent on writing as on that.
    """

    def __init__(self, written: int, told: Mapping[str, int]) -> None:
        """Take the last topic that is written, and the counts of the scopes before."""
        self.written = written
        self._told = told
        self._began = time.monotonic()
        self._rest = 0.0

    def computed(self) -> None:
        """Note that writing begins now."""
        self._rest = 2 * time.monotonic() - self._began

    async def over(self, path: str, topic: int) -> bool:
        """Return whether the time of this slice is over; the topics of the scope are written up to this one."""
        if time.monotonic() < self._rest:
            return False
        return await slice_over({"scope": path, "topic": topic, "counts": dict(self._told)})


async def _run_scope(
    database: Database, layout: Layout, consensus: Consensus, scope: tuple[int, str], turns: _ScopeOrder
) -> dict[str, int]:
    number, path = scope
    async with database.connection() as connection, connection.transaction(readonly=True):
        await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
        rows = await connection.fetch(layout.sql("batch_consensus", "claims"), number, weighed_kinds(layout))
        taken = await connection.fetch(layout.sql("batch_consensus", "labels"), number)
        keys = sorted({row["key"] for row in rows})
        # What was learned in the scope itself is what this run learns anew.
        seen = list(visible_from(path))
        bound = {"bound": bound_sources(layout)}
        sources = await connection.fetch(fill(layout.sql("batch_consensus", "sources"), bound), keys, seen[:-1], seen)
    topics = {row["topic"]: Topic(row["topic"], path, row["subject"], row["predicate"], row["about"]) for row in rows}
    claims = [replace(claim_of(topics[row["topic"]], row), subject=str(row["topic"])) for row in rows]
    claims = labelled(claims, [_decision(row) for row in taken])
    known = [
        ClaimedSource(
            row["key"],
            _bounded(row["learned"] if row["learned"] is not None else row["prior"]),
            row["parent"],
            row["record"] or 0,
            row["voice"],
            row["young"],
        )
        for row in sources
    ]
    rules = _rules(layout, rows)
    outcome = await asyncio.to_thread(partial(consensus.weigh, claims, sources=known, rules=rules, now=now()))
    numbers = {row["key"]: row["id"] for row in sources}
    await database.transact(lambda connection: _learn(connection, layout, number, outcome, (numbers, rows)))
    given = _by_topic(outcome, rows, taken)
    turns.computed()
    ordered = sorted(id_ for id_ in topics if id_ > turns.written)
    for at in range(0, len(ordered), _BATCH):
        batch = [topics[id_] for id_ in ordered[at : at + _BATCH]]
        await database.transact(partial(_write, layout=layout, consensus=consensus, topics=batch, given=given))
        if await turns.over(path, batch[-1].id):
            return {}
    await database.transact(lambda connection: correlation_store.find(connection, layout, number))
    return {
        "scopes": 1,
        "claims": len(rows),
        "sources": len(outcome.sources),
        "facts": len(outcome.verdicts),
        "copies": len(outcome.copies),
    }


def _decision(row: Any) -> Decision:
    detail = orjson.loads(row["detail"])
    return Decision(row["id"], row["action"], row["by"], row["reason"], "", claims=row["claims"], detail=detail)


async def _write(
    connection: asyncpg.Connection,
    layout: Layout,
    consensus: Consensus,
    topics: Sequence[Topic],
    given: Given,
) -> None:
    """Write the verdicts on some topics; one of which claims or decisions changed meanwhile is weighed by itself."""
    rows = await connection.fetch(layout.sql("claims", "lock_topics_by_id"), [topic.id for topic in topics])
    scopes = {row["path"]: row["scope"] for row in rows}
    passages = Passages(replace(layout, scopes=scopes))
    there = {row["id"] for row in rows}
    mine = [topic for topic in topics if topic.id in there]
    await weigh_topics(connection, passages, consensus, mine, {topic.id: given[topic.id] for topic in mine})
    await passages.store(connection)


def _bounded(trust: float) -> float:
    return min(max(trust, 0.05), 0.95)


def _rules(layout: Layout, rows: Sequence[Any]) -> dict[str, ValueRule]:
    objects: dict[str, bool] = defaultdict(bool)
    for row in rows:
        objects[row["predicate"]] |= row["value"] is None
    return {name: rule_for(layout, name, objects=each) for name, each in objects.items()}


def _by_topic(outcome: Outcome, rows: Sequence[Any], taken: Sequence[Any]) -> Given:
    """Return the verdicts of each topic, with the ids of its claims, which number them now, and of its decisions."""
    ids: dict[int, list[int]] = defaultdict(list)
    place: list[int] = []
    for row in rows:
        place.append(len(ids[row["topic"]]))
        ids[row["topic"]].append(row["id"])
    verdicts: dict[int, list[Verdict]] = defaultdict(list)
    for verdict in outcome.verdicts:
        chosen, others = (
            tuple(replace(each, claims=tuple(place[claim] for claim in each.claims)) for each in group)
            for group in (verdict.chosen, verdict.alternatives)
        )
        verdicts[int(verdict.subject)].append(replace(verdict, chosen=chosen, alternatives=others))
    decided: dict[int, list[int]] = defaultdict(list)
    for row in taken:
        decided[row["topic"]].append(row["id"])
    return {topic: GivenTopic(verdicts[topic], mine, decided[topic]) for topic, mine in ids.items()}


async def _learn(
    connection: asyncpg.Connection,
    layout: Layout,
    scope: int,
    outcome: Outcome,
    told: tuple[dict[str, int], Sequence[Any]],
) -> None:
    """Write what the run learned of sources, of copies, and of methods."""
    numbers, rows = told
    await connection.execute(layout.sql("batch_consensus", "turn"), layout.id)
    standings = sorted(((numbers[s.source], s) for s in outcome.sources if s.source in numbers), key=lambda p: p[0])
    reports = [outcome.reports.get(each.source) for _, each in standings]
    await connection.execute(
        layout.sql("batch_consensus", "put_standings"),
        scope,
        [number for number, _ in standings],
        [round(each.trust, 4) for _, each in standings],
        [round(each.prior, 4) for _, each in standings],
        [each.claims for _, each in standings],
        [each.checked for _, each in standings],
        [orjson.dumps({name: round(v, 4) for name, v in each.by_domain.items()}).decode() for _, each in standings],
        [_reason(each, report) for (_, each), report in zip(standings, reports, strict=True)],
        [each.rate if each else None for each in reports],
        [each.delay / _SECOND if each else None for each in reports],
    )
    await connection.execute(
        layout.sql("batch_consensus", "drop_standings"), scope, [number for number, _ in standings]
    )
    await connection.execute(layout.sql("batch_consensus", "drop_settings"), scope)
    settings = sorted(outcome.settings.items())
    await connection.execute(
        layout.sql("batch_consensus", "put_settings"),
        scope,
        [name for name, _ in settings],
        [each.method.value for _, each in settings],
        [each.reason for _, each in settings],
        [each.wrong for _, each in settings],
        [each.similarity for _, each in settings],
    )
    await connection.execute(layout.sql("batch_consensus", "drop_copies"), scope)
    pairs = [each for each in outcome.copies if each.one in numbers and each.other in numbers]
    await connection.execute(
        layout.sql("batch_consensus", "put_copies"),
        scope,
        [numbers[each.one] for each in pairs],
        [numbers[each.other] for each in pairs],
        [each.probability for each in pairs],
        [each.shared for each in pairs],
    )
    newest = max((row["id"] for row in rows), default=0)
    await connection.execute(layout.sql("batch_consensus", "put_weighed"), scope, newest, len(rows))


def _reason(told: Standing, report: Reporting | None) -> str:
    judged = f" People decided on {told.decided} of them, and {told.accepted} were right." if told.decided else ""
    judged += f" It reports {report.rate:.2f} of the changes that others report." if report is not None else ""
    if not told.checked:
        return (
            f"None of its {told.claims} claims is spoken of by others: the trust that it was given, {told.prior:.2f}, "
            f"holds.{judged}"
        )
    return (
        f"{told.checked} of its {told.claims} claims are spoken of by others; weighed with these, {told.trust:.2f} of "
        f"what it says is right. It began with {told.prior:.2f}.{judged}"
    )
