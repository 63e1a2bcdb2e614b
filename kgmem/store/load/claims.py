"""Imports claims, facts and decisions from records, which find each other by what they state, never by a number.

Existing rows stay as they are, so that the same records again change nothing. Facts are copied with their states where
the claims on their topic are just theirs; else the topic stays stale, and a job resolves it.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import asyncpg

from kgmem.domain.claims.consensus import FactState
from kgmem.domain.claims.echoes import check_origins
from kgmem.domain.claims.records import BeliefKind, BeliefRecord
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.expiry import NEVER, expiry_of, moment_of
from kgmem.domain.text.resolution import pair
from kgmem.domain.time.interval import parse_time
from kgmem.store.agents.publication_records import restore_publication
from kgmem.store.agents.restore import restore_rules
from kgmem.store.agents.retention_rules import restore_rule
from kgmem.store.agents.shared_records import restore_feedback, restore_subscription
from kgmem.store.claims.cited_episodes import check_cited
from kgmem.store.claims.verdict_projection import STATE_NUMBERS
from kgmem.store.derived.distillation_records import restore_allowance, restore_run
from kgmem.store.graph.layout import Layout
from kgmem.store.graph.records import encoded
from kgmem.store.graph.subsystems import Subsystem
from kgmem.store.read.items import kept_keys
from kgmem.store.tiers.records import restore_tiers
from kgmem.store.write.expiry import note_stated
from kgmem.store.write.source_keys import note_keys

Told: TypeAlias = Mapping[str, Any]
_Place: TypeAlias = tuple[int, str, str, str]  # The scope's number, subject, predicate, and about.
_Restore: TypeAlias = Callable[[asyncpg.Connection, Layout, Told], Awaitable[bool]]
_NUMBERS = {state.value: number for state, number in STATE_NUMBERS.items()}
_SUBSYSTEMS: Mapping[BeliefKind, Subsystem] = {
    "merge": "merges", "pair": "merges", "agent_retention": "agent_states",
    "subscription": "subscriptions", "feedback": "feedback", "publication": "publications",
    "retention_rule": "retention",
    "distillation": "distillation", "allowance": "distillation", "tier": "tiers",
}  # fmt: skip
_LONGEST = 10_000  # Characters of a reason.
_NAMING = frozenset({"claim", "adjudication", "fact", "publication"})  # Records that name entities by key ...
_KEYS = frozenset({"subject", "object", "about"})  # ... in these fields.


@dataclass(slots=True)
class RestoreResult:
    """What became of the records of one group."""

    created: int = 0
    updated: int = 0


async def restore(connection: asyncpg.Connection, layout: Layout, records: Sequence[BeliefRecord]) -> RestoreResult:
    """Store records of one kind, in the caller's transaction; scopes and sources are known to the layout.

    Raises InvalidInput for a record of which a part is not what kgmem writes there. The caller has made the tables of
    publications where there are records of them.
    """
    await layout.ensure(_SUBSYSTEMS.get(records[0].kind, "claims"))
    run = _RestoreRun(connection, layout)
    told = await _with_kept_keys(connection, layout, records)
    ways: Mapping[BeliefKind, Callable[[Sequence[Told]], Awaitable[None]]] = {
        "claim": run.claims,
        "adjudication": run.adjudications,
        "fact": run.facts,
        "correlation": run.correlations,
        "trust": run.trust,
        "merge": run.merges,
        "pair": run.pairs,
        "agent_retention": run.retention,
        "subscription": run.subscriptions,
        "feedback": run.feedback,
        "publication": run.publications,
        "retention_rule": run.rules,
        "distillation": partial(run.one_by_one, restore_run),
        "allowance": partial(run.one_by_one, restore_allowance),
        "tier": partial(run.one_by_one, restore_tiers),
    }
    try:
        await ways[records[0].kind](told)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, asyncpg.DataError) as error:
        raise InvalidInput(
            f"A {records[0].kind} holds what kgmem does not write there ({type(error).__name__}: {str(error)[:200]}).",
            hint="Remove the record, or write it as an export does.",
        ) from error
    return run.done


async def _with_kept_keys(
    connection: asyncpg.Connection, layout: Layout, records: Sequence[BeliefRecord]
) -> Sequence[Told]:
    """Return the fields of records; the key of an entity that was merged away stands for the kept one.

    Records of merges and of pairs are about the keys themselves, and stay as they are.
    """
    told = [record.told for record in records]
    if records[0].kind not in _NAMING:
        return told
    named = [(_scope(each), each[part]) for each in told for part in _KEYS if isinstance(each.get(part), str)]
    kept = await kept_keys(connection, layout, named)
    if not kept:
        return told
    return [
        {part: kept.get((_scope(each), value), value) if part in _KEYS else value for part, value in each.items()}
        for each in told
    ]


@dataclass(slots=True)
class _RestoreRun:
    connection: asyncpg.Connection
    layout: Layout
    done: RestoreResult = field(default_factory=RestoreResult)

    async def claims(self, told: Sequence[Told]) -> None:
        """Store claims as they were known, current and withdrawn ones; a withdrawn one may cite a forgotten text."""
        current = (each for each in told if each.get("known_to") is None)
        await check_cited(self.connection, self.layout, ((_scope(each), each.get("episode")) for each in current))
        await note_keys(self.connection, self.layout, {self.layout.sources[each["source"]] for each in told})
        topics = await self._topics([_place(self.layout, each, about=_about(each)) for each in told])
        rows = []
        for each in told:
            begins, ends = each.get("span") or (None, None)
            tie = each.get("relationship") or {}
            rows.append(
                (
                    topics[_place(self.layout, each, about=_about(each))], self.layout.sources[each["source"]],
                    each.get("object"), _json(each.get("value")), each.get("valid_from"), each.get("valid_to"),
                    float(each.get("confidence", 1.0)), each.get("episode"), begins, ends,
                    _instant(each.get("known_from")), _instant(each.get("known_to")),
                    bool(tie), bool(tie.get("first")), int(tie.get("apart", 0)), _origins(each),
                    each.get("published_from"),
                )
            )  # fmt: skip
        await note_stated(self.connection, self.layout, ((row[0], *row[4:6]) for row in rows if row[11] is None))
        marked = [(*row[:10], row[-1]) for row in rows if row[-1] is not None]
        row = await self._row("put_claims", *_columns(rows))
        if marked:
            await self.connection.execute(self.layout.sql("publications", "put_marks"), *_columns(marked))
        self.done.created, self.done.updated = row["created"], row["updated"]
        times = [_expiry(each) for each in told]
        expiring = [(*row[:10], at) for row, at in zip(rows, times, strict=True) if at is not None]
        if expiring:
            await self.layout.ensure("expiry")
            await self.connection.execute(self.layout.sql("expiry", "put_imported"), *_columns(expiring))

    async def adjudications(self, told: Sequence[Told]) -> None:
        """Store adjudications, with those that each ended."""
        topics = await self._topics([_place(self.layout, each) for each in told if each.get("subject")])
        claims = await self._claims_on(topics.values())
        rows, ends, over = [], [], list[tuple[int, str | None, str | None]]()
        for each in told:
            topic = topics[_place(self.layout, each)] if each.get("subject") else None
            detail = each.get("detail") or {}
            found = claims.get(topic, {}) if topic is not None else {}
            meant = [found[ref] for ref in detail.get("claims", ()) if ref in found]
            rows.append(
                (
                    self.layout.scopes[each.get("scope") or ""], topic, each["action"], _json(each.get("value")),
                    _json(meant), each["by"], each.get("reason") or "", _json(dict(detail.get("detail") or {})),
                    _instant(each["at"]), _instant(detail.get("ended")),
                )
            )  # fmt: skip
            ends.append((topic, [str(ref) for ref in detail.get("ends", ())], rows[-1]))
            if topic is not None and each["action"] == "expire" and detail.get("ended") is None:
                over.append((topic, None, (detail.get("detail") or {}).get("valid_to")))
        await note_stated(self.connection, self.layout, over)
        made = await self._rows("put_decisions", *_columns(rows))
        self.done.created = len(made)
        if made:
            await self._end([(topic, refs, row) for topic, refs, row in ends if refs and topic is not None])

    async def _end(self, ends: Sequence[tuple[int, Sequence[str], tuple[Any, ...]]]) -> None:
        """Note of decisions by which others they ended; one that undoes another says which."""
        if not ends:
            return
        refs = await self._decisions_on(topic for topic, _, _ in ends)
        own = {
            (row["topic"], row["action"], row["by"], row["at"]): row["id"]
            for row in await self._rows("decision_ids", sorted({topic for topic, _, _ in ends}))
        }
        pairs = [
            (refs[topic][ref], own[topic, row[2], row[5], row[8]])
            for topic, names, row in ends
            for ref in names
            if ref in refs[topic] and (topic, row[2], row[5], row[8]) in own
        ]
        if pairs:
            await self._execute("decisions_ended", *_columns(pairs))
            await self._execute("undoes", *_columns([(by, ended) for ended, by in pairs]))

    async def facts(self, told: Sequence[Told]) -> None:
        """Import the facts of topics on which there are no other claims."""
        places = {_place(self.layout, each): each for each in told}
        topics = await self._topics(list(places))
        claims = await self._claims_on(topics.values())
        held = {row["id"]: row for row in await self._rows("held_facts", sorted(topics.values()))}
        decisions = await self._decisions_on(topics.values())
        taken = [
            (topic, each["facts"])
            for place, each in places.items()
            if (topic := topics[place]) in held
            and (held[topic]["stale"] or not held[topic]["held"])
            and _is_whole(each, claims[topic], self._current.get(topic, set()))
        ]
        if not taken:
            return
        ids = [topic for topic, _ in taken]
        await self._execute("clear_facts", ids)
        for topic, facts in taken:
            await self._put_facts(topic, facts, claims[topic], decisions[topic])
        await self.connection.execute(self.layout.sql("claims", "fresh"), ids)
        self.done.created = len(taken)

    async def _put_facts(
        self, topic: int, facts: Sequence[Told], claims: Mapping[str, int], decisions: Mapping[str, int]
    ) -> None:
        current = [each for each in facts if "state" in each]
        gone = [each for each in facts if "state" not in each]
        rows = [(topic, *_fact(each, claims, decisions), _instant(each["known_from"])) for each in current]
        ids = [row["id"] for row in await self._rows("put_facts", *_columns(rows))] if rows else []
        ids += [row["id"] for row in await self._rows("past_ids", len(gone))] if gone else []
        past = [
            (id_, topic, *_fact(each, claims, decisions), _instant(each["known_from"]), _instant(each["known_to"]))
            for id_, fact in zip(ids, [*current, *gone], strict=True)
            for each in fact.get("past", ())
        ]
        if past:
            await self._execute("put_past_facts", *_columns(past))
        stances = [
            (claims[ref], id_, _stance(fact, option), float(option["probability"]), _instant(fact["known_from"]))
            for id_, fact in zip(ids, current, strict=False)
            for option in fact["options"]
            for ref in option["claims"]
        ]
        if stances:
            await self._execute("put_stances", *_columns(stances))
        decided = [
            (decisions[ref], id_)
            for id_, fact in zip(ids, current, strict=False)
            for ref in fact.get("adjudications", ())
            if ref in decisions
        ]
        if decided:
            await self._execute("decided", *_columns(decided))

    async def correlations(self, told: Sequence[Told]) -> None:
        """Import correlations."""
        named: list[list[_Place]] = [
            [
                (self.layout.scopes[each.get("scope") or ""], str(subject), str(predicate), str(about))
                for subject, predicate, about in each["detail"]["topics"]
            ]
            for each in told
        ]
        topics = await self._topics([place for each in named for place in each])
        claims = await self._claims_on(topics.values())
        rows = []
        for each, places in zip(told, named, strict=True):
            ids = [topics[place] for place in places]
            meant = [
                [claims[topic][ref] for ref in refs if ref in claims[topic]]
                for topic, refs in zip(ids, each["detail"]["claims"], strict=True)
            ]
            rows.append(
                (
                    self.layout.scopes[each.get("scope") or ""], each["relation"], _json(ids), _json(meant),
                    float(each.get("strength", 0.9)), bool(each["detail"].get("found")), each.get("by") or "",
                    each.get("reason") or "", _instant(each.get("known_from")), _instant(each.get("known_to")),
                )
            )  # fmt: skip
        self.done.created = len(await self._rows("put_correlations", *_columns(rows)))

    async def trust(self, told: Sequence[Told]) -> None:
        """Store what was learned of sources, of predicates and of copies, where nothing is known of them yet."""
        for each in told:
            scope, detail, source = self.layout.scopes[each.get("scope") or ""], each["detail"], each.get("source")
            number = self.layout.sources[source] if source else None
            if each["of"] == "source":
                made = await self._standing(scope, number, each)
            elif each["of"] == "predicate":
                values = (
                    str(detail["method"]),
                    str(detail["reason"]),
                    float(detail["wrong"]),
                    float(detail["similarity"]),
                )
                made = await self._rows("put_setting", scope, each["predicate"], *values)
            elif each["of"] == "copies":
                other = self.layout.sources[each["other"]]
                values_ = (float(each["trust"]), int(detail["shared"]))
                made = await self._rows("put_copies", scope, number, other, *values_)
            else:
                made = await self._rows("put_run", scope, int(detail["count"]), _instant(each["known_from"]))
            self.done.created += len(made)

    async def _standing(self, scope: int, source: int | None, each: Told) -> list[Any]:
        if each.get("trust") is None:  # Only an earlier run knew it.
            made = await self._rows("no_past_standing", scope, source)
        else:
            made = await self._rows("put_standing", scope, source, *_standing(each, each["detail"]))
        for past in each["detail"].get("past", ()) if made else ():
            values = _standing({"trust": past["trust"], "known_from": past["from"]}, past)
            await self._execute("put_past_standing", scope, source, *values, _instant(past["to"]))
        return made

    async def merges(self, told: Sequence[Told]) -> None:
        """Store that entities were merged; undoing it takes what only the graph knows in which that was done."""
        for each in told:
            detail = each.get("detail") or {}
            undone = detail.get("undone") or {}
            made = await self._rows(
                "put_merge", self.layout.scopes[each.get("scope") or ""], each["keep"], each["gone"],
                each.get("by") or "", each.get("reason") or "", _json(_merged(detail.get("told") or {})),
                _instant(each["at"]), _instant(undone.get("at")), undone.get("by"), undone.get("reason"),
            )  # fmt: skip
            self.done.created += len(made)

    async def pairs(self, told: Sequence[Told]) -> None:
        """Store which pairs are two things, where nothing is decided of them yet; the first record of a pair counts."""
        unique: dict[tuple[int, str, str], tuple[Any, ...]] = {}
        for each in told:
            one, other = pair(each["one"], each["other"])
            if one == other:
                raise InvalidInput(f"A pair names {one[:100]!r} twice.", hint="Name two entities.")
            detail = each.get("detail") or {}
            parts = {str(name): float(value) for name, value in (detail.get("parts") or {}).items()}
            vetoed = detail.get("vetoed")
            place = (self.layout.scopes[_scope(each)], one, other)
            unique.setdefault(
                place,
                (
                    *place, float(detail.get("evidence", 0.0)), _json(parts), None if vetoed is None else str(vetoed),
                    each.get("by") or "", each.get("reason") or "", _instant(each.get("at")),
                ),
            )  # fmt: skip
        for row in await self._rows("put_pairs", *_columns([unique[place] for place in sorted(unique)])):
            self.done.created += row["created"]
            self.done.updated += not row["created"]

    async def retention(self, told: Sequence[Told]) -> None:
        """Store the retention rules of agents that have none."""
        for each in told:
            self.done.created += await restore_rules(self.connection, self.layout, each)

    async def subscriptions(self, told: Sequence[Told]) -> None:
        """Store subscriptions whose names are free."""
        if any(each.get("answer") is not None for each in told):
            await self.layout.ensure("answers")
        for each in told:
            self.done.created += await restore_subscription(self.connection, self.layout, each)

    async def feedback(self, told: Sequence[Told]) -> None:
        """Store verdicts that their callers have not given here."""
        for each in told:
            self.done.created += await restore_feedback(self.connection, self.layout, each)

    async def rules(self, told: Sequence[Told]) -> None:
        """Store retention rules whose names are free, and that are not about the same as another one."""
        for each in told:
            self.done.created += await restore_rule(self.connection, self.layout, each)

    async def publications(self, told: Sequence[Told]) -> None:
        """Store publications that are not here; they follow what they repeat before the next use of the graph."""
        for each in told:
            self.done.created += await restore_publication(self.connection, self.layout, each)

    async def one_by_one(self, way: _Restore, told: Sequence[Told]) -> None:
        """Store records each by itself."""
        for each in told:
            self.done.created += await way(self.connection, self.layout, each)

    _current: dict[int, set[int]] = field(default_factory=dict)

    async def _topics(self, places: Sequence[_Place]) -> dict[_Place, int]:
        """Return the topics of places, made where they are missing, and locked."""
        if not places:
            return {}
        columns = _columns(sorted(set(places)))
        await self.connection.execute(self.layout.sql("claims", "make_topics"), *columns)
        rows = await self.connection.fetch(self.layout.sql("claims", "lock_topics"), *columns)
        return {(row["scope"], row["subject"], row["predicate"], row["about"]): row["id"] for row in rows}

    async def _claims_on(self, topics: Any) -> dict[int, dict[str, int]]:
        """Return the claims on topics by what they are known by: of equal ones the current."""
        found: dict[int, dict[str, int]] = defaultdict(dict)
        for row in await self._rows("claims_on", sorted(set(topics))):
            found[row["topic"]][row["ref"]] = row["id"]
            if row["current"]:
                self._current.setdefault(row["topic"], set()).add(row["id"])
        return found

    async def _decisions_on(self, topics: Any) -> dict[int, dict[str, int]]:
        found: dict[int, dict[str, int]] = defaultdict(dict)
        for row in await self._rows("decisions_on", sorted(set(topics))):
            found[row["topic"]][row["ref"]] = row["id"]
        return found

    async def _rows(self, name: str, *arguments: Any) -> list[Any]:
        return list(await self.connection.fetch(self.layout.sql("claim_records", name), *arguments))

    async def _row(self, name: str, *arguments: Any) -> Any:
        return await self.connection.fetchrow(self.layout.sql("claim_records", name), *arguments)

    async def _execute(self, name: str, *arguments: Any) -> None:
        await self.connection.execute(self.layout.sql("claim_records", name), *arguments)


def _origins(told: Told) -> str | None:
    """Return what a claim is derived from, as JSON; None for one that its source states by itself."""
    origins = list(told.get("derived_from") or ())
    check_origins(origins)
    return _json(origins) if origins else None


def _expiry(told: Told) -> int | None:
    """Return when a claim expires. Raises InvalidInput for a time that is over."""
    if told.get("known_to") is not None:
        return None
    at = expiry_of(told.get("expires_at"), None)
    return None if at is None or at == NEVER else moment_of(at)


def _scope(told: Told) -> str:
    return told.get("scope") or ""


def _place(layout: Layout, told: Told, *, about: str | None = None) -> _Place:
    named = about if about is not None else told.get("about") or ""
    return (layout.scopes[told.get("scope") or ""], told["subject"], told["predicate"], named)


def _about(claim: Told) -> str:
    """Return the other end, where a claim gives a value of a relationship."""
    return claim.get("object") or "" if claim.get("value") is not None else ""


def _is_whole(told: Told, claims: Mapping[str, int], current: set[int]) -> bool:
    """Return whether facts rest on all current claims on their topic, but for those beside, and on no other."""
    facts = [fact for fact in told["facts"] if "state" in fact]
    refs = {ref for fact in facts for option in fact["options"] for ref in option["claims"]}
    refs |= set(told.get("beside") or ())
    return refs <= claims.keys() and {claims[ref] for ref in refs} == current


def _fact(fact: Told, claims: Mapping[str, int], decisions: Mapping[str, int]) -> tuple[Any, ...]:
    start, end = fact["valid"]
    options = [
        {**option, "claims": sorted(claims[ref] for ref in option["claims"] if ref in claims)}
        for option in fact["options"]
    ]
    numbers = [float(fact[name]) for name in ("probability", "trust", "supporting", "opposing")]
    texts = (str(fact["method"])[:200], str(fact["reason"])[:_LONGEST])
    return (
        _instant(start), _instant(end), _json(fact["value"]), _NUMBERS[fact["state"]], *numbers, *texts, _json(options),
        decisions.get(fact.get("adjudication") or ""),
    )  # fmt: skip


def _stance(fact: Told, option: Told) -> int:
    """Return the state of one value of a fact, as telling_verdicts has it."""
    if option.get("chosen") or fact["state"] == FactState.SUPERSEDED:
        return _NUMBERS[fact["state"]]
    lost = fact["state"] == FactState.VERIFIED or (fact.get("adjudication") is not None and not option["probability"])
    return STATE_NUMBERS[FactState.INVALIDATED if lost else FactState.CONTESTED]


def _standing(each: Told, detail: Told) -> tuple[Any, ...]:
    return (
        float(each["trust"]), float(detail["prior"]), int(detail["claims"]), int(detail["checked"]),
        _json(dict(detail["domains"])), str(detail["reason"])[:_LONGEST], _instant(each["known_from"]),
        detail.get("reported_changes"), detail.get("reporting_delay"),
    )  # fmt: skip


def _merged(told: Told) -> Told:
    """Return what a merge did, of which nothing is missing."""
    counts = {name: int(told.get(name, 0)) for name in ("moved", "doubled", "dropped")}
    names = {name: [str(each) for each in told.get(name) or ()] for name in ("aliases", "filled")}
    return {**counts, **names, "contested": dict(told.get("contested") or {})}


def _instant(text: str | None) -> int | None:
    return None if text is None else parse_time(text).start


def _json(value: Any) -> str | None:
    return None if value is None else encoded(value).decode()


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return list(map(list, zip(*rows, strict=True)))
