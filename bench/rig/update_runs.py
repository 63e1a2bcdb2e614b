"""Playing the set about change: turn by turn into a memory, a scope a case, and what is so after each turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.rig.update_cases import SAID, SAID_BEFORE, Case, Expectation, Stated, met
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.answer import Hit
from kgmem.domain.recall.question import Question, What
from kgmem.domain.text.extraction import Extraction, TextToRead
from kgmem.domain.time.interval import now, parse_time
from kgmem.extraction.rules import read_texts
from kgmem.memory import Memory

_PAGE = 1000
_NO_FACTS = frozenset({"MENTIONS", "CO_MENTIONED", "SIMILAR_TO"})


class GeneralRules:
    """The offline rules without those of change: the baseline."""

    name = "rules-general"

    async def extract(self, texts: Sequence[TextToRead]) -> list[Extraction]:
        """Return what the general rules find in each text."""
        return read_texts(texts, changes=False)

    async def aclose(self) -> None:
        """Free nothing."""


@dataclass(frozen=True)
class Outcome:
    """What of a case is not as it must be: the turn and the expectation, with what is so instead."""

    case: Case
    wrong: Sequence[tuple[int, Expectation, Sequence[Stated]]]

    @property
    def right(self) -> bool:
        """Whether all is as it must be."""
        return not self.wrong


async def played(memory: Memory, graph: str, cases: Sequence[Case]) -> list[Outcome]:
    """Let each case be told in a scope of its own, all first turns first, and judge what is so after each turn."""
    wrong: dict[int, list[tuple[int, Expectation, Sequence[Stated]]]] = {n: [] for n in range(len(cases))}
    for at in range(max(len(case.turns) for case in cases)):
        there = [(n, case) for n, case in enumerate(cases) if at < len(case.turns)]
        episodes = [_episode(n, at, case) for n, case in there]
        for first in range(0, len(episodes), 500):
            await memory.episodes.put(graph, episodes[first : first + 500])
        await memory.extraction.run(graph)
        facts = await current(memory, graph, [scope_of(n) for n, case in there if case.turns[at].expected])
        for n, case in there:
            mine = facts.get(scope_of(n), [])
            wrong[n] += [(at, each, mine) for each in case.turns[at].expected if not met(each, mine)]
    return [Outcome(case, wrong[n]) for n, case in enumerate(cases)]


def scope_of(number: int) -> str:
    """Return the scope of a case."""
    return f"case/{number}"


def _episode(number: int, at: int, case: Case) -> Episode:
    turn = case.turns[at]
    apart = len(case.turns) == 2 and case.question is None  # A context, and a sentence long after it.
    said = (SAID_BEFORE, SAID)[at] if apart else f"2024-05-01T12:{at:02}:00Z"
    return Episode(
        turn.text, f"turn-{at}", said, speaker=turn.speaker, session="talk", scope=scope_of(number), extract=True,
        properties={"listener": turn.listener},
    )  # fmt: skip


async def current(memory: Memory, graph: str, scopes: Sequence[str]) -> Mapping[str, list[Stated]]:
    """Return the facts of scopes that hold now: not ended, not taken back."""
    found: dict[str, list[Stated]] = {}
    for scope in scopes:
        names = {
            each.key: each.name or each.key
            for each in (await memory.entities.list(graph, scope=scope, limit=_PAGE)).items
        }
        page = await memory.relationships.list(graph, scope=scope, limit=_PAGE)
        for each in page.items:
            end = parse_time(each.valid_to).start if each.valid_to else None
            if each.kind in _NO_FACTS or (end is not None and end <= now()):
                continue
            start = parse_time(each.valid_from).start if each.valid_from else None
            if start is not None and start > now():
                continue
            predicate = str(each.properties.get("predicate", ""))
            ends = names.get(each.start, each.start), names.get(each.end, each.end)
            found.setdefault(scope, []).append(Stated(each.kind, predicate, *ends, each.valid_from))
    return found


async def stale_first(memory: Memory, graph: str, cases: Sequence[Case]) -> list[tuple[Case, str]]:
    """Return the cases with a question of which recall's first fact must not hold any more, with that fact.

    That is one that has ended, and one of which the last word of the case on it is that it must not hold.
    """
    stale = []
    for n, case in enumerate(cases):
        if case.question is None:
            continue
        answer = await memory.recall(graph, Question(What(text=case.question, kinds=("fact",)), scope=scope_of(n)))
        facts = [hit for hit in answer.hits if hit.text]
        if facts and _is_stale(facts[0], case):
            stale.append((case, facts[0].text or ""))
    return stale


def _is_stale(first: Hit, case: Case) -> bool:
    if first.valid_to is not None and (parse_time(first.valid_to).start or 0) <= now():
        return True
    last = {(each.relation, each.subject, each.object): each for turn in case.turns for each in turn.expected}
    names = [(end.name or end.key) if end is not None else "" for end in (first.start, first.end)]
    told = Stated(first.label, str(first.properties.get("predicate", "")), *names)
    return any(not each.holds and not met(each, [told]) for each in last.values())
