"""A bridge for hosts that only start programs: standard input and output here, `/mcp` of a server there.

It passes messages on as they are. What HTTP wants besides, the session and the version, it takes from the messages.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

import httpx
import orjson
from mcp.server.stdio import stdio_server
from mcp.shared.inbound import MCP_METHOD_HEADER, MCP_NAME_HEADER, NAME_BEARING_METHODS, encode_header_value
from mcp.shared.message import SessionMessage
from mcp_types import PROTOCOL_VERSION_META_KEY, jsonrpc_message_adapter

from kgmem.domain.errors import InvalidInput
from kgmem.log import EventLog
from kgmem.mcp.caller import DEFAULT_TOOLS, ConnectionOptions
from kgmem.mcp.signals import ending_by_signal

log = EventLog(__name__)

_PATIENCE: Final = httpx.Timeout(10.0, read=300.0)
_UNREACHABLE: Final = -32000
_DRAIN: Final = 1.0  # Seconds; hosts kill a program two seconds after they ended its input.
_CANCELLED: Final = "notifications/cancelled"
_VERSION: Final = "MCP-Protocol-Version"
_SESSION: Final = "Mcp-Session-Id"


def endpoint_of(url: str, options: ConnectionOptions) -> str:
    """Return the address of `/mcp` with the options. Raises InvalidInput for what is no address of a server."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidInput(
            f"{url[:100]!r} is no address of a server.", hint="Give one such as http://127.0.0.1:8420 as --url."
        )
    path = parts.path.rstrip("/")
    given = {
        "tools": options.tools if options.tools != DEFAULT_TOOLS else None,
        "graph": options.graph,
        "scope": options.scope,
        "read_only": "true" if options.read_only else None,
    }
    query = urlencode({name: value for name, value in given.items() if value is not None})
    return urlunsplit((parts.scheme, parts.netloc, path if path.endswith("/mcp") else f"{path}/mcp", query, ""))


class Bridge:
    """One host, and one server behind it."""

    def __init__(self, client: httpx.AsyncClient, address: str, send: Any) -> None:
        """Take the client, which sends the key, the address of the server, and where its messages go."""
        self._client = client
        self._address = address
        self._send = send
        self._version: str | None = None  # As initialize has settled it.
        self._session: str | None = None
        self._running: dict[str | int, asyncio.Task[None]] = {}

    async def pass_on(self, message: Mapping[str, Any]) -> None:
        """Pass a message on; its answer goes to the host as it comes, beside further messages."""
        if message.get("method") == "initialize":  # What follows needs what it settles.
            await self._post(message)
            return
        if message.get("method") == _CANCELLED and self._version is None:
            # The newest protocol cancels a call by the end of its connection.
            task = self._running.get(message.get("params", {}).get("requestId"))
            if task is not None:
                task.cancel()
            return
        task = asyncio.create_task(self._post(message))
        id_ = message.get("id", f"notification {id(task)}")
        self._running[id_] = task
        task.add_done_callback(lambda _: self._running.pop(id_, None))

    async def drain(self) -> None:
        """Wait a while for the answers to what the host has sent before it ended its input."""
        if self._running:
            await asyncio.wait(self._running.values(), timeout=_DRAIN)

    async def close(self) -> None:
        """End what still waits for the server."""
        for task in list(self._running.values()):
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _post(self, message: Mapping[str, Any]) -> None:
        try:
            body = orjson.dumps(message)
            async with self._client.stream("POST", self._address, content=body, headers=self._headers(message)) as got:
                if got.status_code >= 400:
                    await self._fail(message, _told(await got.aread(), got.status_code))
                    return
                self._session = got.headers.get(_SESSION, self._session)
                async for answer in _messages(got):
                    self._note(message, answer)
                    await self._send(answer)
        except ValueError as error:
            log.warning("mcp_server_unreachable", error=error)
            await self._fail(message, "What answers at --url is no kgmem server, or another version of it.")
        except httpx.HTTPError as error:
            log.warning("mcp_server_unreachable", error=error)
            await self._fail(message, "The kgmem server cannot be reached. Check --url, and that it runs.")

    def _headers(self, message: Mapping[str, Any]) -> dict[str, str]:
        """Return the headers of a message."""
        params = message.get("params") or {}
        meta = params.get("_meta") if isinstance(params, Mapping) else None
        version = meta.get(PROTOCOL_VERSION_META_KEY) if isinstance(meta, Mapping) else None
        if isinstance(version, str):
            headers = {_VERSION: version, MCP_METHOD_HEADER: str(message.get("method"))}
            name = params.get(NAME_BEARING_METHODS.get(str(message.get("method")), ""))
            return headers | ({MCP_NAME_HEADER: encode_header_value(name)} if isinstance(name, str) else {})
        known = {_VERSION: self._version, _SESSION: self._session}
        return {name: value for name, value in known.items() if value is not None}

    def _note(self, message: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Note the version that initialize has settled."""
        result = answer.get("result")
        if message.get("method") == "initialize" and isinstance(result, Mapping):
            self._version = result.get("protocolVersion")

    async def _fail(self, message: Mapping[str, Any], told: str) -> None:
        if "id" in message:
            error = {"code": _UNREACHABLE, "message": told}
            await self._send({"jsonrpc": "2.0", "id": message["id"], "error": error})


async def _messages(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Return the messages of a response: one of JSON, or many of a stream of events."""
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        body = await response.aread()
        if body:
            yield orjson.loads(body)
        return
    data: list[bytes] = []
    async for line in _lines(response):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            text = b"\n".join(data)
            if text:  # Some events only tell where to go on.
                yield orjson.loads(text)
            data = []


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    """Return the lines of a stream of events; of what separates lines elsewhere, texts may have some."""
    rest = b""
    async for part in response.aiter_bytes():
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")


def _told(body: bytes, status: int) -> str:
    """Return what a server says of a request that it refuses: a problem, or an error of the protocol."""
    try:
        problem = orjson.loads(body)
    except orjson.JSONDecodeError:
        problem = None
    if isinstance(problem, Mapping):
        if isinstance(problem.get("error"), Mapping):
            return str(problem["error"].get("message"))
        parts = [str(problem[name]) for name in ("detail", "hint") if problem.get(name)]
        if parts:
            return " ".join(parts)
    return f"The server answered with status {status}. Is KGMEM_MCP on there?"


async def serve(url: str, key: str, options: ConnectionOptions) -> None:
    """Pass messages between the host at standard input and output, and a server, until the host ends the input."""
    address = endpoint_of(url, options)
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    async with stdio_server() as (reading, writing), httpx.AsyncClient(headers=headers, timeout=_PATIENCE) as client:

        async def send(answer: Mapping[str, Any]) -> None:
            await writing.send(SessionMessage(jsonrpc_message_adapter.validate_python(answer, by_name=False)))

        bridge = Bridge(client, address, send)
        try:
            with ending_by_signal(bridge.close):
                async for each in reading:
                    if isinstance(each, Exception):
                        log.warning("mcp_message_unreadable", error=type(each).__name__)
                        continue
                    await bridge.pass_on(each.message.model_dump(by_alias=True, mode="json", exclude_unset=True))
                await bridge.drain()
        finally:
            await bridge.close()
            await writing.aclose()
