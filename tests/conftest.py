"""Fixtures that all tests share."""

import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import postgres

# Examples are the same in each run, so that a change fails by its own doing alone; --hypothesis-profile=default looks
# for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")

# A shell that starts the tests in the background lets them ignore Ctrl-C, and so whatever they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A Postgres server for the whole session: KGMEM_TEST_DATABASE_URL, or an embedded one."""
    with postgres.running_server() as url:
        yield url


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> Iterator[str]:
    """The name of a database with extensions and tables, to be cloned."""
    with postgres.template_database(postgres_url) as name:
        yield name


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
