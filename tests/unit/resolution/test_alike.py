"""How alike values are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.resolution import alike
from kgmem.resolution.described import BOUNDS, DIFFERENT, UNKNOWN, Rarity, level
from kgmem.resolution.words import normal, numeral, words

PLAIN = Rarity(0, {})
NAMES = st.lists(
    st.sampled_from(
        ["apollo", "program", "mission", "11", "12", "ii", "the", "inc", "m", "p", "neil", "armstrong", "armstrang"]
    ),
    max_size=5,
)


def named(left: str, right: str) -> float:
    return alike.names(words(left), words(right), PLAIN)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Fuller_s", "Fuller 's"),
        ("Sudwerk", "SÜDWERK".replace("Ü", "U")),
        ("Café  Müller", "cafe muller"),
        ("JoJo", "jo jo"),
        ("&quot;Apollo&quot;", "apollo"),
    ],
)
def test_ways_to_write_one_name_are_the_same(left: str, right: str) -> None:
    assert named(left, right) == 1.0


@given(NAMES, NAMES)
def test_similarity_is_symmetric_and_between_0_and_1(left: list[str], right: list[str]) -> None:
    value = alike.names(left, right, PLAIN)
    assert value == pytest.approx(alike.names(right, left, PLAIN))
    assert 0 <= value <= 1


@given(NAMES)
def test_a_name_is_the_same_as_itself(name: list[str]) -> None:
    assert alike.names(name, name, PLAIN) == 1.0


@pytest.mark.parametrize(("left", "right"), [("Apollo 11", "Apollo 12"), ("World War I", "World War II")])
def test_names_with_other_numerals_are_no_more_than_somewhat_alike(left: str, right: str) -> None:
    assert named(left, right) <= 0.5
    assert all(numeral(name.split()[-1].casefold()) for name in (left, right))


def test_a_name_with_a_numeral_more_is_not_near() -> None:
    assert named("Apollo program", "Apollo program 11") < BOUNDS[1]


@pytest.mark.parametrize(
    ("short", "long"),
    [("NASA", "National Aeronautics and Space Administration"), ("J. Smith", "John Smith"), ("ACME Ltd", "Acme")],
)
def test_shortened_names_are_at_least_alike(short: str, long: str) -> None:
    assert named(short, long) >= BOUNDS[2]


def test_words_that_the_rest_of_a_description_has_are_no_difference() -> None:
    left, right = words("Sanibel Red Island"), words("Point Ybel Sanibel Red Island")
    plain = alike.names(left, right, PLAIN)
    assert alike.names(left, right, PLAIN, (words("Point Ybel Brewing"), ())) > max(plain, BOUNDS[1])


def test_rare_words_tell_more_than_common_ones() -> None:
    rarity = Rarity.of([["red", "ale"], ["amber", "ale"], ["old", "ale"], ["gorgon", "ale"]])
    assert rarity("gorgon") > rarity("ale") > 0
    common = alike.texts(["gorgon", "ale"], ["old", "ale"], rarity)
    assert common < alike.texts(["gorgon", "ale"], ["gorgon", "stout"], rarity)


def test_codes_forgive_a_slip_and_not_more() -> None:
    assert alike.codes("213/857 -0034", "213-857-0034") == 1.0
    assert alike.codes("213/857 -0034", "213-857-0043") == 0.85
    assert alike.codes("1996", "1997") < BOUNDS[2]
    assert alike.codes("213-857-0034", "415-555-1234") == 0.0


def test_dates_are_told_apart_by_their_parts() -> None:
    assert alike.dates("1969-07-20", "1969-07-20T20:17:00Z") == 1.0
    assert alike.dates("1969", "1969-07-20") == 0.9
    assert alike.dates("1969-07-08", "1969-08-07") == 0.7
    assert alike.dates("1930-08-05", "1969-07-20") == 0.0


def test_kilometres_are_those_of_the_sphere() -> None:
    assert alike.kilometres((0, 0), (180, 0)) == pytest.approx(20015.1, rel=1e-4)
    assert alike.kilometres((13.4, 52.5), (13.4, 52.5)) == 0


@given(st.floats(0, 1))
def test_more_alike_is_never_a_worse_degree(value: float) -> None:
    assert level(1.0) == 0 <= level(value) <= DIFFERENT
    assert level(None) == UNKNOWN
    assert all(level(bound) <= level(value) for bound in (*BOUNDS, 0.0) if bound >= value)


def test_normal_form_has_one_space_between_words() -> None:
    assert normal("  Neil\tA. Armstrong ") == "neil a armstrong"
