"""A model words summaries: what the facts do not support is not said."""

from typing import Any

import pytest

from kgmem.domain.derived.summaries import Sentence
from kgmem.extraction.wording import checked, messages_of
from tests.unit.extraction.test_chat import asking, said

FACTS = [
    Sentence("Ann Lee (Person).", [1]),
    Sentence("Ann Lee leads the ship.", [7], ["log/2"]),
    Sentence("Ann Lee knows Bob Day since 1999.", [8], ["log/1"]),
]


def worded(*told: tuple[str, list[Any]]) -> dict[str, Any]:
    return {"sentences": [{"text": text, "facts": facts} for text, facts in told]}


def test_a_sentence_says_what_the_facts_say_that_it_names() -> None:
    kept = checked(worded(("Since 1999 Ann Lee, who leads  the ship, knows Bob Day.", [3, 2])), FACTS)

    assert kept == [Sentence("Since 1999 Ann Lee, who leads the ship, knows Bob Day.", [8, 7], ["log/1", "log/2"])]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("Ann Lee leads the Titanic.", [2]),
        ("Ann Lee knows Bob Day since 1998.", [3]),
        ("Ann Lee knows Bob Day.", [2]),
        ("Ann Lee leads the ship.", []),
        ("Ann Lee leads the ship.", [2, 9]),
        ("Ann Lee leads the ship.", ["2"]),
        ("", [2]),
        ("Ann Lee leads the ship. " * 100, [2]),
    ],
)
def test_what_the_facts_do_not_bear_out_is_left_out(text: str, facts: list[Any]) -> None:
    assert checked(worded((text, facts)), FACTS) == []


@pytest.mark.parametrize("answer", [{}, {"sentences": "x"}, {"sentences": ["x", {"text": 1, "facts": [1]}]}])
def test_an_answer_of_another_form_says_nothing(answer: dict[str, Any]) -> None:
    assert checked(answer, FACTS) == []


async def test_a_model_is_told_the_facts_by_number_and_its_words_are_kept() -> None:
    async with asking() as (extractor, server):
        server.rule = lambda _: said(worded(("Ann Lee leads the ship.", [2]), ("Eve is a spy.", [3])))
        made = await extractor.word(FACTS)

    assert [each.text for each in made.sentences] == ["Ann Lee leads the ship."]
    assert (made.maker, made.problem) == ("openai:small", None)
    assert messages_of(FACTS)[1]["content"].startswith("1. Ann Lee (Person).\n2. Ann Lee leads")
    assert extractor.tokens == 150


async def test_where_the_model_says_nothing_that_holds_the_rules_do() -> None:
    async with asking() as (extractor, server):
        server.rule = lambda _: said(worded(("Eve is a spy.", [3])))
        made = await extractor.word(FACTS)

    assert list(made.sentences) == FACTS
    assert (made.maker, made.problem) == ("rules", "openai:small said nothing that the facts support.")
