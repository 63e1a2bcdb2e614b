"""The offline default: kgmem's own rules over the parse of spaCy's small English model."""

from collections.abc import Sequence
from typing import Final

from kgmem.domain.extraction import Extraction, TextToRead
from kgmem.extraction.cleaning import readable, without_brackets
from kgmem.extraction.gazetteer import gazetteer
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
