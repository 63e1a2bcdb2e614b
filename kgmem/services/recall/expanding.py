"""Graph expansion by itself, for questions in words that no passage answers alone."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from kgmem.domain.recall.answer import Answer, next_cursor
from kgmem.domain.recall.expansion import expanded, gate, in_words_alone
from kgmem.domain.recall.question import Question
from kgmem.domain.recall.recipes import RECIPES
from kgmem.domain.recall.selection import within_budget
from kgmem.services.ports import Ports

_RECIPE: Final = RECIPES["multi_hop"]
_FOUND: Final = 10

Ask = Callable[[Question], Awaitable[Answer]]


async def answer_with_expansion(ports: Ports, graph: str, ask: Ask, question: Question) -> Answer:
    """Answer a question; where no passage has its words, add the passages that graph expansion finds.

    Only the first page of a question in words alone does so by itself; `graph.expand` says yes or no to it.
    """
    answer = await ask(question)
    kinds = question.what.kinds
    if question.graph.expand is not None or (kinds and "episode" not in kinds) or not in_words_alone(question):
        return answer
    is_open, why = gate(question.what.text or "", answer.hits, ports.word_rarity)
    if is_open and not await ports.index.has_links(graph):
        is_open, why = False, "off: nothing in the graph is linked."
    gates = {**answer.gates, "expansion": why} if question.explain else answer.gates
    if not is_open:
        return replace(answer, gates=gates)
    second = replace(
        question,
        what=replace(question.what, kinds=("episode",)),
        graph=replace(question.graph, expand=True),
        weights={**_RECIPE.weights, **question.weights},
        k=max(question.k, _FOUND),
        budget=None,
        superposition=None,
    )
    found = await ask(second)
    hits = expanded(answer.hits, found.hits)
    suppressed, out = dict(answer.suppressed), len(hits) > question.k
    hits = hits[: question.k]
    if question.budget is not None:
        hits, dropped = within_budget(hits, question.budget)
        if dropped:
            suppressed["over_budget"], out = dropped, True
    cursor = answer.cursor
    if cursor is not None or out:
        cursor = next_cursor(graph, question, [hit.id for hit in hits])
    nothing = answer.nothing_relevant and found.nothing_relevant
    return replace(answer, hits=hits, suppressed=suppressed, cursor=cursor, gates=gates, nothing_relevant=nothing)
