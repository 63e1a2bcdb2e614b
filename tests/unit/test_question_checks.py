"""The checks of a question, and the weight of a retriever for which it gives none."""

import math

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.fusion import fuse
from kgmem.domain.recall.question import DEFAULT_WEIGHT, MOST_HITS, Links, Question, Superposed, What, When, Why
from kgmem.domain.recall.question_checks import check_question

TEXT = What(text="moon")
WRONG = {
    "is empty": Question(),
    "what.text is empty": Question(What(text=" ")),
    "only with graph expansion": Question(What(text="moon", start=["a"])),
    "Temporal states": Question(TEXT, When(any_time=True), states=["past"]),
    "min_consensus is 1.5": Question(TEXT, min_consensus=1.5),
    "diversity is -0.1": Question(TEXT, diversity=-0.1),
    "budget is 0": Question(TEXT, budget=0),
    "k is 0": Question(TEXT, k=0),
    f"k is {MOST_HITS + 1}": Question(TEXT, k=MOST_HITS + 1),
    "no retriever 'wrods'": Question(TEXT, weights={"wrods": 1}),
    "superposition.level is 2": Question(TEXT, superposition=Superposed(level=2)),
    "cannot be combined": Question(TEXT, When(any_time=True, valid_at="1969")),
    "half_life_days is 0": Question(TEXT, When(half_life_days=0)),
    "only one end": Question(why=Why(start="a")),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_question_is_refused_by_what_is_wrong(message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        check_question(WRONG[message])


@pytest.mark.parametrize(
    "weights",
    [{"words": -1}, {"where": -1}, {"words": math.nan}, {"words": math.inf}, {"words": 0, "meaning": 0, "trust": 1}],
)
def test_weights_that_rank_nothing_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="Weights must not be negative"):
        check_question(Question(TEXT, weights=weights))


def test_a_retriever_without_a_weight_has_the_default_one_in_the_question_and_in_fusion() -> None:
    question = Question(TEXT, graph=Links(expand=True), weights={"words": 0})
    check_question(question)
    assert (question.weight("words"), question.weight("meaning")) == (0, DEFAULT_WEIGHT)
    rankings = {"words": [(1, 2.0), (2, 1.0)], "meaning": [(2, 2.0), (1, 1.0)]}
    assert fuse(rankings) == fuse(rankings, weights=dict.fromkeys(rankings, DEFAULT_WEIGHT))
