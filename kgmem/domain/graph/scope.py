"""Scopes: the owner of an item, as a path such as `team/7/agent/3`; items of the empty path are shared."""

import re

from kgmem.domain.errors import InvalidInput

SHARED = ""


class NamedShared(str):
    """The empty scope where a record sets it explicitly: it is shared, whatever the default scope is."""

    __slots__ = ()


LONGEST = 400
_SCOPE = re.compile(r"[^\s/\x00-\x1f]+(/[^\s/\x00-\x1f]+)*")


def check_scope(scope: str) -> str:
    """Return a valid scope unchanged: a path of non-empty segments without white space. Raises InvalidInput."""
    if scope and (len(scope) > LONGEST or not _SCOPE.fullmatch(scope)):
        raise InvalidInput(
            f"{scope[:80]!r} is not a scope.",
            hint=f"Give a path such as user/42: segments without spaces, joined by /, {LONGEST} characters at most.",
        )
    return scope


def visible_from(scope: str) -> tuple[str, ...]:
    """Return the scopes that a question in `scope` sees: shared, the scopes above it, and itself."""
    segments = scope.split("/") if scope else []
    return (SHARED, *("/".join(segments[: n + 1]) for n in range(len(segments))))


def reaches(bound: str, scope: str) -> bool:
    """Return whether a key restricted to `bound` may act in `scope`: the same scope, or one below it."""
    return not bound or scope == bound or scope.startswith(bound + "/")
