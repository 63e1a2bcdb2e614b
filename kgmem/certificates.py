"""The certificate of a server: read again when its files change, while connections that are open keep theirs."""

import ssl
import time
from pathlib import Path
from typing import Final

from kgmem.domain.errors import InvalidInput
from kgmem.log import EventLog

log = EventLog(__name__)

_EVERY: Final = 1.0  # Seconds between two looks at the files.
HANDSHAKE_SECONDS: Final = 10.0  # In which a client must have finished its TLS handshake.

_Stamp = tuple[tuple[int, int, int], ...]


class Certificate:
    """A certificate chain and its private key (PEM), from files that somebody renews.

    `context` is for listeners. With each new connection, but not more than once a second, the files are looked at; a
    pair that does not fit together, as while a program is replacing both, changes nothing and is logged.
    """

    def __init__(self, certificate: Path, key: Path | None, *, setting: str, key_setting: str) -> None:
        """Read both files; without `key` the certificate's file has both. Raises InvalidInput."""
        self._certificate = certificate
        self._key = key
        self._stamp = self._now()
        self._looked_at = time.monotonic()
        try:
            self._current = _loaded(certificate, key)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise InvalidInput(
                f"The certificate {certificate} cannot be used: {error}.",
                hint=f"Set {setting} and {key_setting} to a certificate chain and its key (PEM, not encrypted).",
            ) from error
        self.context = _loaded(certificate, key)
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Use the current certificate for a connection; OpenSSL calls this for each, whether it names a host or not."""
        if time.monotonic() - self._looked_at >= _EVERY:
            self._renew()
        connection.context = self._current

    def _renew(self) -> None:
        self._looked_at = time.monotonic()
        stamp = self._now()
        if stamp == self._stamp:
            return
        try:
            self._current = _loaded(self._certificate, self._key)
        except (OSError, ssl.SSLError, ValueError) as error:
            log.warning("certificate_not_renewed", file=str(self._certificate), error=error)
            return
        self._stamp = stamp
        log.info("certificate_renewed", file=str(self._certificate))

    def _now(self) -> _Stamp:
        """Return what changes with the files; nothing while one of them is away."""
        try:
            stats = [path.stat() for path in (self._certificate, self._key) if path is not None]
        except OSError:
            return ()
        return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in stats)


def certificate_of(certificate: Path | None, key: Path | None, *, setting: str, key_setting: str) -> Certificate | None:
    """Return the certificate that two settings name; None without any. Raises InvalidInput."""
    if certificate is None:
        if key is not None:
            raise InvalidInput(f"{key_setting} is set without a certificate.", hint=f"Set {setting}, too.")
        return None
    return Certificate(certificate, key, setting=setting, key_setting=key_setting)


def _loaded(certificate: Path, key: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Without a function OpenSSL would ask for the password on the terminal, and wait.
    context.load_cert_chain(certificate, key, password=_no_password)
    return context


def _no_password() -> str:
    raise ValueError("the private key is encrypted")
