"""Echoes: statements that only repeat others, or what kgmem itself answered, and so support nothing.

A fingerprint stands for a sentence, or for what a fact says, in 64 bits: equal ones are taken for the same. By them it
is recognised, without a model, that a text returns what kgmem answered, or copies a sentence of another text.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from kgmem.domain.errors import InvalidInput

COPIED_WORDS = 9  # Words of a sentence that two sources do not choose alike by chance.
ORIGINS = ("episode", "source", "claim", "hit")
MOST_ORIGINS = 20
_MOST_SENTENCES = 50  # Of one answered text.
_WORD = re.compile(r"[^\W_]+")
_END = re.compile(r"[.!?]+[\"')\]”»]*(?=\s|$)|\n[\s>]*\n")
_QUOTED = re.compile('["“„«]([^"“”„«»]{8,})["”“»]')


def sentence_fingerprint(sentence: str) -> int | None:
    """Return the fingerprint of a sentence: of its words, whatever their case and the characters between them."""
    words = _words(sentence)
    return _fingerprint("sentence", *words) if words else None


def is_copied(sentence: str) -> bool:
    """Return whether two sources that state this sentence word by word have it from each other."""
    return len(_words(sentence)) >= COPIED_WORDS


def fact_fingerprint(subject: str, predicate: str, said: str) -> int:
    """Return the fingerprint of what a fact says; `said` is the key of an entity, or a value as JSON."""
    return _fingerprint("fact", subject, predicate, said)


def asker_fingerprint(kind: str, name: str) -> int:
    """Return the fingerprint of who asks or writes: a `key`, or an `episode`, of which it tells the writer."""
    return _fingerprint("asker", kind, name)


def sentence_at(text: str, span: Sequence[int]) -> str:
    """Return the sentence of a text in which a span lies; where that is within quotation marks, what they hold."""
    start, end = span
    begins = max((each.end() for each in _END.finditer(text, 0, start)), default=0)
    stop = _END.search(text, max(end - 1, begins))
    ends = stop.end() if stop else len(text)
    for quoted in _QUOTED.finditer(text, begins, ends):
        if quoted.start(1) <= start and end <= quoted.end(1) + 1:
            return quoted[1]
    return text[begins:ends]


def answered_fingerprints(text: str) -> list[int]:
    """Return the fingerprints of the sentences of an answered text, of the first fifty."""
    pieces, begins = [], 0
    for each in _END.finditer(text):
        pieces.append(text[begins : each.end()])
        begins = each.end()
        if len(pieces) == _MOST_SENTENCES:
            break
    else:
        pieces.append(text[begins:])
    found = (sentence_fingerprint(piece) for piece in pieces)
    return [each for each in found if each is not None]


def check_origins(derived_from: Iterable[str]) -> None:
    """Refuse origins that name nothing. Raises InvalidInput."""
    for each in derived_from:
        kind, colon, name = each.partition(":")
        if not colon or kind not in ORIGINS or not name or (kind in {"claim", "hit"} and not name.isdecimal()):
            raise InvalidInput(
                f"derived_from is {each!r}.",
                hint="Name an origin as episode:KEY, source:KEY, claim:ID or hit:ID (the id of a hit of recall).",
            )


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _fingerprint(*parts: str) -> int:
    digest = blake2b("\x1f".join(parts).encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
