"""Tools that find: recall, get_context, search_entities."""

from typing import Annotated, Any, Literal

from pydantic import Field

from kgmem.domain.agents.context import DEFAULT_BUDGET
from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.answer import Answer as Found
from kgmem.domain.recall.question import Question, What, When, Where
from kgmem.mcp.tool import Arguments, Bounded, Call, Result, Tool
from kgmem.mcp.tools import finding
from kgmem.mcp.tools.shapes import Answer, Shape, line, of_entity, of_hit

_Query = Annotated[str, Field(min_length=1, max_length=4000)]
_Time = Annotated[str, Field(max_length=50)]


class RecallArguments(Bounded):
    """A question to the memory."""

    query: Annotated[_Query, Field(description="What to find, in plain words: a question, a name or a topic.")]
    limit: Annotated[int, Field(ge=1, le=100, description="The most hits.")] = 10
    kind: Annotated[
        Literal["fact", "entity", "episode"] | None, Field(description="Only facts, entities, or texts (episode).")
    ] = None
    valid_at: Annotated[_Time | None, Field(description="Only what was true then: 2021, 2021-05 or 2021-05-17.")] = None
    since: Annotated[_Time | None, Field(description="Only what was true at some time after this.")] = None
    until: Annotated[_Time | None, Field(description="Only what was true at some time before this.")] = None
    known_at: Annotated[_Time | None, Field(description="As the memory knew it at this time.")] = None
    near: Annotated[
        Annotated[str, Field(max_length=500)] | None,
        Field(description="Near a place: its name, or LATITUDE,LONGITUDE."),
    ] = None
    within_km: Annotated[float | None, Field(gt=0, description="At most so many kilometres from near.")] = None
    source: Annotated[
        Annotated[str, Field(max_length=500)] | None, Field(description="Only what this source says.")
    ] = None
    include_superseded: Annotated[
        bool, Field(description="Also facts that later statements replaced, and future ones.")
    ] = False


async def recall(call: Call, asked: RecallArguments) -> Result:
    """Return ranked hits."""
    reach = call.reach
    if asked.within_km is not None and asked.near is None:
        raise InvalidInput("within_km needs near.", hint="Give near, a place, or leave within_km out.")
    between = (asked.since, asked.until) if asked.since or asked.until else None
    if between and (asked.valid_at or asked.include_superseded):
        raise InvalidInput("valid_at, since and include_superseded are different times.", hint="Give one of them.")
    near = await finding.spot(reach, asked.near) if asked.near else None
    question = Question(
        what=What(
            text=asked.query,
            kinds=(asked.kind,) if asked.kind else (),
            sources=(asked.source,) if asked.source else (),
        ),
        when=When(valid_at=asked.valid_at, between=between, any_time=asked.include_superseded, known_at=asked.known_at),
        where=Where(near=near, km=asked.within_km),
        scope=reach.scope,
        k=asked.limit,
    )
    found = await reach.memory.recall(reach.graph, question)
    return _hits(call, found, f"{len(found.hits)} found, the best first.")


def _hits(call: Call, found: Found, heading: str) -> Result:
    lines = call.lines(heading if found.hits else "")
    for hit in found.hits:
        value = of_hit(hit)
        lines.add(value["ref"], line(value), value)
    if found.nothing_relevant:
        lines.note("None of this is likely to answer the question: say so rather than guess.")
    for name, count in found.filter_matches.items():
        lines.note(f"The filter {name} alone matches {count}.")
    if found.suppressed:
        told = ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in found.suppressed.items())
        lines.note(f"Hidden: {told}.")
    return Result(lines.text("Nothing found. Ask in other words, or with fewer filters."), _answer(lines))


def _answer(lines: Any) -> dict[str, Any]:
    return {**Answer(items=[]).model_dump(), "items": list(lines.values), "omitted": lines.omitted}


class ContextArguments(Arguments):
    """What the next prompt is about."""

    session: Annotated[
        Annotated[str, Field(max_length=200)] | None, Field(description="The id of a conversation that is stored.")
    ] = None
    topic: Annotated[_Query | None, Field(description="What it is about, where there is no session.")] = None
    max_tokens: Annotated[int, Field(ge=100, le=50_000, description="The most tokens of the context.")] = DEFAULT_BUDGET


