"""An HTTP endpoint of an embedding provider: sends JSON, tries again when that may help, never tells the key."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any, Final

import httpx
import orjson

from kgmem.domain.errors import EmbedderUnavailable, InvalidInput
from kgmem.domain.flows.trace import outgoing_headers

# What may pass by itself: timeouts, too many requests, and faults of the server or of a proxy before it.
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
# Faults that say the provider is away, whatever it is asked; a 500 may be about the one text.
_AWAY: Final = frozenset({429, 502, 503, 504, 529})
_CONNECT_TIMEOUT: Final = 5.0
_LONGEST_REST: Final = 60.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often a request is tried, and the seconds between two tries: doubling, less a random part.

    A provider that was away after all tries is not asked for `rest` seconds, or as long as it wants, a minute at most:
    recall then answers from words alone at once, instead of letting each question wait for the timeout.
    """

    tries: int = 4
    first: float = 0.25
    longest: float = 8.0
    rest: float = 5.0

    def pause(self, failures: int) -> float:
        """Return the seconds to wait after so many failures; the random part keeps callers from coming back at once."""
        return min(self.longest, self.first * 2.0 ** (failures - 1)) * random.uniform(0.5, 1.0)  # noqa: S311


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is no passing fault: its status, its JSON (None where it is not JSON), what it says is wrong."""

    status: int
    data: Any
    problem: str

    @property
    def ok(self) -> bool:
        """Whether the provider did what was requested."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class _Fault:
    """A fault that may pass: what it was, whether the provider is away, the seconds that it asked to wait."""

    what: str
    away: bool = True
    retry_after: float | None = None


async def continue_trace(request: httpx.Request) -> None:
    """Add the headers by which the provider continues the trace of the caller, if there is one."""
    request.headers.update(outgoing_headers())


class Endpoint:
    """Sends JSON to one base URL, each request within `timeout` seconds, all its tries included."""

    def __init__(
        self, base: str, *, key: str | None, timeout: float, name: str, backoff: Backoff | None = None
    ) -> None:
        """Take the base URL, the bearer key and the provider's name for messages. Raises InvalidInput for a bad URL."""
        self._base = checked_url(base, "KGMEM_EMBEDDER_URL", "KGMEM_EMBEDDER_KEY")
        self._key = checked_key(key, "KGMEM_EMBEDDER_KEY")
        self._timeout = timeout
        self._name = name
        self._backoff = backoff or Backoff()
        self._rest_until = 0.0
        self._last = _Fault("")
        self._client = httpx.AsyncClient(
            headers={"Content-Type": "application/json"} | authorization(self._key),
            timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_TIMEOUT)),
            # A proxy that is set for the internet must not swallow requests to this machine.
            event_hooks={"request": [continue_trace]},
            trust_env=not is_local(self._base.host),
        )

    async def post(self, path: str, body: dict[str, Any], final: Callable[[str], bool]) -> Reply:
        """Return the provider's reply; a fault whose text `final` knows is not tried again.

        Raises EmbedderUnavailable when no try got a reply, with the seconds after which to ask again.
        """
        clock = asyncio.get_running_loop().time
        if clock() < self._rest_until:
            raise self._unavailable(self._last, self._rest_until - clock())
        deadline = clock() + self._timeout
        fault = _Fault("did not answer in time")
        for failures in range(self._backoff.tries):
            if failures:
                pause = fault.retry_after if fault.retry_after is not None else self._backoff.pause(failures)
                if clock() + pause >= deadline:
                    break
                await asyncio.sleep(pause)
            outcome = await self._try(path, body, deadline, final)
            if isinstance(outcome, Reply):
                return outcome
            fault = outcome
        wait = fault.retry_after if fault.retry_after is not None else self._backoff.rest
        if fault.away:
            self._last, self._rest_until = fault, clock() + min(wait, _LONGEST_REST)
        raise self._unavailable(fault, wait)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _try(
        self, path: str, body: dict[str, Any], deadline: float, final: Callable[[str], bool]
    ) -> Reply | _Fault:
        url = self._base.copy_with(path=self._base.path.rstrip("/") + path)
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._client.post(url, content=orjson.dumps(body))
        except (TimeoutError, httpx.TimeoutException):
            return _Fault("did not answer in time")
        except httpx.RequestError as exc:
            return _Fault(f"could not be reached ({type(exc).__name__})")
        data = _json(response.content)
        problem = "" if response.is_success else self._problem(response, data)
        if response.status_code in _PASSING and not final(problem):
            away, wait = response.status_code in _AWAY, _seconds(response.headers.get("Retry-After"))
            return _Fault(f"answered {response.status_code}: {problem}", away, wait)
        return Reply(response.status_code, data, problem)

    def _problem(self, response: httpx.Response, data: Any) -> str:
        """Return what the server says is wrong, in one short line without the key: some servers send it back."""
        error = data.get("error", data) if isinstance(data, dict) else data
        text = error.get("message", error) if isinstance(error, dict) else error
        line = " ".join(str(text if text is not None else response.text).split())
        if self._key:
            line = line.replace(self._key, "***")
        return line[:200] or response.reason_phrase

    def _unavailable(self, fault: _Fault, wait: float) -> EmbedderUnavailable:
        port = f":{self._base.port}" if self._base.port else ""
        return EmbedderUnavailable(
            f"The embedding provider {self._name} at {self._base.host}{port} {fault.what}.",
            hint="Start it, or check KGMEM_EMBEDDER_URL; the texts are kept and can be embedded later.",
            retry_after=max(1, round(wait)),
            provider=self._name,
        )


def checked_url(base: str, setting: str, key_setting: str) -> httpx.URL:
    """Return the base URL of a provider. Raises InvalidInput, which names the settings of the URL and of the key."""
    hint = f"Give a URL such as http://127.0.0.1:11434 in {setting}."
    try:
        url = httpx.URL(base)
    except httpx.InvalidURL as exc:
        raise InvalidInput("The provider's URL is not a URL.", hint=hint) from exc
    if url.scheme not in {"http", "https"} or not url.host:
        raise InvalidInput("The provider's URL is not an http or https URL.", hint=hint)
    if url.userinfo or url.query:
        raise InvalidInput(
            "The provider's URL holds a password or a query, which would end up in logs.",
            hint=f"Give the plain base URL in {setting} and the key in {key_setting}.",
        )
    return url


def is_local(host: str) -> bool:
    """Whether a host is this machine by its name (localhost) or its address (127.0.0.0/8, ::1)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def checked_key(key: str | None, setting: str) -> str | None:
    """Return the key without white space around it; what a header cannot hold would end up in an error's text."""
    key = (key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise InvalidInput("The provider's key has characters that no key has.", hint=f"Set {setting} again.")
    return key or None


def authorization(key: str | None) -> dict[str, str]:
    """Return the header with a bearer key; nothing without a key."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _seconds(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for; it holds seconds or a date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
