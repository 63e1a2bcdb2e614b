"""Weighing the claims of locked topics, in the caller's transaction: from claims to facts, and what these say."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson

from kgmem.domain.claim import Decision
from kgmem.domain.consensus import Claim, Consensus, KnownSources, Method, Setting, ValueRule, Verdict
from kgmem.domain.deciding import ClaimTimes, Draft, decided, drafted
from kgmem.domain.interval import valid_interval
from kgmem.domain.scope import visible_from
from kgmem.storage.postgres.claim_rows import Topic, rule_for
from kgmem.storage.postgres.correlating import Drafts, entangled
from kgmem.storage.postgres.layout import Layout
from kgmem.storage.postgres.passages import Passages
from kgmem.storage.postgres.verdict_rows import Weighed, write_verdicts

# What a full run made of topics: by topic, the verdicts and the ids of the claims that they number.
Given = Mapping[int, tuple[Sequence[Verdict], Sequence[int]]]


@dataclass(frozen=True, slots=True)
class Held:
    """The claims of one topic as they are held, and the rule by which they are weighed."""

    topic: Topic
    rows: Sequence[Any]
    rule: ValueRule

    @property
    def ids(self) -> list[int]:
        """The ids of its claims, in the order in which they are weighed."""
        return [row["id"] for row in self.rows]

    def claims(self) -> list[Claim]:
        """Give the claims as they are weighed."""
        return [claim_of(self.topic, row) for row in self.rows]

    def times(self) -> dict[int, ClaimTimes]:
        """Give when each claim became valid, and known."""
        return {
            row["id"]: ClaimTimes(valid_interval(row["valid_from"], row["valid_to"]).start, row["known_from"])
            for row in self.rows
        }


async def weigh_topics(
    connection: asyncpg.Connection,
    passages: Passages,
    consensus: Consensus,
    topics: Iterable[Topic],
    given: Given | None = None,
) -> list[int]:
    """Weigh the claims of topics that are locked, and write what comes of it; gives the facts, by topic."""
    by_scope: dict[str, list[Topic]] = defaultdict(list)
    for topic in topics:
        by_scope[topic.scope].append(topic)
    facts: list[int] = []
    for scope, mine in sorted(by_scope.items()):
        run = _Run(connection, passages.layout, consensus, scope, given or {})
        drafts = await run.draft(mine)
        after = await entangled(connection, passages.layout, scope, drafts, run.widen)
        weighed = [Weighed(run.held[id_].topic, told, run.held[id_].rows) for id_, (told, _) in after.items()]
        facts += await write_verdicts(connection, passages, weighed)
    return facts


@dataclass(slots=True)
class _Run:
    """The weighing of topics of one scope, which grows by what hangs together with them."""

    connection: asyncpg.Connection
    layout: Layout
    consensus: Consensus
    scope: str
    given: Given
    held: dict[int, Held] = field(default_factory=dict)

    async def draft(self, topics: Sequence[Topic]) -> Drafts:
        """Give what is held of topics, apart from what hangs together with them."""
        held = await held_topics(self.connection, self.layout, self.scope, topics)
        drafts = await self._weighed(held)
        decisions = await decisions_of(self.connection, self.layout, [topic.id for topic in topics])
        self.held |= {each.topic.id: each for each in held}
        return {
            each.topic.id: (_decided(drafts[each.topic.id], each, decisions.get(each.topic.id, ())), each.rule)
            for each in held
        }

    async def _weighed(self, held: Sequence[Held]) -> dict[int, list[Draft]]:
        """Weigh topics, each by itself unless a full run gave its verdicts."""
        given, layout = self.given, self.layout
        alone = [each for each in held if each.topic.id not in given or list(given[each.topic.id][1]) != each.ids]
        settings = await _settings(self.connection, layout, self.scope, {each.topic.predicate for each in alone})
        rows = [row for each in alone for row in each.rows]
        known = await _known(self.connection, layout, self.scope, rows) if rows else KnownSources({})
        own = {each.topic.id for each in alone}
        drafts = {
            each.topic.id: [drafted(verdict, each.ids) for verdict in given[each.topic.id][0]]
            for each in held
            if each.topic.id not in own
        }
        for each in alone:
            setting = settings.get(each.topic.predicate, Setting())
            verdicts = self.consensus.again(each.claims(), known, each.rule, setting)
            drafts[each.topic.id] = [drafted(verdict, each.ids) for verdict in verdicts]
        return drafts

    async def widen(self, topics: Sequence[int]) -> Drafts:
        """Lock further topics, and give what is held of them."""
        rows = await self.connection.fetch(self.layout.sql("claims", "lock_topics_by_id"), list(topics))
        return await self.draft(
            [Topic(row["id"], row["path"], row["subject"], row["predicate"], row["about"]) for row in rows]
        )


async def held_topics(
    connection: asyncpg.Connection, layout: Layout, scope: str, topics: Sequence[Topic]
) -> list[Held]:
    """Read the claims of topics of one scope."""
    rows = await connection.fetch(
        layout.sql("claims", "claims_of"), [topic.id for topic in topics], list(visible_from(scope))
    )
    of_topic: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        of_topic[row["topic"]].append(row)
    return [
        Held(topic, of_topic[topic.id], rule_for(layout, topic.predicate, objects=_names_entities(of_topic[topic.id])))
        for topic in topics
    ]


async def decisions_of(
    connection: asyncpg.Connection, layout: Layout, topics: Sequence[int]
) -> dict[int, list[Decision]]:
    """Give the decisions that stand, by topic."""
    found: dict[int, list[Decision]] = defaultdict(list)
    for row in await connection.fetch(layout.sql("claims", "decisions_of"), topics):
        found[row["topic"]].append(
            Decision(
                id=row["id"],
                action=row["action"],
                by=row["by"],
                reason=row["reason"],
                at="",
                claims=row["claims"],
                detail=orjson.loads(row["detail"]),
            )
        )
    return found


def claim_of(topic: Topic, row: Any) -> Claim:
    """Give a claim as it is weighed: one of a relationship's value is of both ends together."""
    value = None if row["value"] is None else orjson.loads(row["value"])
    return Claim(
        source=row["key"],
        subject=f"{topic.subject}\x1f{topic.about}" if topic.about else topic.subject,
        predicate=topic.predicate,
        value=_plain(value),
        object=None if value is not None else row["object"],
        valid=valid_interval(row["valid_from"], row["valid_to"]),
        confidence=row["confidence"],
        id=row["id"],
    )


