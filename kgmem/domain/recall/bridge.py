"""Bridges: entities that a question describes and does not name, by which it is answered in a second step.

"Where was the commander of Apollo 11 born?" names Apollo 11. That Neil Armstrong commanded it answers a part of the
question; "born" is open, and a fact about Neil Armstrong answers that.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kgmem.domain.recall.answer import Hit
from kgmem.domain.recall.selection import content, weighted_content

_SOURCES: Final = 3  # Of the best hits: facts that may describe the bridge.
_MOST: Final = 4  # Entities that are asked about.
_DESCRIBES: Final = 0.3  # The least share of the question's words, by rarity, that such a fact contains.
_LIKELY: Final = 0.5  # The least relevance to them of a second fact that contains no open word.
_ADDED: Final = 2  # Facts that are added.
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Bridge:
    """What a second step asks: which entities, which words of the question are open, and their weights."""

    entities: Mapping[str, int]  # Key to the rank of the fact that describes it.
    text: str
    open_words: Mapping[str, float]


def bridge_of(text: str, hits: Sequence[Hit], rarity: Callable[[str], float]) -> Bridge | None:
    """Return the bridge from a question's best hits; None where these leave no word of it open, or describe nobody."""
    asked = weighted_content(text, rarity)
    total = sum(asked.values())
    entities: dict[str, int] = {}
    names: list[str] = []
    answered: set[str] = set()
    for rank, hit in enumerate(hits[:_SOURCES]):
        found = content(_words_of(hit))
        if hit.kind != "fact" or sum(asked[word] for word in asked.keys() & found) < _DESCRIBES * total:
            continue
        ends = [end for end in (hit.start, hit.end) if end is not None]
        described = [end for end in ends if not content(end.name or end.key) <= asked.keys()]
        if len(described) != 1:  # Of two strangers the question says nothing, and what it names it does not describe.
            continue
        named = frozenset().union(*(content(end.name or end.key) for end in ends if end not in described))
        if (asked.keys() & found) - named:  # Words that say what the stranger is to the one that is named.
            answered |= found
            if described[0].key not in entities and len(entities) < _MOST:
                entities[described[0].key] = rank
                names.append(described[0].name or described[0].key)
    left = {word: weight for word, weight in asked.items() if word not in answered}
    if not entities or not left:
        return None
    kept = [word for word in _WORD.findall(text) if not content(word) & (asked.keys() - left.keys())]
    return Bridge(entities, " ".join((*names, *kept)), left)


def bridged(bridge: Bridge, hits: Sequence[Hit], found: Sequence[Hit]) -> list[Hit]:
    """Return hits with the found facts that answer what was open, each behind the fact that describes its entity.

    It takes a score just below that one's. What was found already moves up.
    """
    known = {hit.id: rank for rank, hit in enumerate(hits)}
    added: dict[int, list[Hit]] = {}
    for hit in found:
        ranks = [bridge.entities[end.key] for end in (hit.start, hit.end) if end and end.key in bridge.entities]
        share = bridge.open_words.keys() & content(_words_of(hit))
        if not ranks or (not share and (hit.relevance or 0.0) < _LIKELY):
            continue
        behind = min(ranks)
        if known.get(hit.id, behind + 2) > behind + 1 and sum(map(len, added.values())) < _ADDED:
            added.setdefault(behind, []).append(replace(hit, score=hits[behind].score))
    moved = {hit.id for each in added.values() for hit in each}
    return [
        each
        for rank, hit in enumerate(hits)
        for each in ((hit, *added.get(rank, ())) if hit.id not in moved else added.get(rank, ()))
    ]


def _words_of(hit: Hit) -> str:
    """Return the words of a hit: its text, the names of a fact's ends, and its kind."""
    ends = [end.name or end.key for end in (hit.start, hit.end) if end is not None]
    return " ".join((hit.text or "", hit.label.replace("_", " "), *ends)).lower()
