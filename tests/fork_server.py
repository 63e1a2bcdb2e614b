"""The process that tests/forks.py starts: it has loaded what commands need, and forks a child for each of them."""

import contextlib
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from pathlib import Path

import kgmem.bootstrap  # noqa: F401 - loaded here, so that no child loads it
from kgmem.cli.main import COMMANDS, app, load, run
from kgmem.domain.text.extraction import TextToRead
from kgmem.extraction.rules import read_texts


def _serve(address: str) -> None:
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{address}.starting")
    server.listen(16)
    Path(f"{address}.starting").rename(address)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Children leave nothing to wait for.
    while True:
        conn, _ = server.accept()
        head, files, _, _ = socket.recv_fds(conn, 4, 3)
        if os.fork() == 0:
            server.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            code = 70
            try:
                code = _be(conn, int.from_bytes(head, "big"), files)
            finally:
                with contextlib.suppress(OSError):
                    conn.sendall(code.to_bytes(4, "big"))
                os._exit(code)
        for each in files:
            os.close(each)
        conn.close()


def _be(conn: socket.socket, length: int, files: list[int]) -> int:
    """Be the command that is told; give its exit code."""
    told = b""
    while len(told) < length:
        told += conn.recv(length - len(told))
    name, arguments, folder, environment = json.loads(told)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [name, *arguments]
    try:
        _run(name, arguments)
    except SystemExit as ended:
        if isinstance(ended.code, str):
            sys.stderr.write(f"{ended.code}\n")
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _run(name: str, arguments: list[str]) -> None:
    if name == "kgmem":
        run(lambda: app(arguments, prog_name="kgmem"))
    elif arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    for command in COMMANDS:
        load(command)
    if "--extraction" in sys.argv:
        read_texts([TextToRead("Ada was born in Berlin in May 1930.")])  # Loads the language model of the rules.
    _serve(sys.argv[1])
