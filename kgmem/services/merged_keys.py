"""Keys of entities that were merged away: whoever names one means the entity that was kept."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter, FactTarget
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import check_scope
from kgmem.domain.recall.question import Question
from kgmem.services.ports import Ports


class KeptKeys:
    """The keys that some keys stand for now; one that names an entity itself stands for that."""

    def __init__(self, kept: dict[tuple[str, str], str]) -> None:
        """Take the keys that were merged away, by scope and key."""
        self._kept = kept

    def __bool__(self) -> bool:
        """Whether any key was merged away."""
        return bool(self._kept)

    def of(self, scope: str, key: str) -> str:
        """Return the key that a key stands for in a scope."""
        return self._kept.get((scope, key), key)

    def or_none(self, scope: str, key: str | None) -> str | None:
        """Return the same; None for None."""
        return key if key is None else self.of(scope, key)

    def all(self, scope: str, keys: Sequence[str]) -> list[str]:
        """Return the keys that some stand for, each once."""
        return list(dict.fromkeys(self.of(scope, key) for key in keys))


async def kept_keys(ports: Ports, graph: str, named: Iterable[tuple[str, str | None]]) -> KeptKeys:
    """Look up keys by scope and key. Raises InvalidInput for a scope that is none."""
    wanted = {(check_scope(scope), key) for scope, key in named if key}
    return KeptKeys(dict(await ports.store.kept_keys(graph, wanted)))


async def of_entities(ports: Ports, graph: str, stated: Sequence[Entity]) -> Sequence[Entity]:
    """Return statements of entities, with the keys that theirs stand for."""
    kept = await kept_keys(ports, graph, ((each.scope, each.key) for each in stated))
    return [replace(each, key=kept.of(each.scope, each.key)) for each in stated] if kept else stated


async def of_relationships(ports: Ports, graph: str, stated: Sequence[Relationship]) -> Sequence[Relationship]:
    """Return statements of relationships, with the keys that their ends stand for."""
    named = ((each.scope, key) for each in stated for key in (each.start, each.end))
    kept = await kept_keys(ports, graph, named)
    if not kept:
        return stated
    return [replace(each, start=kept.of(each.scope, each.start), end=kept.of(each.scope, each.end)) for each in stated]


async def of_episodes(ports: Ports, graph: str, stated: Sequence[Episode]) -> Sequence[Episode]:
    """Return statements of episodes, with the keys that what they mention stands for."""
    kept = await kept_keys(ports, graph, ((each.scope, key) for each in stated for key in each.mentions))
    return [replace(each, mentions=kept.all(each.scope, each.mentions)) for each in stated] if kept else stated


async def of_claims(ports: Ports, graph: str, stated: Sequence[ClaimStatement]) -> Sequence[ClaimStatement]:
    """Return claims, with the keys that their subjects and objects stand for."""
    kept = await kept_keys(ports, graph, ((each.scope, key) for each in stated for key in (each.subject, each.object)))
    if not kept:
        return stated
    return [
        replace(each, subject=kept.of(each.scope, each.subject), object=kept.or_none(each.scope, each.object))
        for each in stated
    ]


async def of_claim_filter(ports: Ports, graph: str, asked: ClaimFilter) -> ClaimFilter:
    """Return a filter of claims, with the key that its subject stands for; what was known earlier had its own keys."""
    kept = await kept_keys(ports, graph, [(asked.scope, asked.subject if asked.known_at is None else None)])
    return replace(asked, subject=kept.or_none(asked.scope, asked.subject)) if kept else asked


async def of_fact_filter(ports: Ports, graph: str, asked: FactFilter) -> FactFilter:
    """Return a filter of facts, with the key that its subject stands for; what was known earlier had its own keys."""
    kept = await kept_keys(ports, graph, [(asked.scope, asked.subject if asked.known_at is None else None)])
    return replace(asked, subject=kept.or_none(asked.scope, asked.subject)) if kept else asked


async def of_target(ports: Ports, graph: str, target: FactTarget, scope: str) -> FactTarget:
    """Return what a correction means, with the keys that its subject and object stand for."""
    kept = await kept_keys(ports, graph, [(scope, target.subject), (scope, target.object)])
    if not kept:
        return target
    return replace(target, subject=kept.or_none(scope, target.subject), object=kept.or_none(scope, target.object))


async def of_question(ports: Ports, graph: str, question: Question) -> Question:
    """Return a question, with the keys that the entities it names stand for; what was known earlier had its own."""
    scope, what, where, when, why, links = (
        question.scope, question.what, question.where, question.when, question.why, question.graph,
    )  # fmt: skip
    near, relation, hops = where.near, when.relation, links.hops
    named = [
        *what.start, *why.causes_of, *why.effects_of, why.start, why.end, where.place,
        near.entity if near else None, relation.entity if relation else None, *(hops.start if hops else ()),
    ]  # fmt: skip
    if when.known_at is not None or not any(named):
        return question
    kept = await kept_keys(ports, graph, ((scope, key) for key in named))
    if not kept:
        return question
    return replace(
        question,
        what=replace(what, start=kept.all(scope, what.start)),
        where=replace(
            where,
            place=kept.or_none(scope, where.place),
            near=replace(near, entity=kept.or_none(scope, near.entity)) if near else None,
        ),
        when=replace(
            when, relation=replace(relation, entity=kept.or_none(scope, relation.entity)) if relation else None
        ),
        why=replace(
            why,
            causes_of=kept.all(scope, why.causes_of),
            effects_of=kept.all(scope, why.effects_of),
            start=kept.or_none(scope, why.start),
            end=kept.or_none(scope, why.end),
        ),
        graph=replace(links, hops=replace(hops, start=kept.all(scope, hops.start)) if hops else None),
    )
