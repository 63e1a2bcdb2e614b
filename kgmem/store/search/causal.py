"""Why: causes and effects of entities, and the paths from one to another, as a dimension of the candidate statement."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from kgmem.domain.errors import KgmemError, NotFound, TooLarge
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.recall.causality import (
    MOST_ENTITIES,
    MOST_LINKS,
    MOST_PATHS,
    Ancestry,
    CausalGraph,
    CausalNode,
    FoundPath,
)
from kgmem.domain.recall.question import When, Why
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, join, later, number
from kgmem.store.graph.layout import Layout
from kgmem.store.search import temporal
from kgmem.store.search.request import Dimension, Parameters, SearchRequest

NAME = "why"
# A strength that is asked for as 0.49 is met by 0.7 x 0.7, which binary fractions put just below it.
_ROUNDING = 1 - 1e-9
# How a walk goes on: from which end of a relationship to which, and how the begins of cause and effect must stand.
BACKWARDS = {"near": SQL("target"), "far": SQL("source"), "tighter": SQL("least"), "order": SQL("<=")}
FORWARDS = {"near": SQL("source"), "far": SQL("target"), "tighter": SQL("greatest"), "order": SQL(">=")}
_WALKS = {
    "causes": {**BACKWARDS, "side": SQL("causes")},
    "effects": {**FORWARDS, "side": SQL("effects")},
    "start": {**FORWARDS, "side": SQL("start")},
}


def why(layout: Layout, request: SearchRequest, parameters: Parameters) -> Dimension | None:
    """Return the dimension of a question that asks for causes, effects or paths."""
    asked = request.question.why
    named = [("causes", key) for key in dict.fromkeys(asked.causes_of)]
    named += [("effects", key) for key in dict.fromkeys(asked.effects_of)]
    if asked.start is not None and asked.end is not None:
        named = [("start", asked.start), ("end", asked.end)]
    if not named:
        return None
    places = common_places(
        layout, parameters, named=named, why=asked, when=request.question.when, scope=request.question.scope
    )
    sides = [side for side in dict.fromkeys(side for side, _ in named) if side in _WALKS]
    tables = [fill(layout.sql("causal", "asked"), places), fill(layout.sql("causal", "kinds"), places)]
    if "start" in sides:
        tables.append(fill(layout.sql("causal", "reach"), {**places, "edges": edges(layout, places, BACKWARDS)}))
    tables += [_walk(layout, places, side, asked) for side in sides]
    walked = join(" UNION ALL ", (fill(layout.sql("causal", "walked"), {**places, **_WALKS[side]}) for side in sides))
    tables.append(fill(layout.sql("causal", "paths"), {"walked": walked}))
    tables.append(fill(layout.sql("causal", "found_paths" if "start" in sides else "scores"), places))
    tables.append(layout.sql("causal", "by_item"))
    must = request.question.mode("why") == "must"
    return Dimension(
        NAME,
        tables,
        condition=SQL("(i.id IN (SELECT item FROM why_scores)) IS TRUE") if must else NOTHING,
        candidates=_candidates(layout, request, paths="start" in sides),
        value=SQL("((SELECT of FROM why_by_item) ->> i.id::text)::float8"),
        reads=SQL("SELECT item AS id FROM why_scores") if must else NOTHING,
        notes=_notes(layout, request, places, paths="start" in sides),
        refusals=_refusals(named),
    )


def common_places(
    layout: Layout, parameters: Parameters, *, named: Sequence[tuple[str, str]], why: Why, when: When, scope: str
) -> dict[str, SQL]:
    """Return what the statements of causal.sql are filled with: keys (side, key), kinds, depth, times and scopes."""
    kinds = layout.schema().kinds.values()
    conditions = temporal.of_links(when, parameters)
    return {
        "sides": parameters.add([side for side, _ in named], "text[]"),
        "keys": parameters.add([key for _, key in named], "text[]"),
        "causal": parameters.add([kind.name for kind in kinds if kind.causal], "text[]"),
        "preventing": parameters.add([kind.name for kind in kinds if kind.preventing], "text[]"),
        "depth": parameters.add(why.depth, "integer"),
        "least": parameters.add(why.min_strength * _ROUNDING, "float8"),
        "edge_conditions": join("", (compose(" AND {}", condition) for condition in conditions)),
        "paths_most": number(MOST_PATHS),
        "asked": number(len(named)),
        "paths": parameters.add(list(visible_from(scope)), "text[]"),
        **later("most"),
    }


def edges(layout: Layout, places: Mapping[str, SQL], way: Mapping[str, SQL]) -> SQL:
    """Return the query of the relationships (id, far, sign, strength) that lead on from a row `w`, either way."""
    return fill(layout.sql("causal", "edges"), {**places, **way})


def _walk(layout: Layout, places: Mapping[str, SQL], side: str, asked: Why) -> SQL:
    way = _WALKS[side]
    conditions = NOTHING if asked.any_order else fill(layout.sql("causal", "in_order"), way)
    if side == "start":
        conditions = join("", (conditions, fill(layout.sql("causal", "towards_end"), places)))
    filled = {**places, **way, "edges": edges(layout, places, way), "conditions": conditions}
    return fill(layout.sql("causal", "walk"), filled)


def _candidates(layout: Layout, request: SearchRequest, *, paths: bool) -> SQL:
    if not paths:
        return layout.sql("causal", "candidates")
    kinds = request.question.what.kinds
    return layout.sql("causal", "path_candidates") if not kinds or "path" in kinds else NOTHING


def _notes(layout: Layout, request: SearchRequest, places: Mapping[str, SQL], *, paths: bool) -> Sequence[SQL]:
    reach_cut = fill(layout.sql("causal", "reach_cut"), places) if paths else NOTHING
    notes = [fill(layout.sql("causal", "note_cut"), {**places, "reach_cut": reach_cut})]
    if paths:
        notes.append(layout.sql("causal", "note_found_paths"))
    elif request.question.explain:
        notes.append(layout.sql("causal", "note_paths"))
    return notes


def _refusals(named: Sequence[tuple[str, str]]) -> list[tuple[SQL, KgmemError]]:
    return [
        (
            compose("NOT EXISTS (SELECT 1 FROM why_asked WHERE place = {})", number(place)),
            NotFound(f"There is no entity {key!r} to ask the causes or effects of.", hint="Correct the key."),
        )
        for place, (_, key) in enumerate(named, start=1)
    ]


def cut_note(notes: Sequence[Any]) -> dict[str, int]:
    """Return the note that there are more paths than were followed."""
    return {"paths_cut": 1} if any(row[0] == "paths_cut" for row in notes) else {}


def paths_of(notes: Sequence[Any]) -> dict[int, list[FoundPath]]:
    """Return the paths in the rows of a statement, by the item or path that they belong to."""
    found: dict[int, list[FoundPath]] = {}
    for retriever, item, value, _, told in notes:
        if retriever == "path":
            entities = (len(told) + 1) // 2
            found.setdefault(item, []).append(FoundPath(tuple(told[:entities]), tuple(told[entities:]), value))
    return found


# The causal structure around entities: all their causes, and all their effects where they are asked for.


async def causal_graph(
    connection: asyncpg.Connection, layout: Layout, asked: Ancestry, *, effects: bool
) -> CausalGraph:
    """What causes entities, also through others, by one statement. Raises NotFound, and TooLarge over a limit."""
    keys, parameters = list(dict.fromkeys(asked.keys)), Parameters()
    named = [("asked", key) for key in keys]
    places = common_places(layout, parameters, named=named, why=Why(), when=asked.when, scope=asked.scope)
    filled = {
        **places,
        "asked": fill(layout.sql("causal", "asked"), places),
        "kinds": fill(layout.sql("causal", "kinds"), places),
        "back": edges(layout, places, BACKWARDS),
        "forth": edges(layout, places, FORWARDS),
        "effects": parameters.add(effects, "boolean"),
        "most": number(MOST_ENTITIES),
        "most_links": number(MOST_LINKS),
    }
    sql = parameters.complete(fill(layout.sql("causal", "causal_graph"), filled))
    rows = await connection.fetch(sql, *parameters.values)
    found = {keys[row["id"] - 1]: row["other"] for row in rows if row["what"] == "asked"}
    for key in keys:
        if key not in found:
            raise NotFound(f"There is no entity {key!r}.", hint="Correct the key, or ask in the scope that holds it.")
    nodes = {row["id"]: CausalNode(row["id"], row["key"], row["scope"]) for row in rows if row["what"] == "node"}
    links = [(row["id"], row["other"]) for row in rows if row["what"] == "link"]
    if len(nodes) > MOST_ENTITIES or len(links) > MOST_LINKS:
        raise TooLarge(
            f"More than {MOST_ENTITIES:,} entities or {MOST_LINKS:,} links lead there.",
            hint="Ask for fewer entities, or by recall with why.depth.",
        )
    return CausalGraph(nodes, sorted(link for link in set(links) if nodes.keys() >= set(link)), found)
