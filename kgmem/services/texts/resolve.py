"""Resolve: is what is described something that is known? What is not sure becomes a pair for review."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from kgmem.domain.errors import EmbedderUnavailable, InvalidInput, LimitReached
from kgmem.domain.flows.trace import count, step
from kgmem.domain.graph.graph import Graph
from kgmem.domain.ledger.model_calls import paid_by, payer_here
from kgmem.domain.schema.schema import GraphSchema
from kgmem.domain.text.names import fits
from kgmem.domain.text.resolution import Alike, Candidate, Described, LookedUp, Resolved, pair
from kgmem.services.ports import Ports
from kgmem.services.texts.merge import propose
from kgmem.services.texts.remember import schema_of
from kgmem.services.tracing import traced
from kgmem.services.upkeep.embed import embedder_in

MOST_DESCRIBED: Final = 1000
_LOOKED_UP: Final = 20  # Held entities that are compared with one description.
_TOLD: Final = 5  # Candidates that an answer gives.
# By so much evidence the best must lead, else nobody knows which of two it is; equal names lead near ones by 1.9.
_CLEAR: Final = 1.5
_SHORT: Final = 200  # Characters of a value that is embedded, as with stored entities.
_PAGE: Final = 200
_PROPOSED: Final = 5000  # Pairs that one transaction puts on the review list.
# So many of the nearest pairs are listed whatever their evidence: at least a few, and of many entities a share.
_LEAST_LISTED: Final = 10
_SHARE_LISTED: Final = 0.05


async def resolve(
    ports: Ports, graph: str, described: Sequence[Described], scope: str, *, compared: int = _LOOKED_UP
) -> list[Resolved]:
    """Return for each description whether it is a known entity; nothing is written. Raises InvalidInput.

    `compared` is how many existing entities each is compared with, those with the most similar names first.
    """
    if len(described) > MOST_DESCRIBED:
        raise InvalidInput(f"{len(described)} things are described.", hint=f"Ask for at most {MOST_DESCRIBED}.")
    if not described:
        return []
    held_graph = await ports.graphs.get(graph)
    schema = schema_of(ports.core_schema, held_graph)
    if _tells_much(ports, described):
        described = await _embedded(ports, held_graph, described, scope)
    found = await ports.names.look_up(graph, described, scope, compared)
    linked = await _linked(ports, graph, described, found, schema=schema, scope=scope)
    return [
        decided(linked[at] if at in linked else alike_ones(ports, each, held, found, schema))
        for at, (each, held) in enumerate(zip(described, found.found, strict=True))
    ]


async def _linked(
    ports: Ports, graph: str, described: Sequence[Described], found: LookedUp, *, schema: GraphSchema, scope: str
) -> dict[int, list[Alike]]:
    """Return what may be each description, where so many say more than names that a cut can be chosen from them."""
    if not _tells_much(ports, described):
        return {}
    places = [at for at in range(len(described)) if found.found[at]]
    held = list({each.key: each for at in places for each in found.found[at]}.values())
    place_of = {each.key: place for place, each in enumerate(held)}
    pairs = [
        (order, place_of[each.key])
        for order, at in enumerate(places)
        for each in found.found[at]
        if _may_be_one(described[at].label, each.label, schema)
    ]
    judged = await ports.merges.judged(graph, scope)
    asked = [described[at] for at in places]
    linked: dict[int, list[Alike]] = {at: [] for at in places}
    for each in await asyncio.to_thread(ports.comparer.link, asked, held, pairs, judged):
        other = held[each.other]
        if each.similarity.decision != "different":
            linked[places[each.one]].append(Alike(other.key or "", other.label or "", each.similarity))
    return {at: sorted(some, key=lambda one: (-one.similarity.evidence, one.key)) for at, some in linked.items()}


def _tells_much(ports: Ports, described: Sequence[Described]) -> bool:
    """Return whether so many say more than names that a cut can be chosen from them."""
    return sum(bool(each.values or each.text) for each in described) >= ports.comparer.least_records


async def _embedded(ports: Ports, graph: Graph, described: Sequence[Described], scope: str) -> Sequence[Described]:
    """Return descriptions with vectors of the graph's space, where it has an embedder; others as they are."""
    embedder = embedder_in(ports, graph.space)
    texts = {at: _text_of(each) for at, each in enumerate(described) if each.vector is None}
    texts = {at: text for at, text in texts.items() if text}
    if embedder is None or not texts:
        return described
    try:
        with paid_by(payer_here(graph.name, scope)):
            vectors = dict(zip(texts, await embedder.embed(list(texts.values()), "document"), strict=True))
    except (EmbedderUnavailable, LimitReached):
        # Words still find much, as in a recall while a provider is away.
        return described
    return [replace(each, vector=vectors.get(at, each.vector)) for at, each in enumerate(described)]


def _text_of(described: Described) -> str:
    """Return a description as entities are embedded: names, and the text or else short values."""
    values = [described.values[name] for name in sorted(described.values)]
    short = [value for value in values if isinstance(value, str) and len(value) <= _SHORT]
    rest = [described.text] if described.text else short
    return "\n".join(part for part in (*described.names, *rest) if part.strip())


def _may_be_one(one: str | None, other: str | None, schema: GraphSchema) -> bool:
    return one is None or other is None or fits(one, other, schema)


