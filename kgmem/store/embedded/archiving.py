"""Whether the embedded Postgres archives its WAL: a file in its home says where, and each start makes settings of it.

The settings are made at each start, so that they name the Python of this kgmem, wherever it was installed meanwhile. A
restored copy has no such file: it never writes into the archive that it comes from.
"""

import json
import os
import shlex
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kgmem.domain.errors import ServerError
from kgmem.store.embedded import archive_command
from kgmem.store.embedded.access import open_private
from kgmem.store.embedded.account import Account

FILE = "archive.json"
# Settings that take effect at a reload; archive_mode needs a restart.
OFF: Mapping[str, str] = {"archive_mode": "off", "archive_command": "", "archive_timeout": "0"}


@dataclass(frozen=True, slots=True)
class Archiving:
    """Where WAL is archived, whom it is encrypted for, and the seconds after which a segment is not waited for."""

    archive: str
    recipients: Sequence[str] = ()
    timeout: int = 60

    def settings(self) -> dict[str, str]:
        """Return the settings of Postgres."""
        options = ["--archive", self.archive, *(f"--recipient={each}" for each in self.recipients)]
        # Postgres replaces %p and %%; a folder's name may have such a sign.
        command = shlex.join([*command_line(), "push", *options]).replace("%", "%%") + " %p"
        return {
            "archive_mode": "on",
            "archive_command": command,
            "archive_timeout": str(self.timeout),
            "summarize_wal": "on",
        }


def command_line() -> list[str]:
    """Return how Postgres runs the script, isolated from the environment of whoever started it."""
    return [sys.executable, "-I", str(Path(archive_command.__file__).resolve())]


def read_archiving(home: Path) -> Archiving | None:
    """Return what is set up in a home; None where WAL is not archived. Raises ServerError for a damaged file."""
    path = home / FILE
    if not path.exists():
        return None
    try:
        return Archiving(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ServerError(
            f"{path} is damaged, so Postgres would not archive its WAL.",
            hint="Run kgmem backup archive on again, or remove the file to run without an archive.",
        ) from error


def write_archiving(home: Path, archiving: Archiving | None) -> None:
    """Set up archiving for the next starts of a home, or end it."""
    path = home / FILE
    if archiving is None:
        path.unlink(missing_ok=True)
        return
    partial = path.with_suffix(".partial")
    with os.fdopen(open_private(partial, os.O_WRONLY | os.O_TRUNC), "w") as file:
        json.dump(asdict(archiving), file, default=list)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def settings_of(home: Path) -> dict[str, str]:
    """Return the settings of Postgres that follow from what is set up in a home."""
    archiving = read_archiving(home)
    return archiving.settings() if archiving else {}


def let_run(account: Account, report: Callable[[str], None]) -> None:
    """Make sure that an account can run the script. Raises ServerError."""
    if not account.foreign:
        return
    folders = {
        Path(sys.executable).parent,
        Path(sys.executable).resolve().parent,
        Path(archive_command.__file__).parent,
    }
    folders |= {Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")}
    for folder in sorted(folders):
        account.reach(folder.resolve(), report)
        account.reach(folder, report)
    tried = account.run([*command_line(), "--help"])
    if tried.returncode != 0:
        raise ServerError(
            f"The user {account.name}, as whom Postgres runs, cannot run {shlex.join(command_line())}: "
            f"{tried.stderr.strip()[-300:]}",
            hint="Install kgmem where that user can read it (chmod a+rX), or run kgmem as an ordinary user.",
        )
