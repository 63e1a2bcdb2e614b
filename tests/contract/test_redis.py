"""What kgmem needs of a Redis server, tried on the wheel's Valkey, and on redis-server where it is on the path."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from kgmem.domain.errors import InvalidInput, RedisUnavailable
from kgmem.redis import connection as connections
from kgmem.redis.breaker import CircuitBreaker
from kgmem.redis.connection import RedisConnection
from kgmem.redis.doctor import examine_redis
from kgmem.store.embedded.postmaster import until
from tests.redis_servers import DURABLE, KINDS, RedisServer, redis_server


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with redis_server(request.param) as running:
        yield running


@pytest.fixture
async def connection(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RedisConnection]:
    """A connection whose breaker tries again after a fifth of a second."""
    monkeypatch.setattr(connections, "PAUSE", 0.2)
    opened = RedisConnection(server.url, timeout=0.3, breaker=CircuitBreaker(pause=0.2))
    yield opened
    await opened.aclose()


async def until_closed(connection: RedisConnection) -> None:
    assert await until(lambda: connection.state == "closed", 20)


async def test_what_is_stored_is_returned(connection: RedisConnection) -> None:
    await connection.call(lambda client: client.set("key", b"\x00\xff"))
    assert await connection.call(lambda client: client.get("key")) == b"\x00\xff"


async def test_calls_at_the_same_time_share_the_connections(server: RedisServer) -> None:
    connection = RedisConnection(server.url, timeout=10)
    counts = await asyncio.gather(*(connection.call(lambda client: client.incr("n")) for _ in range(100)))
    await connection.aclose()
    assert sorted(counts) == list(range(1, 101))


@pytest.mark.long
async def test_a_frozen_server_costs_a_few_calls_their_time_limit_and_then_nothing(
    server: RedisServer, connection: RedisConnection
) -> None:
    await connection.call(lambda client: client.set("key", 1))
    server.freeze()
    for _ in range(5):
        with pytest.raises(RedisUnavailable):
            await connection.call(lambda client: client.get("key"))
    assert connection.state != "closed"
    begun = time.perf_counter()
    for _ in range(1000):
        assert await connection.try_call(lambda client: client.get("key"), b"none") == b"none"
    assert time.perf_counter() - begun < 1.0  # Each would take 0.3 s.
    server.thaw()
    await until_closed(connection)
    assert await connection.call(lambda client: client.get("key")) == b"1"


async def test_a_server_that_went_away_is_found_again(server: RedisServer, connection: RedisConnection) -> None:
    await connection.call(lambda client: client.ping())
    server.kill()
    for _ in range(5):
        assert await connection.try_call(lambda client: client.ping(), "away") == "away"
    assert connection.state != "closed"
    server.start()
    await until_closed(connection)
    assert await connection.call(lambda client: client.ping())


async def test_a_server_that_is_full_is_unavailable_and_stays_connected(
    server: RedisServer, connection: RedisConnection
) -> None:
    await connection.call(lambda client: client.config_set("maxmemory", 1))
    await connection.call(lambda client: client.config_set("maxmemory-policy", "noeviction"))
    for _ in range(10):
        with pytest.raises(RedisUnavailable, match="refuses writes"):
            await connection.call(lambda client: client.set("key", b"x" * 1000))
    assert connection.state == "closed"


async def test_an_error_of_the_caller_is_no_failure_of_redis(connection: RedisConnection) -> None:
    for _ in range(10):
        with pytest.raises(Exception, match="unknown command"):
            await connection.call(lambda client: client.execute_command("NONSENSE"))
    assert connection.state == "closed"


async def test_a_server_that_is_away_from_the_start_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with redis_server() as server:
        server.kill()
        connection = RedisConnection(server.url)
        try:
            assert not await connection.connect()
            assert await connection.try_call(lambda client: client.get("key"), b"none") == b"none"
        finally:
            await connection.aclose()


async def test_reads_may_wait_longer_than_calls(connection: RedisConnection) -> None:
    reader = connection.long_reads()
    try:
        waiting = asyncio.create_task(reader.blpop(["list"], timeout=5))
        await asyncio.sleep(0.5)
        await connection.call(lambda client: client.rpush("list", "x"))
        assert await waiting == [b"list", b"x"] or await waiting == (b"list", b"x")
    finally:
        await reader.aclose()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://user:secret@host:6380/2", "redis://host:6380/2"),
        ("rediss://:secret@[::1]", "rediss://[::1]:6379"),
        ("unix:///run/redis.sock?db=1&password=secret", "unix:///run/redis.sock"),
    ],
)
async def test_the_name_of_a_server_shows_no_secret(url: str, name: str) -> None:
    connection = RedisConnection(url)
    assert connection.name == name
    await connection.aclose()


async def test_errors_and_logs_show_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    connection = RedisConnection("redis://user:secret@127.0.0.1:1/0")
    assert not await connection.connect()
    with pytest.raises(RedisUnavailable) as raised:
        await connection.call(lambda client: client.ping())
    await connection.aclose()
    assert "redis_unavailable" in caplog.text
    assert "secret" not in f"{raised.value} {caplog.text}"


def test_a_url_of_another_kind_is_refused_without_repeating_it() -> None:
    with pytest.raises(InvalidInput) as raised:
        RedisConnection("http://user:secret@host")
    assert "secret" not in str(raised.value)
    assert "redis://" in raised.value.hint


@pytest.mark.parametrize("policy", ["allkeys-lfu", "volatile-lfu", "noeviction"])
async def test_doctor_warns_of_a_server_that_may_evict_what_is_no_cache(server: RedisServer, policy: str) -> None:
    connection = RedisConnection(server.url)
    await connection.call(lambda client: client.config_set("maxmemory-policy", policy))
    await connection.aclose()
    findings = await examine_redis(server.url, 0.05)
    found = next(finding for finding in findings if policy in finding.what)
    assert found.state == ("warning" if policy == "allkeys-lfu" else "ok")


async def test_doctor_says_where_work_streams_are_made(server: RedisServer) -> None:
    findings = await examine_redis(server.url, 0.05)
    found = next(finding for finding in findings if "work streams" in finding.what)
    assert found.state == "warning"
    assert "in Postgres: it has no append-only file" in found.what
    with redis_server("valkey", *DURABLE) as durable:
        findings = await examine_redis(durable.url, 0.05)
    assert ("ok", True) in [(finding.state, "made in it" in finding.what) for finding in findings]


async def test_doctor_says_that_a_server_is_away() -> None:
    [finding] = await examine_redis("redis://user:secret@127.0.0.1:1", 0.05)
    assert finding.state == "warning"
    assert "redis://127.0.0.1:1" in finding.what
    assert "secret" not in finding.what + finding.hint
