"""What a graph believes, read for an export: from the transaction's snapshot, in constant memory."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, TypeAlias

import asyncpg
import orjson

from kgmem.domain.claims.records import BeliefKind, BeliefRecord
from kgmem.domain.time.interval import iso
from kgmem.store.claims.claim_origins import without_number
from kgmem.store.claims.verdict_writer import STATE_OF
from kgmem.store.graph.layout import Layout

_PAGE = 500
_IDS: Final = frozenset({"undoes", "relationship"})  # Of the detail of an adjudication: other graphs have other ids.
_DIGITS = 6  # What a single float tells for sure.
Told: TypeAlias = dict[str, Any]


async def stated(
    connection: asyncpg.Connection,
    layout: Layout,
    scope: str | None,
    *,
    claims: Sequence[int] | None = None,
    topics: tuple[Sequence[int], Sequence[int]] | None = None,
) -> AsyncGenerator[Sequence[BeliefRecord], None]:
    """Return claims, adjudications and facts, of one scope or of all; only some claims (ids), and of some topics.

    `topics` has the ids of those whose adjudications are returned, and of those whose facts are.
    """
    reader = _Reader(connection, layout)
    decided, resolved = topics or (None, None)
    plain: Sequence[tuple[BeliefKind, str, Sequence[int] | None, Callable[[Any, Mapping[int, str]], Told]]] = (
        ("claim", "claims", claims, _claim),
        ("adjudication", "decisions", decided, _adjudication),
    )
    for kind, query, ids, make in plain:
        async for rows in reader.pages(query, scope, ids):
            refs = await reader.refs([claim for row in rows for claim in row.get("claims") or ()])
            yield [BeliefRecord(kind, _said(make(row, refs))) for row in rows]
    async for some in reader.pages("topics", scope, resolved):
        yield [BeliefRecord("fact", each) for each in await reader.facts(some)]


async def beliefs(
    connection: asyncpg.Connection, layout: Layout, scope: str | None
) -> AsyncGenerator[Sequence[BeliefRecord], None]:
    """Return the beliefs of one scope, or of all, in pages of one kind; kinds in the order of BELIEF_KINDS."""
    reader = _Reader(connection, layout)
    async with aclosing(stated(connection, layout, scope)) as pages:
        async for page in pages:
            yield page
    async for rows in reader.pages("correlations", scope):
        refs = await reader.refs([claim for row in rows for each in orjson.loads(row["claims"]) for claim in each])
        yield [BeliefRecord("correlation", _said(_correlation(row, refs))) for row in rows]
    for query, tell in (("standings", _standing), ("settings", _setting), ("copies", _copies), ("runs", _run)):
        async for rows in reader.pages(query, scope):
            yield [BeliefRecord("trust", _said(tell(row))) for row in rows]
    async for rows in reader.pages("merges", scope):
        yield [BeliefRecord("merge", _said(_merge(row))) for row in rows]
    async for rows in reader.pages("pairs", scope):
        yield [BeliefRecord("pair", _said(_pair(row))) for row in rows]


class _Reader:
    """Reads on one connection."""

    def __init__(self, connection: asyncpg.Connection, layout: Layout) -> None:
        self._connection = connection
        self._layout = layout

    async def pages(self, query: str, *arguments: Any) -> AsyncGenerator[list[Any], None]:
        cursor = await self._connection.cursor(self._layout.sql("claim_records", query), *arguments)
        while rows := await cursor.fetch(_PAGE):
            yield rows

    async def refs(self, claims: Sequence[int]) -> dict[int, str]:
        """Return what claims are known by among those on their topic."""
        if not claims:
            return {}
        rows = await self._connection.fetch(self._layout.sql("claim_records", "claim_refs"), sorted(set(claims)))
        return {row["id"]: row["ref"] for row in rows}

    async def facts(self, topics: Sequence[Any]) -> list[Told]:
        """Return topics, each with all its facts and their former versions."""
        sql = self._layout.sql("claim_records", "facts_on")
        rows = await self._connection.fetch(sql, [topic["id"] for topic in topics])
        options = {id(row): orjson.loads(row["options"]) for row in rows}
        current = await self._current(topics)
        used = {claim for each in options.values() for option in each for claim in option["claims"]}
        refs = await self.refs([*used, *(claim for each in current.values() for claim in each)])
        rested = dict[int, set[int]]()  # By topic: on which of its claims its current facts rest.
        found: dict[int, dict[int, Told]] = {topic["id"]: {} for topic in topics}
        for row in rows:
            fact = found[row["topic"]].setdefault(row["id"], {"past": []})
            told = _fact(row, options[id(row)], refs)
            if row["known"] is None:
                rested.setdefault(row["topic"], set()).update(
                    claim for option in options[id(row)] for claim in option["claims"]
                )
                fact |= {**told, "adjudications": list(row["decided"])}
            else:
                fact["past"].append(
                    {**told, "known_from": iso(row["known"].lower), "known_to": iso(row["known"].upper)}
                )
        return [
            _said(
                {
                    "subject": topic["subject"], "predicate": topic["predicate"], "about": topic["about"] or None,
                    "scope": topic["scope"] or None, "facts": list(found[topic["id"]].values()),
                    "beside": sorted(
                        refs[claim]
                        for claim in current.get(topic["id"], ()) if claim not in rested.get(topic["id"], ())
                    ) or None,
                }
            )
            for topic in topics
        ]  # fmt: skip

    async def _current(self, topics: Sequence[Any]) -> dict[int, list[int]]:
        """Return the current claims on topics."""
        found: dict[int, list[int]] = {}
        sql = self._layout.sql("claim_records", "current_claims")
        for row in await self._connection.fetch(sql, [topic["id"] for topic in topics]):
            found.setdefault(row["topic"], []).append(row["id"])
        return found


def _said(told: Told) -> Told:
    return {name: value for name, value in told.items() if value is not None}


def _moment(instant: int | None) -> str | None:
    return None if instant is None else iso(instant)


def _json(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


def _number(value: float) -> float:
    return round(value, _DIGITS)


def _claim(row: Any, _: Mapping[int, str]) -> Told:
    tied = row["parallel_edge_hash"] is not None
    stated = {"first": True} if row["adopted"] and row["object"] is None else None  # By an entity that was written.
    return {
        "source": row["source"], "subject": row["subject"], "predicate": row["predicate"], "object": row["object"],
        "value": _json(row["value"]), "valid_from": row["valid_from"], "valid_to": row["valid_to"],
        "confidence": _number(row["confidence"]), "episode": row["episode"],
        "span": [row["begins"], row["ends"]] if row["begins"] is not None else None, "scope": row["scope"] or None,
        "derived_from": [without_number(each) for each in row["derived_from"]] if row["derived_from"] else None,
        "known_from": iso(row["known_from"]), "known_to": _moment(row["known_to"]),
        "expires_at": _moment(row["expires_at"]), "published_from": row["mark"],
        # As text, since not every reader of JSON has integers of 64 bits.
        "relationship": {"apart": str(row["parallel_edge_hash"]), "first": row["adopted"]} if tied else stated,
    }  # fmt: skip


def _adjudication(row: Any, refs: Mapping[int, str]) -> Told:
    detail = {name: value for name, value in orjson.loads(row["detail"]).items() if name not in _IDS}
    return {
        "action": row["action"], "by": row["by"], "reason": row["reason"], "at": iso(row["at"]),
        "subject": row["subject"], "predicate": row["predicate"], "about": row["about"] or None,
        "value": _json(row["value"]), "scope": row["scope"] or None,
        "detail": {
            "detail": detail, "claims": [refs[claim] for claim in row["claims"] if claim in refs],
            "ended": _moment(row["ended"]), "ends": list(row["ends"]),
        },
    }  # fmt: skip


def _fact(row: Any, options: Sequence[Told], refs: Mapping[int, str]) -> Told:
    valid = row["valid"]
    return {
        "valid": [_moment(valid.lower), _moment(valid.upper)], "value": _json(row["value"]),
        "state": STATE_OF[row["state"]], "probability": _number(row["probability"]), "trust": _number(row["trust"]),
        "supporting": _number(row["supporting"]), "opposing": _number(row["opposing"]), "method": row["method"],
        "reason": row["reason"], "adjudication": row["decision"], "known_from": iso(row["known_from"]),
        "options": [
            {**option, "claims": [refs[claim] for claim in option["claims"] if claim in refs]} for option in options
        ],
    }  # fmt: skip


def _correlation(row: Any, refs: Mapping[int, str]) -> Told:
    claims = [[refs[claim] for claim in each if claim in refs] for each in orjson.loads(row["claims"])]
    return {
        "relation": row["kind"], "strength": _number(row["strength"]), "by": row["by"], "reason": row["reason"],
        "known_from": iso(row["known_from"]), "known_to": _moment(row["known_to"]), "scope": row["scope"] or None,
        "detail": {"topics": _json(row["named"]) or [], "claims": claims, "found": row["found"]},
    }  # fmt: skip


def _past_standing(row: Told) -> Told:
    known = {name: each for name, each in row.items() if not name.startswith("report")}
    known |= _reporting(row["reported_changes"], row["reporting_delay"])
    return {**known, "from": iso(row["from"]), "to": iso(row["to"])}


def _standing(row: Any) -> Told:
    past = [_past_standing(each) for each in orjson.loads(row["past"])]
    told = {"of": "source", "source": row["source"], "scope": row["scope"] or None}
    if row["trust"] is None:
        return {**told, "detail": {"past": past}}
    numbers = {"prior": _number(row["prior"]), "claims": row["claims"], "checked": row["checked"]}
    known = {**numbers, "domains": orjson.loads(row["domains"]), "reason": row["reason"]}
    detail = {**known, **_reporting(row["reported_changes"], row["reporting_delay"]), "past": past}
    return {**told, "trust": _number(row["trust"]), "known_from": iso(row["known_from"]), "detail": detail}


def _reporting(share: float | None, delay: float | None) -> Told:
    """Return how a source reports changes; nothing where no change is known."""
    return {} if share is None else {"reported_changes": _number(share), "reporting_delay": delay}


def _setting(row: Any) -> Told:
    detail = {"method": row["method"], "reason": row["reason"], "wrong": row["wrong"], "similarity": row["similarity"]}
    return {"of": "predicate", "predicate": row["predicate"], "scope": row["scope"] or None, "detail": detail}


def _copies(row: Any) -> Told:
    told = {"of": "copies", "source": row["source"], "other": row["other"], "trust": _number(row["probability"])}
    return {**told, "scope": row["scope"] or None, "detail": {"shared": row["shared"]}}


def _run(row: Any) -> Told:
    return {
        "of": "run", "scope": row["scope"] or None, "known_from": iso(row["at"]), "detail": {"count": row["count"]},
    }  # fmt: skip


def _merge(row: Any) -> Told:
    undone = {"at": _moment(row["undone_at"]), "by": row["undone_by"], "reason": row["undone_reason"]}
    return {
        "keep": row["kept_key"], "gone": row["gone_key"], "by": row["by"], "reason": row["reason"],
        "at": iso(row["at"]), "scope": row["scope"] or None,
        "detail": {"told": _json(row["told"]) or {}, "undone": undone if row["undone_at"] is not None else None},
    }  # fmt: skip


def _pair(row: Any) -> Told:
    return {
        "one": row["one"], "other": row["other"], "decided": "different", "by": row["by"], "reason": row["reason"],
        "at": iso(row["at"]), "scope": row["scope"] or None,
        "detail": {"evidence": _number(row["evidence"]), "parts": _json(row["parts"]), "vetoed": row["vetoed"]},
    }  # fmt: skip
