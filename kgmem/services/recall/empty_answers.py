"""Answers without a hit: how many items pass each filter of the question alone, which tells which one to relax."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from kgmem.domain.graph.embedding import Vector
from kgmem.domain.graph.graph import Graph
from kgmem.domain.recall.question import MOST_HITS, Links, Question, What, When, Where, Why
from kgmem.services.ports import Ports

# Where these are told, there were candidates, and the reason is known.
_REASONS: Final = frozenset({"below_min_score", "over_budget"})


async def filter_matches(
    ports: Ports, graph: Graph, question: Question, vector: Vector | None, suppressed: Mapping[str, int]
) -> Mapping[str, int]:
    """Return by filter how many items pass it alone, at most 1,000 each; nothing where no filter is the reason.

    Of the text (its vector is `vector`) that is how many it finds, by words or by meaning.
    """
    if question.cursor is not None or _REASONS & suppressed.keys():
        return {}
    matches = {}
    for name, alone in filters_of(question):
        found = await ports.index.candidates(graph.name, alone, vector if name == "text" else None)
        matches[name] = min(MOST_HITS, len({id_ for ranking in found.retrievers.values() for id_, _ in ranking}))
    return matches


def filters_of(question: Question) -> Iterator[tuple[str, Question]]:
    """Return the filters of a question by name, each with the question that has this one alone.

    A part that only ranks is none. Each is a question of the same time (`known_at`) and scope.
    """
    what, where, when, why, graph = question.what, question.where, question.when, question.why, question.graph
    known = When(known_at=when.known_at)
    bare = Question(scope=question.scope, when=known, k=MOST_HITS)
    if what.text is not None:
        # What only stands beside a match does not match.
        yield "text", replace(bare, what=What(text=what.text), graph=Links(context=False))
    for name in ("labels", "kinds", "sources", "properties"):
        if stated := getattr(what, name):
            yield name, replace(bare, what=replace(What(), **{name: stated}))
    if where != Where() and question.mode("where") == "must":
        yield "where", replace(bare, where=where)
    if question.mode("when") == "must" and any((when.valid_at, when.between, when.relation)):
        only = replace(known, valid_at=when.valid_at, between=when.between, relation=when.relation)
        yield "when", replace(bare, when=only)
    if why != Why() and question.mode("why") == "must":
        yield "why", replace(bare, why=why)
    if graph.hops is not None and question.mode("graph") == "must":
        yield "graph.hops", replace(bare, graph=Links(hops=graph.hops))
    for name in ("states", "tiers", "min_consensus"):
        if stated := getattr(question, name):
            yield name, replace(bare, **{name: stated})
