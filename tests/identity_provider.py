"""An identity provider on loopback: its document, its keys, and tokens that it signs."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

AUDIENCE = "kgmem"


@dataclass
class Provider:
    """A provider: what it serves, how often it was asked, and the keys that it signs with."""

    issuer: str = ""
    keys: dict[str, tuple[str, Any]] = field(default_factory=dict)  # By id: algorithm and private key.
    asked: list[str] = field(default_factory=list)
    broken: bool = False
    document: dict[str, Any] = field(default_factory=dict)  # What its document says instead of the truth.

    def add(self, id_: str, algorithm: str) -> None:
        """Make a key."""
        made: Any
        if algorithm.startswith(("RS", "PS")):
            made = rsa.generate_private_key(65537, 2048)
        elif algorithm.startswith("ES"):
            made = ec.generate_private_key(ec.SECP256R1())
        else:
            made = ed25519.Ed25519PrivateKey.generate()
        self.keys[id_] = algorithm, made

    def public(self, id_: str) -> dict[str, Any]:
        """Return the public part of a key, as JSON Web Key."""
        algorithm, key = self.keys[id_]
        told: dict[str, Any] = json.loads(get_default_algorithms()[algorithm].to_jwk(key.public_key()))
        return {**{name: value for name, value in told.items() if name != "key_ops"}, "kid": id_, "use": "sig"}

    def key_set(self) -> dict[str, Any]:
        """Return what it serves as its keys."""
        return {"keys": [self.public(id_) for id_ in self.keys]}

    def claims(self, **claims: Any) -> dict[str, Any]:
        """Return the claims of a token that is valid for a minute; None leaves one out."""
        present = int(time.time())
        whole = {"iss": self.issuer, "aud": AUDIENCE, "sub": "ada", "iat": present, "exp": present + 60, **claims}
        return {name: value for name, value in whole.items() if value is not None}

    def token(self, id_: str = "one", headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return a token that a key has signed."""
        algorithm, key = self.keys[id_]
        return jwt.encode(self.claims(**claims), key, algorithm=algorithm, headers={"kid": id_, **(headers or {})})

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        self.asked.append(path)
        about = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **self.document}
        body = json.dumps(self.key_set() if path == "/keys" else about).encode()
        status = "500 Broken" if self.broken else "200 OK"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """Run a provider with one key, `one`."""
    made = Provider()
    made.add("one", "RS256")
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
