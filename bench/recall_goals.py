"""Whether recall with nothing named by the caller reaches its goals, and comes near the best recipe on every set.

Turns of conversations (LoCoMo), sessions (LongMemEval-S), passages for questions of several hops (2WikiMultihopQA,
MuSiQue, HotpotQA), and facts of the sample that are over. Two figures a set and depth, in percent: recall by default
against its goal, with the better of BM25 and vectors alone as its baseline; and the same with the best single recipe as
its baseline, below which it may be by one point. The sets are those of `memory_quality`, `session_quality`, `multi_hop`
and `described`. The rows are questions a set. The short run takes few questions, only a part of the passages, and no
LongMemEval-S, whose sessions take the embedder long: its figures are higher, and show that the command works.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Final

from bench import described, memory_quality, multi_hop, session_quality
from bench.contract import Figure, SkippedError, alone, compared
from bench.rig.multi_hop import part_of, read
from kgmem.domain.recall.question import Links, Question

ROWS = 10_000  # All there are.
SHORT = 40
_SHORT_PASSAGES = 400
_DEFAULT: Final = "nothing named"
_PLAIN = Links(expand=False, context=False)
_ALONE: Mapping[str, Question] = {
    "BM25": Question(weights={"meaning": 0}, graph=_PLAIN),
    "vectors": Question(weights={"words": 0}, graph=_PLAIN),
}
# Those for questions in words alone. The others are for places, times, causes, trust and variety, and `balanced` is
# what a question without a recipe takes.
_RECIPES = {name: Question(recipe=name) for name in ("exact_words", "same_sense", "conversation", "multi_hop")}
_WAYS: Mapping[str, Question] = {_DEFAULT: Question(), **_ALONE, **_RECIPES}
_MOST_BELOW = 1.0  # Points that a set may lose against its best recipe.
_TURNS = {5: 67.0, 10: 76.0}  # Goals by depth.
_SESSIONS = 93.0
_PASSAGES = {"2wiki": (88.0, 70.0), "musique": (70.0, None), "hotpotqa": (88.0, None)}  # R@5 and R@2.
_PAST = 85.0

Scored = tuple[str, float, Mapping[str, float]]  # A set with its depth, the goal, and percentages by way.


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return two figures a set and depth; a set whose data is absent is named with the reason."""
    for name, scores in (("LoCoMo", _turns), ("LongMemEval-S", _sessions), ("passages", _passages), ("facts", _past)):
        try:
            async for scored in scores(rows):
                for figure in _figures(*scored):
                    yield figure
        except SkippedError as reason:
            yield alone(f"{name}: not measured", 0, "%", str(reason))


def _figures(name: str, goal: float, found: Mapping[str, float]) -> tuple[Figure, Figure]:
    value = found[_DEFAULT]
    base = max(_ALONE, key=found.__getitem__)
    recipe = max(found.keys() & _RECIPES.keys(), key=lambda way: (found[way], way))
    plain = compared(f"{name}, {_DEFAULT}, beside {base} alone", value, found[base], "%")
    points = value - found[recipe]
    best = compared(f"{name}, {points:+.1f} points beside {recipe}", value, found[recipe], "%")
    return (
        replace(plain, bar=f">= {goal:g} %", holds=value >= goal),
        replace(best, bar=f">= -{_MOST_BELOW:g} point", holds=points >= -_MOST_BELOW),
    )


async def _turns(rows: int) -> AsyncIterator[Scored]:
    found, _ = await memory_quality.recall_of_turns(_WAYS, rows)
    for k, goal in _TURNS.items():
        yield f"LoCoMo R@{k}", goal, {way: 100 * found[way, k] for way in _WAYS}


async def _sessions(rows: int) -> AsyncIterator[Scored]:
    if rows <= SHORT:
        raise SkippedError("it is not in the short run.")
    found, _ = await session_quality.whole_questions(_WAYS, rows)
    yield "LongMemEval-S all@5", _SESSIONS, {way: 100 * found[way, session_quality.DEPTHS[0]] for way in _WAYS}


async def _passages(rows: int) -> AsyncIterator[Scored]:
    # The files have the passages of one question side by side, which the neighbours of a conversation would profit by.
    ways = {way: question for way, question in _WAYS.items() if way != "conversation"}
    for name, (goal, of_two) in _PASSAGES.items():
        asked = read(name)
        if rows <= SHORT:
            asked = part_of(asked, rows, _SHORT_PASSAGES)
        found = await multi_hop.scores_of(asked, ways, rows)
        yield f"{name} R@5", goal, {way: score.recall for way, score in found.items()}
        if of_two is not None:
            yield f"{name} R@2", of_two, {way: score.first_two for way, score in found.items()}


async def _past(rows: int) -> AsyncIterator[Scored]:
    async with described.sample() as (memory, cases):
        over, _ = cases.of_direct(min(rows, described.ROWS))
        yield (
            "facts that are over R@5",
            _PAST,
            {way: await described.found_first(memory, over, question) for way, question in _WAYS.items()},
        )
