"""Publications: read for an export from its snapshot, and stored from the records of a file.

A claim that a publication made differs from an equal one of its scope by a mark: the reference of what it repeats
(which follows from what that states) and the scope of it. So both graphs of a round trip have the same claims.
"""

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.agents.publication import STATES
from kgmem.domain.agents.publication_records import PUBLICATION
from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import ENTITY, EPISODE, RELATIONSHIP
from kgmem.domain.time.interval import iso, parse_time
from kgmem.store.claims.claim_rows import FACT
from kgmem.store.graph.layout import Layout, scope_ids

_FILE: Final = "publications"
_PAGE: Final = 500
_NAME_OF: Final = {EPISODE: "text", RELATIONSHIP: "relationship", FACT: "fact"}
_KIND_OF: Final = {name: kind for kind, name in _NAME_OF.items()}
_ITEMS: Final = {"entity": ENTITY, "text": EPISODE}
_NOT_THERE: Final = "Import what is published, too."


async def claim_refs(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]) -> dict[int, str]:
    """Return what claims are known by among those on their topic."""
    if not ids:
        return {}
    rows = await connection.fetch(layout.sql("claim_records", "claim_refs"), sorted(set(ids)))
    return {row["id"]: row["ref"] for row in rows}


def edge_ref(apart: int | None) -> str:
    """Return what a relationship that no claim states is known by."""
    return f"relationship:{apart or 0}"


def mark_of(ref: str, scope: str) -> str:
    """Return the mark of a claim that repeats what has this reference in a scope."""
    return f"{ref} {scope}"


async def publication_records(
    connection: asyncpg.Connection, layout: Layout, scope: str | None
) -> AsyncGenerator[Sequence[BeliefRecord], None]:
    """Return what is published from one scope, or from all."""
    cursor = await connection.cursor(layout.sql(_FILE, "all"), scope)
    while rows := await cursor.fetch(_PAGE):
        refs = await claim_refs(connection, layout, [claim for row in rows for claim in row["origins"] if claim])
        yield [_record(row, refs) for row in rows]


def _record(row: Any, refs: Mapping[int, str]) -> BeliefRecord:
    claims = [refs[claim] for claim in row["origins"] if claim in refs]
    apart = row["parallel_edge_hash"]
    told = {
        "publication": _NAME_OF[row["kind"]], "key": row["key"], "subject": row["subject"],
        "predicate": row["predicate"], "object": row["object"], "about": row["about"] or None,
        "apart": None if apart is None else str(apart), "claims": claims or None, "scope": row["scope"],
        "to": row["target"] or None, "by": row["by"], "reason": row["reason"], "at": iso(row["at"]),
        "state": STATES[row["state"] - 1], "note": row["note"],
        "ended": None if row["ended"] is None else iso(row["ended"]),
        "stored": None if row["ended"] is not None else orjson.loads(row["stored"]),
    }  # fmt: skip
    return BeliefRecord(PUBLICATION, {name: value for name, value in told.items() if value is not None})


