"""What belongs to one session: the ids of everything that its export has."""

from dataclasses import dataclass
from typing import Final

import asyncpg

from kgmem.domain.agents.decision import LABEL as DECISION_LABEL
from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.claims.claim import Source
from kgmem.domain.text.extraction_result import CO_MENTIONED
from kgmem.store.agents.session_rows import existing
from kgmem.store.graph.layout import EDGE, VERTEX, Layout
from kgmem.store.graph.records import dumps

_FILE: Final = "session_extent"


@dataclass(frozen=True, slots=True)
class SessionExtent:
    """The ids of the records of a session. Topics are `whole` where no other text states anything on them."""

    address: SessionAddress
    episodes: list[int]
    entities: list[int]
    relationships: list[int]
    claims: list[int]
    topics: list[int]
    whole: list[int]

    @property
    def items(self) -> list[int]:
        """The ids of all that feedback may be on."""
        return [*self.episodes, *self.entities, *self.relationships]


async def extent_of(connection: asyncpg.Connection, layout: Layout, address: SessionAddress) -> SessionExtent:
    """Return what belongs to a session. Raises NotFound."""
    await existing(connection, layout, address)
    texts = await connection.fetch(layout.sql(_FILE, "episodes"), address.scope, address.id)
    episodes = [row["id"] for row in texts]
    decisions: list[int] = []
    if (VERTEX, DECISION_LABEL) in layout.labels:
        sql = layout.sql(_FILE, "decisions", label=layout.labels[VERTEX, DECISION_LABEL].age_name)
        quoted = dumps({"s": address.id})[len('{"s":') : -1]
        decisions = [row["id"] for row in await connection.fetch(sql, address.scope, quoted)]
    claims = await connection.fetch(layout.sql(_FILE, "claims"), address.scope, [row["key"] for row in texts])
    stated = sorted({row["edge"] for row in claims if row["edge"] is not None})
    together = layout.labels[EDGE, CO_MENTIONED].id if (EDGE, CO_MENTIONED) in layout.labels else None
    edges = await connection.fetch(
        layout.sql(_FILE, "relationships"), address.scope, episodes, stated, decisions, together
    )
    ends = sorted({row[end] for row in edges for end in ("source", "target")} | set(decisions))
    entities = await connection.fetch(layout.sql(_FILE, "entities"), address.scope, episodes, ends)
    return SessionExtent(
        address,
        episodes,
        [row["id"] for row in entities],
        [row["id"] for row in edges],
        [row["id"] for row in claims],
        sorted({row["topic"] for row in claims}),
        sorted({row["topic"] for row in claims if row["whole"]}),
    )


async def sources_of(connection: asyncpg.Connection, layout: Layout, extent: SessionExtent) -> list[Source]:
    """Return the registered sources that the records of a session name, by key."""
    items = [*extent.episodes, *extent.entities]
    rows = await connection.fetch(layout.sql(_FILE, "sources"), items, extent.relationships, extent.claims)
    return [Source(**dict(row)) for row in rows]
