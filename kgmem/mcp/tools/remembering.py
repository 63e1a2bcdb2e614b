"""Tools that write: remember, update_fact, forget."""

from dataclasses import asdict
from hashlib import blake2b
from typing import Annotated, Any, Literal

from pydantic import Field

from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.claims.claim import ClaimStatement, FactFilter, FactTarget
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.mcp.caller import Reach
from kgmem.mcp.tool import Arguments, Call, Result, Tool
from kgmem.mcp.tools import finding
from kgmem.mcp.tools.shapes import (
    DERIVED,
    Item,
    Shape,
    Written,
    in_words,
    line,
    numbers,
    of_fact,
    of_relationship,
)

_Name = Annotated[str, Field(min_length=1, max_length=500)]
_Time = Annotated[str, Field(max_length=50)]
_Reason = Annotated[str, Field(max_length=2000)]
_Value = bool | int | float | str
_SHOWN = 20  # Facts that the answer of remember spells out.
_LISTED = 500  # Things of a text, and facts of an entity, that are looked through for them.


class RememberArguments(Arguments):
    """A text to keep."""

    text: Annotated[str, Field(min_length=1, max_length=1_000_000, description="What to remember, in whole sentences.")]
    source: Annotated[
        _Name | None, Field(description="Who says so, or where it is from: a name, a file, an address.")
    ] = None
    occurred_at: Annotated[_Time | None, Field(description="When it was said or happened (ISO 8601).")] = None
    session: Annotated[
        Annotated[str, Field(max_length=200)] | None,
        Field(description="The id of the conversation that it is a message of."),
    ] = None
    role: Annotated[Literal["user", "assistant", "system", "tool"], Field(description="Who speaks, in a session.")] = (
        "user"
    )


class Remembered(Written):
    """What was stored, and the facts that were understood."""

    facts: Annotated[list[Item], Field(default_factory=list)]


async def remember(call: Call, asked: RememberArguments) -> Result:
    """Store a text, and return what was understood."""
    reach = call.reach
    await reach.ensure_graph()
    if asked.session is not None:
        return await _message(reach, asked, asked.session.removeprefix("session:"))
    told = "\0".join((asked.text, asked.source or "", asked.occurred_at or ""))
    key = f"text-{blake2b(told.encode(errors='replace'), digest_size=10).hexdigest()}"
    episode = Episode(
        asked.text, key, occurred_at=asked.occurred_at, source=asked.source or reach.by, scope=str(reach.scope)
    )
    await call.report(0, None, "Stored; extracting what it states.")
    done = await reach.memory.remember(reach.graph, episode)
    counts = numbers(
        entities=done.extracted.entities, facts=done.extracted.claims + done.extracted.relationships,
        refused=done.extracted.refused,
    )  # fmt: skip
    said = "Remembered" if done.stored.created else "It was remembered before"
    facts = await _understood(reach, key)
    lines = call.lines(f"{said} as [episode:{key}].")
    for value in facts:
        lines.add(value["ref"], line(value), value)
    if not facts:
        lines.note("No fact was understood from it; recall finds it by its words.")
    return Result(lines.text(), {"done": said, "ref": f"episode:{key}", "counts": counts, "facts": list(lines.values)})


async def _understood(reach: Reach, key: str) -> list[dict[str, Any]]:
    """Return the facts that were extracted from an episode."""
    told = await reach.memory.episodes.provenance(reach.graph, [key], scope=str(reach.scope), limit=_LISTED)
    claims = {int(each.key) for each in told if each.kind == "claim"}
    ids = {int(each.key) for each in told if each.kind == "relationship"}
    subjects = list(dict.fromkeys(each.key for each in told if each.kind == "entity"))[:_SHOWN]
    found: dict[str, dict[str, Any]] = {}
    for subject in subjects:
        wanted = FactFilter(reach.scope, subject=subject, limit=_LISTED)
        for fact in (await reach.memory.facts.list(reach.graph, wanted)).items:
            if any(claims.intersection(option.claims) for option in fact.options):
                names = await finding.names_of(reach, {subject, *finding.texts(fact.value)})
                value = of_fact(fact, names)
                found[value["ref"]] = value
                ids.difference_update(fact.relationships)
    for id_ in sorted(ids)[:_SHOWN]:
        try:
            item = await reach.memory.relationships.get(reach.graph, id_, scope=reach.scope)
        except NotFound:
            continue
        if item.kind not in DERIVED:
            value = of_relationship(item, await finding.names_of(reach, {item.start, item.end}))
            found[value["ref"]] = value
    return list(found.values())[:_SHOWN]


async def _message(reach: Reach, asked: RememberArguments, id_: str) -> Result:
    """Append a message to a session, which is opened where it is new."""
    address = SessionAddress(id_, str(reach.scope))
    try:
        await reach.memory.sessions.get(reach.graph, address)
    except NotFound:
        await reach.memory.sessions.open(reach.graph, address)
    message = Message(asked.role, asked.text, name=asked.source, occurred_at=asked.occurred_at)
    done = await reach.memory.sessions.append(reach.graph, address, [message])
    stored = done.messages[-1]
    text = f"Remembered as message {stored.seq} of [session:{id_}]; what it states is extracted soon after."
    return Result(text, {"done": text, "ref": f"session:{id_}", "counts": {"messages": 1}, "facts": []})


