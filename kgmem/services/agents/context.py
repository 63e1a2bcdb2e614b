"""The context of a session: latest messages, what the memory knows that matters to them, facts, and older parts."""

import asyncio
from collections.abc import Sequence, Set
from dataclasses import fields
from functools import partial
from itertools import islice
from typing import Final

from kgmem.domain.agents.block import Block
from kgmem.domain.agents.context import (
    LARGEST_BUDGET,
    Entry,
    Gathered,
    SessionContext,
    fitted,
    inline,
    line_of,
    message_entry,
    moment,
    plain,
    quoted,
)
from kgmem.domain.agents.digest import PART, Digest, covering, most_telling, sentences_of
from kgmem.domain.agents.message import READ, ROLES, StoredMessage
from kgmem.domain.agents.presence import AgentAddress
from kgmem.domain.agents.session import CurrentFact, SessionAddress, in_words
from kgmem.domain.errors import InvalidInput
from kgmem.domain.ledger.model_calls import Payer, paid_by
from kgmem.domain.recall.answer import Hit
from kgmem.domain.recall.question import Question, What
from kgmem.services.agents.presence import note_work, note_work_again
from kgmem.services.cache.values import ContextMade, context_through_cache
from kgmem.services.ports import Ports
from kgmem.services.recall.recall import recall

_TURNS: Final = 3  # Of the conversation, which are the question.
_LONGEST_QUESTION: Final = 600  # Characters; the last turn comes first.
_HITS: Final = 24
_MORE_HITS: Final = 96  # Where most hits say the same, as a question does that is asked again and again.
_ENTITIES: Final = 5  # Best hits that are entities, whose facts are read too.
_MENTIONING: Final = 8  # Latest messages whose entities are looked up.
_ENOUGH: Final = 8  # Facts of what the turns mention, where those of the hits are not read too.
_SUMMARIES: Final = 24
_AT_ONCE: Final = 40_000  # Characters of all entries that are counted in a few ms: a thread would cost more.
_FIELDS: Final = tuple(each.name for each in fields(CurrentFact))
_ALTERNATIVES: Final = 3  # Of a contested value, which are shown.


async def context(ports: Ports, graph: str, address: SessionAddress, budget: int) -> SessionContext:
    """Return the context of a session within a budget of tokens. Raises NotFound, InvalidInput."""
    if not 1 <= budget <= LARGEST_BUDGET:
        raise InvalidInput(
            f"budget is {budget}, but must be from 1 to {LARGEST_BUDGET:,}.", hint="Give tokens.", field="budget"
        )
    made = await context_through_cache(
        ports, graph, address, budget, lambda: _made(ports, graph, address.checked(), budget)
    )
    note_work_again(ports, graph, address)  # One from the cache does not read who works.
    return made


async def _made(ports: Ports, graph: str, address: SessionAddress, budget: int) -> ContextMade:
    session, latest = await ports.contexts.latest(graph, address, PART, budget)
    if session.agent is not None:
        note_work(ports, graph, AgentAddress(session.agent, session.scope), session.id)
    end = latest[0].seq if latest else 0
    spoken = [each.seq for each in latest if each.role in READ][:_MENTIONING]
    hits, mentioned, stored, blocks = await asyncio.gather(
        _recalled(ports, Payer(graph, address.scope, address.id, session.agent), latest),
        ports.contexts.facts(graph, address, spoken, ()),
        ports.contexts.digests(graph, address, covering(end, _SUMMARIES) if end > PART else ()),
        ports.blocks.of_agent(graph, address.scope, session.agent),
    )
    facts = await _facts(ports, graph, address, hits, mentioned)
    shown = {each.id for each in facts}
    counter = ports.token_counter
    gathered = Gathered(
        blocks=[_block(each) for each in blocks],
        facts=[_fact(each) for each in facts],
        memories=[_memory(each) for each in hits if each.id not in shown and _may_be_shown(each)],
        messages=[message_entry(each) for each in latest],
        older=lambda before: _older(latest, stored, before),
    )
    counting = (counter.name, counter.exact)
    make = partial(fitted, gathered, budget, counting, counter.count)
    small = sum(len(each.text) for entries in gathered.lists for each in entries) <= _AT_ONCE
    return ContextMade(make() if small else await asyncio.to_thread(make), hits)


