"""The two lanes of an import do not wait for each other: no deadlock is met, whatever order files name labels in."""

from pathlib import Path

import asyncpg

from tests.imports import write_lines
from tests.memories import opened_memory

LABELS = ("Person", "Place", "Organization", "Event", "Work")
# Counts of sessions that ended; a session that is still open keeps some for itself.
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


async def test_entities_of_several_labels_in_any_order_meet_no_deadlock(database_url: str, tmp_path: Path) -> None:
    files = []
    for number in range(16):
        labels = LABELS if number % 2 else LABELS[::-1]
        rows = [
            {"type": "entity", "key": f"e{number}-{n}", "label": labels[n % len(labels)], "name": f"name {n}"}
            for n in range(100)
        ]
        files.append(write_lines(tmp_path / f"{number}.jsonl", rows))
    async with opened_memory(database_url) as memory:
        await memory.graphs.create("facts")
        result = await memory.imports.run("facts", files)
        assert result.created == 1600

    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval(DEADLOCKS) == 0
    finally:
        await connection.close()
