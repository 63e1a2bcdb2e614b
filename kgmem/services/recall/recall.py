"""Recall: embed the question, fetch candidates by one statement, fuse and select them, fetch the hits by another."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from kgmem.domain.errors import EmbedderUnavailable, EmbeddingMismatch, KgmemError, LimitReached
from kgmem.domain.flows.trace import count, step
from kgmem.domain.graph.embedding import Vector, unit
from kgmem.domain.graph.graph import Graph
from kgmem.domain.ledger.model_calls import paid_by, payer_here
from kgmem.domain.ports import Candidates
from kgmem.domain.recall.answer import Answer, Hit, current_first, given_before, next_cursor
from kgmem.domain.recall.fusion import NEUTRAL, Ranked, fuse, level
from kgmem.domain.recall.question import MOST_HITS, Question, When
from kgmem.domain.recall.question_checks import check_question
from kgmem.domain.recall.recipes import with_recipe
from kgmem.domain.recall.selection import (
    NOTHING_RELEVANT,
    confidence,
    cosine_of,
    diverse,
    relevance,
    weighted_content,
    within_budget,
    word_similarity,
)
from kgmem.domain.recall.tense import tense_of
from kgmem.domain.time.interval import iso, now, parse_time
from kgmem.domain.time.times_in_text import time_in
from kgmem.services import merged_keys
from kgmem.services.cache.answers import through_cache
from kgmem.services.claims.claim import asker
from kgmem.services.claims.distributions import superpose
from kgmem.services.ports import Ports
from kgmem.services.reading import read_again
from kgmem.services.recall.archive_gate import enough, may_be_enough
from kgmem.services.recall.causes_in_text import answer_with_causes
from kgmem.services.recall.empty_answers import filter_matches
from kgmem.services.recall.feedback import with_feedback
from kgmem.services.recall.rerank import check_reranker, pool_size, rerank, text_of
from kgmem.services.tracing import traced
from kgmem.services.upkeep.embed import embedder_in


def timed(question: Question, now: int) -> tuple[Question, Mapping[str, Any]]:
    """Return the question with definite times, and how the times in its text were understood.

    With `when.in_text` a time in what.text becomes the time of the question, unless the question sets one itself. A
    `known_at` in the future counts as now. Raises InvalidInput.
    """
    when, present = question.when, now
    if when.known_at is not None:
        known = parse_time(when.known_at).start
        past = known is not None and known < now
        when = replace(when, known_at=when.known_at if past else None)
        present = known if known is not None and past else now
    found = time_in(question.what.text or "", present) if when.in_text and not _names_a_time(when) else None
    if found is None:
        return replace(question, when=when), {}
    start, end = found.interval.start, found.interval.end
    first, last = iso(start) if start is not None else None, iso(end - 1) if end is not None else None
    told = {"text": found.text, "from": first, "to": iso(end) if end is not None else None}
    return replace(question, when=replace(when, between=(first, last))), {"when": told}


def _names_a_time(when: When) -> bool:
    """Return whether the question sets a time itself, which takes precedence over times in its text."""
    return when.any_time or any(part is not None for part in (when.valid_at, when.between, when.relation))


_MARGIN = 20  # Candidates beyond twice the wanted hits, of which publications are looked up.
_POOL, _LARGEST_POOL = 4, 200  # Diverse hits are chosen out of so many times as many as are asked for.


def widened(graph: str, question: Question) -> Question:
    """Return the question with the k that its candidates need: the hits of previous pages are fetched again."""
    wanted = question.k + len(given_before(graph, question))
    if question.diversity:
        wanted = max(wanted, min(_POOL * wanted, _LARGEST_POOL))
    return replace(question, k=wanted)


async def choose(ports: Ports, graph: Graph, question: Question, found: Candidates) -> Answer:
    """Return the answer: candidates fused, filtered by relevance and budget, diversified, and cut to k."""
    given = given_before(graph.name, question)
    most = widened(graph.name, question).k + 1  # One more tells whether there is a next page.
    method = question.fusion or graph.fusion
    passed = set(given)
    # Words tell one number from another by themselves.
    last = {"meaning": found.siblings}
    fused = fuse(
        found.retrievers,
        method=method,
        weights=question.weights,
        most=pool_size(question, most),
        last=last,
        looked_up=found.looked_up,
    )
    ranked, repeated = await _without_copies(ports, graph, question, [each for each in fused if each.id not in passed])
    ranked, verdicts = await with_feedback(ports, graph.name, question, ranked)
    fetched, reranking = await _hits(ports, graph, question, ranked, found)
    asked = weighted_content(question.what.text or "", ports.word_rarity)
    fetched = [_rated(hit, graph, question, found, asked) for hit in fetched]
    hits = [hit for hit in fetched if question.min_score is None or (hit.relevance or 0.0) >= question.min_score]
    suppressed, out = {**found.suppressed, **repeated, **reranking}, 0
    if len(hits) < len(fetched):
        suppressed |= {"below_min_score": len(fetched) - len(hits)}
    kept = {hit.id for hit in hits}
    passed_over = [hit.id for hit in fetched if hit.id not in kept]
    if question.budget is not None:
        hits, out = within_budget(hits, question.budget)
        suppressed |= {"over_budget": out} if out else {}
    # A further page searches the archive, too.
    further = out > 0 or len(ranked) > question.k or found.enough is not None
    more = bool(fetched) and further and len(given) + len(hits) < MOST_HITS
    if not more and len(ranked) > question.k:  # There are further hits, but an answer goes no further.
        suppressed |= {"hits_cut": 1}
    shown = [*given, *passed_over, *(hit.id for hit in hits)]
    following = next_cursor(graph.name, question, shown) if more else None
    nothing = None
    if question.what.text is not None:
        nothing = not any((hit.relevance or 0.0) >= NOTHING_RELEVANT for hit in fetched)
    even = level(found.retrievers, last=last, looked_up=found.looked_up) if question.explain else ()
    gates = {name: f"off: all {len(found.retrievers[name])} candidates have the same value." for name in even}
    gates |= {"feedback": verdicts} if verdicts is not None else {}
    return Answer(hits, suppressed, gates=gates, nothing_relevant=nothing, cursor=following)


async def _without_copies(
    ports: Ports, graph: Graph, question: Question, ranked: Sequence[Ranked[int]]
) -> tuple[Sequence[Ranked[int]], dict[str, int]]:
    """Return candidates without what was published from a scope that the question sees: it finds the origin."""
    if question.when.known_at is not None:
        return ranked, {}
    looked_at = [each.id for each in ranked[: 2 * question.k + _MARGIN] if each.id > 0]
    copies = await ports.publications.copies_among(graph.name, looked_at, question.scope) if looked_at else frozenset()
    if not copies:
        return ranked, {}
    return [each for each in ranked if each.id not in copies], {"published_copies": len(copies)}


def _rated(hit: Hit, graph: Graph, question: Question, found: Candidates, asked: Mapping[str, float]) -> Hit:
    """Return the hit with its confidence, and its relevance to the question's text.

    Until now its field `confidence` contains the trust in its fact or source.
    """
    applying = [name for name in found.retrievers if name in hit.retrievers or name not in NEUTRAL]
    relied = confidence(hit.confidence, None, hit.retrievers, applying)
    if question.what.text is None:
        return replace(hit, confidence=relied)
    cosine = cosine_of(hit.retrievers, found.retrievers, graph.space.model if graph.space else None)
    return replace(hit, confidence=relied, relevance=relevance(asked, text_of(hit), cosine))


async def _hits(
    ports: Ports, graph: Graph, question: Question, ranked: Sequence[Ranked[int]], found: Candidates
) -> tuple[Sequence[Hit], dict[str, int]]:
    """Return the hits of the question, and why they are not reranked, where it asked for that."""
    if not ranked:
        return [], {}
    then = question.when.known_at
    pool = ranked if question.diversity or question.rerank else ranked[: question.k]
    with step("fetch"):
        fetched = await ports.index.fetch(graph.name, pool, found.paths, question=question)
    hits, reranking = await rerank(ports, graph.name, question, fetched)
    if not question.diversity:
        return hits[: question.k], reranking
    near = await ports.index.similarity(graph.name, [hit.id for hit in hits], known_at=then)

    def alike(one: Hit, other: Hit) -> float:
        measured = near.get((min(one.id, other.id), max(one.id, other.id)))
        return measured if measured is not None else word_similarity(one.text or one.key, other.text or other.key)

    return diverse(hits, [hit.score for hit in hits], alike, question.diversity, question.k), reranking


@traced("recall", lambda question: question.scope)
async def recall(ports: Ports, graph: str, question: Question) -> Answer:
    """Answer a question on one graph. Raises NotFound, and InvalidInput for an empty or contradictory question.

    What is answered is noted: a text that only returns it is no support for it.
    """
    answer = await read_again(partial(look_up, ports, graph, question))
    ports.answers.note(graph, answer.hits, [asker()])
    count(hits=len(answer.hits))
    return answer


async def look_up(ports: Ports, graph: str, question: Question) -> Answer:
    """Answer a question as `recall` does, for kgmem itself: it counts neither as an answer nor as a use."""
    held = await ports.graphs.get(graph)
    question = with_recipe(question, held.recipe)
    check_question(question)
    check_reranker(ports, question)
    question, understood = timed(question, now())
    answer = await through_cache(ports, held, question, partial(_computed, ports, held, question))
    return replace(answer, understood={**understood, **answer.understood})


async def _computed(ports: Ports, held: Graph, question: Question) -> Answer:
    """Answer a question whose times are definite."""
    graph = held.name
    question = await merged_keys.of_question(ports, graph, question)
    try:
        answer = await answer_with_causes(ports, held, question, partial(_answer, ports, held))
    except KgmemError:
        if (present := await ports.graphs.get(graph)).space == held.space:
            raise
    else:
        if (present := await ports.graphs.get(graph)).space == held.space:
            return await superpose(ports, graph, question, answer)
    # The graph moved to another embedding space meanwhile, so the vector was of the wrong one.
    answer = await answer_with_causes(ports, present, question, partial(_answer, ports, present))
    return await superpose(ports, graph, question, answer)


async def _answer(ports: Ports, held: Graph, question: Question) -> Answer:
    started = time.perf_counter()
    with step("embed"):
        vector, note = await _vector(ports, held, question)
    embedded = time.perf_counter()
    with step("search") as search:
        wanted = widened(held.name, question)
        found = await ports.index.candidates(held.name, wanted, vector, archive=not may_be_enough(question))
        search.count(candidates=sum(map(len, found.retrievers.values())))
    searched = time.perf_counter()
    with step("rank"):
        answer = await choose(ports, held, question, found)
    if found.enough is not None:
        is_enough, why = enough(question, answer, found.enough)
        if not is_enough:
            found = await ports.index.candidates(held.name, wanted, vector)
            answer = await choose(ports, held, question, found)
        found = replace(found, gates={**found.gates, "archive": why})
    answer = replace(answer, gates={**answer.gates, **found.gates} if question.explain else {})
    if question.when == When() and not question.states:
        answer = _in_tense(answer, question)
    if not answer.hits:
        matches = await filter_matches(ports, held, question, vector, answer.suppressed)
        answer = replace(answer, filter_matches=matches)
    profile = {
        "embed_ms": (embedded - started) * 1000,
        "candidates_ms": (searched - embedded) * 1000,
        "fetch_ms": (time.perf_counter() - searched) * 1000,
    }
    told = question.explain or question.profile
    return replace(answer, suppressed={**answer.suppressed, **note}, profile=profile if told else {})


def _in_tense(answer: Answer, question: Question) -> Answer:
    """Return the answer with what holds before what is over, unless the question's words ask about then."""
    text = question.what.text
    if text is not None and tense_of(text, datetime.now(UTC).year) == "past":
        why = "past: the question is about then, so that what is over keeps its place."
        return replace(answer, gates={**answer.gates, "tense": why}) if question.explain else answer
    return replace(answer, hits=current_first(answer.hits))


async def _vector(ports: Ports, graph: Graph, question: Question) -> tuple[Vector | None, dict[str, int]]:
    """Return the question's vector: the caller's, or that of its text; None where the provider is unavailable."""
    if question.what.vector is not None:
        if graph.space is None:
            raise EmbeddingMismatch(
                "This graph has no embedding space.", hint="Use what.text, or set an embedding space for the graph."
            )
        return unit(question.what.vector, graph.space.dimension, "what.vector"), {}
    if question.what.text is None or graph.space is None or not question.weight("meaning"):
        return None, {}
    embedder = embedder_in(ports, graph.space)
    if embedder is None:
        return None, {"meaning_retriever_off_no_embedder_of_the_graph": 1}
    try:
        with paid_by(payer_here(graph.name, question.scope)):
            return (await embedder.embed([question.what.text], "query"))[0], {}
    except EmbedderUnavailable:
        # Words still find much; a recall that fails because a provider is away would be worse, and it is told.
        return None, {"meaning_retriever_off_embedder_unavailable": 1}
    except LimitReached:
        return None, {"meaning_retriever_off_limit_reached": 1}
