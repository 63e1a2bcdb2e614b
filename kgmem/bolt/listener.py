"""Opening the Bolt door: as the settings say, over an open memory."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.server import Listening, serving
from kgmem.bolt.session import Limits
from kgmem.domain.errors import InvalidInput, ServerError
from kgmem.memory import Memory
from kgmem.settings import Settings


@asynccontextmanager
async def bolt_door(settings: Settings, memory: Memory, *, say: Callable[[str], None]) -> AsyncIterator[None]:
    """Speak Bolt while the context is open; `say` is told where.

    A usual port that somebody else has leaves the door shut, and says so. Raises ServerError where the port was named,
    and InvalidInput for a certificate that cannot be used.
    """
    if not settings.bolt:
        yield
        return
    listening = Listening(
        host=settings.host,
        port=settings.bolt_port,
        tls=_tls(settings.bolt_certificate, settings.bolt_certificate_key),
        advertised=settings.bolt_address,
        connections=settings.bolt_connections,
        connections_per_caller=settings.bolt_connections_per_key or max(1, settings.bolt_connections * 4 // 5),
        limits=Limits(message=settings.max_body),
    )
    door = serving(MemoryBackend(memory, home=settings.bolt_graph), listening)
    try:
        address = await door.__aenter__()
    except ServerError as error:
        if "bolt_port" in settings.model_fields_set:
            raise
        say(f"Bolt is off. {error}")
        yield
        return
    try:
        say(f"It speaks Bolt at bolt{'+s' if listening.tls else ''}://{address}.")
        yield
    finally:
        await door.__aexit__(None, None, None)


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        if key is not None:
            raise InvalidInput("KGMEM_BOLT_CERTIFICATE_KEY is set without a certificate.", hint="Set both.")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise InvalidInput(
            f"The certificate {certificate} cannot be used: {error}.",
            hint="Set KGMEM_BOLT_CERTIFICATE and KGMEM_BOLT_CERTIFICATE_KEY to a certificate chain and its key (PEM).",
        ) from error
    return context
