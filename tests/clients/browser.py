"""Chromium without a window: a page is opened, asked for values, and painted, over its debugging protocol."""

import asyncio
import base64
import itertools
import json
import shutil
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import websockets

_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
    "--no-first-run",
    "--hide-scrollbars",
    "--window-size=1000,800",
    # No other machine has an address: what a page needs must come from this one.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
]


class Page:
    """A page that is open."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def value(self, expression: str) -> Any:
        """What an expression of JavaScript gives in the page."""
        told = await self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def awaited(self, expression: str) -> Any:
        """The first value of an expression that is not null or false."""
        async with asyncio.timeout(60):
            while not (value := await self.value(expression)):
                await asyncio.sleep(0.1)
        return value

    async def painted(self) -> bytes:
        """The page as a PNG."""
        return base64.b64decode((await self._ask("Page.captureScreenshot", format="png"))["data"])

    async def _ask(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(await self._socket.recv())).get("id") != number:
            pass
        assert "error" not in answer, answer
        return answer["result"]


@asynccontextmanager
async def opened(page: Path | str, folder: Path) -> AsyncIterator[Page]:
    """Open a page, a file or an address on this machine; the folder takes what the browser keeps."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("chromium is not installed")
    process = await asyncio.create_subprocess_exec(
        chromium,
        *_OPTIONS,
        f"--user-data-dir={folder}",
        page.as_uri() if isinstance(page, Path) else page,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with websockets.connect(await _address(folder), max_size=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        await process.wait()


async def _address(folder: Path) -> str:
    told = folder / "DevToolsActivePort"
    async with asyncio.timeout(60):
        while not (told.exists() and len(told.read_text().splitlines()) > 1):
            await asyncio.sleep(0.1)
        port = int(told.read_text().splitlines()[0])
        while True:
            targets = await asyncio.to_thread(_targets, port)
            pages = [
                each
                for each in targets
                if each["type"] == "page" and each["url"].startswith(("file:", "http://127.0.0.1"))
            ]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
            await asyncio.sleep(0.1)


def _targets(port: int) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found
