"""How often consensus picks the true value, beside majority with the same tie rule.

Labelled claims (KGMEM_DATA: truth_population, truth_book, truth_flights, every set in crowd), typed and weighed as
kgmem does where nobody asks for a method; and planted claims: copies of one bad source, and a flood of claims by one.
The baseline is majority: a source has one vote, ties go to the smallest number or the first text. Accuracy is over the
labelled facts that anything is claimed of; authors are compared as sets of surname and first initial. The last column
of the reliability tables, on standard error, is how often verdicts of that probability were right. The rows are planted
facts.
"""

import csv
import lzma
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract import Figure, alone, compared, within
from bench.rig.database import data_folder
from kgmem.consensus.calibration import reliability
from kgmem.consensus.claims import Stated, arranged
from kgmem.consensus.engine import weigh
from kgmem.consensus.methods import run
from kgmem.consensus.outcome import Outcome
from kgmem.consensus.segments import Segments, choose
from kgmem.consensus.values import people
from kgmem.domain.claims.consensus import VERIFIED, Claim, Method, ValueKind, ValueRule

ROWS = 1000
SHORT = 200
_BARS = {"population": 84.0, "book": 75.0, "d_product": 93.5, "s4_dog": 84.0, "flights": 90.0}
_TIMES = ("sched_dep_time", "act_dep_time", "sched_arr_time", "act_arr_time")
_TIME = re.compile(r"(\d{1,2}):(\d\d)\s*([ap])")
_LISTS = ValueRule(kind=ValueKind.SET, names=True)
Labels = Mapping[str, Any]


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return accuracy and calibration on each labelled set, and what becomes of planted copies and floods."""
    for figure in (*_copied(rows), _flooded(rows)):
        yield figure
    for figure in (*_population(data_folder("truth_population")), *_book(data_folder("truth_book"))):
        yield figure
    for figure in _flights(data_folder("truth_flights")):
        yield figure
    for answers in sorted(data_folder("crowd").glob("*_answer.csv")):
        for figure in _crowd(answers):
            yield figure


def _population(folder: Path) -> list[Figure]:
    rows = list(csv.DictReader(_lines(folder / "population_claims.csv.xz")))
    claims = [_claim(row["SourceID"], row["ObjectID"], row["PropertyID"], float(row["PropertyValue"])) for row in rows]
    labels = csv.DictReader((folder / "population_truth.csv").read_text("utf-8").splitlines())
    truth = {_place(row["ObjectID"], row["PropertyID"]): float(row["PropertyValue"]) for row in labels}
    return _figures("population", claims, truth, ValueRule(kind=ValueKind.NUMBER))


def _book(folder: Path) -> list[Figure]:
    rows = [line.split("\t") for line in _lines(folder / "book.txt.xz") if line.strip()]
    claims = [_claim(row[0], _isbn(row[1]), "authors", row[3]) for row in rows if people(row[3])]
    silver = [line.split("\t") for line in (folder / "book_silver.txt").read_text("utf-8").splitlines()]
    truth = {_place(row[0], "authors"): frozenset(people(row[1])) for row in silver if len(row) > 1}
    return _figures("book", claims, truth, _LISTS)


def _flights(folder: Path) -> list[Figure]:
    """Times of flights by web sites that copy each other, brought to hours and minutes."""
    claims, truth = [], {}
    for name in ("dirty", "clean"):
        for row in csv.DictReader((folder / f"{name}.csv").read_text("utf-8").splitlines()):
            for column in _TIMES:
                if name == "clean":
                    truth[_place(row["flight"], column)] = _clock(row[column])
                elif row[column].strip():
                    claims.append(_claim(row["src"], row["flight"], column, _clock(row[column])))
    return _figures("flights", claims, truth, ValueRule())


def _clock(text: str) -> str:
    """Return a time of day of twelve hours, alone or at the end of a date, as that of 24; another text as it is."""
    read = _TIME.search(text.lower())
    if read is None:
        return text
    return f"{int(read[1]) % 12 + (12 if read[3] == 'p' else 0):02}:{read[2]}"


def _crowd(answers: Path) -> list[Figure]:
    name = answers.name.removesuffix("_answer.csv")
    rows = csv.DictReader(answers.read_text("utf-8").splitlines())
    claims = [_claim(row["worker"], row["question"], "answer", row["answer"]) for row in rows]
    labels = csv.DictReader(answers.with_name(f"{name}_truth.csv").read_text("utf-8").splitlines())
    truth = {_place(row["question"], "answer"): row["truth"] for row in labels}
    return _figures(name, claims, truth, ValueRule())


def _figures(name: str, claims: Sequence[Claim], truth: Labels, rule: ValueRule) -> list[Figure]:
    """Return accuracy beside majority's, and how far probabilities are off."""
    rules = {claim.predicate: rule for claim in claims}
    comparable: Callable[[Any], Any] = _people if rule.names else lambda value: value
    told = weigh(claims, rules=rules).verdicts
    right, sure = _right(told, truth, comparable)
    plain = [replace(claim, value="; ".join(sorted(people(claim.value)))) for claim in claims] if rule.names else claims
    by_vote = {predicate: ValueRule(kind=_single(rule), method=Method.MAJORITY) for predicate in rules}
    voted, _ = _right(weigh(plain, rules=by_vote).verdicts, truth, _split if rule.names else comparable)
    figure = compared(f"{name}: accuracy", 100 * float(right.mean()), 100 * float(voted.mean()), "%")
    least = max(_BARS.get(name, 0.0), (figure.baseline or 0.0) - 1)
    bar = f">= {_BARS[name]:g} % and majority - 1" if name in _BARS else ">= majority - 1"
    table, error = reliability(sure, right)
    for part in table:
        print(f"{name}: {part.count:6} verdicts at {part.probability:.2f}: {part.right:.2f} right", file=sys.stderr)
    off = alone(f"{name}: expected calibration error", error, "", "majority's shares are no probabilities")
    return [replace(figure, bar=bar, holds=figure.value >= least), within(off, 0.1)]


