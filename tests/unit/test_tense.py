"""Tense: which questions ask about now, and which about then."""

import pytest

from kgmem.domain.recall.tense import tense_of

PAST = [
    "Who commanded Apollo 8?",
    "Who was the administrator of NASA?",
    "Where did Ada work?",
    "Which rocket flew first?",
    "Who led the board in the hearings?",
    "What had the crew asked for?",
    "Who is the head of the centre in 1966?",
    "the administrator of NASA in 1966",
    "Who WASN\u2019T aboard?",
    "Who used to work there, and who did not?",
]
PRESENT = [
    "Who commands the crew?",
    "Who is the administrator of NASA?",
    "Where does Ada work?",
    "Where does Ada work now, and where did she work?",
    "Who was chosen and is still in office?",
    "Who is the man who was first on the Moon?",
    "administrator of NASA",
    "Which need has the united front?",
    "Who is the head in 2026?",
    "What speed has it?",
    "",
    "\u00bfQui\u00e9n?",
]


@pytest.mark.parametrize("text", PAST)
def test_a_question_about_then(text: str) -> None:
    assert tense_of(text, 2026) == "past"


@pytest.mark.parametrize("text", PRESENT)
def test_a_question_about_now(text: str) -> None:
    assert tense_of(text, 2026) == "present"
