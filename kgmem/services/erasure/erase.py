"""Erase: a person or a scope leaves what is current, the history, copies, jobs and files; a report proves it."""

import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

from kgmem.domain.agents.block import BlockAddress
from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.agents.state import StateAddress, WriteCondition
from kgmem.domain.erasure.erasure import (
    MOST_HASHES,
    ErasurePlan,
    ErasureReport,
    ErasureRequest,
    Found,
    Kept,
    Progress,
    SignedReport,
    Verification,
    no_progress,
)
from kgmem.domain.erasure.redis_contents import REDIS, RedisErasure
from kgmem.domain.erasure.sought import LONGEST, MOST_TEXTS, SHORTEST, Redactor, Sought, is_distinctive
from kgmem.domain.errors import Conflict, NotFound
from kgmem.domain.subscriptions.subscription import SubscriptionAddress
from kgmem.domain.time.interval import iso, now
from kgmem.log import EventLog
from kgmem.services.agents.publications import erase_copies
from kgmem.services.agents.scopes import Scopes
from kgmem.services.agents.sessions import Sessions
from kgmem.services.claims import claim as claiming
from kgmem.services.erasure.backups import kept_backups
from kgmem.services.erasure.in_redis import POSTPONED, erase_in_redis, files_of_redis, search_redis
from kgmem.services.ports import Ports
from kgmem.services.texts import remember
from kgmem.services.texts.forget import forget

log = EventLog(__name__)

_AT_ONCE: Final = 500
_PASSES: Final = 3  # What is written while an erasure runs is found by the next pass.
_SAMPLES: Final = 20
_OF_PERSON: Final = ("entities", "episodes", "relationships", "claims", "sessions", "blocks", "states", "subscriptions")
_LOG_OF_WRITES: Final = Kept("pg_wal", 1, "Postgres' log of writes has it until its files are used again")


@dataclass(slots=True)
class _Tally:
    """What was removed so far: numbers and keyed hashes, by kind."""

    hash: Callable[[str], str]
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    hashes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, kind: str, names: Iterable[object]) -> None:
        """Count things of a kind."""
        for name in names:
            hashed = self.hash(f"{kind} {name}")
            self.counts[kind] += hashed not in self.hashes[kind]
            self.hashes[kind].add(hashed)

    def hashed(self) -> dict[str, Mapping[str, Any]]:
        """Return the hashes of each kind as a report has them."""
        return {
            kind: {
                "listed": sorted(found)[:MOST_HASHES],
                "digest": sha256("".join(sorted(found)).encode()).hexdigest(),
            }
            for kind, found in self.hashes.items()
        }


async def plan(ports: Ports, graph: str, request: ErasureRequest, *, server: bool, progress: Progress) -> ErasurePlan:
    """Return what an erasure would take, and change nothing."""
    full, common = await _with_names(ports, graph, request)
    found = await ports.erasures.find(graph, full, server=server, progress=progress)
    redactor = Redactor(_sought(request, full))
    files = await ports.server_files.having(redactor) if server else ()
    counts = replace(found, files=files).counts()
    samples = {
        kind: [str(each if not isinstance(each, tuple) else "/".join(map(str, each))) for each in values[:_SAMPLES]]
        for kind in _OF_PERSON
        if (values := getattr(found, kind))
    }
    if full.scope is not None:
        gone = await Scopes(ports).delete(graph, full.scope, below=full.below, dry_run=True)
        counts |= {
            f"scope_{name}": number
            for name, number in {
                "entities": gone.deleted.entities, "episodes": gone.deleted.episodes,
                "relationships": gone.deleted.relationships, "claims": gone.deleted.claims,
                "sessions": gone.deleted.sessions, "blocks": gone.deleted.memory_blocks,
                "states": gone.deleted.agent_states, "subscriptions": gone.deleted.subscriptions,
                "feedback": gone.deleted.feedback,
            }.items()
        }  # fmt: skip
    return ErasurePlan(counts, found.rows, samples, full.texts, common)