def _right(told: Sequence[Any], truth: Labels, comparable: Callable[[Any], Any]) -> tuple[Any, Any]:
    places = [(each, _place(each.subject, each.predicate)) for each in told]
    known = [(each, truth[place]) for each, place in places if place in truth]
    right = np.array([comparable(each.value) == label for each, label in known])
    return right, np.array([each.probability for each, _ in known])


def _copied(rows: int) -> list[Figure]:
    """Ten honest sources at 0.7 and six copies of one that is right in three of ten."""
    random = np.random.default_rng(5)
    truth = random.integers(0, 11, rows)
    said = [np.where(random.random(rows) < right, truth, _wrong(random, truth)) for right in [0.7] * 10 + [0.3]]
    said += [said[-1]] * 6
    claims = arranged(_stated(said))
    ours, base = (100 * _accuracy(run(claims, method)[0], truth) for method in (Method.AUTO, Method.MAJORITY))
    outcome, _ = run(claims)
    code = np.argsort(claims.sources)
    pairs = {
        frozenset((int(code[a]), int(code[b]))) for a, b in zip(outcome.copies.one, outcome.copies.other, strict=True)
    }
    wanted = {frozenset((a, b)) for a in range(10, 17) for b in range(a) if b >= 10}
    found = len(pairs & wanted)
    figure = compared("planted copies: accuracy", ours, base, "%")
    reason = "majority looks for no copies"
    precision = alone("planted copies: precision", found / max(len(pairs), 1), "", reason)
    recall = alone("planted copies: recall", found / len(wanted), "", reason)
    return [
        replace(figure, bar=">= majority + 5", holds=ours >= base + 5),
        replace(precision, bar=">= 0.9", holds=precision.value >= 0.9),
        replace(recall, bar=">= 0.9", holds=recall.value >= 0.9),
    ]


def _flooded(rows: int) -> Figure:
    """One bad source makes a hundred times the claims of each honest one: how many verified facts flip."""
    random = np.random.default_rng(6)
    truth = random.integers(0, 21, rows)
    said = [np.where(random.random(rows) < 0.8, truth, _wrong(random, truth, 20)) for _ in range(8)]
    calm = _stated(said)
    many = np.arange(100 * rows)
    flood = Stated(
        np.concatenate([calm.source, np.full(len(many), 8)]),
        np.concatenate([calm.fact, many % (20 * rows)]),
        np.concatenate([calm.value, np.full(len(many), 99)]),
    )
    before, after = (run(arranged(stated))[0] for stated in (calm, flood))
    chosen, again = (choose(Segments.of(each.claims), each.score) for each in (before, after))
    verified = before.probability[chosen] >= VERIFIED
    flipped = before.claims.code[chosen] != after.claims.code[again][: len(chosen)]
    count = alone("planted flood: verified facts that flip", float((flipped & verified).sum()), "", "none may")
    return within(count, 0)


def _stated(said: Sequence[Any]) -> Stated:
    table = np.array(said)
    source, fact = (part.ravel() for part in np.indices(table.shape))
    return Stated(source, fact, table.ravel())


def _wrong(random: np.random.Generator, truth: Any, others: int = 10) -> Any:
    return (truth + random.integers(1, others + 1, len(truth))) % (others + 1)


def _accuracy(outcome: Outcome, truth: Any) -> float:
    claims = outcome.claims
    chosen = choose(Segments.of(claims), outcome.score)
    return float(np.mean(claims.code[chosen] == truth[claims.facts]))


def _claim(source: str, subject: str, predicate: str, value: Any) -> Claim:
    return Claim(source, subject, predicate, value)


def _place(subject: str, predicate: str) -> str:
    return f"{subject}\t{predicate}"


def _single(rule: ValueRule) -> ValueKind | None:
    return ValueKind.CATEGORY if rule.names else rule.kind


def _people(value: Any) -> frozenset[str]:
    return frozenset(key for each in value for key in people(each))


def _split(value: Any) -> frozenset[str]:
    return frozenset(str(value).split("; "))


def _isbn(text: str) -> str:
    """Return an ISBN of 10 digits as that of 13."""
    if len(text) != 10:
        return text
    body = f"978{text[:9]}"
    check = -sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(body)) % 10
    return f"{body}{check}"


def _lines(file: Path) -> list[str]:
    return lzma.decompress(file.read_bytes()).decode("utf-8", "replace").split("\n")
