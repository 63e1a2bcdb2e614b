"""Correlations: declared by people, found by consensus, and ended."""

from collections import defaultdict
from collections.abc import Sequence

import asyncpg
import orjson

from kgmem.domain.claims.claim import Correlated
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.store.claims import fact_queries
from kgmem.store.claims.joint_inference import option_of
from kgmem.store.graph.layout import Layout, scope_ids

_MOST_OF_EPISODE = 20  # Facts of one document that are tied to each other.


async def declare(connection: asyncpg.Connection, layout: Layout, correlated: Correlated) -> tuple[int, list[int]]:
    """Write a correlation; return its id and the topics that it ties. Raises NotFound, InvalidInput."""
    known = await fact_queries.facts_by_id(connection, layout, correlated.facts, correlated.scope)
    own = [known[id_].id for id_ in correlated.facts if id_ in known]
    rows = await connection.fetch(layout.sql("fact_queries", "topics_of_facts"), own, correlated.scope)
    topic_of = {row["id"]: row["topic"] for row in rows}
    topics, claims = [], []
    for id_, value in zip(correlated.facts, correlated.values, strict=True):
        if id_ not in known or known[id_].id not in topic_of:
            raise NotFound(f"There is no fact {id_} in this scope.", hint="A correlation names its own scope.")
        option = option_of(known[id_].options, value)
        if option is None:
            raise InvalidInput(f"The fact {id_} has no value {value!r}.", hint="Give one of its alternatives.")
        topics.append(topic_of[known[id_].id])
        claims.append(list(option.claims))
    number = (await scope_ids(connection, layout, [correlated.scope], make=True))[correlated.scope]
    made: int = await connection.fetchval(
        layout.sql("fact_queries", "put_correlation"),
        number,
        correlated.kind,
        topics,
        orjson.dumps(claims).decode(),
        correlated.strength,
        correlated.found,
        correlated.by,
        correlated.reason,
    )
    await connection.execute(
        layout.sql("fact_queries", "put_decision"),
        number, None, None, "correlate", None, [], correlated.by, correlated.reason,
        orjson.dumps({"correlation": made, "kind": correlated.kind, "facts": list(correlated.facts)}).decode(),
    )  # fmt: skip
    return made, sorted(set(topics))


async def end(connection: asyncpg.Connection, layout: Layout, asked: tuple[int, str, str], scope: str) -> list[int]:
    """End a correlation (id, by whom, why); return its topics. Raises NotFound."""
    id_, by, reason = asked
    number = (await scope_ids(connection, layout, [scope], make=False)).get(scope, -1)
    row = await connection.fetchrow(layout.sql("fact_queries", "end_correlation"), id_, number)
    if row is None:
        raise NotFound(f"There is no correlation {id_} in this scope.", hint="List the correlations.")
    await connection.execute(
        layout.sql("fact_queries", "put_decision"),
        number, None, None, "undo", None, [], by, reason, orjson.dumps({"correlation": id_}).decode(),
    )  # fmt: skip
    return sorted(set(row["topics"]))


async def find(connection: asyncpg.Connection, layout: Layout, scope: int) -> int:
    """Store as correlated the facts that rest on one document alone; return how many correlations were found."""
    rows = await connection.fetch(layout.sql("fact_queries", "of_one_episode"), scope)
    by_episode: dict[str, list[tuple[int, list[int]]]] = defaultdict(list)
    for row in rows:
        by_episode[row["episode"]].append((row["topic"], row["claims"]))
    made = 0
    for episode, found in sorted(by_episode.items()):
        if not 1 < len(found) <= _MOST_OF_EPISODE:
            continue
        topics: Sequence[int] = [topic for topic, _ in found]
        made += (
            await connection.fetchval(
                layout.sql("fact_queries", "put_found"),
                scope,
                topics,
                orjson.dumps([claims for _, claims in found]).decode(),
                f"Only the episode {episode} tells of them.",
            )
            or 0
        )
    return made
