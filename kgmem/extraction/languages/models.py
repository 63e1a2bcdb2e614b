"""The languages beside English that have rules, and their models, which are extras of kgmem."""

import importlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from spacy.language import Language

from kgmem.domain.text.extraction import Extraction, TextToRead
from kgmem.extraction.identifiers import JOIN
from kgmem.extraction.languages.dependencies import UniversalReading
from kgmem.extraction.languages.french import FRENCH
from kgmem.extraction.languages.lexicon import Lexicon
from kgmem.extraction.registry import RULES

_LEXICONS: Final[Mapping[str, Lexicon]] = {FRENCH.name: FRENCH}
_LONGEST: Final = 100_000  # Characters of one text, as of an English one.


def read_in(language: str, texts: Sequence[TextToRead]) -> list[Extraction]:
    """Return what was found in texts of a language by its English name; each says so where nothing can read it."""
    lexicon = _LEXICONS.get(language)
    model = installed_model(lexicon.packages) if lexicon is not None else None
    problem = f"It is in {language}; the rules read English, and found nothing."
    if lexicon is None or model is None:
        hint = f" {lexicon.install} adds {language}." if lexicon is not None else ""
        return [Extraction(extractor=RULES, problem=problem + hint) for _ in texts]
    documents = model.pipe(asked.text[:_LONGEST].replace("\u2019", "'") for asked in texts)
    return [UniversalReading(doc, asked, lexicon).extraction() for doc, asked in zip(documents, texts, strict=True)]


@cache
def installed_model(packages: tuple[str, ...]) -> Language | None:
    """Return the first of a language's models that is installed."""
    for package in packages:
        try:
            module: Any = importlib.import_module(package)
        except ImportError:
            continue
        found: Language = module.load()
        found.add_pipe(JOIN, first=True)
        return found
    return None
