"""Wake-ups: few messages for many calls, none lost."""

import asyncio
import time
from collections.abc import Callable

import pytest

from kgmem.domain.errors import DatabaseUnavailable
from kgmem.store.jobs.queue import Wakeups


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        await asyncio.sleep(0.001)


class Post:
    """Takes messages, and what had been written when each was sent; fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.written = 0
        self.sent: list[tuple[str, int]] = []
        self.failures = failures

    async def send(self, key: str) -> None:
        if self.failures:
            self.failures -= 1
            raise DatabaseUnavailable
        self.sent.append((key, self.written))


async def test_the_first_is_sent_at_once_and_the_last_is_always_covered() -> None:
    post = Post()
    wakeups = Wakeups(post.send, pause=0.1)
    for _ in range(50):
        post.written += 1
        wakeups.wake("apollo")
        await asyncio.sleep(0.001)
    await until(lambda: ("apollo", 50) in post.sent)

    assert post.sent[0] == ("apollo", 1)
    assert len(post.sent) <= 4
    await wakeups.aclose()


async def test_keys_do_not_wait_for_each_other() -> None:
    post = Post()
    wakeups = Wakeups(post.send, pause=60)
    for key in ("apollo", "gemini", "apollo"):
        wakeups.wake(key)
    await until(lambda: len(post.sent) == 2)

    assert [key for key, _ in post.sent] == ["apollo", "gemini"]
    await wakeups.aclose()


async def test_closing_sends_what_is_due_without_the_pause() -> None:
    post = Post()
    wakeups = Wakeups(post.send, pause=60)
    wakeups.wake("apollo")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    post.written = 1
    wakeups.wake("apollo")
    started = time.monotonic()

    await wakeups.aclose()

    assert post.sent[-1] == ("apollo", 1)
    assert time.monotonic() - started < 5


async def test_a_send_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    post = Post(failures=3)
    wakeups = Wakeups(post.send, pause=0.001)
    wakeups.wake("apollo")
    await until(lambda: bool(post.sent))

    assert post.sent == [("apollo", 0)]
    assert caplog.text.count("wakeup_failed") + caplog.text.count("wakeup_crashed") == 3
    await wakeups.aclose()


async def test_closing_gives_up_after_its_time_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    post = Post(failures=10**6)
    wakeups = Wakeups(post.send, pause=0.01)
    wakeups.wake("apollo")

    await wakeups.aclose(within=0.1)

    assert "wakeups_dropped count=1" in caplog.text
