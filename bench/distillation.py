"""What distillation saves and keeps of real conversations, beside texts of the same length that are chosen blindly.

LoCoMo and LongMemEval-S (KGMEM_DATA): what people said, a turn an episode, in the scope of its conversation or
question, with its session and time. Each scope is distilled in one run with default settings. Told are the ratio of
tokens (of what was distilled, and of whole scopes with what stays as it is), the score of the runs, and how well the
questions of the benchmarks are answered before and afterwards, by two measures of the first k hits:

- answer@k: the mean share of the words of the known answer that these hits contain.
- evidence@k: the mean share of a question's evidence turns among these hits. Afterwards a turn counts as found where a
  hit is the turn itself, or a distilled text that quotes its sentence with the most words of the question and its
  answer. That a distilled text is linked to the turn, or quotes another sentence of it, is not enough.

Hits that are originals do not count afterwards. The baselines replace each distilled text by sentences of the same
originals in the same form and as many tokens, under the same key in the same graph: the first sentences of each text in
turns, and random ones. The rows are the most turns of a conversation.
"""

import json
import lzma
import random
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bench.contract import Figure, SkippedError, alone, compared
from bench.rig.database import GRAPH, data_folder, fresh_database, memory_on
from kgmem.domain.agents.tokens import estimate
from kgmem.domain.distillation.material import Original, Sentence, sentences_of
from kgmem.domain.distillation.run import DistilRun
from kgmem.domain.distillation.selection import written
from kgmem.domain.distillation.wording import quoted
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.answer import Hit
from kgmem.domain.recall.question import Question, What
from kgmem.domain.recall.selection import content
from kgmem.memory import Memory

ROWS = 1_000  # More than any conversation has.
SHORT = 40
DEPTHS = (5, 10)
_QUESTIONS, _FEW = 6, 1  # Of LongMemEval-S, each with a conversation of its own; at the short size.
_MORE = 190  # Hits beyond those that count, in the place of originals among them.
_TURN = re.compile(r"D\d+:\d+")
Quality = Mapping[tuple[str, int], float]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, the words of its answer, and the keys of the turns with its evidence."""

    text: str
    answer: frozenset[str]
    evidence: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Conversation:
    """One conversation in a scope of its own, and what is asked about it."""

    turns: Sequence[Episode]
    asked: Sequence[_Asked]

    @property
    def scope(self) -> str:
        """Where it is."""
        return self.turns[0].scope


@dataclass(frozen=True, slots=True)
class _Distilled:
    """A distilled text: its key, the turns it stands for, and how many tokens it has."""

    key: str
    originals: Sequence[Original]
    tokens: int


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the figures of each set of conversations."""
    for name, conversations in (("LoCoMo", _locomo(rows)), ("LongMemEval-S", _longmemeval(rows))):
        async with fresh_database() as url, memory_on(url, embedder="minilm") as memory:
            await memory.graphs.create(GRAPH)
            for each in conversations:
                await memory.remember(GRAPH, list(each.turns))
            await memory.extraction.run(GRAPH)
            await memory.embeddings.run(GRAPH)
            async for figure in _measured(memory, name, conversations):
                yield figure


async def _measured(memory: Memory, name: str, conversations: Sequence[_Conversation]) -> AsyncIterator[Figure]:
    before = await _quality(memory, conversations, {})
    runs = [await memory.distillation.run(GRAPH, scope=each.scope) for each in conversations]
    texts = {each.scope: _texts(each, run) for each, run in zip(conversations, runs, strict=True)}
    for figure in _saved(name, conversations, runs):
        yield figure
    after = await _quality(memory, conversations, texts)
    baselines = {}
    for way, order in (("first sentences", _first), ("random sentences", _random)):
        await _replace(memory, texts, order)
        baselines[way] = await _quality(memory, conversations, texts)
    for measure_, k in sorted(after):
        place = (measure_, k)
        told = f"{name}: {measure_}@{k}"
        yield compared(f"{told} distilled, beside the originals", after[place], before[place], "share")
        for way, other in baselines.items():
            yield compared(f"{told} distilled, beside {way} of the same length", after[place], other[place], "share",
                           at_least=1)  # fmt: skip


