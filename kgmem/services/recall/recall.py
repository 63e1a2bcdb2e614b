"""Recall: embed the question, let the index give candidates by one statement, fuse them, fetch the best by another."""

import time
from dataclasses import replace

from kgmem.domain.errors import EmbedderUnavailable, EmbeddingMismatch, KgmemError
from kgmem.domain.graph.embedding import Vector, unit
from kgmem.domain.graph.graph import Graph
from kgmem.domain.recall.answer import Answer, current_first
from kgmem.domain.recall.question import Question, When
from kgmem.domain.recall.question_checks import check_question
from kgmem.domain.recall.recipes import with_recipe
from kgmem.domain.time.interval import now
from kgmem.services.claims.distributions import superpose
from kgmem.services.ports import Ports
from kgmem.services.recall.selection import choose, widened
from kgmem.services.recall.time_resolution import timed
from kgmem.services.upkeep.embed import embedder_in


async def recall(parts: Ports, graph: str, question: Question) -> Answer:
    """Answer a question from one graph. Raises InvalidInput when it asks nothing, or more than is held."""
    held = await parts.graphs.get(graph)
    question = with_recipe(question, held.recipe)
    check_question(question)
    question, understood = timed(question, now())
    try:
        answer = await _answer(parts, held, question)
    except KgmemError:
        if (present := await parts.graphs.get(graph)).space == held.space:
            raise
    else:
        if (present := await parts.graphs.get(graph)).space == held.space:
            return replace(await superpose(parts, graph, question, answer), understood=understood)
    # The graph moved to another embedding space meanwhile, so the vector was of the wrong one.
    answer = await _answer(parts, present, question)
    return replace(await superpose(parts, graph, question, answer), understood=understood)


async def _answer(parts: Ports, held: Graph, question: Question) -> Answer:
    started = time.perf_counter()
    vector, note = await _vector(parts, held, question)
    embedded = time.perf_counter()
    found = await parts.index.candidates(held.name, widened(held.name, question), vector)
    searched = time.perf_counter()
    answer = await choose(parts, held, question, found)
    if question.when == When() and not question.states:
        answer = replace(answer, hits=current_first(answer.hits))
    profile = {
        "embed_ms": (embedded - started) * 1000,
        "candidates_ms": (searched - embedded) * 1000,
        "fetch_ms": (time.perf_counter() - searched) * 1000,
    }
    told = question.explain or question.profile
    return replace(answer, suppressed={**answer.suppressed, **note}, profile=profile if told else {})


async def _vector(parts: Ports, graph: Graph, question: Question) -> tuple[Vector | None, dict[str, int]]:
    """Return the question's vector: the caller's, or that of its text; none when the provider is away."""
    if question.what.vector is not None:
        if graph.space is None:
            raise EmbeddingMismatch("This graph has no embedding space.", hint="Ask by text, or give the graph one.")
        return unit(question.what.vector, graph.space.dimension, "what.vector"), {}
    if question.what.text is None or graph.space is None or not question.weight("meaning"):
        return None, {}
    embedder = embedder_in(parts, graph.space)
    if embedder is None:
        return None, {"meaning_retriever_off_no_embedder_of_the_graph": 1}
    try:
        return (await embedder.embed([question.what.text], "query"))[0], {}
    except EmbedderUnavailable:
        # Words still find much; a recall that fails because a provider is away would be worse, and it is told.
        return None, {"meaning_retriever_off_embedder_unavailable": 1}
