"""Sends requests of webhooks: to the address that was checked, with the host's name, within a time, no redirects."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import httpx

from kgmem.domain.errors import InvalidInput
from kgmem.domain.subscriptions.webhook import SendResult
from kgmem.webhooks.address import AddressRefused, AllowedAddresses, resolve

_LARGEST_ANSWER: Final = 64 * 1024  # Bytes that are read of an answer; its body is not kept.
_MOST_CLIENTS: Final = 200
_IDLE: Final = 30.0  # Seconds for which an unused connection is kept.
_LONGEST_WAIT: Final = 6 * 3_600.0


class HttpSender:
    """Sends over HTTP. A connection belongs to one host at one address, so that no other name uses it."""

    def __init__(self, allowed: AllowedAddresses, *, timeout: float = 10.0, product: str = "kgmem") -> None:
        """Take what is allowed beside public addresses, and the seconds that one request may take."""
        self._allowed = allowed
        self._timeout = timeout
        self._product = product
        self._tls = httpx.create_ssl_context()
        self._clients: OrderedDict[tuple[str, str, str, int], httpx.AsyncClient] = OrderedDict()

    async def check(self, url: str) -> None:
        """Raise InvalidInput where a URL names an address that requests must not go to.

        A name that has no address now is not refused: it is checked again before each request.
        """
        try:
            parsed = _parsed(url)
            async with asyncio.timeout(self._timeout):
                await resolve(parsed.host, _port(parsed), self._allowed)
        except (OSError, UnicodeError):  # A TimeoutError is an OSError.
            return

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> SendResult:
        """Send one request; what fails is reported without any text of the receiver."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                status, retry_after = await self._post(url, headers, body)
        except AddressRefused as error:
            return SendResult(None, error.message, _since(began))
        except InvalidInput as error:
            return SendResult(None, error.message, _since(began))
        except TimeoutError:
            return SendResult(None, f"No answer came within {self._timeout:g} seconds.", _since(began))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError, ValueError) as error:
            return SendResult(None, _told(error), _since(began))
        error_text = None if 200 <= status < 300 else _refusal(status)
        return SendResult(status, error_text, _since(began), retry_after)

    async def aclose(self) -> None:
        """Close its connections."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.aclose()

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, float | None]:
        parsed = _parsed(url)
        port = _port(parsed)
        address = str(await resolve(parsed.host, port, self._allowed))
        client = await self._client((parsed.scheme, parsed.host, address, port))
        told = {
            **headers, "host": parsed.netloc.decode("ascii"), "content-type": "application/json",
            "user-agent": self._product,
        }  # fmt: skip
        request = client.build_request(
            "POST", parsed.copy_with(host=address), headers=told, content=body,
            extensions={"sni_hostname": parsed.raw_host.decode("ascii")},
        )  # fmt: skip
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            read = 0
            async for part in response.aiter_raw():
                read += len(part)
                if read > _LARGEST_ANSWER:
                    break
        finally:
            await response.aclose()
        return response.status_code, _seconds(response.headers.get("retry-after"))

    async def _client(self, key: tuple[str, str, str, int]) -> httpx.AsyncClient:
        client = self._clients.get(key)
        if client is None:
            client = httpx.AsyncClient(
                verify=self._tls, trust_env=False, timeout=self._timeout,
                limits=httpx.Limits(max_connections=16, max_keepalive_connections=4, keepalive_expiry=_IDLE),
            )  # fmt: skip
            self._clients[key] = client
        self._clients.move_to_end(key)
        if len(self._clients) > _MOST_CLIENTS:
            _, oldest = self._clients.popitem(last=False)
            await oldest.aclose()
        return client


def _parsed(url: str) -> httpx.URL:
    parsed = httpx.URL(url)
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        raise InvalidInput("url is not valid.", hint="Give such as https://example.org/hook.", field="url")
    return parsed


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return f"The receiver redirects ({status}), and redirects are not followed."
    return f"The receiver answered {status}."


def _told(error: Exception) -> str:
    """Return what failed, in words that show nothing of what is behind the address."""
    if isinstance(error, httpx.TimeoutException):
        return "No answer came in time."
    if isinstance(error, httpx.ConnectError):
        certificate = "certificate" in str(error).lower() or "ssl" in str(error).lower()
        return "Its certificate is not valid." if certificate else "No connection could be made."
    if isinstance(error, OSError):
        return "Its host has no address."
    return "The connection broke."


def _seconds(value: str | None) -> float | None:
    if value is None or not value.strip().isdecimal() or len(value.strip()) > 9:
        return None
    return min(float(value.strip()), _LONGEST_WAIT)
