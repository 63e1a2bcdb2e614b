"""Recall: embed the question, let the index give candidates by one statement, fuse them, fetch the best by another."""

import math
import time
from dataclasses import replace

from kgmem.domain.errors import EmbedderUnavailable, EmbeddingMismatch, InvalidInput, KgmemError
from kgmem.domain.graph.embedding import Vector, unit
from kgmem.domain.graph.graph import Graph
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.path import check_why
from kgmem.domain.recall.predicate import predicates_of
from kgmem.domain.recall.question import RETRIEVERS, TIME_STATES, Question, asks_something, retrievers_of
from kgmem.domain.recall.recipes import with_recipe
from kgmem.domain.time.interval import now
from kgmem.services.claims.distributions import check_superposed, superpose
from kgmem.services.ports import Ports
from kgmem.services.recall.selection import MOST_HITS, choose, widened
from kgmem.services.recall.time_resolution import check_when, timed
from kgmem.services.upkeep.embed import embedder_in


async def recall(parts: Ports, graph: str, question: Question) -> Answer:
    """Answer a question from one graph. Raises InvalidInput when it asks nothing, or more than is held."""
    held = await parts.graphs.get(graph)
    question = with_recipe(question, held.recipe)
    _check(question)
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
    profile = {
        "embed_ms": (embedded - started) * 1000,
        "candidates_ms": (searched - embedded) * 1000,
        "fetch_ms": (time.perf_counter() - searched) * 1000,
    }
    told = question.explain or question.profile
    return replace(answer, suppressed={**answer.suppressed, **note}, profile=profile if told else {})


def _check(question: Question) -> None:
    what = question.what
    if not asks_something(question):
        raise InvalidInput("The question asks nothing.", mend="Give what.text, what.vector, what.labels or the like.")
    if what.text is not None and not what.text.strip():
        raise InvalidInput("what.text is empty.", mend="Give words to look for, or leave it out.")
    if what.start and not question.graph.walk:
        raise InvalidInput("what.start is where a walk starts, and none is asked for.", mend="Set graph.walk to true.")
    predicates_of(what.properties)
    when = question.when
    if TIME_STATES & set(question.states) and (when.any_time or when.valid_at or when.between or when.relation):
        raise InvalidInput("States in time and a time in when exclude each other.", mend="Leave one of them out.")
    if question.min_consensus is not None and not 0 <= question.min_consensus <= 1:
        raise InvalidInput(f"min_consensus is {question.min_consensus}.", mend="Give 0 to 1.")
    if not 0 <= question.diversity <= 1:
        raise InvalidInput(f"diversity is {question.diversity}.", mend="Give 0 to 1.")
    if question.budget is not None and question.budget < 1:
        raise InvalidInput(f"budget is {question.budget}.", mend="Give a number of tokens of at least 1.")
    _check_weights(question)
    check_superposed(question.superposition)
    check_why(question.why)
    check_when(question.when)
    if not 1 <= question.k <= MOST_HITS:
        raise InvalidInput(f"k is {question.k}.", mend=f"Ask for 1 to {MOST_HITS} hits.")


def _check_weights(question: Question) -> None:
    """Refuse weights of unknown arms, and those that leave no arm of the question any weight."""
    weights, asked = question.weights, retrievers_of(question)
    if unknown := weights.keys() - RETRIEVERS.keys():
        known = ", ".join(sorted(RETRIEVERS))
        raise InvalidInput(f"There is no arm {min(unknown)!r} to weigh.", mend=f"Arms are {known}.")
    if not all(0 <= weight < math.inf for weight in weights.values()) or not any(weights.get(arm, 1) for arm in asked):
        raise InvalidInput("Weights are at least 0, and one of them is more.", mend="Leave weights out for equal ones.")


async def _vector(parts: Ports, graph: Graph, question: Question) -> tuple[Vector | None, dict[str, int]]:
    """Give the question's vector: the caller's, or that of its text; none when the provider is away."""
    if question.what.vector is not None:
        if graph.space is None:
            raise EmbeddingMismatch("This graph has no embedding space.", mend="Ask by text, or give the graph one.")
        return unit(question.what.vector, graph.space.dimension, "what.vector"), {}
    if question.what.text is None or graph.space is None or not question.weights.get("meaning", 1):
        return None, {}
    embedder = embedder_in(parts, graph.space)
    if embedder is None:
        return None, {"meaning_arm_off_no_embedder_of_the_graph": 1}
    try:
        return (await embedder.embed([question.what.text], "query"))[0], {}
    except EmbedderUnavailable:
        # Words still find much; a recall that fails because a provider is away would be worse, and it is told.
        return None, {"meaning_arm_off_embedder_unavailable": 1}
