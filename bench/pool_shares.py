"""Which share of the connections one caller may hold (KGMEM_POOL_SHARE): what that costs it, and what others gain.

One server process a share, each with a pool of POOL connections, all over one database: the light and the heavy tenant
of `neighbours`. What others gain: the p95 of the light tenant's recalls beside CALLERS heavy queries of the other,
against the same recalls alone in the same round. What it costs: the recalls a second of CALLERS callers of one key on
one graph, who have the server to themselves; the baseline is a caller that may hold the whole pool. Shares in
turns; the median of the rounds.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from statistics import median

from bench.contract import Figure, compared
from bench.neighbours import CALLERS, HEAVY, heavy_beside, load, p95_of, recalls
from bench.rig.client import LoadMaker
from bench.rig.database import fresh_database, settings_for
from bench.rig.server import serving
from kgmem.bootstrap import open_memory

ROWS = 5_000
SHORT = 500
POOL = 10
SHARES = (2, 3, 5, 10)
ROUNDS = 3
RECALLS = 30
_HEAVY = HEAVY["the database"]  # What holds connections; the others hold a processor.


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Give, for each share, the p95 of others' recalls beside heavy queries, and the rate of one caller's own."""
    async with (
        fresh_database() as url,
        open_memory(settings_for(url, embedder="hash"), migrating=True) as memory,
        AsyncExitStack() as stack,
    ):
        await load(memory, rows)
        _, heavy = await memory.keys.create("heavy", "reader", graph="heavy")
        alone: dict[int, list[float]] = {share: [] for share in SHARES}
        beside: dict[int, list[float]] = {share: [] for share in SHARES}
        rates: dict[int, list[float]] = {share: [] for share in SHARES}
        doors = {}
        for share in SHARES:
            settings = {"EMBEDDER": "hash", "POOL_SIZE": str(POOL), "POOL_SHARE": str(share), "WORKER": "false"}
            doors[share] = await stack.enter_async_context(serving(url, memory, **settings))
        makers = {share: LoadMaker(door) for share, door in doors.items()}
        for maker in makers.values():
            stack.callback(maker.close)
        for share, door in doors.items():
            makers[share].hammer(recalls(door, rows), CALLERS)  # Warms up.
        for _ in range(ROUNDS):
            for share, door in doors.items():
                messages = recalls(door, rows)
                alone[share].append(p95_of(door, messages[:RECALLS]))
                with heavy_beside(replace(door, secret=heavy), _HEAVY):
                    beside[share].append(p95_of(door, messages[:RECALLS]))
                rates[share].append(makers[share].hammer(messages * 5, CALLERS).rate)
    for share in SHARES:
        ratios = [there / here for there, here in zip(beside[share], alone[share], strict=True)]
        base = median(alone[share])
        name = f"share {share} of {POOL}: p95 of others' light recalls beside heavy queries"
        yield compared(name, median(ratios) * base, base, "ms")
        own = f"share {share} of {POOL}: recalls of one key's {CALLERS} callers"
        yield compared(own, median(rates[share]), median(rates[POOL]), "recalls/s")
