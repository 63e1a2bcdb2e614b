"""The side of the benchmark: environments of peers, and their processes, with time limits."""

import hashlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.rig.machine import together

_ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = Path(__file__).parent / "requirements"
INSTALL_LIMIT = 900.0


class NotRunError(Exception):
    """A peer is not measured (further); the text says why."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a peer's environment has, and what the first lines of its file say besides.

    `# rows 2000` keeps a slow peer to so many entities; `# python 3.12` asks for that version of Python or a newer one.
    """

    path: Path
    rows: int | None = None
    python: tuple[int, int] | None = None

    @classmethod
    def read(cls, path: Path) -> "Requirements":
        """Read a file of requirements."""
        lines = dict(re.findall(r"^# (rows|python) ([\d.]+)$", path.read_text(), re.MULTILINE))
        major, _, minor = lines.get("python", "").partition(".")
        rows = int(lines["rows"]) if "rows" in lines else None
        return cls(path, rows, (int(major), int(minor)) if minor else None)


def environments() -> Path:
    """Return the folder of the peers' environments: KGMEM_TEST_PEERS, or one below the temporary folder."""
    return Path(os.environ.get("KGMEM_TEST_PEERS") or Path(tempfile.gettempdir()) / "kgmem-peers")


def installed(requirements: Requirements, limit: float = INSTALL_LIMIT) -> str:
    """Return the Python of an environment with these requirements, which is made once. Raises NotRunError."""
    path = requirements.path
    version = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    folder = environments() / f"{path.stem}-{version}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return str(python)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(path)]
    making = [_python(requirements.python), "-m", "venv", "--clear", str(folder)]
    try:
        for step in (making, command):
            subprocess.run(step, check=True, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise NotRunError(f"not installed within {limit:.0f} s") from None
    except subprocess.CalledProcessError as error:
        lines = str(error.stderr or error).strip().splitlines() or [""]
        # pip's last error names all that it tried; the one before it the requirement.
        reasons = [line for line in lines if line.startswith("ERROR: ")] or lines
        raise NotRunError(f"not installed: {reasons[-1][:300]}") from None
    except OSError as error:
        raise NotRunError(f"not installed: {error}") from None
    (folder / "complete").touch()
    return str(python)


def _python(least: tuple[int, int] | None) -> str:
    """Return a Python of at least a version: this one, one on the PATH, or one that pyenv has. Raises NotRunError."""
    if least is None or sys.version_info[:2] >= least:
        return sys.executable
    for command in _pythons(least):
        told = [command, "-c", "import sys; print(*sys.version_info[:2])"]
        answer = subprocess.run(told, check=False, capture_output=True, text=True)
        # A shim of pyenv is on the PATH even where its version is not switched on.
        if answer.returncode == 0 and tuple(map(int, answer.stdout.split())) >= least:
            return command
    version = ".".join(map(str, least))
    raise NotRunError(f"it needs Python {version}, which is not on the PATH; this is {sys.version.split()[0]}")


def _pythons(least: tuple[int, int]) -> Iterator[str]:
    major, minor = least
    for newer in range(minor, minor + 4):
        if command := shutil.which(f"python{major}.{newer}"):
            yield command
        versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
        yield from (str(path) for path in sorted(versions.glob(f"{major}.{newer}.*/bin/python")))


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
        self._named: list[int] = []  # What it started outside its session: it must not outlive the benchmark.

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
        self._named = answer.get("processes", self._named)
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
        """End the process at once, and then those that it named when it was opened and that still run."""
        self._process.kill()
        self._process.wait()
        for pid in self._named:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self._named = []
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
