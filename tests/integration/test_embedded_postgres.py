"""The embedded Postgres: its life, who may use it at once, and what it survives."""

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psycopg
import pytest

from kgmem.domain.errors import DataFolderInUse, ServerError
from kgmem.store.embedded.binaries import find_binaries
from kgmem.store.embedded.lifecycle import EmbeddedPostgres
from kgmem.store.embedded.postmaster import processes_of, read_postmaster
from tests import postgres
from tests.embedded import (
    NOBODY,
    copy_home,
    give_to,
    home_folder,
    kill_all,
    other_process,
    readable_packages,
    server_in,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


@pytest.fixture(scope="module")
def made_home() -> Iterator[Path]:
    """A home with a data folder, in which nothing runs."""
    with postgres.short_folder() as folder, home_folder(folder) as home:
        asyncio.run(_make(home))
        yield home


async def _make(home: Path) -> None:
    async with server_in(home) as server:
        await execute(server.url, "CREATE TABLE kept (n int)")


@pytest.fixture
def home(made_home: Path) -> Iterator[Path]:
    """That home, for tests that leave it as it was."""
    yield made_home
    kill_all(made_home)


@pytest.fixture
def new_home(short_folder: Path) -> Iterator[Path]:
    """A home that does not exist yet."""
    with home_folder(short_folder) as home:
        yield home


@pytest.fixture
def own_home(new_home: Path, made_home: Path) -> Path:
    """A copy of that home, for tests that change what is in it."""
    return copy_home(made_home, new_home)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        # A session whose Postgres was killed cannot say goodbye.
        connection.terminate()


async def execute(url: str, statement: str) -> None:
    async with connected(url) as connection:
        await connection.execute(statement)


async def value(url: str, query: str) -> object:
    async with connected(url) as connection:
        return await connection.fetchval(query)


async def eventually(question: Callable[[], Awaitable[object]], seconds: float = 20) -> object:
    """The first answer of a question that raises no error of the connection and is not false."""
    end = time.monotonic() + seconds
    while True:
        try:
            answer = await question()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            answer = None
        if answer or time.monotonic() > end:
            return answer
        await asyncio.sleep(0.02)


async def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def exists(path: Path) -> bool:
    return path.exists()


def owner(path: Path) -> str:
    return path.owner()


def processes(home: Path) -> list[int]:
    return processes_of(home.resolve() / "postgres")


def first_process(home: Path) -> int:
    found = read_postmaster(home.resolve() / "postgres")
    assert found is not None
    return found.pid


def kill_postmaster(home: Path) -> None:
    os.kill(first_process(home), signal.SIGKILL)


class TestANewHome:
    @pytest.mark.slow
    async def test_offers_the_extensions_and_safe_settings(self, new_home: Path) -> None:
        said: list[str] = []
        async with server_in(new_home, report=said.append) as server:
            assert server.owns
            async with connected(server.url) as connection:
                rows = await connection.fetch("SELECT name FROM pg_available_extensions")
                assert {"age", "vector", "pg_textsearch"} <= {row["name"] for row in rows}
                names = ["data_checksums", "fsync", "full_page_writes", "synchronous_commit", "server_encoding"]
                held = {name: await connection.fetchval(f"SHOW {name}") for name in names}
                assert held == {**dict.fromkeys(names, "on"), "server_encoding": "UTF8"}
                assert await connection.fetchval("SHOW listen_addresses") == ""
                assert await connection.fetchval("SHOW jit") == "off"
                assert await connection.fetchval("SHOW shared_buffers") == "64MB"
                locale = await connection.fetchval("SELECT datlocale FROM pg_database WHERE datname = 'kgmem'")
                assert locale == "C.UTF-8"
                await connection.execute("CREATE EXTENSION age")
                await connection.execute("CREATE EXTENSION pg_textsearch")
        assert any("Making a new database" in text for text in said)

    @pytest.mark.long
    async def test_is_private_to_its_owner(self, new_home: Path) -> None:
        async with server_in(new_home):
            for folder in (new_home / "postgres", new_home / "run"):
                assert mode(folder) == 0o700
            assert mode(new_home / "postgres.log") & 0o077 == 0

    @pytest.mark.long
    async def test_has_a_url_that_psycopg_and_psql_understand_too(self, home: Path) -> None:
        async with server_in(home) as server:
            async with await psycopg.AsyncConnection.connect(server.url) as connection:
                row = await (await connection.execute("SELECT current_database()")).fetchone()
                assert row == ("kgmem",)
            command = server.psql_command("-Atc", "SELECT 1 + 1")
            assert (await run(command)).stdout == "2\n"

    @pytest.mark.long
    async def test_that_starts_while_another_process_makes_it_waits_and_uses_it(self, new_home: Path) -> None:
        servers = [server_in(new_home, attach=True) for _ in range(3)]
        urls = await asyncio.gather(*(server.start() for server in servers))
        assert len(set(urls)) == 1
        assert sum(server.owns for server in servers) == 1
        await asyncio.gather(*(server.stop() for server in servers))
        assert processes(new_home) == []


class TestLife:
    @pytest.mark.long
    async def test_stop_leaves_no_process_and_a_restart_keeps_the_rows(self, own_home: Path) -> None:
        async with server_in(own_home) as server:
            await execute(server.url, "INSERT INTO kept VALUES (1)")
            assert len(processes(own_home)) > 3
        assert processes(own_home) == []
        async with server_in(own_home) as server:
            assert await value(server.url, "SELECT count(*) FROM kept") == 1

    async def test_stop_does_not_wait_for_sessions(self, home: Path) -> None:
        server = server_in(home)
        url = await server.start()
        async with connected(url) as connection:
            running = asyncio.create_task(connection.execute("SELECT pg_sleep(600)"))
            await server.stop()
            with pytest.raises((asyncpg.PostgresError, OSError)):
                await running
        assert processes(home) == []

    async def test_status_tells_what_runs(self, home: Path) -> None:
        server = server_in(home)
        before = await server.status()
        assert (before.running, before.pid, before.url, before.owner) == (False, None, None, None)
        async with server:
            status = await server_in(home, attach=True).status()
            assert status.running
            assert status.pid in processes(home)
            assert status.owner == os.getpid()
            assert status.url == server.url
            assert status.version == find_binaries().version
            assert status.size > 1_000_000
            assert not status.stays_up
        assert not (await server.status()).running

    @pytest.mark.long
    async def test_a_cancelled_start_leaves_no_process(self, home: Path) -> None:
        server = server_in(home)
        for pause in (0.0, 0.005, 0.01, 0.02, 0.04, 0.08):
            start = asyncio.create_task(server.start())
            await asyncio.sleep(pause)
            start.cancel()
            await asyncio.gather(start, return_exceptions=True)
            await server.stop()
            assert processes(home) == []
        async with server_in(home):
            pass


class TestUsers:
    @pytest.mark.long
    async def test_a_second_owner_is_told_who_has_the_folder(self, home: Path) -> None:
        with other_process(home) as first:
            assert first.url
            with pytest.raises(DataFolderInUse) as refused:
                await server_in(home).start()
            assert str(first.process.pid) in str(refused.value)
            assert refused.value.facts["pid"] == first.process.pid
            assert "KGMEM_HOME" in refused.value.hint
            assert await value(first.url, "SELECT 1") == 1

    async def test_a_command_attaches_beside_the_owner_and_leaves_it_alone(self, home: Path) -> None:
        with other_process(home) as owner:
            async with server_in(home, attach=True) as guest:
                assert guest.url == owner.url
                assert not guest.owns
            assert await value(owner.url, "SELECT 1") == 1
        assert processes(home) == []

    async def test_a_command_that_outlives_the_owner_keeps_postgres(self, home: Path) -> None:
        with other_process(home) as owner:
            guest = server_in(home, attach=True)
            await guest.start()
            owner.leave()
            assert await value(guest.url, "SELECT 1") == 1
            await guest.stop()
        assert processes(home) == []

    async def test_a_command_alone_starts_postgres_and_stops_it(self, home: Path) -> None:
        async with server_in(home, attach=True) as guest:
            assert guest.owns
        assert processes(home) == []

    async def test_the_owner_comes_in_while_a_command_runs(self, home: Path) -> None:
        guest = server_in(home, attach=True)
        await guest.start()
        async with server_in(home) as owner:
            await guest.stop()
            assert await value(owner.url, "SELECT 1") == 1
        assert processes(home) == []

    async def test_left_running_it_stays_until_it_is_shut_down(self, home: Path) -> None:
        starter = server_in(home, attach=True)
        await starter.start()
        await starter.leave_running()
        async with server_in(home) as owner:
            assert not owner.owns
            with pytest.raises(DataFolderInUse):
                await server_in(home).shut_down()
        status = await starter.status()
        assert status.running
        assert status.stays_up
        assert await server_in(home).shut_down()
        assert processes(home) == []
        assert not await server_in(home).shut_down()

    async def test_shut_down_waits_for_nobody_who_works(self, home: Path) -> None:
        async with server_in(home, attach=True) as guest:
            with pytest.raises(DataFolderInUse):
                await server_in(home).shut_down()
            assert await value(guest.url, "SELECT 1") == 1


class TestPort:
    async def test_a_port_asks_for_the_password(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        async with server_in(home, port=port) as server:
            password = server.password_path.read_text().strip()
            assert mode(server.password_path) == 0o600
            assert await value(f"postgresql://kgmem:{password}@127.0.0.1:{port}/kgmem", "SELECT 1") == 1
            with pytest.raises(asyncpg.InvalidPasswordError):
                await value(f"postgresql://kgmem:wrong@127.0.0.1:{port}/kgmem", "SELECT 1")
            async with server_in(home, attach=True) as guest:
                assert guest.url == server.url
        assert password not in server.log_path.read_text()

    async def test_an_owner_without_a_port_closes_the_one_of_before(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        starter = server_in(home, attach=True, port=port)
        await starter.start()
        await starter.leave_running()
        async with server_in(home) as owner:
            assert await value(owner.url, "SHOW listen_addresses") == ""
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0
        await server_in(home).shut_down()

    async def test_a_taken_port_is_named_by_the_error(self, home: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(ServerError, match="Address already in use"):
                await server_in(home, port=taken.getsockname()[1]).start()
        assert processes(home) == []


@pytest.mark.crash
class TestCrashes:
    @pytest.mark.slow
    async def test_what_was_acknowledged_survives_kill_9_of_postgres(self, own_home: Path) -> None:
        server = server_in(own_home)
        url = await server.start()
        acknowledged = 0
        async with connected(url) as connection:
            for number in range(300):
                await connection.execute(f"INSERT INTO kept VALUES ({number})")
                acknowledged += 1
            kill_postmaster(own_home)
        await server.stop()
        said: list[str] = []
        async with server_in(own_home, report=said.append) as again:
            assert await value(again.url, "SELECT count(*) FROM kept") == acknowledged
        assert any("recovers" in text for text in said)
        assert any("redo done" in text for text in said)

    async def test_after_kill_9_of_its_owner_the_next_one_takes_postgres_over(self, own_home: Path) -> None:
        with other_process(own_home) as owner:
            await execute(owner.url, "INSERT INTO kept VALUES (1)")
            owner.kill()
        pids = processes(own_home)
        assert pids
        async with server_in(own_home) as server:
            assert not server.owns
            assert first_process(own_home) in pids
            assert await value(server.url, "SELECT count(*) FROM kept") == 1
        assert processes(own_home) == []

    @pytest.mark.long
    async def test_after_kill_9_of_both_the_next_one_starts_anew(self, own_home: Path) -> None:
        with other_process(own_home) as owner:
            await execute(owner.url, "INSERT INTO kept VALUES (1)")
            owner.kill()
            kill_postmaster(own_home)
        async with server_in(own_home) as server:
            assert server.owns
            assert await value(server.url, "SELECT count(*) FROM kept") == 1

    @pytest.mark.long
    async def test_a_session_that_is_still_busy_does_not_keep_it_from_starting(self, own_home: Path) -> None:
        server = server_in(own_home)
        url = await server.start()
        async with connected(url) as connection:
            busy = asyncio.create_task(connection.fetch("SELECT count(*) FROM generate_series(1, 100000000000)"))
            await eventually(lambda: value(url, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%1000000%'"))
            kill_postmaster(own_home)
            await server.stop()
            async with server_in(own_home) as again:
                assert await value(again.url, "SELECT 1") == 1
            await asyncio.gather(busy, return_exceptions=True)

    @pytest.mark.long
    async def test_the_owner_heals_it_at_the_same_address(self, own_home: Path) -> None:
        said: list[str] = []
        async with server_in(own_home, report=said.append) as server:
            watch = asyncio.create_task(server.keep_running())
            await execute(server.url, "INSERT INTO kept VALUES (1)")
            url, pid = server.url, (await server.status()).pid
            kill_postmaster(own_home)
            assert await eventually(lambda: value(url, "SELECT count(*) FROM kept")) == 1
            assert server.url == url
            assert (await server.status()).pid != pid
        assert processes(own_home) == []
        await asyncio.wait_for(watch, 5)
        assert "Postgres runs again." in said

    @pytest.mark.long
    async def test_a_pid_file_with_the_number_of_another_process_does_no_harm(self, own_home: Path) -> None:
        async with server_in(own_home) as server:
            assert await value(server.url, "SELECT 1") == 1
            left = (own_home / "postgres" / "postmaster.pid").read_text().splitlines()
        pid_file = own_home / "postgres" / "postmaster.pid"
        pid_file.write_text("\n".join([str(os.getppid()), *left[1:]]) + "\n")
        assert not (await server_in(own_home).status()).running
        async with server_in(own_home) as server:
            assert server.owns

    @pytest.mark.long
    async def test_a_start_waits_for_a_postgres_that_is_still_recovering(self, own_home: Path) -> None:
        with other_process(own_home) as owner:
            pid_file = own_home / "postgres" / "postmaster.pid"
            ready = pid_file.read_text()
            pid_file.write_text(ready.replace("ready   ", "starting"))
            guest = server_in(own_home, attach=True)
            start = asyncio.create_task(guest.start())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(start), 1)
            pid_file.write_text(ready)
            assert await asyncio.wait_for(start, 20) == owner.url
            await guest.stop()

    @pytest.mark.long
    async def test_an_interrupted_initdb_is_done_again(self, new_home: Path) -> None:
        half = new_home / "postgres.new"
        half.mkdir(parents=True)
        (half / "PG_VERSION").write_text("18\n")
        async with server_in(new_home) as server:
            assert await value(server.url, "SELECT 1") == 1
        assert not half.exists()


class TestRefusals:
    async def test_a_folder_of_another_major_version_is_named(self, own_home: Path) -> None:
        (own_home / "postgres" / "PG_VERSION").write_text("15\n")
        with pytest.raises(ServerError, match="was made by Postgres 15"):
            await server_in(own_home).start()

    async def test_a_folder_with_other_things_in_it_is_left_alone(self, new_home: Path) -> None:
        (new_home / "postgres").mkdir(parents=True)
        (new_home / "postgres" / "letter.txt").write_text("dear")
        with pytest.raises(ServerError, match="is not empty"):
            await server_in(new_home).start()
        assert (new_home / "postgres" / "letter.txt").read_text() == "dear"

    async def test_a_postgres_that_dies_while_starting_shows_its_last_words(self, home: Path) -> None:
        broken = server_in(home, settings={"shared_preload_libraries": "nonesuch"})
        with pytest.raises(ServerError, match="nonesuch"):
            await broken.start()
        assert processes(home) == []
        async with server_in(home):
            pass

    async def test_a_home_that_cannot_be_made_is_named(self, short_folder: Path) -> None:
        (short_folder / "file").touch()
        with pytest.raises(ServerError, match="cannot be made"):
            await EmbeddedPostgres(short_folder / "file" / "home").start()

    def test_the_url_is_known_only_after_the_start(self, new_home: Path) -> None:
        with pytest.raises(ServerError, match="was not started"):
            _ = server_in(new_home).url

    @pytest.mark.long
    async def test_a_full_disk_is_named(self, new_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(self: object, *arguments: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("kgmem.store.embedded.cluster.Cluster.write_settings", full)
        with pytest.raises(ServerError, match="No space left on device") as refused:
            await server_in(new_home).start()
        assert "KGMEM_HOME" in refused.value.hint


class TestSockets:
    @pytest.mark.long
    async def test_a_home_deep_down_gets_a_short_private_socket_folder(self, short_folder: Path) -> None:
        with home_folder(short_folder / ("d" * 90) / ("e" * 90)) as home:
            home.parent.mkdir(parents=True)
            server = server_in(home)
            url = await server.start()
            async with connected(url) as connection:
                folder = Path(await connection.fetchval("SHOW unix_socket_directories"))
            assert len(str(folder)) < 40
            assert mode(folder) == 0o700
            watch = asyncio.create_task(server.keep_running())
            kill_postmaster(home)
            assert await eventually(lambda: value(url, "SELECT 1"))
            await server.stop()
            await watch
            assert not exists(folder)

    @pytest.mark.long
    async def test_a_home_with_odd_letters_works(self, short_folder: Path) -> None:
        with home_folder(short_folder / "a, b%20'ü") as home:
            home.parent.mkdir()
            async with server_in(home) as server:
                assert await value(server.url, "SELECT 1") == 1
            assert processes(home) == []


@needs_root
class TestAccounts:
    @pytest.mark.long
    async def test_an_ordinary_user_runs_it_as_itself(self, short_folder: Path) -> None:
        packages = readable_packages(short_folder)
        shutil.chown(short_folder, NOBODY)
        with home_folder(short_folder) as home, other_process(home, user=NOBODY, packages=packages) as server:
            assert server.url
            assert (home / "postgres").owner() == NOBODY
        assert processes(home) == []

    @pytest.mark.slow
    async def test_root_may_use_the_home_of_a_user_who_can_use_it_afterwards(self, short_folder: Path) -> None:
        packages = readable_packages(short_folder)
        shutil.chown(short_folder, NOBODY)
        with home_folder(short_folder) as home:
            with other_process(home, user=NOBODY, packages=packages) as first:
                assert first.url
            async with server_in(home) as server:
                assert await value(server.url, "SELECT 1") == 1
                assert owner(Path(f"/proc/{first_process(home)}")) == NOBODY
            with other_process(home, user=NOBODY, packages=packages) as again:
                assert again.url

    def test_packages_that_the_user_may_not_read_are_told_and_not_called_missing(self, short_folder: Path) -> None:
        short_folder.chmod(0o755)
        closed = short_folder / "closed"
        closed.mkdir(mode=0o700)
        (closed / "pgserver").mkdir()
        script = (
            "import os, pwd, sys; from kgmem.store.embedded.binaries import find_binaries;"
            f"account = pwd.getpwnam({NOBODY!r}); os.setgid(account.pw_gid); os.setuid(account.pw_uid);"
            f"sys.path[:] = [{str(closed)!r}]; sys.path_importer_cache.clear(); find_binaries()"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=False,
            env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": os.defpath},
        )
        assert f"may not read {closed}" in done.stderr
        assert "is not installed" not in done.stderr

    async def test_another_user_is_told_whose_it_is(self, own_home: Path) -> None:
        for folder in (own_home.parent, own_home):
            folder.chmod(0o755)
        async with server_in(own_home):
            with other_process(own_home, user=NOBODY, attach=True) as stranger:
                assert stranger.first_line.startswith("ServerError")
                assert "belongs to another user" in stranger.first_line

    def test_a_folder_that_cannot_be_written_to_is_told(self, new_home: Path) -> None:
        new_home.mkdir(parents=True, exist_ok=True)
        for folder in (new_home.parent, new_home):
            folder.chmod(0o755)
        with other_process(new_home, user=NOBODY) as stranger:
            assert stranger.first_line.startswith("ServerError")
            assert f"The data folder {new_home} cannot be written to" in stranger.first_line

    async def test_nobody_else_gets_into_the_database(self, own_home: Path) -> None:
        packages = readable_packages(own_home.parent)
        async with server_in(own_home) as server:
            for folder in (own_home.parent, own_home, own_home / "run"):
                folder.chmod(0o755)
            next((own_home / "run").glob(".s.PGSQL.*[0-9]")).chmod(0o777)
            command = [
                "setpriv",
                "--reuid",
                NOBODY,
                "--regid",
                "65534",
                "--clear-groups",
                str(packages / "pgserver" / "pginstall" / "bin" / "psql"),
                *server.psql_command("-c", "SELECT 1")[1:],
            ]
            done = await run(command)
            assert done.returncode != 0
            assert "Peer authentication failed" in done.stderr

    @pytest.mark.slow
    async def test_the_way_into_a_private_folder_is_opened_to_postgres_alone(self, new_home: Path) -> None:
        new_home.parent.chmod(0o700)
        said: list[str] = []
        async with server_in(new_home, report=said.append):
            assert new_home.parent.stat().st_mode & stat.S_IRWXO == 0
        assert any(f"right to pass through {new_home.parent}" in text for text in said)

    @pytest.mark.slow
    async def test_a_home_outside_of_closed_folders_opens_none_but_itself(self, new_home: Path) -> None:
        new_home.parent.chmod(0o755)
        said: list[str] = []
        async with server_in(new_home, report=said.append):
            assert not any(text.endswith(f"right to pass through {new_home.parent}.") for text in said)
        assert "system.posix_acl_access" not in os.listxattr(new_home.parent)

    async def test_a_private_folder_of_another_user_stays_closed(self, new_home: Path) -> None:
        private = new_home.parent / "private"
        private.mkdir(mode=0o700)
        give_to(private, NOBODY)
        (private / "home").mkdir()
        with pytest.raises(ServerError, match="a folder of another user") as refused:
            await server_in(private / "home").start()
        assert "setfacl" in refused.value.hint
        assert mode(private) == 0o700
