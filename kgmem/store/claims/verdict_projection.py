"""Verdicts in the graph: relationships carry what consensus makes of them, for every reader."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from kgmem.domain.claims.claim import Option
from kgmem.domain.claims.consensus import FactState
from kgmem.domain.claims.fact_rules import Draft
from kgmem.domain.graph.entity import RELATIONSHIP
from kgmem.domain.graph.relationship import Relationship, worded
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.time.interval import iso, parse_time, valid_interval
from kgmem.store.claims.claim_rows import Topic, rule_for
from kgmem.store.graph.layout import label_id
from kgmem.store.graph.records import alike, dumps
from kgmem.store.write import fact_index
from kgmem.store.write.edges import read_edges, write_edges
from kgmem.store.write.passages import Passages
from kgmem.store.write.rows import valid_of
from kgmem.store.write.vertices import keep_history

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class ProjectedFact:
    """A fact that is written, with its topic and the rows of its claims."""

    topic: Topic
    draft: Draft
    fact: int
    rows: Sequence[Any]
    former_end: int | None = None  # When the fact ended before, as an instant.


@dataclass(frozen=True, slots=True)
class _ProjectedValue:
    """One value of a fact as the graph tells it: the relationships that say it, or none yet."""

    telling: ProjectedFact
    option: Option
    rows: Sequence[Any]  # Of its claims.

    @property
    def edges(self) -> list[int]:
        return sorted({row["edge"] for row in self.rows if row["edge"] is not None})

    @property
    def state(self) -> FactState:
        return stance(self.telling.draft, self.option)

    def valid_to(self, rows: Sequence[Any]) -> str | None:
        """Return when what these claims state ends: where the fact does, unless all of them say that it did before."""
        stated = [row["valid_to"] for row in rows]
        last = None if None in stated else max(stated, key=_end_of, default=None)
        end = self.telling.draft.valid.end
        if not self.option.chosen or end is None or (last is not None and _end_of(last) <= end):
            return last
        return iso(end)

    def ended(self, stored: Mapping[str, Any], edge: int) -> dict[str, Any]:
        """Return the end of a relationship, where the fact has one, or had the one that is stored."""
        mine = [row for row in self.rows if row["edge"] == edge]
        if self._follows_claims(stored.get("valid_to")):
            return {"valid_to": self.valid_to(self.rows)}
        end, former = self.telling.draft.valid.end, self.telling.former_end
        begins = parse_time(stored["valid_from"]).start if stored.get("valid_from") else None
        cut_off = end is not None and (begins is None or begins < end)
        if not mine or not (cut_off or (former is not None and stored.get("valid_to") == iso(former))):
            return {}
        return {"valid_to": self.valid_to(mine)}

    def _follows_claims(self, stored: str | None) -> bool:
        """Return whether a relationship ends when its claims say: they did so before, and the fact has no time."""
        valid = self.telling.draft.valid
        stated = [row["valid_to"] for row in self.rows]
        closed = [_end_of(each) for each in stated if each is not None]
        if not self.option.chosen or valid.start is not None or valid.end is not None or not closed:
            return False
        return None not in stated if stored is None else _end_of(stored) in closed

    def properties(self) -> dict[str, Any]:
        return {
            "consensus": round(self.option.probability, _DIGITS),
            "trust": round(self.telling.draft.trust, _DIGITS) if self.option.chosen else None,
            "state": self.state.value,
        }


def _end_of(valid_to: str) -> int:
    return valid_interval(None, valid_to).end or 0


def stance(draft: Draft, option: Option) -> FactState:
    """Return the state of one value of a fact.

    That of the fact if it is the fact's value. Of others: invalidated where the fact is verified or the value was
    rejected, superseded with the fact, and otherwise contested.
    """
    if option.chosen or draft.state is FactState.SUPERSEDED:
        return draft.state
    if draft.state is FactState.VERIFIED or (draft.decision is not None and not option.probability):
        return FactState.INVALIDATED
    return FactState.CONTESTED


async def tell_relationships(
    connection: asyncpg.Connection, passages: Passages, tellings: Sequence[ProjectedFact]
) -> list[tuple[int, int, int, float]]:
    """Write what is believed on relationships, and make those that claims alone tell of.

    Returns for each relationship: its id, the fact, the state's number, the probability.
    """
    told = []
    for telling in tellings:
        rows = {row["id"]: row for row in telling.rows}
        for option in telling.draft.options:
            mine = [rows[claim] for claim in option.claims if claim in rows]
            if option.chosen:
                mine = _of_period(mine, telling.draft)
            if any(row["object"] is not None for row in mine):
                told.append(_ProjectedValue(telling, option, mine))
    # Two facts of the same ends at two times share a relationship, which tells the later one.
    told.sort(key=lambda each: each.telling.draft.valid.start or -(2**63))
    await _tie(connection, passages, told)
    made = await _make(connection, passages, [each for each in told if not each.edges])
    await _believe(connection, passages, {edge: each for each in told for edge in each.edges})
    stances = [(edge, each) for each in told for edge in each.edges] + [(edge, each) for edge, each in made.items()]
    return [
        (edge, each.telling.fact, STATE_NUMBERS[each.state], round(each.option.probability, _DIGITS))
        for edge, each in stances
    ]


def _of_period(rows: list[Any], draft: Draft) -> list[Any]:
    """Return the claims of a fact's value that speak of its period, where any does.

    What ended before and holds again has a relationship of its own: the former one stays over.
    """
    begins = draft.valid.start
    over = {
        row["id"]
        for row in rows
        if begins is not None and row["valid_to"] is not None and _end_of(row["valid_to"]) <= begins
    }
    return [row for row in rows if row["id"] not in over] or rows


STATE_NUMBERS = {
    FactState.VERIFIED: 1,
    FactState.CONTESTED: 2,
    FactState.UNVERIFIED: 3,
    FactState.SUPERSEDED: 4,
    FactState.INVALIDATED: 5,
}


async def _tie(connection: asyncpg.Connection, passages: Passages, told: Sequence[_ProjectedValue]) -> None:
    """Attach claims without a relationship to the one that other claims of the same object are attached to."""
    ties = [
        (row["id"], each.edges[0])
        for each in told
        if each.edges
        for row in each.rows
        if row["edge"] is None and row["value"] is None
    ]
    if ties:
        await connection.execute(passages.layout.sql("claims", "tie_claims"), *map(list, zip(*ties, strict=True)))


async def _make(
    connection: asyncpg.Connection, passages: Passages, told: Sequence[_ProjectedValue]
) -> dict[int, _ProjectedValue]:
    """Make the relationships of values that only claims tell of, where both ends are there."""
    layout = passages.layout
    there = await _there(connection, passages, told)
    wanted = [
        each
        for each in told
        if {(each.telling.topic.scope, key) for key in (each.telling.topic.subject, each.rows[0]["object"])} <= there
    ]
    if not wanted:
        return {}
    stated = [_relationship(passages, each) for each in wanted]
    trust = [round(each.option.probability, _DIGITS) for each in wanted]
    outcome = await write_edges(connection, passages, stated, trust=trust)
    held = [outcome.ids[at] for at in range(len(wanted))]
    merged = {id_: each for id_, each in zip(held, wanted, strict=True) if id_ not in outcome.created}
    await _believe(connection, passages, merged)
    ties = [(row["id"], id_) for id_, each in zip(held, wanted, strict=True) for row in each.rows]
    await connection.execute(layout.sql("claims", "tie_claims"), *map(list, zip(*ties, strict=True)))
    return dict(zip(held, wanted, strict=True))


async def _there(
    connection: asyncpg.Connection, passages: Passages, told: Sequence[_ProjectedValue]
) -> set[tuple[str, str]]:
    """Return the ends that are there, by scope and key; one may have been deleted since it was claimed about."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for each in told:
        wanted[each.telling.topic.scope].update((each.telling.topic.subject, each.rows[0]["object"]))
    found = set()
    for scope, keys in wanted.items():
        sql = passages.layout.sql("claims", "seen_keys")
        rows = await connection.fetch(sql, list(visible_from(scope)), sorted(keys))
        found |= {(scope, row["key"]) for row in rows}
    return found


