"""How well recall finds the conversation turns that answer a question, beside BM25 alone.

LoCoMo (KGMEM_DATA/locomo): two-person conversations of many sessions, and questions whose evidence turns are known.
Each turn is an episode in its conversation's scope, with its session, embedded by the default embedder; recall runs
with nothing named, with the recipe "conversation", and without the turns beside what is found. The baseline is BM25 by
plain SQL over the same texts, a table a conversation. recall@k is the mean share of a question's evidence turns that
are among the k first. The rows are questions.
"""

import json
import lzma
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from bench.contract import Figure, SkippedError, compared
from bench.rig.database import GRAPH, data_folder, fresh_database, memory_on, raw_connection
from bench.rig.machine import tell_database
from bench.rig.plain import need_bm25
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Links, Question, What
from kgmem.memory import Memory

ROWS = 10_000  # All there are.
SHORT = 60
DEPTHS = (5, 10)
BM25 = "BM25"  # The name of the baseline beside the ways.
_BARS = {5: 0.67, 10: 0.76}
_BY_ITSELF = "by default"
_WAYS = {
    "neighbours off": Question(graph=Links(context=False)),
    _BY_ITSELF: Question(),
    "conversation": Question(recipe="conversation"),
}
_TURN = re.compile(r"D\d+:\d+")


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation: its turns by id (who speaks, what is said), and questions with their evidence."""

    scope: str
    turns: dict[str, tuple[str, str]]
    questions: list[tuple[str, frozenset[str]]]


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return recall at two depths."""
    found, count = await recall_of_turns(_WAYS, rows)
    for way in _WAYS:
        for k in DEPTHS:
            told = f"recall@{k} of evidence turns, {count} questions, {way}"
            figure = compared(told, found[way, k], found[BM25, k], "share", at_least=1)
            if way == _BY_ITSELF:
                figure = replace(figure, bar=f">= {_BARS[k]} share", holds=found[way, k] >= _BARS[k])
            yield figure


async def recall_of_turns(ways: Mapping[str, Question], rows: int) -> tuple[dict[tuple[str, int], float], int]:
    """Return the share of evidence turns that each way and BM25 alone find, by depth, and the number of questions."""
    conversations = read()
    async with fresh_database() as url, memory_on(url, embedder="minilm") as memory, raw_connection(url) as raw:
        await tell_database(raw)
        await need_bm25(raw)
        await memory.graphs.create(GRAPH)
        for number, conversation in enumerate(conversations):
            await store(memory, raw, number, conversation)
        await memory.embeddings.run(GRAPH)
        asked = [
            (number, conversation, question)
            for number, conversation in enumerate(conversations)
            for question in conversation.questions
        ]
        asked = asked[:: max(1, len(asked) // rows)]
        found = {(way, k): 0.0 for way in (*ways, BM25) for k in DEPTHS}
        for number, conversation, (text, evidence) in asked:
            keys = {BM25: await _words_alone(raw, number, text)}
            for way, how in ways.items():
                question = replace(how, what=What(text=text), scope=conversation.scope, k=max(DEPTHS))
                keys[way] = [hit.key for hit in (await memory.recall(GRAPH, question)).hits]
            for way, k in found:
                found[way, k] += len(evidence.intersection(keys[way][:k])) / len(evidence) / len(asked)
    return found, len(asked)


def read() -> list[Conversation]:
    """Return the conversations."""
    files = sorted(data_folder("locomo").glob("*.json.xz"))
    if not files:
        raise SkippedError("KGMEM_DATA/locomo holds no .json.xz file.")
    return [_conversation(told) for told in json.loads(lzma.decompress(files[0].read_bytes()))]


def _conversation(told: dict[str, Any]) -> Conversation:
    sessions = [part for part in told["conversation"].values() if isinstance(part, list)]
    turns = {turn["dia_id"]: (turn["speaker"], turn["text"]) for session in sessions for turn in session}
    evidence = [(qa["question"], frozenset(_TURN.findall(" ".join(qa.get("evidence", []))))) for qa in told["qa"]]
    questions = [(text, found & turns.keys()) for text, found in evidence]
    return Conversation(f"conversation/{told['sample_id']}", turns, [(text, ids) for text, ids in questions if ids])


async def store(
    memory: Memory, raw: asyncpg.Connection, number: int, conversation: Conversation, graph: str = GRAPH
) -> None:
    """Store a conversation, and its turns in a plain table."""
    episodes = [
        Episode(key=key, text=text, speaker=speaker, session=key.partition(":")[0], scope=conversation.scope)
        for key, (speaker, text) in conversation.turns.items()
        if text.strip()
    ]
    await memory.episodes.put(graph, episodes)
    await raw.execute(f"CREATE TABLE public.turns{number} (key text, body text)")
    bodies = [(episode.key, f"{episode.speaker}: {episode.text}") for episode in episodes]
    await raw.copy_records_to_table(f"turns{number}", schema_name="public", records=bodies)
    await raw.execute(
        f"CREATE INDEX turns{number}_words ON public.turns{number} USING bm25 (body) WITH (text_config = 'english')"
    )


async def _words_alone(raw: asyncpg.Connection, number: int, text: str) -> list[str]:
    rows = await raw.fetch(
        f"SELECT key FROM public.turns{number} "
        f"ORDER BY body <@> to_bm25query($1, 'public.turns{number}_words') LIMIT {max(DEPTHS)}",
        text,
    )
    return [row["key"] for row in rows]
