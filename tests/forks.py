"""Commands that start at once: a process that has loaded kgmem, and forks for each one.

A page's commands run as they stand, under bash, where `kgmem` is a small script (`SHIM`). It hands its arguments,
folder, environment and open files to the process that `Forks` started, which forks a child that is that command, and
ends with the child's exit code. So a command takes a tenth of the time that it takes to load Python and kgmem for it.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# Reads neither site-packages nor the environment, which makes it start in some milliseconds.
SHIM = """import json, os, socket, sys
conn = socket.socket(socket.AF_UNIX)
conn.connect({address!r})
told = json.dumps([{name!r}, sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(conn, [len(told).to_bytes(4, "big")], [0, 1, 2])
conn.sendall(told)
code = conn.recv(4)
sys.exit(int.from_bytes(code, "big") if code else 70)
"""


@contextlib.contextmanager
def forks(folder: Path, *, extraction: bool) -> Iterator[Path]:
    """Return a folder with the commands `kgmem` and `python`.

    The folder's path must be short enough for a socket in it. With `extraction` they have loaded what extracts facts
    from texts; a command that extracts without that loads it for itself, in some seconds.
    """
    address = str(folder / "forks")
    command = [sys.executable, "-m", "tests.fork_server", address, *(["--extraction"] if extraction else [])]
    process = subprocess.Popen(command, start_new_session=True)
    commands = folder / "bin"
    commands.mkdir()
    for name in ("kgmem", "python"):
        script = folder / f"{name}.py"
        script.write_text(SHIM.format(address=address, name=name))
        # A shell's, since the first line of a script cannot name a program in a folder with a space in its name.
        start = shlex.join([sys.executable, "-ISE", str(script)])
        (commands / name).write_text(f'#!/bin/sh\nexec {start} "$@"\n')
        (commands / name).chmod(0o755)
    try:
        while not Path(address).exists():
            assert process.poll() is None, "The process that forks has ended."
            time.sleep(0.02)
        yield commands
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # What was started by it, such as a server, ends with it.
        process.wait()
