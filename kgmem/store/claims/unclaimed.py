"""Relationships that no claim states: one is corrected by deleting or ending it, with an entry of the audit trail."""

import asyncpg

from kgmem.domain.errors import Conflict, NotFound
from kgmem.domain.graph.relationship import Relationship
from kgmem.store.graph.layout import scope_ids
from kgmem.store.graph.records import encoded
from kgmem.store.read import items
from kgmem.store.write.delete import delete_edges
from kgmem.store.write.edges import write_edges
from kgmem.store.write.passages import Passages


async def amend(
    connection: asyncpg.Connection,
    passages: Passages,
    which: tuple[int, str],
    by_reason: tuple[str, str],
    valid_to: str | None,
) -> None:
    """Delete a relationship (its id and scope), or end it at a time; `by_reason` names who does it, and why.

    Raises NotFound, and Conflict where a source states it by now. `passages` are for the caller to store.
    """
    id_, scope = which
    layout = passages.layout
    number = (await scope_ids(connection, layout, [scope], make=False)).get(scope, -1)
    rows = await connection.fetch(layout.sql("write", "lock_edges_by_id"), [id_], number)
    if not rows:
        raise NotFound(f"There is no relationship {id_} in this scope.", hint="A correction names its own scope.")
    if await connection.fetch(layout.sql("claims", "topics_of_edge"), id_):
        raise Conflict(f"A source states the relationship {id_} by now.", hint="Correct it again.")
    stored = await items.relationship(connection, layout, id_, scope)
    named = {"relationship": id_, "subject": stored.start, "predicate": stored.kind}
    if valid_to is None:
        await delete_edges(connection, layout, rows)
        action, detail = "withdraw", {**named, "said": stored.end}
    else:
        layout.scopes[scope] = number
        await write_edges(connection, passages, [_ended(stored, valid_to)])
        action, detail = "expire", {**named, "said": stored.end, "valid_to": valid_to}
    sql = layout.sql("fact_queries", "put_decision")
    await connection.execute(sql, number, None, None, action, None, [], *by_reason, encoded(detail).decode())


def _ended(stored: Relationship, valid_to: str) -> Relationship:
    """Return what names a relationship, with its end; its version, so that nothing but this one is changed."""
    return Relationship(
        stored.kind,
        stored.start,
        stored.end,
        key=stored.key,
        valid_from=stored.valid_from,
        valid_to=valid_to,
        scope=stored.scope,
        version=stored.version,
    )
