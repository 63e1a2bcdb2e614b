"""Search: one statement for the candidates of every arm, one for what the best of them say."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from kgmem.domain.answer import Hit
from kgmem.domain.embedding import Vector
from kgmem.domain.entity import ENTITY, EPISODE
from kgmem.domain.interval import Interval, iso, parse_time
from kgmem.domain.ports import Candidates
from kgmem.domain.question import Question, When
from kgmem.domain.ranking import Ranked
from kgmem.domain.scope import visible_from
from kgmem.storage.postgres.layout import VERTEX, Layout, know_labels, label_id, learn_labels, source_ids
from kgmem.storage.postgres.records import loads, others_of, text_of
from kgmem.storage.postgres.statements import quote

# Per arm: twice what is asked, so that fusion sees beyond the k best of each, and at least 40.
LEAST_CANDIDATES = 40
# Passages of few long texts may fill an arm; then so many times as many are asked for, up to a limit.
_WIDER, _WIDEST = 5, 10_000
_STANDS = 0
_HELD_BACK = {1: "superseded", 2: "not_yet_valid"}
_LARGE_FOR = 60.0  # Seconds for which a scope that was large is taken to be large still.


@dataclass(slots=True)
class _Parameters:
    """The values of a statement under construction, each with its place in the text."""

    values: list[Any] = field(default_factory=list)

    def add(self, value: Any, type_: str) -> str:
        """Bind a value; gives the text that stands for it."""
        self.values.append(value)
        return f"${len(self.values)}::{type_}"


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A question as the index sees it: with its vector, and the labels whose past is never superseded."""

    question: Question
    vector: Vector | None
    occurrences: Sequence[str]
    words: bool  # Whether pg_textsearch indexes the words.


async def candidates(connection: asyncpg.Connection, layout: Layout, request: SearchRequest) -> Candidates:
    """Give each arm's candidates, greatest value first, and count what time held back.

    Time is told beside each candidate, so that what it holds back can be counted; only where too few are left for an
    answer is the same asked again with time as a filter.
    """
    what = request.question.what
    if any((VERTEX, name) not in layout.labels for name in what.labels):
        await learn_labels(connection, layout)
    await source_ids(connection, layout, what.sources, make=False)
    if not _arms(layout, request):  # All that could run is away, or weighs nothing.
        return Candidates({}, _words_note(layout, request))
    found, held_back = await _ask_widely(connection, layout, request, only_standing=False)
    if held_back and any(len(arm) < request.question.k for arm in found.values()):
        found, _ = await _ask_widely(connection, layout, request, only_standing=True)
    arms = {
        arm: sorted(found.get(arm, {}).items(), key=lambda pair: (-pair[1], pair[0])) for arm in _arms(layout, request)
    }
    if "words" in arms:  # BM25 gives 0 to what shares no word with the question.
        arms["words"] = [pair for pair in arms["words"] if pair[1] > 0]
    return Candidates(arms, {**Counter(held_back.values()), **_words_note(layout, request)})


async def _ask_widely(
    connection: asyncpg.Connection, layout: Layout, request: SearchRequest, *, only_standing: bool
) -> tuple[dict[str, dict[int, float]], dict[int, str]]:
    """Ask for more passages as long as those of an arm are of fewer items than the question asks for."""
    most = max(LEAST_CANDIDATES, 2 * request.question.k)
    while True:
        sql, values = _statement(layout, request, only_standing=only_standing, most=most)
        rows = await connection.fetch(sql, *values)
        items: dict[str, set[int]] = {arm: set() for arm in _arms(layout, request)}
        passages = dict.fromkeys(items, 0)
        for arm, item, _, _ in rows:
            if arm in items:
                items[arm].add(item)
                passages[arm] += 1
        crowded = any(passages[arm] >= most and len(items[arm]) < request.question.k for arm in items)
        if not crowded or most >= _WIDEST:
            return _best(layout, request, rows)
        most = min(_WIDER * most, _WIDEST)


def _best(
    layout: Layout, request: SearchRequest, rows: Sequence[Any]
) -> tuple[dict[str, dict[int, float]], dict[int, str]]:
    """Give the best value of each item by arm, and why items are held back."""
    found: dict[str, dict[int, float]] = {arm: {} for arm in _arms(layout, request)}
    held_back: dict[int, str] = {}
    for arm, item, value, stands in rows:
        if arm == "large":
            layout.large[item] = time.monotonic()
        elif stands != _STANDS:
            held_back[item] = _HELD_BACK[stands]
        elif value > found[arm].get(item, float("-inf")):
            found[arm][item] = value
    return found, held_back


async def fetch(connection: asyncpg.Connection, layout: Layout, best: Sequence[Ranked[int]]) -> list[Hit]:
    """Give hits in their order, as the label tables hold them now; what is gone there is left out."""
    groups: dict[int, list[int]] = defaultdict(list)
    for ranked in best:
        groups[label_id(ranked.id)].append(ranked.id)
    await know_labels(connection, layout, (group[0] for group in groups.values()))
    known = [(layout.by_id[label], group) for label, group in sorted(groups.items()) if label in layout.by_id]
    if not known:
        return []
    parameters = _Parameters()
    parts = []
    for label, group in known:
        places = {"ids": parameters.add(group, "bigint[]"), "graphids": parameters.add(group, "ag_catalog.graphid[]")}
        parts.append(layout.sql("recall", "fetch_vertices", label=label.age_name) % places)
    sql = layout.sql("recall", "fetch_items") % {"vertices": " UNION ALL ".join(parts)}
    rows = {row["id"]: row for row in await connection.fetch(sql, *parameters.values)}
    return [_hit(layout, rows[ranked.id], ranked) for ranked in best if ranked.id in rows]


