"""How much a test does: little with every `make test`, all of it with `make test-all`."""

import os
from typing import TypeVar

import pytest

T = TypeVar("T")

# Set by `make test-all`.
WHOLE = os.environ.get("KGMEM_TEST_WHOLE") == "1"

# Marks what is short without WHOLE, so that `make test-all` knows what is not proved whole yet.
sized = pytest.mark.sized


def size(short: T, whole: T) -> T:
    """Give the size for this run."""
    return whole if WHOLE else short


def examples(whole: int) -> int:
    """Give how many examples a property-based test tries that takes a database."""
    return size(max(3, whole // 6), whole)
