"""The offline default: kgmem's own rules over the parse of spaCy's small English model."""

import asyncio
from collections.abc import Sequence
from typing import Final

from kgmem.domain.extraction import Extraction, TextToRead
from kgmem.extraction.cleaning import readable, without_brackets
from kgmem.extraction.gazetteer import gazetteer
from kgmem.extraction.parser import parsed
from kgmem.extraction.reading import NAME, Reading

LEAST_CONFIDENCE: Final = 0.25
_LONGEST: Final = 100_000  # Characters of one text; spaCy takes about 1 GB for ten times as many.


class RulesExtractor:
    """Finds what rules find: the same every time, without a model of language and without a network."""

    def __init__(self, *, least_confidence: float = LEAST_CONFIDENCE) -> None:
        """Take the confidence from which a fact or cause is told of. Nothing is loaded yet."""
        self._least = least_confidence

    @property
    def name(self) -> str:
        """What stands in `extractor`."""
        return NAME

    async def extract(self, texts: Sequence[TextToRead]) -> list[Extraction]:
        """Give what was found in each text, in their order. Raises ExtractorUnavailable, InvalidInput."""
        return await asyncio.to_thread(read_texts, texts, least=self._least)

    async def aclose(self) -> None:
        """Hold nothing, so free nothing: the model stays loaded for the process."""


def read_texts(texts: Sequence[TextToRead], *, least: float = LEAST_CONFIDENCE) -> list[Extraction]:
    """Give what was found in each text; runs on the calling thread, for processes that do nothing else."""
    cleaned = [without_brackets(readable(asked.text[:_LONGEST])) for asked in texts]
    places = gazetteer()
    documents = parsed(plain for plain, _ in cleaned)
    return [
        Reading(doc, asked, brackets).extraction(places, least=least)
        for doc, asked, (_, brackets) in zip(documents, texts, cleaned, strict=True)
    ]
