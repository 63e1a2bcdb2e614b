"""Typed claims in, verdicts out: the whole way through gathering, a method for each shape, copies, trust and states."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kgmem.consensus import accu, calibration, new_names, single_fact
from kgmem.consensus.claims import SET, Stated, arranged
from kgmem.consensus.fact_grouping import Gathered, Speakers, gather, numbered, reporting, stated
from kgmem.consensus.list_models import weigh_lists
from kgmem.consensus.methods import CROWD_FACTS, Picked, pick, settled
from kgmem.consensus.segments import Segments
from kgmem.consensus.source_reliability import Part, copies_of, standings
from kgmem.consensus.timeline import Reliance
from kgmem.consensus.verdicts import superseded, verdicts_of
from kgmem.domain.claims.consensus import (
    VERIFIED,
    Claim,
    ClaimedSource,
    KnownSources,
    Method,
    Reporting,
    Setting,
    ValueRule,
    Verdict,
    Weighed,
    groups_of,
)
from kgmem.domain.time.interval import ALWAYS

_FIRST_TURNS = 2  # Times that claims are parted in time again by what sources tell of, before anything is weighed,
_TURNS = 4  # and by what was learned of them.


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
        now: int | None = None,
    ) -> Weighed:
        """Return what the claims come to. Raises InvalidInput for a value that is not of its rule's kind."""
        return weigh(claims, sources=sources, rules=rules, verified=verified, copies=self.copies, now=now)

    def again(
        self, claims: Sequence[Claim], known: KnownSources, rule: ValueRule, setting: Setting
    ) -> Sequence[Verdict]:
        """Return the verdicts on the claims of one subject and predicate, by what is known of their sources."""
        if not claims:
            return ()
        told = (known.trust, known.houses, setting.wrong, known.now, known.reports, known.copies, known.new)
        reliance = Reliance(*told)
        facts = gather(claims, {claims[0].predicate: rule}, reliance)
        if rule.method is not Method.AUTO:
            setting = replace(setting, method=rule.method)
        if single_fact.fits(facts, setting):
            verdicts: Sequence[Verdict] = single_fact.weigh_alone(facts, known, setting, rule)
        else:
            asked = {claims[0].predicate: replace(rule, method=setting.method)}
            sources = _of_one_fact(known)
            weighed = weigh(
                claims,
                sources=sources,
                rules=asked,
                verified=rule.verified,
                copies=False,
                now=known.now,
                reports=known.reports or None,
            )
            verdicts = weighed.verdicts
        new = new_names.of_voices(known)
        return superseded([new_names.held_back(each, new, known.houses) for each in verdicts], facts.rules)


def _of_one_fact(known: KnownSources) -> list[ClaimedSource]:
    """Return the sources of a fact that is resolved by itself: new names speak through the first of their voice."""
    first: dict[str, str] = {}
    for name in sorted({*known.new, *known.keys}):
        first.setdefault(known.voice(name) or "", name)
    record = new_names.RECORD if known.new else 0
    return [
        ClaimedSource(name, each, known.houses.get(name), record)
        if (voice := known.voice(name)) is None
        else ClaimedSource(name, each, first[voice], sent_by=voice or None)
        for name, each in sorted(known.trust.items())
    ]


def weigh(
    claims: Sequence[Claim],
    *,
    sources: Sequence[ClaimedSource] = (),
    rules: Mapping[str, ValueRule] | None = None,
    verified: float = VERIFIED,
    copies: bool = True,
    now: int | None = None,
    reports: Mapping[str, Reporting] | None = None,
) -> Weighed:
    """Return what claims come to: verdicts in order of subject, predicate and time; sources and copies by name.

    When one value ended and the next began depends on how far sources are trusted, and that on who was right at which
    time: both are found in turn, until the times are the same again. Claims age up to `now`, an instant. How sources
    report changes is learned from the claims, unless `reports` has it by source.
    """
    known = {source.key: source for source in sources}
    rules = rules or {}
    trust = {key: each.prior for key, each in known.items()}
    houses = _houses(known)
    new = frozenset(new_names.recent(claims, known, houses))
    reliance = Reliance(trust, houses, now=now, reports=reports or {}, new=new)
    gathered = gather(claims, rules, reliance)
    for _ in range(_FIRST_TURNS if _parted(gathered) else 0):
        reliance = replace(reliance, reports=_reports(reports, gathered, reliance))
        gathered = gather(claims, rules, reliance)
    weighed = _weighed(gathered, known, verified=verified, copies=copies)
    for _ in range(_TURNS if _parted(gathered) else 0):
        reliance = replace(
            reliance,
            trust={each.source: each.trust for each in weighed.sources},
            copies=groups_of((each.one, each.other) for each in weighed.copies),
            reports=_reports(reports, gathered, reliance),
        )
        before, gathered = gathered, gather(claims, rules, reliance)
        if [(fact.valid, fact.claims) for fact in gathered.facts] == [(f.valid, f.claims) for f in before.facts]:
            break
        weighed = _weighed(gathered, known, verified=verified, copies=copies)
    of_outlets = {key: reliance.reports[house] for key, house in _houses(known).items() if house in reliance.reports}
    return replace(weighed, reports={**reliance.reports, **of_outlets})