def _saved(name: str, conversations: Sequence[_Conversation], runs: Sequence[DistilRun]) -> list[Figure]:
    """Return what the runs saved and kept."""
    had, kept = sum(run.had for run in runs), sum(run.kept for run in runs)
    before, after = sum(run.tokens_before for run in runs), sum(run.tokens_after for run in runs)
    whole = sum(estimate(turn.text) for each in conversations for turn in each.turns)
    distilled, texts = sum(run.episodes for run in runs), sum(len(each.turns) for each in conversations)
    told = f"{name}: tokens of {distilled} of {texts} turns, beside their distilled texts"
    score, done = kept / had if had else 1.0, all(run.state == "done" for run in runs)
    return [
        compared(told, before, after, "tokens", at_least=1.5),
        compared(f"{name}: tokens of all turns, beside what is left", whole, whole - before + after, "tokens"),
        replace(alone(f"{name}: score ({kept} of {had} answers found again)", score, "share", "It is a share."),
                bar=">= 0.98 share", holds=done and score >= 0.98),
        alone(f"{name}: turns in groups that kept too little and stay", sum(run.dropped for run in runs), "turns",
              "It counts what the runs left as it was."),
    ]  # fmt: skip


def _texts(conversation: _Conversation, run: DistilRun) -> list[_Distilled]:
    """Return the distilled texts of a run with the turns that they stand for."""
    turns = {each.key: each for each in conversation.turns}
    found = []
    for group in run.groups:
        if group.distilled is not None:
            originals = [
                Original(at, key, 1, turns[key].text, turns[key].occurred_at or "", speaker=turns[key].speaker)
                for at, key in enumerate(group.episodes)
            ]
            found.append(_Distilled(group.distilled, originals, group.tokens_after))
    return found


async def _quality(
    memory: Memory, conversations: Sequence[_Conversation], texts: Mapping[str, Sequence[_Distilled]]
) -> Quality:
    """Return both measures at all depths, as means over the questions."""
    found: dict[tuple[str, int], list[float]] = {}
    for each in conversations:
        by_key = {one.key: one.originals for one in texts.get(each.scope, ())}
        hidden = {original.key for originals in by_key.values() for original in originals}
        for asked in each.asked:
            question = Question(What(text=asked.text), scope=each.scope, k=max(DEPTHS) + (_MORE if hidden else 0))
            hits = [hit for hit in (await memory.recall(GRAPH, question)).hits if hit.key not in hidden]
            for k in DEPTHS:
                evidence = {key for hit in hits[:k] for key in _turns_of(hit, by_key, asked)}
                said = content(" ".join(_said(hit) for hit in hits[:k]))
                share = len(asked.evidence & evidence) / len(asked.evidence)
                found.setdefault(("evidence", k), []).append(share)
                if asked.answer:
                    found.setdefault(("answer", k), []).append(len(asked.answer & said) / len(asked.answer))
    return {place: sum(shares) / len(shares) for place, shares in found.items()}


def _turns_of(hit: Hit, by_key: Mapping[str, Sequence[Original]], asked: _Asked) -> set[str]:
    """Return the turns that a hit is, or of which it quotes what matters to the question."""
    originals = by_key.get(hit.key or "")
    if originals is None:
        return {hit.key or ""}
    wanted = content(asked.text) | asked.answer
    found = set()
    for at, each in enumerate(originals):
        if each.key in asked.evidence:
            best = max(sentences_of(each.text, at), key=lambda one: (len(content(one.text) & wanted), -one.begin))
            found |= {each.key} if best.text in (hit.text or "") else set()
    return found


def _said(hit: Hit) -> str:
    ends = [end.name or end.key for end in (hit.start, hit.end) if end is not None]
    return " ".join(part for part in (hit.name, hit.text, hit.valid_from, *ends) if part)


async def _replace(
    memory: Memory,
    texts: Mapping[str, Sequence[_Distilled]],
    order: Callable[[Sequence[Original]], Iterable[Sentence]],
) -> None:
    """Put other sentences in the place of distilled texts, in their order and up to their length."""
    for scope, some in texts.items():
        for each in some:
            stored = await memory.episodes.get(GRAPH, each.key, scope=scope)
            text = ""
            chosen: list[Sentence] = []
            for sentence in order(each.originals):
                wanted = sorted([*chosen, sentence], key=lambda one: (one.original, one.begin))
                longer = written(each.originals, quoted(wanted))
                if not text or estimate(longer) <= each.tokens:
                    chosen, text = wanted, longer
            await memory.episodes.put(GRAPH, [replace(stored, text=text, version=None, id=None, known_from=None)])
    await memory.embeddings.run(GRAPH)


