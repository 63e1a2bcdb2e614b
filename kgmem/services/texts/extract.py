"""Read: take what episodes say into the graph, batch by batch, so that it can be stopped and begun again anywhere.

Each step may be done twice: entities are made once, a claim that was made is the same claim, and what was
extracted from an episode is written in one transaction with the note that it was read.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from kgmem.domain.claims.claim import ClaimProvenance, ClaimStatement
from kgmem.domain.claims.echoes import sentence_at
from kgmem.domain.errors import DatabaseUnavailable, KgmemError, LimitReached, NotFound, Unavailable, VersionConflict
from kgmem.domain.flows.trace import count, step
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.graph import Graph
from kgmem.domain.ledger.model_calls import Payer
from kgmem.domain.schema.schema import GraphSchema, check_relationship
from kgmem.domain.slices import slice_over
from kgmem.domain.text.change import Turn
from kgmem.domain.text.endings import changed, keys_meant
from kgmem.domain.text.extraction import Extraction, Extractor, Span, TextToRead
from kgmem.domain.text.extraction_result import (
    FOUND_BY,
    STATES,
    ExtractedGraph,
    brought,
    mentions_of,
    source_of,
    spoken_of,
)
from kgmem.domain.text.names import UNNAMED, Mention
from kgmem.domain.text.queue import (
    EpisodePreview,
    ExtractedClaim,
    ExtractedEpisode,
    ExtractionReport,
    QueuedEpisode,
)
from kgmem.log import EventLog
from kgmem.services.claims import claim as claiming
from kgmem.services.claims import supersede as succeeding
from kgmem.services.ports import Ports
from kgmem.services.texts.recognise import Recognized, propose, recognize
from kgmem.services.texts.remember import schema_of, violations_of
from kgmem.services.texts.withdraw_extracted import settle, withdraw, withdraw_former
from kgmem.services.tracing import traced
from kgmem.services.upkeep.sweeps import defer_where
from kgmem.tasks import told_to_stop, writing_for

BATCH: Final = 32
_TRIES: Final = 8  # Times that entities are resolved anew since somebody else has just made one of them.

_LEAVE_NO_ROOM: Final = frozenset(
    {"LIKES", "DISLIKES", "MARRIED_TO", "PREFERS"}
)  # For another kind between the same two.
# What held before may hold again.
_AGAIN: Final = re.compile(r"\b(?:again|back|anew|re-?join\w*|re-?hire\w*|return\w*|once more)\b", re.IGNORECASE)
_NO_ENTITIES: Final = frozenset({"Episode", "Source"})
# What kgmem itself writes, and what causes are told by.
_NO_FACTS: Final = frozenset(
    {
        "STATES",
        "CO_MENTIONED",
        "SIMILAR_TO",
        "DOES_NOT_CAUSE",
        "MENTIONS",
        "CAUSES",
        "ENABLES",
        "CONTRIBUTES_TO",
        "PREVENTS",
    }
)

log = EventLog(__name__)
Progress = Callable[[ExtractionReport], None]


@traced("consolidate")
async def read_waiting(
    ports: Ports, graph: str, *, only: Sequence[int] | None = None, progress: Progress | None = None
) -> ExtractionReport:
    """Read the episodes of a graph that wait, until none does or the slice is over; `only` some, by their ids.

    An episode whose scope's ledger refuses the call of a model keeps waiting. Raises ExtractorUnavailable, and
    LimitReached for one of `only` when all others are done.
    """
    await ports.graphs.get(graph)
    if ports.extractor is None:
        return ExtractionReport()
    unpaid: dict[int, LimitReached] = {}
    try:
        done = await _read(ports, graph, ports.extractor, only, (unpaid, progress))
    finally:
        # Only now: this call would take them again.
        await _give_back(ports, graph, list(unpaid))
    for id_, error in list(unpaid.items())[:1]:
        if only is not None:
            raise error
        log.warning("extraction_limit_reached", graph=graph, episodes=len(unpaid), first=id_, error=error)
    return done


async def _read(
    ports: Ports,
    graph: str,
    extractor: Extractor,
    only: Sequence[int] | None,
    notes: tuple[dict[int, LimitReached], Progress | None],
) -> ExtractionReport:
    unpaid, progress = notes
    done = ExtractionReport()
    taken = await ports.extractions.take(graph, BATCH, only)
    found = await _found(ports, graph, extractor, taken)
    while taken:
        # What was read is stored while the next batch is read.
        following = [] if await slice_over() else await ports.extractions.take(graph, BATCH, only)
        ahead = asyncio.create_task(_found(ports, graph, extractor, following))
        try:
            pairs = list(zip(taken, found, strict=True))
            unpaid |= {each.id: result for each, result in pairs if isinstance(result, LimitReached)}
            done = done + await _store(ports, graph, [pair for pair in pairs if not isinstance(pair[1], LimitReached)])
        except BaseException:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)
            await _give_back(ports, graph, [each.id for each in [*taken, *following]])
            raise
        if progress:
            progress(done)
        taken, found = following, await ahead
    return done


async def defer_missing(ports: Ports) -> int:
    """Schedule extraction in every graph where episodes wait that nobody reads; return in how many."""

    async def waits(graph: Graph) -> bool:
        return (await ports.extractions.waits(graph.name)).free > 0

    return await defer_where(ports, "extract", waits) if ports.extractor else 0


async def would_bring(ports: Ports, graph: str, episodes: Sequence[Episode]) -> list[EpisodePreview]:
    """Return what extraction would store from episodes. Raises ExtractorUnavailable, Unavailable, LimitReached."""
    if ports.extractor is None:
        raise Unavailable("No extractor is set.", hint="Set KGMEM_EXTRACTOR to rules, or to a model.")
    schema = schema_of(ports.core_schema, await ports.graphs.get(graph))
    answers = await ports.extractor.extract([_text_of(graph, episode, schema) for episode in episodes])
    for answer in answers:
        if answer.unpaid is not None:
            raise answer.unpaid
    told = []
    for number, (given, found) in enumerate(zip(episodes, answers, strict=True)):
        episode = given if given.key else replace(given, key=f"episode-{number}")
        mentions = mentions_of(found)
        known = await recognize(ports, graph, episode.scope, spoken_of(found), schema)
        keys, new = known.keys(mentions)
        told.append(_told(episode, brought(episode, found, keys, schema), found.extractor, new))
    return told


def _told(episode: Episode, what: ExtractedGraph, extractor: str, new: Mapping[Mention, str]) -> EpisodePreview:
    entities = [
        {"key": entity.key, "label": entity.label, "name": entity.name, "new": mention in new}
        for mention, entity, _ in what.entities
    ]
    claims = [
        {
            "subject": each.subject, "predicate": each.predicate, "object": each.object, "value": each.value,
            "valid_from": each.valid_from, "valid_to": each.valid_to, "confidence": each.confidence, "span": each.span,
        }
        for each in what.claims
    ]  # fmt: skip
    relationships = [
        {
            "kind": each.kind, "from": each.start, "to": each.end, "text": each.text, "confidence": each.confidence,
            "span": (span.start, span.end),
        }
        for each, span in what.relationships
    ]  # fmt: skip
    return EpisodePreview(episode.key or "", entities, claims, relationships, extractor)


async def _found(
    ports: Ports, graph: str, extractor: Extractor, taken: Sequence[QueuedEpisode]
) -> Sequence[Extraction | KgmemError]:
    """Read texts; one that cannot be read gives its error. A part that is away is raised, and the texts given back."""
    if not taken:
        return []
    keeping = asyncio.create_task(_keep(ports, graph, [each.id for each in taken]))
    try:
        schema = schema_of(ports.core_schema, await ports.graphs.get(graph))
        before = await ports.extractions.turns_before(graph, [each.id for each in taken])
        texts = [_text_of(graph, each.episode, schema, before.get(each.id, ())) for each in taken]
        with step("extract") as reading:
            reading.count(texts=len(texts))
            return [each.unpaid or each for each in await extractor.extract(texts)]
    except Unavailable:
        await _give_back(ports, graph, [each.id for each in taken])
        raise
    except KgmemError as error:
        if len(taken) == 1:
            return [error]
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    halves = taken[: len(taken) // 2], taken[len(taken) // 2 :]
    return [one for half in halves for one in await _found(ports, graph, extractor, half)]


async def _keep(ports: Ports, graph: str, ids: Sequence[int]) -> None:
    """Extend the lease on episodes that are being read, until cancelled."""
    while not told_to_stop():
        await asyncio.sleep(ports.extractions.lease / 3)
        try:
            await ports.extractions.renew(graph, ids)
        except (DatabaseUnavailable, NotFound) as error:
            # Another may read them too, which changes nothing.
            log.debug("extraction_lease_lost", graph=graph, episodes=len(ids), error=error)


async def _give_back(ports: Ports, graph: str, ids: Sequence[int]) -> None:
    if not ids:
        return
    try:
        await ports.extractions.give_back(graph, ids)
    except DatabaseUnavailable as error:  # They are given again when their time is over.
        log.debug("extraction_release_failed", graph=graph, episodes=len(ids), error=error)


def _text_of(graph: str, episode: Episode, schema: GraphSchema, before: Sequence[Episode] = ()) -> TextToRead:
    listener = episode.properties.get("listener")
    return TextToRead(
        episode.text,
        episode.occurred_at,
        episode.speaker,
        listener if isinstance(listener, str) else None,
        episode.title,
        labels=sorted(schema.labels.keys() - _NO_ENTITIES),
        kinds=sorted(schema.kinds.keys() - _NO_FACTS),
        before=[each.text for each in before],
        before_by=[each.speaker for each in before],
        payer=Payer(graph, episode.scope, episode.session),
    )


async def _store(
    ports: Ports, graph: str, read: Sequence[tuple[QueuedEpisode, Extraction | KgmemError]]
) -> ExtractionReport:
    """Store what a batch of episodes says; where that is refused, one by one, so that one stops no other."""
    refused = {each.id: (each.digest, str(found)) for each, found in read if isinstance(found, KgmemError)}
    good = [(each, found) for each, found in read if isinstance(found, Extraction)]
    done = ExtractionReport()
    try:
        with writing_for((source_of(each.episode, found), each.keys) for each, found in good), step("store"):
            done = await _bring(ports, graph, good) if good else done
            count(episodes=done.episodes, entities=done.entities, claims=done.claims, refused=len(refused))
    except (Unavailable, NotFound):
        raise
    except KgmemError as error:
        if len(good) > 1:
            for one in good:
                done = done + await _store(ports, graph, [one])
        else:
            refused[good[0][0].id] = (good[0][0].digest, str(error))
    if refused:
        await ports.extractions.refuse(graph, refused)
    return replace(done, refused=done.refused + len(refused))


async def _bring(ports: Ports, graph: str, read: Sequence[tuple[QueuedEpisode, Extraction]]) -> ExtractionReport:
    schema = schema_of(ports.core_schema, held := await ports.graphs.get(graph))
    plain = await _brought(ports, graph, read, schema, strict=held.strict)
    plain, dropped, withdrawn = await _changed(ports, graph, [unread for unread, _ in read], plain, schema)
    if held.strict:
        plain = [_within(what, schema) for what in plain]
    trust = {source.key: source.trust for source in await ports.store.list_sources(graph)}
    told = await succeeding.ended(ports, graph, plain, schema, trust)
    claims = [claim for what in told for claim in what.claims]
    by = [
        ClaimProvenance(
            unread.id,
            succeeding.lasts(claim, schema),
            sentence_at(unread.episode.text, claim.span) if claim.span else "",
            unread.episode.known_from,
            bool(unread.episode.source or unread.episode.speaker),
            unread.episode.derived_from,
        )
        for (unread, _), what in zip(read, plain, strict=True)
        for claim in what.claims
    ]
    ids = iter((await claiming.put_claims(ports, graph, claims, provenance=by)).ids if claims else [])
    episodes = []
    for (unread, found), stated, what in zip(read, plain, told, strict=True):
        made = [
            ExtractedClaim(next(ids), Span(*(claim.span or (0, 0))), succeeding.lasts(claim, schema))
            for claim in stated.claims
        ]
        named = [(entity.key, span) for _, entity, span in what.entities]
        episodes.append(
            ExtractedEpisode(
                unread, found.extractor, named, made, what.relationships, what.together,
                found.tokens, found.cost, found.problem,
            )
        )  # fmt: skip
    former = await withdraw_former(ports, graph, episodes)
    former |= await _take_out(ports, graph, plain, episodes, dropped=dropped, withdrawn=withdrawn)
    await succeeding.succeed(ports, graph, succeeding.topics_of(told, schema) | former, schema)
    await settle(ports, graph, episodes)
    await ports.extractions.done(graph, [unread for unread, _ in read])
    if ports.embedder and held.space:
        await ports.jobs.defer("embed", graph=graph)
    return ExtractionReport(
        len(episodes), sum(len(what.entities) for what in told), len(claims),
        sum(len(each.relationships) for each in episodes), 0,
        sum(each.tokens for each in episodes), sum(each.cost for each in episodes),
    )  # fmt: skip


async def _changed(
    ports: Ports, graph: str, read: Sequence[QueuedEpisode], plain: Sequence[ExtractedGraph], schema: GraphSchema
) -> tuple[list[ExtractedGraph], set[int], dict[str, list[int]]]:
    """Return what episodes bring with what they end.

    Beside it: claims of the batch that a correction withdraws (by `id`), and stored ones by scope.
    """
    if not any(what.endings or _may_replace(unread, what) for unread, what in zip(read, plain, strict=True)):
        return list(plain), set(), {}
    turns, known = [], {}
    for at, (unread, what) in enumerate(zip(read, plain, strict=True)):
        episode = unread.episode
        claims = what.claims
        source = claims[0].source if claims else episode.source or episode.speaker or episode.session or episode.key
        turns.append(
            Turn(
                episode.key or "", source or "text", episode.scope, episode.session, claims,
                [each for each, _ in what.relationships], what.endings,
                [(span.start, span.end) for _, span in what.relationships], what.said, episode.text,
            )
        )  # fmt: skip
        if what.endings or _may_replace(unread, what):
            starts = {each.start for each, _ in what.relationships if each.kind == STATES}
            starts |= {each.subject for each in claims}
            keys = sorted(keys_meant(what.endings) | (starts if _may_replace(unread, what) else set()))
            known[at] = await ports.extractions.known_facts(graph, episode.scope, keys, unread.id, episode.session)
    made = changed(turns, known, schema)
    # First what is stored is ended, so that what says its end is tied to the relationship that has ended.
    over = dict(pair for more in made for pair in more.ended)
    if over:
        await claiming.replace(ports, graph, list(over.values()), list(over))
    told, withdrawn = [], dict[str, list[int]]()
    unsaid = {id(each) for more in made for each in more.unsaid}
    for unread, what, more in zip(read, plain, made, strict=True):
        related = [*what.relationships, *((each, Span(*span)) for each, span in more.relationships)]
        said = [(each, span) for each, span in related if id(each) not in unsaid]
        told.append(replace(what, claims=[*what.claims, *more.claims], relationships=said))
        if more.withdrawn:
            withdrawn.setdefault(unread.episode.scope, []).extend(more.withdrawn)
        if more.deleted:
            await ports.store.delete_relationships(graph, sorted(set(more.deleted)), unread.episode.scope)
    return told, {id(each) for more in made for each in more.dropped}, withdrawn


def _may_replace(unread: QueuedEpisode, what: ExtractedGraph) -> bool:
    stated = any(each.kind == STATES for each, _ in what.relationships)
    ends = any(each.predicate in _LEAVE_NO_ROOM for each in what.claims)
    return stated or ends or bool(_AGAIN.search(unread.episode.text))


async def _take_out(
    ports: Ports,
    graph: str,
    plain: Sequence[ExtractedGraph],
    episodes: Sequence[ExtractedEpisode],
    *,
    dropped: set[int],
    withdrawn: Mapping[str, Sequence[int]],
) -> set[succeeding.Topic]:
    """Withdraw what the batch's own corrections say was never so; return its topics."""
    gone = {scope: list(ids) for scope, ids in withdrawn.items()}
    for what, episode in zip(plain, episodes, strict=True):
        for claim, made in zip(what.claims, episode.claims, strict=True):
            if id(claim) in dropped:
                gone.setdefault(claim.scope, []).append(made.id)
    topics: set[succeeding.Topic] = set()
    for scope, ids in gone.items():
        topics |= await withdraw(ports, graph, ids, scope)
    return topics


