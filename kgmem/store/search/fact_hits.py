"""Facts as hits: what a relationship tells, with its ends by key and name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg
import orjson

from kgmem.domain.graph.relationship import worded
from kgmem.domain.recall.answer import End, Hit
from kgmem.domain.recall.fusion import Ranked
from kgmem.domain.time.interval import iso
from kgmem.store.db.sql import SQL, fill, identifier, join, number
from kgmem.store.graph.layout import Layout, label_id
from kgmem.store.graph.records import loads, others_of, text_of
from kgmem.store.search import as_of
from kgmem.store.search.visibility import NAMES

_STATES = "STATES"  # The kind of facts in the words of a text.
_COLUMNS = {"start": "source", "end": "target"}


def end_names(layout: Layout) -> dict[str, SQL]:
    """Return what reads the names of ends, of the labels that ends are known to have."""
    known = [layout.by_id[label] for label in sorted(layout.joined) if label in layout.by_id]
    return {
        f"{end}s": join(
            "",
            (
                fill(
                    layout.sql("recall", "end_name", label=label.age_name),
                    {"id": number(label.id), "end": identifier(column)},
                )
                for label in known
            ),
        )
        or SQL("WHEN 0 THEN NULL")
        for end, column in _COLUMNS.items()
    }


def learn_ends(layout: Layout, rows: Iterable[Any]) -> list[int]:
    """Note which labels the ends of facts have; return those ends of which the name was not read for not knowing."""
    ends = [told[end] for told in (orjson.loads(row["told"]) for row in rows) for end in ("start", "end")]
    unread = [id_ for id_ in ends if label_id(id_) not in layout.joined]
    layout.joined.update(map(label_id, unread))
    return unread


async def then(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]) -> dict[int, Any]:
    """Return what facts said at an earlier time, with what their ends were called then."""
    rows = await as_of.rows(connection, layout, ids, [])
    edges = {row["id"]: row for row in await connection.fetch(layout.sql("fact_index", "edges"), list(rows))}
    ends = await as_of.rows(connection, layout, [edge[end] for edge in edges.values() for end in _COLUMNS.values()], [])
    for id_, edge in edges.items():
        told = {"confidence": edge["confidence"], "strength": edge["strength"]}
        for end, column in _COLUMNS.items():
            row = ends.get(edge[column])
            told |= {
                end: edge[column],
                f"{end}_key": row["key"] if row else None,
                f"{end}_name": text_of(loads(row["properties"]), "name") if row else None,
            }
        rows[id_]["told"] = orjson.dumps(told)
    return {id_: row for id_, row in rows.items() if id_ in edges}


def hit(layout: Layout, row: Any, ranked: Ranked[int]) -> Hit:
    """Return the hit that an edge tells."""
    stored: Mapping[str, Any] = loads(row["properties"])
    told: Mapping[str, Any] = orjson.loads(row["told"])
    kind = layout.by_id[label_id(row["id"])].name
    start, end = (_end(layout, told, which) for which in ("start", "end"))
    text = text_of(stored, "text")
    sentence = worded(start.name or start.key, kind, end.name or end.key)
    return Hit(
        kind="fact",
        id=row["id"],
        key=text_of(stored, "key") or str(row["id"]),
        label=kind,
        name=text if kind == _STATES and text else sentence,
        text=text or sentence,
        score=ranked.score,
        confidence=_believed(row, told["confidence"]),
        valid_from=text_of(stored, "valid_from"),
        valid_to=text_of(stored, "valid_to"),
        scope=row["scope"],
        state=NAMES[row["state"]],
        properties=others_of(stored, "relationship"),
        retrievers=ranked.retrievers,
        provenance=[without_none(provenance(layout, row))],
        start=start,
        end=end,
        strength=told["strength"],
    )


def _end(layout: Layout, told: Mapping[str, Any], which: str) -> End:
    id_ = told[which]
    label = layout.by_id.get(label_id(id_))
    name = told.get(f"{which}_label")
    return End(
        told[f"{which}_key"] or f"_{id_}",
        told[f"{which}_name"],
        name if name is not None else label.name if label else None,
    )


def _believed(row: Any, stated: float | None) -> float | None:
    """Return the consensus on a fact times its own confidence; where nobody's claims were weighed, one of the two."""
    if stated is None:
        return trust_of(row)
    return stated if row["trust"] is None else stated * float(row["trust"])


def trust_of(row: Any) -> float | None:
    """Return the item's own trust, or else its source's."""
    trust: float | None = row["trust"] if row["trust"] is not None else row["source_trust"]
    return trust


def provenance(layout: Layout, row: Any) -> dict[str, Any]:
    """Who said it, how far that source is trusted, and since when it is known; of the past, until when it was."""
    told = {"source": row["source"], "name": row["source_name"], "trust": row["source_trust"]}
    told["known_from"] = iso(row["known_from"])
    if layout.is_past:
        told["known_to"] = iso(row["known_to"]) if row["known_to"] is not None else None
        told["properties"] = "lost" if row.get("lost") else None
    return told


def without_none(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of it."""
    return {name: value for name, value in told.items() if value is not None}
