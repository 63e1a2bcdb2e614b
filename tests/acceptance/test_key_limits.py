"""Limits of requests and of failed logins, and rotation, as callers meet them: over REST, MCP and Bolt."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import neo4j
import pytest
from neo4j.exceptions import AuthError, Neo4jError, TransientError

from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.server import ServerOptions, serving
from kgmem.domain.access import RateLimit
from kgmem.domain.errors import InvalidInput, TooManyRequests
from kgmem.store.jobs.rate_limits import AccessLimiter, AccessLimits, TokenBuckets
from tests.cli import Command
from tests.rest import Door, done, refused

WRONG = "kgm_aaaabbbbcccc_" + "x" * 43


@asynccontextmanager
async def _from(door: Door, address: str, secret: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client at another address."""
    transport = httpx.ASGITransport(door.app, client=(address, 4711))
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
        yield client


@pytest.mark.long
async def test_a_key_is_refused_over_its_limit_and_told_when_to_come_back(door: Door) -> None:
    body = {"name": "limited", "role": "reader", "requests_per_minute": 60, "burst": 3}
    made = done(await door.client.post("/v1/keys", json=body), 201)
    assert (made["requests_per_minute"], made["burst"]) == (60, 3)
    headers = {"Authorization": f"Bearer {made['secret']}"}
    answers = [await door.client.get("/v1/graphs/main", headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[0].headers["ratelimit-policy"] == '"key";q=60;w=60'
    assert answers[0].headers["ratelimit"].startswith('"key";r=2;t=')
    over = await door.client.get("/v1/graphs/main", headers=headers)
    problem = refused(over, 429, "60 requests a minute")
    assert problem["type"] == "urn:kgmem:error:too-many-requests"
    assert over.headers["retry-after"] == "1"
    assert over.headers["ratelimit"].startswith('"key";r=0;')
    mcp = await door.client.post("/mcp", headers={**headers, "Host": "localhost"}, json={})
    refused(mcp, 429)
    # Others are not concerned, and what is refused costs nothing.
    answer = await door.client.get("/v1/graphs/main")
    assert answer.status_code == 200
    assert "ratelimit" not in answer.headers
    ends = time.monotonic() + 10
    while (await door.client.get("/v1/graphs/main", headers=headers)).status_code == 429:
        assert time.monotonic() < ends
        await asyncio.sleep(0.05)
    changed = done(await door.client.patch(f"/v1/keys/{made['id']}", json={"requests_per_minute": None}))
    assert (changed["requests_per_minute"], changed["burst"]) == (None, None)
    assert {(await door.client.get("/v1/graphs/main", headers=headers)).status_code for _ in range(9)} == {200}


@pytest.mark.parametrize(
    "body",
    [
        {"requests_per_minute": 0},
        {"requests_per_minute": 1_000_001},
        {"requests_per_minute": 1.5},
        {"requests_per_minute": "60"},
        {"burst": 3},
        {"requests_per_minute": 60, "burst": 0},
        {"requests_per_minute": 60, "burst": -1},
    ],
)
async def test_what_is_no_limit_makes_no_key_and_changes_none(door: Door, body: dict[str, Any]) -> None:
    refused(await door.client.post("/v1/keys", json={"name": "x", "role": "reader", **body}), 422)
    (key,) = done(await door.client.get("/v1/keys"))["keys"]
    refused(await door.client.patch(f"/v1/keys/{key['id']}", json=body), 422)
    (after,) = done(await door.client.get("/v1/keys"))["keys"]
    assert after["requests_per_minute"] is None


async def test_only_an_admin_of_all_changes_and_rotates_keys(door: Door) -> None:
    (key,) = done(await door.client.get("/v1/keys"))["keys"]
    for headers in (await door.key("writer"), await door.key("admin", graph="main"), {"Authorization": ""}):
        for answer in (
            await door.client.patch(f"/v1/keys/{key['id']}", json={"name": "mine"}, headers=headers),
            await door.client.post(f"/v1/keys/{key['id']}/rotate", json={}, headers=headers),
        ):
            assert answer.status_code in {401, 403}
    done(await door.client.get("/v1/keys"))


@pytest.mark.long
async def test_both_secrets_are_valid_while_a_key_is_rotated_and_the_former_ends_with_what_it_opened(
    door: Door,
) -> None:
    key, first = await door.memory.keys.create("agent", "writer")
    ended = asyncio.Event()
    old = await door.memory.keys.authenticate(first)
    door.memory.keys.watch(key.id, ended.set, generation=old.generation)
    rotated = done(await door.client.post(f"/v1/keys/{key.id}/rotate", json={"overlap_seconds": 2}))
    second = rotated["secret"]
    assert (rotated["id"], rotated["old_secret_until"] is not None) == (key.id, True)
    assert second != first
    new_ended = asyncio.Event()
    new = await door.memory.keys.authenticate(second)
    door.memory.keys.watch(key.id, new_ended.set, generation=new.generation)
    for secret in (first, second):
        done(await door.client.get("/v1/graphs/main", headers={"Authorization": f"Bearer {secret}"}))
    assert not ended.is_set()
    async with asyncio.timeout(30):
        await ended.wait()
    refused(await door.client.get("/v1/graphs/main", headers={"Authorization": f"Bearer {first}"}), 401)
    done(await door.client.get("/v1/graphs/main", headers={"Authorization": f"Bearer {second}"}))
    assert not new_ended.is_set()


async def test_a_rotation_without_overlap_or_a_second_one_ends_the_oldest_secret_at_once(door: Door) -> None:
    key, first = await door.memory.keys.create("agent", "writer")
    _, second = await door.memory.keys.rotate(key.id)
    _, third = await door.memory.keys.rotate(key.id)
    codes = {}
    for name, secret in (("first", first), ("second", second), ("third", third)):
        answer = await door.client.get("/v1/graphs/main", headers={"Authorization": f"Bearer {secret}"})
        codes[name] = answer.status_code
    assert codes == {"first": 401, "second": 200, "third": 200}
    _, fourth = await door.memory.keys.rotate(key.id, overlap=0)
    for secret, status in ((second, 401), (third, 401), (fourth, 200)):
        answer = await door.client.get("/v1/graphs/main", headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == status
    for body in ({"overlap_seconds": -1}, {"overlap_seconds": 30 * 86_400 + 1}, {"overlap_seconds": "1d"}):
        refused(await door.client.post(f"/v1/keys/{key.id}/rotate", json=body), 422)
    done(await door.client.delete(f"/v1/keys/{key.id}"))
    refused(await door.client.post(f"/v1/keys/{key.id}/rotate", json={}), 409)
    refused(await door.client.patch(f"/v1/keys/{key.id}", json={"name": "x"}), 409)
    refused(await door.client.post("/v1/keys/nothing/rotate", json={}), 404)


@pytest.mark.long
async def test_an_expiry_that_is_set_later_ends_a_key(door: Door) -> None:
    key, secret = await door.memory.keys.create("agent", "reader")
    headers = {"Authorization": f"Bearer {secret}"}
    done(await door.client.get("/v1/graphs/main", headers=headers))
    refused(await door.client.patch(f"/v1/keys/{key.id}", json={"expires_at": "2001-01-01"}), 422, "future")
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    done(await door.client.patch(f"/v1/keys/{key.id}", json={"expires_at": soon, "name": "brief"}))
    ends = time.monotonic() + 30
    while (await door.client.get("/v1/graphs/main", headers=headers)).status_code == 200:
        assert time.monotonic() < ends
        await asyncio.sleep(0.1)


async def test_an_address_that_guesses_is_refused_and_stops_nobody_whose_key_is_known(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = AccessLimiter(AccessLimits(failures=5))
    monkeypatch.setattr(door.memory.ports.keys, "_limiter", limiter)
    _, known = await door.memory.keys.create("known", "reader")
    _, unknown = await door.memory.keys.create("not seen yet", "reader")
    async with _from(door, "203.0.113.9", known) as client:
        done(await client.get("/v1/graphs/main"))
        basic = base64.b64encode(f"me:{WRONG}".encode()).decode()
        guesses = [f"Bearer {WRONG}", f"Basic {basic}", "Bearer nonsense", f"bearer {WRONG[:-1]}y", "Bearer kgm_"]
        for guess in guesses:
            refused(await client.get("/v1/graphs/main", headers={"Authorization": guess}), 401)
        over = await client.get("/v1/graphs/main", headers={"Authorization": f"Bearer {WRONG}"})
        refused(over, 429, "logins from this address")
        assert int(over.headers["retry-after"]) >= 1
        refused(await client.get("/v1/graphs/main", headers={"Authorization": f"Bearer {unknown}"}), 429)
        refused(await client.post("/mcp", headers={"Authorization": f"Bearer {WRONG}"}, json={}), 429)
        done(await client.get("/v1/graphs/main"))
        # Nobody chooses the address that is counted.
        forged = {"Authorization": f"Bearer {unknown}", "X-Forwarded-For": "198.51.100.1", "Forwarded": "for=1.2.3.4"}
        refused(await client.get("/v1/graphs/main", headers=forged), 429)
        done(await client.get("/health/live"))
    async with _from(door, "203.0.113.10", unknown) as client:
        done(await client.get("/v1/graphs/main"))
    for _ in range(8):
        refused(await door.client.get("/v1/graphs/main", headers={"Authorization": f"Bearer {WRONG}"}), 401)


async def test_bolt_counts_queries_and_failed_logins(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door.memory.ports.keys, "_limiter", AccessLimiter(AccessLimits(failures=2)))
    _, secret = await door.memory.keys.create("bolt", "reader", limit=RateLimit(60, 2))
    async with serving(MemoryBackend(door.memory), ServerOptions("127.0.0.1", 0)) as address:
        async with (
            neo4j.AsyncGraphDatabase.driver(f"bolt://{address}", auth=("kgmem", secret)) as driver,
            driver.session(database="main") as session,
        ):
            for _ in range(2):
                await (await session.run("RETURN 1")).consume()
            with pytest.raises(TransientError, match="60 requests a minute"):
                await session.run("RETURN 1")
        monkeypatch.setattr("kgmem.store.jobs.rate_limits._NOBODY", frozenset())
        codes = []
        for _ in range(3):
            async with neo4j.AsyncGraphDatabase.driver(f"bolt://{address}", auth=("kgmem", WRONG)) as driver:
                with pytest.raises((AuthError, Neo4jError)) as refusal:
                    await driver.execute_query("RETURN 1")
                codes.append(refusal.value.code)
        assert codes[-1] == "Neo.ClientError.Security.AuthenticationRateLimit"
        assert codes[0] == "Neo.ClientError.Security.Unauthorized"


def test_processes_of_one_server_count_together_and_exactly(tmp_path: Path) -> None:
    limit = RateLimit(1, 100)
    several = [TokenBuckets(tmp_path / "limits") for _ in range(4)]
    taken = sum(not several[n % 4].take("key", limit)[1] for n in range(400))
    assert taken == 100
    left, missing = several[0].take("key", limit)
    assert left.left == 0
    assert 0 < missing <= 60
    assert not several[1].take("another", limit)[1]
    for each in several:
        each.close()


def test_buckets_take_no_more_memory_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("kgmem.store.jobs.rate_limits.time.monotonic", lambda: now)
    buckets, limit = TokenBuckets(), RateLimit(60, 5)
    for _ in range(5):
        assert not buckets.take("guesser", limit)[1]
    for number in range(30_000):
        buckets.take(f"address {number}", limit)
    assert len(buckets._table) == 8192 * 24
    assert buckets.look("guesser", limit) > 0  # Who has failed most is forgotten last.
    now += 61
    assert buckets.look("guesser", limit) == 0


def test_an_address_is_its_network_and_this_machine_is_nobody() -> None:
    limiter = AccessLimiter(AccessLimits(failures=1))
    limiter.failed("2001:db8:1:2::1")
    for address in ("2001:db8:1:2::ffff", "2001:db8:1:2:3:4:5:6%eth0"):
        with pytest.raises(TooManyRequests):
            limiter.admit(address)
    limiter.admit("2001:db8:1:3::1")
    limiter.failed("::ffff:198.51.100.7")
    with pytest.raises(TooManyRequests):
        limiter.admit("198.51.100.7")
    for nobody in ("127.0.0.1", "::1", "::ffff:127.0.0.1", None, "", "testclient"):
        for _ in range(3):
            limiter.failed(nobody)
        limiter.admit(nobody)


def test_a_limit_is_a_number_in_reason() -> None:
    for wrong in ((0, 1), (1, 0), (1_000_001, 1), (-5, 2)):
        with pytest.raises(InvalidInput):
            RateLimit(*wrong)


def test_the_command_line_creates_changes_and_rotates_a_limited_key(kgmem: Command) -> None:
    made = kgmem("key", "create", "agent", "--per-minute", "60", "--burst", "5", "--json").json
    assert (made["requests_per_minute"], made["burst"], made["last_used_at"]) == (60, 5, None)
    changed = kgmem("key", "update", made["id"], "--unlimited", "--expires", "2999-01-01", "--name", "two", "--json")
    told = changed.json
    assert (told["requests_per_minute"], told["name"], told["expires_at"]) == (None, "two", "2999-01-01T00:00:00Z")
    assert kgmem("key", "update", made["id"], "--expires", "never", "--json").json["expires_at"] is None
    rotated = kgmem("key", "rotate", made["id"], "--overlap", "2h", "--json").json
    assert rotated["key"] != made["key"]
    assert rotated["old_secret_until"]
    assert kgmem("key", "rotate", made["id"], "--overlap", "0", "--json").json["old_secret_until"] is None
    assert kgmem("key", "rotate", made["id"], "--overlap", "31d").code != 0
    assert kgmem("key", "update", made["id"], "--unlimited", "--per-minute", "5").code != 0
