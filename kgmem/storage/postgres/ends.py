"""Ends: whether relationships of a strict graph join labels that the schema lets their kinds join."""

from collections.abc import Iterable, Sequence

import asyncpg

from kgmem.domain.errors import SchemaViolation
from kgmem.domain.refusal import refuse
from kgmem.domain.relationship import Relationship
from kgmem.domain.schema import Violation, check_ends
from kgmem.storage.postgres.layout import Layout, know_labels, label_id


async def check(
    connection: asyncpg.Connection, layout: Layout, stated: Sequence[Relationship], ends: Sequence[tuple[int, int]]
) -> None:
    """Compare the labels in the ids of both ends of each with the graph's schema. Raises SchemaViolation.

    The caller holds the ends, so that none gets another label before the relationships are committed.
    """
    await know_labels(connection, layout, (id_ for pair in ends for id_ in pair))
    found = refused(layout, ((item.kind, *pair) for item, pair in zip(stated, ends, strict=True)))
    refuse(
        (f"{item.start} -{item.kind}-> {item.end}", violation)
        for item, (start, end) in zip(stated, ends, strict=True)
        for violation in found[item.kind, label_id(start), label_id(end)]
    )


def reason(layout: Layout, item: Relationship, ends: tuple[int, int]) -> str | None:
    """Give why a strict graph does not let a relationship join these; None when it does."""
    violations = refused(layout, [(item.kind, *ends)])[item.kind, label_id(ends[0]), label_id(ends[1])]
    try:
        refuse((f"{item.start} -{item.kind}-> {item.end}", violation) for violation in violations)
    except SchemaViolation as error:
        return str(error)
    return None


def refused(layout: Layout, triples: Iterable[tuple[str, int, int]]) -> dict[tuple[str, int, int], Sequence[Violation]]:
    """Give what the schema refuses of each combination of a kind and the labels of both ends, given by ids of these."""
    schema = layout.schema()
    found: dict[tuple[str, int, int], Sequence[Violation]] = {}
    for kind, start, end in triples:
        triple = (kind, label_id(start), label_id(end))
        if triple not in found:
            names = [layout.by_id[label].name if label in layout.by_id else None for label in triple[1:]]
            found[triple] = check_ends(schema, True, kind, *names)
    return found