def alike_ones(
    ports: Ports, asked: Described, held: Sequence[Described], found: LookedUp, schema: GraphSchema
) -> list[Alike]:
    """Return the existing entities that may be the one described, the most probable first; none of another type."""
    alike = [
        Alike(each.key or "", each.label or "", ports.comparer.similarity(asked, each, found))
        for each in held
        if _may_be_one(asked.label, each.label, schema)
    ]
    kept = [each for each in alike if each.similarity.decision != "different"]
    return sorted(kept, key=lambda each: (-each.similarity.evidence, each.key))


def decided(alike: Sequence[Alike]) -> Resolved:
    """Return what is known of a description by those that are like it, the likeliest first."""
    if not alike:
        return Resolved("different")
    best = alike[0].similarity
    leads = len(alike) == 1 or best.evidence - alike[1].similarity.evidence >= _CLEAR
    if best.decision == "same" and leads:
        return Resolved("same", alike[0].key, alike[:_TOLD])
    return Resolved("candidate", None, alike[:_TOLD])


def _scope_of(scope: str, **_: object) -> str:
    return scope


@traced("reconcile", _scope_of)
async def find_duplicates(
    ports: Ports, graph: str, scope: str, *, progress: Callable[[int, int], None] | None = None
) -> tuple[int, int]:
    """Search the entities in one scope only for pairs that may be one, and put them on the review list.

    Where there are enough entities, the cut is chosen from how near they are to each other and from what people
    decided, and the nearest pairs are listed in any case. Gives how many entities were looked at, and how many pairs
    wait for a decision. Nothing is merged.
    """
    schema = schema_of(ports.core_schema, await ports.graphs.get(graph))
    described: list[Described] = []
    cursor = None
    while True:
        page = await ports.store.list_entities(graph, scope=scope, label=None, cursor=cursor, limit=_PAGE)
        keys = [entity.key for entity in page.items if entity.scope == scope]
        described += await ports.names.describe(graph, keys, scope)
        if progress:
            progress(len(described), 0)
        cursor = page.cursor
        if cursor is None:
            break
    with step("compare"):
        compare = _of_few if len(described) < ports.comparer.least_records else _deduped
        candidates = await compare(ports, graph, described, scope, schema)
    proposed = 0
    count(entities=len(described), candidates=len(candidates))
    for at in range(0, len(candidates), _PROPOSED):
        proposed += await propose(ports, graph, candidates[at : at + _PROPOSED], scope)
        if progress:
            progress(len(described), proposed)
    return len(described), proposed


async def _of_few(
    ports: Ports, graph: str, described: Sequence[Described], scope: str, schema: GraphSchema
) -> list[Candidate]:
    """Return the pairs of a few entities that may be one: by documented evidence, or by all that two say of themselves.

    Entities of which only names are known are compared by documented evidence alone.
    """
    found = {pair(each.one, each.other): each for each in await _looked_up(ports, graph, described, scope, schema)}
    telling = [each for each in described if each.values or each.text]
    for each in await _deduped(ports, graph, telling, scope, schema):
        ends = pair(each.one, each.other)
        known = found.get(ends)
        if known is None or (each.vetoed is None and each.evidence > known.evidence):
            found[ends] = each
    return list(found.values())


async def _looked_up(
    ports: Ports, graph: str, described: Sequence[Described], scope: str, schema: GraphSchema
) -> list[Candidate]:
    """Return the pairs of a few entities that may be one by documented evidence."""
    if not described:
        return []
    found = await ports.names.look_up(graph, described, scope, _LOOKED_UP)
    pairs: dict[tuple[str, str], Candidate] = {}
    for each, held in zip(described, found.found, strict=True):
        others = [other for other in held if other.key != each.key]
        for one in alike_ones(ports, each, others, found, schema):
            ends = pair(each.key or "", one.key)
            pairs[ends] = Candidate(*ends, one.similarity.evidence, one.similarity.parts, one.similarity.vetoed, scope)
    return await of_scope(ports, graph, pairs, scope)


async def _deduped(
    ports: Ports, graph: str, described: Sequence[Described], scope: str, schema: GraphSchema
) -> list[Candidate]:
    """Return the pairs of entities that may be one, and the nearest ones whatever their evidence."""

    def may_be_one(one: int, other: int) -> bool:
        return _may_be_one(described[one].label, described[other].label, schema)

    judged = await ports.merges.judged(graph, scope)
    found = await asyncio.to_thread(ports.comparer.dedupe, described, may_be_one, judged)
    listed = sorted(found, key=lambda each: -each.similarity.evidence)
    always = min(max(_LEAST_LISTED, int(_SHARE_LISTED * len(described))), len(described) // 2)
    candidates = []
    for order, each in enumerate(listed):
        if order >= always and each.similarity.decision == "different":
            break
        ends = pair(described[each.one].key or "", described[each.other].key or "")
        candidates.append(
            Candidate(*ends, each.similarity.evidence, each.similarity.parts, each.similarity.vetoed, scope)
        )
    return candidates


async def of_scope(ports: Ports, graph: str, pairs: dict[tuple[str, str], Candidate], scope: str) -> list[Candidate]:
    """Return the pairs of which both are in this scope only, since only these can be merged."""
    if not pairs:
        return []
    keys = sorted({key for ends in pairs for key in ends})
    own = {each.key for each in await ports.names.describe(graph, keys, scope)}
    return [each for ends, each in pairs.items() if set(ends) <= own]
