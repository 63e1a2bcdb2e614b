"""Fetching: what the best candidates say, as the label tables hold them now."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg

from kgmem.domain.graph.entity import EPISODE
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.recall.answer import Hit
from kgmem.domain.recall.causality import LABEL, CausalPath, FoundPath, PathEntity, PathLink
from kgmem.domain.recall.fusion import Ranked
from kgmem.domain.recall.question import Question
from kgmem.store.db.sql import SQL, compose, fill, join
from kgmem.store.graph.labels import main_label
from kgmem.store.graph.layout import EDGE, Layout, know_labels, label_id
from kgmem.store.graph.records import loads, others_of, text_of
from kgmem.store.search import as_of, fact_hits
from kgmem.store.search.request import Parameters
from kgmem.store.search.visibility import NAMES, state_of
from kgmem.store.write.rows import fraction_of

# Paths that hits tell: which rows they need, and the causal paths that these rows make.


def entities_of(found: Iterable[Sequence[FoundPath]]) -> list[int]:
    """Return the ids of the entities on paths."""
    return [id_ for paths in found for path in paths for id_ in path.entities]


def links_of(found: Iterable[Sequence[FoundPath]]) -> list[int]:
    """Return the ids of the relationships on paths."""
    return [id_ for paths in found for path in paths for id_ in path.links]


def causal_paths(layout: Layout, rows: Mapping[int, Any], found: Sequence[FoundPath]) -> tuple[CausalPath, ...]:
    """Return the paths that still stand: those of which every part was read."""
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
    """Return the hit that a path is; it is trusted as far as the least trusted of its relationships."""
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
        retrievers=ranked.retrievers,
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


async def fetch(
    connection: asyncpg.Connection,
    layout: Layout,
    best: Sequence[Ranked[int]],
    paths: Mapping[int, Sequence[FoundPath]],
    question: Question,
) -> list[Hit]:
    """Return hits in their order, with the current records of the label tables, without those that are gone there."""
    told = {ranked.id: paths[ranked.id] for ranked in best if ranked.id in paths}
    ids = [ranked.id for ranked in best if ranked.id >= 0]
    await know_labels(connection, layout, ids)
    edges = {label.id for label in layout.by_id.values() if label.kind == EDGE}
    facts = [id_ for id_ in ids if label_id(id_) in edges]
    others = [*(id_ for id_ in ids if label_id(id_) not in edges), *entities_of(told.values())]
    rows, of_facts = await _rows(connection, layout, others, links_of(told.values()), facts, question=question)
    if not layout.is_past and (unread := fact_hits.learn_ends(layout, of_facts.values())):
        await know_labels(connection, layout, unread)
        rows, of_facts = await _rows(connection, layout, others, links_of(told.values()), facts, question=question)
    hits = []
    for ranked in best:
        found = causal_paths(layout, rows, told.get(ranked.id, ()))
        if ranked.id in of_facts:
            hits.append(fact_hits.hit(layout, of_facts[ranked.id], ranked))
        elif ranked.id in rows:
            hits.append(_hit(layout, rows[ranked.id], ranked, found))
        elif found:
            hits.append(path_hit(rows, ranked, found[0]))
    return hits


async def _rows(
    connection: asyncpg.Connection,
    layout: Layout,
    ids: Sequence[int],
    links: Sequence[int],
    facts: Sequence[int],
    *,
    question: Question,
) -> tuple[dict[int, Any], dict[int, Any]]:
    """Read vertices and edges of paths, and facts, by one statement; those that are gone are missing."""
    parameters = Parameters()
    paths = parameters.add(list(visible_from(question.scope)), "text[]")
    seen = compose("WITH RECURSIVE {} ", fill(layout.sql("recall", "scopes_seen"), {"paths": paths}))
    state = state_of(layout, parameters, as_of.present(question.when))
    if layout.is_past:
        rows_then = await as_of.rows(connection, layout, ids, links)
        facts_then = await fact_hits.then(connection, layout, facts) if facts else {}
        places = {"state": state, "ids": parameters.add([*ids, *facts], "bigint[]")}
        sql = parameters.complete(compose("{}{}", seen, fill(layout.sql("recall", "states_then"), places)))
        for row in await connection.fetch(sql, *parameters.values):
            for then in (rows_then, facts_then):
                if row["id"] in then:
                    then[row["id"]]["state"] = row["state"]
        return rows_then, facts_then
    await know_labels(connection, layout, (*ids, *links))
    vertices, edges, told = (_by_label(layout, group, parameters) for group in (ids, links, facts))
    names = {"state": state, **fact_hits.end_names(layout)}
    parts = [fill(layout.sql("recall", "fetch_items"), {"vertices": vertices, **names})] if vertices else []
    parts += [fill(layout.sql("causal", "fetch_links"), {"links": edges})] if edges else []
    parts += [fill(layout.sql("recall", "fetch_facts"), {"facts": told, **names})] if told else []
    if not parts:
        return {}, {}
    sql = parameters.complete(compose("{}{}", seen, join(" UNION ALL ", parts)))
    rows = await connection.fetch(sql, *parameters.values)
    read = {row["id"]: row for row in rows if row["told"] is None}
    return read, {row["id"]: row for row in rows if row["told"] is not None}


def _by_label(layout: Layout, ids: Sequence[int], parameters: Parameters) -> SQL:
    """Return the queries of the label tables that hold these ids, united; empty where none does."""
    groups: dict[int, list[int]] = defaultdict(list)
    for id_ in dict.fromkeys(ids):
        groups[label_id(id_)].append(id_)
    parts = []
    for number, group in sorted(groups.items()):
        if number in layout.by_id:
            graphids = parameters.add(group, "ag_catalog.graphid[]")
            places = {"ids": parameters.add(group, "bigint[]"), "graphids": graphids}
            parts.append(fill(layout.sql("recall", "fetch_vertices", label=layout.by_id[number].age_name), places))
    return join(" UNION ALL ", parts)


def _hit(layout: Layout, row: Any, ranked: Ranked[int], paths: Sequence[CausalPath]) -> Hit:
    """Return the hit that a vertex tells: straight from what is stored, since an answer makes up to a thousand."""
    stored: Mapping[str, Any] = loads(row["properties"])
    is_episode = row["kind"] == EPISODE
    when = text_of(stored, "occurred_at") if is_episode else text_of(stored, "valid_from")
    told = fact_hits.provenance(layout, row)
    if is_episode:
        told |= {"session": stored.get("session"), "speaker": stored.get("speaker"), "occurred_at": when}
    return Hit(
        kind="episode" if is_episode else "entity",
        id=row["id"],
        key=row["key"],
        label=main_label(layout.by_id[label_id(row["id"])].name, stored),
        name=text_of(stored, "title" if is_episode else "name"),
        text=text_of(stored, "text"),
        score=ranked.score,
        confidence=fact_hits.trust_of(row),
        valid_from=when,
        valid_to=when if is_episode else text_of(stored, "valid_to"),
        scope=row["scope"],
        state=None if is_episode else NAMES[row["state"]],
        properties=others_of(stored, "episode" if is_episode else "entity"),
        place=stored["place"] if isinstance(stored.get("place"), dict) else None,
        retrievers=ranked.retrievers,
        provenance=[fact_hits.without_none(told)],
        paths=paths,
    )
