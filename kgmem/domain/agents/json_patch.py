"""The difference between two JSON values as a JSON Patch (RFC 6902), in time that grows with their size alone."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

Operation: TypeAlias = dict[str, Any]
_Pair: TypeAlias = tuple[str, Any, Any]  # A path, and what is there before and after.


def json_patch(before: Any, after: Any) -> list[Operation]:
    """Return the operations that make one JSON value of another; numbers differ where their types do.

    Values are dicts with string keys, lists, strings, numbers, booleans and None. In lists, what occurs once on both
    sides keeps its place as far as the order allows; what lies between is compared place by place.
    """
    numbers = _Numbers()
    numbers.learn(before)
    numbers.learn(after)
    operations: list[Operation] = []
    waiting: list[_Pair] = [("", before, after)]
    while waiting:
        path, old, new = waiting.pop()
        if numbers.of(old) == numbers.of(new):
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            waiting += _of_members(path, old, new, operations)
        elif isinstance(old, list) and isinstance(new, list):
            waiting += _of_items(path, old, new, numbers, operations)
        else:
            operations.append({"op": "replace", "path": path, "value": new})
    return operations


class _Numbers:
    """A number for each value, the same for equal ones: then values of any size are compared at once."""

    def __init__(self) -> None:
        self._known: dict[Any, int] = {}
        self._held: dict[int, int] = {}  # Of containers, by identity: they live as long as the comparison does.

    def of(self, value: Any) -> int:
        """Return the number of a value whose containers were learned."""
        if isinstance(value, dict | list):
            return self._held[id(value)]
        return self._number((type(value).__name__, repr(value)))

    def learn(self, root: Any) -> None:
        """Number all containers of a value, the inner ones first; however deep they are nested."""
        waiting = [(root, False)]
        while waiting:
            value, ready = waiting.pop()
            if not isinstance(value, dict | list):
                continue
            if not ready:
                waiting.append((value, True))
                waiting += [(each, False) for each in (value.values() if isinstance(value, dict) else value)]
            elif isinstance(value, dict):
                members = frozenset((name, self.of(each)) for name, each in value.items())
                self._held[id(value)] = self._number(("dict", members))
            else:
                self._held[id(value)] = self._number(("list", tuple(map(self.of, value))))

    def _number(self, key: Any) -> int:
        return self._known.setdefault(key, len(self._known))


def _of_members(
    path: str, old: Mapping[str, Any], new: Mapping[str, Any], operations: list[Operation]
) -> Iterator[_Pair]:
    """Note which members come and go; return those that both have."""
    operations += [{"op": "remove", "path": _at(path, name)} for name in old if name not in new]
    for name, value in new.items():
        if name not in old:
            operations.append({"op": "add", "path": _at(path, name), "value": value})
        else:
            yield _at(path, name), old[name], value


def _of_items(
    path: str, old: Sequence[Any], new: Sequence[Any], numbers: _Numbers, operations: list[Operation]
) -> list[_Pair]:
    """Note which items come and go, from left to right; return those that are compared with each other."""
    pairs: list[_Pair] = []
    at = last = 0  # The next item of the new list, and of the old one.
    kept = _kept([numbers.of(each) for each in old], [numbers.of(each) for each in new])
    for begin, end in (*kept, (len(old), len(new))):
        both = min(begin - last, end - at)
        pairs += [(f"{path}/{at + n}", old[last + n], new[at + n]) for n in range(both)]
        at, last = at + both, last + both
        operations += [{"op": "remove", "path": f"{path}/{at}"}] * (begin - last)
        operations += [{"op": "add", "path": f"{path}/{n}", "value": new[n]} for n in range(at, end)]
        at, last = end + 1, begin + 1
    return pairs


def _kept(old: Sequence[int], new: Sequence[int]) -> list[tuple[int, int]]:
    """Return the places of items that stay: at both ends, and between them the longest run of those that occur once."""
    least = min(len(old), len(new))
    head = next((n for n in range(least) if old[n] != new[n]), least)
    tail = next((n for n in range(least - head) if old[-1 - n] != new[-1 - n]), least - head)
    middle, other = old[head : len(old) - tail], new[head : len(new) - tail]
    once, once_there = Counter(middle), Counter(other)
    places = {each: n for n, each in enumerate(middle) if once[each] == 1}
    common = [(places[each], n) for n, each in enumerate(other) if once_there[each] == 1 and each in places]
    return [
        *((n, n) for n in range(head)),
        *((head + one, head + two) for one, two in _rising(common)),
        *((len(old) - n, len(new) - n) for n in range(tail, 0, -1)),
    ]


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest run of pairs, given in the order of the second, in which the first rises, too."""
    tops: list[int] = []  # The least end of a run of each length, and which pair that is.
    ends: list[int] = []
    before: list[int | None] = []
    for n, (place, _) in enumerate(pairs):
        length = bisect_left(tops, place)
        tops[length : length + 1] = [place]
        ends[length : length + 1] = [n]
        before.append(ends[length - 1] if length else None)
    run: list[tuple[int, int]] = []
    at = ends[-1] if ends else None
    while at is not None:
        run.append(pairs[at])
        at = before[at]
    return run[::-1]


def _at(path: str, name: str) -> str:
    return f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
