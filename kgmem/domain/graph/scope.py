"""Scopes: whose memory a thing is, as a path such as `team/7/agent/3`; the empty path is shared by the graph."""

import re

from kgmem.domain.errors import InvalidInput

SHARED = ""


class NamedShared(str):
    """The empty scope where a record names it itself: it is shared, whatever scope holds for those that name none."""

    __slots__ = ()


LONGEST = 400
_SCOPE = re.compile(r"[^\s/\x00-\x1f]+(/[^\s/\x00-\x1f]+)*")


def check_scope(scope: str) -> str:
    """Return the scope back if it is a path of non-empty segments without white space. Raises InvalidInput."""
    if scope and (len(scope) > LONGEST or not _SCOPE.fullmatch(scope)):
        raise InvalidInput(
            f"{scope[:80]!r} is not a scope.",
            hint=f"Give a path such as user/42: segments without spaces, joined by /, {LONGEST} characters at most.",
        )
    return scope


def visible_from(scope: str) -> tuple[str, ...]:
    """Return the scopes that a question asked in `scope` sees: what is shared, those above it on its path, itself."""
    segments = scope.split("/") if scope else []
    return (SHARED, *("/".join(segments[: n + 1]) for n in range(len(segments))))


def reaches(bound: str, scope: str) -> bool:
    """Return whether a key bound to `bound` may act in `scope`: it is that scope or lies below it."""
    return not bound or scope == bound or scope.startswith(bound + "/")
