"""Whether lists are right or wrong as a whole or part by part: what explains the claims better decides.

Two methods compete: the latent truth model, in which a source omits what is true and adds what is not
(latent_truth.py), and one truth among many values, each list being one value (methods.py). Each comes to a true list
of every fact. Given true lists, all claims have a probability under one and the same model: a source gives the true
list or another one; of another one it omits some true parts, and adds some of its own. How often is integrated out
for each source, with uniform priors. A part that is added, and one that is true, is one of `accu.FALSE_VALUES` to
choose from. The method whose lists make the claims more probable leads, part by part where both are equal. Independent
voices count, so that copies of a wrong list are no evidence for it.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kgmem.consensus import latent_truth
from kgmem.consensus.accu import FALSE_VALUES
from kgmem.consensus.claims import ONE, SET, Claims, Numbers, arranged
from kgmem.consensus.explanations.gamma import log_beta
from kgmem.consensus.fact_grouping import Fact, Gathered, Speakers, stated
from kgmem.consensus.methods import Picked, pick, settled
from kgmem.consensus.outcome import Outcome, Pairs
from kgmem.consensus.segments import Segments, choose
from kgmem.consensus.source_reliability import Part
from kgmem.consensus.values import PART
from kgmem.domain.claims.consensus import Method

_WHOLE = "Sources give right and wrong lists as a whole, which explains the claims better than part by part."
_PARTS = "Sources omit parts of lists and add some, which explains the claims better than whole lists do."

List = frozenset[str]


def weigh_lists(
    gathered: Gathered, facts: Sequence[int], speakers: Speakers, picked: Picked, *, copies: bool
) -> tuple[Gathered, Part]:
    """Return the outcome on facts whose values are lists, and the facts as they were resolved.

    A requested method resolves whole lists, but `ltm`, which resolves their parts.
    """
    if picked.asked and picked.method is Method.LTM:
        return gathered, _weighed(gathered, facts, speakers, picked, copies=copies)
    as_wholes = _with_whole_lists(gathered, facts)
    if picked.asked:
        return as_wholes, _weighed(as_wholes, facts, speakers, picked, copies=copies)
    wanted = pick(arranged(stated(as_wholes, facts, speakers)[0]))
    wholes = _weighed(as_wholes, facts, speakers, wanted, copies=copies)
    parts = _by_parts(gathered, facts, speakers, wholes.outcome)
    lists = [frozenset(wholes.keys[code].split(PART)) for code in wholes.outcome.claims.code]
    by_parts = evidence(wholes.outcome, lists, _lists_of_parts(parts))
    best = choose(Segments.of(wholes.outcome.claims), wholes.outcome.score)
    if by_parts >= evidence(wholes.outcome, lists, [lists[value] for value in best]):
        return gathered, parts
    reason = f"{_WHOLE} {wholes.picked.reason}"
    return as_wholes, replace(wholes, picked=replace(wholes.picked, reason=reason))


def evidence(outcome: Outcome, lists: Sequence[List], true: Sequence[List]) -> float:
    """Return the log probability of the claims if these are the true lists of facts; `lists` are those of values."""
    claims = outcome.claims
    segments = Segments.of(claims)
    weight = claims.weight if outcome.voice is None else claims.weight * outcome.voice
    whole = [true[fact] for fact in claims.fact]
    exact = np.array([mine == other for mine, other in zip(lists, whole, strict=True)], float)
    left_out = np.array([len(other - mine) for mine, other in zip(lists, whole, strict=True)], float)
    kept = np.array([len(other & mine) for mine, other in zip(lists, whole, strict=True)], float)
    added = np.array([len(mine - other) for mine, other in zip(lists, whole, strict=True)], float)

    def each(amount: Numbers) -> Numbers:
        return segments.per_source(weight * amount[claims.value])

    others = each(1 - exact)
    by_source = (
        log_beta(each(exact) + 1, others + 1)
        + log_beta(each((1 - exact) * left_out) + 1, each((1 - exact) * kept) + 1)
        + log_beta(each((1 - exact) * added) + 1, others + 1)
    )
    chosen = float(each((1 - exact) * added).sum()) + sum(len(names) for names in true)
    return float(by_source.sum()) - chosen * float(np.log(FALSE_VALUES))


def _weighed(gathered: Gathered, facts: Sequence[int], speakers: Speakers, picked: Picked, *, copies: bool) -> Part:
    arrays, keys = stated(gathered, facts, speakers)
    outcome, picked = settled(arranged(arrays), picked, copies=copies)
    return Part(outcome, keys, facts, picked)


def _by_parts(gathered: Gathered, facts: Sequence[int], speakers: Speakers, wholes: Outcome) -> Part:
    """Return what the latent truth model makes of the parts, with the copies that whole lists show."""
    arrays, keys = stated(gathered, facts, speakers)
    claims = arranged(arrays)
    outcome = latent_truth.with_voices(claims, *_carried_over(wholes, claims))
    return Part(outcome, keys, facts, Picked(Method.LTM, _PARTS))


def _carried_over(wholes: Outcome, claims: Claims) -> tuple[Numbers, Pairs]:
    """Return the voices and copies of whole lists as those of the claims of their parts."""
    lists = wholes.claims
    known = lists.sources >= 0  # Of the caller's sources; outlets have the number of their house.
    here = np.zeros(len(lists.prior), np.int64)
    here[lists.sources[known]] = claims.sources[known]
    key = lists.fact_of_claim * len(claims.prior) + here[lists.source]  # Facts have the same numbers.
    order = np.argsort(key)
    at = np.searchsorted(key[order], claims.fact_of_claim * len(claims.prior) + claims.source)
    voice = np.ones(len(key)) if wholes.voice is None else wholes.voice
    found = wholes.copies
    return voice[order][at], replace(found, one=here[found.one], other=here[found.other])


def _with_whole_lists(gathered: Gathered, facts: Sequence[int]) -> Gathered:
    """Return facts with each list of these as one value."""
    mine = set(facts)
    changed = [_whole(gathered, fact) if at in mine else fact for at, fact in enumerate(gathered.facts)]
    return replace(gathered, facts=changed)


def _whole(gathered: Gathered, fact: Fact) -> Fact:
    if fact.mode != SET:
        return fact
    keys = [PART.join(each) for each in fact.keys]
    accepted, rejected = (
        frozenset(key for at, key in zip(fact.claims, keys, strict=True) if gathered.claims[at].label is label)
        for label in (True, False)
    )
    return replace(
        fact,
        mode=ONE,
        whole_lists=True,
        keys=tuple((key,) for key in keys),
        accepted=accepted,
        rejected=rejected - accepted,
    )


def _lists_of_parts(parts: Part) -> list[List]:
    """Return the list of each fact that the latent truth model comes to."""
    claims = parts.outcome.claims
    true: list[set[str]] = [set() for _ in claims.facts]
    for value in np.flatnonzero(latent_truth.chosen_sets(parts.outcome)):
        true[claims.fact[value]].add(parts.keys[claims.code[value]])
    return [frozenset(each) for each in true]
