"""How often the answer is right when truth changes: consensus over time beside majority, latest claim and static trust.

Worlds with known truth (bench/rig/histories.py), one setting each: values that change, few sources, sources that lag
behind, late reports, corrections, liars, claims with ends, sources that say what they see and not since when, copiers,
and all of that together. At four moments of system time it is asked what holds then and what held at five moments
before, by nothing but what was said until then. Ours is `consensus.weigh` with its defaults; the first world also goes
through the store (`memory.claims.put`, `memory.facts.list` with `valid_at`), all said at once. Baselines see the
claims whose time covers the moment that is asked of: the value that most sources claim, the value that is claimed to
begin last, and PooledInvestment (Pasternack and Roth 2010) over all things. A question that a baseline's claims leave
open is wrong for all. A sweep of `half_life` is beside claims that do not age. Accuracy in percent, the mean over
the seeds. The rows are things in a world.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from statistics import mean

from bench.contract import Figure, compared
from bench.rig.database import GRAPH, memory_and_raw
from bench.rig.histories import BEGIN, END, PREDICATE, SETTINGS, World, world
from kgmem.consensus.engine import weigh
from kgmem.domain.claims.claim import ClaimStatement, FactFilter
from kgmem.domain.claims.consensus import Claim, Method, ValueRule
from kgmem.domain.time.interval import DAY, iso

ROWS = 60
SHORT = 20
SEEDS = 3
_MOMENTS = 4
_HALF_LIVES = (0.25, 1.0, 4.0)  # Years.
_SWEPT = 12  # Things in the worlds of that sweep.
_GAIN = 10.0  # Points above the best baseline, in the mean over the settings.
Answers = Mapping[tuple[str, int], str]  # By thing and day.


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return accuracy over time for each setting, and the mean gain over the best of the baselines."""
    ours, bases = [], []
    for name, setting in SETTINGS.items():
        worlds = [world(replace(setting, things=rows), seed) for seed in range(SEEDS)]
        told = {way: mean(accuracy(each, answer) for each in worlds) for way, answer in _WAYS.items()}
        base, best = max((value, way) for way, value in told.items() if way != "ours")
        ours.append(told["ours"])
        bases.append({way: value for way, value in told.items() if way != "ours"})
        yield compared(f"{name}, best baseline {best}", told["ours"], base, "%")
    means = {way: mean(each[way] for each in bases) for way in bases[0]}
    gain = mean(ours) - max(means.values())
    held = gain >= _GAIN
    yield Figure("all settings, gain over the best baseline", gain, "points", bar=f">= {_GAIN:g}", holds=held)
    for figure in _half_lives(rows):
        yield figure
    stored, pure = await _stored(rows)
    yield compared("the first world through the store, beside `weigh` alone", stored, pure, "%")


def _half_lives(rows: int) -> Iterator[Figure]:
    """Return accuracy over time with claims that age, beside claims that do not; the mean over all settings."""
    worlds = [world(replace(setting, things=min(rows, _SWEPT)), 0) for setting in SETTINGS.values()]
    base = mean(accuracy(each, ours) for each in worlds)
    for years in _HALF_LIVES:
        rules = {PREDICATE: ValueRule(half_life=int(years * 365 * DAY))}
        value = mean(accuracy(each, partial(ours, rules=rules)) for each in worlds)
        yield compared(f"a half-life of {years:g} years beside none", value, base, "%")


def accuracy(told: World, answer: Callable[[Sequence[Claim], Sequence[int]], Answers]) -> float:
    """Return how many percent of the questions of a world are answered right."""
    right = total = 0
    for known, days in questions():
        answers = answer(told.known(known), days)
        for thing in told.truth:
            right += sum(answers.get((thing, day)) == told.true_at(thing, day) for day in days)
            total += len(days)
    return 100 * right / total


