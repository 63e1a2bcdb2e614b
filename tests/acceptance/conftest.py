"""Fixtures of the acceptance tests: a memory over a fresh database, and the doors to it."""

import io
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from kgmem.bootstrap import open_memory
from kgmem.cli.console import OUT
from kgmem.cli.main import app, run
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem_api.app import close, create_app
from tests import postgres
from tests.cli import Command, Done
from tests.fakes import fake_memory
from tests.graph_pool import GraphPool
from tests.rest import Door

# Set it to try the doors alone, in a second and without a Postgres.
FAKES = os.environ.get("KGMEM_TEST_FAKES") == "1"


@pytest.fixture
def settings() -> Settings:
    """Settings that no variable of the environment changes."""
    return Settings.model_construct(**{name: field.get_default() for name, field in Settings.model_fields.items()})


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the memory that tests share."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
async def pool(postgres_url: str, template_database: str, shared_home: Path) -> AsyncIterator[GraphPool]:
    """Graphs in a memory that tests share, one after another; its embedder needs no model."""
    async with (
        postgres.cloned_database(postgres_url, template_database) as url,
        open_memory(Settings(database_url=SecretStr(url), embedder="hash", pool_size=2, home=shared_home)) as opened,
    ):
        pool = GraphPool(opened)
        await pool.prepare()
        yield pool


if FAKES:

    @pytest.fixture
    async def memory() -> Memory:
        """A memory over dictionaries."""
        return fake_memory()

else:

    @pytest.fixture
    async def memory(pool: GraphPool, shared_home: Path) -> AsyncIterator[Memory]:
        """A memory whose database holds nothing."""
        yield pool.memory
        await pool.clean()
        shutil.rmtree(shared_home / "uploads", ignore_errors=True)


@pytest.fixture
def pool_in_use(memory: Memory, request: pytest.FixtureRequest) -> GraphPool | None:
    """The pool that the test's memory is of; None where a file has a memory of its own, which needs no pool.

    It is not asynchronous because a pool that is first asked for inside of the event loop cannot be opened there.
    """
    pool: GraphPool | None = request.getfixturevalue("pool") if "pool" in request.fixturenames else None
    return pool if pool and memory is pool.memory else None


@pytest.fixture
async def door(memory: Memory, settings: Settings, pool_in_use: GraphPool | None) -> AsyncIterator[Door]:
    """The REST door to a memory with one graph, `main`, and an admin's key."""
    await (pool_in_use.take("main") if pool_in_use else memory.graphs.create("main"))
    _, secret = await memory.keys.create("tests", "admin")
    app = create_app(memory, settings=settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        client.headers["Authorization"] = f"Bearer {secret}"
        yield Door(client, memory, app)
        await close(app)


@pytest.fixture
def kgmem(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs a command in this process, on a fresh database; gives what it came to."""
    for name in [name for name in os.environ if name.startswith("KGMEM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KGMEM_DATABASE_URL", database_url)
    monkeypatch.setenv("KGMEM_EMBEDDER", "hash")
    monkeypatch.setenv("KGMEM_HOME", str(tmp_path))
    monkeypatch.setattr(OUT, "width", 200)

    def command(*arguments: str | Path, given: bytes = b"") -> Done:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run(lambda: app([str(argument) for argument in arguments], prog_name="kgmem"))
        told = capsys.readouterr()
        return Done(int(ended.value.code or 0), told.out, told.err)

    return command
