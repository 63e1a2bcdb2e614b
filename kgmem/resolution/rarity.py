"""How much a word tells: what stands in few descriptions tells more than what stands in many."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from kgmem.resolution.words import FORMS

_OF_FORMS = 0.2  # The share of their weight that words such as "Ltd" keep.
_LEAST = 0.1


class Rarity:
    """Weights of words by the number of descriptions that have them (inverse document frequency, Spärck Jones 1972)."""

    def __init__(self, count: int, frequency: Mapping[str, int]) -> None:
        """Take how many descriptions there are, and in how many of them each word stands."""
        self.count = count
        self._frequency = frequency
        self._known: dict[str, float] = {}

    @classmethod
    def of(cls, described: Iterable[Iterable[str]]) -> "Rarity":
        """Count the words of descriptions."""
        frequency: Counter[str] = Counter()
        count = 0
        for count, some in enumerate(described, 1):  # noqa: B007 - the count is what is wanted
            frequency.update(set(some))
        return cls(count, frequency)

    def frequency(self, word: str) -> int:
        """Give in how many descriptions a word stands."""
        return self._frequency.get(word, 0)

    def __call__(self, word: str) -> float:
        """Give the weight of a word, above 0."""
        weight = self._known.get(word)
        if weight is None:
            weight = math.log((self.count + 1) / max(self.frequency(word), 1)) + _LEAST
            weight *= _OF_FORMS if word in FORMS else 1.0
            self._known[word] = weight
        return weight
