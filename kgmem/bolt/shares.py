"""Shares of connections: one caller can have only so many open at the same time."""

from collections import Counter
from collections.abc import Callable

from kgmem.domain.errors import Unavailable


class CallerShares:
    """Counts open connections by caller."""

    def __init__(self, most: int | None) -> None:
        """Take the maximum number of connections per caller; None for no limit."""
        self._most = most
        self._open: Counter[str] = Counter()

    def take(self, identity: str) -> Callable[[], None]:
        """Count a connection of a caller; returns a function that releases it, at most once.

        Raises Unavailable where the caller has reached its maximum.
        """
        if self._most is not None and self._open[identity] >= self._most:
            raise Unavailable(
                f"This key already has {self._most} open connections, the maximum.",
                hint="Close connections that are idle, reduce max_connection_pool_size of the drivers, or raise"
                " KGMEM_BOLT_CONNECTIONS_PER_KEY.",
                type="TooManyConnections",
            )
        self._open[identity] += 1
        held = [identity]

        def release() -> None:
            if not held:
                return
            self._open[held.pop()] -= 1
            if not self._open[identity]:
                del self._open[identity]

        return release
