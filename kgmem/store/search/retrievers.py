"""Retrievers of meaning and words: what runs, and out of which statements of recall.sql."""

import time

from kgmem.domain.graph.scope import visible_from
from kgmem.store.graph.layout import Layout
from kgmem.store.search.request import SearchRequest

_LARGE_FOR = 60.0  # Seconds for which a scope that was large is taken to be large still.


def text_retrievers(layout: Layout, request: SearchRequest) -> dict[str, tuple[str, ...]]:
    """Return the retrievers of the question's text and vector, each with the statements that find its candidates."""
    what = request.question.what
    if layout.is_past:
        return _asof_retrievers(layout, request)
    large = all_large(layout, request.question.scope)
    retrievers: dict[str, tuple[str, ...]] = {}
    if request.vector is not None and layout.vectors:
        retrievers["meaning"] = ("near_many",) if large else ("near_many", "near_few")
    if what.text and not lacks_words(layout, request):
        if not request.words:
            retrievers["words"] = ("plain_words",)
        elif layout.wordless:
            retrievers["words"] = ("words_few",)
        else:
            retrievers["words"] = ("words_many",) if large else ("words_many", "words_few")
    return {retriever: pieces for retriever, pieces in retrievers.items() if request.question.weight(retriever)}


def _asof_retrievers(layout: Layout, request: SearchRequest) -> dict[str, tuple[str, ...]]:
    """Return the retrievers that answer as of an earlier time, all of them exact."""
    text = request.question.what.text
    retrievers: dict[str, tuple[str, ...]] = {}
    if request.vector is not None and layout.vectors:
        retrievers["meaning"] = ("near_then",)
    if text:
        retrievers["words"] = ("words_few", "words_then") if request.words else ("plain_words",)
    return {retriever: pieces for retriever, pieces in retrievers.items() if request.question.weight(retriever)}


def words_note(layout: Layout, request: SearchRequest) -> dict[str, int]:
    """Return the note that words are not searched; whether a scope is large is known after the first search."""
    off = request.question.what.text and lacks_words(layout, request)
    return {"words_retriever_off_index_is_being_built": 1} if off else {}


def lacks_words(layout: Layout, request: SearchRequest) -> bool:
    """Return whether only the text index could answer, and a large load has deferred it."""
    return layout.wordless and not layout.is_past and request.words and all_large(layout, request.question.scope)


def all_large(layout: Layout, scope: str) -> bool:
    """Return whether all that a scope sees was large lately; then nothing needs to be counted, nor read exactly."""
    since = time.monotonic() - _LARGE_FOR
    return all(layout.large.get(layout.scopes.get(path, -1), 0.0) > since for path in visible_from(scope))
