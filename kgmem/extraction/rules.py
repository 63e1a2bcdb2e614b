"""The offline default: kgmem's own rules over the parse of spaCy's small English model."""

from collections.abc import Sequence
from typing import Final

from kgmem.domain.extraction import Extraction, TextToRead
from kgmem.extraction.cleaning import readable, without_brackets
from kgmem.extraction.gate import Gate
from kgmem.extraction.gazetteer import gazetteer
from kgmem.extraction.offline import Work
from kgmem.extraction.parser import parsed
from kgmem.extraction.reading import Reading

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
