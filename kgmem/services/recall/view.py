"""Views: the neighbourhood of entities, or of what a recall finds, and the same as a file for graph viewers."""

import asyncio
import io
from dataclasses import replace

from kgmem.domain.cypher import CypherQuery
from kgmem.domain.errors import InvalidInput
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


async def neighbourhood(parts: Ports, graph: str, asked: Neighbourhood) -> Subgraph:
    """Return what lies around entities. Raises InvalidInput, NotFound."""
    return await parts.index.neighbourhood(graph, asked.checked())


async def view_of_recall(parts: Ports, graph: str, question: Question, asked: Neighbourhood) -> Subgraph:
    """Return what lies around what a question finds: around entities, the ends of facts, and what paths lead through.

    Of `asked`, everything counts but the entities to start from and the time: the question tells both.
    """
    answer = await recall(parts, graph, question)
    keys = list(dict.fromkeys(_keys(answer)))[:MOST_START]
    if not keys:
        return Subgraph([], [], {}, more=False)
    when = replace(asked.when, known_at=question.when.known_at)
    if question.when.valid_at or question.when.between or question.when.any_time:
        same = question.when
        when = replace(when, valid_at=same.valid_at, between=same.between, any_time=same.any_time)
    most = max(asked.most, len(keys))
    return await parts.index.neighbourhood(graph, replace(asked, start=keys, when=when, most=most).checked())


async def view_of_cypher(parts: Ports, graph: str, query: CypherQuery, asked: Neighbourhood) -> Subgraph:
    """Return what lies around what a query gives: around its nodes, the ends of its relationships, and along its paths.

    The query only reads. Of `asked`, everything counts but the entities to start from.
    """
    query = replace(query, mode="read")
    engine = parts.cypher
    found = engine.found_in(await ask_cypher(parts, graph, query))
    keys = list(found.keys)
    if found.ends:
        ends = replace(query, text=_ENDS, parameters={"ids": list(found.ends)})
        keys += engine.found_in(await ask_cypher(parts, graph, ends)).keys
    keys = list(dict.fromkeys(keys))
    if not keys:
        return Subgraph([], [], {}, more=False)
    most = max(asked.most, min(len(keys), MOST_START))
    seen = await parts.index.neighbourhood(graph, replace(asked, start=keys[:MOST_START], most=most).checked())
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
    """Return a view as a file of a format for graph viewers. Raises InvalidInput for one that is none."""
    if format_name not in FORMATS:
        raise InvalidInput(f"A view is not given as {format_name[:40]!r}.", hint=f"Ask for {', '.join(FORMATS)}.")
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
