"""The circuit breaker before Redis."""

from kgmem.redis.breaker import CircuitBreaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_opens_after_failures_in_a_row_and_not_before() -> None:
    breaker = CircuitBreaker(failures=3, clock=Clock())
    assert [breaker.fail(), breaker.fail()] == [False, False]
    breaker.succeed()
    assert [breaker.fail(), breaker.fail(), breaker.fail()] == [False, False, True]
    assert breaker.state == "open"
    assert not breaker.admits()


def test_after_its_pause_it_admits_one_trial_which_decides() -> None:
    clock = Clock()
    breaker = CircuitBreaker(failures=1, pause=5, clock=clock)
    breaker.fail()
    clock.now = 4.9
    assert not breaker.admits()
    clock.now = 5.0
    assert [breaker.admits(), breaker.admits()] == [True, False]
    breaker.fail()
    assert breaker.state == "open"
    clock.now = 10.0
    assert breaker.admits()
    assert breaker.succeed()
    assert breaker.state == "closed"
    assert breaker.admits()
