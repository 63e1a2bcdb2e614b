"""How many connections each caller has open: one caller takes no more than its share, so that others are let in."""

from collections import Counter
from collections.abc import Callable

from kgmem.domain.errors import Unavailable


class CallerShares:
    """Counts connections by caller."""

    def __init__(self, most: int | None) -> None:
        """Take how many connections one caller has at once at most; None for no limit of its own."""
        self._most = most
        self._open: Counter[str] = Counter()

    def take(self, identity: str) -> Callable[[], None]:
        """Count a connection of a caller; returns what releases it, once however often it is called.

        Raises Unavailable where the caller has its share already.
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
