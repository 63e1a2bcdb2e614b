"""Context: a turn of a conversation is found by what was said just before and after it, too.

Who asks "what did she think of the film" finds a turn "I loved it" by its neighbours: each episode that words or
meaning find gives of its score to those around it, in the order in which they came into its scope and session.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.domain.recall.fusion import LookedUp, scores
from kgmem.domain.recall.question import Question
from kgmem.store.db.sql import NOTHING, SQL, fill, later, number
from kgmem.store.graph.layout import VERTEX, Layout
from kgmem.store.search.request import STANDS, Dimension, Parameters, SearchRequest

NAME = "context"
REACH = 2  # Episodes to each side; the second gets half as much as the first.
_OWN = 0.5  # Of its own score, so that what is found stands before what only stands beside it.
_POWER = 3  # Chosen on LoCoMo, and LongMemEval loses nothing by it (bench/memory_quality.py, session_quality.py).
_MOST = 80
_JUDGED = 10  # Of the best hits, half have to belong to sessions.
_WAYS = {"before": SQL("< t.id ORDER BY id DESC"), "after": SQL("> t.id ORDER BY id")}


def asks_context(layout: Layout, request: SearchRequest) -> bool:
    """Return whether episodes around those that are found are read; never as of an earlier time.

    A question that says nothing of it reads those of sessions, where it has a text and may be answered by episodes;
    the walk of graph expansion finds its own way to them.
    """
    question = request.question
    if layout.is_past or not question.weight(NAME) or question.graph.context is False:
        return False
    if question.graph.context:
        return True
    by_text = question.what.text is not None or request.vector is not None
    return by_text and not question.graph.expand and (not question.what.kinds or "episode" in question.what.kinds)


def gate(notes: Sequence[Any], scored: Mapping[int, float]) -> tuple[bool, str]:
    """Return whether the best that meaning and words find belong to sessions, so that neighbours count, and why."""
    in_sessions = {ids[0] for retriever, _, _, _, ids in notes if retriever == "beside"}
    if not in_sessions:
        return False, "off: no hit belongs to a session."
    judged = sorted(scored, key=lambda id_: (-scored[id_], id_))[:_JUDGED]
    count = sum(id_ in in_sessions for id_ in judged)
    is_open = 2 * count >= len(judged)
    return is_open, f"{'on' if is_open else 'off'}: {count} of the {len(judged)} best hits belong to a session."


def context(layout: Layout, request: SearchRequest, _: Parameters) -> Dimension | None:
    """Return the retriever of episodes around those that are found; None where they are not read."""
    if not asks_context(layout, request):
        return None
    label = layout.labels[VERTEX, EPISODE_LABEL].age_name
    ways = {
        name: fill(layout.sql("adjacent_turns", "beside"), {"way": way, "reach": number(REACH)})
        for name, way in _WAYS.items()
    }
    sessions = {
        name: fill(layout.sql("adjacent_turns", "session", label=label), {"id": id_})
        for name, id_ in (("session", SQL("t.id")), ("session_beside", SQL("i.id")))
    }
    sessions["in_session"] = (
        NOTHING if request.question.graph.context else fill(SQL(" AND %(session)s IS NOT NULL"), sessions)
    )
    return Dimension(
        NAME,
        notes=[fill(layout.sql("adjacent_turns", "note"), {**ways, **sessions, **later("filters", "stands")})],
        beside=SQL("SELECT item, retriever FROM notes WHERE retriever = 'beside' AND stands = 0"),
    )


def around(notes: Sequence[Any], scored: Mapping[int, float]) -> list[tuple[int, float]]:
    """Return what is found and the episodes around it, with what they have of its fused scores, the most first.

    What is found speaks for its neighbours by the cube of its score: all candidates have one, and many weak ones would
    else outweigh a strong one.
    """
    cubes = {id_: score**_POWER for id_, score in scored.items()}
    given = {id_: _OWN * cube for id_, cube in cubes.items()}
    for retriever, item, share, stands, ids in notes:
        if retriever == "beside" and stands == STANDS:
            given[item] = given.get(item, 0.0) + share * cubes.get(ids[0], 0.0)
    return sorted(given.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST]


def scores_by_text(
    layout: Layout,
    question: Question,
    retrievers: Mapping[str, Sequence[tuple[int, float]]],
    looked_up: Mapping[str, LookedUp[int]],
) -> dict[int, float]:
    """Return the fused scores of what meaning and words find."""
    texts = {name: retrievers[name] for name in ("meaning", "words") if name in retrievers}
    method = question.fusion or layout.graph.fusion
    return scores(texts, method=method, weights=question.weights, looked_up=looked_up)
