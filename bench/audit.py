"""What the audit log costs: the p50 of recalls over REST that are noted, beside recalls that are not.

Both take turns, each on a graph of the same short texts, one of which is audited with its reads.
"""

import time
from collections.abc import AsyncIterator
from statistics import median

import httpx

from bench.contract import Figure, compared
from bench.rig.database import fresh_database, memory_on, settings_for
from kgmem import Episode
from kgmem_api.app import close, create_app

ROWS = 2_000
SHORT = 500
_ROUNDS = 600
_GRAPHS = {"audited": True, "plain": False}


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of recalls that are noted and of others, in milliseconds."""
    async with fresh_database() as url, memory_on(url) as memory:
        for graph in _GRAPHS:
            await memory.graphs.create(graph)
            texts = [Episode(f"Grace drinks tea number {n} in town {n % 97}.", f"n{n}") for n in range(rows)]
            for first in range(0, rows, 500):
                await memory.episodes.put(graph, texts[first : first + 500])
            await memory.embeddings.run(graph)
        await memory.audit.set_level("audited", "all")
        _, secret = await memory.keys.create("bench", "reader")
        app = create_app(memory, settings=settings_for(url))
        times: dict[bool, list[float]] = {True: [], False: []}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://localhost",
            headers={"Authorization": f"Bearer {secret}"},
        ) as client:
            for number in range(_ROUNDS):
                body = {"what": {"text": f"Who drinks tea in town {number % 97}?"}}
                for graph in _GRAPHS if number % 2 else reversed(_GRAPHS):
                    started = time.perf_counter()
                    (await client.post(f"/v1/graphs/{graph}/recall", json=body)).raise_for_status()
                    times[_GRAPHS[graph]].append(time.perf_counter() - started)
        await close(app)
        noted = await memory.audit.verify()
        if noted.entries < _ROUNDS or noted.broken is not None:
            raise RuntimeError(f"{noted.entries} of {_ROUNDS} recalls were noted.")
    yield compared("recall over REST, p50", 1000 * median(times[True]), 1000 * median(times[False]), "ms", at_most=1.05)
