"""Bookmarks: how far the database's log was written when a transaction ended, as Neo4j's drivers pass it on."""

import re

from kgmem.domain.errors import InvalidInput

_WRITTEN = re.compile(r"kgmem:([0-9A-F]{1,8})/([0-9A-F]{1,8})")


def bookmark_of(position: int) -> str:
    """Return the bookmark of a position in the log, in bytes."""
    return f"kgmem:{position >> 32:X}/{position & 0xFFFF_FFFF:X}"


def position_of(bookmark: str) -> int:
    """Return the position in the log that a bookmark stands for. Raises InvalidInput for what is no bookmark."""
    found = _WRITTEN.fullmatch(bookmark)
    if found is None:
        raise InvalidInput(
            f"{bookmark[:60]!r} is no bookmark of kgmem.", hint="Begin without it.", detail="InvalidBookmark"
        )
    return int(found[1], 16) << 32 | int(found[2], 16)
