"""How often recall finds all sessions of past conversations that a question needs, beside BM25 alone.

LongMemEval-S (KGMEM_DATA/longmemeval): questions, each with some fifty sessions of conversations of which one or a few
hold the evidence. What the user said is stored, a turn an episode, in the question's own scope, under its session's
number (ids of sessions tell which are evidence, so they are not stored). Sessions rank by their best turn. all@k is the
share of the questions of which every evidence session is among the k first, told with its standard error. The baseline
is BM25 by plain SQL over the same turns, a table a question. The rows are questions.
"""

import json
import lzma
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from bench.contract import Figure, SkippedError, compared
from bench.rig.database import GRAPH, data_folder, fresh_database, memory_on, raw_connection
from bench.rig.machine import tell_database
from bench.rig.plain import need_bm25
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory

ROWS = 85  # All there are.
SHORT = None  # The sessions of one question alone take the embedder half a minute.
DEPTHS, _BAR = (5, 10), 0.88  # The bar is that of all@5.
BM25 = "BM25"  # The name of the baseline beside the ways.
_RECIPES = ("balanced", "conversation")
_HITS = 100  # Turns that are looked through for sessions.


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question: its scope, its sessions (what the user said in each), and which of them are evidence."""

    scope: str
    text: str
    sessions: Sequence[Sequence[str]]
    evidence: frozenset[int]

    def turns(self) -> list[tuple[int, str]]:
        """Return what was said, each with its session's number."""
        return [(at, said) for at, session in enumerate(self.sessions) for said in session if said.strip()]


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return all@5 and all@10, by default and with the recipe for conversations."""
    ways = {recipe: Question(recipe=recipe) for recipe in _RECIPES}
    found, count = await whole_questions(ways, rows)
    for recipe in _RECIPES:
        for k in DEPTHS:
            share = found[recipe, k]
            off = (share * (1 - share) / count) ** 0.5
            told = f"all@{k} of sessions, {count} questions, {recipe} (standard error {off:.3f})"
            figure = compared(told, share, found[BM25, k], "share", at_least=1)
            if (recipe, k) == ("conversation", DEPTHS[0]):
                figure = replace(figure, bar=f">= {_BAR} share", holds=share >= _BAR)
            yield figure


async def whole_questions(ways: Mapping[str, Question], rows: int) -> tuple[dict[tuple[str, int], float], int]:
    """Return the share of questions of which each way and BM25 find all sessions, by depth, and how many there are."""
    asked = _read()
    asked = asked[:: max(1, len(asked) // rows)][:rows]
    found = {(way, k): 0.0 for way in (*ways, BM25) for k in DEPTHS}
    async with fresh_database() as url, memory_on(url, embedder="minilm") as memory, raw_connection(url) as raw:
        await tell_database(raw)
        await need_bm25(raw)
        await memory.graphs.create(GRAPH)
        for number, each in enumerate(asked):
            await _store(memory, raw, number, each)
        await memory.embeddings.run(GRAPH)
        for number, each in enumerate(asked):
            ranked = {way: await _ours(memory, each, question) for way, question in ways.items()}
            ranked[BM25] = await _words_alone(raw, number, each.text)
            for way, k in found:
                found[way, k] += (each.evidence <= set(ranked[way][:k])) / len(asked)
    return found, len(asked)


def _read() -> list[_Asked]:
    folder = data_folder("longmemeval")
    questions = sorted(folder.glob("longmemeval_s_*questions.jsonl.xz"))
    sessions = sorted(folder.glob("longmemeval_s_*sessions.jsonl.xz"))
    if not questions or not sessions:
        raise SkippedError("KGMEM_DATA/longmemeval holds no questions and sessions.")
    said = {told["key"]: _said(told) for told in _lines(sessions[0])}
    return [_asked(at, told, said) for at, told in enumerate(_lines(questions[0]))]


def _lines(file: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lzma.decompress(file.read_bytes()).splitlines()]


def _said(told: dict[str, Any]) -> list[str]:
    return [turn["content"] for turn in told["turns"] if turn["role"] == "user"]


def _asked(at: int, told: dict[str, Any], said: dict[str, list[str]]) -> _Asked:
    names = [session[0] for session in told["haystack"]]
    evidence = frozenset(names.index(name) for name in told["answer_session_ids"])
    return _Asked(f"question/{at}", told["question"], [said[each[1]] for each in told["haystack"]], evidence)


async def _store(memory: Memory, raw: asyncpg.Connection, number: int, asked: _Asked) -> None:
    turns = asked.turns()
    episodes = [
        Episode(key=f"{session}:{at}", text=said, speaker="user", session=str(session), scope=asked.scope)
        for at, (session, said) in enumerate(turns)
    ]
    await memory.episodes.put(GRAPH, episodes)
    await raw.execute(f"CREATE TABLE public.said{number} (session integer, body text)")
    await raw.copy_records_to_table(f"said{number}", schema_name="public", records=turns)
    await raw.execute(
        f"CREATE INDEX said{number}_words ON public.said{number} USING bm25 (body) WITH (text_config = 'english')"
    )


async def _ours(memory: Memory, asked: _Asked, way: Question) -> list[int]:
    question = replace(way, what=What(text=asked.text), scope=asked.scope, k=_HITS)
    return _distinct(int(hit.key.partition(":")[0]) for hit in (await memory.recall(GRAPH, question)).hits)


async def _words_alone(raw: asyncpg.Connection, number: int, text: str) -> list[int]:
    rows = await raw.fetch(
        f"SELECT session FROM public.said{number} "
        f"ORDER BY body <@> to_bm25query($1, 'public.said{number}_words') LIMIT {_HITS}",
        text,
    )
    return _distinct(row["session"] for row in rows)


def _distinct(sessions: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(sessions))
