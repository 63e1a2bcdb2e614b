"""API keys: made once, checked from memory, revoked everywhere, guessed by nobody."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import pytest

from kgmem.domain.access import Key
from kgmem.domain.errors import InvalidInput, KgmemError, NotFound, Unauthenticated, Unavailable
from kgmem.domain.time.interval import iso, now
from kgmem.store.db.database import Database
from kgmem.store.jobs import keys
from kgmem.store.jobs.keys import PostgresKeyRing, SecretHasher, new_token, parse_token
from tests.postgres import run_on

pytestmark = pytest.mark.server

ANY: dict[str, Any] = {"graph": None, "scope": "", "expires_at": None}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url) as opened:
        yield opened


@pytest.fixture
async def ring(database: Database) -> AsyncIterator[PostgresKeyRing]:
    async with PostgresKeyRing(database) as opened:
        yield opened


class Checks:
    """Counts how often a secret is hashed to be checked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._fits: Callable[[str | None, str], bool] = keys._fits
        monkeypatch.setattr(keys, "_fits", self)

    def __call__(self, hash_: str | None, secret: str) -> bool:
        self.count += 1
        return self._fits(hash_, secret)


async def refusal(ring: PostgresKeyRing, token: str) -> KgmemError:
    with pytest.raises(Unauthenticated) as raised:
        await ring.authenticate(token)
    return raised.value


async def until_refused(ring: PostgresKeyRing, token: str, within: float) -> None:
    deadline = time.monotonic() + within
    while True:
        try:
            await ring.authenticate(token)
        except Unauthenticated:
            return
        assert time.monotonic() < deadline, "the key was accepted for too long"
        await asyncio.sleep(0.02)


async def test_a_key_authenticates_and_says_what_it_may(ring: PostgresKeyRing) -> None:
    made, token = await ring.create("bot", "writer", graph="apollo", scope="user/7", expires_at="2999")

    assert await ring.authenticate(token) == made
    assert (made.name, made.role, made.graph, made.scope) == ("bot", "writer", "apollo", "user/7")
    assert made.expires_at == "2999-01-01T00:00:00Z"
    assert made.created_at is not None
    assert datetime.fromisoformat(made.created_at) <= datetime.fromisoformat(iso(now()))
    assert await ring.list() == [made]


async def test_a_token_shows_its_id_and_the_table_holds_no_secret(ring: PostgresKeyRing, database: Database) -> None:
    made, token = await ring.create("bot", "reader", **ANY)

    assert re.fullmatch(r"kgm_[a-z2-7]{12}_[A-Za-z0-9_-]{43}", token)
    assert token[4:16] == made.id
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT to_jsonb(k)::text AS row, hash FROM kgmem.key k")
    assert token[17:] not in row["row"]
    assert row["hash"].startswith("$argon2id$")


@pytest.mark.long
async def test_whatever_is_wrong_with_a_key_is_said_in_the_same_words(ring: PostgresKeyRing) -> None:
    revoked, revoked_token = await ring.create("revoked", "reader", **ANY)
    await ring.revoke(revoked.id)
    soon = iso(now() + 100_000)
    _, expired_token = await ring.create("expired", "reader", graph=None, scope="", expires_at=soon)
    _, token = await ring.create("good", "reader", **ANY)
    await until_refused(ring, expired_token, within=3)
    other_secret = token[:17] + new_token().secret

    wrong = [revoked_token, expired_token, other_secret, new_token().text(), "kgm_", "", "x" * 10_000, token + "\n"]
    said = [await refusal(ring, each) for each in wrong]

    assert len({str(error) for error in said}) == 1
    assert all(not error.facts for error in said)
    assert (await ring.authenticate(token)).name == "good"


