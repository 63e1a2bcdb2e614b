"""Context: a turn of a conversation is found by what was said just before and after it, too.

Who asks "what did she think of the film" finds a turn "I loved it" by its neighbours: each episode that words or
meaning find gives of its score to those around it, in the order in which they came into its scope and session.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.domain.recall.fusion import fuse
from kgmem.domain.recall.question import Question
from kgmem.store.db.sql import SQL, fill, later, number
from kgmem.store.graph.layout import VERTEX, Layout
from kgmem.store.search.request import STANDS, Dimension, Parameters, SearchRequest

NAME = "context"
REACH = 2  # Episodes to each side; the second gets half as much as the first.
_OWN = 0.5  # Of its own score, so that what is found stands before what only stands beside it.
_MOST = 80
_WAYS = {"before": SQL("< t.id ORDER BY id DESC"), "after": SQL("> t.id ORDER BY id")}


def context(layout: Layout, request: SearchRequest, _: Parameters) -> Dimension | None:
    """Return the retriever of episodes around those that are found; None as of an earlier time."""
    question = request.question
    if not question.graph.context or not question.weight(NAME) or layout.is_past:
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
    return Dimension(
        NAME, notes=[fill(layout.sql("adjacent_turns", "note"), {**ways, **sessions, **later("filters", "stands")})]
    )


def around(
    layout: Layout, question: Question, notes: Sequence[Any], retrievers: Mapping[str, Sequence[tuple[int, float]]]
) -> list[tuple[int, float]]:
    """Return what is found and the episodes around it, with what they have of its fused scores, the most first."""
    method = question.fusion or layout.graph.fusion
    texts = {name: retrievers[name] for name in ("meaning", "words") if name in retrievers}
    scores = {each.id: each.score for each in fuse(texts, method=method, weights=question.weights)}
    given = {id_: _OWN * score for id_, score in scores.items()}
    for retriever, item, share, stands, ids in notes:
        if retriever == "beside" and stands == STANDS:
            given[item] = given.get(item, 0.0) + share * scores.get(ids[0], 0.0)
    return sorted(given.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST]
