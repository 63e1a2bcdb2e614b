"""Which addresses requests may go to: public ones, and those that the operator allows."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from kgmem.domain.errors import InvalidInput

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Public by their numbers, but of the machines of a provider: the wire server of Azure.
_REFUSED: Final[tuple[Network, ...]] = (
    ip_network("168.63.129.16/32"),
    ip_network("64:ff9b:1::/48"),  # NAT64 to local addresses (RFC 8215).
    ip_network("2001::/23"),  # Protocol assignments, Teredo too.
    ip_network("::/96"),  # IPv4-compatible (RFC 4291).
    ip_network("::ffff:0:0:0/96"),  # IPv4-translated (RFC 2765).
    ip_network("fec0::/10"),  # Site-local.
    ip_network("192.88.99.0/24"),  # Relays of 6to4.
    ip_network("192.0.0.0/24"),  # Protocol assignments, the metadata of Oracle's cloud too.
    ip_network("100.64.0.0/10"),  # Shared by customers of a provider; the metadata of Alibaba's cloud too.
)
_NAT64: Final = ip_network("64:ff9b::/96")


class AddressRefused(InvalidInput):
    """Requests must not go to this address."""


@dataclass(frozen=True, slots=True)
class AllowedAddresses:
    """What the operator allows beside public addresses: networks, and hosts whatever their address is."""

    networks: Sequence[Network] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "AllowedAddresses":
        """Return what a setting says: networks (10.0.0.0/8), addresses and hosts, with commas. Raises InvalidInput."""
        networks: list[Network] = []
        hosts: set[str] = set()
        for part in filter(None, (each.strip() for each in text.split(","))):
            try:
                networks.append(ip_network(part.strip("[]")))
            except ValueError as error:
                if "/" in part or ":" in part:
                    raise InvalidInput(
                        f"KGMEM_WEBHOOK_ALLOW: {part[:80]!r} is no network.",
                        hint="Give networks such as 10.0.0.0/8 and hosts such as hooks.internal, with commas.",
                    ) from error
                hosts.add(part.lower().rstrip("."))
        return cls(networks, frozenset(hosts))

    def admits(self, host: str, address: Address) -> bool:
        """Return whether a request to a host may go to an address of it."""
        if host.lower().rstrip(".") in self.hosts:
            return True
        known = _known_as(address)
        if any(each in network for each in known for network in self.networks if network.version == each.version):
            return True
        return all(is_public(each) for each in known)


def is_public(address: Address) -> bool:
    """Return whether an address is one of the public internet: no loopback, private, link-local or reserved one."""
    if any(address in network for network in _REFUSED if network.version == address.version):
        return False
    return address.is_global and not (
        address.is_multicast or address.is_loopback or address.is_link_local or address.is_reserved
        or address.is_unspecified or address.is_private
    )  # fmt: skip


def _known_as(address: Address) -> Sequence[Address]:
    """Return the addresses to which packets for an address may go: those of IPv4 that an IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address, address.sixtofour] if address.sixtofour else [address]


async def resolve(host: str, port: int, allowed: AllowedAddresses) -> Address:
    """Return the address of a host to connect to.

    All its addresses must be admitted: one that is not shows that the name is made to lead inside. Raises
    AddressRefused, and OSError where the name has no address.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    addresses = [_plain(str(entry[4][0])) for entry in found]
    for address in addresses:
        if address is None or not allowed.admits(host, address):
            raise AddressRefused(
                "url leads to an address that webhooks must not reach.",
                hint="Use a public host. An operator allows others by KGMEM_WEBHOOK_ALLOW.",
                field="url",
            )
    first = addresses[0] if addresses else None
    if first is None:
        raise OSError("The name has no address.")
    return first


def _plain(text: str) -> Address | None:
    """Return an address; one that names an interface (%eth0) is none to send to."""
    return None if "%" in text else ip_address(text)
