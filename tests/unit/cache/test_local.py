"""Values in the process: bounded in bytes and time, the least used out first, and policies as settings write them."""

import pytest

from kgmem.cache.frame import framed, unframed
from kgmem.cache.local import LocalValues
from kgmem.domain.cache.policy import DEFAULTS, CachePolicy, policy_of
from kgmem.domain.cache.ports import CachePlace
from kgmem.domain.errors import InvalidInput

PLACE = CachePlace("recall", 1, "a")


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_values_never_take_more_than_their_bytes_and_the_least_used_go_first() -> None:
    for eviction, kept in (("lru", "c"), ("lfu", "a")):
        values = LocalValues(policy_of("recall", f"eviction={eviction}") or CachePolicy(), 6000)
        for key in "abc":
            values.put(key, bytes(1000))
        for _ in range(5):
            values.get("a")
        values.get("b")
        values.get("c")
        for number in range(20):
            values.put(number, bytes(1000))
            values.get("a" if eviction == "lfu" else number)
            assert values.size <= 6000
        assert values.evictions >= 19
        assert (values.get("a") is not None) == (kept == "a")
        values.put("large", bytes(5000))
        assert values.get("large") is None
        values.close()
        assert (len(values), values.size) == (0, 0)


async def test_a_value_ends_with_its_time() -> None:
    clock = Clock()
    values = LocalValues(CachePolicy(seconds=10), 10_000, clock=clock)
    values.put("a", b"1")
    clock.now = 9.9
    assert values.get("a") == b"1"
    clock.now = 10.0
    assert values.get("a") is None
    assert len(values) == 0
    values.put("b", b"2")
    clock.now = 20.0
    values._drop_old()
    assert len(values) == 0
    values.close()


def test_a_setting_changes_what_it_names() -> None:
    assert policy_of("recall", None) == policy_of("recall", "") == policy_of("recall", "on") == DEFAULTS["recall"]
    assert policy_of("recall", "off") is None
    assert policy_of("entity", None) is None
    assert policy_of("entity", "on") is not None
    assert policy_of("state", "seconds=5, write=around,share=0.1,compress=0,eviction=lfu") == CachePolicy(
        5.0, "lfu", 0.1, 0, write_through=False
    )


@pytest.mark.parametrize("setting", ["yes", "seconds=0", "seconds=x", "share=2", "eviction=fifo", "ttl=5", "write=no"])
def test_a_setting_that_is_wrong_is_named(setting: str) -> None:
    with pytest.raises(InvalidInput, match=setting):
        policy_of("recall", setting)


def test_large_values_are_compressed_and_all_are_checked() -> None:
    value = b"stone " * 10_000
    assert len(framed(PLACE, value, 4096)) < 1000
    for compress in (0, 4096):
        frame = framed(PLACE, value, compress)
        assert unframed(PLACE, frame) == value
        assert unframed(CachePlace("state", 1, "a"), frame) is None
        assert all(
            unframed(PLACE, frame[:at] + b"\xff" + frame[at + 1 :]) is None for at in (0, 3, 5, 20, len(frame) - 1)
        )
