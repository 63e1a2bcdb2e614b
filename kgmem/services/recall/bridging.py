"""A second step for questions that describe an entity and ask something else of it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from kgmem.domain.recall.answer import Answer, next_cursor
from kgmem.domain.recall.bridge import bridge_of, bridged
from kgmem.domain.recall.expansion import in_words_alone
from kgmem.domain.recall.question import Links, Question
from kgmem.domain.recall.selection import within_budget
from kgmem.services.ports import Ports

_FOUND: Final = 30

Ask = Callable[[Question], Awaitable[Answer]]


async def answer_with_bridge(ports: Ports, graph: str, question: Question, ask: Ask) -> Answer:
    """Answer a question; where its best facts describe an entity and leave words open, add the facts that answer these.

    Only the first page of a question in words alone takes the second step: any other part filters or ranks by itself.
    """
    answer = await ask(question)
    text = question.what.text
    kinds = question.what.kinds
    if text is None or (kinds and "fact" not in kinds) or not in_words_alone(question):
        return answer
    bridge = bridge_of(text, answer.hits, ports.word_rarity)
    if bridge is None:
        return answer
    second = replace(
        question,
        what=replace(question.what, text=bridge.text, vector=None, kinds=("fact",)),
        graph=Links(context=False),
        k=_FOUND,
        budget=None,
        superposition=None,
    )
    found = await ask(second)
    hits = bridged(bridge, answer.hits, found.hits)
    if [hit.id for hit in hits] == [hit.id for hit in answer.hits]:
        return answer
    suppressed, cursor = dict(answer.suppressed), answer.cursor
    out = len(hits) > question.k
    hits = hits[: question.k]
    if question.budget is not None:
        hits, dropped = within_budget(hits, question.budget)
        if dropped:
            suppressed["over_budget"], out = dropped, True
    if cursor is not None or out:
        cursor = next_cursor(graph, question, [hit.id for hit in hits])
    gates = dict(answer.gates)
    if question.explain:
        gates["bridge"] = (
            f"on: {', '.join(sorted(bridge.open_words))} sought in facts about {', '.join(bridge.entities)}."
        )
    return replace(answer, hits=hits, suppressed=suppressed, cursor=cursor, gates=gates)
