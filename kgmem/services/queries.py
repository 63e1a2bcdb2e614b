"""The Cypher queries that come with kgmem."""

from collections.abc import Mapping

from kgmem.domain.cypher import NamedQuery
from kgmem.services import ask_cypher
from kgmem.services.ports import Ports


class NamedQueries:
    """The Cypher queries that come with kgmem."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    def all(self) -> Mapping[str, NamedQuery]:
        """Return the queries that came with kgmem, by name."""
        return self._ports.named_queries

    def get(self, name: str) -> NamedQuery:
        """Return a query that came with kgmem. Raises NotFound."""
        return ask_cypher.named_query(self._ports, name)
