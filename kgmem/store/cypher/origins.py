"""What Cypher writes are derived from: `derived_from` beside `source`, taken for the claims and not stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from kgmem.domain.claims.echoes import MOST_ORIGINS, check_origins
from kgmem.domain.errors import InvalidInput
from kgmem.store.claims.claim_origins import resolved
from kgmem.store.graph.layout import Layout

_NAME = "derived_from"


@dataclass(slots=True)
class StatedOrigins:
    """The origins that a part of a query states, by the id of what is written."""

    said: dict[int, tuple[str, list[str]]] = field(default_factory=dict)

    def take(
        self, id_: int, scope: str, properties: Mapping[str, Any], stored: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Return the properties to store. Raises InvalidInput for origins that name nothing.

        Only a list of texts beside a source is taken, and not what is `stored` under that name already: a property of
        that name may be the caller's own.
        """
        origins, source = properties.get(_NAME), properties.get("source")
        if not isinstance(origins, list) or not all(isinstance(each, str) for each in origins):
            return properties
        if not isinstance(source, str) or not source or (stored and origins == stored.get(_NAME)):
            return properties
        check_origins(origins)
        if len(origins) > MOST_ORIGINS:
            raise InvalidInput(
                f"derived_from names {len(origins)} origins.", hint=f"Name at most {MOST_ORIGINS}, the nearest ones."
            )
        self.said[id_] = scope, origins
        return {name: value for name, value in properties.items() if name != _NAME}

    async def resolve(self, connection: asyncpg.Connection, layout: Layout) -> dict[int, list[str]]:
        """Return them as the texts and sources that state them. Raises InvalidInput for what is not there."""
        if not self.said:
            return {}
        return dict(zip(self.said, await resolved(connection, layout, list(self.said.values())), strict=True))
