"""Three servers of Postgres under Patroni and etcd on loopback ports: docker/ha/patroni.yml, the embedded programs.

Needs `etcd` on the path, and a Python environment with Patroni, which is made on first use.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from bench.contract import SkippedError
from bench.rig.network import Network
from bench.rig.server import free_port
from kgmem.store.embedded.account import Account, account_for
from kgmem.store.embedded.binaries import ENVIRONMENT, find_binaries
from kgmem.store.embedded.postmaster import processes_of

CONFIGURATION = Path(__file__).parents[2] / "docker" / "ha" / "patroni.yml"
DATABASE = "kgmem"
_PASSWORD = "on-loopback-for-some-minutes"
_PATRONI = ["patroni[etcd3]>=4,<5", "psycopg[binary]>=3.2,<4"]
_UP = 120.0
_FOLLOWS = 60.0


@dataclass
class Node:
    """One server with its Patroni."""

    name: str
    home: Path
    data: Path
    port: int
    rest: int
    address: str = "127.0.0.1"
    inside: Sequence[str] = ()  # What begins its commands, where it is in a network of its own.
    number: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    async def state(self, client: httpx.AsyncClient) -> Mapping[str, Any]:
        """Return what Patroni says of itself; {} where it does not answer."""
        with suppress(httpx.HTTPError):
            return dict((await client.get(f"http://{self.address}:{self.rest}/patroni", timeout=2)).json())
        return {}


@dataclass
class Nodes:
    """The cluster: which node leads it, and what may happen to that."""

    folder: Path
    account: Account
    patroni: Path
    nodes: list[Node] = field(default_factory=list)
    client: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)
    etcd: "subprocess.Popen[bytes] | None" = None
    etcd_port: int = 0
    address: str = "127.0.0.1"  # Of etcd, and of the clients.

    @property
    def url(self) -> str:
        """The URL that names all nodes."""
        hosts = ",".join(f"{node.address}:{node.port}" for node in self.nodes)
        return f"postgresql://postgres:{_PASSWORD}@{hosts}/{DATABASE}"

    def start(self, node: Node) -> None:
        """Start a node's Patroni, which starts its Postgres."""
        own = {
            "PATRONI_NAME": node.name,
            "PATRONI_ETCD3_HOSTS": f"{self.address}:{self.etcd_port}",
            "PATRONI_RESTAPI_LISTEN": f"{node.address}:{node.rest}",
            "PATRONI_RESTAPI_CONNECT_ADDRESS": f"{node.address}:{node.rest}",
            "PATRONI_POSTGRESQL_LISTEN": f"{node.address}:{node.port}",
            "PATRONI_POSTGRESQL_CONNECT_ADDRESS": f"{node.address}:{node.port}",
            "PATRONI_POSTGRESQL_DATA_DIR": str(node.data),
            "PATRONI_POSTGRESQL_BIN_DIR": str(find_binaries().folder / "bin"),
            "PATRONI_SUPERUSER_PASSWORD": _PASSWORD,
            "PATRONI_REPLICATION_PASSWORD": _PASSWORD,
            "PATRONI_REWIND_PASSWORD": _PASSWORD,
            "HOME": str(node.home),
        }
        with (self.folder / f"{node.name}.log").open("ab") as log:
            as_account = {} if node.inside else self.account.process()
            node.process = subprocess.Popen(
                [*node.inside, str(self.patroni), str(self.folder / "patroni.yml")],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                **{"cwd": "/", "umask": 0o077, **as_account, "env": {**ENVIRONMENT, **own}},
            )

    async def leader(self) -> Node:
        """Return the node that takes writes, once there is one."""
        return await self._when(lambda state: state.get("role") == "primary" and state.get("state") == "running")

    async def followers(self, count: int) -> None:
        """Wait until so many nodes follow the leader, one of them synchronously."""

        async def ready() -> bool:
            members = (await self._cluster()).get("members", [])
            roles = [each["role"] for each in members if each["state"] in {"running", "streaming"}]
            return len(roles) == count + 1 and "leader" in roles and "sync_standby" in roles

        await self.until(ready, _FOLLOWS)

    async def copy_again(self) -> int:
        """Have nodes that do not follow copy the leader's data; returns how many there are."""
        members = (await self._cluster()).get("members", [])
        stuck = {each["name"] for each in members if each["state"] not in {"running", "streaming"}}
        for node in self.nodes:
            if node.name in stuck:
                address = f"http://{node.address}:{node.rest}/reinitialize"
                with suppress(httpx.HTTPError):  # It is tried again while the node does not follow.
                    await self.client.post(address, json={"force": True}, timeout=60)
        return len(stuck)

    def kill(self, node: Node, *, whole: bool) -> None:
        """Kill a node's Postgres, and with `whole` its Patroni first, as a machine that dies does."""
        if whole and node.process is not None:
            node.process.kill()
            node.process.wait()
        for pid in processes_of(node.data):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def switch(self, leader: Node) -> None:
        """Have another node lead, in order."""
        answer = await self.client.post(
            f"http://{leader.address}:{leader.rest}/switchover", json={"leader": leader.name}, timeout=60
        )
        answer.raise_for_status()

    async def _cluster(self) -> Mapping[str, Any]:
        for node in self.nodes:
            with suppress(httpx.HTTPError):
                return dict((await self.client.get(f"http://{node.address}:{node.rest}/cluster", timeout=2)).json())
        return {}

    async def _when(self, holds: Callable[[Mapping[str, Any]], bool]) -> Node:
        found: list[Node] = []

        async def look() -> bool:
            found[:] = [node for node in self.nodes if holds(await node.state(self.client))]
            return bool(found)

        await self.until(look)
        return found[0]

    async def until(self, holds: Callable[[], Awaitable[bool]], seconds: float = _UP) -> None:
        """Wait until a condition holds. Raises RuntimeError with what the nodes logged when it never does."""
        until = time.monotonic() + seconds
        while not await holds():
            if time.monotonic() > until:
                told = "\n".join(path.read_text()[-1500:] for path in self.folder.glob("*.log"))
                raise RuntimeError(f"The cluster did not come up:\n{told}")
            await asyncio.sleep(0.1)