def _relationship(passages: Passages, told: _ProjectedValue) -> Relationship:
    """Return the relationship that claims tell of: as the first of them says it."""
    topic, first = told.telling.topic, min(told.rows, key=lambda row: row["id"])
    properties = told.properties()
    key, text = None, worded(topic.subject, topic.predicate, first["object"])
    if first["value"] is not None:
        value = orjson.loads(first["value"])
        names = rule_for(passages.layout, topic.predicate, objects=False).held_in
        spread = isinstance(value, dict) and names and set(value) <= set(names)
        properties |= value if spread else {(names[0] if len(names) == 1 else "value"): value}
        key, text = f"claim-{first['id']}", f"{text}: {told.option.value}"
    return Relationship(
        topic.predicate,
        topic.subject,
        first["object"],
        key=key,
        properties=properties,
        text=text,
        valid_from=first["valid_from"],
        valid_to=told.valid_to(told.rows),
        scope=topic.scope,
    )


async def _believe(connection: asyncpg.Connection, passages: Passages, told: Mapping[int, _ProjectedValue]) -> None:
    """Write a new version of the relationships of which something else is believed now."""
    if not told:
        return
    layout = passages.layout
    locked = {row["id"]: row for row in await connection.fetch(layout.sql("claims", "lock_edges"), sorted(told))}
    held = await read_edges(connection, layout, list(locked))
    changed: dict[int, dict[str, Any]] = {}
    for id_, (_, stored) in held.items():
        wanted = {**stored, **told[id_].properties(), **told[id_].ended(stored, id_)}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        if not alike(wanted, stored):
            changed[id_] = wanted
    if not changed:
        return
    versions = [(locked[id_], held[id_][1], held[id_][0]) for id_ in changed]
    await keep_history(connection, layout, RELATIONSHIP, versions, deleted=False)
    groups: dict[int, list[int]] = defaultdict(list)
    for id_ in changed:
        groups[label_id(id_)].append(id_)
    for label, ids in groups.items():
        await connection.execute(
            layout.sql("write", "update_label_edges", label=layout.by_id[label].age_name),
            ids,
            [held[id_][0][0] for id_ in ids],
            [held[id_][0][1] for id_ in ids],
            [dumps(changed[id_]) for id_ in ids],
        )
    trust = [told[id_].option.probability for id_ in changed]
    valid = [valid_of(stored.get("valid_from"), stored.get("valid_to")) for stored in changed.values()]
    bounds = [each.start for each in valid], [each.end for each in valid]
    await connection.execute(layout.sql("claims", "believe_edges"), list(changed), trust, *bounds)
    await fact_index.put(
        connection, passages, {id_: (held[id_][0], stored) for id_, stored in changed.items()}, new=False
    )
    await connection.execute(layout.sql("claims", "tell_weighed"), list(changed))
