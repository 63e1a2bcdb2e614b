"""Labelled sets of records of which some are one thing: tables of two catalogues, and a register with duplicates."""

import csv
import lzma
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Pair = tuple[int, int]
Row = Mapping[str, str]

_SPLITS = ("train", "valid", "test")
# Which column a record is called by. A column that names the thing itself in both tables is left out: it is the truth.
_CALLED = {
    "Structured/Beer": "Beer_Name",
    "Structured/Fodors-Zagats": "name",
    "Structured/DBLP-ACM": "title",
    "Dirty/DBLP-ACM": "title",
    "Textual/Abt-Buy": "name",
}
_TRUTH = {"Structured/Fodors-Zagats": "class"}
KINDS = tuple(_CALLED)
PARAPHRASES = Path(__file__).parents[2] / "tests" / "data" / "resolution" / "paraphrases.tsv"
_MAKERS = ("Norvik", "Halden", "Castor", "Brunel", "Ostara", "Velmo", "Quist", "Tarrow", "Ibex", "Solent")


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Two tables (or one: then both are the same object), pairs that people judged, and which are one thing.

    `tested` are the judged pairs that figures are told of; nothing was chosen by them. Where no pairs were judged, all
    pairs that are one thing are known.
    """

    name: str
    left: Sequence[Row]
    right: Sequence[Row]
    judged: Sequence[Pair]
    same: frozenset[Pair]
    tested: frozenset[Pair]
    train: frozenset[Pair]  # The judged pairs that baselines choose their thresholds by.

    @property
    def all_pairs(self) -> int:
        """How many pairs there are to compare."""
        count = len(self.left)
        return count * (count - 1) // 2 if self.left is self.right else count * len(self.right)


def catalogues(folder: Path, name: str) -> LabelledSet:
    """Return a set of the Magellan collection, by its folder; its tables are the records that stand in its pairs."""
    places: tuple[dict[tuple[tuple[str, str], ...], int], ...] = ({}, {})
    judged: list[tuple[Pair, bool, str]] = []
    for split in _SPLITS:
        for *sides, label in _pairs(folder / name / f"{split}.txt.xz"):
            rows = [tuple(_record(side, name).items()) for side in sides]
            left, right = (known.setdefault(row, len(known)) for known, row in zip(places, rows, strict=True))
            judged.append(((left, right), label == "1", split))
    tables = [[dict(row) for row in known] for known in places]
    same = frozenset(pair for pair, one, _ in judged if one)
    tested = frozenset(pair for pair, _, split in judged if split == "test")
    train = frozenset(pair for pair, _, split in judged if split == "train")
    return LabelledSet(name, tables[0], tables[1], [pair for pair, _, _ in judged], same, tested, train)


def register(file: Path) -> LabelledSet:
    """Return a register of people in which some stand twice (FEBRL), and all such pairs."""
    rows = list(csv.DictReader(lzma.decompress(file.read_bytes()).decode("utf-8").splitlines(), skipinitialspace=True))
    people: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        people[row.pop("rec_id").split("-")[1]].append(place)
    table = [{"name": f"{row.pop('given_name')} {row.pop('surname')}", **row} for row in rows]
    same = frozenset((one, other) for found in people.values() for one in found for other in found if one < other)
    return LabelledSet("FEBRL-1", table, table, [], same, same, same)


def paraphrases(file: Path = PARAPHRASES) -> LabelledSet:
    """Return things that two catalogues of the same makers describe in other words: name and text of each, by tab."""
    rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]
    made = [_MAKERS[place % len(_MAKERS)] for place in range(len(rows))]
    left = [{"name": f"{by} {row[0]}", "description": row[1]} for by, row in zip(made, rows, strict=True)]
    right = [{"name": f"{by} {row[2]}", "description": row[3]} for by, row in zip(made, rows, strict=True)]
    every = [(one, other) for one in range(len(rows)) for other in range(len(rows))]
    same = frozenset((place, place) for place in range(len(rows)))
    # Halves of the catalogues: the baselines choose their thresholds on one, and figures are of the other.
    halves = [frozenset(pair for pair in every if pair[0] % 2 == half) for half in (0, 1)]
    return LabelledSet("paraphrases", left, right, every, same, halves[0], halves[1])


def _pairs(file: Path) -> Iterator[list[str]]:
    for line in lzma.decompress(file.read_bytes()).decode("utf-8").splitlines():
        yield line.rsplit("\t", 2)


def _record(text: str, name: str) -> Row:
    found: dict[str, str] = {}
    for part in re.split(r"\s*COL ", f" {text.strip()}")[1:]:
        column, _, value = part.partition(" VAL")
        if column != _TRUTH.get(name):
            found["name" if column == _CALLED[name] else column] = value.strip()
    return found
