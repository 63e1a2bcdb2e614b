"""Tools for analysts: run_cypher, get_schema, import_status."""

import asyncio
import time
from typing import Annotated, Any

import orjson
from pydantic import Field

from kgmem.domain.cypher import Mode
from kgmem.domain.errors import NotFound
from kgmem.domain.imports import Import
from kgmem.mcp.tool import Arguments, Bounded, Call, Result, Tool
from kgmem.mcp.tools.shapes import NOTICE, Shape, in_words, numbers, without_nulls
from kgmem.query.values.wire import from_json, to_json

_POLL = 0.5
_UNDER_WAY = frozenset({"waiting", "running", "undoing"})


class CypherArguments(Bounded):
    """A query."""

    query: Annotated[str, Field(min_length=1, max_length=100_000, description="The query in Cypher; give it a LIMIT.")]
    parameters: Annotated[dict[str, Any], Field(default_factory=dict, description="Values of the $parameters in it.")]
    write: Annotated[bool, Field(description="Let the query change the graph.")] = False


class CypherAnswer(Shape):
    """Columns, rows and what was changed."""

    notice: str = NOTICE
    columns: list[str]
    rows: list[list[Any]]
    omitted: Annotated[int, Field(description="How many rows did not fit in max_tokens.")] = 0
    changes: Annotated[dict[str, int], Field(default_factory=dict)]


async def run_cypher(call: Call, asked: CypherArguments) -> Result:
    """Run a query, and return its rows."""
    reach = call.reach
    mode: Mode = "write" if asked.write else "read"
    answer = await reach.memory.cypher(
        reach.graph,
        asked.query,
        {name: from_json(value) for name, value in asked.parameters.items()},
        mode=mode,
        scope=None if reach.whole else reach.scope,
        asker=None if reach.caller.local else reach.key,
    )
    for other in answer.graphs:
        if other != reach.graph:
            reach.audit("run_cypher", "done", change=answer.writes, graph=other)
    changes = {name: count for name, count in answer.counters.items() if count}
    lines = call.lines(f"{len(answer.rows)} rows: {', '.join(answer.columns)}." if answer.columns else "")
    rows: list[list[Any]] = []
    for at, row in enumerate(answer.rows):
        if lines.is_full:
            lines.omitted = len(answer.rows) - len(rows)
            break
        plain = [to_json(value) for value in row]
        if lines.add(f"row:{at + 1}", _json(plain), {"row": plain}):
            rows.append(plain)
    if changes:
        lines.note(f"Changed: {in_words(changes)}.")
    if len(rows) < len(answer.rows):
        lines.omitted = len(answer.rows) - len(rows)
    value = {
        "notice": NOTICE, "columns": list(answer.columns), "rows": rows, "omitted": lines.omitted, "changes": changes
    }  # fmt: skip
    return Result(lines.text("Done." if changes or not answer.columns else "No rows."), value)


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


class SchemaArguments(Bounded):
    """No arguments but the budget."""


class SchemaAnswer(Shape):
    """What there is in a graph."""

    graph: str
    labels: dict[str, int]
    kinds: dict[str, int]
    counts: dict[str, int]


async def get_schema(call: Call, _asked: SchemaArguments) -> Result:
    """Return labels and kinds with counts."""
    reach = call.reach
    if not reach.whole:
        labels, kinds, counts = await _of_scope(call)
    else:
        stats = await reach.memory.graphs.stats(reach.graph)
        labels, kinds = dict(stats.labels), dict(stats.kinds)
        counts = numbers(
            entities=stats.entities, relationships=stats.relationships, episodes=stats.episodes, sources=stats.sources
        )
    lines = call.lines(f"The graph {reach.graph}: {in_words(counts)}.")
    shown: dict[str, dict[str, int]] = {"labels": {}, "kinds": {}}
    for title, found in (("labels", labels), ("kinds", kinds)):
        for name, count in sorted(found.items(), key=lambda each: (-each[1], each[0])):
            if lines.add(f"{title.removesuffix('s')}:{name}", str(count)):
                shown[title][name] = count
    return Result(lines.text(), {"graph": reach.graph, "counts": counts, **shown})


