"""Succeed: end what later texts superseded, whatever the order in which the texts came."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.claims.succession import OpenClaim, intervals
from kgmem.domain.schema.schema import GraphSchema
from kgmem.domain.text.extraction_result import ExtractedGraph
from kgmem.domain.text.names import LASTING
from kgmem.domain.text.queue import StoredClaim
from kgmem.domain.time.interval import parse_time
from kgmem.services.claims import claim as claiming
from kgmem.services.ports import Ports
from kgmem.services.texts.remember import schema_of

Topic = tuple[str, str, str]  # Scope, subject and predicate.


async def ended(
    ports: Ports, graph: str, told: Sequence[ExtractedGraph], schema: GraphSchema, trust: dict[str, float]
) -> list[ExtractedGraph]:
    """Return what episodes bring with the ends that other texts give their claims, as far as is known by now.

    A claim of which a later text dates the change loses its start, too.
    """
    fresh = [claim for what in told for claim in what.claims if lasts(claim, schema)]
    if not fresh:
        return list(told)
    held = await _held(ports, graph, {_topic(claim) for claim in fresh})
    by_topic: dict[Topic, list[tuple[ClaimStatement, Sequence[int]]]] = defaultdict(list)
    for what in told:
        start = parse_time(what.said).start if what.said is not None else None
        for claim in what.claims:
            if lasts(claim, schema) or _closes(claim):
                by_topic[_topic(claim)].append((claim, () if start is None else (start,)))
    closed: dict[int, ClaimStatement] = {}
    for topic, claims in by_topic.items():
        mine = [
            OpenClaim(
                each.object or "",
                each.valid_from,
                trust.get(each.source, 0.5),
                each.valid_to,
                closed=_closes(each),
                said=said,
            )
            for each, said in claims
        ]
        others = [_open(each) for each in held.get(topic, [])]
        one = _is_functional(topic, schema)
        for (claim, _), (begun, end) in zip(claims, intervals([*mine, *others], functional=one), strict=False):
            closed[id(claim)] = replace(claim, valid_from=begun, valid_to=end)
    return [replace(what, claims=[closed.get(id(claim), claim) for claim in what.claims]) for what in told]


async def succeed(ports: Ports, graph: str, topics: Iterable[Topic], schema: GraphSchema | None = None) -> int:
    """End or reopen claims that were made before, now that others are there; gives how many changed."""
    wanted = set(topics)
    if not wanted:
        return 0
    schema = schema or schema_of(ports.core_schema, await ports.graphs.get(graph))
    changed: list[StoredClaim] = []
    stated: list[ClaimStatement] = []
    for topic, claims in (await _held(ports, graph, wanted)).items():
        new = intervals([_open(each) for each in claims], functional=_is_functional(topic, schema))
        for each, (start, end) in zip(claims, new, strict=True):
            if (start, end) != (each.statement.valid_from, each.statement.valid_to):
                changed.append(each)
                stated.append(replace(each.statement, valid_from=start, valid_to=end, id=None, known_from=None))
    if not changed:
        return 0
    await claiming.replace(ports, graph, stated, [each.id for each in changed])
    return len(changed)


def lasts(claim: ClaimStatement, schema: GraphSchema) -> bool:
    """Return whether a claim is of a lasting or functional kind and its text states no end."""
    kind = schema.kinds.get(claim.predicate)
    ends_ = claim.predicate in LASTING or (kind is not None and kind.functional)
    return claim.object is not None and claim.valid_to is None and kind is not None and ends_


def topics_of(told: Iterable[ExtractedGraph], schema: GraphSchema) -> set[Topic]:
    """Return the topics of which claims may end each other."""
    kinds = {name for name, kind in schema.kinds.items() if kind.functional or name in LASTING}
    return {_topic(claim) for what in told for claim in what.claims if claim.object and claim.predicate in kinds}


def _closes(claim: ClaimStatement) -> bool:
    return claim.object is not None and claim.valid_to is not None


def _is_functional(topic: Topic, schema: GraphSchema) -> bool:
    kind = schema.kinds.get(topic[2])
    return kind is not None and kind.functional


async def _held(ports: Ports, graph: str, topics: set[Topic]) -> dict[Topic, list[StoredClaim]]:
    found: dict[Topic, list[StoredClaim]] = defaultdict(list)
    for each in await ports.extractions.open_claims(graph, sorted(topics)):
        found[_topic(each.statement)].append(each)
    return found


def _topic(claim: ClaimStatement) -> Topic:
    return claim.scope, claim.subject, claim.predicate


def _open(each: StoredClaim) -> OpenClaim:
    told = each.statement
    return OpenClaim(
        told.object or "", told.valid_from, each.trust, told.valid_to, each.id, closed=not each.lasting, said=each.said
    )