def _plain(value: Any) -> Any:
    """Give a value as it is compared: of a number with its unit, both in one text; of coordinates, a point."""
    if isinstance(value, dict) and set(value) == {"lat", "lon"}:
        return [value["lon"], value["lat"]]
    if isinstance(value, dict) and set(value) == {"value", "unit"}:
        return f"{value['value']} {value['unit']}" if value["unit"] else value["value"]
    return value


def _names_entities(rows: Sequence[Any]) -> bool:
    return any(row["value"] is None for row in rows)


def _decided(drafts: Sequence[Draft], held: Held, decisions: Sequence[Decision]) -> list[Draft]:
    times = held.times()
    return [decided(draft, held.rule, times, decisions) for draft in drafts]


async def _settings(
    connection: asyncpg.Connection, layout: Layout, scope: str, predicates: set[str]
) -> dict[str, Setting]:
    if not predicates:
        return {}
    sql = layout.sql("claims", "settings")
    rows = await connection.fetch(sql, sorted(predicates), list(visible_from(scope)))
    return {
        row["predicate"]: Setting(Method(row["method"]), row["reason"], row["wrong"], row["likeness"]) for row in rows
    }


async def _known(connection: asyncpg.Connection, layout: Layout, scope: str, rows: Sequence[Any]) -> KnownSources:
    """Give what is known of the sources of claims: what was learned in the nearest scope, or else what was given."""
    trust = {row["key"]: row["learned"] if row["learned"] is not None else row["prior"] for row in rows}
    houses = {row["key"]: row["parent"] for row in rows if row["parent"]}
    pairs = await connection.fetch(layout.sql("claims", "copies"), list(visible_from(scope)), list(trust))
    groups: dict[str, set[str]] = {}
    for pair in pairs:
        whole = groups.get(pair["one"], {pair["one"]}) | groups.get(pair["other"], {pair["other"]})
        groups |= dict.fromkeys(whole, whole)
    return KnownSources(trust, houses, [frozenset(group) for group in {id(g): g for g in groups.values()}.values()])
