"""The WordPiece tokenizer of BERT base, uncased: a text becomes the token ids that MiniLM was trained on.

The method is that of BERT's `tokenization.py` (github.com/google-research/bert, Devlin et al. 2018): clean, put spaces
around CJK ideographs, strip accents, lower case, split at white space and punctuation, then take the longest known
piece again and again. `vocab.txt` beside this file is BERT's own word list, unchanged: Copyright 2018 The Google AI
Language Team Authors, Apache-2.0, as it ships with all-MiniLM-L6-v2 (see NOTICE at the root of the project).

Where BERT's Python and the Rust library `tokenizers` differ (the capital sigma at the end of a word, private-use
characters, the range of the rarest ideographs), this follows the library, as sentence-transformers does. Two
differences are left on purpose. A caller's "[SEP]" or "[MASK]" is text, never a special token. And characters that
Unicode gained after version 8 get their category from Python, while the library's older tables do not know them.
"""

import unicodedata
from collections.abc import Iterator
from importlib.resources import files
from itertools import islice
from typing import Final

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
