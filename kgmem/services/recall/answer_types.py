"""Hits of the type that a question word asks for come first: "Who flew on Apollo 8?" asks for persons."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from kgmem.domain.graph.graph import Graph
from kgmem.domain.recall.answer import Answer, next_cursor
from kgmem.domain.recall.answer_type import LOOKED_AT, answer_type, asks_type, typed_first
from kgmem.domain.recall.bridge import bridge_of
from kgmem.domain.recall.expansion import in_words_alone
from kgmem.domain.recall.question import Question
from kgmem.domain.recall.selection import within_budget
from kgmem.services.ports import Ports
from kgmem.services.texts.remember import schema_of

Ask = Callable[[Question], Awaitable[Answer]]


async def answer_by_type(ports: Ports, graph: Graph, question: Question, ask: Ask) -> Answer:
    """Answer a question; where it asks for a type of entity, with the hits that lead to one of that type first.

    It orders the first hits, and so takes as many, whatever `k` is. A question that describes an entity asks for
    something of that one, and keeps the order.
    """
    text, kinds = question.what.text, question.what.kinds
    if text is None or (kinds and "fact" not in kinds) or not in_words_alone(question) or not asks_type(text):
        return await ask(question)
    answer = await ask(replace(question, k=max(question.k, LOOKED_AT), budget=None))
    hits, why = list(answer.hits), ""
    asked = answer_type(text, hits[:LOOKED_AT], schema_of(ports.core_schema, graph).line)
    if asked is None:
        why = "off: no hit has the type that the question wants."
    elif bridge_of(text, hits, ports.word_rarity) is not None:
        why = "off: the question describes an entity and asks something of it."
    else:
        hits = typed_first(text, hits, asked)
        moved = [hit.id for hit in hits] != [hit.id for hit in answer.hits]
        labels = ", ".join(sorted(asked.labels))
        why = f'on: "{asked.words}" asks for {labels}.' if moved else f'off: the best hits fit "{asked.words}" already.'
    gates = {**answer.gates, "answer_type": why} if question.explain else answer.gates
    return _cut(graph.name, question, replace(answer, hits=hits, gates=gates))


def _cut(graph: str, question: Question, answer: Answer) -> Answer:
    """Return the answer with as many hits as the question's `k` and budget allow, and the cursor behind them."""
    hits, suppressed = answer.hits[: question.k], dict(answer.suppressed)
    out = len(hits) < len(answer.hits)
    if question.budget is not None:
        hits, dropped = within_budget(hits, question.budget)
        if dropped:
            suppressed["over_budget"], out = dropped, True
    cursor = answer.cursor
    if cursor is not None or out:
        cursor = next_cursor(graph, question, [hit.id for hit in hits])
    return replace(answer, hits=hits, suppressed=suppressed, cursor=cursor)
