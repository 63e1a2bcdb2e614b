"""Resolve: is what is described something that is known? What is not sure becomes a pair for review."""

from collections.abc import Callable, Sequence
from typing import Final

from kgmem.domain.errors import InvalidInput
from kgmem.domain.schema.schema import GraphSchema
from kgmem.domain.text.naming import fits
from kgmem.domain.text.resolution import Alike, Candidate, Described, LookedUp, Resolved, pair
from kgmem.services.ports import Ports
from kgmem.services.texts.merge import propose
from kgmem.services.texts.remember import schema_of

MOST_DESCRIBED: Final = 1000
_LOOKED_UP: Final = 20  # Held entities that are compared with one description.
_TOLD: Final = 5  # Candidates that an answer gives.
# By so much evidence the best must lead, else nobody knows which of two it is; equal names lead near ones by 1.9.
_CLEAR: Final = 1.5
_PAGE: Final = 200


async def resolve(
    parts: Ports, graph: str, described: Sequence[Described], scope: str, *, compared: int = _LOOKED_UP
) -> list[Resolved]:
    """Say for each description whether it is a known entity; nothing is written. Raises InvalidInput.

    `compared` is how many held entities each is compared with, those first whose names have most in common with its.
    """
    if len(described) > MOST_DESCRIBED:
        raise InvalidInput(f"{len(described)} things are described.", hint=f"Ask for at most {MOST_DESCRIBED}.")
    if not described:
        return []
    schema = schema_of(parts.core_schema, await parts.graphs.get(graph))
    found = await parts.names.look_up(graph, described, scope, compared)
    return [
        decided(alike_ones(parts, each, held, found, schema)) for each, held in zip(described, found.found, strict=True)
    ]


def alike_ones(
    parts: Ports, asked: Described, held: Sequence[Described], found: LookedUp, schema: GraphSchema
) -> list[Alike]:
    """Give what is held that may be what is described, the likeliest first; of other types nothing is."""
    alike = [
        Alike(each.key or "", each.label or "", parts.comparer.likeness(asked, each, found))
        for each in held
        if asked.label is None or each.label is None or fits(asked.label, each.label, schema)
    ]
    kept = [each for each in alike if each.likeness.decision != "different"]
    return sorted(kept, key=lambda each: (-each.likeness.evidence, each.key))


def decided(alike: Sequence[Alike]) -> Resolved:
    """Give what is known of a description by those that are like it, the likeliest first."""
    if not alike:
        return Resolved("different")
    best = alike[0].likeness
    leads = len(alike) == 1 or best.evidence - alike[1].likeness.evidence >= _CLEAR
    if best.decision == "same" and leads:
        return Resolved("same", alike[0].key, alike[:_TOLD])
    return Resolved("candidate", None, alike[:_TOLD])


async def find_duplicates(
    parts: Ports, graph: str, scope: str, *, progress: Callable[[int, int], None] | None = None
) -> tuple[int, int]:
    """Look through the entities of exactly one scope for pairs that may be one, and put them on the review list.

    Gives how many entities were looked at, and how many pairs wait for a decision. Nothing is merged.
    """
    schema = schema_of(parts.core_schema, await parts.graphs.get(graph))
    seen = proposed = 0
    cursor = None
    while True:
        page = await parts.store.list_entities(graph, scope=scope, label=None, cursor=cursor, limit=_PAGE)
        keys = [entity.key for entity in page.items if entity.scope == scope]
        described = await parts.names.describe(graph, keys, scope)
        found = await parts.names.look_up(graph, described, scope, _LOOKED_UP)
        pairs: dict[tuple[str, str], Candidate] = {}
        for each, held in zip(described, found.found, strict=True):
            others = [other for other in held if other.key != each.key]
            for one in alike_ones(parts, each, others, found, schema):
                ends = pair(each.key or "", one.key)
                told = one.likeness
                pairs[ends] = Candidate(*ends, told.evidence, told.parts, told.vetoed, scope)
        own = await of_scope(parts, graph, pairs, scope)
        proposed += await propose(parts, graph, own, scope) if own else 0
        seen += len(described)
        if progress:
            progress(seen, proposed)
        cursor = page.cursor
        if cursor is None:
            return seen, proposed


async def of_scope(parts: Ports, graph: str, pairs: dict[tuple[str, str], Candidate], scope: str) -> list[Candidate]:
    """Give the pairs of which both are of exactly this scope, since only these can be merged."""
    if not pairs:
        return []
    keys = sorted({key for ends in pairs for key in ends})
    own = {each.key for each in await parts.names.describe(graph, keys, scope)}
    return [each for ends, each in pairs.items() if set(ends) <= own]
