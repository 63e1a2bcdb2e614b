"""Scopes: the owner of an item, as a path such as `team/7/agent/3`; items of the empty path are shared."""

import re
from collections.abc import Iterable

from kgmem.domain.errors import InvalidInput

SHARED = ""


class NamedShared(str):
    """The empty scope where a record sets it explicitly: it is shared, whatever the default scope is."""

    __slots__ = ()


class WidenedScope(str):
    """A scope to read in, with further scopes that grants let its reader see.

    It equals its scope, so that all that is written or found under one exact scope is that scope's alone. What a reader
    sees beside it is computed in `visible_from`, and nowhere else.
    """

    __slots__ = ("granted",)
    granted: tuple[str, ...]

    def __new__(cls, scope: str, granted: Iterable[str]) -> "WidenedScope":
        """Take the scope, and the granted ones."""
        made = super().__new__(cls, scope)
        made.granted = tuple(granted)
        return made

    def __getnewargs__(self) -> tuple[str, tuple[str, ...]]:  # type: ignore[override] # str has one argument.
        """Return what a copy is made of."""
        return (str(self), self.granted)


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
    """Return the scopes that a question in `scope` sees: shared, the scopes above it, and itself.

    The later ones are nearer. What grants add stands after the shared scope and before the scope's own path, so that of
    two entities with one key the reader's own is found.
    """
    own = _path(scope)
    if not isinstance(scope, WidenedScope):
        return own
    added = {path for granted in scope.granted for path in _path(granted)} - set(own)
    return (SHARED, *sorted(added, key=lambda path: (path.count("/"), path)), *own[1:])


def _path(scope: str) -> tuple[str, ...]:
    segments = scope.split("/") if scope else []
    return (SHARED, *("/".join(segments[: n + 1]) for n in range(len(segments))))


def common_scope(scopes: Iterable[str]) -> str:
    """Return the deepest scope that all of these are in, or below."""
    paths = [tuple(scope.split("/")) if scope else () for scope in scopes]
    if not paths:
        return SHARED
    first, last = min(paths), max(paths)
    shared = next((n for n, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return "/".join(first[: min(shared, len(last))])


def reaches(bound: str, scope: str) -> bool:
    """Return whether a key restricted to `bound` may act in `scope`: the same scope, or one below it."""
    return not bound or scope == bound or scope.startswith(bound + "/")
