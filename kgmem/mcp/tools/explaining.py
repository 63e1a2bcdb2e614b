"""Tools about what is known of one thing: get_entity, timeline, why, verify_claim, conflicts, causes, effects."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from kgmem.domain.claims.claim import ClaimStatement, FactFilter, StoredFact
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What, Why
from kgmem.domain.recall.view import Neighbourhood
from kgmem.mcp.caller import Reach
from kgmem.mcp.lines import Lines
from kgmem.mcp.tool import Bounded, Call, Result, Tool
from kgmem.mcp.tools import finding
from kgmem.mcp.tools.shapes import (
    DERIVED,
    INTERNAL,
    NOTICE,
    Answer,
    Item,
    line,
    names_in,
    of_entity,
    of_fact,
    of_hit,
    of_relationship,
    shown,
    without_nulls,
)

_Name = Annotated[str, Field(min_length=1, max_length=500)]
_Time = Annotated[str, Field(max_length=50)]
GONE = frozenset({"superseded", "invalidated", "retracted"})  # States of facts that hold no more.
_LISTED = 500  # Relationships and facts of one entity that are looked through.


class EntityArguments(Bounded):
    """An entity."""

    entity: Annotated[_Name, Field(description="Its name or key, or a reference such as entity:Ada.")]


class EntityAnswer(Answer):
    """An entity, with its facts."""

    entity: Item
    properties: Annotated[dict[str, Any], Field(default_factory=dict)]


async def get_entity(call: Call, asked: EntityArguments) -> Result:
    """Return an entity with its properties and facts."""
    reach = call.reach
    found = await finding.entity(reach, asked.entity)
    own = of_entity(found)
    lines = call.lines()
    lines.add(own["ref"], line(own))
    properties = {
        name: value for name, value in found.properties.items() if name not in INTERNAL and lines.keep({name: value})
    }
    if properties:
        told = "; ".join(f"{name}: {shown(value, {})}" for name, value in properties.items())
        lines.add("properties", told)
    for value in await facts_about(reach, found):
        if value.get("state") not in GONE:
            lines.add(value["ref"], line(value), value)
    return Result(lines.text(), {**_answer(lines), "entity": own, "properties": properties})


async def facts_about(reach: Reach, of: Entity) -> list[dict[str, Any]]:
    """Return what is known of an entity, past and replaced facts included: relationships both ways, and values."""
    page = await reach.memory.facts.list(reach.graph, FactFilter(reach.scope, subject=of.key, limit=_LISTED))
    linked = await reach.memory.relationships.list(reach.graph, scope=reach.scope, entity=of.key, limit=_LISTED)
    shown_ones = [each for each in linked.items if each.kind not in DERIVED]
    fact_of = {id_: fact for fact in page.items for id_ in fact.relationships}
    keys = {end for each in shown_ones for end in (each.start, each.end)}
    valued = [fact for fact in page.items if not fact.relationships]
    keys |= {value for fact in valued for value in finding.texts(fact.value)}
    names = names_in([of]) | await finding.names_of(reach, keys - {of.key})
    found = []
    for each in shown_ones:
        value, fact = of_relationship(each, names), fact_of.get(each.id or 0)
        found.append(value if fact is None else {**value, **_weighed(fact, each.end)})
    return found + [of_fact(fact, names) for fact in valued]


def _weighed(fact: StoredFact, end: str) -> dict[str, Any]:
    """Return what consensus makes of one value of a fact: its state, probability and sources."""
    option = next((each for each in fact.options if end in finding.texts(each.value)), None)
    if option is None:
        return {"state": fact.state}
    is_open = option.chosen or fact.state == "contested"
    return without_nulls(
        state=fact.state if is_open else "superseded", confidence=round(option.probability, 2),
        sources=list(option.sources),
    )  # fmt: skip


class TimelineArguments(EntityArguments):
    """An entity, and a stretch of time."""

    since: Annotated[_Time | None, Field(description="Only from then on.")] = None
    until: Annotated[_Time | None, Field(description="Only before then.")] = None


async def timeline(call: Call, asked: TimelineArguments) -> Result:
    """Return what is known of an entity in the order of time."""
    reach = call.reach
    found = await finding.entity(reach, asked.entity)
    values = await facts_about(reach, found)
    dated = [value for value in values if _is_within(value, asked.since, asked.until)]
    dated.sort(key=lambda value: (value.get("since") or value.get("until") or "", value.get("until") or "9"))
    lines = call.lines(f"{len(dated)} dated facts, the earliest first." if dated else "")
    for value in dated:
        lines.add(value["ref"], f"{value.get('since') or '...'}: {line(value)}", value)
    if len(values) > len(dated) and not (asked.since or asked.until):
        lines.note(f"{len(values) - len(dated)} facts have no time: get_entity lists them.")
    return Result(lines.text("No fact of it has a time."), _answer(lines))


def _is_within(value: dict[str, Any], since: str | None, until: str | None) -> bool:
    """Return whether a fact has a time that meets the stretch; ISO times are compared as texts."""
    begins, ends = value.get("since"), value.get("until")
    if begins is None and ends is None:
        return False
    return (until is None or begins is None or begins < until) and (since is None or ends is None or ends >= since)


class WhyArguments(Bounded):
    """A fact."""

    fact: Annotated[str, Field(min_length=1, max_length=40, description="The fact, as recall shows it: fact:12.")]
    known_at: Annotated[_Time | None, Field(description="As the memory knew it at this time.")] = None


class Explanation(Answer):
    """A fact, why it is believed, and the claims for and against it."""

    fact: Item
    state: str
    probability: float
    reason: str
    sources: list[dict[str, Any]]


async def why(call: Call, asked: WhyArguments) -> Result:
    """Return why a fact is believed."""
    reach = call.reach
    told = await reach.memory.facts.explain(
        reach.graph, finding.fact_id(asked.fact), scope=reach.scope, known_at=asked.known_at
    )
    keys = {told.fact.subject, *finding.texts(told.fact.value)}
    keys |= {value for option in told.fact.options for value in finding.texts(option.value)}
    names = await finding.names_of(reach, keys)
    own = of_fact(told.fact, names)
    lines = call.lines(f"State {told.fact.state}, probability {told.fact.probability:.2f}.")
    lines.add(own["ref"], line(own))
    lines.add("reason", told.fact.reason)
    for side, claims in (("for", told.supporting), ("against", told.opposing)):
        for claim in claims:
            value = _claim(claim, names, side)
            lines.add(value["ref"], f"{side}: {line(value)}", value)
    sources = [{"source": each.source, "trust": round(each.trust, 2), "claims": each.claims} for each in told.sources]
    sources = [each for each in sources if lines.add(f"source:{each['source']}", f"trust {each['trust']:.2f}")]
    if told.copies:
        lines.note(f"{len(told.copies)} pairs of these sources copy from each other and count as one.")
    value = {
        **_answer(lines), "fact": own, "state": told.fact.state, "probability": round(told.fact.probability, 3),
        "reason": told.fact.reason, "sources": sources,
    }  # fmt: skip
    return Result(lines.text(), value)


def _claim(claim: ClaimStatement, names: dict[str, str], side: str) -> dict[str, Any]:
    said = claim.value if claim.value is not None else claim.object
    return without_nulls(
        ref=f"claim:{claim.id}", text=f"{claim.source} says {shown(said, names)}", state=side,
        since=claim.valid_from, until=claim.valid_to, sources=[claim.source], confidence=round(claim.confidence, 2),
    )  # fmt: skip


class VerifyArguments(Bounded):
    """What somebody says."""

    claim: Annotated[
        Annotated[str, Field(min_length=1, max_length=4000)] | None,
        Field(description="A sentence to check, such as: Ada works for Globex."),
    ] = None
    subject: Annotated[_Name | None, Field(description="Or, more exactly: the entity that it is about.")] = None
    predicate: Annotated[
        Annotated[str, Field(min_length=1, max_length=200)] | None, Field(description="What is said of it.")
    ] = None
    object: Annotated[_Name | None, Field(description="The entity that is said.")] = None
    value: Annotated[
        bool | int | float | str | None, Field(description="The value that is said, where it is no entity.")
    ] = None


class Verdict(Answer):
    """Whether the memory supports a claim."""

    verdict: Literal["supports", "contradicts", "unknown"]
    probability: float | None = None
    reason: str


async def verify_claim(call: Call, asked: VerifyArguments) -> Result:
    """Return whether the memory supports or contradicts a claim."""
    reach = call.reach
    exact = (asked.subject, asked.predicate)
    if (asked.claim is None) == (None in exact):
        raise InvalidInput(
            "It is not clear what to check.", hint="Give claim, or subject, predicate and object or value."
        )
    statement = None
    if asked.claim is None:
        subject = await finding.entity(reach, asked.subject or "")
        object_ = await finding.entity(reach, asked.object) if asked.object else None
        statement = ClaimStatement(
            "asked", subject.key, asked.predicate or "", object=object_.key if object_ else None, value=asked.value
        )
    told = await reach.memory.claims.verify(reach.graph, statement, text=asked.claim, scope=reach.scope)
    names = await finding.names_of(
        reach, {key for fact in told.facts for key in (fact.subject, *finding.texts(fact.value))}
    )
    lines = call.lines(f"The memory {told.verdict if told.verdict != 'unknown' else 'does not know'} this.")
    lines.add("reason", told.reason)
    for fact in told.facts:
        value = of_fact(fact, names)
        lines.add(value["ref"], line(value), value)
    answer = {**_answer(lines), **without_nulls(verdict=told.verdict, probability=told.probability, reason=told.reason)}
    return Result(lines.text(), answer)


class ConflictsArguments(Bounded):
    """How many conflicts to list."""

    limit: Annotated[int, Field(ge=1, le=200, description="The most facts.")] = 20


async def conflicts(call: Call, asked: ConflictsArguments) -> Result:
    """Return the facts that sources disagree on."""
    reach = call.reach
    page = await reach.memory.facts.conflicts(reach.graph, scope=reach.scope, limit=asked.limit)
    names = await finding.names_of(
        reach, {key for fact in page.items for key in (fact.subject, *finding.texts([o.value for o in fact.options]))}
    )
    lines = call.lines()
    for fact in page.items:
        value = of_fact(fact, names)
        lines.add(value["ref"], line(value), value)
    return Result(lines.text("Sources disagree on nothing."), _answer(lines))


class CausalArguments(EntityArguments):
    """An entity, and how far to look."""

    depth: Annotated[int, Field(ge=1, le=10, description="The most steps from cause to effect.")] = 5
    limit: Annotated[int, Field(ge=1, le=100, description="The most results.")] = 20


async def causes(call: Call, asked: CausalArguments) -> Result:
    """Return what caused something, with the paths."""
    key = (await finding.entity(call.reach, asked.entity)).key
    return await _causal(call, asked, Why(causes_of=(key,), depth=asked.depth))


async def effects(call: Call, asked: CausalArguments) -> Result:
    """Return what something caused, with the paths."""
    key = (await finding.entity(call.reach, asked.entity)).key
    return await _causal(call, asked, Why(effects_of=(key,), depth=asked.depth))


async def _causal(call: Call, asked: CausalArguments, wanted: Why) -> Result:
    reach = call.reach
    question = Question(what=What(kinds=("entity",)), why=wanted, scope=reach.scope, k=asked.limit, explain=True)
    found = await reach.memory.recall(reach.graph, question)
    lines = call.lines()
    for hit in found.hits:
        value = of_hit(hit)
        path = hit.paths[0] if hit.paths else None
        if path is not None:
            value["text"] = f"{path.text} (strength {path.strength:.2f}{', prevents' if path.prevents else ''})"
        lines.add(value["ref"], line(value), value)
    return Result(lines.text("No cause or effect of it is known."), _answer(lines))


class NeighbourhoodArguments(EntityArguments):
    """An entity, and what is around it."""

    hops: Annotated[int, Field(ge=1, le=3, description="Within so many relationships.")] = 1
    direction: Annotated[Literal["out", "in", "both"], Field(description="Which way relationships are followed.")] = (
        "both"
    )
    kind: Annotated[
        Annotated[str, Field(max_length=200)] | None, Field(description="Only relationships of this kind.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=500, description="The most entities.")] = 50


class Neighbours(Answer):
    """Relationships around an entity, and the entities at their ends."""

    entities: list[Item]


async def neighbourhood(call: Call, asked: NeighbourhoodArguments) -> Result:
    """Return the graph around an entity."""
    reach = call.reach
    start = await finding.entity(reach, asked.entity)
    view = await reach.memory.views.neighbourhood(
        reach.graph,
        Neighbourhood(
            [start.key], asked.hops, (asked.kind,) if asked.kind else (), asked.direction, most=asked.limit,
            scope=reach.scope,
        ),
    )  # fmt: skip
    names = names_in(view.entities)
    lines = call.lines(f"{len(view.entities)} entities, {len(view.relationships)} relationships.")
    for each in view.relationships:
        if each.kind not in DERIVED:
            value = of_relationship(each, names)
            lines.add(value["ref"], line(value), value)
    entities = []
    for entity in view.entities:
        value = of_entity(entity)
        if not lines.is_full and lines.keep(value):
            entities.append(value)
    if view.more:
        lines.note("There are more: raise limit, or name a kind.")
    return Result(lines.text(), {**_answer(lines), "entities": entities})


def _answer(lines: Lines) -> dict[str, Any]:
    items: Sequence[Any] = lines.values
    return {"notice": NOTICE, "items": list(items), "omitted": lines.omitted}


TOOLS = (
    Tool(
        "get_entity", "Everything about one entity",
        "Return one person, place, thing or event: its properties and current facts with time, confidence and sources.",
        EntityArguments, EntityAnswer, get_entity,
    ),
    Tool(
        "timeline", "Timeline of an entity",
        "Return what was true of an entity in the order of time, past and replaced facts included. Use it for how "
        "something changed, or what held at an earlier date.",
        TimelineArguments, Answer, timeline,
    ),
    Tool(
        "why", "Explain a fact",
        "Explain why a fact is believed: its state and probability, the claims for and against it, and how reliable "
        "their sources are. Use it before you rely on a fact that matters.",
        WhyArguments, Explanation, why,
    ),
    Tool(
        "verify_claim", "Verify a claim",
        "Check a sentence, or a subject, predicate and value, against the memory: supports, contradicts or unknown, "
        "with the facts that show it. Use it before you state something as known.",
        VerifyArguments, Verdict, verify_claim,
    ),
    Tool(
        "conflicts", "Facts that sources disagree on",
        "List the facts on which sources disagree and that nobody has decided.",
        ConflictsArguments, Answer, conflicts,
    ),
    Tool(
        "causes", "Causes", "Return what caused an event or state, directly or through others, with the paths.",
        CausalArguments, Answer, causes,
    ),
    Tool(
        "effects", "Effects", "Return what an event or state caused, directly or through others, with the paths.",
        CausalArguments, Answer, effects,
    ),
    Tool(
        "neighbourhood", "Neighbourhood",
        "Return the relationships and entities around an entity, the nearest first.",
        NeighbourhoodArguments, Neighbours, neighbourhood,
    ),
)  # fmt: skip
