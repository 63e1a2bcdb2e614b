"""TLS of REST and Bolt: what it encrypts, how a certificate is renewed, and that logs have no secrets."""

import asyncio
import io
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import neo4j
import pytest
import structlog

from kgmem import certificates
from kgmem.bolt.server import bolt_server
from kgmem.domain.errors import InvalidInput
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem_api import server
from kgmem_api.server import bound_socket, serve
from kgmem_api.siblings import Share
from tests.certificates import Authority
from tests.fakes import fake_memory
from tests.postgres import short_folder
from tests.rest import done


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is written to stderr as logs."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    monkeypatch.setattr(server.sys, "stderr", written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@dataclass
class Running:
    """A server with TLS: its address, the address of its Bolt, a key, and what clients trust."""

    address: str
    secret: str
    trusted: ssl.SSLContext
    said: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.address, verify=self.trusted, headers={"Authorization": f"Bearer {self.secret}"}
        )

    async def serial(self) -> str:
        """Return the serial number of the certificate that a new connection gets."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trusted)
        told: dict[str, str] = writer.get_extra_info("peercert")
        writer.close()
        return told["serialNumber"]


@asynccontextmanager
async def _running(settings: Settings, authority: Authority, share: Share | None = None) -> AsyncIterator[Running]:
    memory = fake_memory()
    _, secret = await memory.keys.create("tests", "admin")
    stop = asyncio.Event()

    @asynccontextmanager
    async def opening() -> AsyncIterator[Memory]:
        yield memory

    certificate, key = authority.issue("127.0.0.1", "localhost")
    changed = {"port": 0, "bolt_port": 0, "log_format": "json", "tls_certificate": certificate, "tls_key": key}
    wanted = settings.model_copy(update=changed)
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    said: list[str] = []
    beside = None if share else lambda opened: bolt_server(wanted, opened, say=said.append)
    task = asyncio.create_task(serve(wanted, opening, ready=address.set_result, beside=beside, share=share))
    try:
        trusted = ssl.create_default_context(cafile=authority.file)
        yield Running(await address, secret, trusted, said)
    finally:
        stop.set()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def running(settings: Settings, authority: Authority, log: io.StringIO) -> AsyncIterator[Running]:
    async with _running(settings, authority) as opened:
        yield opened


async def test_rest_and_bolt_speak_tls_alone(running: Running) -> None:
    assert running.address.startswith("https://")
    async with running.client() as client:
        done(await client.get("/v1/keys"))
    async with httpx.AsyncClient() as plain:
        with pytest.raises(httpx.TransportError):
            await plain.get(f"http://127.0.0.1:{running.port}/health/live")
    with pytest.raises(httpx.ConnectError):  # Nobody whom this client trusts has signed the certificate.
        async with httpx.AsyncClient() as other:
            await other.get(f"{running.address}/health/live")
    bolt = running.said[0].removeprefix("Bolt at bolt+s://").rstrip(".")
    auth = ("kgmem", running.secret)
    async with neo4j.AsyncGraphDatabase.driver(f"bolt://{bolt}", auth=auth, ssl_context=running.trusted) as driver:
        await driver.verify_authentication()


async def test_a_renewed_certificate_serves_new_connections_and_breaks_no_open_one(
    running: Running, authority: Authority, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "_EVERY", 0.0)
    async with running.client() as open_before:
        done(await open_before.get("/health/live"))
        first = await running.serial()
        authority.issue("127.0.0.1", "localhost")
        second = await running.serial()
        assert second != first
        assert "certificate_renewed" in log.getvalue()
        done(await open_before.get("/v1/keys"))
        # Programs replace one file after the other: in between the pair does not fit, and the former one serves.
        other = authority.issue("127.0.0.1", "localhost", name="next")
        served = authority.issue("127.0.0.1", name="unused")[0].with_name("server.pem")
        other[0].replace(served)
        assert await running.serial() == second
        assert "certificate_not_renewed" in log.getvalue()
        other[1].replace(served.with_name("server.key"))
        assert await running.serial() not in {first, second}
        served.unlink()
        assert await running.serial() not in {first, second}
        done(await open_before.get("/v1/keys"))


async def test_who_begins_no_handshake_is_let_go(
    settings: Settings, authority: Authority, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HANDSHAKE_SECONDS", 0.2)
    async with _running(settings, authority) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_old_versions_of_tls_are_refused(running: Running, version: ssl.TLSVersion) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLS"):
        old.minimum_version = old.maximum_version = version
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", running.port, ssl=old)


async def test_processes_of_one_server_speak_tls_to_clients_and_none_among_themselves(
    settings: Settings, authority: Authority, log: io.StringIO
) -> None:
    reading, writing = os.pipe()
    with short_folder() as folder, bound_socket("127.0.0.1", 0) as rest:
        share = Share(0, 2, folder, os.dup(rest.fileno()), reading)
        async with _running(settings, authority, share) as running:
            async with running.client() as client:
                done(await client.get("/v1/keys"))
            transport = httpx.AsyncHTTPTransport(uds=str(share.socket_of(0)))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as sibling:
                done(await sibling.get("/health/live"))
    os.close(writing)
    os.close(reading)


@pytest.mark.parametrize("damage", ["missing", "encrypted", "another key", "no certificate", "key alone"])
async def test_what_cannot_be_used_is_named_before_anything_is_opened(
    settings: Settings, authority: Authority, log: io.StringIO, damage: str
) -> None:
    certificate, key = authority.issue("127.0.0.1")
    if damage == "missing":
        key.unlink()
    elif damage == "encrypted":
        authority.issue("127.0.0.1", password=b"secret")
    elif damage == "another key":
        key.write_bytes(authority.issue("127.0.0.1", name="other")[1].read_bytes())
    elif damage == "no certificate":
        certificate.write_text("nothing")
    named = {"tls_certificate": None if damage == "key alone" else certificate, "tls_key": key, "port": 0}
    with pytest.raises(InvalidInput) as refused:
        await serve(settings.model_copy(update=named), fake_memory())
    assert "KGMEM_TLS_CERTIFICATE" in (refused.value.hint or "")
    assert ("encrypted" in refused.value.message) == (damage == "encrypted")


async def test_no_secret_that_a_caller_sends_is_logged(running: Running, log: io.StringIO) -> None:
    secrets = ["kgm_aaaabbbbcccc_" + "S3cret-" * 6 + "S", "a-password-of-mine", "in-the-address", "in-a-header"]
    async with httpx.AsyncClient(base_url=running.address, verify=running.trusted) as client:
        for told in ({"Authorization": f"Bearer {secrets[0]}"}, {"Authorization": f"Token {secrets[1]}"}):
            assert (await client.get("/v1/keys", headers=told)).status_code == 401
        assert (await client.get("/v1/keys", auth=("me", secrets[1]))).status_code == 401
        assert (await client.get(f"/v1/keys?key={secrets[2]}&token={secrets[2]}")).status_code == 401
        assert (await client.get(f"/v1/{secrets[2]}", headers={"X-Api-Key": secrets[3]})).status_code == 404
    bolt = running.said[0].removeprefix("Bolt at bolt+s://").rstrip(".")
    for secret in secrets[:2]:
        auth = ("kgmem", secret)
        async with neo4j.AsyncGraphDatabase.driver(f"bolt://{bolt}", auth=auth, ssl_context=running.trusted) as driver:
            with pytest.raises(neo4j.exceptions.AuthError):
                await driver.verify_connectivity()
    with socket.create_connection(("127.0.0.1", running.port)) as raw:
        raw.sendall(f"GET / HTTP/1.1\r\nAuthorization: Bearer {secrets[3]}\r\n\r\n".encode())
    written = log.getvalue()
    assert '"request"' in written
    assert not [secret for secret in [*secrets, running.secret.rsplit("_", 1)[1]] if secret in written]
