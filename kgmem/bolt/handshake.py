"""Versions of Bolt, and their negotiation.

A client starts with four proposals of four bytes: zero, a range of minor versions, minor, major. The server answers
with one version, or with four zero bytes. To a client that proposes the manifest (00 00 01 FF) it sends all versions,
and the client picks one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import total_ordering

PREAMBLE = b"\x60\x60\xb0\x17"
MANIFEST = b"\x00\x00\x01\xff"
NONE = bytes(4)


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A version of Bolt."""

    major: int
    minor: int

    def __lt__(self, other: "Version") -> bool:
        """Whether this one is older."""
        return (self.major, self.minor) < (other.major, other.minor)

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.major}.{self.minor}"

    @property
    def wire(self) -> bytes:
        """Its four bytes."""
        return bytes((0, 0, self.minor, self.major))


# The newest first. No server has ever spoken 5.5.
VERSIONS = tuple(
    Version(*each) for each in ((6, 1), (6, 0), (5, 8), (5, 7), (5, 6), (5, 4), (5, 3), (5, 2), (5, 1), (5, 0), (4, 4))
)
# The same as ranges: how many minor versions below are meant too.
_RANGES = (bytes((0, 1, 1, 6)), bytes((0, 2, 8, 5)), bytes((0, 4, 4, 5)), bytes((0, 0, 4, 4)))


def proposals(data: bytes) -> list[bytes]:
    """Return the four proposals in sixteen bytes."""
    return [data[at : at + 4] for at in range(0, 16, 4)]


def chosen(proposed: list[bytes]) -> Version | None:
    """Return the version for the first proposal with a supported one, the newest of its range; None without any."""
    for each in proposed:
        for version in _meant(each):
            if version in VERSIONS:
                return version
    return None


def _meant(proposal: bytes) -> Iterator[Version]:
    _, below, minor, major = proposal
    for less in range(min(below, minor) + 1):
        yield Version(major, minor - less)


def manifest() -> bytes:
    """Return the answer to the manifest: the supported ranges, and no further capabilities."""
    return MANIFEST + varint(len(_RANGES)) + b"".join(_RANGES) + varint(0)


def picked(data: bytes) -> Version | None:
    """Return the version that a client picked from the manifest; None for an unsupported one."""
    _, below, minor, major = data
    version = Version(major, minor)
    return version if version in VERSIONS and not below else None


def varint(number: int) -> bytes:
    """Return a number in groups of seven bits, the lowest first; the highest bit marks that more follow."""
    out = bytearray()
    while number > 0x7F:
        out.append(0x80 | number & 0x7F)
        number >>= 7
    out.append(number)
    return bytes(out)
