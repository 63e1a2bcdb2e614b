"""A network of this machine alone: a bridge, and for each node a namespace whose cable can be pulled. Needs root."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from bench.contract import SkippedError
from kgmem.store.embedded.account import Account

_NET = "10.213.77"


@dataclass(frozen=True, slots=True)
class Network:
    """Namespaces on one bridge; the bridge's own address is that of this side."""

    mark: str
    count: int

    @property
    def here(self) -> str:
        """The address of this side."""
        return f"{_NET}.1"

    def address(self, node: int) -> str:
        """Return the address of a node, counted from 1."""
        return f"{_NET}.{node + 1}"

    def inside(self, node: int, account: Account | None = None) -> list[str]:
        """Return what begins a command that runs in a node's namespace, as an account."""
        command = ["ip", "netns", "exec", f"{self.mark}n{node}"]
        if account is not None:
            command += ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
        return command

    def cut(self, node: int) -> None:
        """Pull a node's cable: nothing comes or goes, and nobody is told."""
        _ip("link", "set", f"{self.mark}v{node}", "down")

    def mend(self, node: int) -> None:
        """Plug a node's cable in."""
        _ip("link", "set", f"{self.mark}v{node}", "up")


@contextmanager
def network(count: int) -> Iterator[Network]:
    """Make a network of so many nodes, and remove it in the end. Raises SkippedError where that is not allowed."""
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("setpriv"):
        raise SkippedError("network namespaces need root, ip and setpriv")
    made = Network(f"kg{secrets.token_hex(2)}", count)
    bridge = f"{made.mark}b"
    try:
        try:
            _ip("link", "add", bridge, "type", "bridge")
            _ip("address", "add", f"{made.here}/24", "dev", bridge)
            _ip("link", "set", bridge, "up")
            for node in range(1, count + 1):
                space, ours, theirs = (f"{made.mark}{kind}{node}" for kind in "nvp")
                _ip("netns", "add", space)
                _ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", space)
                _ip("link", "set", ours, "master", bridge, "up")
                _ip("-n", space, "address", "add", f"{made.address(node)}/24", "dev", theirs)
                _ip("-n", space, "link", "set", theirs, "up")
                _ip("-n", space, "link", "set", "lo", "up")
        except subprocess.CalledProcessError as error:
            raise SkippedError(f"network namespaces cannot be made here: {error.stderr.decode()[:200]}") from error
        yield made
    finally:
        for command in (
            *(("netns", "delete", f"{made.mark}n{node}") for node in range(1, count + 1)),
            *(("link", "delete", f"{made.mark}v{node}") for node in range(1, count + 1)),
            ("link", "delete", bridge),
        ):
            with suppress(subprocess.CalledProcessError):
                _ip(*command)


def _ip(*command: str) -> None:
    told: Sequence[str] = ["ip", *command]
    subprocess.run(told, check=True, capture_output=True)
