"""Fixtures that all tests share."""

import gc
import logging
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from structlog.stdlib import ProcessorFormatter

from tests import postgres

# Compiled modules are kept, also where the environment says not to: every worker, and every process that a test starts,
# would compile all of them anew, which takes longer than most of the tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Examples are the same in each run, so that a change fails by its own doing alone; --hypothesis-profile=default looks
# for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")

# A shell that starts the tests in the background lets them ignore Ctrl-C, and so whatever they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the order of tests be chosen."""
    parser.addoption("--seed", type=int, help="run files, and the tests of each file, in an order that depends on this")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffle, with files kept together, since what a file's tests share is made once for them."""
    seed = config.getoption("seed")
    if seed is None:
        return
    chance = random.Random(seed)
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    chosen = list(files.values())
    chance.shuffle(chosen)
    for each in chosen:
        chance.shuffle(each)
    items[:] = [item for each in chosen for item in each]


_SERVER = pytest.StashKey[postgres.SharedServer]()


def _controls(config: pytest.Config) -> bool:
    """Whether this process distributes the tests over others (pytest-xdist)."""
    return not hasattr(config, "workerinput") and config.getoption("dist", "no") != "no"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what would begin after KGMEM_TEST_UNTIL (seconds since 1970), and say so."""
    if time.time() >= float(os.environ.get("KGMEM_TEST_UNTIL") or "inf"):
        pytest.skip("no time was left for it: make test-slow runs it")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the server of all workers, beside their collection of tests."""
    if not _controls(session.config):
        # Collection makes a million objects that stay until the end; to search them for garbage takes two fifths of it.
        gc.disable()
    elif not session.config.option.collectonly:
        session.config.stash[_SERVER] = postgres.SharedServer()


def pytest_collection_finish() -> None:
    """Leave what was collected out of every later search for garbage."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where to learn of the server."""
    if _SERVER in node.config.stash:
        node.workerinput["server"] = str(node.config.stash[_SERVER].folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server of all workers when the last has ended."""
    if _SERVER in config.stash:
        config.stash[_SERVER].stop()


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Undo for the next test what a server that ran in this process did to the logs."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    # pytest adds and removes handlers of its own meanwhile; those of kgmem format events.
    root.handlers[:] = [each for each in root.handlers if not isinstance(each.formatter, ProcessorFormatter)]


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[postgres.TestServer]:
    """The server for the whole session: KGMEM_TEST_DATABASE_URL, or an embedded one, shared by all workers."""
    folder = getattr(request.config, "workerinput", {}).get("server")
    if folder:
        yield postgres.SharedServer.wait_for(Path(folder))
        return
    with postgres.prepared_server() as prepared:
        yield prepared


@pytest.fixture(scope="session")
def postgres_url(postgres_server: postgres.TestServer) -> str:
    """The URL of the server."""
    return postgres_server.url


@pytest.fixture(scope="session")
def template_database(postgres_server: postgres.TestServer) -> str:
    """The name of a database with extensions and tables, to be cloned."""
    return postgres_server.template


@pytest.fixture
async def database_url(postgres_url: str, template_database: str) -> AsyncIterator[str]:
    """A fresh database with extensions and tables, for one test."""
    async with postgres.cloned_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A temporary folder whose path is short enough for a Unix socket in it."""
    with postgres.short_folder() as folder:
        yield folder
