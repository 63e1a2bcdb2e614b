"""Graph expansion by itself: which questions take it, and what it adds behind the hits that stay."""

import pytest

from kgmem.domain.recall.answer import Hit
from kgmem.domain.recall.expansion import KEPT, expanded, gate, in_words_alone
from kgmem.domain.recall.question import Links, Question, What, When, Why

QUESTION = "Who directed the film that was shot in Leland?"


def even(_: str) -> float:
    """Every word says as much as any other."""
    return 0.5


def passage(id_: int, text: str, *, score: float = 0.5, speaker: str | None = None) -> Hit:
    said = {"speaker": speaker} if speaker else {}
    return Hit("episode", id_, f"p{id_}", "Episode", None, text, score, provenance=[said])


def entity(id_: int, name: str, text: str | None = None, *, score: float = 0.5) -> Hit:
    return Hit("entity", id_, f"e{id_}", "Thing", name, text, score)


def fact(id_: int, text: str) -> Hit:
    return Hit("fact", id_, f"f{id_}", "STATES", None, text, 0.4)


LELAND = passage(1, "Leland is a town in Carolina where a film was shot.", score=1.0)
WHOLE = passage(2, "Mike Case directed the film that was shot in Leland.", score=0.9)


@pytest.mark.parametrize(
    ("hits", "is_open", "why"),
    [
        ([LELAND], True, "on: one passage has 75% of the question's words."),
        ([LELAND, WHOLE], False, "off: one passage has 100% of the question's words."),
        ([], False, "off: none of the 5 best hits is a passage."),
        ([LELAND, fact(7, "A film was shot in Leland.")], False, "off: facts are among the 5 best hits."),
        ([entity(3, "Leland", "A town.")], False, "off: none of the 5 best hits is a passage."),
        ([passage(4, "Shot in Leland.", speaker="Ada")], False, "off: the best passages are turns of a conversation."),
    ],
)  # fmt: skip
def test_gate_opens_where_no_passage_has_the_words(hits: list[Hit], is_open: bool, why: str) -> None:
    assert gate(QUESTION, hits, even) == (is_open, why)


def test_question_without_words_that_say_anything_is_no_reason_to_expand() -> None:
    assert gate("what is it?", [LELAND], even)[0] is False


def test_first_hits_stay_where_both_find_them_and_what_is_added_follows_in_turns() -> None:
    direct = [passage(n, f"direct {n}", score=1 - n / 10) for n in range(1, 7)]
    found = [passage(n, f"found {n}", score=0.9) for n in (11, 2, 12, 3, 13)]
    hits = expanded(direct, found)
    assert KEPT == 3
    assert [hit.id for hit in hits] == [1, 2, 3, 11, 12, 4, 13, 5, 6]
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)


def test_best_passages_take_the_places_of_those_that_graph_expansion_does_not_find() -> None:
    direct = [passage(n, f"direct {n}", score=1 - n / 10) for n in range(1, 7)]
    found = [passage(n, f"found {n}", score=0.9) for n in (11, 3, 12, 13, 2)]  # 2 is not among its first four.
    hits = expanded(direct, found)
    assert [hit.id for hit in hits] == [1, 3, 11, 12, 13, 2, 4, 5, 6]
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    # The first stays, whatever graph expansion finds.
    assert [hit.id for hit in expanded(direct, [passage(n, "found") for n in (11, 12, 13, 14)])][:3] == [1, 11, 12]


def test_nothing_that_was_there_is_lost_and_nothing_comes_twice() -> None:
    direct = [passage(n, f"direct {n}") for n in range(8)]
    found = [passage(n, f"found {n}") for n in range(4, 14)]
    ids = [hit.id for hit in expanded(direct, found)]
    assert sorted(ids) == list(range(14))
    assert [hit.id for hit in expanded(direct, [])] == list(range(8))


def test_entities_known_by_name_alone_come_last() -> None:
    direct = [entity(1, "Leland", score=1.0), LELAND, entity(3, "Carolina", "A state.")]
    assert [hit.id for hit in expanded([direct[0], passage(2, "two"), direct[2]], [passage(9, "nine")])] == [2, 3, 9, 1]


@pytest.mark.parametrize(
    ("question", "alone"),
    [
        (Question(What(text=QUESTION)), True),
        (Question(What(text=QUESTION), k=1), False),
        (Question(What(text=QUESTION, labels=["Person"])), False),
        (Question(What(text=QUESTION), graph=Links(expand=True)), False),
        (Question(What(text=QUESTION), graph=Links(context=True)), False),
        (Question(What(text=QUESTION), when=When(valid_at="2024")), False),
        (Question(What(text=QUESTION), why=Why(causes_of=("a",))), False),
        (Question(What(text=QUESTION), diversity=0.5), False),
        (Question(What(text=QUESTION), cursor="next"), False),
    ],
)
def test_questions_that_filter_or_order_by_something_else_are_left_alone(question: Question, alone: bool) -> None:
    assert in_words_alone(question) is alone
