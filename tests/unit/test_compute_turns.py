"""One thread computes at a time, and callers take turns."""

import sys
import threading
import time

from kgmem.query.execution.thread_bridge import Turns


def _until_waiting(turns: Turns, count: int) -> None:
    ends = time.monotonic() + 10
    while sum(map(len, turns._waiting.values())) < count:
        assert time.monotonic() < ends
        time.sleep(0.001)


def test_a_caller_with_many_threads_has_no_more_turns_than_another() -> None:
    turns, order = Turns(), []
    before = sys.getswitchinterval()

    def compute(who: str) -> None:
        turns.begin(who)
        order.append(who)
        turns.end()

    turns.begin("many")
    assert sys.getswitchinterval() < before
    threads = []
    for number, who in enumerate(["many", "many", "many", "one"]):
        threads.append(threading.Thread(target=compute, args=(who,), daemon=True))
        threads[-1].start()
        _until_waiting(turns, number + 1)
    turns.end()
    for thread in threads:
        thread.join(10)
    assert order == ["many", "one", "many", "many"]
    assert sys.getswitchinterval() == before


def test_who_has_had_a_slice_gives_way_and_goes_on() -> None:
    turns, order = Turns(), []

    def other() -> None:
        turns.begin("other")
        order.append("other")
        turns.end()

    turns.begin("first")
    turns.give_way("first")
    thread = threading.Thread(target=other, daemon=True)
    thread.start()
    _until_waiting(turns, 1)
    time.sleep(0.01)
    turns.give_way("first")
    order.append("first")
    turns.end()
    thread.join(10)
    assert order == ["other", "first"]