class Context(Shape):
    """A text to work with, and what it is made of."""

    text: str
    tokens: int
    refs: Annotated[list[str], Field(description="The references of what it is made of.")]


async def get_context(call: Call, asked: ContextArguments) -> Result:
    """Return a context for the next prompt."""
    reach = call.reach
    if (asked.session is None) == (asked.topic is None):
        raise InvalidInput("A context is of a session or of a topic.", hint="Give one of session and topic.")
    if asked.session is not None:
        address = SessionAddress(asked.session.removeprefix("session:"), reach.scope)
        made = await reach.memory.sessions.context(reach.graph, address, budget=asked.max_tokens)
        refs = [source for entries in made.sections.values() for entry in entries for source in entry.sources]
        text = made.text or "The session has no messages yet."
        return Result(text, {"text": text, "tokens": made.tokens, "refs": list(dict.fromkeys(refs))})
    call.budget = asked.max_tokens
    question = Question(What(text=asked.topic), scope=reach.scope, k=40)
    hits = (await reach.memory.recall(reach.graph, question)).hits
    lines, refs = call.lines(), []
    for title, kinds in (("## Current facts", {"fact"}), ("## From memory", {"entity", "episode"})):
        chosen = [of_hit(hit) for hit in hits if hit.kind in kinds]
        if chosen:
            lines.title(title)
        refs += [value["ref"] for value in chosen if lines.add(value["ref"], line(value))]
    text = lines.text("Nothing is known of this topic.")
    return Result(text, {"text": text, "tokens": reach.memory.count_tokens(text), "refs": refs})


class SearchArguments(Bounded):
    """Which entities to list."""

    query: Annotated[_Query | None, Field(description="A name or words; without it all entities are listed.")] = None
    label: Annotated[
        Annotated[str, Field(max_length=200)] | None, Field(description="Only this type, such as Person.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=200, description="The most entities.")] = 20
    cursor: Annotated[
        Annotated[str, Field(max_length=2000)] | None, Field(description="Of an earlier list: go on behind it.")
    ] = None


class EntityList(Answer):
    """Entities, and a cursor to the next page."""

    cursor: str | None = None


async def search_entities(call: Call, asked: SearchArguments) -> Result:
    """Return entities by words, or all of them page by page."""
    reach, labels = call.reach, (asked.label,) if asked.label else ()
    if asked.query is None:
        page = await reach.memory.entities.list(
            reach.graph, scope=reach.scope, label=asked.label, cursor=asked.cursor, limit=asked.limit
        )
        values, cursor = [of_entity(each) for each in page.items], page.cursor
    else:
        question = Question(
            What(text=asked.query, kinds=("entity",), labels=labels),
            scope=reach.scope,
            k=asked.limit,
            cursor=asked.cursor,
        )
        found = await reach.memory.recall(reach.graph, question)
        values, cursor = [of_hit(hit) for hit in found.hits], found.cursor
        known = await finding.entity_or_none(reach, asked.query) if asked.cursor is None else None
        if known and asked.label in {None, known.label}:
            first = of_entity(known)
            values = [first, *(each for each in values if each["ref"] != first["ref"])][: asked.limit]
    lines = call.lines()
    for value in values:
        lines.add(value["ref"], line(value), value)
    if cursor and not lines.omitted:
        lines.note(f"More: cursor {cursor}")
    answer = _answer(lines)
    return Result(
        lines.text("No such entity."), answer if cursor is None or lines.omitted else {**answer, "cursor": cursor}
    )


TOOLS = (
    Tool(
        "recall", "Recall",
        "Search the memory and return what is known, best first: facts with their time and source, entities, and "
        "texts. Use it before you answer anything about the user, earlier work, people, places or events. Facts "
        "that were replaced are hidden unless you ask for a time.",
        RecallArguments, Answer, recall,
    ),
    Tool(
        "get_context", "Context for the next answer",
        "Return one block of text to work from: of a stored conversation (session) its memory blocks, current facts, "
        "related memories and latest messages; of a topic its facts and texts. Use recall for single questions.",
        ContextArguments, Context, get_context,
    ),
    Tool(
        "search_entities", "Search or list entities",
        "Find people, places, things or events by name or words, or list all of them. Returns the references that "
        "other tools take.",
        SearchArguments, EntityList, search_entities,
    ),
)  # fmt: skip
