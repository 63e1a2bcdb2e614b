"""Redis as users meet it: in the settings, in `kgmem doctor`, and beside the database of a memory."""

import os
from pathlib import Path

import pytest

import kgmem as library
from kgmem.redis.embedded import EmbeddedRedis
from kgmem.settings import Settings
from tests.cli import Command
from tests.redis_servers import redis_server


@pytest.fixture
def home(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KGMEM_HOME", str(short_folder))
    return short_folder


def test_doctor_examines_the_embedded_valkey(kgmem: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGMEM_REDIS_URL", "embedded")
    told = kgmem("doctor").out
    assert f"unix://{home}/redis/redis.sock answers" in told
    assert "volatile-lfu" in told
    assert EmbeddedRedis(home).pid is None


def test_doctor_warns_of_a_policy_and_of_a_server_that_is_away(kgmem: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with redis_server("valkey", "--maxmemory-policy", "allkeys-lru") as server:
        monkeypatch.setenv("KGMEM_REDIS_URL", server.url)
        assert "set maxmemory-policy to volatile-lfu" in kgmem("doctor").out
        server.kill()
        findings = kgmem("doctor", "--json").json
    [found] = [finding for finding in findings if finding["area"] == "redis"]
    assert found["state"] == "warning"
    assert "does not answer" in found["what"]


@pytest.mark.long
def test_a_memory_opens_and_answers_while_redis_is_away(kgmem: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGMEM_REDIS_URL", "redis://:secret@127.0.0.1:1")
    assert kgmem("graph", "create", "g").code == 0
    done = kgmem("remember", "--graph", "g", "The treaty of 1648 ended the war.")
    assert done.code == 0
    assert "1648" in kgmem("recall", "--graph", "g", "treaty").out


@pytest.mark.long
async def test_a_memory_starts_the_embedded_valkey_and_stops_it(database_url: str, short_folder: Path) -> None:
    async with library.open(url=database_url, home=short_folder, redis_url="embedded", embedder="hash") as memory:
        assert EmbeddedRedis(short_folder).pid is not None
        await memory.graphs.create("g")
    assert EmbeddedRedis(short_folder).pid is None


def test_the_settings_do_not_show_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "KGMEM_REDIS_URL", "redis://:secret@host")
    assert "secret" not in repr(Settings())
