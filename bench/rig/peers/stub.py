"""Given vectors for peers that embed texts themselves, and a scripted model on loopback for those that demand one.

A text of a row or of a question has the vector that the other stores were given; any other text (of a fact, say) gets
one that depends on its bytes alone.
"""

import json
import threading
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zlib import crc32

import numpy as np

from bench.rig.peers.data import Shared


def body(row: dict[str, Any]) -> str:
    """Return the text of a row that is embedded and searched."""
    return f"{row['name']}\n{row['text']}"


class Vectors:
    """The vectors of texts."""

    def __init__(self, shared: Shared) -> None:
        self.size = int(shared.vectors.shape[1])
        self._known = {body(row): vector for row, vector in zip(shared.rows, shared.vectors, strict=True)}
        self._known |= {asked["text"]: vector for asked, vector in zip(shared.questions, shared.asked, strict=True)}

    def of(self, text: str) -> list[float]:
        """Return the vector of a text."""
        known = self._known.get(text)
        if known is None:
            known = self._known.get(text.strip())
        return _made(text, self.size) if known is None else known.tolist()


@lru_cache(maxsize=100_000)
def _made(text: str, size: int) -> list[float]:
    vector = np.random.default_rng(crc32(text.encode())).standard_normal(size)
    return (vector / np.linalg.norm(vector)).tolist()


def endpoint(vectors: Vectors) -> str:
    """Start an OpenAI-compatible server on loopback, which ends with the process, and return its URL.

    It embeds with the given vectors; to a chat it answers with empty JSON, since nothing is left to extract.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = _embeddings(request, vectors) if self.path.endswith("/embeddings") else _chat(request)
            encoded = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/v1"


def _embeddings(request: dict[str, Any], vectors: Vectors) -> dict[str, Any]:
    texts = [request["input"]] if isinstance(request["input"], str) else request["input"]
    data = [{"object": "embedding", "index": at, "embedding": vectors.of(text)} for at, text in enumerate(texts)]
    return {"object": "list", "model": request["model"], "data": data, "usage": {"prompt_tokens": 0, "total_tokens": 0}}


def _chat(request: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": "{}"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return {"id": "0", "object": "chat.completion", "created": 0, "model": request["model"], "choices": [choice]} | {
        "usage": usage
    }
