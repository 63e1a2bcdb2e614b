"""Graph expansion by itself: when a question takes it, and what it adds to the hits that are there without it.

"Who directed the film that was shot in Leland?" is answered by two passages, of which the question describes one. Where
no passage has the question's words, graph expansion (personalised PageRank over passages, entities and facts) finds
others. It also pushes down what answers a question directly, so the first hit stays, with the next two where graph
expansion finds them too, and the rest is added to.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from kgmem.domain.recall.answer import Hit
from kgmem.domain.recall.question import Question, Why, asks_when
from kgmem.domain.recall.selection import content, weighted_content

_JUDGED: Final = 5  # Of the best hits: whether passages are among them, and what they say.
_COVERED: Final = 0.9  # The share of the question's words, by rarity, from which one passage is the answer.
KEPT: Final = 3  # Hits that may stay first. Chosen on MuSiQue, 2WikiMultihopQA and HotpotQA together.
_AGREED: Final = 4  # Of the best of graph expansion: the second and third hit stay if among these. The best of
# several numbers in recall@2 of 100 questions each of HotpotQA and MuSiQue; 2WikiMultihopQA was seen, too.
_NEXT: Final = 2  # Passages that follow them; from there on the two rankings alternate.


def in_words_alone(question: Question) -> bool:
    """Return whether a question has words and nothing else that filters or orders its hits."""
    graph, what = question.graph, question.what
    return (
        what.text is not None
        and question.cursor is None
        and question.k > 1
        and not (what.labels or what.properties or what.start)
        and not (graph.expand or graph.hops or graph.context)
        and not (question.rerank or question.diversity)
        and question.why == Why()
        and not asks_when(question.when)
    )


def gate(text: str, hits: Sequence[Hit], rarity: Callable[[str], float]) -> tuple[bool, str]:
    """Return whether a text with these hits takes graph expansion, and why.

    Turns of a conversation are found by what was said around them, and links between them say little. Where facts are
    among the best hits, they answer, or a second step over facts does (`bridge.py`).
    """
    passages = [hit for hit in hits[:_JUDGED] if hit.kind == "episode"]
    if not passages:
        return False, f"off: none of the {_JUDGED} best hits is a passage."
    if any(hit.kind == "fact" for hit in hits[:_JUDGED]):
        return False, f"off: facts are among the {_JUDGED} best hits."
    if any(each.get("speaker") for hit in passages for each in hit.provenance):
        return False, "off: the best passages are turns of a conversation."
    asked = weighted_content(text, rarity)
    total = sum(asked.values())
    if not total:
        return False, "off: the question has no words that say anything."
    said = (content(f"{hit.name or ''} {hit.text or ''}") for hit in passages)
    share = max(sum(asked[word] for word in asked.keys() & words) for words in said) / total
    told = f"one passage has {share:.0%} of the question's words."
    return share < _COVERED, f"{'on' if share < _COVERED else 'off'}: {told}"


def expanded(hits: Sequence[Hit], found: Sequence[Hit]) -> list[Hit]:
    """Return hits with the passages that graph expansion finds: behind the first of them, then in turns.

    The first hit stays. Passages in the second and third place stay where they are among the best of graph expansion;
    else its best passages take their places. Entities of which nothing but the name is known come last: the question
    names them, and they do not answer it.
    """
    telling = [hit for hit in hits if hit.text or hit.kind != "entity"]
    best = {hit.id for hit in found[:_AGREED]}
    stays = [not found or hit.kind != "episode" or hit.id in best for hit in telling[:KEPT]]
    first = [hit for place, hit in enumerate(telling[:KEPT]) if place == 0 or stays[place]]
    known = {hit.id for hit in first}
    added = [hit for hit in found if hit.id not in known]
    room = min(KEPT, len(telling)) - len(first)
    first, added = [*first, *added[:room]], added[room:]
    known = {hit.id for hit in first}
    rest = [hit for hit in telling if hit.id not in known]
    order = [*first, *added[:_NEXT]]
    for place in range(max(len(rest), len(added) - _NEXT)):
        order += [*rest[place : place + 1], *added[_NEXT + place : _NEXT + place + 1]]
    order += [hit for hit in hits if not (hit.text or hit.kind != "entity")]
    by_id = {hit.id: hit for hit in reversed(order)}
    return falling([by_id[id_] for id_ in dict.fromkeys(hit.id for hit in order)])


def falling(order: Sequence[Hit]) -> list[Hit]:
    """Return hits in an order, each with a score that is not above the one before it."""
    placed = list[Hit]()
    for hit in order:
        placed.append(replace(hit, score=min(hit.score, placed[-1].score)) if placed else hit)
    return placed
