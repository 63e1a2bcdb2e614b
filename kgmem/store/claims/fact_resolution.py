"""Weighing the claims of locked topics, in the caller's transaction: from claims to facts, and what these say."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
import orjson

from kgmem.domain.claims.claim import Decision
from kgmem.domain.claims.consensus import (
    PRIOR_TRUST,
    YOUNG_TRUST,
    Claim,
    Consensus,
    KnownSources,
    Method,
    Reporting,
    Setting,
    ValueRule,
    Verdict,
    groups_of,
)
from kgmem.domain.claims.fact_rules import ClaimTimes, Draft, decided, drafted, ended_at
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.time.interval import Interval, now, valid_interval
from kgmem.store.claims.claim_rows import Topic, rule_for
from kgmem.store.claims.joint_inference import Drafts, entangled
from kgmem.store.claims.verdict_writer import ResolvedTopic, write_verdicts
from kgmem.store.db.sql import fill
from kgmem.store.graph.layout import Layout
from kgmem.store.write.passages import Passages
from kgmem.store.write.source_keys import bound_sources


@dataclass(frozen=True, slots=True)
class GivenTopic:
    """What a full run made of a topic: the verdicts, the ids of the claims that they number, and of the decisions."""

    verdicts: Sequence[Verdict]
    claims: Sequence[int]
    decisions: Sequence[int]


Given = Mapping[int, GivenTopic]  # By topic.


@dataclass(frozen=True, slots=True)
class StoredTopic:
    """The stored claims of one topic, and the rule by which they are resolved."""

    topic: Topic
    rows: Sequence[Any]
    rule: ValueRule

    @property
    def ids(self) -> list[int]:
        """The ids of its claims, in the order in which they are weighed."""
        return [row["id"] for row in self.rows]

    def claims(self) -> list[Claim]:
        """Return the claims as they are weighed."""
        return [claim_of(self.topic, row) for row in self.rows]

    def times(self) -> dict[int, ClaimTimes]:
        """Return when each claim became valid, and known."""
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
    """Resolve the claims of locked topics, and write the result; return the facts, by topic."""
    by_scope: dict[str, list[Topic]] = defaultdict(list)
    for topic in topics:
        by_scope[topic.scope].append(topic)
    facts: list[int] = []
    moment = now()
    for scope, mine in sorted(by_scope.items()):
        run = _Resolution(connection, passages.layout, consensus, scope, given or {}, moment)
        drafts = await run.draft(mine)
        after = await entangled(connection, passages.layout, scope, drafts, run.widen) if run.entangled else drafts
        weighed = [ResolvedTopic(run.held[id_].topic, told, run.held[id_].rows) for id_, (told, _) in after.items()]
        facts += await write_verdicts(connection, passages, weighed, moment)
    return facts


@dataclass(slots=True)
class _Resolution:
    """The resolution of topics of one scope, and of those that are correlated with them."""

    connection: asyncpg.Connection
    layout: Layout
    consensus: Consensus
    scope: str
    given: Given
    now: int
    held: dict[int, StoredTopic] = field(default_factory=dict)
    entangled: bool = False  # Something hangs together with what was drafted.

    async def draft(self, topics: Sequence[Topic]) -> Drafts:
        """Return the facts of topics before correlations."""
        held = await held_topics(self.connection, self.layout, self.scope, topics)
        self.held |= {each.topic.id: each for each in held}
        known = await _known(self.connection, self.layout, self.scope, held, self.now)
        self.entangled = self.entangled or known.entangled
        return {
            each.topic.id: (self._decided(self._weighed(each, known), each, known.decisions[each.topic.id]), each.rule)
            for each in held
        }

    def _weighed(self, held: StoredTopic, known: "_Parameters") -> list[Draft]:
        """Resolve a topic by itself unless a full run resolved it, from the claims and decisions that hold now."""
        given, decisions = self.given.get(held.topic.id), known.decisions[held.topic.id]
        weighed = [each.id for each in decisions if each.action in _WEIGHED]
        if given is not None and (list(given.claims), list(given.decisions)) == (held.ids, weighed):
            return [drafted(verdict, held.ids) for verdict in given.verdicts]
        setting = known.settings.get(held.topic.predicate, Setting())
        claims = labelled(held.claims(), decisions)
        verdicts = self.consensus.again(claims, known.sources, held.rule, setting)
        return [drafted(verdict, held.ids) for verdict in verdicts]

    def _decided(self, drafts: Sequence[Draft], held: StoredTopic, decisions: Sequence[Decision]) -> list[Draft]:
        times = held.times()
        return [decided(draft, held.rule, times, decisions, now=self.now) for draft in drafts]

    async def widen(self, topics: Sequence[int]) -> Drafts:
        """Lock further topics, and return their facts before correlations."""
        rows = await self.connection.fetch(self.layout.sql("claims", "lock_topics_by_id"), list(topics))
        return await self.draft(
            [Topic(row["id"], row["path"], row["subject"], row["predicate"], row["about"]) for row in rows]
        )


async def held_topics(
    connection: asyncpg.Connection, layout: Layout, scope: str, topics: Sequence[Topic]
) -> list[StoredTopic]:
    """Read the claims of topics of one scope."""
    rows = await connection.fetch(
        layout.sql("claims", "claims_of"), [topic.id for topic in topics], list(visible_from(scope))
    )
    of_topic: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        of_topic[row["topic"]].append(row)
    return [
        StoredTopic(
            topic, of_topic[topic.id], rule_for(layout, topic.predicate, objects=_names_entities(of_topic[topic.id]))
        )
        for topic in topics
    ]


def claim_of(topic: Topic, row: Any) -> Claim:
    """Return a claim as it is weighed: one of a relationship's value is of both ends together."""
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
        known=row["known_from"],
        derived=row["derived"],
    )