def _arms(layout: Layout, request: SearchRequest) -> list[str]:
    """Give the arms that run: what the question has something for, the index is there for, and what weighs anything."""
    arms = ["meaning"] if request.vector is not None and layout.vectors else []
    arms += ["words"] if request.question.what.text else []
    arms = arms or ["listed"]
    if _lacks_words(layout, request):
        arms = [arm for arm in arms if arm != "words"]
    return [arm for arm in arms if request.question.weights.get(arm, 1.0)]


def _words_note(layout: Layout, request: SearchRequest) -> dict[str, int]:
    """Tell that words are not searched; whether a scope is large is known after the first search at the latest."""
    off = request.question.what.text and _lacks_words(layout, request)
    return {"words_arm_off_index_is_being_built": 1} if off else {}


def _lacks_words(layout: Layout, request: SearchRequest) -> bool:
    """Say whether only the text index could answer, which a large load has set aside."""
    return layout.wordless and request.words and _all_large(layout, request.question.scope)


def _all_large(layout: Layout, scope: str) -> bool:
    """Say whether all that a scope sees was large a while ago; then nothing needs to be counted, nor read exactly."""
    since = time.monotonic() - _LARGE_FOR
    return all(layout.large.get(layout.scopes.get(path, -1), 0.0) > since for path in visible_from(scope))


def _statement(layout: Layout, request: SearchRequest, *, only_standing: bool, most: int) -> tuple[str, list[Any]]:
    """Compose the candidate statement out of the parts in recall.sql; every value is a parameter."""
    question, parameters = request.question, _Parameters()
    names = {
        "paths": parameters.add(list(visible_from(question.scope)), "text[]"),
        "most": parameters.add(most, "integer"),
        "filters": "",
        "stands": str(_STANDS),
    }
    hard = _filters(layout, question, parameters)
    stands = _stands(layout, request, parameters)
    arms = _arms(layout, request)
    if "meaning" in arms:
        names["vector"] = parameters.add(request.vector, "halfvec")
    if "words" in arms:
        names["text"] = parameters.add(question.what.text, "text")
        names["words"] = "'" + f"{quote(layout.index_name)}.passage_words".replace("'", "''") + "'"
    large = _all_large(layout, question.scope)
    pieces: dict[str, tuple[str, ...]] = {
        "meaning": ("near_many",) if large else ("near_many", "near_few"),
        "words": ("words_many",) if large else ("words_many", "words_few", "words_beside"),
        "listed": ("listed",),
    }
    if not request.words:
        pieces["words"] = ("plain_words",)
    elif layout.wordless:
        pieces["words"] = ("words_few",)
    places = {**names, "filters": hard + (f" AND {stands}" if only_standing else "")}
    if stands != "true":
        places["stands"] = f"CASE WHEN {stands} THEN {_STANDS} WHEN lower(i.valid) > now() THEN 2 ELSE 1 END"
    parts = [] if large else [layout.sql("recall", "told_large")]
    for arm in arms:
        for piece in pieces[arm]:
            part = layout.sql("recall", piece, table=layout.vectors or "") % places
            parts.append(f"SELECT '{arm}', item, -value::float8, stands FROM ({part}) {piece}")  # noqa: S608 - no text of callers
    seen = layout.sql("recall", "seen_large" if large else "seen") % places
    return f"WITH {seen} {' UNION ALL '.join(parts)}", parameters.values


def _filters(layout: Layout, question: Question, parameters: _Parameters) -> str:
    """Give the conditions that every candidate must meet."""
    what, conditions = question.what, []
    if what.labels:
        known = [layout.labels[VERTEX, name].id for name in what.labels if (VERTEX, name) in layout.labels]
        by_id = f"(i.id >> 48) = ANY ({parameters.add(known, 'bigint[]')})"
        conditions.append(f"({by_id} OR i.labels && {parameters.add(list(what.labels), 'text[]')})")
    if what.kinds:
        numbers = [{"entity": ENTITY, "episode": EPISODE}.get(kind, 0) for kind in what.kinds]
        conditions.append(f"i.kind = ANY ({parameters.add(numbers, 'smallint[]')})")
    if what.sources:
        numbers = [layout.sources.get(key, -1) for key in what.sources]
        conditions.append(f"i.source = ANY ({parameters.add(numbers, 'integer[]')})")
    window = _window(question.when)
    if window:
        start, end = parameters.add(window.start, "timestamptz"), parameters.add(window.end, "timestamptz")
        conditions.append(f"i.valid && tstzrange({start}, {end})")
    return "".join(f" AND {condition}" for condition in conditions)


def _stands(layout: Layout, request: SearchRequest, parameters: _Parameters) -> str:
    """Give the default's condition: valid now, unless the question names a time or the label tells of occurrences."""
    when = request.question.when
    if when.any_time or _window(when):
        return "true"
    known = [layout.labels[VERTEX, name].id for name in request.occurrences if (VERTEX, name) in layout.labels]
    exempt = f" OR (i.id >> 48) = ANY ({parameters.add(known, 'bigint[]')})" if known else ""
    return f"(i.kind = 2 OR i.valid @> now(){exempt})"


def _window(when: When) -> Interval | None:
    """Give the range of valid time that a question asks for."""
    if when.valid_at is not None:
        return parse_time(when.valid_at)
    if when.between is not None:
        first, last = when.between
        start = parse_time(first).start if first is not None else None
        return Interval(start, parse_time(last).end if last is not None else None)
    return None


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