async def erase(ports: Ports, graph: str, request: ErasureRequest, *, server: bool, progress: Progress) -> SignedReport:
    """Erase a person or a scope; returns the signed report. What is broken off is completed by a second call."""
    full, _ = await _with_names(ports, graph, request)
    texts = _sought(request, full)
    tally = _Tally(ports.signer.hash)
    redactor = Redactor(texts)
    scopes: Sequence[str] = ()
    await ports.flows.flush()  # So that the sweep finds what this process has traced.
    await _refuse_held(ports, graph, full, server=server)
    if full.scope is not None:
        scopes = await _erase_scope(ports, graph, full, tally, progress)
    touched: set[str] = set()
    for _ in range(_PASSES if full.texts or full.entities else 0):
        found = await ports.erasures.find(graph, full, server=server, progress=progress)
        touched |= found.rows.keys()
        if not any(getattr(found, kind) for kind in (*_OF_PERSON, "mentions", "topics", "sources")):
            break
        redactor = await _remove(ports, graph, found, redactor, tally=tally, progress=progress)
    if scopes:
        redactor = Redactor(texts, {**redactor.renamed, **await _rename(ports, graph, scopes, tally)})
    rows, kept = await ports.erasures.sweep(graph, redactor, server=server, progress=progress)
    in_redis = await erase_in_redis(ports, graph, RedisErasure(texts, scopes))
    for kind, number in (in_redis or {}).items():
        tally.counts[f"{REDIS}_{kind}"] += number
    files_left = await _files(ports, redactor, tally) if server else ()
    progress("vacuum", 0, 1)
    vacuumed, in_files = await ports.erasures.vacuum(graph, sorted(touched | rows.keys()), server=server)
    progress("verify", 0, 1)
    _, traces = await ports.erasures.search(graph, texts, server=server) if texts else (0, ())
    _, in_keys, searched = await search_redis(ports, graph, texts, server=False) if texts else (0, (), True)
    known = {each.what for each in kept} | {"scope"}
    unexpected = [each for each in (*traces, *in_keys) if each.table.partition(".")[2] not in known]
    others = [Kept("files", len(files_left), "they are no log and no upload")] if files_left else []
    others += [POSTPONED] if in_redis is None else await files_of_redis(ports)
    backups = await kept_backups(ports.backups)
    report = ErasureReport(
        id=f"erasure-{secrets.token_hex(12)}",
        graph=graph,
        at=iso(now()),
        by=request.by,
        reason=redactor.redacted(request.reason),
        subject={
            "scope": None if full.scope is None else ports.signer.hash(full.scope),
            "entities": [ports.signer.hash(key) for key in full.entities],
            "texts": [{"hash": ports.signer.hash(each.text), "whole_words": each.whole} for each in texts],
        },
        removed=dict(tally.counts),
        hashes=tally.hashed(),
        rows=rows,
        kept=[*kept, *others, *in_files, _LOG_OF_WRITES, *backups],
        vacuumed=vacuumed,
        traces=[*traces, *in_keys],
        complete=not unexpected and not files_left and in_redis is not None and searched,
    )
    signed = ports.signer.sign(report.content())
    await ports.erasures.save(graph, signed)
    log.info("erasure_done", graph=graph, report=report.id, complete=report.complete)
    return signed


def _sought(request: ErasureRequest, full: ErasureRequest) -> list[Sought]:
    """Return the texts of a request as they were asked for, and those of entities as whole words."""
    return [Sought(text, request.whole_words or text not in request.texts) for text in full.texts]


async def _with_names(ports: Ports, graph: str, request: ErasureRequest) -> tuple[ErasureRequest, Sequence[str]]:
    """Return the request with distinctive names of its entities as texts; and the names that others may bear.

    Keys of entities that were merged with these are theirs, too.
    """
    await ports.graphs.get(graph)
    if not request.entities:
        return request, ()
    keys, names = await ports.erasures.entity_names(graph, request.entities, request.keys_in)
    fit = [each for each in names if len(each.strip()) >= SHORTEST and len(each) <= LONGEST]
    fit = [each for each in fit if any(map(str.isalnum, each)) and each not in request.texts]
    special = [each for each in fit if is_distinctive(each)][: MOST_TEXTS - len(request.texts)]
    common = [each for each in fit if each not in special]
    return replace(request, entities=keys, texts=(*request.texts, *special)), common


