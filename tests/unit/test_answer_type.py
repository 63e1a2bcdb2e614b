"""Types of answers: what a question word asks for, and which hits lead to it."""

import pytest

from kgmem.domain.recall.answer import End, Hit
from kgmem.domain.recall.answer_type import AnswerType, answer_type, asks_type, typed_first

PARENTS = {"Sailor": "Person", "Person": "Agent", "Organization": "Agent", "Voyage": "Event"}
LABELS = {"Ada Moor": "Sailor", "Lloyds": "Organization", "Aurora": "Voyage", "Aurora 2": "Voyage", "Riga": "Place"}
LABELS |= {"Northern Lights": "Programme", "Steam Yacht": "SailingShip", "Blob": "Thing"}


def line(label: str) -> list[str]:
    found = [label]
    while found[-1] in PARENTS:
        found.append(PARENTS[found[-1]])
    return found


def key(name: str) -> str:
    return name.lower().replace(" ", "-")


def fact(id_: int, start: str, end: str, text: str = "") -> Hit:
    ends = [End(key(name), name, LABELS[name]) for name in (start, end)]
    return Hit("fact", id_, f"f{id_}", "LINKED", None, text, 1 - id_ / 100, start=ends[0], end=ends[1])


def entity(id_: int, name: str, text: str = "") -> Hit:
    return Hit("entity", id_, key(name), LABELS[name], name, text, 1 - id_ / 100)


def episode(id_: int, text: str) -> Hit:
    return Hit("episode", id_, f"p{id_}", "Episode", None, text, 1 - id_ / 100)


NEXT = fact(1, "Aurora", "Aurora 2")
PART = fact(2, "Aurora", "Northern Lights")
SHIP = fact(3, "Aurora", "Steam Yacht")
CAPTAIN = fact(4, "Ada Moor", "Aurora")
INSURER = fact(5, "Lloyds", "Aurora")
OTHER = fact(6, "Ada Moor", "Aurora 2")
HITS = [NEXT, PART, SHIP, CAPTAIN, INSURER, OTHER]


def ids(hits: list[Hit]) -> list[int]:
    return [hit.id for hit in hits]


def ordered(text: str, hits: list[Hit]) -> list[int]:
    asked = answer_type(text, hits, line)
    assert asked is not None
    return ids(typed_first(text, hits, asked))


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Who sailed on the Aurora?", {"Sailor", "Organization"}),
        ("Please tell me who sailed on the Aurora", {"Sailor", "Organization"}),
        ("To whom did the Aurora belong?", {"Sailor", "Organization"}),
        ("Which voyage came after the Aurora?", {"Voyage"}),
        ("On which voyages did Ada Moor sail?", {"Voyage"}),
        ("On which sailing ships and voyages?", {"SailingShip"}),
        ("What event came after the Aurora?", {"Voyage"}),
        ("Which sailing ship made the voyage Aurora?", {"SailingShip"}),
    ],
)
def test_question_word_asks_for_labels_and_what_descends_from_them(text: str, labels: set[str]) -> None:
    asked = answer_type(text, HITS, line)
    assert asked is not None
    assert asked.labels == labels


@pytest.mark.parametrize(
    "text", ["Where did the Aurora sail?", "When did the Aurora sail?", "What did Ada Moor do?", "The Aurora, please"]
)
def test_other_words_ask_for_no_type(text: str) -> None:
    assert answer_type(text, HITS, line) is None


def test_whether_a_type_may_be_asked_for_is_known_without_hits() -> None:
    assert asks_type("Who sailed?")
    assert not asks_type("When was it that someone who sailed came home?")
    assert not asks_type("")


def test_facts_that_lead_to_the_type_come_first_and_scores_fall() -> None:
    asked = AnswerType("who", frozenset({"Sailor", "Organization"}))
    hits = typed_first("Who sailed on the Aurora?", HITS, asked)
    assert ids(hits) == [4, 5, 1, 2, 3, 6]
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert ordered("Which sailing ship made the Aurora?", HITS) == [3, 1, 2, 4, 5, 6]


def test_longest_name_counts() -> None:
    # Aurora is a part of the name Aurora 2, and not what this question names.
    assert ordered("Who sailed on Aurora 2?", HITS) == [6, 1, 2, 3, 4, 5]


def test_what_may_answer_keeps_its_place_among_the_first() -> None:
    log = episode(7, "The log of the Aurora: all hands well.")
    other = episode(8, "The log of the Comet.")
    person = entity(9, "Ada Moor", "A captain, of the Aurora among others.")
    untyped = fact(10, "Blob", "Aurora")
    itself = entity(11, "Aurora", "A voyage of 1901.")
    hits = [log, NEXT, other, person, untyped, itself, CAPTAIN]
    assert ordered("Who sailed on the Aurora?", hits) == [7, 9, 10, 11, 4, 1, 8]


def test_nothing_moves_where_nothing_is_named_or_nothing_but_a_name_is_said() -> None:
    assert ordered("Who sailed on the Comet?", HITS) == ids(HITS)
    assert ordered("Who is the Aurora?", HITS) == ids(HITS)
    assert ordered("Which voyage is Aurora?", HITS) == ids(HITS)
