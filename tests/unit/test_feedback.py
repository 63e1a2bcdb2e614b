"""What verdicts make of scores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.feedback import MOST_MOVED, Feedback, factors, moved
from kgmem.domain.recall.fusion import Ranked


def said(verdict: str, by: str | None = None, question: str | None = None) -> Feedback:
    return Feedback(1, verdict, question, by=by)  # type: ignore[arg-type]


def test_even_verdicts_change_nothing_and_one_sided_ones_move_more_and_more() -> None:
    assert factors("q", []) == {}
    assert factors("q", [said("useful", "a"), said("wrong", "b")]) == {1: 1.0}
    grown = [factors("q", [said("useful", str(n)) for n in range(count)])[1] for count in (1, 3, 30)]
    assert 1 < grown[0] < grown[1] < grown[2] < 1 + MOST_MOVED
    assert factors("q", [said("wrong", "a")])[1] == pytest.approx(2 - grown[0])


def test_of_one_caller_one_verdict_counts() -> None:
    many = [said("wrong", "a", f"who walked first {n}") for n in range(1000)]
    assert factors("who walked first 7", many) == factors("who walked first 7", [said("wrong", "a")])


def test_a_verdict_counts_as_far_as_the_questions_are_alike() -> None:
    near = factors("who walked on the moon", [said("wrong", "a", "who walked on the moon first")])[1]
    far = factors("who walked on the moon", [said("wrong", "a", "who was born in Ohio")])[1]
    assert near < far < 1
    assert factors("budget of 2024", [said("wrong", "a", "who was born in Ohio")]) == {}


@given(st.lists(st.tuples(st.sampled_from(["useful", "wrong"]), st.integers(0, 9).map(str))))
def test_no_verdicts_move_a_score_by_more_than_they_may(told: list[tuple[str, str]]) -> None:
    for factor in factors("q", [said(*each) for each in told]).values():
        assert 1 - MOST_MOVED < factor < 1 + MOST_MOVED
    ranked = [Ranked(1, 0.9, {}), Ranked(2, 0.8, {}), Ranked(3, 0.1, {})]
    after = moved(ranked, factors("q", [said(*each) for each in told]))
    assert sorted(each.id for each in after) == [1, 2, 3]
    assert all(0 <= each.score <= 1 for each in after)


@pytest.mark.parametrize(
    ("feedback", "field"),
    [
        (Feedback(0, "useful"), "item"),
        (Feedback(True, "useful"), "item"),
        (Feedback(2**63, "useful"), "item"),
        (Feedback(1, "great"), "verdict"),  # type: ignore[arg-type]
        (Feedback(1, "wrong", " "), "question"),
        (Feedback(1, "wrong", "x" * 2001), "question"),
        (Feedback(1, "wrong", reason="\0"), "reason"),
    ],
)
def test_bad_feedback_names_its_field(feedback: Feedback, field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        feedback.checked()
    assert error.value.facts["field"] == field