_LABELS = "MATCH (n) UNWIND labels(n) AS name RETURN name, count(*) AS count ORDER BY count DESC LIMIT 200"
_KINDS = "MATCH ()-[r]->() RETURN type(r) AS name, count(*) AS count ORDER BY count DESC LIMIT 200"


async def _of_scope(call: Call) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Return labels, kinds and counts of what a scope sees: the counts of a whole graph would tell of others."""
    reach = call.reach
    asker = None if reach.caller.local else reach.key
    found = []
    for query in (_LABELS, _KINDS):
        answer = await reach.memory.cypher(reach.graph, query, scope=reach.scope, asker=asker)
        found.append({str(name): int(count) for name, count in answer.rows})
    labels, kinds = found
    return labels, kinds, numbers(entities=sum(labels.values()), relationships=sum(kinds.values()))


class ImportArguments(Arguments):
    """An import."""

    id: Annotated[int | None, Field(ge=1, le=2**63 - 1, description="Its number; without it the latest ones.")] = None
    wait_seconds: Annotated[
        float, Field(ge=0, le=50, description="Wait until it is done, at most so many seconds, and report progress.")
    ] = 0


class ImportShape(Shape):
    """One import."""

    id: int
    state: str
    read: int
    created: int
    updated: int
    rejected: int
    stage: str | None = None
    done: int | None = None
    total: int | None = None
    error: str | None = None
    created_at: str
    finished_at: str | None = None


class ImportList(Shape):
    """Imports, the latest first."""

    imports: list[ImportShape]


async def import_status(call: Call, asked: ImportArguments) -> Result:
    """Return the state of imports; waits for one, on request."""
    reach = call.reach
    within = reach.scope
    if asked.id is None:
        found = list(await reach.memory.imports.list(reach.graph, within=within, limit=10))
    else:
        found = [await reach.memory.imports.get(reach.graph, asked.id, within=within)]
    if not found:
        raise NotFound("There are no imports.", hint="The user imports files by kgmem import, or by REST.")
    ends = time.monotonic() + asked.wait_seconds
    while found[0].state in _UNDER_WAY and time.monotonic() < ends:
        progress = found[0].progress or {}
        done, total = float(progress.get("done") or found[0].read), progress.get("total")
        await call.report(done, total, f"{found[0].state}: {progress.get('stage') or 'working'}")
        await asyncio.sleep(_POLL)
        found[0] = await reach.memory.imports.get(reach.graph, found[0].id, within=within)
    shapes = [_import(each) for each in found]
    lines = call.lines()
    kept = [each for each in shapes if lines.add(f"import:{each['id']}", _told(each), each)]
    return Result(lines.text(), {"imports": kept})


def _import(held: Import) -> dict[str, Any]:
    progress = held.progress or {}
    return without_nulls(
        id=held.id, state=held.state, read=held.read, created=held.created, updated=held.updated,
        rejected=held.rejected, stage=progress.get("stage"), done=progress.get("done"), total=progress.get("total"),
        error=held.error, created_at=held.created_at, finished_at=held.finished_at,
    )  # fmt: skip


def _told(each: dict[str, Any]) -> str:
    told = [each["state"], f"{each['read']} read", f"{each['created']} created", f"{each['updated']} updated"]
    told += [f"{each['rejected']} rejected"] if each["rejected"] else []
    told += [f"error: {each['error']}"] if each.get("error") else []
    return ", ".join(told)


TOOLS = (
    Tool(
        "run_cypher", "Run Cypher",
        "Run a Cypher query on the graph and return its rows. It only reads, unless write is true and the key may "
        "write. Call get_schema first to learn labels and kinds of relationships.",
        CypherArguments, CypherAnswer, run_cypher, destroys=True, repeatable=False, writes_on_request="write",
    ),
    Tool(
        "get_schema", "Schema of the graph",
        "Return the labels of entities and the kinds of relationships in the graph, with how many there are of each.",
        SchemaArguments, SchemaAnswer, get_schema,
    ),
    Tool(
        "import_status", "Status of imports",
        "Return how far imports of files are, and what they did; can wait for one to end.",
        ImportArguments, ImportList, import_status,
    ),
)  # fmt: skip
