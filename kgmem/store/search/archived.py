"""Search in the archive (write/archive.py): signs and rare words find candidates, codes and terms value them.

The pieces are part of the candidate statement, so that filters, visibility and all other dimensions are the same. They
rank by what the indexes of the archive compare: how many signs differ, how many rare words are shared. Afterwards one
statement reads the codes of what may be a hit, and one the terms, by which each gets a cosine and a BM25 score as what
is in the indexes has it. Words of small scopes need none of that: `words_of_few` (recall.sql) reads the terms of all
that is archived there, so that its statistics are those of everything that a question sees, wherever it is.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Final

import asyncpg

from kgmem.domain.graph.scope import visible_from
from kgmem.domain.graph.tier import TierSettings
from kgmem.domain.recall.question import Question
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, identifier, literal, number
from kgmem.store.graph.layout import Layout
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.graph.vector_codes import Code, cosines, signs_of
from kgmem.store.search.request import ArchiveNumbers, Parameters, SearchRequest
from kgmem.store.search.temporal import window_of
from kgmem.store.write.archive import lists_of
from kgmem.store.write.rows import episode_row

MEANING, WORDS = "meaning_archived", "words_archived"
NAMES: Final[Mapping[str, str]] = {MEANING: "meaning", WORDS: "words"}
_FILE: Final = "archived"
_MOST = 200  # Signs of so many are as good as all: the best ten of exact cosines are among them.
_MOST_WORDS = 100
_MOST_READ = 5000  # Passages with a rare word of the question; how many they share is counted.
_TEXTS = 60  # By meaning; with those that share rare words their words are scored.
_LOOKED_AT = 5000  # Episodes within the time of a question.
_VALUED = 400  # Candidates of other retrievers that are valued by meaning and words.
_LEAST_PROBES, _MOST_PROBES = 8, 400  # Lists of the index on signs: looked at first, and until enough are found.


async def numbers_of(connection: asyncpg.Connection, layout: Layout) -> ArchiveNumbers | None:
    """Return what a search has to know, or None where nothing is archived in the space that it searches."""
    if "archive" not in layout.subsystems.made or layout.graph.space is None:
        return None
    sql = layout.sql(_FILE, "numbers", held=layout.held_name)
    row = await connection.fetchrow(sql, layout.graph.space.id)
    if row is None:
        return None
    enough = TierSettings().enough if row["enough"] is None else row["enough"]
    return ArchiveNumbers(row["id"], row["dimension"], row["archived"], row["passages"], enough)


def searches(question: Question) -> bool:
    """Return whether the archive may answer a question: it contains cold episodes."""
    return (not question.tiers or "cold" in question.tiers) and (
        not question.what.kinds or "episode" in question.what.kinds
    )


async def is_needed(connection: asyncpg.Connection, layout: Layout, question: Question) -> bool:
    """Return whether the archive is searched whatever the indexes find.

    So it is where the question names the tier, where it was known at an earlier time, since nothing tells what is
    enough then, and where no episode that is hot or warm falls into the time that it asks about.
    """
    if question.tiers or layout.is_past:
        return True
    window = window_of(question.when)
    if window is None or question.mode("when") != "must":
        return False
    paths = list(visible_from(question.scope))
    sql = layout.sql(_FILE, "only_cold")
    return bool(await connection.fetchval(sql, paths, window.start, window.end, _LOOKED_AT))


def tables(layout: Layout, request: SearchRequest, names: Mapping[str, SQL]) -> list[SQL]:
    """Return the tables for WITH that the pieces and `words_of_few` read."""
    if not request.archive or "text" not in names:
        return []
    needed = ["asked", *(["few"] if request.words else [])]
    filled = {**names, "since": _since(layout)}
    return [fill(layout.sql(_FILE, name, held=layout.held_name), filled) for name in needed]


def of_few(layout: Layout, request: SearchRequest) -> dict[str, SQL]:
    """Return what `words_of_few` is filled with, so that it weighs what is archived, too."""
    if request.archive is None:
        return {"few_digest": NOTHING, "few_matching": NOTHING, "few_documents": SQL("documents")}
    return {name: layout.sql(_FILE, name) for name in ("few_digest", "few_matching", "few_documents")}


def _small_words(layout: Layout, request: SearchRequest) -> SQL:
    """Return the condition of scopes that the exact piece of words reads: `words_of_few` does so for small ones."""
    if layout.is_past:
        return SQL("(SELECT bool_or(large) FROM seen)") if request.words else SQL("true")
    return SQL("NOT s.large")


def _since(layout: Layout) -> SQL:
    return layout.sql(_FILE, "since") if layout.is_past else NOTHING


def parts(
    layout: Layout,
    request: SearchRequest,
    retrievers: Mapping[str, Sequence[str]],
    parameters: Parameters,
    places: Mapping[str, SQL],
    *,
    pieces: Sequence[str],
) -> dict[str, list[SQL]]:
    """Return the queries (retriever, item, value, stands) of the archive by retriever; `pieces` is from `pieces_of`.

    Small scopes are read whole, and as of an earlier time, which has no indexes, large ones are, too.
    """
    numbers = request.archive
    if numbers is None:
        return {}
    filled = {
        **places,
        "since": _since(layout),
        "small": SQL("true") if layout.is_past else SQL("NOT s.large"),
        "small_words": _small_words(layout, request),
        "most_words": number(_MOST_WORDS),
        "most_read": number(_MOST_READ),
    }
    found = {}
    if "meaning" in retrievers and request.vector is not None:
        signs = asyncpg.BitString.frombytes(signs_of(request.vector), bitlength=numbers.dimension)
        least = max(_LEAST_PROBES, math.isqrt(lists_of(numbers.archived)))
        probes = {
            "probes": parameters.add(str(least), "text"),
            "most_probes": parameters.add(str(max(least, _MOST_PROBES)), "text"),
        }
        filled |= {
            "dimension": number(numbers.dimension),
            "space": number(numbers.space),
            "signs": compose("{}::bit({})", parameters.add(signs, "varbit"), number(numbers.dimension)),
            "most_archived": number(_MOST),
            "settings": fill(layout.sql(_FILE, "probes"), probes),
        }
        found[MEANING] = [_part(layout, MEANING, f"meaning_{each}", filled) for each in pieces]
    if "words" in retrievers:
        read = [each for each in pieces if each != "few" or layout.is_past or not request.words]
        found[WORDS] = [_part(layout, WORDS, f"words_{each}", filled) for each in read]
    return found


def pieces_of(layout: Layout, *, large: bool, narrow: Sequence[SQL]) -> list[str]:
    """Return which statements read the archive, by what is known of the scopes and of filters that leave few."""
    if layout.is_past:
        return ["few"]
    return [*(["many"] if large else ["many", "few"]), *(["narrow"] if narrow else [])]


def _part(layout: Layout, retriever: str, name: str, places: Mapping[str, SQL]) -> SQL:
    sql = fill(layout.sql(_FILE, name, held=layout.held_name), places)
    return compose(
        "SELECT {}, item, -value::float8, stands FROM ({}) {}", literal(retriever), sql, identifier(f"archived_{name}")
    )


async def value(
    connection: asyncpg.Connection,
    layout: Layout,
    request: SearchRequest,
    found: MutableMapping[str, dict[int, float]],
    looked_up: MutableMapping[str, dict[int, float]],
    *,
    most: int,
    large: bool,
) -> None:
    """Put what the archive's pieces found into the retrievers of meaning and words, with values like theirs.

    Archived items that only other retrievers list are looked up. `found` and `looked_up` are values by retriever, and
    change. Each list keeps its `most` best. `large`: whether something large is seen; words of small scopes have their
    values already.
    """
    by_signs, by_words = found.pop(MEANING, {}), found.pop(WORDS, {})
    own = by_signs.keys() | by_words.keys()
    listed = {id_ for values in found.values() for id_ in values if id_ > 0}
    others = sorted(listed - found.get("meaning", {}).keys() - own)[:_VALUED]
    numbers = request.archive
    if numbers is None or not (own or others):
        return
    near = await _cosines(connection, layout, request, numbers, [*own, *others])
    best = sorted(own, key=lambda id_: -near.get(id_, 0.0))
    scores: dict[int, float] = {}
    if "words" in found and (large or not request.words):
        scored = list(dict.fromkeys([*best[:_TEXTS], *by_words, *(id_ for id_ in others if id_ in near)]))
        indexed = [*found["words"], *looked_up.get("words", ())]
        scores = await _scores(connection, layout, request, scored, indexed)
    for values in (found.get("words", {}), looked_up.get("words", {})):
        # By the same statistics: those of what is left in the indexes would weigh words otherwise.
        values.update((id_, scores[id_]) for id_ in values.keys() & scores.keys())
    for name, values in (("meaning", near), ("words", scores)):
        if name in found:
            rest = looked_up.setdefault(name, {})
            rest |= {id_: values[id_] for id_ in others if id_ in values}
            _join(found[name], {id_: values[id_] for id_ in own if id_ in values}, rest, most)


def _join(listed: dict[int, float], values: Mapping[int, float], rest: dict[int, float], most: int) -> None:
    """Put values into a retriever's list; what is not among its best goes to the rest, as if all were one index."""
    listed.update(values)
    for id_ in sorted(listed, key=lambda id_: (-listed[id_], id_))[most:]:
        rest[id_] = listed.pop(id_)


