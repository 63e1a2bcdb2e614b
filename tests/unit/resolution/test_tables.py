"""Tables matched: blocking, weights learned without labels, decisions; and the labelled sets."""

import random
from pathlib import Path

import pytest

from bench.rig.matching.blocking import SHARE, candidate_pairs
from bench.rig.matching.comparing import Comparison
from bench.rig.matching.kinds import kind_of
from bench.rig.matching.learning import degrees_of, learn
from bench.rig.matching.tables import match
from bench.rig.resolution_sets import LabelledSet, catalogues, register
from kgmem.resolution.described import Kind
from tests.data import data

FIRST = ["ada", "alan", "barbara", "donald", "edsger", "frances", "grace", "john", "ken", "leslie", "niklaus", "radia"]
LAST = [
    "allen",
    "backus",
    "dijkstra",
    "hamilton",
    "hoare",
    "hopper",
    "knuth",
    "lamport",
    "liskov",
    "lovelace",
    "turing",
]
TOWNS = ["Amsterdam", "Berlin", "Cambridge", "London", "Zurich"]


def people(count: int) -> list[dict[str, str]]:
    """Give people, some of whom have the same name."""
    draw = random.Random(3)
    return [
        {
            "name": f"{draw.choice(FIRST)} {draw.choice(LAST)}",
            "phone": f"{draw.randrange(10**9):09d}",
            "town": draw.choice(TOWNS),
            "born": f"{draw.randrange(1900, 1990)}-{draw.randrange(1, 13):02d}-{draw.randrange(1, 28):02d}",
        }
        for _ in range(count)
    ]


def slipped(row: dict[str, str], place: int) -> dict[str, str]:
    """Give a row as somebody else would have written it."""
    first, last = row["name"].split()
    names = [f"{last.title()}, {first.title()}", f"{first[0]}. {last}", f"{first} {last[:-1]}"]
    return {**row, "name": names[place % 3], "phone": f"+{row['phone'][:4]}-{row['phone'][4:]}"}


def test_rows_written_otherwise_are_found_without_labels() -> None:
    left = people(300)
    right = [slipped(row, place) for place, row in enumerate(left)]
    random.Random(4).shuffle(order := list(range(300)))
    found = match(left, [right[place] for place in order])
    same = found.same(one_to_one=True)
    truth = {(place, at) for at, place in enumerate(order)}
    assert len(same & truth) >= 0.98 * len(truth)
    assert len(same - truth) <= 0.01 * len(truth)


def test_tables_of_two_rows_are_matched_by_what_is_documented() -> None:
    left = [{"name": "Ada Lovelace", "born": "1815-12-10"}, {"name": "Alan Turing", "born": "1912-06-23"}]
    right = [{"name": "Turing, A.", "born": "1912-06-23"}, {"name": "Countess Lovelace, Ada", "born": "1815-12-10"}]
    assert match(left, right).same(one_to_one=True) == {(0, 1), (1, 0)}


def test_a_table_without_duplicates_has_none() -> None:
    assert match(people(300)).same(one_to_one=False) == set()


def test_same_name_with_other_values_is_not_the_same() -> None:
    rows = [*people(200), {"name": "ada lovelace", "phone": "111111111", "town": "London", "born": "1915-12-10"}]
    rows.append({"name": "ada lovelace", "phone": "987654321", "town": "Zurich", "born": "1988-01-02"})
    assert (200, 201) not in match(rows).same(one_to_one=False)


def test_each_row_is_matched_once_where_tables_are_clean() -> None:
    left = people(100)
    same = match(left, left + [dict(row) for row in left]).same(one_to_one=True)
    assert len({pair[0] for pair in same}) == len(same) == len({pair[1] for pair in same})


def test_blocking_compares_no_more_than_its_share() -> None:
    rows = people(400)
    comparison = Comparison(rows, rows)
    pairs = candidate_pairs(comparison.left, comparison.right)
    assert 0 < len(pairs) <= SHARE * 400 * 399 / 2
    assert all(left < right for left, right in pairs)


def test_more_alike_is_never_less_evidence() -> None:
    left = people(200)
    comparison = Comparison(left, [slipped(row, place) for place, row in enumerate(left)])
    pairs = candidate_pairs(comparison.left, comparison.right)
    weights = learn(comparison, degrees_of(comparison, pairs), pairs, same_table=False)
    assert all(list(each) == sorted(each, reverse=True) for each in weights.added)
    assert weights.before < 0


def test_what_no_row_says_is_no_evidence() -> None:
    rows = people(100)
    found = match(rows, [{**row, "phone": ""} for row in rows])
    assert all("phone" not in each.likeness.parts for each in found.matched)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1969-07-20", "1970-04", ""], Kind.DATE),
        (["213/857 -0034", "213-655-8880"], Kind.CODE),
        (["5.60 %", "7 %", "12.5%"], Kind.NUMBER),
        (["red"] * 99 + ["green"], Kind.CATEGORY),
        (["one thing", "another", "a third", "a fourth"], Kind.TEXT),
        (["", " "], Kind.TEXT),
    ],
)
def test_kind_of_a_column_is_read_from_its_values(values: list[str], kind: Kind) -> None:
    assert kind_of(values) == kind


def f1(labelled: LabelledSet) -> float:
    one_table = labelled.left is labelled.right
    told = match(labelled.left, None if one_table else labelled.right).same(one_to_one=not one_table)
    truth = labelled.same & labelled.tested
    told = told & labelled.tested if labelled.judged else told
    return 2 * len(told & truth) / (len(told) + len(truth))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("Beer", 0.80), ("Fodors-Zagats", 0.97), ("DBLP-ACM", 0.95)])
def test_catalogues_are_matched(name: str, least: float) -> None:
    assert f1(catalogues(Path(data("er_magellan")), name)) >= least


@pytest.mark.slow
def test_duplicates_of_a_register_are_found() -> None:
    assert f1(register(data("er_febrl/dataset1.csv.xz"))) >= 0.95