async def test_an_unknown_id_takes_a_check_like_a_known_one(
    ring: PostgresKeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = await ring.create("good", "reader", **ANY)
    checks = Checks(monkeypatch)

    await refusal(ring, new_token().text())
    await refusal(ring, token[:17] + new_token().secret)

    assert checks.count == 2


@pytest.mark.long
async def test_a_key_in_use_is_hashed_once(ring: PostgresKeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    _, token = await ring.create("busy", "reader", **ANY)
    checks = Checks(monkeypatch)

    await asyncio.gather(*(ring.authenticate(token) for _ in range(100)))
    deadline = time.monotonic() + 1.2
    while time.monotonic() < deadline:
        await ring.authenticate(token)
        await asyncio.sleep(0.01)

    assert checks.count == 1


@pytest.mark.long
async def test_a_revoked_key_is_refused_at_once_here_and_within_a_second_elsewhere(
    ring: PostgresKeyRing, database: Database
) -> None:
    made, token = await ring.create("leaked", "admin", **ANY)
    async with PostgresKeyRing(database) as elsewhere:
        await ring.authenticate(token)
        await elsewhere.authenticate(token)

        revoked = await ring.revoke(made.id)

        await refusal(ring, token)
        await until_refused(elsewhere, token, within=1.2)
    assert revoked.revoked_at is not None
    assert (await ring.revoke(made.id)).revoked_at == revoked.revoked_at


@pytest.mark.long
async def test_a_key_expires_within_a_second(ring: PostgresKeyRing) -> None:
    _, token = await ring.create("brief", "reader", graph=None, scope="", expires_at=iso(now() + 500_000))

    assert (await ring.authenticate(token)).name == "brief"
    await until_refused(ring, token, within=1.8)


async def test_revoking_what_does_not_exist_says_so(ring: PostgresKeyRing) -> None:
    with pytest.raises(NotFound, match="zzz"):
        await ring.revoke("zzz")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "n" * 201},
        {"role": "root"},
        {"graph": "no such/name"},
        {"scope": "a b"},
        {"expires_at": "1999"},
        {"expires_at": "tomorrow"},
    ],
    ids=lambda wrong: next(iter(wrong.items()))[0],
)
async def test_a_key_that_makes_no_sense_is_not_made(ring: PostgresKeyRing, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await ring.create(**{"name": "bot", "role": "reader", **ANY, **wrong})
    assert await ring.list() == []


async def test_the_last_use_of_keys_is_written(database: Database) -> None:
    async with PostgresKeyRing(database) as ring:
        made, token = await ring.create("used", "reader", **ANY)
        idle, _ = await ring.create("idle", "reader", **ANY)
        before = now()
        await ring.authenticate(token)
    async with database.connection() as connection:
        used = dict(await connection.fetch("SELECT id, last_used_at FROM kgmem.key"))

    assert before <= used[made.id] <= now()
    assert used[idle.id] is None


async def test_uses_are_written_once_a_minute_at_the_most(ring: PostgresKeyRing, database: Database) -> None:
    made, token = await ring.create("busy", "reader", **ANY)
    await ring.authenticate(token)

    async def written() -> int | None:
        async with database.connection() as connection:
            return await connection.fetchval("SELECT last_used_at FROM kgmem.key WHERE id = $1", made.id)

    first = None
    async with asyncio.timeout(5):
        while first is None:
            first = await written()
    for _ in range(100):
        await ring.authenticate(token)

    assert await written() == first


async def test_a_use_that_could_not_be_written_is_written_later(
    ring: PostgresKeyRing, database: Database, database_url: str
) -> None:
    made, token = await ring.create("used", "reader", **ANY)
    await ring.authenticate(token)
    await run_on(database_url, "ALTER TABLE kgmem.key RENAME TO elsewhere")
    await ring._write_uses()
    await run_on(database_url, "ALTER TABLE kgmem.elsewhere RENAME TO key")

    await ring.aclose()

    async with database.connection() as connection:
        assert await connection.fetchval("SELECT last_used_at FROM kgmem.key WHERE id = $1", made.id)


@pytest.mark.long
async def test_guessing_is_slow_and_does_not_stop_who_has_a_key(ring: PostgresKeyRing) -> None:
    _, token = await ring.create("good", "reader", **ANY)
    started = time.monotonic()

    guesses = [asyncio.create_task(refusal(ring, new_token().text())) for _ in range(20)]
    key: Key = await ring.authenticate(token)
    await asyncio.gather(*guesses)

    # Two at a time, each of which keeps its place for 50 ms.
    assert time.monotonic() - started >= 0.5
    assert key.name == "good"


@pytest.mark.long
async def test_too_many_checks_at_once_are_turned_away() -> None:
    hasher = SecretHasher()
    tasks = [asyncio.create_task(hasher.check(None, "secret")) for _ in range(80)]
    results = await asyncio.gather(*tasks, return_exceptions=True)

    turned_away = [result for result in results if isinstance(result, Unavailable)]
    assert len(turned_away) == 80 - 64
    assert all(error.retry_after == 1 for error in turned_away)


def test_a_token_does_not_show_its_secret_when_printed() -> None:
    token = new_token()

    assert token.secret not in repr(token)
    assert parse_token(token.text()) == token
