"""Summarise: write summaries of entities and communities, and update them as facts change."""

from dataclasses import replace

from kgmem.domain.derived.summaries import RULES, Material, SubjectKind, Summary, WordedSummary, sentences_of, standing
from kgmem.domain.errors import NotFound
from kgmem.domain.flows.trace import count, step
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.ledger.model_calls import Payer, paid_by
from kgmem.domain.slices import progress, slice_over
from kgmem.services.ports import Ports
from kgmem.services.tracing import traced
from kgmem.services.upkeep.sweeps import defer_where


async def summarize(ports: Ports, graph: str, key: str, scope: str) -> Summary:
    """Summarise an entity in this scope only, and keep the summary up to date. Raises NotFound."""
    material = await ports.summaries.of_entity(graph, key, scope)
    await _put(ports, graph, material)
    return await of_entity(ports, graph, key, scope)


async def of_entity(ports: Ports, graph: str, key: str, scope: str, known_at: str | None = None) -> Summary:
    """Return the summary of an entity, as it is or as it was known. Raises NotFound where there is none."""
    material = await ports.summaries.of_entity(graph, key, scope)
    found = await ports.summaries.get(graph, "entity", material.subject, known_at)
    if found is None:
        raise NotFound(
            f"There is no summary of {key!r}" + (" as it was known then." if known_at else "."),
            hint="Create one: kgmem summarize, or POST /v1/graphs/{graph}/summaries with its key.",
        )
    summary, digest, versions = found
    told = replace(summary, subject=key)
    return told if known_at else _as_it_stands(told, material, (digest, dict(versions)))


async def of_community(ports: Ports, graph: str, id_: int, scope: str, known_at: str | None = None) -> Summary | None:
    """Return the summary of a community, as it is or as it was known; None where none was made yet. Raises NotFound."""
    material = await ports.summaries.of_community(graph, id_, scope)
    found = await ports.summaries.get(graph, "community", id_, known_at)
    if found is None:
        return None
    summary, digest, versions = found
    return summary if known_at else _as_it_stands(summary, material, (digest, dict(versions)))


@traced("consolidate")
async def keep(ports: Ports, graph: str) -> int:
    """Summarise again what has changed: communities, and entities that have a summary; returns how many."""
    made, after, entity = 0, progress().get("community", 0), progress().get("entity", 0)
    while wanting := await ports.summaries.wanting(graph, after):
        # Entities first, since only the first page has them.
        for kind, id_, key, scope in sorted(wanting, key=lambda each: each[0] != "entity"):
            if kind == "entity":
                if id_ <= entity:
                    continue
                entity = id_
            else:
                after = id_
            with step("summarise"):
                renewed = await _renew(ports, graph, (kind, id_, key, scope))
                count(summaries=renewed)
            made += renewed
            if await slice_over({"community": after, "entity": entity}):
                return made
        if not any(kind == "community" for kind, *_ in wanting):
            break
    return made


async def _renew(ports: Ports, graph: str, wanted: tuple[SubjectKind, int, str, str]) -> bool:
    """Summarise one entity or community again; returns whether the summary has changed."""
    kind, id_, key, scope = wanted
    try:
        if kind == "entity":
            material = await ports.summaries.of_entity(graph, key, scope)
        else:
            material = await ports.summaries.of_community(graph, id_, scope)
    except NotFound:  # Gone meanwhile.
        return False
    return await _put(ports, graph, material)


async def defer_missing(ports: Ports) -> int:
    """Request the summaries of every graph where entities that were summarised have changed; returns in how many."""
    return await defer_where(ports, "summarize", lambda graph: ports.summaries.is_behind(graph.name))


async def _put(ports: Ports, graph: str, material: Material) -> bool:
    """Make and store a summary unless what it would be made of is the same; a model is called only where it is not."""
    found = await ports.summaries.get(graph, material.kind, material.subject, None)
    maker = ports.wording.name if ports.wording else RULES
    if found and found[1] == material.digest() and (found[0].maker == maker or found[0].problem):
        return False
    sentences = sentences_of(material)
    with paid_by(Payer(graph, material.scope)):
        made = await ports.wording.word(sentences) if ports.wording and len(sentences) > 1 else WordedSummary(sentences)
    return await ports.summaries.put(graph, material, made)


def _as_it_stands(summary: Summary, material: Material, made_of: tuple[int, dict[int, int]]) -> Summary:
    """Return a summary without what has changed since, marked as stale where anything has."""
    digest, versions = made_of
    if digest == material.digest():
        return summary
    left = standing(summary.sentences, material.versions(), versions)
    return replace(summary, sentences=left, text=" ".join(each.text for each in left), stale=True)


class EntitySummaries:
    """Summaries of entities and communities."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def create(self, graph: str, key: str, *, scope: str = SHARED) -> Summary:
        """Summarise an entity in this scope only; from then on a job keeps that up.

        Raises NotFound.
        """
        return await summarize(self._ports, graph, key, check_scope(scope))

    async def get(self, graph: str, key: str, *, scope: str = SHARED, known_at: str | None = None) -> Summary:
        """Return the summary of an entity in this scope only, as it is or as it was known at a time.

        One of which something has changed is stale, and has only facts that are current. Raises NotFound.
        """
        return await of_entity(self._ports, graph, key, check_scope(scope), known_at)

    async def of_community(
        self, graph: str, id_: int, *, scope: str = SHARED, known_at: str | None = None
    ) -> Summary | None:
        """Return the summary of a community, as it is or as it was known; None where none was made yet.

        Raises NotFound.
        """
        return await of_community(self._ports, graph, id_, check_scope(scope), known_at)
