"""What weighing says of sources: their trust, and who copies whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kgmem.consensus.accu import trust_by_group
from kgmem.consensus.claims import tally
from kgmem.consensus.fact_grouping import Gathered, domain_of
from kgmem.consensus.methods import Picked
from kgmem.consensus.outcome import Outcome
from kgmem.consensus.segments import Segments
from kgmem.domain.claims.consensus import PRIOR_TRUST, ClaimedSource, Copying, Standing

LEAST_FOR_DOMAIN = 10  # Checked claims of a source in a domain, from which its trust there is told apart.


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The facts that one method weighed, its outcome, and the keys that its value codes stand for."""

    outcome: Outcome
    keys: Sequence[str]
    facts: Sequence[int]
    picked: Picked


def standings(
    parts: Sequence[Part], names: Mapping[str, int], known: Mapping[str, ClaimedSource], gathered: Gathered
) -> list[Standing]:
    """Return the standing of every source; trust from several methods is their mean by checked claims."""
    size = len(names)
    trust, weight = np.zeros(size), np.zeros(size)
    claims, checks = np.zeros(size, np.int64), np.zeros(size, np.int64)
    decided, accepted = np.zeros(size, np.int64), np.zeros(size, np.int64)
    domains: list[dict[str, float]] = [{} for _ in names]
    for part in parts:
        held = part.outcome.claims
        segments = Segments.of(held)
        spoken = (segments.voices() > 1)[held.fact_of_claim]
        count = np.bincount(held.source, minlength=len(held.prior))
        checked = tally(held.source, spoken.astype(float), len(held.prior))
        here = held.sources >= 0
        at = held.sources[here]
        trust[here] += part.outcome.trust[at] * (checked[at] + 1)
        weight[here] += checked[at] + 1
        claims[here] += count[at]
        checks[here] += checked[at].astype(np.int64)
        if held.label is not None:
            label = held.label[held.value]
            decided[here] += np.bincount(held.source[~np.isnan(label)], minlength=len(held.prior))[at]
            accepted[here] += np.bincount(held.source[label == 1], minlength=len(held.prior))[at]
        _add_domains(domains, part, gathered, spoken)
    told = []
    for name, number in names.items():
        prior = known[name].prior if name in known else PRIOR_TRUST
        learned = float(trust[number] / weight[number]) if weight[number] else prior
        counts = int(claims[number]), int(checks[number])
        labels = int(decided[number]), int(accepted[number])
        told.append(Standing(name, learned, prior, *counts, domains[number], *labels))
    return told


def copies_of(parts: Sequence[Part], names: Mapping[str, int]) -> list[Copying]:
    """Return the pairs of sources that were found to depend on each other, each pair once, most probable first."""
    best: dict[tuple[str, str], Copying] = {}
    for part in parts:
        name_of = {int(number): name for name, number in zip(names, part.outcome.claims.sources, strict=True)}
        found = part.outcome.copies
        for one, other, sure, shared in zip(found.one, found.other, found.probability, found.shared, strict=True):
            pair = tuple(sorted((name_of[int(one)], name_of[int(other)])))
            told = Copying(pair[0], pair[1], float(sure), int(shared))
            if pair not in best or best[pair[0], pair[1]].probability < told.probability:
                best[pair[0], pair[1]] = told
    return sorted(best.values(), key=lambda told: (-told.probability, told.one, told.other))


def _add_domains(
    domains: list[dict[str, float]], part: Part, gathered: Gathered, spoken: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> None:
    held = part.outcome.claims
    if not len(held.group):
        return
    table = trust_by_group(held, part.outcome.probability, np.where(spoken, held.weight, 0.0), part.outcome.trust)
    groups = table.shape[1]
    cell = held.source * groups + held.group[held.fact_of_claim]
    enough = tally(cell, spoken.astype(float), table.size).reshape(table.shape) >= LEAST_FOR_DOMAIN
    names = sorted({domain_of(gathered, fact) for fact in part.facts})
    for at in np.flatnonzero(held.sources >= 0):
        source = held.sources[at]
        for group in np.flatnonzero(enough[source]):
            domains[at][names[group]] = float(table[source, group])
