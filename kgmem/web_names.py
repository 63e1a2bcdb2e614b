"""The names under which a server may be called over HTTP, and the web pages that may call it.

A web page whose name was rebound to this machine's address sends that name as Host, and a page of another origin says
so. Both are refused before anything else of the request is looked at.
"""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from kgmem.domain.errors import Forbidden
from kgmem.settings import Settings

ANY = "*"
_HINT = "Add it to KGMEM_HOSTS (KGMEM_MCP_HOSTS for /mcp alone), or use the server's address."
_ORIGIN_HINT = "Add the page's origin to KGMEM_ORIGINS (for /mcp alone, its host to KGMEM_MCP_HOSTS)."


class WebNames:
    """What a Host and an Origin header may say."""

    def __init__(self, *, hosts: Iterable[str], origins: Iterable[str], any_host: bool) -> None:
        """Take host names beside localhost and addresses, whole origins, and whether any host is served.

        `*` among the hosts is any host and any origin of one; among the origins it is any origin.
        """
        self._hosts = frozenset({"localhost", *hosts})
        self._origins = frozenset(each.rstrip("/") for each in origins)
        self._any_host = any_host or ANY in self._hosts
        self._any_origin = ANY in self._hosts or ANY in self._origins

    def check(self, host: str, origin: str | None) -> None:
        """Raise Forbidden for a request under another name, or of a web page of another origin."""
        name = _host_of(f"//{host}")
        if not (self._any_host or name in self._hosts or _address(name)):
            raise Forbidden(f"This server is not called {name[:100]!r}.", hint=_HINT)
        if origin is not None and not self._allows(origin, name):
            raise Forbidden(f"Web pages of {origin[:100]!r} may not use this server.", hint=_ORIGIN_HINT)

    def _allows(self, origin: str, host: str) -> bool:
        """Return whether a page may: of a listed origin, of this server, or of another program of this machine."""
        if self._any_origin or origin.lower() in self._origins:
            return True
        name = _host_of(origin)
        address = _address(name)
        return bool(name) and (name in self._hosts or name == host or (address is not None and address.is_loopback))


def web_names(settings: Settings, interface: Literal["rest", "mcp", "bolt"] = "rest") -> WebNames:
    """Return the names of an interface of a server.

    A server that is bound to loopback is known by the names of its settings alone. Another one is known by any, unless
    KGMEM_HOSTS says by which; MCP always is by those of its settings. Bolt is open to pages of every origin while none
    is listed: a WebSocket of theirs brings no credentials but those that the page itself sends.
    """
    mcp = interface == "mcp"
    listed = [*listed_in(settings.hosts), *listed_in(settings.mcp_hosts if mcp else None)]
    origins = listed_in(settings.origins) or ([ANY] if interface == "bolt" else [])
    any_host = not mcp and not listed and not _is_loopback(settings.host)
    return WebNames(hosts=[settings.host.lower(), *listed], origins=origins, any_host=any_host)


def listed_in(text: str | None) -> list[str]:
    """Return the values of a setting that lists them with commas, in lower case."""
    return [each.strip().lower() for each in (text or "").split(",") if each.strip()]


def is_name(host: str) -> bool:
    """Return whether a Host header names a host, and neither an address nor this machine."""
    name = _host_of(f"//{host}")
    return name not in {"", "localhost"} and _address(name) is None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


@lru_cache(maxsize=256)
def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host is, literally: a name may be rebound to this machine, an address may not."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _host_of(address: str) -> str:
    """Return the host of an address; nothing for one that has none."""
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
