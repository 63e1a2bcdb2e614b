"""What decisions rest on: found when one is recorded, and what became of it since."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from kgmem.domain.agents.decision import DecisionRecord, Evidence, EvidenceState
from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, Option, StoredFact
from kgmem.domain.claims.consensus import FactState
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.time.interval import now, parse_time
from kgmem.services import merged_keys
from kgmem.services.claims.verify import same_value
from kgmem.services.ports import Ports

_EDGES: Final = 1 << 48  # Ids of relationships are above; those of facts are below.
_RELATIONSHIPS: Final = 1000  # Of one kind and entity, among which a statement is looked for.
_DIGITS: Final = 19  # Of an id.
_CLAIMS: Final = 1000  # On one subject and predicate, among which a statement is looked for.
_TRAIL: Final = 1000  # Entries of the audit trail among which a deleted relationship is looked for.
_STATES: Final[dict[str, EvidenceState]] = {
    FactState.VERIFIED: "current", FactState.CONTESTED: "contested", FactState.UNVERIFIED: "unverified",
    FactState.SUPERSEDED: "superseded", FactState.INVALIDATED: "retracted",
}  # fmt: skip


async def found_entity(ports: Ports, graph: str, key: str, scope: str) -> Entity | None:
    """Return the entity that a scope sees under a key, or the one that it was merged into."""
    try:
        return await ports.store.get_entity(graph, key, scope)
    except NotFound:
        return await ports.store.get_merged_entity(graph, key, scope)


class EvidenceReader:
    """Finds evidence, and what became of it, for one request: what it read once it does not read again."""

    def __init__(self, ports: Ports, graph: str, scope: str) -> None:
        """Take the ports, the graph, and the scope in whose view evidence is looked for."""
        self._ports = ports
        self._graph = graph
        self._scope = scope
        self._facts: dict[tuple[str, str], Sequence[StoredFact]] = {}
        self._withdrawn: _Withdrawn | None = None

    async def resolved(self, place: int, stated: Evidence) -> Evidence:
        """Return evidence with what it states. Raises InvalidInput for what the scope does not see."""
        try:
            return await self._resolved(stated)
        except NotFound as error:
            raise InvalidInput(
                f"evidence[{place}]: {error.message}",
                hint="Name what this scope sees: its own, and what is shared with it.",
                field=f"evidence[{place}]",
            ) from error

    async def with_states(self, record: DecisionRecord) -> DecisionRecord:
        """Return a decision with the state of each of its evidence."""
        evidence = [replace(each, state=await self._state(each)) for each in record.statement.evidence]
        return replace(record, statement=replace(record.statement, evidence=evidence))

    async def located(self, each: Evidence) -> Evidence:
        """Return a fact or claim with the id under which this graph has what it states; without one it has none.

        Ids differ between graphs: an imported decision names facts by what they state.
        """
        if each.subject is None or each.predicate is None:
            return replace(each, id=None)
        if each.type == "claim":
            return replace(each, id=await self._claim_id(each, each.subject, each.predicate))
        said = await self._kept_names(each, each.subject)
        if said[1] is not None:
            edge = await self._same_edge(each, (said[0], each.predicate, said[1]))
            return replace(each, id=None if edge is None else edge.id)
        stated = await self._stated(each, (said[0], each.predicate, each.value))
        named = [fact.id for fact, _ in stated if fact.id == each.id]
        timed = [fact.id for fact, _ in stated if fact.valid_from == each.valid_from]
        return replace(each, id=next(iter(named or timed), None))

    async def names(self, wanted: str) -> frozenset[str]:
        """Return the ids by which evidence may name a fact: its own, and those of its relationships."""
        if not (wanted.isascii() and wanted.isdecimal() and len(wanted) <= _DIGITS and int(wanted) < 2**63):
            return frozenset({wanted})
        try:
            fact = await self._ports.claims.fact(self._graph, int(wanted), self._scope)
        except NotFound:
            return frozenset({wanted})
        return frozenset({wanted, str(fact.id), *map(str, fact.relationships)})

    async def _claim_id(self, each: Evidence, subject: str, predicate: str) -> int | None:
        asked = ClaimFilter(self._scope, subject, predicate, each.source, withdrawn=True, limit=_CLAIMS)
        page = await self._ports.claims.claims(self._graph, asked)
        same = [
            claim
            for claim in page.items
            if (claim.object, claim.value, claim.valid_from)
            == (each.about if each.object is None else each.object, each.value, each.valid_from)
        ]
        current = [claim for claim in same if claim.known_to is None]
        known = [claim for claim in same if claim.id == each.id]
        return next((claim.id for claim in (*known, *reversed(current), *reversed(same))), None)

    async def _resolved(self, stated: Evidence) -> Evidence:
        plain = Evidence(stated.type, stated.key, stated.id, stated.note)
        if stated.type == "episode":
            await self._ports.store.get_episode(self._graph, stated.key or "", self._scope)
            return plain
        if stated.type in {"entity", "decision"}:
            entity = await found_entity(self._ports, self._graph, stated.key or "", self._scope)
            if entity is None or (stated.type == "decision" and entity.label != "Decision"):
                raise NotFound(f"There is no {stated.type} {stated.key!r}.", hint="Check the key.")
            return replace(plain, key=entity.key)
        if stated.type == "claim":
            return await self._of_claim(plain)
        id_ = stated.id or 0
        if id_ >= _EDGES:
            edge = await self._ports.store.get_relationship(self._graph, id_, self._scope)
            return _of_edge(plain, edge)
        fact = await self._ports.claims.fact(self._graph, id_, self._scope)
        if fact.relationships and isinstance(fact.value, str) and not fact.about:
            edges = [await self._edge(each) for each in fact.relationships]
            edge_ = next((each for each in edges if each is not None and each.end == fact.value), None)
            if edge_ is not None:
                return _of_edge(replace(plain, id=edge_.id), edge_)
        return replace(
            plain, subject=fact.subject, predicate=fact.predicate, value=fact.value, about=fact.about or None,
            valid_from=fact.valid_from,
        )  # fmt: skip

    async def _of_claim(self, plain: Evidence) -> Evidence:
        found = await self._ports.claims.claims_by_id(self._graph, [plain.id or 0])
        claim: ClaimStatement | None = next(iter(found), None)
        if claim is None or claim.scope not in visible_from(self._scope):
            raise NotFound(f"There is no claim {plain.id}.", hint="List the claims.")
        told = replace(plain, subject=claim.subject, predicate=claim.predicate, valid_from=claim.valid_from)
        told = replace(told, source=claim.source)
        if claim.value is None:
            return replace(told, object=claim.object)
        return replace(told, value=claim.value, about=claim.object)

    async def _state(self, each: Evidence) -> EvidenceState:
        if each.type == "episode":
            try:
                await self._ports.store.get_episode(self._graph, each.key or "", self._scope)
            except NotFound:
                return "gone"
            return "current"
        if each.type in {"entity", "decision"}:
            found = await found_entity(self._ports, self._graph, each.key or "", self._scope)
            return "gone" if found is None else "current"
        if each.subject is None or each.predicate is None:
            return "gone"
        if each.type == "claim" and await self._is_withdrawn(each):
            return "retracted"
        return await self._fact_state(each, each.subject, each.predicate)

    async def _is_withdrawn(self, each: Evidence) -> bool:
        found = await self._ports.claims.claims_by_id(self._graph, [each.id or 0])
        claim = next(iter(found), None)
        same = claim is not None and (claim.subject, claim.predicate) == (each.subject, each.predicate)
        return claim is not None and same and claim.known_to is not None

    async def _fact_state(self, each: Evidence, subject: str, predicate: str) -> EvidenceState:
        subject, object_ = await self._kept_names(each, subject)
        stated = await self._stated(each, (subject, predicate, object_ if object_ is not None else each.value))
        if stated:
            named = [found for found in stated if each.id is not None and each.id in found[0].relationships]
            timed = [found for found in stated if found[0].valid_from == each.valid_from]
            return _state_of(*(named or timed or stated)[-1])
        if object_ is None:
            return "gone"
        said = (subject, predicate, object_)
        edge = await self._same_edge(each, said)
        if edge is not None:
            return _over(edge.valid_to) or "current"
        withdrawn = await self._withdrawn_edges()
        if each.id is None:  # It came with an import, after its fact was taken out.
            return "retracted" if said in withdrawn.said else "gone"
        return "retracted" if each.id in withdrawn.ids else "gone"

    async def _kept_names(self, each: Evidence, subject: str) -> tuple[str, str | None]:
        """Return subject and object by the keys that they have now."""
        kept = await merged_keys.kept_keys(
            self._ports, self._graph, [(self._scope, subject), (self._scope, each.object)]
        )
        return kept.of(self._scope, subject), kept.or_none(self._scope, each.object)

    async def _stated(self, each: Evidence, said: tuple[str, str, Any]) -> Sequence[tuple[StoredFact, Option]]:
        """Return the facts of which a value is what a piece of evidence states, with that value."""
        subject, predicate, wanted = said
        return [
            (fact, option)
            for fact in await self._facts_of(subject, predicate)
            for option in fact.options
            if same_value(option.value, wanted) and (each.about or "") == fact.about
        ]

    async def _facts_of(self, subject: str, predicate: str) -> Sequence[StoredFact]:
        if (subject, predicate) not in self._facts:
            found = await self._ports.claims.facts_of(self._graph, self._scope, subject, predicate)
            self._facts[subject, predicate] = found
        return self._facts[subject, predicate]

    async def _edge(self, id_: int) -> Relationship | None:
        try:
            return await self._ports.store.get_relationship(self._graph, id_, self._scope)
        except NotFound:
            return None

    async def _same_edge(self, each: Evidence, said: tuple[str, str, str]) -> Relationship | None:
        """Return the relationship that states the same: that of the id, or one of another id, as after an import."""
        own = await self._edge(each.id) if each.id is not None and each.id >= _EDGES else None
        if own is not None and (own.start, own.kind, own.end) == said:
            return own
        subject, kind, end = said
        page = await self._ports.store.list_relationships(
            self._graph, scope=self._scope, kind=kind, entity=subject, cursor=None, limit=_RELATIONSHIPS
        )
        same = [found for found in page.items if (found.start, found.end) == (subject, end)]
        timed = [found for found in same if found.valid_from == each.valid_from]
        keyed = [found for found in timed if found.key == each.relationship_key]
        return next(iter(keyed or timed), None)

    async def _withdrawn_edges(self) -> "_Withdrawn":
        """Return the relationships that no claim stated and a correction took out, by the audit trail."""
        if self._withdrawn is None:
            trail = await self._ports.claims.decisions(self._graph, self._scope, before=None, limit=_TRAIL)
            details = [entry.detail for entry in trail if entry.action == "withdraw" and "said" in entry.detail]
            self._withdrawn = _Withdrawn(
                frozenset(each["relationship"] for each in details if "relationship" in each),
                frozenset((each["subject"], each["predicate"], each["said"]) for each in details if "subject" in each),
            )
        return self._withdrawn


@dataclass(frozen=True, slots=True)
class _Withdrawn:
    """Relationships that a correction took out: their ids in this graph, and what they stated."""

    ids: frozenset[Any]
    said: frozenset[Any]


def _of_edge(plain: Evidence, edge: Relationship) -> Evidence:
    """Return evidence with what a relationship states."""
    return replace(
        plain, subject=edge.start, predicate=edge.kind, object=edge.end, valid_from=edge.valid_from,
        relationship_key=edge.key,
    )  # fmt: skip


def _state_of(fact: StoredFact, option: Option) -> EvidenceState:
    """Return the state of one value of a fact; one that is over by itself is past."""
    if option.chosen or fact.state == FactState.SUPERSEDED:
        state = _STATES[fact.state]
        return (_over(fact.valid_to) or state) if state in {"current", "unverified"} else state
    lost = fact.state == FactState.VERIFIED or (fact.adjudication is not None and not option.probability)
    return "retracted" if lost else "contested"


def _over(valid_to: str | None) -> EvidenceState | None:
    end = parse_time(valid_to).start if valid_to is not None else None
    return "past" if end is not None and end <= now() else None
