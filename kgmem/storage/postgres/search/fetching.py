"""Fetching: what the best candidates say, as the label tables hold them now."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from kgmem.domain.answer import Hit
from kgmem.domain.entity import EPISODE
from kgmem.domain.interval import iso
from kgmem.domain.ranking import Ranked
from kgmem.storage.postgres.layout import Layout, know_labels, label_id
from kgmem.storage.postgres.records import loads, others_of, text_of
from kgmem.storage.postgres.search.request import Parameters


async def fetch(connection: asyncpg.Connection, layout: Layout, best: Sequence[Ranked[int]]) -> list[Hit]:
    """Give hits in their order, as the label tables hold them now; what is gone there is left out."""
    groups: dict[int, list[int]] = defaultdict(list)
    for ranked in best:
        groups[label_id(ranked.id)].append(ranked.id)
    await know_labels(connection, layout, (group[0] for group in groups.values()))
    known = [(layout.by_id[label], group) for label, group in sorted(groups.items()) if label in layout.by_id]
    if not known:
        return []
    parameters = Parameters()
    parts = []
    for label, group in known:
        places = {"ids": parameters.add(group, "bigint[]"), "graphids": parameters.add(group, "ag_catalog.graphid[]")}
        parts.append(layout.sql("recall", "fetch_vertices", label=label.age_name) % places)
    sql = layout.sql("recall", "fetch_items") % {"vertices": " UNION ALL ".join(parts)}
    rows = {row["id"]: row for row in await connection.fetch(sql, *parameters.values)}
    return [_hit(layout, rows[ranked.id], ranked) for ranked in best if ranked.id in rows]


def _hit(layout: Layout, row: Any, ranked: Ranked[int]) -> Hit:
    """Give the hit that a vertex tells: straight from what is stored, since an answer makes up to a thousand."""
    stored: Mapping[str, Any] = loads(row["properties"])
    is_episode = row["kind"] == EPISODE
    when = text_of(stored, "occurred_at") if is_episode else text_of(stored, "valid_from")
    trust = row["trust"] if row["trust"] is not None else row["source_trust"]
    told = {"source": row["source"], "name": row["source_name"], "trust": row["source_trust"]}
    told["known_from"] = iso(row["known_from"])
    if is_episode:
        told |= {"session": stored.get("session"), "speaker": stored.get("speaker"), "occurred_at": when}
    return Hit(
        kind="episode" if is_episode else "entity",
        id=row["id"],
        key=row["key"],
        label=layout.by_id[label_id(row["id"])].name,
        name=text_of(stored, "title" if is_episode else "name"),
        text=text_of(stored, "text"),
        score=ranked.score,
        confidence=trust,
        valid_from=when,
        valid_to=when if is_episode else text_of(stored, "valid_to"),
        scope=row["scope"],
        properties=others_of(stored, "episode" if is_episode else "entity"),
        place=stored["place"] if isinstance(stored.get("place"), dict) else None,
        arms=ranked.arms,
        provenance=[_known(told)],
    )


def _known(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None}
