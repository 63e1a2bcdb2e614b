"""Histories with known truth: what held when, and what sources of all kinds said of it, each at some time.

A world has things, each with one value at a time from a small set of its own, that changes now and then. Sources report
what they see: in time or late, once or again, with ends or without, right or wrong. Some lag behind what changed, some
lie, some copy the reports of another, some correct themselves. All is drawn by one seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kgmem.domain.claims.consensus import Claim
from kgmem.domain.time.interval import DAY, Interval

BEGIN, END = 14_610, 18_262  # Days since 1970: the ten years from 2010 on.
PREDICATE = "led_by"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a world is like. Shares and probabilities are from 0 to 1, times are in days."""

    things: int = 60
    sources: int = 12
    values: int = 8  # Of each thing.
    lasts: float = 900.0  # How long a value holds, in the mean.
    coverage: float = 0.5  # How probable it is that a source reports a change.
    right: tuple[float, float] = (0.6, 0.95)  # How often a source is right: the worst and the best of the honest ones.
    liars: float = 0.0  # The share of sources that are right seldom.
    laggards: float = 0.0  # The share of sources that report what held up to two years before.
    observers: float = 0.0  # The share of sources that report what they see at some time, not when it began.
    late: float = 0.0  # The share of reports that are made years after.
    ends: float = 0.0  # The share of reports that are made again with their end when it is over.
    corrections: float = 0.0  # The share of wrong reports that their source corrects.
    copiers: float = 0.0  # The share of sources that repeat what another says.


SETTINGS: Mapping[str, Setting] = {
    "changes": Setting(),
    "few sources": Setting(sources=5, coverage=0.7),
    "lagging sources": Setting(laggards=0.4, observers=0.5),
    "late reports": Setting(late=0.4),
    "corrections": Setting(corrections=0.7, right=(0.5, 0.85)),
    "liars": Setting(liars=0.4, sources=15),
    "ends": Setting(ends=0.5, liars=0.2),
    "observers": Setting(observers=1.0, coverage=0.8),
    "copiers": Setting(copiers=0.3, liars=0.2, sources=15),
    "all together": Setting(
        sources=18, laggards=0.2, observers=0.3, late=0.2, ends=0.2, corrections=0.3, liars=0.2, copiers=0.1
    ),
}


@dataclass(frozen=True, slots=True)
class World:
    """The truth, thing by thing as (from, value), days; and all that was said, in the order in which it was."""

    truth: Mapping[str, Sequence[tuple[int, str]]]
    claims: Sequence[Claim]
    times: Sequence[int] = field(default_factory=tuple)

    def true_at(self, thing: str, day: int) -> str:
        """Return the value that a thing has on a day."""
        return [value for begun, value in self.truth[thing] if begun <= day][-1]

    def known(self, day: int) -> list[Claim]:
        """Return what was said until a day."""
        return [claim for claim in self.claims if (claim.known or 0) <= day * DAY]


def world(setting: Setting, seed: int) -> World:
    """Return a world of these settings; the same for the same seed."""
    draw = np.random.default_rng(seed)
    truth = {f"thing-{number}": _history(setting, draw) for number in range(setting.things)}
    said: dict[int, list[Claim]] = {}
    copiers = int(setting.copiers * setting.sources)
    for number in range(setting.sources):
        if number >= setting.sources - copiers:
            original = said[int(draw.integers(0, setting.sources - copiers))]
            kept = [claim for claim in original if draw.random() < 0.9]
            said[number] = [
                replace(claim, source=f"source-{number}", known=(claim.known or 0) + int(draw.integers(1, 30)) * DAY)
                for claim in kept
            ]
        else:
            said[number] = _said(setting, number, truth, draw)
    claims = sorted((claim for mine in said.values() for claim in mine), key=lambda claim: claim.known or 0)
    return World(truth, claims)


def _history(setting: Setting, draw: np.random.Generator) -> list[tuple[int, str]]:
    day, value = BEGIN - int(draw.integers(0, 365)), int(draw.integers(0, setting.values))
    found = [(day, f"v{value}")]
    while (day := day + 60 + int(draw.exponential(setting.lasts))) < END:
        value = (value + int(draw.integers(1, setting.values))) % setting.values
        found.append((day, f"v{value}"))
    return found


def _said(
    setting: Setting, number: int, truth: Mapping[str, Sequence[tuple[int, str]]], draw: np.random.Generator
) -> list[Claim]:
    """Return what one source that copies nobody says."""
    liar = number < int(setting.liars * setting.sources)
    right = float(draw.uniform(0.05, 0.3)) if liar else float(draw.uniform(*setting.right))
    lags = not liar and draw.random() < setting.laggards
    observes = draw.random() < setting.observers
    told: list[Claim] = []
    for thing, history in truth.items():
        for place, (begun, value) in enumerate(history):
            if draw.random() >= setting.coverage:
                continue
            ended = history[place + 1][0] if place + 1 < len(history) else END
            told += _report(setting, (f"source-{number}", thing, value), (begun, ended), (right, lags, observes), draw)
    return told


def _report(
    setting: Setting,
    what: tuple[str, str, str],
    when: tuple[int, int],
    kind: tuple[float, bool, bool],
    draw: np.random.Generator,
) -> list[Claim]:
    """Return what a source says of one value that a thing had: a report, and what it says of the same later."""
    source, thing, value = what
    (begun, ended), (right, lags, observes) = when, kind
    start = begun
    if observes:
        start = int(draw.integers(begun, max(ended, begun + 1)))
    if lags:  # It reports for the present what held before.
        start = begun + int(draw.integers(0, 730))
    told = value
    if draw.random() >= right:
        told = f"v{(int(value[1:]) + int(draw.integers(1, setting.values))) % setting.values}"
        start += int(draw.integers(0, 90))
    delay = int(draw.exponential(30)) + (int(draw.integers(365, 1500)) if draw.random() < setting.late else 0)
    first = Claim(source, thing, PREDICATE, told, valid=Interval(start * DAY, None), known=(start + 1 + delay) * DAY)
    said = [first]
    if told != value and draw.random() < setting.corrections:
        known = (first.known or 0) + int(draw.integers(30, 200)) * DAY
        said.append(replace(first, value=value, known=known))
    elif told == value and ended < END and not lags and draw.random() < setting.ends:
        known = max(first.known or 0, ended * DAY) + int(draw.integers(1, 60)) * DAY
        said.append(replace(first, valid=Interval(start * DAY, max(ended, start + 1) * DAY), known=known))
    return said
