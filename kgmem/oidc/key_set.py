"""The keys that a provider signs with: read from a file or a URL, again when it has others, kept while it is away."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import orjson
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from kgmem.domain.errors import InvalidInput, Unavailable
from kgmem.log import EventLog

log = EventLog(__name__)

_FRESH: Final = 600.0  # Seconds after which the keys are read again.
_PAUSE: Final = 10.0  # Least seconds between two reads, whatever tokens name.
_TIMEOUT: Final = 5.0
_LARGEST: Final = 1_000_000  # Bytes.
_MOST_KEYS: Final = 100
_SMALLEST_RSA: Final = 2048  # Bits.
# Which kind of key an algorithm takes. No secret (`oct`) is among them, so that nobody signs with a public key as one.
KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}


@dataclass(frozen=True, slots=True)
class _Known:
    """A key of the set, as it came."""

    id: str | None
    kind: str
    algorithm: str | None
    data: Mapping[str, Any]


class KeySet:
    """The public keys of one provider."""

    def __init__(self, issuer: str, place: str | None) -> None:
        """Take the issuer, and the file or URL of the keys; without one the issuer says where they are.

        Raises InvalidInput for a URL without TLS that is not of this machine.
        """
        self._issuer = issuer
        self._file = Path(place) if place is not None and "://" not in place else None
        self._url = place if self._file is None else None
        if self._file is None:
            _check_url(self._url or issuer)
        self._keys: Sequence[_Known] = ()
        self._read_at = float("-inf")
        self._stamp: tuple[int, int] | None = None
        self._reading = asyncio.Lock()

    async def find(self, id_: str | None, algorithm: str) -> list[PyJWK]:
        """Return the keys that may have signed a token of this algorithm. Raises Unavailable before any was read.

        A token that names a key which is not known makes them be read again, at most every ten seconds.
        """
        found = self._fitting(id_, algorithm)
        age = time.monotonic() - self._read_at
        if self._file is not None or age >= _FRESH or (not found and age >= _PAUSE):
            await self._read(age)
            found = self._fitting(id_, algorithm)
        return [PyJWK(dict(known.data), algorithm) for known in found]

    def _fitting(self, id_: str | None, algorithm: str) -> list[_Known]:
        return [
            known
            for known in self._keys
            if known.kind == KINDS[algorithm]
            and known.algorithm in {None, algorithm}
            and (id_ is None or known.id is None or known.id == id_)
        ]

    async def _read(self, age: float) -> None:
        async with self._reading:
            if time.monotonic() - self._read_at < age and self._file is None:
                return  # Another token has made it be read in the meantime.
            try:
                document = await asyncio.to_thread(self._of_file) if self._file else await self._of_url()
                if document is not None:
                    self._keys = _keys_of(document)
            except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as error:
                log.warning("token_keys_not_read", issuer=self._issuer, error=type(error).__name__)
                if not self._keys:
                    raise Unavailable(
                        "The keys of the identity provider cannot be read.", hint="Try again in a moment."
                    ) from error
            finally:
                self._read_at = time.monotonic()

    def _of_file(self) -> Any:
        """Return the document of the file; None while it is as it was."""
        assert self._file is not None  # noqa: S101 - the caller has looked
        stat = self._file.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
        if stamp == self._stamp:
            return None
        document = orjson.loads(self._file.read_bytes())
        self._stamp = stamp
        return document

    async def _of_url(self) -> Any:
        async with httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False) as client:
            if self._url is None:
                about = await _document(client, f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
                if about.get("issuer") != self._issuer:
                    raise ValueError("the document is of another issuer")
                url = about.get("jwks_uri")
                if not isinstance(url, str):
                    raise ValueError("the document names no keys")
                _check_url(url)
                return await _document(client, url)
            return await _document(client, self._url)


async def _document(client: httpx.AsyncClient, url: str) -> Any:
    """Return a JSON object at an address. Raises ValueError for any other answer, and for one that is too large."""
    async with client.stream("GET", url) as answer:
        answer.raise_for_status()
        if answer.status_code != httpx.codes.OK:
            raise ValueError(f"the answer is {answer.status_code}")
        body = b""
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > _LARGEST:
                raise ValueError("the answer is too large")
    document = orjson.loads(body)
    if not isinstance(document, dict):
        raise ValueError("the answer is no object")  # noqa: TRY004 - what it holds is wrong, not how it was called
    return document


def _keys_of(document: Any) -> list[_Known]:
    """Return the keys for signatures of a JSON Web Key Set (RFC 7517). Raises ValueError without any."""
    listed = document.get("keys") if isinstance(document, dict) else None
    keys = []
    for data in (listed if isinstance(listed, list) else [])[:_MOST_KEYS]:
        if not isinstance(data, dict) or data.get("use", "sig") != "sig" or data.get("kty") not in KINDS.values():
            continue
        try:
            key = PyJWK(data).key
        except (PyJWTError, ValueError):
            continue
        if getattr(key, "key_size", _SMALLEST_RSA) < _SMALLEST_RSA and data["kty"] == "RSA":
            continue
        keys.append(_Known(data.get("kid"), data["kty"], data.get("alg"), data))
    if not keys:
        raise ValueError("there is no key for signatures")
    return keys


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise InvalidInput(
            f"The keys of an identity provider come by https, not from {url[:200]!r}.",
            hint="Set KGMEM_OIDC_ISSUER and KGMEM_OIDC_JWKS to https:// addresses, or KGMEM_OIDC_JWKS to a file.",
        )
