"""Shapes: records of a graph as plain mappings, for whoever only passes them on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Shapes:
    """Some entities or relationships with the names of fields that REST uses, without fields that say nothing.

    They are made one by one as they are taken, so that it can be done where the CPU is free, and none has to wait;
    each mapping is the caller's.
    """

    kind: Literal["entity", "relationship"]
    make: Callable[[], Iterator[dict[str, Any]]]
