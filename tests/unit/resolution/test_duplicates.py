"""Many descriptions compared: the cut is chosen from the data, without labels."""

import random
from dataclasses import replace
from pathlib import Path

from kgmem.domain.text.resolution import Described, JudgedPair, MatchedPair
from kgmem.resolution.duplicates import dedupe, link

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


def people(count: int, seed: int = 3) -> list[dict[str, str]]:
    """Return people, some of whom have the same name."""
    draw = random.Random(seed)
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
    """Return a row as somebody else would have written it."""
    first, last = row["name"].split()
    names = [f"{last.title()}, {first.title()}", f"{first[0]}. {last}", f"{first} {last[:-1]}"]
    return {**row, "name": names[place % 3], "town": row["town"].upper()}


def shifted(row: dict[str, str]) -> dict[str, str]:
    """Return a row of which values stand in another column."""
    return {"name": f"{row['name']} {row['born']}", "phone": "", "town": f"{row['phone']} {row['town']}", "born": ""}


def described(rows: list[dict[str, str]]) -> list[Described]:
    return [
        Described([row["name"]], "Person", {name: value for name, value in row.items() if name != "name" and value})
        for row in rows
    ]


def same(pairs: list[MatchedPair]) -> set[tuple[int, int]]:
    return {(each.one, each.other) for each in pairs if each.similarity.decision == "same"}


def anything(one: int, other: int) -> bool:
    return True


def test_rows_written_otherwise_are_found() -> None:
    left = people(300)
    rows = described(left + [slipped(row, place) for place, row in enumerate(left[:120])])
    truth = {(place, 300 + place) for place in range(120)}
    found = same(dedupe(rows, anything))
    assert len(found & truth) >= 0.98 * len(truth)
    assert len(found - truth) <= 0.02 * len(truth)


def test_values_in_other_columns_are_found() -> None:
    left = people(200)
    rows = described(left + [shifted(row) for row in left[:100]])
    truth = {(place, 200 + place) for place in range(100)}
    found = same(dedupe(rows, anything))
    assert len(found & truth) >= 0.95 * len(truth)
    assert len(found - truth) <= 0.02 * len(truth)


def test_three_of_one_thing_are_found() -> None:
    left = people(150)
    rows = described(left + [slipped(row, 1) for row in left[:60]] + [slipped(row, 2) for row in left[:60]])
    truth = {pair for n in range(60) for pair in ((n, 150 + n), (n, 210 + n), (150 + n, 210 + n))}
    found = same(dedupe(rows, anything))
    assert len(found & truth) >= 0.6 * len(truth)
    assert len(found - truth) <= 0.02 * len(truth)
    listed = {(each.one, each.other) for each in dedupe(rows, anything) if each.similarity.decision != "different"}
    assert len(listed & truth) >= 0.95 * len(truth)


def test_a_collection_without_duplicates_has_none() -> None:
    for seed in range(5):
        found = same(dedupe(described(people(200, seed)), anything))
        assert len(found) <= 2, (seed, found)


def test_same_name_with_other_values_is_not_the_same() -> None:
    rows = people(200)
    rows.append({"name": "ada lovelace", "phone": "111111111", "town": "London", "born": "1915-12-10"})
    rows.append({"name": "ada lovelace", "phone": "987654321", "town": "Zurich", "born": "1988-01-02"})
    assert (200, 201) not in same(dedupe(described(rows), anything))


def test_what_may_not_be_one_is_no_pair() -> None:
    rows = people(60)
    assert same(dedupe(described(rows + rows), lambda one, other: False)) == set()


def test_what_is_as_near_to_two_is_doubtful() -> None:
    held = people(100)
    asked = [slipped(row, 0) for row in held[:50]]
    held.append(dict(held[0]))
    pairs = [(one, other) for one in range(50) for other in range(101)]
    found = same(link(described(asked), described(held), pairs))
    assert not {(0, 0), (0, 100)} & found
    assert len(found & {(n, n) for n in range(1, 50)}) >= 48


def test_judgements_move_the_cut() -> None:
    rows = described(people(200) + [slipped(row, place) for place, row in enumerate(people(200)[:80])])
    before = dedupe(rows, anything)
    middle = min(before, key=lambda each: abs(each.similarity.evidence - 4.0))
    similarity = middle.similarity.parts["similarity"]
    rejected, accepted = (
        {(each.one, each.other): each.similarity.evidence for each in dedupe(rows, anything, judged)}
        for judged in ([JudgedPair(similarity, same=False)] * 5, [JudgedPair(similarity, same=True)] * 5)
    )
    pair = middle.one, middle.other
    assert rejected[pair] < accepted[pair]


def test_order_does_not_matter() -> None:
    rows = people(100) + [slipped(row, place) for place, row in enumerate(people(100)[:40])]
    order = list(range(140))
    random.Random(1).shuffle(order)
    moved = same(dedupe(described([rows[place] for place in order]), anything))
    back = {tuple(sorted((order[one], order[other]))) for one, other in moved}
    assert back == same(dedupe(described(rows), anything))


