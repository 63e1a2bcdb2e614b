"""Which addresses webhooks may reach, and how their requests are signed."""

import asyncio
import base64
import socket
import time
from typing import Any

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.subscriptions.webhook import WebhookRequest, check_url, new_secret, pause_before, signature, verify
from kgmem.webhooks.address import AddressRefused, AllowedAddresses, resolve
from kgmem.webhooks.sender import HttpSender
from tests.receivers import receiver

NONE = AllowedAddresses()
REFUSED = """
127.0.0.1 127.9.9.9 0.0.0.0 10.0.0.1 172.16.5.4 172.31.255.255 192.168.1.1 169.254.169.254 169.254.0.1
100.64.0.1 100.100.100.200 168.63.129.16 192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1
239.255.255.250 240.0.0.1 255.255.255.255 ::1 :: ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
::127.0.0.1 ::10.0.0.1 ::ffff:0:10.0.0.1 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:7f00:1::1
2002:a00:1::1 2001:0:a00:1::1 fe80::1 fec0::1 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1 100::1 192.88.99.1
""".split()  # noqa: SIM905 - easier to read
ADMITTED = """
1.1.1.1 8.8.8.8 172.32.0.1 100.128.0.1 2606:4700::1111 64:ff9b::8.8.8.8 2a00:1450:4001:81b::200e
""".split()  # noqa: SIM905 - easier to read
SPELLINGS = """
127.1 0177.0.0.1 0x7f.1 2130706433 0x7f000001 localhost
""".split()  # noqa: SIM905 - easier to read


@pytest.mark.parametrize("address", REFUSED)
async def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused, match="KGMEM_WEBHOOK_ALLOW"):
        await resolve(address, 80, NONE)


@pytest.mark.parametrize("address", ADMITTED)
async def test_a_public_address_is_admitted(address: str) -> None:
    assert str(await resolve(address, 443, NONE))


@pytest.mark.parametrize("host", SPELLINGS)
async def test_another_spelling_of_loopback_is_refused(host: str) -> None:
    with pytest.raises((AddressRefused, OSError)):
        await resolve(host, 80, NONE)
    sent = await HttpSender(NONE).send(f"http://{host}/", {}, b"{}")
    assert sent.status is None


async def test_an_operator_allows_networks_and_hosts() -> None:
    allowed = AllowedAddresses.parse("10.0.0.0/8, fd00::/8, 192.168.7.9, Hooks.Internal")
    for admitted in ("10.1.2.3", "fd00::7", "192.168.7.9", "::ffff:10.1.2.3"):
        assert await resolve(admitted, 80, allowed)
    for refused in ("192.168.7.8", "127.0.0.1", "::1", "169.254.169.254"):
        with pytest.raises(AddressRefused):
            await resolve(refused, 80, allowed)
    assert allowed.hosts == {"hooks.internal"}
    with pytest.raises(InvalidInput, match="KGMEM_WEBHOOK_ALLOW"):
        AllowedAddresses.parse("10.0.0.0/99")


def _answers(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names resolve to these addresses, one list after the other; the last one again and again."""
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **more: Any) -> list[Any]:
        found = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return asked


async def test_a_name_with_one_address_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _answers(monkeypatch, ["1.1.1.1", "10.0.0.1"])
    with pytest.raises(AddressRefused):
        await resolve("rebinding.example", 80, NONE)


async def test_the_checked_address_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to another address at each look: what was checked is used."""
    async with receiver() as got:
        port = got.url.rpartition(":")[2].partition("/")[0]
        sender = HttpSender(AllowedAddresses.parse("127.0.0.1"), timeout=5)
        asked = _answers(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        first = await sender.send(f"http://rebinding.example:{port}/hook?x=1", {"webhook-id": "m"}, b"{}")
        assert (first.status, asked) == (204, ["rebinding.example"])
        assert got.requests[0][0]["host"] == f"rebinding.example:{port}"
        second = await sender.send(f"http://rebinding.example:{port}/hook", {}, b"{}")
        assert second.status is None
        assert len(got.requests) == 1
        await sender.aclose()


async def test_redirects_are_not_followed_and_large_or_endless_answers_end() -> None:
    async with receiver(answer=lambda body: (302, "location: http://127.0.0.1:1/\r\n")) as got:
        sender = HttpSender(AllowedAddresses.parse("127.0.0.0/8"), timeout=0.5)
        sent = await sender.send(got.url, {}, b"{}")
        assert (sent.status, sent.ok, len(got.requests)) == (302, False, 1)
        assert sent.error is not None
        assert "redirect" in sent.error
        got.delay = 5.0
        began = time.monotonic()
        late = await sender.send(got.url, {}, b"{}")
        assert (late.status, time.monotonic() - began < 3) == (None, True)
        await sender.aclose()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"400\r\n" + b"x" * 0x400 + b"\r\n")
                await writer.drain()
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    sender = HttpSender(AllowedAddresses.parse("127.0.0.0/8"), timeout=5)
    assert (await sender.send(url, {}, b"{}")).status == 200
    await sender.aclose()
    server.close()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/", "file:///etc/passwd", "gopher://example.org", "http://", "http:///path", "example.org",
        "http://user:pass@example.org/", "http://example.org:0/", "http://example.org:99999/", "http://exa mple.org/",
        "http://example.org/#x", "http://example.org\\@10.0.0.1/", "http://example.org/\r\nX: y", "", "http://[::1",
        "https://example.org/" + "x" * 2000,
    ],
)  # fmt: skip
def test_a_url_that_is_none_to_send_to_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="url"):
        WebhookRequest(url).checked()


def test_a_signature_is_that_of_the_standard_webhooks_specification() -> None:
    # The example of the specification's reference libraries.
    secret, id_, timestamp = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
    body = b'{"test": 2432232314}'
    assert signature(secret, id_, timestamp, body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    headers = {"Webhook-Id": id_, "webhook-timestamp": str(timestamp), "webhook-signature": "v1,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}  # fmt: skip # noqa: E501
    assert verify(secret, headers, body, now=timestamp + 10)
    assert not verify(secret, headers, body + b" ", now=timestamp)
    assert not verify(new_secret(), headers, body, now=timestamp)
    assert not verify(secret, headers, body, now=timestamp + 301)
    assert not verify(secret, {**headers, "Webhook-Id": "other"}, body, now=timestamp)
    assert not verify(secret, {}, body, now=timestamp)


def test_secrets_are_long_and_pauses_grow() -> None:
    assert len(base64.b64decode(new_secret().removeprefix("whsec_"))) == 32
    assert new_secret() != new_secret()
    assert 4 <= pause_before(1) <= 6
    assert 36 <= pause_before(3) <= 54
    assert pause_before(1000) <= 6 * 3600 * 1.2
    assert check_url("https://example.org/a?b=c") == "https://example.org/a?b=c"
