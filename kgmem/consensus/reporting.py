"""How often a source tells of a change, and how long after: what its silence on a change says."""

from collections import defaultdict

from kgmem.consensus.fact_grouping import Fact, Gathered
from kgmem.consensus.timeline import Reliance
from kgmem.domain.claims.consensus import Reporting

_OTHERS = 2  # So many others must tell of a change for it to count as one that a source could have told of.
_PRIOR_CHANGES = 5.0  # Changes of which a source is taken to tell nothing before anything is known of it.


def reporting(gathered: Gathered, reliance: Reliance) -> dict[str, Reporting]:
    """Return by source how often it tells of changes that others tell of, and after how many microseconds in the mean.

    A source could have told of a change of what it tells of at all; the first value of a thing is no change.
    """
    by_topic: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for fact in gathered.facts:
        by_topic[fact.subject, fact.predicate].append(fact)
    told: dict[str, int] = defaultdict(int)
    chances: dict[str, int] = defaultdict(int)
    delays: list[int] = []
    for facts in by_topic.values():
        if len(facts) < 2:
            continue
        speaking = {reliance.house(gathered.claims[at].source) for fact in facts for at in fact.claims}
        for fact in facts[1:]:
            mine = _supporting(fact)
            here = {reliance.house(gathered.claims[at].source) for at in mine}
            delays += _delays(gathered, mine)
            for house in speaking:
                if len(here - {house}) >= _OTHERS:
                    chances[house] += 1
                    told[house] += house in here
    delay = sum(delays) / len(delays) if delays else 0.0
    return {house: Reporting(told[house] / (count + _PRIOR_CHANGES), delay) for house, count in sorted(chances.items())}


def _supporting(fact: Fact) -> list[int]:
    """Return the claims of the value that most claims of a fact name."""
    claims: dict[str, list[int]] = defaultdict(list)
    for at, keys in zip(fact.claims, fact.keys, strict=True):
        claims[keys[0]].append(at)
    return max(claims.values(), key=len)


def _delays(gathered: Gathered, mine: list[int]) -> list[int]:
    claims = [gathered.claims[at] for at in mine]
    return [max(c.known - c.valid.start, 0) for c in claims if c.known is not None and c.valid.start is not None]
