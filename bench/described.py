"""How often a question that describes an entity, and asks something of it, has its answer in the first five hits.

The graph is the sample.

"Where was the commander of Apollo 11 born?" for every commander and pilot of a flight whose place of birth is known;
right is the relationship BORN_IN of that person. The baseline is graph expansion. Beside them direct questions, one
step each, of other relationships of the sample, by kind and both ends: in all, and those of facts that are over (a
flight, a job) beside those of facts that last.
"""

import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from bench.contract import Figure, alone, compared
from bench.rig.database import fresh_database, memory_on
from kgmem import Question, What
from kgmem.domain.recall.question import Links
from kgmem.domain.time.interval import now, parse_time
from kgmem.memory import Memory
from kgmem.resources import resource

ROWS = 250
SHORT = 60
_FIRST = 5
_PAST = 85.0
_DIRECT = {
    "BORN_IN": "Where was {subject} born?",
    "COMMANDED": "Which mission did {subject} command?",
    "CREW_OF": "Who flew on {object}?",
    "TRAINED_AT": "Where did {subject} train?",
    "WORKED_FOR": "Who did {subject} work for?",
    "LAUNCHED_FROM": "Where was {subject} launched from?",
    "SUCCEEDED_BY": "What came after {subject}?",
    "MEMBER_OF": "What group did {subject} belong to?",
    "BACKUP_CREW_OF": "Who was backup for {object}?",
}
Case = tuple[str, str, str | None, str | None]  # The text, and of a right fact its kind, start and end (None: any).


@dataclass(frozen=True, slots=True)
class Cases:
    """Questions that describe an entity, and direct ones, each with whether the fact that answers it is over."""

    described: Sequence[Case]
    direct: Sequence[tuple[Case, bool]]

    def of_direct(self, rows: int) -> tuple[list[Case], list[Case]]:
        """Return the first direct questions: of facts that are over, and of lasting ones."""
        first = self.direct[:rows]
        return [case for case, over in first if over], [case for case, over in first if not over]


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return how many described and direct questions have their answer among the first five hits."""
    async with sample() as (memory, cases):
        described = cases.described[:rows]
        found = await found_first(memory, described, Question())
        walked = await found_first(memory, described, Question(graph=Links(expand=True)))
        yield compared("described, recall@5 by default, beside graph expansion", found, max(walked, 0.1), "%")
        over, lasting = cases.of_direct(rows)
        past, present = await found_first(memory, over, Question()), await found_first(memory, lasting, Question())
        plain = (past * len(over) + present * len(lasting)) / (len(over) + len(lasting))
        yield alone("direct, recall@5 by default", plain, "%", "any relationship of the kind that is asked for counts")
        told = f"direct, facts that are over ({len(over)}), recall@5 beside lasting ones ({len(lasting)})"
        figure = compared(told, past, present, "%")
        yield replace(figure, bar=f">= {_PAST} %", holds=past >= _PAST)


@asynccontextmanager
async def sample() -> AsyncIterator[tuple[Memory, Cases]]:
    """Return a memory with the sample in it, and the questions about it."""
    folder = resource("sample") / "apollo"
    names = {each["key"]: each.get("name") or each["key"] for each in _records(folder, "entities")}
    relationships = list(_records(folder, "relationships"))
    async with fresh_database() as url, memory_on(url, embedder="minilm") as memory:
        await memory.graphs.create("main")
        for part in ("sources", "entities", "relationships", "episodes"):
            await memory.imports.run("main", [folder / f"{part}.jsonl"])
        await memory.embeddings.run("main")
        yield memory, Cases(_described(relationships, names), _direct(relationships, names))


def _records(folder: Any, part: str) -> Sequence[Mapping[str, Any]]:
    return [json.loads(line) for line in (folder / f"{part}.jsonl").read_text().splitlines()]


def _described(relationships: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[Case]:
    born = {each["from"]: each["to"] for each in relationships if each["kind"] == "BORN_IN"}
    cases: list[Case] = []
    for each in relationships:
        person = each["from"]
        if each["kind"] == "COMMANDED" and person in born:
            cases.append((f"Where was the commander of {names[each['to']]} born?", "BORN_IN", person, born[person]))
        if each["kind"] == "CREW_OF" and person in born and " was " in (each.get("text") or ""):
            role = each["text"].split(" was ", 1)[1].rstrip(".")
            cases.append((f"In which town was the {role} born?", "BORN_IN", person, born[person]))
    return cases


def _direct(relationships: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[tuple[Case, bool]]:
    """Return direct questions, each with whether the fact that answers it is over."""
    cases: list[tuple[Case, bool]] = []
    for each in relationships:
        if each["kind"] in _DIRECT:
            asked = _DIRECT[each["kind"]]
            text = asked.format(subject=names[each["from"]], object=names[each["to"]])
            ends = (None, each["to"]) if "{object}" in asked else (each["from"], None)
            until = parse_time(each["valid_to"]).start if each.get("valid_to") else None
            cases.append(((text, each["kind"], *ends), until is not None and until <= now()))
    random.Random(3).shuffle(cases)
    return cases


async def found_first(memory: Memory, cases: Sequence[Case], way: Question) -> float:
    """Return the percentage of questions whose answer is among the first five hits."""
    right = 0
    for text, kind, start, end in cases:
        answer = await memory.recall("main", replace(way, what=What(text=text), k=_FIRST))
        right += any(
            hit.label == kind
            and hit.start is not None
            and hit.end is not None
            and start in {None, hit.start.key}
            and end in {None, hit.end.key}
            for hit in answer.hits
        )
    return 100 * right / max(1, len(cases))
