"""The digests of older parts of sessions: written with the message that completes a part."""

from collections.abc import Sequence

import asyncpg
import orjson

from kgmem.domain.agents.digest import PART, Digest, DigestSentence, completed, most_telling, sentences_of, span_of
from kgmem.domain.agents.session import SessionAddress
from kgmem.store.agents.session_rows import message_of
from kgmem.store.graph.layout import Layout

_FILE = "session_parts"


async def add_parts(connection: asyncpg.Connection, layout: Layout, session: int, before: int, after: int) -> None:
    """Store the digests of the parts that are complete with message `after`; `before` was the newest until now."""
    for level, place in completed(before, after):
        first, last = span_of(level, place)
        if level == 1:
            rows = await connection.fetch(layout.sql(_FILE, "between"), session, first, last)
            sentences = sentences_of(message_of(row, "") for row in rows)
        else:
            begin = place * PART
            rows = await connection.fetch(layout.sql(_FILE, "parts_of"), session, level - 1, begin, begin + PART - 1)
            sentences = [each for row in rows for each in _sentences(row["body"])]
        body = orjson.dumps(most_telling(sentences)).decode()
        await connection.execute(layout.sql(_FILE, "add_part"), session, level, place, body)


async def read_parts(
    connection: asyncpg.Connection, layout: Layout, session: SessionAddress, wanted: Sequence[tuple[int, int]]
) -> list[Digest]:
    """Return the digests of parts (level, place) in this order, without those that say nothing."""
    if not wanted:
        return []
    levels, places = zip(*wanted, strict=True)
    rows = await connection.fetch(layout.sql(_FILE, "parts"), session.scope, session.id, list(levels), list(places))
    found = {(row["level"], row["place"]): _sentences(row["body"]) for row in rows}
    return [Digest(*span_of(*part), found[part]) for part in wanted if found.get(part)]


def _sentences(body: str) -> list[DigestSentence]:
    return [DigestSentence(**each) for each in orjson.loads(body)]