def _within(what: ExtractedGraph, schema: GraphSchema) -> ExtractedGraph:
    """Return of what an episode brings that which a strict graph's schema declares."""
    related = [
        each
        for each in what.relationships
        if not check_relationship(schema, True, each[0].kind, None, None, each[0].properties)
    ]
    return replace(what, claims=[each for each in what.claims if _declared(schema, each)], relationships=related)


def _declared(schema: GraphSchema, claim: ClaimStatement) -> bool:
    """Return whether a claim is about a relationship, or about a property that some label of a schema has."""
    return claim.object is not None or any(claim.predicate in label.properties for label in schema.labels.values())


async def _brought(
    ports: Ports, graph: str, read: Sequence[tuple[QueuedEpisode, Extraction]], schema: GraphSchema, *, strict: bool
) -> list[ExtractedGraph]:
    """Return what episodes bring, once the entities that they name are there."""
    for attempt in range(_TRIES):
        try:
            return await _named(ports, graph, read, schema, strict=strict)
        except VersionConflict:  # Somebody else has just made one of them; it is known now.
            if attempt == _TRIES - 1:
                raise
            await asyncio.sleep(0.01 * (attempt + 1))
    raise AssertionError("the loop returns or raises")


async def _named(
    ports: Ports, graph: str, read: Sequence[tuple[QueuedEpisode, Extraction]], schema: GraphSchema, *, strict: bool
) -> list[ExtractedGraph]:
    by_scope: dict[str, list[Mention]] = {}
    for unread, found in read:
        by_scope.setdefault(unread.episode.scope, []).extend(spoken_of(found))
    known = {scope: await recognize(ports, graph, scope, each, schema) for scope, each in by_scope.items()}
    told: list[ExtractedGraph] = []
    made: dict[tuple[str, str], Entity] = {}
    fresh: dict[str, dict[Mention, str]] = {scope: {} for scope in known}
    expected: list[tuple[int, str]] = []
    for unread, found in read:
        episode = unread.episode
        keys, new = known[episode.scope].keys(mentions_of(found))
        ended = {each.name: known[episode.scope].meant(each) for each in spoken_of(found) if each.name not in keys}
        keys = ended | keys
        what = brought(episode, found, keys, schema)
        wrong = {m.name for m, entity, _ in what.entities if m in new and violations_of(schema, strict, entity)}
        if wrong:
            allowed = {name: key for name, key in keys.items() if name not in wrong}
            what = brought(episode, found, allowed, schema)
        for mention, entity, _ in what.entities:
            if mention in new:
                made.setdefault((entity.scope, entity.key), replace(entity, version=0))
                fresh[episode.scope][mention] = entity.key
                expected.append((unread.id, entity.key))
        told.append(what)
    better = await _better_typed(ports, graph, known.values(), made, strict=strict)
    if better:
        await ports.store.put_entities(graph, better)
    if made:
        await ports.extractions.expect(graph, expected)
        await ports.store.put_entities(graph, list(made.values()))
    for scope, new in fresh.items():
        await propose(ports, graph, known[scope], new)
    return told


async def _better_typed(
    ports: Ports, graph: str, known: Iterable[Recognized], made: dict[tuple[str, str], Entity], *, strict: bool
) -> list[Entity]:
    """Label what texts only spoke of by the type that another text tells, so that their order does not matter.

    Changes those of `made`, and returns statements of those that exist, as far as extraction made them.
    """
    better = []
    for told in known:
        for key, label in told.typed.items():
            new = made.get((told.scope, key))
            try:
                entity = new or await ports.store.get_entity(graph, key, told.scope)
            except NotFound:  # Forgotten meanwhile.
                continue
            made_by_reading = entity.label == UNNAMED and entity.scope == told.scope and FOUND_BY in entity.properties
            if not made_by_reading or violations_of(told.schema, strict, replace(entity, label=label)):
                continue
            if new:
                made[told.scope, key] = replace(new, label=label)
            else:
                better.append(Entity(key, label, scope=told.scope, version=entity.version))
    return better
