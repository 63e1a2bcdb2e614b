"""What new claims are derived from: as their writer says, or as their text and the answers before it show."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import asyncpg

from kgmem.domain.claims.claim import ClaimProvenance, ClaimStatement
from kgmem.domain.claims.echoes import (
    MOST_ORIGINS,
    asker_fingerprint,
    fact_fingerprint,
    is_copied,
    sentence_fingerprint,
)
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.time.interval import now, parse_time
from kgmem.store.claims.answer_log import REMEMBERED
from kgmem.store.claims.cited_episodes import check_cited
from kgmem.store.claims.claim_rows import StoredClaims
from kgmem.store.graph.layout import Layout
from kgmem.store.graph.records import encoded

Item = TypeVar("Item", Entity, Relationship)


async def note_origins(
    connection: asyncpg.Connection,
    layout: Layout,
    claims: Sequence[ClaimStatement],
    stored: StoredClaims,
    provenance: Sequence[ClaimProvenance] | None = None,
) -> None:
    """Note of new claims what they are derived from, and which sentence states them. Raises InvalidInput."""
    places: dict[int, int] = {}
    for place, id_ in enumerate(stored.ids):
        if id_ in stored.created:
            places.setdefault(id_, place)
    if not places:
        return
    said = {id_: provenance[place] for id_, place in places.items()} if provenance is not None else {}
    stated = {id_: claims[place] for id_, place in places.items()}
    derived = {
        id_: (*claim.derived_from, *(said[id_].derived_from if id_ in said else ())) for id_, claim in stated.items()
    }
    origins = await resolved(connection, layout, [(claim.scope, derived[id_]) for id_, claim in stated.items()])
    found = {id_: each for id_, each in zip(stated, origins, strict=True) if each}
    sentences = {id_: sentence_fingerprint(by.sentence) for id_, by in said.items() if by.sentence}
    open_ = {id_: claim for id_, claim in stated.items() if id_ not in found}
    answered = await _answered(connection, layout, open_, said, sentences)
    asked = [id_ for id_ in open_ if id_ in answered or (id_ in said and is_copied(said[id_].sentence))]
    if asked:
        rows = await connection.fetch(
            layout.sql("claim_origins", "echoed"),
            asked,
            [sentences.get(id_) if id_ in said and is_copied(said[id_].sentence) else None for id_ in asked],
            [id_ in answered for id_ in asked],
        )
        found |= {row["claim"]: [row["origin"]] for row in rows}
    noted = sorted({*found, *(id_ for id_, each in sentences.items() if each is not None)})
    if noted:
        await connection.execute(
            layout.sql("claim_origins", "put_origins"),
            noted,
            [sentences.get(id_) for id_ in noted],
            [encoded(found.get(id_, [])).decode() for id_ in noted],
        )
    await connection.execute(layout.sql("claim_origins", "inherited"), list(places))


async def with_origins(connection: asyncpg.Connection, layout: Layout, stated: Sequence[Item]) -> Sequence[Item]:
    """Return statements with what they are derived from as `resolved` has it. Raises InvalidInput."""
    if not any(each.derived_from for each in stated):
        return stated
    origins = await resolved(connection, layout, [(each.scope, each.derived_from or ()) for each in stated])
    return [replace(each, derived_from=found) for each, found in zip(stated, origins, strict=True)]


async def texts_with_origins(
    connection: asyncpg.Connection, layout: Layout, episodes: Sequence[Episode]
) -> Sequence[Episode]:
    """Return texts that name no claim or hit, but what states it, as `resolved` has it. Raises InvalidInput."""
    if not any(_is_number(origin) for each in episodes for origin in each.derived_from):
        return episodes
    origins = await resolved(connection, layout, [(each.scope, each.derived_from) for each in episodes], cited=False)
    return [replace(each, derived_from=found) for each, found in zip(episodes, origins, strict=True)]


async def resolved(
    connection: asyncpg.Connection,
    layout: Layout,
    derived: Sequence[tuple[str, Sequence[str]]],
    *,
    cited: bool = True,
) -> list[list[str]]:
    """Return origins as the texts and sources that state them: ids differ from graph to graph. Raises InvalidInput.

    `cited`: the texts that they name have to be there.
    """
    if not any(origins for _, origins in derived):
        return [[] for _ in derived]
    named = {(scope, origin) for scope, origins in derived for origin in origins}
    if cited:
        texts = ((scope, each.removeprefix("episode:")) for scope, each in named if _is(each, "episode"))
        await check_cited(connection, layout, texts)
    by_id = await _by_id(connection, layout, named)
    resolved = []
    for scope, origins in derived:
        told: list[str] = []
        for each in origins:
            if not _is_number(each):
                told.append(each)
            elif (scope, each) in by_id:
                told += by_id[scope, each] or [without_number(each)]
            else:
                raise InvalidInput(
                    f"derived_from names {each!r}, which is not there.",
                    hint="Give the id of a claim or of a hit of recall.",
                    field="derived_from",
                )
        resolved.append(list(dict.fromkeys(told))[:MOST_ORIGINS])
    return resolved


async def portable(
    connection: asyncpg.Connection, layout: Layout, derived: Sequence[tuple[str, Sequence[str]]]
) -> list[list[str]]:
    """Return origins of scopes as another graph can take them: as `resolved`, also where something is gone."""
    by_id = await _by_id(connection, layout, {(scope, each) for scope, origins in derived for each in origins})
    found: list[list[str]] = []
    for scope, origins in derived:
        told: list[str] = []
        for each in origins:
            told += (by_id.get((scope, each)) or [without_number(each)]) if _is_number(each) else [each]
        found.append(list(dict.fromkeys(told))[:MOST_ORIGINS])
    return found


def without_number(origin: str) -> str:
    """Return an origin that names nothing by its number in this graph: such a number becomes the name of a source."""
    return f"source:{origin}" if _is_number(origin) else origin


async def _by_id(
    connection: asyncpg.Connection, layout: Layout, named: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[str]]:
    """Return what states the claims and hits among some origins, by scope and origin: texts and sources."""
    ids: dict[tuple[str, str], set[int]] = {}
    for scope, origin in named:
        if _is_number(origin):
            kind, _, number = origin.partition(":")
            ids.setdefault((scope, kind), set()).add(int(number))
    found: dict[tuple[str, str], list[str]] = {}
    for (scope, kind), some in sorted(ids.items()):
        sql = layout.sql("claim_origins", "of_claims" if kind == "claim" else "of_hits")
        for row in await connection.fetch(sql, sorted(some), list(visible_from(scope))):
            found.setdefault((scope, f"{kind}:{row['id']}"), []).extend(row["origins"])
    return found


def _is_number(origin: str) -> bool:
    return _is(origin, "claim") or _is(origin, "hit")


def _is(origin: str, kind: str) -> bool:
    return origin.startswith(f"{kind}:")


async def _answered(
    connection: asyncpg.Connection,
    layout: Layout,
    claims: Mapping[int, ClaimStatement],
    said: Mapping[int, ClaimProvenance],
    sentences: Mapping[int, int | None],
) -> set[int]:
    """Return the claims that return what kgmem answered: to anybody in these words, or to who states them."""
    writers = await _writers(connection, layout, {by.episode for id_, by in said.items() if not by.named})
    rows: list[tuple[int, int, int | None, int]] = []
    ids = list(claims)
    for place, (id_, claim) in enumerate(claims.items()):
        by = said.get(id_)
        moment = parse_time(by.known_from).start if by is not None and by.known_from is not None else now()
        sentence = sentences.get(id_)
        if sentence is not None:
            rows.append((place, sentence, None, moment or now()))
        told = fact_fingerprint(claim.subject, claim.predicate, _told(claim))
        askers = writers.get(by.episode, ()) if by is not None else ()
        rows += [(place, told, asker, moment or now()) for asker in askers]
    if not rows:
        return set()
    columns = map(list, zip(*rows, strict=True))
    found = await connection.fetch(layout.sql("claim_origins", "answered_before"), *columns, REMEMBERED)
    return {ids[row["place"]] for row in found}


async def _writers(connection: asyncpg.Connection, layout: Layout, episodes: Iterable[int]) -> dict[int, list[int]]:
    """Return by episode who wrote it, of those that name no source."""
    by_fingerprint = {asker_fingerprint("episode", str(id_)): id_ for id_ in episodes}
    found: dict[int, list[int]] = {}
    if by_fingerprint:
        for row in await connection.fetch(layout.sql("claim_origins", "writers"), list(by_fingerprint)):
            found.setdefault(by_fingerprint[row["fingerprint"]], []).append(row["asker"])
    return found


def _told(claim: ClaimStatement) -> str:
    return encoded(claim.value).decode() if claim.value is not None else claim.object or ""
