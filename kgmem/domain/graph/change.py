"""Changes: what happened to a graph, in the order in which it became visible."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Operation = Literal["created", "updated", "deleted"]


@dataclass(frozen=True, slots=True)
class Change:
    """One batch of one operation on one kind of item.

    `keys` are given where the items no longer exist, and of facts: the state of each.
    """

    id: int
    operation: Operation
    kind: Literal["entity", "episode", "relationship", "schema", "claim", "fact"]
    ids: Sequence[int]
    keys: Sequence[str]
    at: str
