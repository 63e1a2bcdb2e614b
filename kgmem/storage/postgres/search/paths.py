"""Paths that hits tell: which rows they need, and the causal paths that these rows make."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kgmem.domain.answer import Hit
from kgmem.domain.path import LABEL, CausalPath, FoundPath, PathEntity, PathLink
from kgmem.domain.ranking import Ranked
from kgmem.storage.postgres.layout import Layout, label_id
from kgmem.storage.postgres.node_labels import main_label
from kgmem.storage.postgres.records import loads, text_of
from kgmem.storage.postgres.rows import fraction_of


def entities_of(found: Iterable[Sequence[FoundPath]]) -> list[int]:
    """Give the ids of the entities on paths."""
    return [id_ for paths in found for path in paths for id_ in path.entities]


def links_of(found: Iterable[Sequence[FoundPath]]) -> list[int]:
    """Give the ids of the relationships on paths."""
    return [id_ for paths in found for path in paths for id_ in path.links]


def causal_paths(layout: Layout, rows: Mapping[int, Any], found: Sequence[FoundPath]) -> tuple[CausalPath, ...]:
    """Give the paths that still stand: those of which every part was read."""
    return tuple(
        CausalPath(
            [_entity(layout, rows[id_]) for id_ in path.entities],
            [_link(layout, rows[id_]) for id_ in path.links],
            strength=abs(path.value),
            prevents=path.value < 0,
        )
        for path in found
        if all(id_ in rows for id_ in (*path.entities, *path.links))
    )


def path_hit(rows: Mapping[int, Any], ranked: Ranked[int], path: CausalPath) -> Hit:
    """Give the hit that a path is; it is trusted as far as the least trusted of its relationships."""
    links = [rows[link.id] for link in path.links]
    trusts = [row["source_trust"] if row["trust"] is None else row["trust"] for row in links]
    sources = {
        row["source"]: {"source": row["source"], "name": row["source_name"], "trust": row["source_trust"]}
        for row in links
        if row["source"] is not None
    }
    return Hit(
        kind="path",
        id=ranked.id,
        key=path.key,
        label=LABEL,
        name=path.name,
        text=path.text,
        score=ranked.score,
        confidence=min((trust for trust in trusts if trust is not None), default=None),
        arms=ranked.arms,
        provenance=[{name: value for name, value in told.items() if value is not None} for told in sources.values()],
        paths=(path,),
    )


def _entity(layout: Layout, row: Any) -> PathEntity:
    stored = loads(row["properties"])
    label = main_label(layout.by_id[label_id(row["id"])].name, stored)
    return PathEntity(row["id"], row["key"], label, text_of(stored, "name"), row["scope"])


def _link(layout: Layout, row: Any) -> PathLink:
    stored = loads(row["properties"])
    return PathLink(
        row["id"],
        layout.by_id[label_id(row["id"])].name,
        fraction_of(stored.get("strength")),
        fraction_of(stored.get("confidence")),
        text_of(stored, "text"),
        row["source"],
    )