def labelled(claims: Sequence[Claim], decisions: Sequence[Decision]) -> list[Claim]:
    """Return claims with what people decided of them, the oldest first: right, wrong, or that it ended.

    What a rule or a draw of chance chose is no label.
    """
    labels: dict[int, bool] = {}
    ends: dict[int, int] = {}
    for decision in decisions:
        if decision.action in _LABELS:
            labels |= dict.fromkeys(decision.claims, _LABELS[decision.action])
        elif decision.action == "expire":
            ends |= dict.fromkeys(decision.claims, ended_at(decision))
    if not labels and not ends:
        return list(claims)
    return [_labelled(each, labels.get(each.id or 0), ends.get(each.id or 0)) for each in claims]


def _labelled(claim: Claim, label: bool | None, end: int | None) -> Claim:
    valid = claim.valid
    if end is not None and (valid.start is None or valid.start < end) and (valid.end is None or end < valid.end):
        valid = Interval(valid.start, end)
    return replace(claim, label=label, valid=valid)


_SECOND = 1_000_000  # Microseconds.
_CHECKED = 3  # Claims of a source that others check, from which it is no new name any more.
_RECORD = 5  # Claims that others check, from which a source has a record beside which new names are new.
_LABELS = {"accept": True, "observe": True, "reject": False}
_WEIGHED = {*_LABELS, "expire"}  # Actions that change what is weighed.


def _plain(value: Any) -> Any:
    """Return a value as it is compared: of a number with its unit, both in one text; of coordinates, a point."""
    if isinstance(value, dict) and set(value) == {"lat", "lon"}:
        return [value["lon"], value["lat"]]
    if isinstance(value, dict) and set(value) == {"value", "unit"}:
        return f"{value['value']} {value['unit']}" if value["unit"] else value["value"]
    return value


def _names_entities(rows: Sequence[Any]) -> bool:
    return any(row["value"] is None for row in rows)


@dataclass(frozen=True, slots=True)
class _Parameters:
    """What weighing has to know besides the claims."""

    sources: KnownSources
    settings: Mapping[str, Setting]
    decisions: Mapping[int, Sequence[Decision]]
    entangled: bool


def _without_record(row: Any) -> bool:
    """Return whether the source of a claim was given no trust, and has earned none by other sources or by people.

    What others checked of it counts from `_CHECKED` claims on, since a known fact or two are easily repeated.
    """
    learned = PRIOR_TRUST if row["learned"] is None else row["learned"]
    earned = learned > PRIOR_TRUST if not row["checked"] else row["checked"] >= _CHECKED
    return row["prior"] == PRIOR_TRUST and not earned and not row["parent"]


async def _known(
    connection: asyncpg.Connection, layout: Layout, scope: str, held: Sequence[StoredTopic], moment: int
) -> _Parameters:
    """Read what is known: of sources what was learned in the nearest scope, or else what was given."""
    rows = [row for each in held for row in each.rows]
    trust = {row["key"]: row["learned"] if row["learned"] is not None else row["prior"] for row in rows}
    houses = {row["key"]: row["parent"] for row in rows if row["parent"]}
    new = {row["key"] for row in rows if _without_record(row)}
    row = await connection.fetchrow(
        fill(layout.sql("claims", "known"), {"bound": bound_sources(layout)}),
        [each.topic.id for each in held],
        sorted({each.topic.predicate for each in held}),
        list(visible_from(scope)),
        list(trust),
        _RECORD,
        list(new),
    )
    settings = {
        each["predicate"]: Setting(Method(each["method"]), each["reason"], each["wrong"], each["similarity"])
        for each in orjson.loads(row["settings"])
    }
    decisions: dict[int, list[Decision]] = defaultdict(list)
    for each in orjson.loads(row["decisions"]):
        topic = each.pop("topic")
        decisions[topic].append(Decision(**each, at=""))
    copies = groups_of((one, other) for one, other in orjson.loads(row["copies"]))
    keys = dict[str, str]()
    for source, key, young in orjson.loads(row["keys"]):
        keys[source] = key
        trust[source] = min(trust[source], YOUNG_TRUST) if young else trust[source]
    if len(new) > 1 and not row["established"]:
        new = {each["key"] for each in await connection.fetch(layout.sql("claims", "later_sources"), list(new))}
    reports = {
        houses.get(each["key"], each["key"]): Reporting(each["reported_changes"], each["reporting_delay"] * _SECOND)
        for each in rows
        if each["reported_changes"] is not None
    }
    sources = KnownSources(trust, houses, copies, reports, now=moment, new=frozenset(new), keys=keys)
    return _Parameters(sources, settings, decisions, row["entangled"])
