"""Ends: whether relationships of a strict graph join labels that the schema lets their kinds join."""

from collections.abc import Iterable, Sequence

import asyncpg

from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.schema.refusal import name_of, refuse
from kgmem.domain.schema.schema import Violation, check_ends
from kgmem.store.graph.labels import main_labels
from kgmem.store.graph.layout import Layout, know_labels

Joined = tuple[str, str | None, str | None]  # A kind, and the labels of the start and of the end where they are known.


async def check(
    connection: asyncpg.Connection, layout: Layout, stated: Sequence[Relationship], ends: Sequence[tuple[int, int]]
) -> None:
    """Compare the labels of both ends of each with the graph's schema. Raises SchemaViolation.

    The caller holds the ends, so that none gets another label before the relationships are committed.
    """
    await know_labels(connection, layout, (id_ for pair in ends for id_ in pair))
    mains = await main_labels(connection, layout, {id_ for pair in ends for id_ in pair})
    triples = [(item.kind, mains.get(start), mains.get(end)) for item, (start, end) in zip(stated, ends, strict=True)]
    found = refused(layout, triples)
    refuse(
        (name_of(item), violation) for item, triple in zip(stated, triples, strict=True) for violation in found[triple]
    )


def refused(layout: Layout, triples: Iterable[Joined]) -> dict[Joined, Sequence[Violation]]:
    """Return what the schema refuses of each combination of a kind and the labels of both ends."""
    schema = layout.schema()
    return {triple: check_ends(schema, True, *triple) for triple in dict.fromkeys(triples)}
