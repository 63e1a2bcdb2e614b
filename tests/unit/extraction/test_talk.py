"""Messages as whole sentences, and what their clauses end by what they mean."""

import pytest

from kgmem.domain.text.extraction import Extraction, TextToRead
from kgmem.extraction.rules import read_texts
from kgmem.extraction.updates.talk import in_sentences


def _read(text: str, *before: str) -> Extraction:
    asked = TextToRead(text, "2025-03-03T09:00:00Z", speaker="Ada", listener="Bob", before=before)
    return read_texts([asked])[0]


def _facts(text: str, *before: str) -> set[tuple[str, str, str]]:
    found = _read(text, *before).facts
    return {(each.subject.name, each.predicate, each.object.name) for each in found if not (each.denied or each.hedged)}


def _ended(text: str) -> set[tuple[str | None, str | None]]:
    names = [(each.subject, each.object) for each in _read(text).endings]
    return {(one and one.name, other and other.name) for one, other in names}


@pytest.mark.parametrize(
    ("text", "before", "fact"),
    [
        ("Yep, still living in Leeds.", (), ("Ada", "living in", "Leeds")),
        ("btw payments-db runs on titan.", (), ("payments-db", "runs on", "titan")),
        ("Anneke lives in Delft.", (), ("Anneke", "lives in", "Delft")),
        ("Meera is.", ("Who is the product owner?",), ("Meera", "is", "product owner")),
        ("my number is 0171 5550142", (), ("Ada", "number is", "0171 5550142")),
        ("From today on our sync is on Thursdays.", (), ("sync", "scheduled for", "Thursdays")),
        ("I've got a 2014 Honda Jazz.", (), ("Ada", "has", "2014 Honda Jazz")),
        ("The cache is down!!", (), ("cache", "is", "down")),
    ],
)
def test_a_message_is_read_as_a_whole_sentence(text: str, before: tuple[str, ...], fact: tuple[str, str, str]) -> None:
    assert fact in _facts(text, *before)


def test_what_is_found_stands_where_the_message_says_it() -> None:
    text = "Yep, still living in Leeds, same tiny flat."

    spans = [each.object.span for each in _read(text).facts if each.object.name == "Leeds"]

    assert [text[span.start : span.end] for span in spans] == ["Leeds"]


def test_a_text_that_nobody_says_to_anybody_stays_as_it_is() -> None:
    text = "Still standing at the corner, the house was built in 1901."

    assert in_sentences(text, spoken=False).text == text


def test_a_clause_ends_by_what_it_means_what_it_names() -> None:
    assert ("Ada", "hamster") in _ended("My hamster passed away last night.")
    assert (None, "picnic") in _ended("The picnic fell through.")


def test_what_may_be_or_only_is_asked_ends_nothing() -> None:
    for text in ("Would you ever sell the boat?", "I might sell the boat.", "Hello Bob!", "I'm keeping the boat."):
        assert _ended(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "Nadia isn't leaving Volvo, whatever you heard.",
        "I never sold the caravan.",
        "My sister moved out of Derby.",
        "The rehearsal is on Thursday.",
        "I skipped my coffee this morning.",
    ],
)
def test_what_somebody_denies_to_have_ended_and_what_others_end_goes_on(text: str) -> None:
    learned = [each for each in _read(text).endings if each.found_by.startswith("learned:")]

    assert [each for each in learned if each.subject is None or each.subject.name in {"Ada", "Nadia", "Bob"}] == []


def test_a_verb_of_giving_up_ends_whatever_tied_the_two() -> None:
    ending = next(each for each in _read("I gave up Danish after a month, oops").endings if each.object is not None)

    assert (ending.subject and ending.subject.name, ending.object and ending.object.name) == ("Ada", "Danish")
    assert ending.predicate is None


def test_a_word_behind_a_value_makes_it_a_correction() -> None:
    instead = [each.instead.name for each in _read("Wednesday, sorry.").endings if each.instead is not None]

    assert instead == ["Wednesday"]
