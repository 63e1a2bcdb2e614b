"""The running Postgres of a data folder: what its pid file says, whether it lives, and how it is started and ended."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kgmem.domain.errors import ServerError
from kgmem.store.embedded.access import open_private
from kgmem.store.embedded.account import Account


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What `postmaster.pid` says of a running Postgres."""

    pid: int
    port: int
    socket_folder: Path
    ready: bool
    address: str = ""


def read_postmaster(data: Path) -> Postmaster | None:
    """The living Postgres of a data folder, or None when none runs (a pid file that was left behind counts as none)."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    # Postgres writes the file line by line: a short one belongs to a start that has just begun.
    if not lines or not lines[0].isdigit() or not runs_in(int(lines[0]), data):
        return None
    if len(lines) < 6:
        return Postmaster(int(lines[0]), 0, Path(), ready=False)
    ready = len(lines) >= 8 and lines[7].strip() in ("ready", "standby")
    return Postmaster(int(lines[0]), int(lines[3]), Path(lines[4]), ready=ready, address=lines[5].strip())


def is_alive(pid: int) -> bool:
    """Whether a process runs; a dead one that nobody has waited for does not."""
    try:
        # Postgres is kgmem's own child where kgmem is the first process of a container.
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass  # It is somebody else's child, so the next question decides.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) != "Z"


def _state(pid: int) -> str:
    """The state letter that Linux gives a process; empty elsewhere."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def cluster_name(data: Path) -> str:
    """The name of the cluster of a data folder; Postgres shows it in the title of each of its processes."""
    return "kgmem-" + hashlib.sha256(str(data).encode()).hexdigest()[:8]


def runs_in(pid: int, data: Path) -> bool:
    """Whether that process lives and is a Postgres process of this data folder, and not one that got its number."""
    return is_alive(pid) and _belongs(command_line(pid), data)


def _belongs(command: str, data: Path) -> bool:
    """Whether a command line is that of the first process of this cluster, or of one that it started.

    Command lines, because root in a container may not read the working folder of another user's process.
    """
    program = command.split(" -D ", 1)[0]
    first = program.endswith("/postgres") and f" -D {data} " in f"{command} "
    return first or command.startswith(f"postgres: {cluster_name(data)}: ")


def command_line(pid: int) -> str:
    """Return the command line of a process; empty where there is none."""
    if sys.platform != "linux":
        return dict(_listed_processes()).get(pid, "")
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _listed_processes() -> list[tuple[int, str]]:
    """Number and command line of all processes, where there is no /proc."""
    command = ["/bin/ps", "-axo", "pid=,command="]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a constant
    pairs = (line.split(None, 1) for line in listed.stdout.splitlines())
    return [(int(pair[0]), pair[1]) for pair in pairs if len(pair) == 2]


def processes_of(data: Path) -> list[int]:
    """Every process of the Postgres of this data folder, its sessions included."""
    return processes_where(lambda command: _belongs(command, data))


def processes_where(wanted: Callable[[str], bool]) -> list[int]:
    """Return the living processes of this machine whose command line is wanted."""
    if sys.platform == "linux":
        numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in numbers if wanted(command_line(pid)) and is_alive(pid)]
    return [pid for pid, command in _listed_processes() if wanted(command) and is_alive(pid)]


def launch(account: Account, command: list[str], log: Path) -> int:
    """Start a server in a session of its own, so that it outlives kgmem; return its process number."""
    # The shell ends at once and leaves the server to the system, so that kgmem has no child to wait for.
    script = '"$@" </dev/null >&2 & echo $!'
    with os.fdopen(open_private(log, os.O_WRONLY | os.O_APPEND), "ab") as file:
        started = subprocess.run(  # noqa: S603 - the command is a server with arguments of kgmem
            ["/bin/sh", "-c", script, "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=file,
            check=True,
            start_new_session=True,
            **account.process(),
        )
    return int(started.stdout)


async def end_all(data: Path, sign: signal.Signals, patience: float) -> bool:
    """Send a signal to every process of the data folder and wait until none is left; False when some are."""
    for pid in processes_of(data):
        send(pid, sign)
    return await _gone(data, patience)


def send(pid: int, sign: signal.Signals) -> None:
    """Send a signal; a process that has ended meanwhile is no error."""
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return
    except PermissionError as exc:
        raise ServerError(
            f"The server (process {pid}) runs as another user.",
            hint="Run the command as root or as that user.",
            pid=pid,
        ) from exc


async def _gone(data: Path, patience: float) -> bool:
    """Wait until no process of the data folder is left; False when some are after `patience` seconds."""
    return await until(lambda: not processes_of(data), patience)


async def ended(pid: int, patience: float) -> bool:
    """Wait until a process has ended; False when it has not after `patience` seconds."""
    return await until(lambda: not is_alive(pid), patience)


async def until(true: Callable[[], bool], patience: float) -> bool:
    """Wait until a condition holds; False when it does not after `patience` seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    while not true():
        if loop.time() > end:
            return False
        await asyncio.sleep(0.01)
    return True
