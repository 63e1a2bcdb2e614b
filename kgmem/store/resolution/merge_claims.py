"""What sources claim of two entities that become one: claims move with the entity, and both values are kept."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.text.resolution import NewMerge
from kgmem.store.claims.claim_rows import write_claims
from kgmem.store.graph.layout import Layout, source_ids
from kgmem.store.write.passages import Passages

_LONGEST = 2000  # Characters of a text that is kept as a claim; what is longer is no value to be weighed.


async def move(
    connection: asyncpg.Connection, layout: Layout, names: tuple[int, str, str], moved: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """Move claims on the merged entity to the kept one; return what undoing needs. Names: scope, keys.

    Topics are stale afterwards, so that the next consensus resolves them.
    """
    scope, kept, gone = names
    edges = [edge for edge, _, _ in moved]
    renamed = await connection.fetch(layout.sql("merge", "claims_name"), edges, kept, gone)
    topics = await connection.fetch(layout.sql("merge", "rename_topics"), scope, kept, gone)
    joined = await connection.fetch(layout.sql("merge", "joined_topics"), scope, kept, gone)
    columns = [row["id"] for row in joined], [row["into"] for row in joined]
    ended = await connection.fetch(layout.sql("merge", "end_doubled_claims"), *columns)
    led = await connection.fetch(layout.sql("merge", "move_claims"), *columns)
    await connection.execute(layout.sql("merge", "stale_topics"), [*columns[0], *columns[1]])
    await connection.execute(layout.sql("merge", "stale_topics_of_claims"), [row["id"] for row in renamed])
    return {
        "renamed": [row["id"] for row in renamed],
        "topics": [[row["id"], row["subject"], row["about"]] for row in topics],
        "ended": [row["id"] for row in ended],
        "led": [[row["id"], row["topic"]] for row in led],
        "stale": sorted({*columns[0], *columns[1]}),
    }


async def keep_both(
    connection: asyncpg.Connection,
    passages: Passages,
    asked: NewMerge,
    stored: tuple[Mapping[str, Any], Mapping[str, Any]],
    contested: Mapping[str, Any],
) -> list[int]:
    """Keep both values of properties on which the two differ as claims of their sources; return the new claims.

    What is no plain value stays in the record of the merge and in the history alone.
    """
    kept, gone = stored
    plain = {name: value for name, value in contested.items() if _is_plain(value) and _is_plain(kept[name])}
    sources = [each if isinstance(each, str) else f"entity/{key}" for each, key in (
        (kept.get("source"), asked.keep), (gone.get("source"), asked.gone)
    )]  # fmt: skip
    if sources[0] == sources[1]:
        sources = [f"entity/{asked.keep}", f"entity/{asked.gone}"]
    stated = [
        ClaimStatement(said, asked.keep, name, value=value, scope=asked.scope)
        for name, other in plain.items()
        for said, value in ((sources[0], kept[name]), (sources[1], other))
    ]
    if not stated:
        return []
    await source_ids(connection, passages.layout, sources, make=True)
    written = await write_claims(connection, passages, stated)
    await connection.execute(passages.layout.sql("merge", "stale_topics"), list(written.topics))
    return sorted(written.created)


async def move_back(
    connection: asyncpg.Connection, layout: Layout, keys: tuple[str, str], record: Mapping[str, Any]
) -> None:
    """Move claims back to the topics before the merge. Keys: of the kept entity, and of the restored one."""
    claims = record["claims"]
    _, gone = keys
    await connection.execute(layout.sql("merge", "withdraw_claims"), record["contested"])
    await connection.execute(layout.sql("merge", "stale_topics_of_claims"), record["contested"])
    topics = list(map(list, zip(*claims["topics"], strict=True))) or [[], [], []]
    await connection.execute(layout.sql("merge", "topics_again"), *topics)
    led = list(map(list, zip(*claims["led"], strict=True))) or [[], []]
    await connection.execute(layout.sql("merge", "claims_again"), *led)
    await connection.execute(layout.sql("merge", "open_claims"), claims["ended"])
    await connection.execute(layout.sql("merge", "name_again"), claims["renamed"], gone)
    handed = list(map(list, zip(*record["handed"], strict=True))) or [[], []]
    await connection.execute(layout.sql("merge", "give_claims_back"), *handed)
    await connection.execute(layout.sql("merge", "open_claims"), record["ended"])
    await connection.execute(layout.sql("merge", "stale_topics"), claims["stale"])
    touched = [*claims["renamed"], *handed[0], *record["ended"], *claims["ended"]]
    await connection.execute(layout.sql("merge", "stale_topics_of_claims"), touched)


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float | bool) or (isinstance(value, str) and len(value) <= _LONGEST)
