"""Writing episodes: vertices with their passages, and edges to the entities that they mention."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

import asyncpg

from kgmem.domain.agents.message import NOT_EXTRACTED
from kgmem.domain.graph.entity import EPISODE
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.store.db.database import Database
from kgmem.store.graph.layout import EDGE, VERTEX, Layout, ensure_labels
from kgmem.store.graph.records import encoded, merge_episode
from kgmem.store.write.edges import write_edges
from kgmem.store.write.passages import Passages
from kgmem.store.write.rows import episode_row
from kgmem.store.write.source_keys import note_keys
from kgmem.store.write.vertices import Outcome, Statement, write_vertices
from kgmem.tasks import each, keys_by_source, keys_in

# Asking for episodes to be read, in the transaction that stores them.


async def ask(
    connection: asyncpg.Connection, layout: Layout, episodes: Sequence[Episode], ids: Mapping[int, int]
) -> None:
    """Queue episodes for extraction where the graph's setting or the episode requests it; `ids` by place."""
    setting = layout.graph.extraction
    by = keys_by_source()  # Noted, since the job that extracts the claims has no caller.
    wanted = {
        ids[at]: (digest_of(episode), ",".join(sorted(keys_in(by, stating_source(episode)))))
        for at, episode in enumerate(episodes)
        if at in ids and setting != "off" and (episode.extract or (setting == "all" and not _is_spared(episode)))
    }
    if wanted:
        await layout.ensure("extraction")
        await connection.execute(
            layout.sql("extraction", "ask"), list(wanted), *map(list, zip(*wanted.values(), strict=True))
        )


def stating_source(episode: Episode) -> str:
    """Return the source of what a text states, unless the text itself names who writes."""
    return episode.source or episode.speaker or episode.session or episode_key(episode)


def _is_spared(episode: Episode) -> bool:
    """Return whether an episode is extracted only on request, whatever the graph's setting."""
    return episode.properties.get(NOT_EXTRACTED) is True


def digest_of(episode: Episode) -> int:
    """Return the hash of what reading an episode depends on."""
    told = (
        episode.text, episode.occurred_at, episode.speaker, episode.session, episode.source, episode.title,
    )  # fmt: skip
    return int.from_bytes(blake2b(encoded(told), digest_size=8).digest(), "big", signed=True)


MENTIONS = "MENTIONS"


async def write_episodes(connection: asyncpg.Connection, passages: Passages, episodes: Sequence[Episode]) -> Outcome:
    """Store a batch of episodes (each scope and key once), in the caller's transaction. Raises UnknownEntities."""
    statements = await each(_statement, episodes)
    outcome = await write_vertices(connection, passages, EPISODE, statements)
    await _mention(connection, passages, episodes, outcome)
    await ask(connection, passages.layout, episodes, outcome.ids)
    if keys_by_source():  # A job may extract the claims, which knows of no key.
        layout = passages.layout
        sources = {layout.sources[each.source] for each in episodes if each.source in layout.sources and each.source}
        if sources:
            await layout.ensure("claims")
            await note_keys(connection, layout, sources)
    return outcome


async def ensure_episode_labels(database: Database, layout: Layout, episodes: Iterable[Episode]) -> None:
    """Make the labels that episodes need, before the transaction that stores them."""
    await ensure_labels(database, layout, VERTEX, [EPISODE_LABEL])
    if any(episode.mentions for episode in episodes):
        await ensure_labels(database, layout, EDGE, [MENTIONS])


def episode_identity(episode: Episode) -> tuple[str, str]:
    """Return what makes an episode the same one within a batch."""
    return episode.scope, episode_key(episode)


def episode_key(episode: Episode) -> str:
    """Return an episode's key: its own, or a hash of what it says, when, where and by whom."""
    if episode.key is not None:
        return episode.key
    told = (episode.text, episode.occurred_at, episode.speaker, episode.session, episode.source)
    return "episode-" + blake2b(encoded(told), digest_size=10).hexdigest()


def _statement(episode: Episode) -> Statement:
    key = episode_key(episode)
    fields = {n: getattr(episode, n) for n in episode.__slots__ if n not in {"version", "id", "known_from", "extract"}}
    return Statement(
        scope=episode.scope,
        key=key,
        label=EPISODE_LABEL,
        merge=lambda held: merge_episode(held, episode, key),
        row=episode_row,
        content_hash=_content_hash(encoded(fields)),
        source=episode.source,
        version=episode.version,
    )


async def _mention(
    connection: asyncpg.Connection, passages: Passages, episodes: Sequence[Episode], outcome: Outcome
) -> None:
    """Write the edges from episodes to the entities that they mention."""
    pairs = {
        (outcome.ids[at], key): Relationship(MENTIONS, "", key, scope=episode.scope, source=episode.source)
        for at, episode in enumerate(episodes)
        for key in episode.mentions
    }
    if pairs:
        items = list(pairs.values())
        starts = [id_ for id_, _ in pairs]
        await write_edges(connection, passages, items, starts=starts)


def _content_hash(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big", signed=True)
