"""Loading of episodes and sources, in the caller's transaction."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from kgmem.domain.claims.claim import Source
from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.graph.batch import Rejection, Stated
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.expiry import timed
from kgmem.domain.graph.statement import check_episodes
from kgmem.store.db.savepoints import in_groups
from kgmem.store.graph.layout import write_sources
from kgmem.store.load.claims import restore
from kgmem.store.load.copy_load import BatchLoad
from kgmem.store.read.items import kept_keys
from kgmem.store.write.dedup import rounds_of
from kgmem.store.write.episodes import episode_identity, write_episodes
from kgmem.store.write.passages import Passages


async def load_episodes(load: BatchLoad, stated: Sequence[Stated[Episode]]) -> list[Passages]:
    """Bring episodes into label tables, index and change feed; return the passages that are to be stored last."""
    done: list[Passages] = []

    async def put(group: Sequence[Stated[Episode]]) -> None:
        episodes = await _with_kept_mentions(load, timed([each.record for each in group], imported=True))
        check_episodes(episodes)
        wanted = Passages(load.layout)
        outcomes = [
            await write_episodes(load.connection, wanted, [episodes[at] for at in places])
            for places in rounds_of(episodes, episode_identity)
        ]
        done.append(wanted)
        _count(load, len(group), sum(len(o.created) for o in outcomes), sum(len(o.updated) for o in outcomes))

    await in_groups(load.connection, stated, put, _refusing(load))
    await load.execute(load.sql("mark_changes"), load.import_id)
    return done


async def _with_kept_mentions(load: BatchLoad, episodes: Sequence[Episode]) -> Sequence[Episode]:
    """Return episodes that mention the kept entity in the place of one that was merged into it, each once."""
    kept = await kept_keys(
        load.connection, load.layout, ((each.scope, key) for each in episodes for key in each.mentions)
    )
    if not kept:
        return episodes
    return [
        replace(each, mentions=list(dict.fromkeys(kept.get((each.scope, key), key) for key in each.mentions)))
        for each in episodes
    ]


async def load_beliefs(load: BatchLoad, stated: Sequence[Stated[BeliefRecord]]) -> None:
    """Store records of what the graph believes, all of one kind; one that cannot be stored costs only itself."""

    async def put(group: Sequence[Stated[BeliefRecord]]) -> None:
        done = await restore(load.connection, load.layout, [each.record for each in group])
        created = min(done.created, len(group))
        _count(load, len(group), created, min(done.updated, len(group) - created))

    await in_groups(load.connection, stated, put, _refusing(load))
    await load.execute(load.sql("mark_changes"), load.import_id)


async def load_sources(load: BatchLoad, stated: Sequence[Stated[Source]]) -> None:
    """Write entries of the registry of sources; one that stands there several times counts where it stands last."""

    async def put(group: Sequence[Stated[Source]]) -> None:
        unique = list({each.record.key: each.record for each in group}.values())
        rows = await write_sources(load.connection, load.layout, unique)
        created = sum(row["created"] for row in rows)
        _count(load, len(group), created, len(rows) - created)

    await in_groups(load.connection, stated, put, _refusing(load))


def _count(load: BatchLoad, count: int, created: int, updated: int) -> None:
    load.result.created += created
    load.result.updated += updated
    load.result.unchanged += count - created - updated


def _refusing(load: BatchLoad) -> Callable[[Stated[Any], str], None]:
    def refuse(stated: Stated[Any], reason: str) -> None:
        rejection = Rejection(stated.file, stated.line, reason, load.describe(stated.record))
        load.result.rejections.append(rejection)

    return refuse