def _first(originals: Sequence[Original]) -> list[Sentence]:
    """Return the first sentence of each text, then the second of each, and so on."""
    split = [list(enumerate(sentences_of(each.text, at))) for at, each in enumerate(originals)]
    return [one for _, one in sorted((pair for each in split for pair in each), key=lambda pair: pair[0])]


def _random(originals: Sequence[Original]) -> list[Sentence]:
    sentences = [one for at, each in enumerate(originals) for one in sentences_of(each.text, at)]
    random.Random(originals[0].key).shuffle(sentences)
    return sentences


def _locomo(rows: int) -> list[_Conversation]:
    files = sorted(data_folder("locomo").glob("*.json.xz"))
    if not files:
        raise SkippedError("KGMEM_DATA/locomo holds no .json.xz file.")
    return [_of_locomo(told, rows) for told in json.loads(lzma.decompress(files[0].read_bytes()))]


def _of_locomo(told: dict[str, Any], rows: int) -> _Conversation:
    talk, scope = told["conversation"], f"conversation/{told['sample_id']}"
    turns = [
        Episode(turn["text"], turn["dia_id"], _day(talk[f"{name}_date_time"], "%I:%M %p on %d %B, %Y"),
                session=name, speaker=turn["speaker"], scope=scope)
        for name, session in talk.items() if isinstance(session, list) for turn in session if turn["text"].strip()
    ][:rows]  # fmt: skip
    keys = {turn.key for turn in turns}
    asked = [
        _Asked(qa["question"], content(str(qa.get("answer", ""))), frozenset(_TURN.findall(" ".join(qa["evidence"]))))
        for qa in told["qa"]
        if qa.get("evidence")
    ]
    return _Conversation(turns, [each for each in asked if each.evidence and each.evidence <= keys])


def _longmemeval(rows: int) -> list[_Conversation]:
    folder = data_folder("longmemeval")
    questions = sorted(folder.glob("longmemeval_s_*questions.jsonl.xz"))
    sessions = sorted(folder.glob("longmemeval_s_*sessions.jsonl.xz"))
    if not questions or not sessions:
        raise SkippedError("KGMEM_DATA/longmemeval holds no questions and sessions.")
    said = {told["key"]: told["turns"] for told in _lines(sessions[0])}
    found = [_of_longmemeval(at, told, said, rows) for at, told in enumerate(_lines(questions[0]))]
    asked = [each for each in found if each.asked]
    wanted = _FEW if rows == SHORT else _QUESTIONS
    return asked[:: len(asked) // wanted][:wanted]


def _of_longmemeval(at: int, told: dict[str, Any], said: Mapping[str, Sequence[Any]], rows: int) -> _Conversation:
    """Return what the user said: the sessions with evidence, and others of the same question up to `rows` turns."""
    turns: list[Episode] = []
    evidence: set[str] = set()
    order = sorted(range(len(told["haystack"])), key=lambda number: not told["haystack"][number][3])
    for number in order:
        _, session, time, answers = told["haystack"][number]
        for place, turn in enumerate(said[session]):
            if turn["role"] == "user" and turn["content"].strip() and len(turns) < rows:
                key = f"{number}:{place}"
                evidence |= {key} if place in answers else set()
                turns.append(Episode(turn["content"], key, _day(time, "%Y/%m/%d (%a) %H:%M"), session=str(number),
                                     speaker="user", scope=f"question/{at}"))  # fmt: skip
    asked = [_Asked(told["question"], content(str(told["answer"])), frozenset(evidence))] if evidence else []
    return _Conversation(turns, asked)


def _day(text: str, form: str) -> str:
    return datetime.strptime(text.strip(), form).isoformat()  # noqa: DTZ007  # The data names no zone.


def _lines(file: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lzma.decompress(file.read_bytes()).splitlines()]
