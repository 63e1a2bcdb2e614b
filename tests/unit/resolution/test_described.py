"""Descriptions compared by documented evidence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.text.resolution import Described, LookedUp, Similarity
from kgmem.resolution.described import DescribedComparer

NOTHING = LookedUp([], {}, 1)


def similarity(one: Described, other: Described) -> Similarity:
    return DescribedComparer().similarity(one, other, NOTHING)


def person(*names: str, **values: object) -> Described:
    return Described(names, "Person", values)


def test_equal_names_alone_are_the_same() -> None:
    assert similarity(person("Neil Armstrong"), person("neil  ARMSTRONG")).decision == "same"
    assert similarity(person("First Man"), person("Neil Armstrong", "First Man")).decision == "same"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Neil Armstrong", "N. Armstrong"), ("Neil Armstrong", "Neil Armstrnog"), ("Barack Obama", "Obama")],
)
def test_names_that_are_only_alike_wait_for_review(one: str, other: str) -> None:
    assert similarity(person(one), person(other)).decision == "candidate"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Neil Armstrong", "Buzz Aldrin"), ("Apollo 11", "Apollo 12"), ("North Korea", "South Korea")],
)
def test_other_names_are_different(one: str, other: str) -> None:
    assert similarity(person(one), person(other)).decision == "different"


def test_a_surname_is_no_name_to_know_a_person_by() -> None:
    louis = person("Louis Armstrong", "Armstrong")
    assert similarity(person("Armstrong"), louis).decision == "candidate"
    assert similarity(person("Madonna"), person("Madonna")).decision == "same"


def test_values_that_agree_make_like_names_the_same() -> None:
    one = person("N. Armstrong", born="1930-08-05", phone="555-0134-22")
    assert similarity(one, person("Neil Armstrong", born="1930-08-05", phone="555 0134 22")).decision == "same"


def test_values_that_differ_keep_equal_names_from_being_the_same() -> None:
    one = person("John Smith", born="1950-01-02")
    assert similarity(one, person("John Smith", born="1983-11-20")).decision == "candidate"


def test_no_number_of_values_makes_other_names_one() -> None:
    values = {f"v{n}": f"word{n} and more" for n in range(30)}
    told = similarity(person("Mercury", **values), person("Freddie", **values))
    assert told.vetoed
    assert told.decision == "candidate"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"place": (13.4, 52.5)}, {"place": (-0.1, 51.5)}),
        ({"valid_from": "1800", "valid_to": "1850"}, {"valid_from": "1900"}),
        ({"neighbours": frozenset({"a", "b"})}, {"neighbours": frozenset({"c"})}),
        ({"vector": [1.0, 0.0]}, {"vector": [-1.0, 0.1]}),
    ],
)
def test_places_times_neighbours_and_vectors_speak_for_and_against(one: dict, other: dict) -> None:  # type: ignore[type-arg]
    plain = similarity(Described(["X Y"]), Described(["X Y"])).evidence
    same = similarity(Described(["X Y"], **one), Described(["X Y"], **one)).evidence
    apart = similarity(Described(["X Y"], **one), Described(["X Y"], **other)).evidence
    assert apart < plain
    assert same >= plain


VALUES = st.dictionaries(
    st.sampled_from("abc"), st.one_of(st.integers(-9, 9), st.booleans(), st.text(max_size=8), st.dates().map(str))
)
DESCRIBED = st.builds(
    Described,
    st.lists(st.sampled_from(["Ada King", "A. King", "Ada", "King 2"]), min_size=1, max_size=2),
    values=VALUES,
)


@given(DESCRIBED, DESCRIBED)
def test_who_is_compared_with_whom_makes_no_difference(one: Described, other: Described) -> None:
    told, back = similarity(one, other), similarity(other, one)
    assert told.evidence == pytest.approx(back.evidence)
    assert told.evidence == pytest.approx(-2.0 + sum(told.parts.values()))
