"""Signatures of reports: Ed25519 over canonical JSON, with a key in the data folder."""

import hashlib
import hmac
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import orjson

from kgmem.domain.erasure.erasure import SignedReport

ALGORITHM: Final = "Ed25519"


def canonical(report: Mapping[str, Any]) -> bytes:
    """Return a report as it is signed: JSON with sorted keys and no spaces, in UTF-8."""
    return orjson.dumps(report, option=orjson.OPT_SORT_KEYS)


class Ed25519Signer:
    """Signs with a key in a file (PEM), which is made at the first use; without a file, with one for this process."""

    def __init__(self, path: Path | None = None) -> None:
        """Take the path of the key."""
        self._path = path
        self._kept: Any = None

    def public_key(self) -> str:
        """Return the public key in base64."""
        key: str = self._key().public
        return key

    def sign(self, report: Mapping[str, Any]) -> SignedReport:
        """Return a report with its signature."""
        return SignedReport(report, ALGORITHM, self.public_key(), self._key().sign(canonical(report)))

    def verify(self, signed: SignedReport) -> bool:
        """Return whether the signature is that of the public key over the report."""
        return verify(signed)

    def hash(self, text: str) -> str:
        """Return a hash of a text, keyed by the private key: nobody else can try which text it is of."""
        return hmac.new(
            self._secret(b"kgmem erasure"), text.encode("utf-8", "surrogatepass"), hashlib.sha256
        ).hexdigest()

    def seal(self, content: bytes) -> bytes:
        """Return content encrypted by a secret of the private key."""
        sealed: bytes = _ed25519().seal(self._secret(b"kgmem sealed"), content)
        return sealed

    def unseal(self, sealed: bytes) -> bytes | None:
        """Return what was sealed; None where that was by another key."""
        content: bytes | None = _ed25519().unseal(self._secret(b"kgmem sealed"), sealed)
        return content

    def _secret(self, use: bytes) -> bytes:
        return hashlib.sha256(use + self._key().secret).digest()

    def _key(self) -> Any:
        if self._kept is None:
            self._kept = _ed25519().make() if self._path is None else _ed25519().read_or_make(self._path)
        return self._kept


def verify(signed: SignedReport) -> bool:
    """Return whether the signature is that of the public key over the report."""
    return signed.algorithm == ALGORITHM and bool(
        _ed25519().holds(signed.public_key, signed.signature, canonical(signed.report))
    )


def _ed25519() -> Any:
    """Return the module that loads the cryptography package, which a server that erases nothing does not need."""
    return import_module("kgmem.store.erasure.ed25519")
