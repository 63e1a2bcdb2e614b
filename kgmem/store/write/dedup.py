"""Rounds: items of which some are about the same thing, parted so that each thing stands in a round once."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def rounds_of(items: Sequence[Item], identity: Callable[[Item], Hashable]) -> list[list[int]]:
    """Return the places of the items in as many rounds as an identity is repeated, later statements in later rounds."""
    rounds: list[list[int]] = []
    seen: dict[Hashable, int] = {}
    for at, item in enumerate(items):
        name = identity(item)
        turn = seen.get(name, 0)
        seen[name] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(at)
    return rounds
