"""Views: the subgraph around entities, an answer or a query result, and the same as a file for graph viewers."""

import asyncio
import io
from dataclasses import replace

from kgmem.domain.cypher import CypherQuery
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.scope import check_scope
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Question
from kgmem.domain.recall.view import MOST_START, Neighbourhood, Subgraph
from kgmem.formats.records import WriteOptions
from kgmem.formats.registry import format_of
from kgmem.services.ask_cypher import ask_cypher
from kgmem.services.ports import Ports
from kgmem.services.recall.recall import recall

_ENDS = "MATCH (n) WHERE elementId(n) IN $ids RETURN n"
FORMATS = ("cytoscape", "dot", "gephi", "gexf", "graphml", "mermaid", "node-link")


async def neighbourhood(ports: Ports, graph: str, asked: Neighbourhood) -> Subgraph:
    """Return the subgraph around entities. Raises InvalidInput, NotFound."""
    return await ports.index.neighbourhood(graph, asked.checked())


async def view_of_recall(ports: Ports, graph: str, question: Question, asked: Neighbourhood) -> Subgraph:
    """Return the subgraph around the hits of a question: entities, the ends of facts, and entities of paths.

    `asked` sets everything except the entities to start from and the time, which come from the question.
    """
    answer = await recall(ports, graph, question)
    keys = list(dict.fromkeys(_keys(answer)))[:MOST_START]
    if not keys:
        return Subgraph([], [], {}, more=False)
    when = replace(asked.when, known_at=question.when.known_at)
    if question.when.valid_at or question.when.between or question.when.any_time:
        same = question.when
        when = replace(when, valid_at=same.valid_at, between=same.between, any_time=same.any_time)
    most = max(asked.most, len(keys))
    return await ports.index.neighbourhood(graph, replace(asked, start=keys, when=when, most=most).checked())


async def view_of_cypher(ports: Ports, graph: str, query: CypherQuery, asked: Neighbourhood) -> Subgraph:
    """Return the subgraph around the nodes, relationships and paths in the rows of a query, run in read mode.

    `asked` sets everything except the entities to start from.
    """
    query = replace(query, mode="read")
    engine = ports.cypher
    found = engine.found_in(await ask_cypher(ports, graph, query))
    keys = list(found.keys)
    if found.ends:
        ends = replace(query, text=_ENDS, parameters={"ids": list(found.ends)})
        keys += engine.found_in(await ask_cypher(ports, graph, ends)).keys
    keys = list(dict.fromkeys(keys))
    if not keys:
        return Subgraph([], [], {}, more=False)
    most = max(asked.most, min(len(keys), MOST_START))
    seen = await ports.index.neighbourhood(graph, replace(asked, start=keys[:MOST_START], most=most).checked())
    return replace(seen, more=seen.more or len(keys) > MOST_START)


def _keys(answer: Answer) -> list[str]:
    found: list[str] = []
    for hit in answer.hits:
        if hit.kind == "entity":
            found.append(hit.key)
        found += [end.key for end in (hit.start, hit.end) if end]
        found += [entity.key for path in hit.paths for entity in path.entities]
    return found


async def drawn(seen: Subgraph, format_name: str) -> bytes:
    """Return a view as a file in one of FORMATS. Raises InvalidInput for another format."""
    if format_name not in FORMATS:
        raise InvalidInput(
            f"A view cannot be written as {format_name[:40]!r}.", hint=f"Formats are {', '.join(FORMATS)}."
        )
    return await asyncio.to_thread(_write, seen, format_name)


def _write(seen: Subgraph, format_name: str) -> bytes:
    stream = io.BytesIO()
    make = format_of("", format_name).writer
    if make is None:
        raise InvalidInput(f"kgmem does not write {format_name}.")
    writer = make(stream, WriteOptions())
    writer.write(seen.entities)
    writer.write(seen.relationships)
    writer.close()
    return stream.getvalue()


class Views:
    """Subgraphs around entities, answers and query results."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def neighbourhood(self, graph: str, asked: Neighbourhood) -> Subgraph:
        """Return the subgraph around entities, the nearest first. Raises InvalidInput, NotFound."""
        return await neighbourhood(self._ports, graph, asked)

    async def of_recall(self, graph: str, question: Question, asked: Neighbourhood) -> Subgraph:
        """Return the subgraph around the hits of a question. Raises what recall raises."""
        check_scope(question.scope)
        return await view_of_recall(self._ports, graph, question, asked)

    async def of_cypher(self, graph: str, query: CypherQuery, asked: Neighbourhood) -> Subgraph:
        """Return the subgraph around the result of a query that reads. Raises what `cypher` raises."""
        return await view_of_cypher(self._ports, graph, query, asked)
