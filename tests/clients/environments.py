"""Environments of clients, made once by pip and npm in a folder beside the project, and kept for the next run."""

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent.parent / ".venv-clients"
SCRIPTS = Path(__file__).parent / "scripts"
# KGMEM_TEST_CLIENTS=0 leaves these tests out: they fetch several hundred megabytes once.
WANTED = os.environ.get("KGMEM_TEST_CLIENTS", "1") != "0"
_PATIENCE = 900.0  # Seconds that fetching may take.


def python(*packages: str) -> Path:
    """The Python of an environment that has these packages."""
    name = f"python-{_name(packages)}"
    with _made(name) as folder:
        if folder:
            # Neither a pip of its own nor what its packages compile to is needed, and both take most of the time.
            _run([sys.executable, "-m", "venv", "--without-pip", str(folder)], folder)
            pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python")]
            _run([*pip, "install", "--quiet", "--no-compile", *packages], folder)
    return FOLDER / name / "bin/python"


def node(*packages: str) -> Path:
    """A folder whose node_modules has these packages."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    name = f"node-{_name(packages)}"
    with _made(name) as folder:
        if folder:
            folder.mkdir(parents=True)
            (folder / "package.json").write_text("{}")
            _run(["npm", "install", "--silent", "--no-audit", "--no-fund", *packages], folder)
    return FOLDER / name


def _name(packages: Sequence[str]) -> str:
    return hashlib.blake2b(" ".join(packages).encode(), digest_size=6).hexdigest()


@contextmanager
def _made(name: str) -> Iterator[Path | None]:
    """The folder that has to be filled, or None where it is; one process fills it, others wait."""
    if not WANTED:
        pytest.skip("KGMEM_TEST_CLIENTS=0")
    FOLDER.mkdir(exist_ok=True)
    folder = FOLDER / name
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / ".done"
        if done.exists():
            yield None
            return
        shutil.rmtree(folder, ignore_errors=True)
        yield folder
        done.touch()


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(
            command,
            cwd=folder if folder.exists() else FOLDER,
            check=True,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.CalledProcessError as error:
        pytest.skip(f"the client could not be installed: {(error.stderr or error.stdout).strip()[-300:]}")
    except subprocess.TimeoutExpired:
        pytest.skip("the client could not be installed in time")


async def said(command: Sequence[str | Path], *, cwd: Path | None = None, **told: Any) -> Any:
    """What a script says: the last line that it prints, as JSON; `told` is its only argument, as JSON."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        json.dumps(told),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        out, errors = await asyncio.wait_for(process.communicate(), 180)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()[-3000:] + out.decode()[-1000:]
    return json.loads(out.decode().strip().splitlines()[-1])