def _reports(known: Mapping[str, Reporting] | None, gathered: Gathered, reliance: Reliance) -> Mapping[str, Reporting]:
    """Return how sources report changes: as it is known, or as these facts show."""
    return reporting(gathered, reliance) if known is None else known


def _parted(gathered: Gathered) -> bool:
    """Return whether claims on any fact were separated in time, which what is learned of sources may change."""
    return any(fact.valid != ALWAYS for fact in gathered.facts)


def _houses(known: Mapping[str, ClaimedSource]) -> dict[str, str]:
    """Return for each outlet the topmost source that speaks through it."""
    houses = {}
    for key in known:
        top, passed = key, {key}
        while top in known and (parent := known[top].parent) and parent not in passed:
            passed.add(parent)
            top = parent
        houses[key] = top
    return houses


def _weighed(gathered: Gathered, known: Mapping[str, ClaimedSource], *, verified: float, copies: bool) -> Weighed:
    parts, reasons = [], {}
    settings: dict[str, Setting] = {}
    houses = _houses(known)
    new = new_names.bodies(gathered, known, houses)
    speakers = numbered(gathered.claims, new_names.joined(known, new) if new else known)
    for facts, wanted in _shapes(gathered, speakers):
        if gathered.facts[facts[0]].mode == SET:
            gathered, part = weigh_lists(gathered, facts, speakers, wanted, copies=copies)
        else:
            arrays, keys = stated(gathered, facts, speakers)
            outcome, picked = settled(arranged(arrays), _by_labels(wanted, arrays), copies=copies)
            part = Part(outcome, keys, facts, picked)
        parts.append(part)
        settings |= _settings(gathered, part)
        for fact in facts:
            reasons[gathered.facts[fact].predicate] = part.picked.reason
    told: list[Verdict] = []
    for part in parts:
        told += [new_names.held_back(verdict, new, houses) for verdict in verdicts_of(gathered, part, verified)]
    copies_found = copies_of(parts, speakers.names)
    return Weighed(
        verdicts=superseded(told, gathered.rules),
        sources=new_names.unproven(standings(parts, speakers.names, known, gathered), new),
        copies=[*copies_found, *new_names.pairs(new, copies_found)],
        reasons=dict(sorted(reasons.items())),
        settings=dict(sorted(settings.items())),
    )


def _by_labels(picked: Picked, arrays: Stated) -> Picked:
    """Return the method that learns from what people decided, where the one that was picked by shape would not."""
    if arrays.label is None or picked.asked or picked.method is not Method.DAWID_SKENE:
        return picked
    return Picked(Method.ACCU, "People decided on some of this: sources are weighed by what was found right.")


def _settings(gathered: Gathered, part: Part) -> dict[str, Setting]:
    """Return by what each predicate of a part was weighed."""
    outcome = part.outcome
    claims = outcome.claims
    segments = Segments.of(claims)
    false = accu.false_values(claims)
    voice = np.ones(len(claims.source)) if outcome.voice is None else outcome.voice
    similarity = calibration.similarity_of_errors(segments, outcome.probability, outcome.trust, voice)
    return {
        gathered.facts[int(fact)].predicate: Setting(
            part.picked.method, part.picked.reason, float(false[at]), similarity
        )
        for at, fact in enumerate(claims.facts.tolist())
    }


def _shapes(gathered: Gathered, speakers: Speakers) -> list[tuple[list[int], Picked]]:
    """Part the facts by the method that their predicate asks for or its shape suggests.

    Predicates of one method are weighed together, so that trust that is earned on one counts on the others; answers
    to questionnaires and lists are not, since each has its own vocabulary.
    """
    by_predicate: dict[tuple[str, int], list[int]] = {}
    for at, fact in enumerate(gathered.facts):
        by_predicate.setdefault((fact.predicate, fact.mode), []).append(at)
    together: dict[tuple[str, str, bool], tuple[list[int], Picked]] = {}
    for (predicate, mode), facts, picked in _picked(gathered, speakers, by_predicate):
        single_fact = picked.method is Method.DAWID_SKENE or mode == SET
        place = (picked.method.value, predicate if single_fact else "", mode == SET)
        held, first = together.get(place, ([], picked))
        together[place] = (held + facts, first)
    return [(sorted(facts), picked) for facts, picked in together.values()]


def _picked(
    gathered: Gathered, speakers: Speakers, by_predicate: Mapping[tuple[str, int], list[int]]
) -> Iterator[tuple[tuple[str, int], list[int], Picked]]:
    """Return the method of each predicate; those with too few facts to have a shape are looked at together, by mode."""
    few: dict[int, list[int]] = {}
    small = []
    for (predicate, mode), facts in sorted(by_predicate.items()):
        rule = gathered.rules.get(predicate, ValueRule())
        if rule.method is not Method.AUTO:
            reason = f"The rule of {predicate} asks for {rule.method.value}."
            yield (predicate, mode), facts, Picked(rule.method, reason, asked=True)
        elif sum(len(gathered.facts[fact].claims) > 1 for fact in facts) >= CROWD_FACTS:
            yield (predicate, mode), facts, pick(arranged(stated(gathered, facts, speakers)[0]))
        else:
            small.append((predicate, mode))
            few.setdefault(mode, []).extend(facts)
    picked = {mode: pick(arranged(stated(gathered, facts, speakers)[0])) for mode, facts in few.items()}
    for predicate, mode in small:
        yield (predicate, mode), by_predicate[predicate, mode], picked[mode]
