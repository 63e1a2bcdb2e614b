"""`kgmem jobs`: what waits in the background, and for how long."""

import asyncio

from kgmem.store.jobs.queue import open_queue
from tests.cli import Command


def test_jobs_are_listed_with_the_age_of_the_oldest_that_waits(kgmem: Command, database_url: str) -> None:
    assert kgmem("jobs").out == "0 waiting; 0 running; 0 failed.\n"

    async def ask() -> None:
        async with open_queue(database_url) as queue:
            await queue.defer("rebuild", graph="apollo")
            await queue.defer("rebuild", graph="gemini")
        await asyncio.sleep(0.2)  # The age is shown in tenths of a second.

    asyncio.run(ask())

    told = kgmem("jobs", "--graph", "apollo", "--json").json
    assert (told["waiting"], told["running"], told["failed"]) == (2, 0, 0)
    assert 0 < told["oldest_waiting_seconds"] < 600
    assert [(job["task"], job["graph"], job["status"]) for job in told["jobs"]] == [("rebuild", "apollo", "waiting")]
    lines = kgmem("jobs").out.splitlines()
    assert lines[0].startswith("2 waiting, the oldest for ")
    assert sum("rebuild" in line for line in lines) == 2
    assert kgmem("jobs", "--status", "failed").out.splitlines()[1:] == []
    refused = kgmem("jobs", "--status", "lost")
    assert refused.code == 2
    assert "waiting, running" in refused.err