async def _refuse_held(ports: Ports, graph: str, request: ErasureRequest, *, server: bool) -> None:
    """Raise OnHold before anything is changed, where a hold covers something that would be."""
    if request.scope is not None:
        paths = [
            each for each in await ports.scopes.below(graph, request.scope) if request.below or each == request.scope
        ]
        await ports.holds.refuse_scopes(graph, paths)
    if request.texts or request.entities:
        found = await ports.erasures.find(graph, request, server=server, progress=no_progress)
        things = [id_ for _, _, id_ in (*found.entities, *found.episodes)] + [id_ for _, id_ in found.relationships]
        await ports.holds.refuse(graph, [*things, *found.mentions])
        await ports.holds.refuse_claims(graph, [id_ for _, id_ in found.claims])
        named = {scope for scope, *_ in (*found.sessions, *found.blocks, *found.states)}
        await ports.holds.refuse_scope_names(graph, named)


async def _erase_scope(
    ports: Ports, graph: str, request: ErasureRequest, tally: _Tally, progress: Progress
) -> Sequence[str]:
    """Delete a scope with all in it, also in the history; returns the scopes."""
    progress("scope", 0, 1)
    assert request.scope is not None  # noqa: S101 - the caller looks
    try:
        gone = await Scopes(ports).delete(graph, request.scope, below=request.below, erase=True)
    except NotFound:  # It was erased before, or nothing was ever written to it.
        return ()
    counts = gone.deleted
    for name, number in {
        "entities": counts.entities, "episodes": counts.episodes, "relationships": counts.relationships,
        "claims": counts.claims, "sessions": counts.sessions, "blocks": counts.memory_blocks,
        "states": counts.agent_states, "subscriptions": counts.subscriptions, "feedback": counts.feedback,
    }.items():  # fmt: skip
        tally.counts[name] += number
    tally.add("scopes", gone.scopes)
    return gone.scopes


async def _rename(ports: Ports, graph: str, scopes: Sequence[str], tally: _Tally) -> Mapping[str, str]:
    """Rename erased scopes, and sources that nothing names any more, so that they identify nobody."""
    summary = await ports.scopes.summary(graph, scopes)
    if summary.counts.ledger_accounts or summary.counts.deletable:
        renamed: Mapping[str, str] = {}  # The ledger keeps what it says of the scope.
    else:
        renamed = await ports.erasures.rename_scopes(graph, scopes)
    unused = await ports.erasures.unused_sources(graph)
    tally.add("sources", [key for _, key in unused])
    return {**renamed, **await ports.erasures.rename_sources(graph, unused)}


async def _remove(
    ports: Ports, graph: str, found: Found, redactor: Redactor, *, tally: _Tally, progress: Progress
) -> Redactor:
    """Remove what was found, from what is current and from the history; returns the redactor with renamed sources."""
    steps: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        ("sessions", lambda: _sessions(ports, graph, found)),
        ("episodes", lambda: _episodes(ports, graph, found)),
        ("relationships", lambda: _relationships(ports, graph, found)),
        ("entities", lambda: _entities(ports, graph, found)),
        ("claims", lambda: _claims(ports, graph, found)),
        ("blocks", lambda: _documents(ports, graph, found)),
    ]
    for kind in _OF_PERSON:
        tally.add(kind, getattr(found, kind))
    for place, (name, step) in enumerate(steps):
        progress(name, place, len(steps))
        await step()
    tally.add("sources", found.sources)
    renamed = await ports.erasures.rename_sources(graph, found.sources)
    redactor = Redactor(redactor.texts, {**redactor.renamed, **renamed})
    tally.add("mentions", found.mentions)
    for at in range(0, len(found.mentions), _AT_ONCE):
        await ports.erasures.redact_entities(graph, found.mentions[at : at + _AT_ONCE], redactor)
    tally.counts["state_versions"] += await ports.erasures.redact_states(graph, redactor)
    return redactor


async def _sessions(ports: Ports, graph: str, found: Found) -> None:
    for scope, name in found.sessions:
        try:
            await Sessions(ports).delete(graph, SessionAddress(name, scope), erase=True)
        except NotFound:
            continue


