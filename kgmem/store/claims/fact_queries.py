"""Reading facts, claims, decisions and what is known of sources, as of now or as it was known."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import orjson

from kgmem.domain.claims.claim import (
    ClaimFilter,
    ClaimStatement,
    Correlated,
    Decision,
    FactFilter,
    Option,
    SourceStanding,
    StoredFact,
)
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.time.interval import iso, parse_time
from kgmem.store.claims.verdict_projection import STATE_NUMBERS
from kgmem.store.claims.verdict_writer import STATE_OF
from kgmem.store.graph.layout import LABEL_SHIFT, Layout
from kgmem.store.read.items import PageRange

_NUMBER_OF = {state.value: number for state, number in STATE_NUMBERS.items()}
_MOST_OF_SUBJECT = 1000
_HISTORY = 100


async def facts(
    connection: asyncpg.Connection, layout: Layout, asked: FactFilter, *, predicates: Sequence[str] | None = None
) -> Page[StoredFact]:
    """Return a page of the facts that a scope sees; `predicates` limits them to some."""
    part = PageRange(asked.cursor, asked.limit)
    rows = await connection.fetch(
        layout.sql("fact_queries", "facts"),
        list(visible_from(asked.scope)),
        part.after,
        asked.subject,
        asked.predicate,
        [_NUMBER_OF[state] for state in asked.states] if asked.states else None,
        list(predicates) if predicates is not None else None,
        asked.limit + 1,
        parse_time(asked.valid_at).start if asked.valid_at is not None else None,
    )
    found = await _facts(connection, layout, rows[: asked.limit])
    more = len(rows) > asked.limit
    return Page(found, str(found[-1].id) if more else None)


async def facts_of_subject(
    connection: asyncpg.Connection, layout: Layout, scope: str, subject: str, predicate: str | None
) -> list[StoredFact]:
    """Return what a scope sees of one subject."""
    rows = await connection.fetch(
        layout.sql("fact_queries", "facts_by_subject"), list(visible_from(scope)), subject, predicate, _MOST_OF_SUBJECT
    )
    return await _facts(connection, layout, rows)


async def facts_by_id(
    connection: asyncpg.Connection, layout: Layout, ids: Sequence[int], scope: str
) -> dict[int, StoredFact]:
    """Return facts by the ids that they were asked by: their own, or those of relationships that say them."""
    own = {id_: id_ for id_ in ids if id_ < 1 << LABEL_SHIFT}
    edges = [id_ for id_ in ids if id_ >= 1 << LABEL_SHIFT]
    if edges:
        rows = await connection.fetch(layout.sql("fact_queries", "facts_of_edges"), edges)
        own |= {row["id"]: row["fact"] for row in rows}
    sql = layout.sql("fact_queries", "facts_by_id")
    rows = await connection.fetch(sql, sorted(set(own.values())), list(visible_from(scope)))
    found = {fact.id: fact for fact in await _facts(connection, layout, rows)}
    return {asked: found[id_] for asked, id_ in own.items() if id_ in found}


async def fact(connection: asyncpg.Connection, layout: Layout, id_: int, scope: str) -> StoredFact:
    """Return a fact by its id, or that of a relationship, which may never have been weighed. Raises NotFound."""
    found = await facts_by_id(connection, layout, [id_], scope)
    if id_ in found:
        return found[id_]
    if id_ >= 1 << LABEL_SHIFT:
        row = await connection.fetchrow(layout.sql("fact_queries", "held_edge"), id_, list(visible_from(scope)))
        if row is not None and row["kind"] in layout.by_id:
            return _unweighed(layout, row)
    raise NotFound(f"There is no fact {id_}.", hint="List the facts, or take the id of a hit of recall.")


async def _facts(connection: asyncpg.Connection, layout: Layout, rows: Sequence[Any]) -> list[StoredFact]:
    ids = [row["id"] for row in rows]
    edges = {
        row["fact"]: row["edges"]
        for row in (await connection.fetch(layout.sql("fact_queries", "edges_of_facts"), ids) if ids else [])
    }
    wanted = sorted({row["decision"] for row in rows if row["decision"] is not None})
    scopes = sorted({row["scope"] for row in rows})
    taken = {each.id: each for each in await _decisions(connection, layout, scopes, wanted)} if wanted else {}
    rules = layout.schema().rules
    return [
        _fact(
            row,
            edges.get(row["id"], ()),
            taken,
            critical=row["predicate"] in rules and rules[row["predicate"]].critical,
        )
        for row in rows
    ]


def _fact(row: Any, edges: Sequence[int], decisions: Mapping[int, Decision], *, critical: bool) -> StoredFact:
    valid = row["valid"]
    return StoredFact(
        id=row["id"],
        scope=row["scope"],
        subject=row["subject"],
        predicate=row["predicate"],
        about=row["about"],
        value=_json(row["value"]),
        state=STATE_OF[row["state"]],
        probability=round(row["probability"], 4),
        trust=round(row["trust"], 4),
        supporting=round(row["supporting"], 4),
        opposing=round(row["opposing"], 4),
        method=row["method"],
        reason=row["reason"],
        options=[Option(**option) for option in orjson.loads(row["options"])],
        valid_from=iso(valid.lower) if valid.lower is not None else None,
        valid_to=iso(valid.upper) if valid.upper is not None else None,
        known_from=iso(row["known_from"]),
        adjudication=decisions.get(row["decision"]),
        relationships=edges,
        critical=critical,
    )


def _unweighed(layout: Layout, row: Any) -> StoredFact:
    """Return the state of a relationship that no claims compete with."""
    trust = round(row["trust"], 4) if row["trust"] is not None else 0.5
    said = f"Only {row['source']} says so" if row["source"] else "Nobody is named who says so"
    valid = row["valid"]
    return StoredFact(
        id=row["id"],
        scope=row["scope"],
        subject=row["start_key"] or "",
        predicate=layout.by_id[row["kind"]].name,
        about="",
        value=row["end_key"],
        state="unverified",
        probability=trust,
        trust=trust,
        supporting=1.0 if row["source"] else 0.0,
        opposing=0.0,
        method="none",
        reason=f"{said}, and its kind is not weighed: it is believed as its source is trusted.",
        options=[Option(row["end_key"], trust, [row["source"]] if row["source"] else [], 1.0, [], chosen=True)],
        valid_from=iso(valid.lower) if valid.lower is not None else None,
        valid_to=iso(valid.upper) if valid.upper is not None else None,
        known_from=iso(row["known_from"]),
        relationships=[row["id"]],
    )


async def claims(connection: asyncpg.Connection, layout: Layout, asked: ClaimFilter) -> Page[ClaimStatement]:
    """Return a page of the claims that a scope sees."""
    part = PageRange(asked.cursor, asked.limit)
    of = (asked.subject, asked.predicate, asked.source)
    # Of an earlier time only those are there that were known then, whatever was withdrawn since.
    ended = asked.withdrawn or layout.is_past
    sql = layout.sql("fact_queries", "claims", held=layout.held_name)
    more = (ended, asked.limit + 1, asked.derived)
    rows = await connection.fetch(sql, list(visible_from(asked.scope)), part.after, *of, *more)
    found = [_claim(row) for row in rows[: asked.limit]]
    return Page(found, str(found[-1].id) if len(rows) > asked.limit else None)


async def claims_by_id(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]) -> list[ClaimStatement]:
    """Return claims of facts that the caller sees."""
    sql = layout.sql("fact_queries", "claims_by_id", held=layout.held_name)
    return [_claim(row) for row in await connection.fetch(sql, list(ids))]


def _claim(row: Any) -> ClaimStatement:
    return ClaimStatement(
        source=row["source"],
        subject=row["subject"],
        predicate=row["predicate"],
        object=row["object"],
        value=_json(row["value"]),
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        confidence=round(row["confidence"], 6),
        episode=row["episode"],
        span=(row["begins"], row["ends"]) if row["begins"] is not None else None,
        scope=row["scope"],
        derived_from=tuple(row["derived_from"] or ()),
        id=row["id"],
        known_from=iso(row["known_from"]),
        known_to=iso(row["known_to"]) if row["known_to"] is not None else None,
        relationship=row["edge"],
        expires_at=iso(row["expires_at"]) if row["expires_at"] is not None else None,
    )


async def decisions(
    connection: asyncpg.Connection,
    layout: Layout,
    scope: str,
    *,
    before: int | None,
    limit: int,
    topic: int | None = None,
    said: tuple[str | None, str | None] = (None, None),
) -> list[Decision]:
    """Return the audit trail that a scope sees, the newest first; only of a topic, or of a subject and predicate."""
    sql = layout.sql("fact_queries", "decisions")
    rows = await connection.fetch(sql, list(visible_from(scope)), before, None, topic, limit, *said)
    return [_decision(row) for row in rows]


async def _decisions(
    connection: asyncpg.Connection, layout: Layout, scopes: Sequence[str], ids: Sequence[int]
) -> list[Decision]:
    sql = layout.sql("fact_queries", "decisions")
    rows = await connection.fetch(sql, list(scopes), None, list(ids), None, len(ids), None, None)
    return [_decision(row) for row in rows]


def _decision(row: Any) -> Decision:
    return Decision(
        id=row["id"],
        action=row["action"],
        by=row["by"],
        reason=row["reason"],
        at=iso(row["at"]),
        scope=row["scope"],
        fact=row["fact"],
        subject=row["subject"],
        predicate=row["predicate"],
        value=_json(row["value"]),
        claims=row["claims"],
        detail=orjson.loads(row["detail"]),
        ended=iso(row["ended"]) if row["ended"] is not None else None,
        ended_by=row["ended_by"],
    )


async def standings(connection: asyncpg.Connection, layout: Layout, keys: Sequence[str] | None) -> list[SourceStanding]:
    """Return what was learned of sources from the claims that all share."""
    rows = await connection.fetch(layout.sql("fact_queries", "standings"), list(keys) if keys is not None else None)
    return [
        SourceStanding(
            source=row["source"],
            trust=round(row["trust"], 4),
            prior=round(row["prior"], 4),
            claims=row["claims"],
            checked=row["checked"],
            domains=orjson.loads(row["domains"]),
            reason=row["reason"] or "Nothing was learned of it yet: the trust that it was given holds.",
            known_from=iso(row["known_from"]) if row["known_from"] is not None else None,
            parent=row["parent"],
            domain=row["domain"],
            reported_changes=_rounded(row["reported_changes"], 4),
            reporting_delay=_rounded(row["reporting_delay"], 3),
            keys=orjson.loads(row["keys"]),
        )
        for row in rows
    ]


def _rounded(number: float | None, places: int) -> float | None:
    return None if number is None else round(number, places)


async def standing_history(connection: asyncpg.Connection, layout: Layout, key: str) -> list[dict[str, Any]]:
    """Return earlier reliabilities of a source, the newest first."""
    rows = await connection.fetch(layout.sql("fact_queries", "standing_history"), key, _HISTORY)
    return [
        {
            "trust": round(row["trust"], 4),
            "prior": round(row["prior"], 4),
            "claims": row["claims"],
            "checked": row["checked"],
            "reported_changes": _rounded(row["reported_changes"], 4),
            "reporting_delay": _rounded(row["reporting_delay"], 3),
            "reason": row["reason"],
            "known_from": iso(row["known_from"]),
            "known_to": iso(row["known_to"]),
        }
        for row in rows
    ]


async def copies(
    connection: asyncpg.Connection, layout: Layout, scope: str, among: Sequence[str] | None
) -> list[dict[str, Any]]:
    """Return the pairs of sources that were found to depend on each other."""
    sql = layout.sql("fact_queries", "copies")
    rows = await connection.fetch(sql, list(visible_from(scope)), list(among) if among is not None else None)
    return [
        {
            "one": row["one"],
            "other": row["other"],
            "probability": round(row["probability"], 4),
            "shared": row["shared"],
        }
        for row in rows
    ]


async def correlated(connection: asyncpg.Connection, layout: Layout, rows: Sequence[Any]) -> list[Correlated]:
    """Return stored correlations, each with the facts and values of its claims."""
    topics = sorted({topic for row in rows for topic in row["topics"]})
    of_claim: dict[int, tuple[int, Any]] = {}
    for held in await connection.fetch(layout.sql("claims", "facts_of"), topics) if topics else []:
        for option in orjson.loads(held["options"]):
            of_claim |= dict.fromkeys(option["claims"], (held["id"], option["value"]))
    found = []
    for row in rows:
        meant = [
            next((of_claim[claim] for claim in claims if claim in of_claim), None)
            for claims in orjson.loads(row["claims"])
        ]
        told = [each for each in meant if each is not None]
        found.append(
            Correlated(
                kind=row["kind"],
                facts=[fact for fact, _ in told],
                values=[value for _, value in told],
                reason=row["reason"],
                by=row["by"],
                strength=round(row["strength"], 4),
                scope=row["scope"],
                found=row["found"],
                id=row["id"],
                known_from=iso(row["known_from"]),
            )
        )
    return found


def _json(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
