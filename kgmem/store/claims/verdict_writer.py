"""Writing verdicts: the facts, their state on relationships and properties, and the events of what changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from kgmem.domain.claims.fact_rules import Draft
from kgmem.store.claims.claim_rows import FACT, Topic
from kgmem.store.claims.property_projection import ProjectedTopic, tell_entities
from kgmem.store.claims.verdict_projection import STATE_NUMBERS, ProjectedFact, tell_relationships
from kgmem.store.db.codecs import range_of
from kgmem.store.graph.layout import Layout
from kgmem.store.graph.records import encoded
from kgmem.store.write import expiry
from kgmem.store.write.passages import Passages
from kgmem.store.write.vertices import CREATED, DELETED

STATE_OF = {number: state.value for state, number in STATE_NUMBERS.items()}
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class ResolvedTopic:
    """A topic with the facts that its claims come to, and the rows of these claims."""

    topic: Topic
    drafts: Sequence[Draft]
    rows: Sequence[Any]


async def write_verdicts(
    connection: asyncpg.Connection, passages: Passages, weighed: Sequence[ResolvedTopic], now: int
) -> list[int]:
    """Bring the facts of topics in line with what was weighed, as of the moment `now`; return their ids."""
    layout = passages.layout
    topics = [each.topic.id for each in weighed]
    held: dict[int, list[Any]] = {id_: [] for id_ in topics}
    known = [each.topic.id for each in weighed if not each.topic.fresh]
    for row in await connection.fetch(layout.sql("claims", "facts_of"), known) if known else []:
        held[row["topic"]].append(row)
    pairs = [(each, draft, row) for each in weighed for draft, row in _matched(each.drafts, held[each.topic.id])]
    kept = {row["id"] for _, _, row in pairs if row is not None}
    gone = {row["id"]: row["topic"] for rows in held.values() for row in rows if row["id"] not in kept}
    ids, changed = await _write_facts(connection, layout, pairs)
    if gone:
        await connection.execute(layout.sql("claims", "delete_facts"), list(gone))
        await connection.execute(layout.sql("write", "change"), DELETED, FACT, list(gone), [])
    ended = sorted({decision for _, draft, _ in pairs for decision in draft.ended})
    if ended:
        await connection.execute(layout.sql("claims", "end_decisions"), ended, None)
    touched = {each.topic.id for at, (each, _, _) in enumerate(pairs) if at in changed}
    tellings = [
        ProjectedFact(each.topic, draft, id_, each.rows, row["valid"].upper if row is not None else None)
        for (each, draft, row), id_ in zip(pairs, ids, strict=True)
        if each.topic.id in touched
    ]
    stances = await tell_relationships(connection, passages, tellings)
    if stances:
        columns = list(map(list, zip(*stances, strict=True)))
        await connection.execute(layout.sql("claims", "put_stances"), *columns)
    projected = [ProjectedTopic(each.topic, each.drafts, each.rows, _values(held[each.topic.id])) for each in weighed]
    times = {each.topic.id: moment for each in projected if (moment := each.next_change(now)) is not None}
    await expiry.note_changes(connection, layout, times)
    touched |= {*gone.values()} | {each.topic.id for each in weighed if each.topic.timed or each.topic.stale}
    await tell_entities(connection, passages, [each for each in projected if each.topic.id in touched], now)
    stale = [each.topic.id for each in weighed if each.topic.stale]
    if stale:
        await connection.execute(layout.sql("claims", "fresh"), stale)
    return ids


def _values(facts: Sequence[Any]) -> list[Any]:
    return [orjson.loads(row["value"]) for row in facts if row["value"] is not None]


def _matched(drafts: Sequence[Draft], rows: Sequence[Any]) -> list[tuple[Draft, Any]]:
    """Return each draft with the fact that it is the next version of: the one that shares the most claims."""
    claims = {
        row["id"]: {claim for option in orjson.loads(row["options"]) for claim in option["claims"]} for row in rows
    }
    free = {row["id"]: row for row in rows}
    found = []
    for draft in drafts:
        mine = {claim for option in draft.options for claim in option.claims}
        best = max(free, key=lambda id_: (len(mine & claims[id_]), -id_), default=None)
        shares = best is not None and bool(mine & claims[best])
        found.append((draft, free.pop(best) if shares and best is not None else None))
    return found


async def _write_facts(
    connection: asyncpg.Connection, layout: Layout, pairs: Sequence[tuple[ResolvedTopic, Draft, Any]]
) -> tuple[list[int], set[int]]:
    """Insert new facts, and update those that changed; tells of each new state and value.

    Returns the ids, and the places of what is new or changed.
    """
    columns = [_columns(draft) for _, draft, _ in pairs]
    new = [at for at, (_, _, row) in enumerate(pairs) if row is None]
    changed = [at for at, (_, _, row) in enumerate(pairs) if row is not None and _told(columns[at]) != _held(row)]
    ids = [row["id"] if row is not None else 0 for _, _, row in pairs]
    if new:
        told = [(pairs[at][0].topic.id, *columns[at]) for at in new]
        rows = await connection.fetch(layout.sql("claims", "insert_facts"), *map(list, zip(*told, strict=True)))
        for at, row in zip(new, rows, strict=True):
            ids[at] = row["id"]
        states = [STATE_OF[columns[at][2]] for at in new]
        await connection.execute(layout.sql("write", "change"), CREATED, FACT, [ids[at] for at in new], states)
    if changed:
        told = [(ids[at], *columns[at]) for at in changed]
        news = [at for at in changed if columns[at][1:3] != (_json(pairs[at][2]), pairs[at][2]["state"])]
        events = ([ids[at] for at in news], [STATE_OF[columns[at][2]] for at in news])
        sql = layout.sql("claims", "update_facts")
        await connection.execute(sql, *map(list, zip(*told, strict=True)), *events)
    return ids, {*new, *changed}


def _columns(draft: Draft) -> tuple[Any, ...]:
    options = [
        {
            "value": option.value,
            "probability": round(option.probability, _DIGITS),
            "sources": list(option.sources),
            "independent": round(option.independent, _DIGITS),
            "claims": sorted(option.claims),
            "chosen": option.chosen,
        }
        for option in draft.options
    ]
    numbers = (draft.probability, draft.trust, draft.supporting, draft.opposing)
    return (
        range_of(draft.valid),
        encoded(draft.value, sort=True).decode(),
        STATE_NUMBERS[draft.state],
        *(round(number, _DIGITS) for number in numbers),
        draft.method,
        draft.reason,
        encoded(options).decode(),
        draft.decision,
    )


def _told(columns: tuple[Any, ...]) -> tuple[Any, ...]:
    valid, value, *rest, options, decision = columns
    numbers = [round(each, 3) if isinstance(each, float) else each for each in rest]
    return (valid.lower, valid.upper, value, *numbers, orjson.loads(options), decision)


def _held(row: Any) -> tuple[Any, ...]:
    numbers = [round(row[name], 3) for name in ("probability", "trust", "supporting", "opposing")]
    told = (row["state"], *numbers, row["method"], row["reason"])
    return (row["valid"].lower, row["valid"].upper, _json(row), *told, orjson.loads(row["options"]), row["decision"])


def _json(row: Any) -> str | None:
    """Return a stored value as it is encoded here: Postgres writes jsonb with spaces, and in an order of its own."""
    return None if row["value"] is None else encoded(orjson.loads(row["value"]), sort=True).decode()