async def _episodes(ports: Ports, graph: str, found: Found) -> None:
    for scope, keys in _by_scope((scope, key) for scope, key, _ in found.episodes).items():
        for at in range(0, len(keys), _AT_ONCE):
            await forget(ports, graph, keys[at : at + _AT_ONCE], scope, erase=True)


async def _relationships(ports: Ports, graph: str, found: Found) -> None:
    ids = [id_ for _, id_ in found.relationships]
    copies = await ports.erasures.copies_of(graph, [], ids)
    for scope, some in _by_scope(found.relationships).items():
        for at in range(0, len(some), _AT_ONCE):
            await remember.delete_relationships(ports, graph, some[at : at + _AT_ONCE], scope)
    await erase_copies(ports, graph, copies)
    await ports.extractions.erase(graph, ids)


async def _entities(ports: Ports, graph: str, found: Found) -> None:
    for scope, keys in _by_scope((scope, key) for scope, key, _ in found.entities).items():
        for at in range(0, len(keys), _AT_ONCE):
            await remember.delete_entities(ports, graph, keys[at : at + _AT_ONCE], scope, None)
    await ports.extractions.erase(graph, [id_ for _, _, id_ in found.entities])


async def _claims(ports: Ports, graph: str, found: Found) -> None:
    ids = [id_ for _, id_ in found.claims]
    edges = await ports.erasures.edges_of(graph, ids)
    copies = await ports.erasures.copies_of(graph, ids, edges)
    for scope, some in _by_scope(found.claims).items():
        for at in range(0, len(some), _AT_ONCE):
            await claiming.withdraw(ports, graph, some[at : at + _AT_ONCE], scope)
    await erase_copies(ports, graph, copies)
    await ports.extractions.erase(graph, edges)
    await ports.erasures.erase_claims(graph, ids, found.topics)


async def _documents(ports: Ports, graph: str, found: Found) -> None:
    anything = WriteCondition()
    for scope, name in found.blocks:
        with suppress(NotFound):
            await ports.blocks.delete(graph, BlockAddress(name, scope), anything)
    for scope, agent, name in found.states:
        with suppress(NotFound):
            await ports.states.delete(graph, StateAddress(agent, name, scope), anything)
    for scope, name in found.subscriptions:
        with suppress(NotFound):
            await ports.subscriptions.delete(graph, SubscriptionAddress(name, scope))
    await ports.erasures.forget_rest(graph, found)


async def _files(ports: Ports, redactor: Redactor, tally: _Tally) -> Sequence[str]:
    found = await ports.server_files.having(redactor)
    if not found:
        return ()
    tally.add("files", found)
    return await ports.server_files.blank(redactor, found)


def _by_scope(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = defaultdict(list)
    for scope, each in pairs:
        groups[scope].append(each)
    return groups


async def verify(ports: Ports, graph: str, id_: str | None, texts: Sequence[Sought], *, server: bool) -> Verification:
    """Search for texts again; with a report's id they have to be those of the report. Raises NotFound, Conflict."""
    await ports.graphs.get(graph)
    kept: set[str] = set()
    if id_ is not None:
        report = (await ports.erasures.report(graph, id_)).report
        told, kept = report["subject"], {each["what"] for each in report["kept"]}
        whole = {each["hash"]: each["whole_words"] for each in told["texts"]}
        known = {*whole, *told["entities"], told["scope"]}
        hashes = [ports.signer.hash(each.text) for each in texts]
        if not known.issuperset(hashes):
            raise Conflict(
                "One of the texts is not of this report.", hint="Give the texts as they were erased.", field="texts"
            )
        texts = [Sought(each.text, whole.get(hashed, True)) for each, hashed in zip(texts, hashes, strict=True)]
    tables, found = await ports.erasures.search(graph, texts, server=server)
    keys, in_keys, searched = await search_redis(ports, graph, texts, server=server)
    files = await ports.server_files.having(Redactor(texts)) if server else ()
    left = [each for each in found if each.table.partition(".")[2] not in kept]
    return Verification(
        not left and not in_keys and not files and searched, tables, [*left, *in_keys], files,
        [each for each in found if each not in left], keys, () if searched else (REDIS,),
    )  # fmt: skip