async def _cosines(
    connection: asyncpg.Connection,
    layout: Layout,
    request: SearchRequest,
    numbers: ArchiveNumbers,
    ids: Sequence[int],
) -> dict[int, float]:
    """Return the best cosine of each item's archived passages, or 0 without a vector; of other items nothing."""
    rows = await connection.fetch(layout.sql(_FILE, "rows", held=layout.held_name), list(ids), numbers.space)
    if request.vector is None:
        return dict.fromkeys((row["item"] for row in rows), 0.0)
    values = cosines(request.vector, [Code(row["signs"].bytes, row["codes"]) for row in rows])
    found: dict[int, float] = {}
    for row, each in zip(rows, values.tolist(), strict=True):
        found[row["item"]] = max(each, found.get(row["item"], -1.0))
    return found


async def _scores(
    connection: asyncpg.Connection,
    layout: Layout,
    request: SearchRequest,
    ids: Sequence[int],
    indexed: Sequence[int],
) -> dict[int, float]:
    """Return the best score of each item's texts by the words of the question; without a word in common nothing.

    `ids` are archived; of `indexed` the passages are read.
    """
    numbers = request.archive
    if numbers is None or not (ids or indexed):
        return {}
    if request.words:
        size = float(max(numbers.archived, 1))
        sql, text = layout.sql(_FILE, "score", held=layout.held_name), request.question.what.text
        rows = await connection.fetch(sql, text, list(ids), list(indexed), size + numbers.passages, size)
        return {row["item"]: row["score"] for row in rows if row["score"] > 0}
    return await _plainly(connection, layout, request, ids, indexed)


async def _plainly(
    connection: asyncpg.Connection,
    layout: Layout,
    request: SearchRequest,
    ids: Sequence[int],
    indexed: Sequence[int],
) -> dict[int, float]:
    """Return scores as Postgres' full text search has them, which needs the texts themselves."""
    rows = await connection.fetch(layout.sql(_FILE, "bodies"), list(indexed)) if indexed else []
    owners = [row["item"] for row in rows]
    bodies = [row["body"] for row in rows]
    for id_, stored in (await read_vertices(connection, layout, ids)).items():
        for passage in episode_row(stored).passages:
            owners.append(id_)
            bodies.append(passage.body)
    sql = layout.sql(_FILE, "score_plainly", held=layout.held_name)
    found: dict[int, float] = defaultdict(float)
    for at, score in await connection.fetch(sql, request.question.what.text, bodies):
        found[owners[at - 1]] = max(found[owners[at - 1]], score)
    return {id_: score for id_, score in found.items() if score > 0}
