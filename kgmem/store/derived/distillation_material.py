"""What distillation reads: texts with the facts that they state, as the graph has them now."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.derived.similarity import SIMILAR_TO
from kgmem.domain.distillation.material import Original, StatedFact
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.text.extraction_result import CO_MENTIONED, DOES_NOT_CAUSE
from kgmem.domain.time.interval import parse_time
from kgmem.store.graph.layout import EDGE, Layout, know_labels, learn_labels
from kgmem.store.graph.records import text_of
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.read.items import episodes_of
from kgmem.store.write.edges import read_edges
from kgmem.store.write.episodes import MENTIONS

_FILE: Final = "distillation"
_NO_FACTS: Final = frozenset({MENTIONS, CO_MENTIONED, SIMILAR_TO, DOES_NOT_CAUSE})
_MOST_FACTS: Final = 200_000
_HIDDEN: Final = frozenset({4, 5})  # Superseded and invalidated facts, as the table `fact` numbers states.
CRITICAL: Final = "critical"  # The property that marks what somebody has to approve.


async def read_originals(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]) -> list[Original]:
    """Return texts with what was extracted from them, by id; those that are gone are missing."""
    rows = {row["id"]: row for row in await connection.fetch(layout.sql(_FILE, "rows"), list(ids))}
    if (EDGE, MENTIONS) not in layout.labels:
        await learn_labels(connection, layout)
    episodes = await episodes_of(connection, layout, list(rows.values()))
    stated = await connection.fetch(layout.sql(_FILE, "facts"), list(rows), _MOST_FACTS)
    topics = await _topics(connection, layout, list(rows))
    facts = await _Facts.read(connection, layout, stated, [each.scope for each in episodes])
    by_text: dict[int, list[Any]] = defaultdict(list)
    for row in stated:
        by_text[row["episode"]].append(row)
    return [_original(each, rows[each.id or 0], facts, by_text[each.id or 0], topics) for each in episodes]


def _original(
    episode: Episode, row: Any, facts: "_Facts", stated: Sequence[Any], topics: Mapping[int, Sequence[int]]
) -> Original:
    id_ = episode.id or 0
    found = [facts.fact(each) for each in stated]
    kept = list({each.identity: each for each in found if each is not None}.values())
    return Original(
        id=id_, key=episode.key or "", version=episode.version or 1, text=episode.text,
        time=_time(episode), session=episode.session, speaker=episode.speaker, title=episode.title,
        facts=kept, withdrawn=[(each["begins"], each["ends"]) for each in stated if facts.is_hidden(each)],
        mentions=sorted(episode.mentions), topics=topics.get(id_, ()),
        critical=episode.properties.get(CRITICAL) is True, extracted=row["extracted"], tier=row["tier"],
        size=row["size"],
    )  # fmt: skip


def _time(episode: Episode) -> str:
    told = episode.occurred_at
    return told if told and parse_time(told).start is not None else episode.known_from or "1970-01-01"


async def _topics(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]) -> Mapping[int, Sequence[int]]:
    label = layout.labels.get((EDGE, MENTIONS))
    if label is None or "communities" not in layout.subsystems.made:
        return {}
    rows = await connection.fetch(layout.sql(_FILE, "topics_of"), list(ids), label.id)
    return {row["episode"]: sorted(row["communities"]) for row in rows}


class _Facts:
    """Relationships, ends and names of the facts that some texts state."""

    def __init__(self, layout: Layout, edges: Mapping[int, Any], names: Mapping[int | str, Mapping[str, Any]]) -> None:
        self._layout = layout
        self._edges = edges
        self._names = names  # The properties of entities, by id and by key.
        self._rules = layout.schema().rules
        self._kinds = layout.schema().kinds

    @classmethod
    async def read(
        cls, connection: asyncpg.Connection, layout: Layout, stated: Sequence[Any], scopes: Sequence[str]
    ) -> "_Facts":
        edges = await read_edges(connection, layout, [row["edge"] for row in stated if row["edge"] is not None])
        ends = {row[end] for row in stated for end in ("source", "target") if row[end] is not None}
        keys = {row[name] for row in stated if row["edge"] is None for name in ("subject", "object") if row[name]}
        found: dict[str, int] = {}
        if keys:
            paths = sorted({path for scope in scopes for path in visible_from(scope)})
            rows = await connection.fetch(layout.sql(_FILE, "keys_of"), paths, sorted(keys))
            found = {row["key"]: row["id"] for row in rows}
        await know_labels(connection, layout, [*ends, *found.values()])
        stored = await read_vertices(connection, layout, [*ends, *found.values()])
        names: dict[int | str, Mapping[str, Any]] = {id_: held for id_, held in stored.items()}  # noqa: C416
        names |= {key: stored[id_] for key, id_ in found.items() if id_ in stored}
        return cls(layout, edges, names)

    def is_hidden(self, row: Any) -> bool:
        """Whether what a text states is believed no more: withdrawn, superseded, invalidated."""
        gone = row["edge"] is None and row["subject"] is None
        return bool(row["withdrawn"]) or row["state"] in _HIDDEN or gone

    def fact(self, row: Any) -> StatedFact | None:
        """Return the fact of a row; None where it is hidden, or none."""
        if self.is_hidden(row):
            return None
        edge, properties = row["edge"], {}
        if edge is not None:
            kind = self._layout.by_id[row["kind"]].name
            if edge not in self._edges or kind in _NO_FACTS:
                return None
            properties = self._edges[edge][1]
            predicate = str(properties.get("predicate", kind))
            subject, said = self._name(row["source"]), self._name(row["target"])
            schema_kind = self._kinds.get(kind)
            causal = schema_kind is not None and schema_kind.causal
        else:
            kind = predicate = row["predicate"]
            causal = False
            subject = self._name(row["subject"])
            said = self._name(row["object"]) if row["object"] else _worded(row["value"])
        return StatedFact(
            id=edge or row["claim"], subject=subject, predicate=predicate, said=said, begin=row["begins"],
            end=row["ends"], relationship=edge, causal=causal, state=row["state"], text=text_of(properties, "text"),
            critical=self._is_critical(row, (kind, predicate), properties), version=row["version"] or 0,
        )  # fmt: skip

    def _is_critical(self, row: Any, predicates: tuple[str, str], properties: Mapping[str, Any]) -> bool:
        """Whether the schema marks the predicate, or a property marks the relationship or one of its ends."""
        if any(name in self._rules and self._rules[name].critical for name in predicates):
            return True
        ends = (row["source"], row["target"]) if row["edge"] is not None else (row["subject"], row["object"])
        return any(held.get(CRITICAL) is True for held in (properties, *(self._names.get(end, {}) for end in ends)))

    def _name(self, of: int | str) -> str:
        held = self._names.get(of, {})
        return text_of(held, "name") or text_of(held, "key") or (of if isinstance(of, str) else "")


def _worded(value: str | None) -> str:
    told = orjson.loads(value) if value is not None else ""
    return told if isinstance(told, str) else str(told)
