"""Subgraphs around entities, answers and query results."""

from kgmem.domain.cypher import CypherQuery
from kgmem.domain.graph.scope import check_scope
from kgmem.domain.recall.question import Question
from kgmem.domain.recall.view import Neighbourhood, Subgraph
from kgmem.services.ports import Ports
from kgmem.services.recall import view as viewing


class Views:
    """Subgraphs around entities, answers and query results."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def neighbourhood(self, graph: str, asked: Neighbourhood) -> Subgraph:
        """Return what lies around entities, the nearest first. Raises InvalidInput, NotFound."""
        return await viewing.neighbourhood(self._ports, graph, asked)

    async def of_recall(self, graph: str, question: Question, asked: Neighbourhood) -> Subgraph:
        """Return what lies around what a question finds. Raises what recall raises."""
        check_scope(question.scope)
        return await viewing.view_of_recall(self._ports, graph, question, asked)

    async def of_cypher(self, graph: str, query: CypherQuery, asked: Neighbourhood) -> Subgraph:
        """Return what lies around what a query gives, which only reads. Raises what `cypher` raises."""
        return await viewing.view_of_cypher(self._ports, graph, query, asked)
