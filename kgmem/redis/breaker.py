"""A circuit breaker: after failures in a row nobody waits for Redis, until one call has succeeded again.

The pattern is that of M. Nygard, "Release It!" (2007), section 5.2.
"""

import time
from collections.abc import Callable
from typing import Final, Literal

State = Literal["closed", "open", "half-open"]

FAILURES: Final = 5  # In a row, after which the breaker opens.
PAUSE: Final = 5.0  # Seconds for which it stays open before it lets one call through.


class CircuitBreaker:
    """Counts failures in a row. Not safe for several threads: it belongs to one event loop."""

    def __init__(
        self, *, failures: int = FAILURES, pause: float = PAUSE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take after how many failures it opens, and for how many seconds."""
        self._most = failures
        self._pause = pause
        self._clock = clock
        self._failures = 0
        self._opened: float | None = None
        self._trying = False

    @property
    def state(self) -> State:
        """Closed (calls pass), open (none passes), or half-open (the next one passes alone)."""
        if self._opened is None:
            return "closed"
        return "half-open" if self._clock() - self._opened >= self._pause else "open"

    def admits(self) -> bool:
        """Return whether a call may pass; where it is the one that tries whether Redis is back, no other passes."""
        if self._opened is None:
            return True
        if self._trying or self.state == "open":
            return False
        self._trying = True
        return True

    def succeed(self) -> bool:
        """Note that a call succeeded; return whether that closed an open breaker."""
        closed = self._opened is not None
        self._failures, self._opened, self._trying = 0, None, False
        return closed

    def fail(self) -> bool:
        """Note that a call failed; return whether that opened a closed breaker."""
        self._failures += 1
        if self._opened is None and self._failures < self._most:
            return False
        opened = self._opened is None
        self._opened, self._trying = self._clock(), False
        return opened

    def trip(self) -> None:
        """Open at once: the first try has shown that Redis is away."""
        self._opened, self._trying = self._clock(), False
