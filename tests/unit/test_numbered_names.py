"""Names with a number: which a question holds, and what is none."""

import pytest

from kgmem.domain.recall.selection import numbered_names


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Why did Apollo 13 not land?", ["apollo 13"]),
        ("why did apollo 13's crew turn back", ["apollo 13"]),
        ("Did STS-1 fly before Apollo 17?", ["sts 1", "apollo 17"]),
        ("Which engines has the Saturn V, and which the Saturn IB?", ["saturn V", "saturn IB"]),
        ("Is Gemini 6A the same as Gemini 6?", ["gemini 6A", "gemini 6"]),
        ("What is new in Python 3.12?", ["python 3.12"]),
        ("what treats type 2 diabetes", ["type 2"]),
        ("When did World War II end?", ["war II"]),
        ("Wann landete Überflieger 7?", ["überflieger 7"]),
        ("F-1 or N1?", ["f 1", "n 1"]),
    ],
)
def test_a_name_is_a_word_and_the_number_behind_it(text: str, found: list[str]) -> None:
    assert [f"{name.word} {name.number}" for name in numbered_names(text)] == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "What happened in 1969?",
        "Which ships carry more than 50 people?",
        "Who was born on July 16, 1969?",
        "Which book did I read?",
        "Who was the 13th man on the Moon?",
        "saturn did well",
        "13 Apollo",
        "snake_case_7",
    ],
)
def test_counts_dates_and_words_alone_are_no_names(text: str) -> None:
    assert numbered_names(text) == []


def test_a_long_text_is_read_only_at_its_beginning_and_names_are_few() -> None:
    assert numbered_names("x " * 2000 + "Apollo 13") == []
    assert len(numbered_names(" ".join(f"Apollo {number}" for number in range(100)))) == 8