async def restore_publication(connection: asyncpg.Connection, layout: Layout, told: Mapping[str, Any]) -> bool:
    """Store a publication that the graph does not have; returns whether it had not.

    It is due then, so that it follows its origin in this graph before the next use. Raises InvalidInput for one of what
    is not there, and for one that would make two scopes follow each other.
    """
    scope, target = told.get("scope") or "", told.get("to") or ""
    numbers = await scope_ids(connection, layout, [scope, target], make=True)
    place = (numbers[scope], numbers[target], _KIND_OF[told["publication"]])
    named = (told.get("key"), told.get("subject"), told.get("predicate"))
    at, ended = _instant(told["at"]), _instant(told.get("ended"))
    await connection.execute(layout.sql(_FILE, "one_at_a_time"), layout.id)
    if await connection.fetchval(layout.sql(_FILE, "same"), *place, *named, at, told["by"]) is not None:
        return False
    origin, topic = 0, None
    claims: list[int] = []
    copies: list[int] = []
    if ended is None:
        if await connection.fetchval(layout.sql(_FILE, "is_circle"), *place[:2]):
            raise InvalidInput(
                f"What {scope!r} says follows {target!r} already.",
                hint="Withdraw the publications that lead from there to here.",
                field="to",
            )
        origin, topic, claims, copies = await _origin(connection, layout, told, place)
    state = STATES.index(told.get("state", STATES[0])) + 1
    made = await connection.fetchval(
        layout.sql(_FILE, "restore"), *place, *named, at, told["by"], told["reason"], origin, topic, claims, state,
        told.get("note"), ended, copies,
    )  # fmt: skip
    if made is not None and ended is None and told.get("stored"):
        kinds, keys, digests = zip(*told["stored"], strict=True)
        await connection.execute(
            layout.sql("published_items", "restore"), made, numbers[target], [_ITEMS[kind] for kind in kinds],
            list(keys), [int(digest) for digest in digests],
        )  # fmt: skip
    return made is not None


async def _origin(
    connection: asyncpg.Connection, layout: Layout, told: Mapping[str, Any], place: tuple[int, int, int]
) -> tuple[int, int | None, list[int], list[int]]:
    """Return what a publication follows in this graph, its topic, the claims that it followed last, and the copies."""
    scope, target, kind = place
    if kind == EPISODE:
        text = await connection.fetchval(layout.sql(_FILE, "text_of"), scope, told["key"])
        copy = await connection.fetchval(layout.sql(_FILE, "text_of"), target, told["key"])
        stored = told.get("stored")  # An older file does not have it.
        is_there = copy is not None and (stored is None or any(kind == "text" for kind, *_ in stored))
        return _known(text, told), None, [], [copy] if is_there else []
    subject, predicate, refs = told["subject"], told["predicate"], set(told.get("claims") or ())
    topic: int | None = await connection.fetchval(
        layout.sql(_FILE, "topic_of"), scope, subject, predicate, told.get("about") or ""
    )
    rows = await connection.fetch(layout.sql("claim_records", "claims_on"), [topic]) if topic is not None else []
    claims = sorted({row["id"] for row in rows if row["ref"] in refs and row["current"]})
    marks = [mark_of(ref, told.get("scope") or "") for ref in sorted(refs)]
    if kind == RELATIONSHIP:
        apart = int(told.get("apart") or 0)
        edge = await connection.fetchval(
            layout.sql(_FILE, "edge_of"), scope, subject, predicate, told.get("object") or "", apart
        )
        origin, marks = _known(edge, told), [*marks, mark_of(edge_ref(apart), told.get("scope") or "")]
    else:
        facts = await connection.fetch(layout.sql(_FILE, "facts_of"), topic) if topic is not None else []
        origin = _fact(facts, set(claims)) or _known(-claims[0] if claims else None, told)
    copies = [row["id"] for row in await connection.fetch(layout.sql(_FILE, "marked"), marks, target)]
    return origin, topic, claims, copies


def _fact(rows: Sequence[Any], claims: set[int]) -> int | None:
    """Return the fact that rests on most of these claims; None for none."""
    shared = {
        row["id"]: len(claims & {claim for option in orjson.loads(row["options"]) for claim in option["claims"]})
        for row in rows
    }
    best = max(shared, key=lambda id_: shared[id_], default=None)
    return best if best is not None and shared[best] else None


def _known(found: int | None, told: Mapping[str, Any]) -> int:
    """Return what was found, or a number that nothing has where nothing is published now. Raises InvalidInput."""
    if found is not None:
        return found
    if told.get("state", STATES[0]) == STATES[0]:
        raise InvalidInput(f"The published {told['publication']} is not there.", hint=_NOT_THERE, field="publication")
    return -int.from_bytes(hashlib.sha256(orjson.dumps(dict(told), option=orjson.OPT_SORT_KEYS)).digest()[:7]) - 1


def _instant(text: str | None) -> int | None:
    return None if text is None else parse_time(text).start
