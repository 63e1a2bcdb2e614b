"""The side of the benchmark: environments of peers, and their processes, with time limits."""

import hashlib
import json
import os
import select
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.rig.machine import together

_ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = Path(__file__).parent / "requirements"
INSTALL_LIMIT = 900.0


class NotRunError(Exception):
    """A peer is not measured (further); the text says why."""


def environments() -> Path:
    """Return the folder of the peers' environments: KGMEM_TEST_PEERS, or one below the temporary folder."""
    return Path(os.environ.get("KGMEM_TEST_PEERS") or Path(tempfile.gettempdir()) / "kgmem-peers")


def installed(requirements: Path, limit: float = INSTALL_LIMIT) -> str:
    """Return the Python of an environment with these requirements, which is made once. Raises NotRunError."""
    version = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = environments() / f"{requirements.stem}-{version}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return str(python)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]
    try:
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise NotRunError(f"not installed within {limit:.0f} s") from None
    except subprocess.CalledProcessError as error:
        lines = str(error.stderr or error).strip().splitlines() or [""]
        raise NotRunError(f"not installed: {lines[-1]}") from None
    except OSError as error:
        raise NotRunError(f"not installed: {error}") from None
    (folder / "complete").touch()
    return str(python)


class Peer:
    """The process of a peer."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        """Start it; what it prints besides answers goes to a file in its folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder.with_suffix(".log")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KGMEM_")}
        path = os.pathsep.join((str(_ROOT), str(_ROOT / "api")))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**inherited, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
                start_new_session=True,
            )
        self._rest = b""

    def call(self, task: str, value: Any = None, *, limit: float = 60.0) -> dict[str, Any]:
        """Return the answer to one request. Raises NotRunError where the process hangs, ends or answers otherwise."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"task": task, "value": value}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise NotRunError(f"{task}: the process ended: {self._told()}") from None
        line = self._line(task, limit)
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not {"found", "cannot", "error"} & set(answer):
            raise NotRunError(f"{task}: no answer of the protocol: {line[:80]!r}")
        return answer

    def _line(self, task: str, limit: float) -> bytes:
        assert self._process.stdout is not None
        output = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            if not select.select([output], [], [], limit)[0]:
                self.kill()
                raise NotRunError(f"{task}: no answer within {limit:g} s")
            part = os.read(output, 1 << 16)
            if not part:
                raise NotRunError(f"{task}: the process ended: {self._told()}")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def megabytes(self) -> float:
        """Return the memory of the process and of those that it started or names (a daemon has its own session)."""
        named = self.call("processes").get("found") or []
        told = subprocess.run(["ps", "-eo", "pid=,sid="], capture_output=True, text=True, check=True).stdout
        pairs = [line.split() for line in told.splitlines()]
        ours = {self._process.pid, *named} | {int(pid) for pid, session in pairs if int(session) == self._process.pid}
        return together([pid for pid in ours if Path(f"/proc/{pid}").exists()])

    def close(self) -> None:
        """Let the process end by itself; one that does not within 20 s is killed."""
        self._end_input()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self.kill()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()
        self._end_input()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _end_input(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # What was not read by a process that ended.
            self._process.stdin.close()

    def _told(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines() or ["it printed nothing"]
        return lines[-1][:200]


def worker(python: str, name: str, folder: Path, data: Path) -> Peer:
    """Start the worker of an adapter."""
    return Peer([python, "-m", "bench.rig.peers.worker", name, str(folder), str(data)], folder)


def own_python() -> str:
    """Return the Python that kgmem and the floor are run by."""
    return sys.executable
