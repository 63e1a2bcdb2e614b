"""Duplicates in a batch: items of the same identity are written one after another, in separate rounds."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def rounds_of(items: Sequence[Item], identity: Callable[[Item], Hashable]) -> list[list[int]]:
    """Return the indexes of the items by round: each identity occurs at most once in a round.

    The nth item of an identity is in the nth round, so that the order of the batch is kept for each identity. There are
    as many rounds as the most frequent identity has items.
    """
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
