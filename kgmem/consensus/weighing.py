"""Typed claims in, verdicts out: the whole way through gathering, a method for each shape, copies, trust and states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kgmem.consensus.claims import SET, arranged
from kgmem.consensus.gathering import Gathered, gather, numbered, stated
from kgmem.consensus.methods import Picked, pick, run
from kgmem.consensus.standing import Part, copies_of, standings
from kgmem.consensus.verdicts import superseded, verdicts_of
from kgmem.domain.consensus import (
    VERIFIED,
    Claim,
    ClaimedSource,
    Method,
    ValueRule,
    Verdict,
    Weighed,
)


@dataclass(frozen=True, slots=True)
class NumpyConsensus:
    """The port `Consensus`, by arrays in memory."""

    copies: bool = True

    def weigh(
        self,
        claims: Sequence[Claim],
        *,
        sources: Sequence[ClaimedSource] = (),
        rules: Mapping[str, ValueRule] | None = None,
        verified: float = VERIFIED,
    ) -> Weighed:
        """Give what the claims come to. Raises InvalidInput for a value that is not of its rule's kind."""
        return weigh(claims, sources=sources, rules=rules, verified=verified, copies=self.copies)


def weigh(
    claims: Sequence[Claim],
    *,
    sources: Sequence[ClaimedSource] = (),
    rules: Mapping[str, ValueRule] | None = None,
    verified: float = VERIFIED,
    copies: bool = True,
) -> Weighed:
    """Give what claims come to: verdicts in order of subject, predicate and time; sources and copies by name."""
    known = {source.key: source for source in sources}
    gathered = gather(claims, rules or {})
    names = numbered(claims, known)
    parts, reasons = [], {}
    for facts, picked in _shapes(gathered, known, names):
        arrays, keys = stated(gathered, facts, known, names)
        outcome, _ = run(arranged(arrays), picked.method, copies=copies)
        parts.append(Part(outcome, keys, facts, picked))
        for fact in facts:
            reasons[gathered.facts[fact].predicate] = picked.reason
    told: list[Verdict] = []
    for part in parts:
        told += verdicts_of(gathered, part, verified)
    return Weighed(
        verdicts=superseded(told, gathered.rules),
        sources=standings(parts, names, known, gathered),
        copies=copies_of(parts, names),
        reasons=dict(sorted(reasons.items())),
    )


def _shapes(
    gathered: Gathered, known: Mapping[str, ClaimedSource], names: Mapping[str, int]
) -> list[tuple[list[int], Picked]]:
    """Part the facts by the method that their predicate asks for or its shape suggests.

    Predicates of one method are weighed together, so that trust that is earned on one counts on the others; answers
    to questionnaires are not, since each has its own vocabulary.
    """
    by_predicate: dict[tuple[str, int], list[int]] = {}
    for at, fact in enumerate(gathered.facts):
        by_predicate.setdefault((fact.predicate, fact.mode), []).append(at)
    together: dict[tuple[str, str], tuple[list[int], Picked]] = {}
    for (predicate, mode), facts in sorted(by_predicate.items()):
        rule = gathered.rules.get(predicate, ValueRule())
        if rule.method is Method.AUTO:
            arrays, _ = stated(gathered, facts, known, names)
            picked = pick(arranged(arrays))
        else:
            picked = Picked(rule.method, f"The rule of {predicate} asks for {rule.method.value}.")
        alone = picked.method is Method.DAWID_SKENE or mode == SET
        place = (picked.method.value, predicate if alone else "")
        held, first = together.get(place, ([], picked))
        together[place] = (held + facts, first)
    return [(sorted(facts), picked) for facts, picked in together.values()]
