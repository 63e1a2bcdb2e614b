"""How long writes stop when the primary of three servers dies or is switched, and that none is lost.

Three servers under Patroni and etcd on loopback ports (docker/ha/patroni.yml), with synchronous replication. Four
callers write entities over REST to one kgmem server, each again with the same key until it is acknowledged; another one
inserts rows by asyncpg, connecting again by itself, which is the baseline. In each round the leader's machine dies
(Patroni and Postgres by kill -9), or its Postgres alone, or another node is asked to lead. Then it starts again and has
to follow. Writes stop from the last acknowledgement before to the first one after. In the end everything that was
acknowledged is looked up. Last, where this machine has network namespaces, each node is in one, and the cable of the
leader is pulled: it may acknowledge nothing that the others do not have, neither before nor after another node leads.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import asyncpg
import httpx

from bench.contract import Figure, SkippedError, alone, compared, within
from bench.rig.network import Network, network
from bench.rig.nodes import Node, Nodes, three_nodes
from bench.rig.server import ServerProcess
from kgmem.bootstrap import open_memory
from kgmem.settings import Settings

ROWS = 10  # Rounds of each kind.
SHORT = 1
GRAPH = "failover"
_CALLERS = 4
_STEADY = 2.0  # Seconds of work before and after.


@dataclass(slots=True)
class _Writes:
    """When writes were acknowledged, and which."""

    at: list[float] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def note(self, key: str) -> None:
        self.at.append(time.monotonic())
        self.keys.append(key)

    def gap(self, moment: float) -> float:
        """Return the longest time without an acknowledgement that ends after a moment."""
        pairs = zip(self.at, self.at[1:], strict=False)
        return max(later - earlier for earlier, later in pairs if later >= moment)

    def since(self, moment: float) -> bool:
        return bool(self.at) and self.at[-1] > moment


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return seconds without a write, and lost writes."""
    with tempfile.TemporaryDirectory(prefix="kgmem-ha-", dir="/var/tmp") as folder:
        async with three_nodes(Path(folder)) as nodes, _server(nodes, Path(folder)) as (client, settings):
            ours, raw, again = _Writes(), _Writes(), list[int]()
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                for caller in range(_CALLERS):
                    group.create_task(_write(client, caller, ours, stop))
                group.create_task(_insert(nodes.url, raw, stop))
                kinds: list[tuple[str, Callable[[Nodes, Node], Awaitable[None]], float]] = [
                    ("machine of the leader dies", _die, 25.0),
                    ("Postgres of the leader dies", _crash, 15.0),
                    ("another node is asked to lead", _switch, 5.0),
                ]
                for name, change, most in kinds:
                    gaps = [await _round(nodes, change, ours, raw, again) for _ in range(rows)]
                    mine, theirs = [gap for gap, _ in gaps], [gap for _, gap in gaps]
                    yield compared(f"writes stop, {name}, median", median(mine), median(theirs), "s")
                    yield within(compared(f"writes stop, {name}, longest", max(mine), max(theirs), "s"), most)
                stop.set()
            yield alone("nodes that had to be copied again", sum(again), "nodes", f"of {3 * rows} that changed")
            async with open_memory(settings) as memory:
                found = await _found(memory, ours.keys)
            yield within(alone("acknowledged writes lost", len(set(ours.keys)) - found, "writes",
                               f"of {len(ours.keys):,} that were acknowledged"), 0)  # fmt: skip
            connection = await asyncpg.connect(nodes.url, target_session_attrs="read-write")
            kept = await connection.fetchval("SELECT count(*) FROM raw")
            await connection.close()
            yield within(alone("acknowledged rows lost by SQL", max(0, len(raw.keys) - kept), "rows", "as above"), 0)
    try:
        async for figure in _cut_off(max(1, rows // 3)):
            yield figure
    except SkippedError as error:
        print(f"Not measured, the leader is cut off: {error}", file=sys.stderr)


async def _cut_off(rounds: int) -> AsyncIterator[Figure]:
    """Return seconds without a write when the leader is cut off, and what it acknowledged meanwhile and lost."""
    with (
        network(3) as net,
        tempfile.TemporaryDirectory(prefix="kgmem-ha-", dir="/var/tmp") as folder,
    ):
        async with three_nodes(Path(folder), net) as nodes, _server(nodes, Path(folder)) as (client, settings):
            ours, raw, stop = _Writes(), _Writes(), asyncio.Event()
            alone_acknowledged: list[str] = []
            async with asyncio.TaskGroup() as group:
                for caller in range(_CALLERS):
                    group.create_task(_write(client, caller, ours, stop))
                group.create_task(_insert(nodes.url, raw, stop))
                gaps = [await _cut(nodes, net, ours, raw, alone_acknowledged) for _ in range(rounds)]
                stop.set()
            mine, theirs = [gap for gap, _ in gaps], [gap for _, gap in gaps]
            yield within(compared("writes stop, the leader is cut off, longest", max(mine), max(theirs), "s"), 40)
            async with open_memory(settings) as memory:
                lost = len(set(ours.keys)) - await _found(memory, ours.keys)
            yield within(alone("acknowledged writes lost, the leader is cut off", lost, "writes",
                               f"of {len(ours.keys):,} that were acknowledged"), 0)  # fmt: skip
            connection = await asyncpg.connect(nodes.url, target_session_attrs="read-write")
            kept = {row["n"] for row in await connection.fetch("SELECT n FROM alone")}
            await connection.close()
            yield within(alone("rows that the leader acknowledged while cut off, and that are lost",
                               sum(int(each) not in kept for each in alone_acknowledged), "rows",
                               f"of {len(alone_acknowledged):,}: two leaders at once would lose some"), 0)  # fmt: skip


async def _cut(nodes: Nodes, net: Network, ours: _Writes, raw: _Writes, acknowledged: list[str]) -> tuple[float, float]:
    """Cut the leader off while somebody beside it goes on writing to it; returns the seconds without a write."""
    await nodes.followers(2)
    leader = await nodes.leader()
    at = f"{leader.address}:{leader.port}"
    address = nodes.url.replace(nodes.url[nodes.url.index("@") + 1 : nodes.url.rindex("/")], at)
    beside = await asyncio.create_subprocess_exec(
        *net.inside(leader.number), sys.executable, "-c", _BESIDE, address, stdout=asyncio.subprocess.PIPE
    )
    try:
        await asyncio.sleep(_STEADY)
        moment = time.monotonic()
        net.cut(leader.number)

        async def moved() -> bool:
            there = await nodes.leader() is not leader
            return there and ours.since(moment + 2 * _STEADY) and raw.since(moment + 2 * _STEADY)

        await nodes.until(moved)
        await asyncio.sleep(_STEADY)
    finally:
        beside.terminate()
        told, _ = await beside.communicate()
        net.mend(leader.number)
    acknowledged += told.decode().split()
    return ours.gap(moment), raw.gap(moment)


# Beside the leader: inserts rows, and prints the number of each that was acknowledged.
_BESIDE = """
import asyncio, asyncpg, sys, time
async def main():
    n = time.time_ns() // 1000
    while True:
        try:
            c = await asyncpg.connect(sys.argv[1], timeout=3)
            await c.execute("CREATE TABLE IF NOT EXISTS alone (n bigint PRIMARY KEY)", timeout=3)
            while True:
                n += 1
                await c.execute("INSERT INTO alone VALUES ($1)", n, timeout=60)
                print(n, flush=True)
                await asyncio.sleep(0.02)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            await asyncio.sleep(0.1)
asyncio.run(main())
"""


async def _found(memory: object, keys: list[str]) -> int:
    count = 0
    for key in set(keys):
        await memory.entities.get(GRAPH, key)  # type: ignore[attr-defined]
        count += 1
    return count


async def _round(
    nodes: Nodes,
    change: Callable[[Nodes, Node], Awaitable[None]],
    ours: _Writes,
    raw: _Writes,
    again: list[int],
) -> tuple[float, float]:
    """Make one change of the leader under writes; returns the seconds without a write of ours and by SQL."""
    try:
        await nodes.followers(2)
    except RuntimeError:
        again.append(await nodes.copy_again())
        with suppress(RuntimeError):
            await nodes.followers(2)
        await nodes.copy_again()
        await nodes.followers(2)
    leader = await nodes.leader()
    await asyncio.sleep(_STEADY)
    moment = time.monotonic()
    await change(nodes, leader)

    async def moved() -> bool:
        return await nodes.leader() is not leader and ours.since(moment + _STEADY) and raw.since(moment + _STEADY)

    await nodes.until(moved)
    await asyncio.sleep(_STEADY)
    gaps = ours.gap(moment), raw.gap(moment)
    if leader.process is None or leader.process.poll() is not None:
        nodes.start(leader)
    return gaps


async def _die(nodes: Nodes, leader: Node) -> None:
    nodes.kill(leader, whole=True)


async def _crash(nodes: Nodes, leader: Node) -> None:
    nodes.kill(leader, whole=False)


async def _switch(nodes: Nodes, leader: Node) -> None:
    await nodes.switch(leader)


async def _write(client: httpx.AsyncClient, caller: int, writes: _Writes, stop: asyncio.Event) -> None:
    n = 0
    while not stop.is_set():
        n += 1
        key = f"e{caller}-{n}"
        body = {"entities": [{"key": key, "label": "Note", "name": key}]}
        while not stop.is_set():
            with suppress(httpx.HTTPError):
                answer = await client.put(f"/v1/graphs/{GRAPH}/entities", json=body)
                if answer.status_code < 300:
                    writes.note(key)
                    break
                if answer.status_code not in {503, 504}:
                    raise RuntimeError(f"{answer.status_code}: {answer.text[:500]}")
            await asyncio.sleep(0.05)


async def _insert(url: str, writes: _Writes, stop: asyncio.Event) -> None:
    n, connection = 0, None
    while not stop.is_set():
        try:
            if connection is None:
                connection = await asyncpg.connect(url, target_session_attrs="read-write", timeout=4)
                await connection.execute("CREATE TABLE IF NOT EXISTS raw (n integer PRIMARY KEY)")
            await connection.execute("INSERT INTO raw VALUES ($1) ON CONFLICT DO NOTHING", n, timeout=30)
            writes.note(str(n))
            n += 1
            await asyncio.sleep(0.005)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            if connection is not None:
                connection.terminate()
            connection = None
            await asyncio.sleep(0.1)


@asynccontextmanager
async def _server(nodes: Nodes, folder: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Settings]]:
    settings = Settings(database_url=nodes.url, home=folder / "home", embedder="none")
    async with open_memory(settings, migrating=True) as memory:
        await memory.graphs.create(GRAPH, space=None)
        _, secret = await memory.keys.create("bench", "admin")
    server = ServerProcess({"DATABASE_URL": nodes.url, "HOME": str(folder / "home"), "EMBEDDER": "none"})
    try:
        await server.ready()
        headers = {"Authorization": f"Bearer {secret}"}
        address = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=70) as client:
            yield client, settings
    finally:
        await server.stop()
