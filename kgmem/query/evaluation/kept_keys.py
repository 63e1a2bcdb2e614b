"""Keys of nodes that were merged away, while expressions are computed that compare keys: each means the kept node's."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


def _never_looked_up(_keys: Iterable[str]) -> None:
    """Look up nothing."""


class KeptKeys:
    """What one run knows of merged keys.

    While it is off, and that is so in a graph without merges, every key means itself. Expressions are computed in the
    event loop, where nothing can be looked up: so a computation notes the keys that nobody has looked up yet, they are
    looked up together, and it is done again.
    """

    __slots__ = ("_kept", "_known", "_look_up", "_on", "_unknown")

    def __init__(self, look_up: Callable[[Iterable[str]], None] = _never_looked_up) -> None:
        """Take what looks up keys at once, which works in a thread only."""
        self._kept: dict[str, str] = {}
        self._known: set[str] = set()
        self._look_up = look_up
        self._on = False
        self._unknown: set[str] | None = None

    @property
    def is_on(self) -> bool:
        """Whether keys redirect now."""
        return self._on

    def of(self, value: Any) -> Any:
        """Return what a value, or each item of a list, stands for where it is compared with a node's key."""
        if not self._on:
            return value
        if isinstance(value, str):
            return self._of_key(value)
        if isinstance(value, list):
            return [self._of_key(each) if isinstance(each, str) else each for each in value]
        return value

    def _of_key(self, key: str) -> str:
        if key not in self._known:
            if self._unknown is None:
                self._look_up([key])
            else:
                self._unknown.add(key)
        return self._kept.get(key, key)

    def new(self, keys: Iterable[Any]) -> set[str]:
        """Return those keys that nobody has looked up yet."""
        return {key for key in keys if isinstance(key, str) and key not in self._known}

    def learn(self, keys: Iterable[str], kept: Mapping[str, str]) -> None:
        """Take what was found for keys that were looked up."""
        self._kept.update(kept)
        self._known.update(keys)

    @contextmanager
    def noting(self) -> Iterator[set[str]]:
        """Redirect keys in a block, and note those that have to be looked up first."""
        before = self._on, self._unknown
        self._on, self._unknown = True, set()
        try:
            yield self._unknown
        finally:
            self._on, self._unknown = before

    @contextmanager
    def looking_up(self) -> Iterator[None]:
        """Redirect keys in a block of work in a thread, each looked up when it is met."""
        before = self._on, self._unknown
        self._on, self._unknown = True, None
        try:
            yield
        finally:
            self._on, self._unknown = before
