"""The port Comparer: documented evidence for two descriptions, and a cut chosen from the data for many."""

from collections.abc import Callable, Sequence

from kgmem.domain.text.resolution import Described, JudgedPair, MatchedPair
from kgmem.resolution import duplicates
from kgmem.resolution.described import DescribedComparer


class Comparer(DescribedComparer):
    """Compares descriptions."""

    least_records = duplicates.LEAST_RECORDS

    def dedupe(
        self, described: Sequence[Described], may_be_one: Callable[[int, int], bool], judged: Sequence[JudgedPair]
    ) -> list[MatchedPair]:
        """Return the near pairs of one collection, the most similar first."""
        return duplicates.dedupe(described, may_be_one, judged)

    def link(
        self,
        asked: Sequence[Described],
        held: Sequence[Described],
        pairs: Sequence[tuple[int, int]],
        judged: Sequence[JudgedPair],
    ) -> list[MatchedPair]:
        """Return the evidence of pairs of descriptions with those of stored entities, the most similar first."""
        return duplicates.link(asked, held, pairs, judged)
