"""Fetching: what the best candidates say, as the label tables hold them now."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from kgmem.domain.answer import Hit
from kgmem.domain.entity import EPISODE
from kgmem.domain.interval import iso
from kgmem.domain.path import CausalPath, FoundPath
from kgmem.domain.ranking import Ranked
from kgmem.storage.postgres.layout import Layout, know_labels, label_id
from kgmem.storage.postgres.records import loads, others_of, text_of
from kgmem.storage.postgres.search import past
from kgmem.storage.postgres.search.paths import causal_paths, entities_of, links_of, path_hit
from kgmem.storage.postgres.search.request import Parameters


async def fetch(
    connection: asyncpg.Connection,
    layout: Layout,
    best: Sequence[Ranked[int]],
    paths: Mapping[int, Sequence[FoundPath]],
) -> list[Hit]:
    """Give hits in their order, as the label tables hold them now; what is gone there is left out."""
    told = {ranked.id: paths[ranked.id] for ranked in best if ranked.id in paths}
    ids = [*(ranked.id for ranked in best if ranked.id >= 0), *entities_of(told.values())]
    rows = await _rows(connection, layout, ids, links_of(told.values()))
    hits = []
    for ranked in best:
        found = causal_paths(layout, rows, told.get(ranked.id, ()))
        if ranked.id in rows:
            hits.append(_hit(layout, rows[ranked.id], ranked, found))
        elif found:
            hits.append(path_hit(rows, ranked, found[0]))
    return hits


async def _rows(
    connection: asyncpg.Connection, layout: Layout, ids: Sequence[int], links: Sequence[int]
) -> dict[int, Any]:
    """Read vertices, and edges of paths, by one statement; those that are gone are missing."""
    if layout.is_past:
        return await past.rows(connection, layout, ids, links)
    await know_labels(connection, layout, (*ids, *links))
    parameters = Parameters()
    vertices, edges = (_by_label(layout, group, parameters) for group in (ids, links))
    parts = [layout.sql("recall", "fetch_items") % {"vertices": vertices}] if vertices else []
    parts += [layout.sql("why", "fetch_links") % {"links": edges}] if edges else []
    rows = await connection.fetch(" UNION ALL ".join(parts), *parameters.values) if parts else []
    return {row["id"]: row for row in rows}


def _by_label(layout: Layout, ids: Sequence[int], parameters: Parameters) -> str:
    """Give the queries of the label tables that hold these ids, united; empty where none does."""
    groups: dict[int, list[int]] = defaultdict(list)
    for id_ in dict.fromkeys(ids):
        groups[label_id(id_)].append(id_)
    parts = []
    for number, group in sorted(groups.items()):
        if number in layout.by_id:
            graphids = parameters.add(group, "ag_catalog.graphid[]")
            places = {"ids": parameters.add(group, "bigint[]"), "graphids": graphids}
            parts.append(layout.sql("recall", "fetch_vertices", label=layout.by_id[number].age_name) % places)
    return " UNION ALL ".join(parts)


def _hit(layout: Layout, row: Any, ranked: Ranked[int], paths: Sequence[CausalPath]) -> Hit:
    """Give the hit that a vertex tells: straight from what is stored, since an answer makes up to a thousand."""
    stored: Mapping[str, Any] = loads(row["properties"])
    is_episode = row["kind"] == EPISODE
    when = text_of(stored, "occurred_at") if is_episode else text_of(stored, "valid_from")
    trust = row["trust"] if row["trust"] is not None else row["source_trust"]
    told = {"source": row["source"], "name": row["source_name"], "trust": row["source_trust"]}
    told["known_from"] = iso(row["known_from"])
    if layout.is_past:
        told["known_to"] = iso(row["known_to"]) if row["known_to"] is not None else None
        told["properties"] = "lost" if row.get("lost") else None
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
        paths=paths,
    )


def _known(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None}
