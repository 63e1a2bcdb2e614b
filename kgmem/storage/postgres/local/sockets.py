"""The folder of the Unix socket: private, and short enough for the kernel."""

import re
import shutil
import stat
import tempfile
from pathlib import Path

from kgmem.storage.postgres.local.account import Account

# macOS takes 103 bytes for the whole path of a socket, Linux 107.
LONGEST = 103

# The folder of those whose home is too deep; TMPDIR may be deep itself.
SHORT = Path("/tmp")  # noqa: S108 - mkdtemp makes folders in it that nobody else can enter
_PREFIX = "kgmem-"

# Commas part hosts and quotes end values, so such a path would need care in every client.
_PLAIN = re.compile(r"[\w./+~=@ -]+")


def choose_socket_folder(home: Path, used_before: Path | None, account: Account) -> Path:
    """A folder for the socket that only the account may enter: `<home>/run`, or a short one elsewhere.

    The folder used before is taken again where that is safe, so that clients find the same address after a crash.
    """
    wished = home / "run"
    if len(bytes(wished / ".s.PGSQL.65535")) <= LONGEST and _PLAIN.fullmatch(str(wished)):
        account.make_folder(wished)
        folder = wished
    elif used_before is not None and _is_ours(used_before, account):
        folder = used_before
    else:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=SHORT))
        account.give(folder)
    # A socket's lock file names a process too, whose number may belong to another one by now.
    for left in folder.glob(".s.PGSQL.*"):
        left.unlink()
    return folder


def _is_ours(folder: Path, account: Account) -> bool:
    """Whether it is a short folder of this account that nobody else could have prepared."""
    if folder.parent != SHORT or not folder.name.startswith(_PREFIX) or not folder.exists():
        return False
    about = folder.lstat()
    return stat.S_ISDIR(about.st_mode) and about.st_uid == account.uid and stat.S_IMODE(about.st_mode) == 0o700


def discard_socket_folder(folder: Path, account: Account) -> None:
    """Remove a short folder that is not needed any more; one below the home stays."""
    if _is_ours(folder, account):
        shutil.rmtree(folder)