def test_among_few_as_well_slips_are_found_and_nothing_else() -> None:
    for seed in range(20):
        rows = people(12, seed)
        doubled = [*rows, *(slipped(row, place) for place, row in enumerate(rows[:4]))]
        assert same(dedupe(described(rows), anything)) == set(), seed
        assert same(dedupe(described(doubled), anything)) == {(place, 12 + place) for place in range(4)}, seed


def test_two_are_compared_by_all_that_they_say() -> None:
    one = Described(["Canon EOS 40D body"], "Product", {"text": "10.1 megapixel camera, model EOS40D, black"})
    other = Described(["EOS-40D digital camera"], "Product", {"about": "Canon EOS40D body only, 10.1 megapixel, black"})
    third = Described(["Nikon D60 kit"], "Product", {"text": "10.2 megapixel camera, model D60, black"})
    assert same(dedupe([one, other, third], anything)) == {(0, 1)}
    assert same(dedupe([one, third], anything)) == set()


def test_what_people_reject_moves_the_cut_of_few() -> None:
    rows = people(6)
    doubled = described([*rows, slipped(rows[0], 1)])
    (found,) = [each for each in dedupe(doubled, anything) if each.similarity.decision == "same"]
    rejected = [JudgedPair(found.similarity.parts["similarity"], same=False)] * 20
    assert same(dedupe(doubled, anything, rejected)) == set()


def paraphrased(rows: list[list[str]]) -> list[Described]:
    return [Described([row[side]], "Thing", {"description": row[side + 1]}) for side in (0, 2) for row in rows]


def directions(count: int, seed: int) -> list[list[float]]:
    """Return vectors that have nothing to do with each other."""
    draw = random.Random(seed)
    return [[draw.gauss(0, 1) for _ in range(64)] for _ in range(count)]


def near_to(vector: list[float], seed: int, by: float = 0.5) -> list[float]:
    draw = random.Random(seed)
    return [each + by * draw.gauss(0, 1) for each in vector]


def paraphrases() -> list[list[str]]:
    file = Path(__file__).parents[2] / "data" / "resolution" / "paraphrases.tsv"
    return [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]


def test_what_other_words_describe_is_found_by_vectors() -> None:
    rows = paraphrases()
    truth = {(place, place + len(rows)) for place in range(len(rows))}
    told = paraphrased(rows)
    vectors = directions(len(rows), 1)
    vectors += [near_to(vector, seed) for seed, vector in enumerate(vectors)]
    with_vectors = [replace(each, vector=vector) for each, vector in zip(told, vectors, strict=True)]
    assert len(same(dedupe(told, anything)) & truth) <= 2
    found = same(dedupe(with_vectors, anything))
    assert len(found & truth) >= 0.9 * len(truth)
    assert len(found - truth) <= 2


def test_vectors_that_say_nothing_change_nothing() -> None:
    left = people(150)
    rows = described(left + [slipped(row, place) for place, row in enumerate(left[:60])])
    by_words = same(dedupe(rows, anything))
    noise = [replace(each, vector=vector) for each, vector in zip(rows, directions(len(rows), 2), strict=True)]
    flat = [replace(each, vector=[1.0, 2.0, 2.0]) for each in rows]
    assert same(dedupe(noise, anything)) == by_words
    assert same(dedupe(flat, anything)) == by_words


def test_what_has_no_vector_among_some_that_have_is_found_as_without() -> None:
    left = people(150)
    truth = {(place, 150 + place) for place in range(60)}
    rows = described(left + [slipped(row, place) for place, row in enumerate(left[:60])])
    vectors = directions(150, 3)
    vectors += [near_to(vector, seed) for seed, vector in enumerate(vectors[:60])]
    some = [
        replace(each, vector=vector) if place % 3 == 0 else each
        for place, (each, vector) in enumerate(zip(rows, vectors, strict=True))
    ]
    found = same(dedupe(some, anything))
    assert len(found & truth) >= 0.95 * len(truth)
    assert len(found - truth) <= 2


def test_names_alone_that_mean_similar_things_are_left_to_a_person() -> None:
    rows = paraphrases()
    names = [Described([row[side]], "Thing") for side in (0, 2) for row in rows]
    vectors = directions(len(rows), 1)
    vectors += [near_to(vector, seed) for seed, vector in enumerate(vectors)]
    found = dedupe([replace(each, vector=v) for each, v in zip(names, vectors, strict=True)], anything)
    near = [each for each in found if each.similarity.evidence >= 4 and not rows_share_words(rows, each)]
    assert len(near) >= 40
    # Two have letters enough in common to be forms of one name.
    assert sum(each.similarity.vetoed is None for each in near) <= 2


def rows_share_words(rows: list[list[str]], found: MatchedPair) -> bool:
    """Whether the names of a pair have a word in common."""
    names = [row[side] for side in (0, 2) for row in rows]
    one, other = (set(names[place].casefold().split()) for place in (found.one, found.other))
    return bool(one & other)
