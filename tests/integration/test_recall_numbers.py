"""Questions over the sample that name things by a number, asked with the default embedder.

test_recall_siblings.py is the fast twin, with vectors of its own.
"""

import re

import pytest

from kgmem.domain.recall.answer import Hit
from kgmem.domain.recall.question import Question, What
from kgmem.embedding.registry import make_embedder
from kgmem.formats.kgmem.sample import read_sample
from kgmem.resources import resource
from tests.memories import opened_memory

pytestmark = [pytest.mark.server, pytest.mark.slow]

ASKED = {
    "Why did Apollo 13 not land?": "Apollo 13",
    "What happened to the crew of Apollo 13?": "Apollo 13",
    "Who commanded Apollo 8?": "Apollo 8",
    "Who commanded Apollo 12?": "Apollo 12",
    "Who commanded Apollo 17?": "Apollo 17",
    "Who was the lunar module pilot of Apollo 14?": "Apollo 14",
    "Which lunar module flew with Apollo 9?": "Apollo 9",
    "Where did Apollo 15 land?": "Apollo 15",
    "Where did Apollo 16 land?": "Apollo 16",
    "Why did the landing of Apollo 16 wait?": "Apollo 16",
    "What happened on Apollo 10?": "Apollo 10",
    "Which rocket launched Apollo 7?": "Apollo 7",
    "How long did Gemini 7 last?": "Gemini 7",
    "Who flew Gemini 4?": "Gemini 4",
    "What went wrong on Gemini 8?": "Gemini 8",
    "Why did Soyuz 1 crash?": "Soyuz 1",
    "Who died on Soyuz 11?": "Soyuz 11",
    "What did Luna 15 do?": "Luna 15",
    "Who flew on Vostok 2?": "Vostok 2",
    "How long did the crew of Skylab 3 stay?": "Skylab 3",
}
COMMANDED = {
    "Who commanded Apollo 8?": "Frank Borman commanded Apollo 8.",
    "Who commanded Apollo 17?": "Gene Cernan commanded Apollo 17.",
}


def _of_a_sibling(hit: Hit, name: str) -> bool:
    """Whether a hit names another of the same word, and that number nowhere."""
    word, number = name.split()
    ends = " ".join(end.name or "" for end in (hit.start, hit.end) if end)
    numbers = re.findall(rf"{word}[ -](\d+)", f"{hit.name} {hit.text} {ends}")
    return bool(numbers) and not re.search(rf"\b{number}\b", f"{hit.name} {hit.text} {ends}")


async def test_what_names_only_a_sibling_is_hardly_among_the_first(database_url: str) -> None:
    sample = read_sample(resource("sample") / "apollo", resource("graph_schema") / "apollo.toml")
    found: dict[str, list[Hit]] = {}
    async with opened_memory(database_url, embedder=make_embedder("minilm")) as memory:
        await memory.graphs.create("apollo", schema=sample.schema)
        await memory.sources.put("apollo", sample.sources)
        await memory.entities.put("apollo", sample.entities)
        await memory.relationships.put("apollo", sample.relationships)
        await memory.episodes.put("apollo", sample.episodes)
        await memory.embeddings.run("apollo")
        for text in ASKED:
            found[text] = list((await memory.recall("apollo", Question(What(text=text), k=5))).hits)
    siblings = {
        text: [at for at, hit in enumerate(hits, 1) if _of_a_sibling(hit, ASKED[text])] for text, hits in found.items()
    }
    # Without the rule it is 14 of 100 hits, and 3 of the first five about Apollo 13.
    assert siblings["Why did Apollo 13 not land?"] == []
    assert sum(map(len, siblings.values())) <= 3, siblings
    for text, right in COMMANDED.items():
        assert found[text][0].text == right
