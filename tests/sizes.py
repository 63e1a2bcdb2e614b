"""How much a test does: little with every `make test`, all of it with `make test-all`."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import settings

T = TypeVar("T")
Test = TypeVar("Test", bound=Callable[..., Any])

# Set by `make test-all`.
WHOLE = os.environ.get("KGMEM_TEST_WHOLE") == "1"

# Marks what is short without WHOLE, so that `make test-all` knows what is not proved whole yet.
sized = pytest.mark.sized


def size(short: T, whole: T) -> T:
    """Return the size for this run."""
    return whole if WHOLE else short


def examples(whole: int) -> int:
    """Return how many examples a property-based test tries that takes a database."""
    return size(max(3, whole // 6), whole)


def drawn(whole: int = 100) -> Callable[[Test], Test]:
    """Mark a property-based test whose examples take long: it tries a quarter of them, and all of them whole."""

    def mark(test: Test) -> Test:
        limited: Test = settings(max_examples=size(max(20, whole // 4), whole))(test)
        return sized(limited)

    return mark