async def _recalled(ports: Ports, payer: Payer, latest: Sequence[StoredMessage]) -> Sequence[Hit]:
    """Return what recall finds with the last turns as its question."""
    words = (each.message().words.strip() for each in latest if each.role in READ)
    text = "\n".join(islice(filter(None, words), _TURNS))[:_LONGEST_QUESTION]
    if not text:
        return []
    known = {plain(each.content) for each in latest}
    with paid_by(payer):
        for most in (_HITS, _MORE_HITS):
            hits = (await recall(ports, payer.graph, Question(What(text), scope=payer.scope, k=most))).hits
            if len(hits) < most or _new(hits, known) >= _HITS // 2:
                break
        return hits


def _new(hits: Sequence[Hit], known: Set[str | None]) -> int:
    """Return how many hits say what neither the conversation nor a hit before them says in the same words."""
    said = [plain(each.text) if each.kind == "episode" else str(each.id) for each in hits]
    return len(set(said) - known)


async def _facts(
    ports: Ports, graph: str, address: SessionAddress, hits: Sequence[Hit], mentioned: Sequence[CurrentFact]
) -> list[CurrentFact]:
    """Return current facts: those that recall found, then those of what the latest turns mention, or the hits are."""
    facts = {each.id: _current(each) for each in hits if each.kind == "fact" and each.state == "current"}
    facts |= {each.id: each for each in mentioned if each.id not in facts}
    entities = [each.id for each in hits if each.kind == "entity"][:_ENTITIES]
    if len(mentioned) < _ENOUGH and entities:
        more = await ports.contexts.facts(graph, address, (), entities)
        facts |= {each.id: each for each in more if each.id not in facts}
    return list(facts.values())


def _current(hit: Hit) -> CurrentFact:
    start, end = hit.start.key if hit.start else "", hit.end.key if hit.end else ""
    state = hit.properties.get("state") if "consensus" in hit.properties else None
    return CurrentFact(hit.id, hit.label, start, end, hit.text or hit.key, hit.valid_from, hit.valid_to, state=state)


def _older(latest: Sequence[StoredMessage], stored: Sequence[Digest], before: int) -> list[Digest]:
    """Return the digests of what lies before a message: of the part that is not complete yet, and of those before."""
    begin = (latest[0].seq - 1) // PART * PART
    rest = [each for each in latest[::-1] if begin < each.seq < before]
    sentences = most_telling(sentences_of(rest))
    return [*([Digest(rest[0].seq, rest[-1].seq, sentences)] if sentences else []), *stored]


def _may_be_shown(hit: Hit) -> bool:
    """Return whether a hit is knowledge: what the system and tools say in sessions is none."""
    role = hit.properties.get("role") if hit.kind == "episode" else None
    return hit.kind != "path" and (role not in ROLES or role in READ)


def _block(block: Block) -> Entry:
    told = {"name": block.name, "scope": block.scope, "version": block.version, "text": block.text}
    return Entry(f"[block:{inline(block.name)}]\n{quoted(block.text)}", (f"block:{block.name}",), told)


def _fact(fact: CurrentFact) -> Entry:
    times = (("since", fact.valid_from), ("until", fact.valid_to))
    said = [f"{which} {moment(time)}" for which, time in times if time]
    if fact.state == "contested":
        others = ", ".join(in_words(each) for each in fact.alternatives[:_ALTERNATIVES])
        said.append(f"contested: others say {others}" if others else "contested")
    text = f"{fact.text} ({', '.join(said)})" if said else fact.text
    told = {name: getattr(fact, name) for name in _FIELDS} | {"alternatives": list(fact.alternatives)}
    return Entry(line_of(f"fact:{fact.id}", text), (f"fact:{fact.id}",), told)


def _memory(hit: Hit) -> Entry:
    source = f"{hit.kind}:{hit.id if hit.kind == 'fact' else hit.key}"
    role = hit.properties.get("role")
    is_message = hit.kind == "episode" and role in READ and hit.properties.get("message")
    speaker = next((each["speaker"] for each in hit.provenance if each.get("speaker")), None)
    who = f"{speaker or role} said: " if is_message or speaker else ""
    when = ", ".join(
        each for each in (hit.valid_from, hit.state if hit.state not in {None, "current"} else None) if each
    )
    told = {
        "id": hit.id, "kind": hit.kind, "key": hit.key, "text": _words(hit), "when": hit.valid_from,
        "state": hit.state, "speaker": speaker,
    }  # fmt: skip
    return Entry(line_of(source, f"{who}{_words(hit)}{f' ({when})' if when else ''}"), (source,), told)


def _words(hit: Hit) -> str:
    """Return a hit in words: its text, after the name that it has besides."""
    if hit.kind == "fact":
        return hit.text or hit.key
    return ": ".join(each for each in (hit.name, hit.text) if each) or hit.key