def questions() -> list[tuple[int, list[int]]]:
    """Return the days of system time at which it is asked, and of each the days that are asked of."""
    found = []
    for number in range(_MOMENTS):
        known = BEGIN + (END - BEGIN) * (number + 1) // _MOMENTS - 1
        found.append((known, [known - (known - BEGIN) * back // 6 for back in range(6)]))
    return found


def ours(claims: Sequence[Claim], days: Sequence[int], *, rules: Mapping[str, ValueRule] | None = None) -> Answers:
    """Answer by consensus."""
    found: dict[tuple[str, int], str] = {}
    for verdict in weigh(claims, rules=rules, now=max(days) * DAY).verdicts:
        found |= {(verdict.subject, day): str(verdict.value) for day in days if verdict.valid.contains(day * DAY)}
    return found


def majority(claims: Sequence[Claim], days: Sequence[int]) -> Answers:
    """Answer by what most sources claim; ties go to the first text."""
    found: dict[tuple[str, int], str] = {}
    for day in days:
        votes: dict[str, Counter[str]] = {}
        for claim in {(c.source, c.subject, c.value): c for c in _covering(claims, day)}.values():
            votes.setdefault(claim.subject, Counter())[str(claim.value)] += 1
        found |= {(s, day): min(count, key=lambda v: (-count[v], v)) for s, count in votes.items()}
    return found


def latest(claims: Sequence[Claim], days: Sequence[int]) -> Answers:
    """Answer by what is claimed to begin last; of the same beginning, by what became known last."""
    found: dict[tuple[str, int], str] = {}
    for day in days:
        last: dict[str, Claim] = {}
        for claim in _covering(claims, day):
            before = last.get(claim.subject)
            if before is None or _age(claim) >= _age(before):
                last[claim.subject] = claim
        found |= {(subject, day): str(claim.value) for subject, claim in last.items()}
    return found


def pooled_investment(claims: Sequence[Claim], days: Sequence[int]) -> Answers:
    """Answer by PooledInvestment over what is claimed of one day, as if nothing ever changed."""
    rules = {PREDICATE: ValueRule(method=Method.POOLED_INVESTMENT)}
    found: dict[tuple[str, int], str] = {}
    for day in days:
        static = [Claim(c.source, c.subject, PREDICATE, c.value) for c in _covering(claims, day)]
        found |= {(v.subject, day): str(v.value) for v in weigh(static, rules=rules, copies=False).verdicts}
    return found


_WAYS: Mapping[str, Callable[[Sequence[Claim], Sequence[int]], Answers]] = {
    "ours": ours,
    "majority": majority,
    "latest claim": latest,
    "pooled_investment": pooled_investment,
}


def _covering(claims: Sequence[Claim], day: int) -> list[Claim]:
    return [claim for claim in claims if claim.valid.contains(day * DAY)]


def _age(claim: Claim) -> tuple[int, int]:
    return (claim.valid.start or 0, claim.known or 0)


async def _stored(rows: int) -> tuple[float, float]:
    """Return how many percent of the answers of six days are right through the store, and without it."""
    told = world(replace(SETTINGS["all together"], things=rows), 0)
    days = questions()[-1][1]
    pure = ours([replace(claim, known=None) for claim in told.claims], days)
    async with memory_and_raw() as (memory, _, _url):
        await memory.claims.put(GRAPH, [_statement(claim) for claim in told.claims])
        await memory.claims.compute_consensus(GRAPH)
        right = right_pure = total = 0
        for day in days:
            held: dict[str, object] = {}
            cursor = None
            while True:
                asked = FactFilter(predicate=PREDICATE, valid_at=iso(day * DAY), cursor=cursor, limit=1000)
                page = await memory.facts.list(GRAPH, asked)
                held |= {fact.subject: fact.value for fact in page.items}
                if (cursor := page.cursor) is None:
                    break
            true = {thing: told.true_at(thing, day) for thing in told.truth}
            right += sum(held.get(thing) == value for thing, value in true.items())
            right_pure += sum(pure.get((thing, day)) == value for thing, value in true.items())
            total += len(true)
    return 100 * right / total, 100 * right_pure / total


def _statement(claim: Claim) -> ClaimStatement:
    start, end = claim.valid.start, claim.valid.end
    return ClaimStatement(
        claim.source,
        claim.subject,
        claim.predicate,
        value=claim.value,
        valid_from=None if start is None else iso(start),
        valid_to=None if end is None else iso(end),
    )