class UpdateArguments(Arguments):
    """A fact, and what is true instead."""

    action: Annotated[
        Literal["correct", "end", "retract", "add"],
        Field(
            description="correct: another object or value is true instead. end: it was true until a time. "
            "retract: it never was true. add: state a new fact."
        ),
    ] = "correct"
    fact: Annotated[
        Annotated[str, Field(max_length=40)] | None, Field(description="The fact, as recall shows it: fact:12.")
    ] = None
    subject: Annotated[_Name | None, Field(description="Instead of fact: the entity that it is about.")] = None
    predicate: Annotated[
        Annotated[str, Field(min_length=1, max_length=200)] | None,
        Field(description="Instead of fact: what is said of it, such as WORKS_FOR or height."),
    ] = None
    object: Annotated[
        _Name | None, Field(description="The entity that is true now (of correct and add): its name or key.")
    ] = None
    value: Annotated[
        _Value | None, Field(description="The value that is true now, where it is no entity: text, number or truth.")
    ] = None
    since: Annotated[_Time | None, Field(description="Since when the new one is true.")] = None
    until: Annotated[_Time | None, Field(description="Until when it is or was true; of end: now, if left out.")] = None
    reason: Annotated[_Reason, Field(description="Why; it is kept in the history.")] = "Told by the user."


async def update_fact(call: Call, asked: UpdateArguments) -> Result:
    """Correct, end, retract or add a fact."""
    reach = call.reach
    _check(asked)
    scope = str(reach.scope)
    told: dict[str, Any] = {"by": reach.by, "reason": asked.reason or "Told by the user.", "scope": scope}
    if asked.action == "add":
        return await _added(reach, asked)
    target = await _target(reach, asked)
    facts = reach.memory.facts
    if asked.action == "retract":
        done = await facts.retract(reach.graph, target, **told)
    elif asked.action == "end":
        done = await facts.expire(reach.graph, target, valid_to=asked.until, **told)
    else:
        object_ = (await _known_or_new(reach, asked.object)).key if asked.object is not None else None
        right = ClaimStatement(
            "", "", "", object=object_, value=asked.value, valid_from=asked.since, valid_to=asked.until
        )
        done = await facts.correct(reach.graph, target, right, **told)
    words = {"correct": "Corrected", "end": "Ended", "retract": "Retracted"}[asked.action]
    new = done.replaced_by if done.replaced_by is not None else done.fact
    text = f"{words}. The fact is now [fact:{new}]; what it said before stays in the history."
    return Result(text, {"done": words, "ref": f"fact:{new}", "counts": {}})


def _check(asked: UpdateArguments) -> None:
    """Raise InvalidInput for arguments that contradict each other or say too little."""
    if asked.action == "add":
        if asked.fact is not None or asked.subject is None or asked.predicate is None:
            raise InvalidInput("A new fact has a subject and a predicate.", hint="Give both, and no fact.")
    elif (asked.fact is None) == (asked.subject is None or asked.predicate is None):
        raise InvalidInput("It is not clear which fact is meant.", hint="Give fact, or subject and predicate.")
    new = [name for name in ("object", "value") if getattr(asked, name) is not None]
    if asked.action in {"correct", "add"} and len(new) != 1:
        raise InvalidInput(f"{asked.action} needs what is true now.", hint="Give one of object and value.")
    if asked.action in {"end", "retract"} and (new or asked.since):
        raise InvalidInput(f"{asked.action} takes no {(*new, 'since')[0]}.", hint="Use correct to replace a fact.")


async def _target(reach: Reach, asked: UpdateArguments) -> FactTarget:
    if asked.fact is not None:
        return FactTarget(fact=finding.fact_id(asked.fact))
    subject = await finding.entity(reach, asked.subject or "", sure=True)
    return FactTarget(subject=subject.key, predicate=asked.predicate)


async def _added(reach: Reach, asked: UpdateArguments) -> Result:
    await reach.ensure_graph()
    subject = await _known_or_new(reach, asked.subject or "")
    object_ = await _known_or_new(reach, asked.object) if asked.object is not None else None
    claim = ClaimStatement(
        reach.by, subject.key, asked.predicate or "", object=object_.key if object_ else None, value=asked.value,
        valid_from=asked.since, valid_to=asked.until, scope=str(reach.scope),
    )  # fmt: skip
    done = await reach.memory.claims.put(reach.graph, [claim])
    ref = f"fact:{done.facts[0]}" if done.facts else None
    said = "Added" if done.created else "It was known before"
    text = f"{said}: [{ref}]."
    return Result(text, {"done": said, "counts": {"claims": done.created}, **({"ref": ref} if ref else {})})


