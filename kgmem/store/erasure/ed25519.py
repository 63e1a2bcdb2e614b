"""Ed25519: keys in PEM, signatures and their verification; encryption. It is loaded with the first report."""

import base64
import os
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kgmem.domain.errors import InvalidInput, Unavailable


class PrivateKey:
    """A private key, with what is done with it."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        """Take the key."""
        self._key = key

    @property
    def secret(self) -> bytes:
        """The bytes of the key."""
        return self._key.private_bytes_raw()

    @property
    def public(self) -> str:
        """The public key in base64."""
        raw = self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return base64.b64encode(raw).decode()

    def sign(self, content: bytes) -> str:
        """Return the signature in base64."""
        return base64.b64encode(self._key.sign(content)).decode()


def holds(public: str, signature: str, content: bytes) -> bool:
    """Return whether a signature is that of a public key over content."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(signature, validate=True), content)
    except (InvalidSignature, ValueError):
        return False
    return True


def seal(secret: bytes, content: bytes) -> bytes:
    """Return content encrypted and authenticated by a secret of 32 bytes."""
    return Fernet(base64.urlsafe_b64encode(secret)).encrypt(content)


def unseal(secret: bytes, sealed: bytes) -> bytes | None:
    """Return what was sealed; None where that was by another secret."""
    try:
        return Fernet(base64.urlsafe_b64encode(secret)).decrypt(sealed)
    except InvalidToken:
        return None


def make() -> PrivateKey:
    """Return a new key."""
    return PrivateKey(Ed25519PrivateKey.generate())


def read_or_make(path: Path) -> PrivateKey:
    """Return the key in a file (PEM), which is made if it is not there. Raises Unavailable, InvalidInput."""
    try:
        if not path.exists():
            _write(path)
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise Unavailable(f"The key {path} cannot be read: {error.strerror}.", hint="Check its permissions.") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidInput(f"{path} is no private key in PEM without a password.", hint="Set another one.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput(f"{path} is no Ed25519 key.", hint="openssl genpkey -algorithm ed25519 makes one.")
    return PrivateKey(key)


def _write(path: Path) -> None:
    """Write a new key, whole or not at all; the first of two processes wins."""
    key = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink()