@asynccontextmanager
async def three_nodes(folder: Path, net: Network | None = None) -> AsyncIterator[Nodes]:
    """Run the cluster with an empty database, on loopback or in a network of its own.

    Raises SkippedError where etcd or Patroni cannot be had.
    """
    folder.chmod(0o755)  # noqa: ASYNC240 - a moment
    account = account_for(folder, folder)
    nodes = Nodes(folder, account, await asyncio.to_thread(_patroni))
    shutil.copy(CONFIGURATION, folder / "patroni.yml")
    nodes.nodes = [
        Node(f"node{n}", folder / f"home{n}", folder / f"home{n}" / "data", free_port(), free_port()) for n in (1, 2, 3)
    ]
    if net is not None:
        nodes.address = net.here
        for number, node in enumerate(nodes.nodes, 1):
            node.address, node.inside, node.number = net.address(number), net.inside(number, account), number
    for node in nodes.nodes:
        account.make_folder(node.home)
        account.make_folder(node.data)
    try:
        _start_etcd(nodes)
        for node in nodes.nodes:
            nodes.start(node)
        leader = await nodes.leader()
        await nodes.followers(2)
        address = f"postgresql://postgres:{_PASSWORD}@{leader.address}:{leader.port}/postgres"
        connection = await asyncpg.connect(address)
        await connection.execute(f"CREATE DATABASE {DATABASE}")
        await connection.close()
        yield nodes
    finally:
        await nodes.client.aclose()
        for node in nodes.nodes:
            nodes.kill(node, whole=True)
        if nodes.etcd is not None:
            nodes.etcd.kill()
            nodes.etcd.wait()


def _start_etcd(nodes: Nodes) -> None:
    program = shutil.which("etcd")
    if program is None:
        raise SkippedError("etcd is not on the path (Debian: apt install etcd-server)")
    nodes.etcd_port, peer = free_port(), free_port()
    here, there = f"http://{nodes.address}:{nodes.etcd_port}", f"http://{nodes.address}:{peer}"
    command = [program, "--data-dir", str(nodes.folder / "etcd"), "--name", "one"]
    command += ["--listen-client-urls", here, "--advertise-client-urls", here, "--listen-peer-urls", there]
    command += ["--initial-advertise-peer-urls", there, "--initial-cluster", f"one={there}"]
    with (nodes.folder / "etcd.log").open("ab") as log:
        nodes.etcd = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def _patroni() -> Path:
    """Return the program of Patroni, in an environment of its own that is kept."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path("/var/tmp/kgmem-patroni") if os.geteuid() == 0 else home / "kgmem-patroni"
    program = folder / "bin" / "patroni"
    if not (folder / ".ready").exists():
        made = [[sys.executable, "-m", "venv", "--clear", str(folder)],
                [str(folder / "bin" / "pip"), "install", "--quiet", *_PATRONI]]  # fmt: skip
        for command in made:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SkippedError(f"Patroni cannot be installed: {done.stderr[-300:]}")
        (folder / ".ready").touch()
    return program
