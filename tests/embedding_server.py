"""A small HTTP server on loopback that answers like Ollama and like OpenAI, and does what a test tells it to."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from kgmem.embedding.hashing import HashEmbedder


@dataclass(frozen=True, slots=True)
class Request:
    """What the server was asked."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scripted:
    """An answer that a test sets."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class EmbeddingServer:
    """Answers with the vectors of feature hashing, unless the script or a rule says otherwise."""

    def __init__(self, dimension: int) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self.script: deque[Scripted] = deque()
        self.rule: Callable[[Request], Scripted | None] = lambda _: None
        self.gate = asyncio.Event()  # While it is cleared, no answer is given.
        self.gate.set()
        self._embedder = HashEmbedder(dimension)

    @property
    def inputs(self) -> list[list[str]]:
        """The texts of each request."""
        return [request.body["input"] for request in self.requests]

    async def answer(self, request: Request) -> Scripted:
        """Record the request and give the answer to it."""
        self.requests.append(request)
        await self.gate.wait()
        if self.script:
            return self.script.popleft()
        ruled = self.rule(request)
        if ruled is not None:
            return ruled
        vectors = [list(vector) for vector in await self._embedder.embed(request.body["input"])]
        if request.path == "/api/embed":
            return Scripted(body={"model": request.body["model"], "embeddings": vectors})
        if request.path == "/v1/embeddings":
            items = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
            return Scripted(body={"object": "list", "data": items[::-1]})
        return Scripted(404, {"error": f"no route {request.path}"})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while (head := await reader.readuntil(b"\r\n\r\n")) is not None:
                first, *lines = head.decode().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = orjson.loads(await reader.readexactly(int(headers["content-length"])))
                reply = await self.answer(Request(first.split()[1], headers, body))
                content = reply.body if isinstance(reply.body, bytes) else orjson.dumps(reply.body)
                extra = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
                start = f"HTTP/1.1 {reply.status} Said\r\nContent-Length: {len(content)}\r\n{extra}\r\n"
                writer.write(start.encode() + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # The client has gone, which is how every connection ends.
        finally:
            writer.close()


@asynccontextmanager
async def embedding_server(dimension: int = 768) -> AsyncIterator[EmbeddingServer]:
    """Return a server that runs until the block ends."""
    server = EmbeddingServer(dimension)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        server.gate.set()
        listener.close()
        await listener.wait_closed()
