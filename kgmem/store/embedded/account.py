"""The account of this machine that Postgres runs as; Postgres refuses to run as root."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgmem.domain.errors import ServerError
from kgmem.store.embedded.access import allow_search
from kgmem.store.embedded.binaries import ENVIRONMENT

if sys.platform != "win32":
    import pwd

# macOS brings an account for Postgres; elsewhere kgmem makes one of its own.
SYSTEM_ACCOUNT = "_postgres" if sys.platform == "darwin" else "kgmem"

_CREATORS = (
    f"useradd --system --user-group --no-create-home --home-dir / --shell /usr/sbin/nologin {SYSTEM_ACCOUNT}",
    # Busybox, where useradd does not exist.
    f"adduser -S -D -H {SYSTEM_ACCOUNT}",
)


@dataclass(frozen=True, slots=True)
class Account:
    """An account of this machine; `foreign` when kgmem has to switch to it."""

    name: str
    uid: int
    gid: int
    foreign: bool = False

    def process(self) -> dict[str, Any]:
        """The arguments of subprocess that start a program as this account, without the caller's environment."""
        switch = {"user": self.uid, "group": self.gid, "extra_groups": []} if self.foreign else {}
        return {"env": ENVIRONMENT, "cwd": "/", "umask": 0o077, **switch}

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; its output is in the result."""
        try:
            return subprocess.run(  # noqa: S603 - only programs of Postgres and of the system come here
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **self.process()
            )
        except PermissionError as exc:
            raise ServerError(
                f"{command[0]} cannot be run as the user {self.name}: {exc.strerror}.",
                hint="Let that user read it and the files beside it (chmod a+rX), or run kgmem as an ordinary user.",
            ) from exc

    def clients(self) -> list[str]:
        """The accounts that may connect over the socket: this one, root, and the one that kgmem runs as."""
        return sorted({self.name, pwd.getpwuid(0).pw_name, pwd.getpwuid(os.geteuid()).pw_name})

    def give(self, path: Path) -> None:
        """Make this account the owner of a file or folder."""
        if self.foreign:
            os.chown(path, self.uid, self.gid)

    def make_folder(self, path: Path) -> None:
        """Make a folder that only this account (and root) may enter; keep it when it exists."""
        path.mkdir(mode=0o700, exist_ok=True)
        self.give(path)

    def reach(self, folder: Path, report: Callable[[str], None]) -> None:
        """Make sure that this account can enter a folder; ServerError when that would need someone else's consent."""
        if not self.foreign or self._enters(folder):
            return
        for step in reversed([folder, *folder.parents]):
            if not self._enters(step):
                allow_search(step, self.name, self.uid)
                report(f"Gave the user {self.name} the right to pass through {step}.")
        if not self._enters(folder):
            raise ServerError(
                f"Postgres runs as the user {self.name}, who cannot enter {folder}.",
                hint="Set KGMEM_HOME to a folder elsewhere, or run kgmem as an ordinary user.",
            )

    def _enters(self, folder: Path) -> bool:
        return self.run(["/bin/sh", "-c", 'cd "$0"', str(folder)]).returncode == 0


def account_for(home: Path, data: Path) -> Account:
    """The account for a data folder: kgmem's own, or for root the folder's owner, or else a system account."""
    uid = os.geteuid()
    if uid != 0:
        return _own_account(uid)
    owners = (path.stat().st_uid for path in (data, home) if path.exists())
    owner = next((owner for owner in owners if owner != 0), None)
    entry = pwd.getpwuid(owner) if owner is not None else _system_account()
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, foreign=True)


def _own_account(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as exc:
        raise ServerError(
            f"The user id {uid} has no name on this machine, and Postgres needs one.",
            hint="Run kgmem as a user that /etc/passwd names.",
        ) from exc
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _system_account() -> "pwd.struct_passwd":
    """The system account, made when it is missing."""
    found = _look_up(SYSTEM_ACCOUNT)
    if found is not None:
        return found
    said = ""
    for command in _CREATORS:
        try:
            done = subprocess.run(command.split(), capture_output=True, text=True, check=False)  # noqa: S603 - constants
        except FileNotFoundError as exc:
            said = f"{said} {exc.filename} is not installed."
        else:
            said = f"{said} {done.stderr.strip()}"
        # Another kgmem may have made it meanwhile, so the outcome counts and not who made it.
        found = _look_up(SYSTEM_ACCOUNT)
        if found is not None:
            return found
    raise ServerError(
        f"Postgres does not run as root, and the system user {SYSTEM_ACCOUNT} could not be made:{said}",
        hint=f"Make the user with `{_CREATORS[0]}`, or run kgmem as an ordinary user.",
    )


def _look_up(name: str) -> "pwd.struct_passwd | None":
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