async def _known_or_new(reach: Reach, named: str) -> Entity:
    """Return the entity of a name or key; a new one where there is none."""
    found = await finding.entity_or_none(reach, named)
    if found is not None:
        return found
    new = Entity(named.removeprefix("entity:"), name=named.removeprefix("entity:"), scope=str(reach.scope))
    await reach.memory.entities.put(reach.graph, [new])
    return new


class ForgetArguments(Arguments):
    """What to delete."""

    ref: Annotated[
        str,
        Field(
            min_length=1,
            max_length=600,
            description="What recall shows in brackets: episode:KEY (a text with all that was understood from it), "
            "fact:ID, entity:KEY (with its facts), or session:ID.",
        ),
    ]
    dry_run: Annotated[bool, Field(description="Only count what would go.")] = False
    erase: Annotated[bool, Field(description="Of a text or session: out of the history too, for ever.")] = False


class Forgotten(Shape):
    """What went."""

    done: str
    dry_run: bool
    counts: dict[str, int]


async def forget(call: Call, asked: ForgetArguments) -> Result:
    """Delete an episode, a fact, an entity or a session."""
    reach = call.reach
    kind, rest = finding.reference(asked.ref)
    work = {"episode": _forget_episode, "session": _forget_session, "fact": _forget_fact, "entity": _forget_entity}
    if asked.erase and kind in {"fact", "entity"}:
        raise InvalidInput("erase is for texts and sessions.", hint="Leave erase out, or forget the episode.")
    counts = await work[kind](reach, rest, asked)
    done = "Would forget" if asked.dry_run else "Forgot"
    return Result(f"{done}: {in_words(counts)}.", {"done": done, "dry_run": asked.dry_run, "counts": counts})


async def _forget_episode(reach: Reach, key: str, asked: ForgetArguments) -> dict[str, int]:
    report = await reach.memory.episodes.forget(
        reach.graph, [key], scope=str(reach.scope), dry_run=asked.dry_run, erase=asked.erase
    )
    if report.missing:
        raise NotFound(f"There is no text {key[:100]!r} in this scope.", hint="Find it with recall and kind episode.")
    return _counted(report)


async def _forget_session(reach: Reach, id_: str, asked: ForgetArguments) -> dict[str, int]:
    address = SessionAddress(id_, str(reach.scope))
    report = await reach.memory.sessions.delete(reach.graph, address, dry_run=asked.dry_run, erase=asked.erase)
    return {"sessions": 1, **_counted(report)}


async def _forget_fact(reach: Reach, told: str, asked: ForgetArguments) -> dict[str, int]:
    id_, scope = finding.fact_id(told), str(reach.scope)
    fact = await reach.memory.facts.get(reach.graph, id_, scope=reach.scope)
    if str(fact.scope) != scope:
        raise NotFound("The fact is of another scope, which sees it too.", hint="It cannot be forgotten from here.")
    relationships = list(fact.relationships)
    claims = [claim for option in fact.options for claim in option.claims]
    if not asked.dry_run:
        if claims:
            await reach.memory.claims.withdraw(reach.graph, claims, scope=scope)
        if relationships:
            await reach.memory.relationships.delete(reach.graph, relationships, scope=scope)
    return numbers(facts=1, claims=len(claims), relationships=len(relationships))


async def _forget_entity(reach: Reach, named: str, asked: ForgetArguments) -> dict[str, int]:
    found = await finding.entity(reach, named, sure=True)
    if found.scope != str(reach.scope):
        raise NotFound("The entity is of another scope, which sees it too.", hint="It cannot be forgotten from here.")
    if asked.dry_run:
        page = await reach.memory.relationships.list(reach.graph, scope=reach.scope, entity=found.key, limit=1000)
        return numbers(entities=1, relationships=len(page.items))
    done = await reach.memory.entities.delete(reach.graph, [found.key], scope=str(reach.scope))
    return numbers(entities=done.entities, relationships=done.relationships)


def _counted(report: Any) -> dict[str, int]:
    told = asdict(report)
    names = ("episodes", "entities", "relationships", "claims", "summaries", "erased_from_history")
    return numbers(**{name: told[name] for name in names})


TOOLS = (
    Tool(
        "remember", "Remember",
        "Store a text for ever and extract the people, facts, times, places and causes in it. Write whole sentences "
        "that can be understood later without the conversation: names instead of pronouns, dates instead of "
        "yesterday. The same text twice is stored once.",
        RememberArguments, Remembered, remember, role="writer",
    ),
    Tool(
        "update_fact", "Update a fact",
        "Say that a fact changed, was wrong, or ended, or add a fact as subject, predicate and object or value. Use it "
        "when the user corrects what you recalled. The old value stays in the history.",
        UpdateArguments, Written, update_fact, role="writer", destroys=True,
    ),
    Tool(
        "forget", "Forget",
        "Delete a text with all that was understood only from it, or a fact, an entity or a conversation. Use it only "
        "when the user asks; try dry_run first to see what goes.",
        ForgetArguments, Forgotten, forget, role="writer", destroys=True,
    ),
)  # fmt: skip
