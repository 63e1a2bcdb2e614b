"""What a write of items needs before its transaction: subsystems, and the numbers of scopes and sources."""

from collections.abc import Sequence
from dataclasses import replace

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.expiry import NEVER
from kgmem.domain.graph.relationship import Relationship
from kgmem.store.db.database import Database
from kgmem.store.graph.layout import Layout, scope_ids, source_ids


async def prepared(database: Database, layout: Layout, items: Sequence[Entity | Relationship | Episode]) -> Layout:
    """Return the layout with the scopes of these items, and make their sources known.

    Before the transaction, since their numbers outlive it.
    """
    await layout.ensure("history")
    if any(item.expires_at not in {None, NEVER} for item in items):
        await layout.ensure("expiry")
    scopes = {item.scope for item in items}
    sources = {item.source for item in items}
    if scopes <= layout.scopes.keys() and sources <= layout.sources.keys() | {None}:
        return replace(layout, scopes={scope: layout.scopes[scope] for scope in scopes})
    async with database.connection() as connection:
        numbers = await scope_ids(connection, layout, scopes, make=True)
        await source_ids(connection, layout, sources, make=True)
    return replace(layout, scopes=numbers)
