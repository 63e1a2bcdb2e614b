"""Why without keys: the event that a text asks the causes or effects of is taken from the best hits, and followed."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from kgmem.domain.errors import TooLarge
from kgmem.domain.graph.graph import Graph
from kgmem.domain.recall.answer import Answer, Hit
from kgmem.domain.recall.causality import Ancestry, CausalGraph
from kgmem.domain.recall.cause_in_text import CauseInText, cause_in
from kgmem.domain.recall.question import Question, Why
from kgmem.services.ports import Ports
from kgmem.services.recall.answer_types import answer_by_type
from kgmem.services.recall.bridging import answer_with_bridge
from kgmem.services.recall.expanding import answer_with_expansion

_HITS: Final = 20  # The first of a search for the text alone: the event is among the best, or nobody can tell it.
_MOST_NAMED: Final = 5  # First causes that are named.

Ask = Callable[[Question], Awaitable[Answer]]


async def answer_with_causes(ports: Ports, graph: Graph, question: Question, ask: Ask) -> Answer:
    """Answer a question, with the causes or effects of the event that its text asks about.

    The event is the first among the best hits of the text that has causes (effects). What leads to it (from it) then
    ranks beside words and meaning, and filters nothing; `understood` of the answer names the event. A question that
    states `why` itself is answered as it is, and so is one whose best hits have no causes.
    """
    text = question.what.text
    asked = cause_in(text) if text is not None and question.why == Why() and question.weight("why") else None
    if asked is None:
        expanding = partial(answer_with_expansion, ports, graph.name, ask)
        bridging = partial(answer_with_bridge, ports, graph.name, ask=expanding)
        return await answer_by_type(ports, graph, question, bridging)
    alone = replace(question, k=max(question.k, _HITS), cursor=None, budget=None)
    first = await ask(alone)
    why, told = ({}, {}) if first.nothing_relevant else await _followed(ports, graph, question, asked, first.hits)
    if why:
        modes = question.modes if "why" in question.modes else {**question.modes, "why": "should"}
        question = replace(question, why=replace(question.why, **why), modes=modes)
    answer = first if question == alone else await ask(question)
    if question.explain:
        answer = replace(answer, gates={**answer.gates, "causes": _reason(asked, told)})
    return replace(answer, understood={"why": told}) if told else answer


def _reason(asked: CauseInText, told: dict[str, Any]) -> str:
    """Return why causes or effects rank, or do not."""
    event = told.get(f"{asked.side}_of")
    if event is not None:
        return f'on: "{asked.text}" asks for {asked.side} of {event}.'
    return f"off: {told.get('not_followed') or f'none of the best hits has {asked.side}.'}"


async def _followed(
    ports: Ports, graph: Graph, question: Question, asked: CauseInText, hits: Sequence[Hit]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the question's `why` becomes, and how the text was understood; both empty where no hit has causes."""
    keys = tuple(dict.fromkeys(key for hit in hits for key in _events(hit, asked)))
    if not keys:
        return {}, {}
    ancestry, effects = Ancestry(keys, question.scope, question.when), asked.side == "effects"
    try:
        found = await ports.index.causal_graph(graph.name, ancestry, effects=effects)
    except TooLarge as error:
        return {}, {"text": asked.text, "not_followed": str(error)}
    event = next((key for key in keys if _next(found, [found.asked[key]], effects=effects)), None)
    if event is None:
        return {}, {}
    told: dict[str, Any] = {"text": asked.text, f"{asked.side}_of": event}
    if asked.root:
        told["root_causes"] = _roots(found, found.asked[event])
    return {f"{asked.side}_of": (event,)}, told


def _events(hit: Hit, asked: CauseInText) -> Iterable[str]:
    """Return the keys of the events that a hit is about, the one that is most likely asked about first."""
    if hit.kind == "entity":
        return (hit.key,)
    if hit.kind == "fact":
        ends = (hit.start, hit.end) if asked.side == "effects" else (hit.end, hit.start)
        return (end.key for end in ends if end is not None)
    return ()


def _next(found: CausalGraph, ids: Collection[int], *, effects: bool) -> set[int]:
    """Return the direct causes (effects) of entities."""
    if effects:
        return {effect for cause, effect in found.links if cause in ids}
    return {cause for cause, effect in found.links if effect in ids}


def _roots(found: CausalGraph, event: int) -> list[str]:
    """Return the keys of the causes of an event that have no causes themselves."""
    reached, ahead = {event}, {event}
    while ahead := _next(found, ahead, effects=False) - reached:
        reached |= ahead
    caused = {effect for _, effect in found.links}
    return sorted(found.nodes[id_].key for id_ in reached - caused - {event})[:_MOST_NAMED]
