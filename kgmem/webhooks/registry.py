"""Makes the sender of webhooks with the first request: a server without webhooks loads no HTTP client."""

import importlib
from collections.abc import Mapping

from kgmem.domain.subscriptions.webhook import SendResult, WebhookSender
from kgmem.webhooks.address import AllowedAddresses


class LazySender:
    """A sender that is loaded when it is first used."""

    def __init__(self, allowed: AllowedAddresses, *, timeout: float = 10.0, product: str = "kgmem") -> None:
        """Take what `HttpSender` takes."""
        self._allowed = allowed
        self._timeout = timeout
        self._product = product
        self._loaded: WebhookSender | None = None

    async def check(self, url: str) -> None:
        """Raise InvalidInput where a URL names an address that requests must not go to."""
        await self._sender().check(url)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> SendResult:
        """Send one request, within a time and without redirects."""
        return await self._sender().send(url, headers, body)

    async def aclose(self) -> None:
        """Close the connections of the sender, if it was loaded."""
        if self._loaded is not None:
            await self._loaded.aclose()

    def _sender(self) -> WebhookSender:
        if self._loaded is None:
            sender: WebhookSender = importlib.import_module("kgmem.webhooks.sender").HttpSender(
                self._allowed, timeout=self._timeout, product=self._product
            )
            self._loaded = sender
        return self._loaded
