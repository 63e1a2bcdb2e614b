"""One process of several of `kgmem serve`: it answers requests, or runs background jobs, until its input ends."""

import asyncio
import importlib
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import orjson

CONTROL = 0  # Standard input: whoever started this process holds its other end.


def main(arguments: Any) -> None:
    """Run the process that the arguments describe; kgmem.cli.serve makes them."""
    # prometheus_client reads this when it is imported, and then keeps its counters in files that all processes read.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = arguments["folder"]
    (_jobs if arguments["number"] is None else _requests)(arguments)


def _settings(arguments: Any) -> Any:
    settings = importlib.import_module("kgmem.cli.opening").load_settings()
    return settings.model_copy(update=arguments["settings"])


def _requests(arguments: Any) -> None:
    """Answer requests."""
    server = importlib.import_module("kgmem_api.server")
    bolt = importlib.import_module("kgmem.bolt.server")
    bootstrap = importlib.import_module("kgmem.bootstrap")
    console = importlib.import_module("kgmem.cli.console")
    sockets = importlib.import_module("socket")
    share = importlib.import_module("kgmem_api.siblings").Share(
        arguments["number"], arguments["processes"], Path(arguments["folder"]), arguments["rest"], CONTROL
    )
    settings = _settings(arguments)
    bound = None if arguments["bolt"] is None else sockets.socket(fileno=arguments["bolt"])
    beside = partial(bolt.bolt_server, say=_silent, bound=bound)
    server.run(
        settings,
        partial(bootstrap.open_memory, settings, report=console.note, shared=share.folder),
        ready=_report_ready,
        beside=partial(beside, settings) if bound else None,
        share=share,
    )


def _jobs(arguments: Any) -> None:
    """Run background jobs."""
    settings = _settings(arguments)
    importlib.import_module("kgmem_api.server").configure(settings)
    bootstrap = importlib.import_module("kgmem.bootstrap")
    console = importlib.import_module("kgmem.cli.console")

    async def work() -> None:
        loop = asyncio.get_running_loop()
        working = asyncio.create_task(bootstrap.open_worker(settings, report=console.note))

        def hear() -> None:
            if not os.read(CONTROL, 64):
                loop.remove_reader(CONTROL)
                working.cancel()

        loop.add_reader(CONTROL, hear)
        loop.add_signal_handler(signal.SIGTERM, working.cancel)
        _report_ready()
        with suppress(asyncio.CancelledError):
            await working

    asyncio.run(work())


def _report_ready(_address: str = "") -> None:
    """Report to the process that started this one. Whatever is printed later goes to the error output."""
    os.write(1, b"ready\n")
    os.dup2(2, 1)


def _silent(_text: str) -> None:
    """Report nothing: the process that started this one prints it."""


if __name__ == "__main__":
    run = importlib.import_module("kgmem.cli.main").run
    run(partial(main, orjson.loads(sys.argv[1])))
