"""Asking for episodes to be read, in the transaction that stores them."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import asyncpg

from kgmem.domain.episode import Episode
from kgmem.storage.postgres.layout import Layout
from kgmem.storage.postgres.records import encoded


async def ask(
    connection: asyncpg.Connection, layout: Layout, episodes: Sequence[Episode], ids: Mapping[int, int]
) -> None:
    """Let those of these episodes be read of which the graph's setting or they themselves say so; `ids` by place."""
    setting = layout.graph.extraction
    wanted = {
        ids[at]: digest_of(episode)
        for at, episode in enumerate(episodes)
        if at in ids and setting != "off" and (episode.extract or setting == "all")
    }
    if wanted:
        await connection.execute(layout.sql("reading", "ask"), list(wanted), list(wanted.values()))


def digest_of(episode: Episode) -> int:
    """Give the hash of what reading an episode depends on."""
    told = (
        episode.text, episode.occurred_at, episode.speaker, episode.session, episode.source, episode.title,
    )  # fmt: skip
    return int.from_bytes(blake2b(encoded(told), digest_size=8).digest(), "big", signed=True)
