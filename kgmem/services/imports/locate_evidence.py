"""Give imported decisions the ids of their facts and transactions.

An export names facts by what they state, and transactions by keys, as ids differ.
"""

from collections.abc import Sequence
from typing import Any, Final

from kgmem.domain.agents.decision import (
    FACT_ID,
    LABEL,
    RESTS_ON,
    TRANSACTION_ID,
    TRANSACTION_KEY,
    DecisionRecord,
    Evidence,
    evidence_ids,
    from_entity,
    stored_evidence,
)
from kgmem.domain.graph.batch import Batch, BatchKind, Stated
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.services.agents.booked import booked_here
from kgmem.services.agents.evidence import EvidenceReader, found_entity
from kgmem.services.imports.write_batch import patiently
from kgmem.services.ports import Ports

_PAGE: Final = 200
_EDGES: Final = 1000  # Of one decision.


async def locate_evidence(ports: Ports, graph: str, id_: int) -> None:
    """Look up the facts and claims that decisions rest on by what they state, and store their ids with the decisions.

    The transaction of a decision is looked up in the ledger by its key.
    What is not there stays without an id, and the next import looks for it again.
    """
    after = 0
    while rows := await patiently(lambda: ports.imports.decisions_to_locate(graph, after, _PAGE)):  # noqa: B023
        after = rows[-1][0]
        entities: list[Entity] = []
        edges: list[Relationship] = []
        readers: dict[str, EvidenceReader] = {}
        for _, scope, key in rows:
            reader = readers.setdefault(scope, EvidenceReader(ports, graph, scope))
            entity = await found_entity(ports, graph, key, scope)
            if entity is None or (entity.key, entity.scope, entity.label) != (key, scope, LABEL):
                continue
            record = from_entity(entity)
            evidence = [await _located(reader, each) for each in record.statement.evidence]
            told = stored_evidence(evidence) | evidence_ids(evidence)
            told |= await _transaction(ports, graph, scope, entity)
            if any((entity.properties.get(name) or []) != value for name, value in told.items()):
                entities.append(Entity(key, properties=told, scope=scope, version=entity.version))
                edges += await _edges(ports, graph, record, evidence)
        await _amend(ports, graph, id_, "entity", entities)
        await _amend(ports, graph, id_, "relationship", edges)


async def _transaction(ports: Ports, graph: str, scope: str, entity: Entity) -> dict[str, Any]:
    """Return the property with the number of a decision's transaction in the ledger here."""
    key = entity.properties.get(TRANSACTION_KEY)
    if not isinstance(key, str) or TRANSACTION_ID in entity.properties:
        return {}
    here = await booked_here(ports, graph, scope, key)
    return {} if here is None else {TRANSACTION_ID: here}


async def _located(reader: EvidenceReader, each: Evidence) -> Evidence:
    return each if each.subject is None else await reader.located(each)


async def _edges(ports: Ports, graph: str, record: DecisionRecord, evidence: Sequence[Evidence]) -> list[Relationship]:
    """Return the relationships to what a decision rests on whose fact is another one here."""
    page = await ports.store.list_relationships(
        graph, scope=record.scope, kind=RESTS_ON, entity=record.key, cursor=None, limit=_EDGES
    )
    found = []
    for edge in page.items:
        place = edge.properties.get("evidence")
        if edge.start != record.key or edge.scope != record.scope or not isinstance(place, int):
            continue
        fact = evidence[place].id if 0 <= place < len(evidence) and evidence[place].subject is not None else None
        if edge.properties.get(FACT_ID) != fact:
            properties: dict[str, Any] = {FACT_ID: fact}
            found.append(
                Relationship(
                    edge.kind, edge.start, edge.end, edge.key, properties, scope=edge.scope, version=edge.version
                )
            )
    return found


async def _amend(ports: Ports, graph: str, id_: int, kind: BatchKind, records: Sequence[Entity | Relationship]) -> None:
    if records:
        batch = Batch(kind, [Stated("", place, each) for place, each in enumerate(records, start=1)], files=[""])
        await patiently(lambda: ports.imports.amend(graph, id_, batch))
