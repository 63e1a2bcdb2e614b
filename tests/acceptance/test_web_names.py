"""DNS rebinding, web pages of other origins, and what browsers are told: over REST, MCP and Bolt."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage, InvalidStatus

from kgmem.bolt.server import bolt_server
from kgmem.settings import Settings
from kgmem_api.app import create_app
from tests.fakes import fake_memory
from tests.rest import done, refused

PAGE = "https://app.example.com"
REBOUND = [
    {"Host": "evil.example"},
    {"Host": "evil.example:8420"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "localhost.evil.example"},
    {"Host": "localhost@evil.example"},
    {"Host": "2130706433"},
    {"Host": ""},
    {"Host": "[::1"},
]
FOREIGN = ["https://evil.example", "null", "file://", "http://203.0.113.9", "http://localhost.evil.example", "", "x"]


@asynccontextmanager
async def _client(settings: Settings, **changed: Any) -> AsyncIterator[httpx.AsyncClient]:
    memory = fake_memory()
    await memory.graphs.create("main")
    _, secret = await memory.keys.create("tests", "admin")
    app = create_app(memory, settings=settings.model_copy(update=changed))
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost", headers=headers
    ) as client:
        yield client


@pytest.mark.long
@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/v1/graphs", "/v1/keys", "/nowhere"])
async def test_a_name_that_was_rebound_to_this_machine_gets_nothing(settings: Settings, path: str) -> None:
    async with _client(settings) as client:
        for headers in REBOUND:
            refused(await client.get(path, headers=headers), 403, "KGMEM_HOSTS")
        for host in ("localhost", "localhost:8420", "127.0.0.1:8420", "[::1]:8420", "192.168.1.7", "LOCALHOST"):
            assert (await client.get(path, headers={"Host": host})).status_code != 403
        done(await client.get("/health/ready", headers={"Host": "probe.internal"}))


async def test_a_page_of_another_origin_gets_and_changes_nothing(settings: Settings) -> None:
    async with _client(settings) as client:
        for origin in FOREIGN:
            for method in ("GET", "POST", "DELETE", "OPTIONS"):
                answer = await client.request(method, "/v1/graphs/main", headers={"Origin": origin})
                refused(answer, 403, "KGMEM_ORIGINS")
                assert not [name for name in answer.headers if name.startswith("access-control")]
        done(await client.get("/v1/graphs/main", headers={"Origin": "http://localhost:3000"}))
        done(await client.get("/v1/graphs/main", headers={"Origin": "http://127.0.0.1:3000"}))
        done(await client.get("/v1/graphs/main"))


async def test_a_server_of_a_network_is_known_by_any_name_until_it_is_told_by_which(settings: Settings) -> None:
    async with _client(settings, host="0.0.0.0") as client:
        done(await client.get("/v1/graphs", headers={"Host": "kgmem:8420"}))
        refused(await client.get("/v1/graphs", headers={"Host": "kgmem", "Origin": PAGE}), 403)
        done(await client.get("/v1/graphs", headers={"Host": "kgmem", "Origin": "https://kgmem"}))
    async with _client(settings, host="0.0.0.0", hosts="kgmem.example.com, other") as client:
        done(await client.get("/v1/graphs", headers={"Host": "Kgmem.Example.com:443"}))
        refused(await client.get("/v1/graphs", headers={"Host": "kgmem"}), 403)
        refused(await client.get("/v1/graphs", headers={"Host": "example.com"}), 403)
    async with _client(settings, hosts="*") as client:
        done(await client.get("/v1/graphs", headers={"Host": "evil.example", "Origin": "https://evil.example"}))


async def test_mcp_has_names_of_its_own_beside_those_of_the_server(settings: Settings) -> None:
    async with _client(settings, mcp_hosts="mcp.example.com", hosts="kgmem.example.com") as client:
        refused(await client.get("/v1/graphs", headers={"Host": "mcp.example.com"}), 403)
        for host in ("mcp.example.com", "kgmem.example.com"):
            assert (await client.get("/mcp", headers={"Host": host})).status_code == 405
    async with _client(settings, host="0.0.0.0") as client:
        refused(await client.get("/mcp", headers={"Host": "evil.example"}), 403, "KGMEM_MCP_HOSTS")


async def test_only_listed_origins_are_told_that_they_may_read(settings: Settings) -> None:
    async with _client(settings, origins=f"{PAGE}/, https://two.example") as client:
        answer = await client.get("/v1/graphs/main", headers={"Origin": PAGE})
        done(answer)
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "access-control-allow-credentials" not in answer.headers
        wanted = {"Origin": PAGE, "Access-Control-Request-Method": "PUT"}
        preflight = await client.options(
            "/v1/graphs/main/entities", headers={**wanted, "Access-Control-Request-Headers": "authorization,if-match"}
        )
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == PAGE
        failed = await client.get("/v1/graphs/none", headers={"Origin": PAGE})
        assert refused(failed, 404)
        assert failed.headers["access-control-allow-origin"] == PAGE
        for origin in FOREIGN:
            answer = await client.get("/v1/graphs/main", headers={"Origin": origin})
            assert answer.status_code == 403
            assert answer.headers.get("access-control-allow-origin") != origin
            preflight = await client.options("/v1/graphs/main", headers={**wanted, "Origin": origin})
            assert preflight.headers.get("access-control-allow-origin") != origin
            assert preflight.status_code != 200


async def test_every_answer_has_the_headers_that_keep_a_browser_from_misuse(settings: Settings) -> None:
    async with _client(settings) as client:
        for path, status in (("/", 200), ("/v1/graphs", 200), ("/nowhere", 404), ("/health/live", 200)):
            answer = await client.get(path)
            assert answer.status_code == status
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
            assert answer.headers["cache-control"] == "no-store"
            assert "strict-transport-security" not in answer.headers
        anonymous = await client.get("/v1/graphs", headers={"Authorization": ""})
        assert anonymous.status_code == 401
        assert anonymous.headers["cache-control"] == "no-store"
        docs = await client.get("/docs")
        assert docs.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert docs.headers.get_list("cache-control") == ["no-cache"]


async def test_strict_transport_is_told_with_tls_and_for_names_alone(settings: Settings, tmp_path: Any) -> None:
    async with _client(settings, tls_certificate=tmp_path, hosts="kgmem.example.com") as client:
        named = await client.get("/health/live", headers={"Host": "kgmem.example.com"})
        assert named.headers["strict-transport-security"] == "max-age=31536000"
        for host in ("localhost:8420", "127.0.0.1"):
            told = await client.get("/health/live", headers={"Host": host})
            assert "strict-transport-security" not in told.headers


@asynccontextmanager
async def _bolt(settings: Settings, **changed: Any) -> AsyncIterator[str]:
    said: list[str] = []
    wanted = settings.model_copy(update={"bolt_port": 0, **changed})
    async with bolt_server(wanted, fake_memory(), say=said.append):
        yield said[0].removeprefix("Bolt at bolt://").rstrip(".")


async def test_bolt_answers_browsers_under_the_same_names(settings: Settings) -> None:
    async with _bolt(settings) as address, httpx.AsyncClient(base_url=f"http://{address}") as client:
        assert done(await client.get("/", headers={"Origin": PAGE}))["bolt_direct"]
        for headers in REBOUND[:6]:
            answer = await client.get("/", headers=headers)
            assert answer.status_code == 403
            assert "KGMEM_HOSTS" in answer.text
            assert not [name for name in answer.headers if name.startswith("access-control")]
        async with connect(f"ws://{address}", origin="https://evil.example"):  # type: ignore[arg-type]
            pass
        port = address.rsplit(":", 1)[1]
        with pytest.raises((InvalidStatus, InvalidMessage)):
            async with connect(f"ws://evil.example:{port}", host="127.0.0.1"):
                pass


async def test_bolt_refuses_pages_of_other_origins_where_some_are_listed(settings: Settings) -> None:
    async with _bolt(settings, origins=PAGE) as address, httpx.AsyncClient(base_url=f"http://{address}") as client:
        allowed = await client.get("/", headers={"Origin": PAGE})
        assert allowed.headers["access-control-allow-origin"] == PAGE
        assert (await client.get("/", headers={"Origin": "https://evil.example"})).status_code == 403
        async with connect(f"ws://{address}", origin=PAGE):  # type: ignore[arg-type]
            pass
        with pytest.raises((InvalidStatus, InvalidMessage)):
            async with connect(f"ws://{address}", origin="https://evil.example"):  # type: ignore[arg-type]
                pass
