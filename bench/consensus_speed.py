"""How long a full run of consensus takes, beside one numpy pass over the same arrays.

A million claims over 200,000 facts from 1,000 sources, a fifth of these mediocre; from unsorted codes to calibrated
probabilities, copies sought on the way. The baseline is one pass: what each claim's source is trusted summed for its
value (bincount), the best of each fact, and what that says of each source summed again (bincount). In turns. Then, one
new claim at a time beside a look-up of its fact in a dictionary. The rows are claims.
"""

import gc
import resource
import time
from collections.abc import AsyncIterator, Callable, Iterator
from statistics import median

import numpy as np

from bench.contract import Figure, alone, compared, within
from bench.rig.incremental import Told, add, fact_of, sums_of
from kgmem.consensus.claims import Claims, Stated, arranged
from kgmem.consensus.methods import run
from kgmem.consensus.segments import Segments

ROWS = 1_000_000
SHORT = 100_000
_TURNS = 3
_UPDATES = 300


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the time of a full run, its memory, and the p50 of an update."""
    stated = _planted(rows)
    claims = arranged(stated)
    segments = Segments.of(claims)
    ours, base = [], []
    for _ in range(_TURNS):
        base += [_seconds(lambda: _one_pass(segments)) for _ in range(3)]
        ours.append(_seconds(lambda: run(arranged(stated))))
    yield compared("full run", min(ours), min(base), "s", at_most=60)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield within(alone("memory of the process at its peak", memory, "MB", "numpy alone holds no claims"), 1024)
    updates, looks = _updates(claims)
    yield compared("one new claim, p50", median(updates) * 1000, median(looks) * 1000, "ms")


def _planted(rows: int) -> Stated:
    random = np.random.default_rng(1)
    sources, facts = 1000, max(rows // 5, 1)
    source, fact = random.integers(0, sources, rows), random.integers(0, facts, rows)
    able = np.where(np.arange(sources) % 5 == 0, 0.5, 0.85)
    truth = random.integers(0, 1000, facts)
    wrong = truth[fact] + random.integers(1, 11, rows)
    return Stated(source, fact, np.where(random.random(rows) < able[source], truth[fact], wrong))


def _one_pass(segments: Segments) -> None:
    claims = segments.claims
    held = np.bincount(claims.value, claims.prior[claims.source], len(claims.fact))
    best = np.maximum.reduceat(held, segments.of_fact)
    share = held / best[claims.fact]
    np.bincount(claims.source, share[claims.value], len(claims.prior))


def _updates(claims: Claims) -> tuple[list[float], list[float]]:
    """Time new claims about facts of the run, each beside finding the claims of its fact."""
    outcome, _ = run(claims)
    sources = sums_of(outcome)
    code = np.argsort(claims.sources)[np.sum(claims.sources < 0) :]
    told = [Told(int(code[s]), int(f), int(v)) for s, f, v in _first(claims)]
    held: dict[int, list[Told]] = {}
    for each in told:
        held.setdefault(each.fact, []).append(each)
    facts = {fact: fact_of(mine, sources) for fact, mine in held.items()}
    random = np.random.default_rng(2)
    chosen = random.choice(np.array(sorted(facts)), _UPDATES)
    updates, looks = [], []
    for at in chosen.tolist():
        looks.append(_seconds(lambda at=at: facts[at]))  # type: ignore[misc]
        new = Told(int(random.integers(0, 1000)), at, int(random.integers(0, 1000)))
        updates.append(_seconds(lambda at=at, new=new: add(facts[at], [new], sources)))  # type: ignore[misc]
    return updates, looks


def _first(claims: Claims) -> Iterator[tuple[int, int, int]]:
    part = slice(0, 20_000)
    return zip(claims.source[part], claims.fact_of_claim[part], claims.code[claims.value[part]], strict=True)


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
